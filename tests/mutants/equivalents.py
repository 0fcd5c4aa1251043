"""The mutants that no test can tell from the original, and why: (module, line before, line after) → reason.

`scripts/test.sh mutants` fails for a survivor that isn't here, and for an entry that no survivor needs any more.
"""

from __future__ import annotations

_PADDING = "binascii takes more padding than there must be"
_OF_ONE = "a tuple of one"
_SOONER = "# which leaves nothing of nearly all, much sooner than to look at each"
_BUFFER = "how much is taken at a time is a matter of speed"

EQUIVALENTS: dict[tuple[str, str, str], str] = {
    (
        "media_types",
        r"""(name, re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value)""",
        r"""(name, re.sub(r"\\(.)", r"\1", value[1:-1]) if value[ -1] == '"' else value)""",
    ): "by the grammar a value that ends with a quotation mark begins with one",
    (
        "plain_action",
        'return binascii.a2b_base64(text + "=" * (-len(text) % 4))',
        'return binascii.a2b_base64(text + "=" * (+len(text) % 4))',
    ): _PADDING,
    (
        "formats/data_url",
        'return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))',
        'return binascii.a2b_base64(bare + "=" * (+len(bare) % 4))',
    ): _PADDING,
    (
        "formats/data_url",
        'media_type, *rest = head.group(1).split(";", _MOST_PARAMETERS + 1)',
        'media_type, *rest = head.group(1).split(";", _MOST_PARAMETERS + 2)',
    ): "more than are taken, either way",
    (
        "web_action/request",
        'return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))',
        'return binascii.a2b_base64(digits + "=" * (+len(digits) % 4))',
    ): _PADDING,
    **{
        (
            "percent",
            '_ESCAPES = tuple(["%%%02X" % code for code in range(256)])',
            f'_ESCAPES = tuple(["%%%02X" % code for code in range( {number})])',
        ): "no byte of UTF-8 is above 244"
        for number in (255, 257)
    },
    (
        "web_action/result",
        'if text.count("[") + text.count("{") <= MOST_LEVELS:',
        'if text.count("[") + text.count("{") < MOST_LEVELS:',
    ): "a matter of speed",
    **{
        (
            "settings",
            'self.port = Setting("port", "whole", 0, "").read(environ["PORT"])',
            f'self.port = Setting("port", "whole", {default}, "").read(environ["PORT"])',
        ): "only its way of reading is used, not its default"
        for default in ("1", "-1")
    },
    **{
        (
            "reader",
            'QUIETLY = getattr(_socket, "MSG_NOSIGNAL", 0) # macOS has none',
            f'QUIETLY = getattr(_socket, "MSG_NOSIGNAL", {default}) # macOS has none',
        ): "Linux has it"
        for default in ("1", "-1")
    },
    (
        "reader",
        "GROWTH = 3 # times what has come: what is allocated in advance of more",
        "GROWTH = 2 # times what has come: what is allocated in advance of more",
    ): "a matter of speed",
    **{
        (
            "reader",
            "self._filled = 0 # bytes of a body of known length that are in the buffer",
            f"self._filled = {number} # bytes of a body of known length that are in the buffer",
        ): "set before it is read"
        for number in ("1", "-1")
    },
    **{
        (
            "reader",
            "READ_AT_ONCE = 1 << 16 # bytes of a head, and of what comes with it",
            f"READ_AT_ONCE = {size} # bytes of a head, and of what comes with it",
        ): _BUFFER
        for size in ("2 << 16", "1 << 15", "1 << 17")
    },
    **{
        ("formats/multipart", "if headers_end < 0:", f"if headers_end {otherwise}:"): "it is -1 or beyond a delimiter"
        for otherwise in ("<= 0", "< 1")
    },
    **{
        (
            "formats/zip_reader",
            "_ENCRYPTED = 0x1 | 0x40 | 0x2000 # general purpose flags (section 4.4.4)",
            f"_ENCRYPTED = {flags} # general purpose flags (section 4.4.4)",
        ): "the same bits"
        for flags in ("0x1 | 65 | 0x2000", "0x1 | 0x40 | 8193")
    },
    **{
        (
            "formats/zip_reader",
            "shutil.copyfileobj(source, target, 1 << 18)",
            f"shutil.copyfileobj(source, target, {size})",
        ): _BUFFER
        for size in ("2 << 18", "1 << 19", "1 << 17")
    },
    **{
        (
            "formats/zip_reader",
            "shutil.copyfileobj(source, target, 1 << 18)",
            f"shutil.copyfileobj(source, target, {nothing})",
        ): "0 stands for a buffer of its own choice since Python 3.8; before that the tests fail"
        for nothing in ("1 >> 18", "0 << 18")
    },
    **{
        (
            "web_action/result",
            "packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)",
            f"packer = zlib.compressobj({arguments})",
        ): "a matter of speed, or the same bits"
        for arguments in (
            " 7, zlib.DEFLATED, zlib.MAX_WBITS | 16",
            " 5, zlib.DEFLATED, zlib.MAX_WBITS | 16",
            "6, zlib.DEFLATED, zlib.MAX_WBITS | 17",
        )
    },
    (
        "web_action/result",
        'self.body = parts if size >= _JOINED else b"".join(parts)',
        'self.body = parts if size > _JOINED else b"".join(parts)',
    ): _BUFFER,
    **{
        (
            "web_action/request",
            "_VISIBLE = bytes(range(32, 127))",
            f"_VISIBLE = bytes(range({limits}))",
        ): "a matter of speed: one by one they are found to be right"
        for limits in (" 33, 127", "32, 126")
    },
    (
        "web_action/request",
        "if names and (len(values) <= SHORT_VALUE or not too_long(given.items())):",
        "if names and (len(values) < SHORT_VALUE or not too_long(given.items())):",
    ): "a matter of speed",
    (
        "http1",
        "long = len(data) > SHORT_VALUE and too_long(fields)",
        "long = len(data) >= SHORT_VALUE and too_long(fields)",
    ): "a matter of speed",
    **{
        ("web_action/result", "_JOINED = 65536 # bytes", f"_JOINED = {size} # bytes"): _BUFFER
        for size in (65535, 65537)
    },
    (
        "web_action/result",
        'precision, demands = 2, {pair for pair in demanded if pair[0] != "charset"}',
        'precision, demands = 3, {pair for pair in demanded if pair[0] != "charset"}',
    ): "more than the others either way",
    (
        "web_action/result",
        "if demands <= given and rank > best:",
        "if demands <= given and rank >= best:",
    ): "equal ranks have the same weight",
    ("formats/multipart", "position = 0", "position = -1"): "a search from before the beginning begins there",
    **{
        (
            "formats/json_text",
            '_LONG = re.compile("(?<![0-9])[0-9]{%d}" % (MOST_DIGITS + 1))',
            f'_LONG = re.compile("(?<![0-9])[0-9]{{%d}}" % (MOST_DIGITS {one}))',
        ): "a matter of speed: the digits of each number are counted where it finds any"
        for one in ("- 1", "+ 0")
    },
    (
        "formats/json_text",
        '_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))',
        '_NO_BRACKETS = bytes(set(range( 255)) - set(b"[]{}"))',
    ): "no ASCII is above 127",
    **{
        (
            "formats/json_text",
            f"while brackets and innermost < 9: {_SOONER}",
            f"while brackets and innermost {few}: {_SOONER}",
        ): "a matter of speed: the others are counted one by one"
        for few in ("<= 9", ">= 9", "< 10", "< 8")
    },
    (
        "formats/web_values",
        'return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))',
        'return binascii.a2b_base64(digits + "=" * (+len(digits) % 4))',
    ): _PADDING,
    (
        "formats/web_values",
        'value["__ow_body"] = body[0]',
        'value["__ow_body"] = body[ -1]',
    ): _OF_ONE,
    **{
        ("formats/msgpack", line, line.replace("[0]", "[ -1]")): _OF_ONE
        for line in (
            "return form.unpack_from(data, at)[0], at + form.size",
            "size = form.unpack_from(data, at)[0]",
            "code = _NUMBERS[0xD0].unpack_from(data, at)[0]",
            "return Timestamp(_U32.unpack(raw)[0], 0)",
            "both = _U64.unpack(raw)[0]",
        )
    },
    **{
        (
            "formats/msgpack",
            "seconds, nanoseconds = _NUMBERS[0xD3].unpack_from(raw, 4)[0], _U32.unpack_from(raw)[0]",
            f"seconds, nanoseconds = _NUMBERS[0xD3].unpack_from(raw, 4)[{first}], _U32.unpack_from(raw)[{second}]",
        ): _OF_ONE
        for first, second in ((" -1", "0"), ("0", " -1"))
    },
    **{
        ("formats/msgpack", "if first < 0xC0:", f"if first {otherwise}:"): "0xC0 is one of the constants"
        for otherwise in ("<= 0xC0", "< 193")
    },
    **{
        (
            "formats/msgpack",
            "size = first & (0x1F if first >= 0xA0 else 0x0F)",
            f"size = first & (0x1F if first {otherwise} else 0x0F)",
        ): "of 0xA0 either leaves nothing"
        for otherwise in ("> 0xA0", ">= 161")
    },
    (
        "formats/msgpack",
        "return first - (0x100 if first >= 0xE0 else 0), at",
        "return first - (0x100 if first >= 223 else 0), at",
    ): "what is no less than 0x80 is no less than 0xE0 there",
    **{
        (
            "formats/msgpack",
            'return msgpack if getattr(msgpack, "version", (0,)) >= (1, 0) else None',
            f'return msgpack if getattr(msgpack, "version", {none}) >= {first} else None',
        ): "no version is between them"
        for none, first in (("( -1,)", "(1, 0)"), ("( 1,)", "(1, 0)"), ("(0,)", "(1, -1)"))
    },
    **{
        (
            "formats/msgpack",
            "for code in (0xCC, 0xCD, 0xCE, 0xCF) if value >= 0 else (0xD0, 0xD1, 0xD2, 0xD3):",
            f"for code in (0xCC, 0xCD, 0xCE, 0xCF) if value {otherwise} else (0xD0, 0xD1, 0xD2, 0xD3):",
        ): "0 and -1 are written before"
        for otherwise in ("> 0", ">= 1", ">= -1")
    },
    **{
        (
            "formats/msgpack",
            line % "(0, 0)",
            line % otherwise,
        ): "no size is below 0"
        for line in (
            "found = _head(len(raw), %s, (0xC4, 0xC5, 0xC6)) + raw",
            "head = bytes((fixed,)) if fixed else _head(size, %s, (0xC7, 0xC8, 0xC9))",
        )
        for otherwise in ("( 1, 0)", "( -1, 0)", "(0, -1)")
    },
    (
        "formats/tensors",
        "shape.append(len(level[0]))",
        "shape.append(len(level[ -1]))",
    ): "all are as long",
    (
        "formats/tensors",
        "if len(raw) - place < 4 or len(raw) - place - 4 < size:",
        "if len(raw) + place < 4 or len(raw) - place - 4 < size:",
    ): "behind another text the second half says so as well",
    (
        "formats/tensors",
        'has = "more" if len(found) > count else "%d" % len(found)',
        'has = "more" if len(found) >= count else "%d" % len(found)',
    ): "they aren't as many there",
    ("formats/tensors", "return texts[0]", "return texts[ -1]"): "a list of one",
    (
        "formats/tensors",
        "keys = list(rows[0]) if rows else []",
        "keys = list(rows[ -1]) if rows else []",
    ): "where they differ there is no table, whichever they are compared with",
}
