"""multipart/form-data (RFC 7578) read and written, in the grammar of RFC 2046 section 5.1. Pure, and of linear time.

Strict, as the senders in use are: lines end in CRLF, the closing boundary is there, each part names its field.
"""

import binascii
import os
import re

from ..percent import unquoted_bytes

MAX_PARTS = 1000
MAX_HEAD = 8 * 1024

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# A backslash escapes a quotation mark only where the value goes on: browsers send a path of Windows as it is.
_QUOTED = r'"((?:[^"]|(?<=\\)"(?![ \t]*(?:;|\Z)))*)"'
_PARAMETER = re.compile(r";[ \t]*(%s)[ \t]*=[ \t]*(?:(%s)|%s)[ \t]*" % (_WORD, _WORD, _QUOTED))
_KIND = re.compile(r"[ \t]*([^;\s]+)[ \t]*")
_FIELD = re.compile(r"(%s):([^\r\n\0]*)\Z" % _WORD)
# RFC 2046 section 5.1.1, bcharsnospace and spaces within.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]\Z")
# What browsers escape in a name (WHATWG HTML, multipart/form-data encoding), and no more.
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_ESCAPED = re.compile("%22|%0D|%0A", re.IGNORECASE)


class Part:
    """One field of a form: ``name``, ``file_name`` (None where it is no file), ``content_type`` as sent ("" for none)
    and ``content``, bytes."""

    __slots__ = ("content", "content_type", "file_name", "name")

    def __init__(self, name, content, file_name=None, content_type=""):
        self.name = name
        self.content = content
        self.file_name = file_name
        self.content_type = content_type


def boundary_of(content_type):
    """The boundary in a Content-Type. Raises ``ValueError``."""
    if len(content_type) > MAX_HEAD:
        raise ValueError("the Content-Type of the form has more than %d characters" % MAX_HEAD)
    boundary = _value(content_type)[1].get("boundary", "")
    if _BOUNDARY.match(boundary) is None:
        raise ValueError("the Content-Type of the form has no boundary, or one that can't be")
    return boundary


def read(body, boundary):
    """The parts of a form, in order. Raises ``ValueError`` with what is wrong."""
    delimiter = re.compile(rb"(?:\A|\r\n)--%s(--)?[ \t]*(?:\r\n|\Z)" % re.escape(boundary.encode("ascii")))
    parts = []
    start = None
    position = 0
    while True:
        found = delimiter.search(body, position)
        if found is None:
            raise ValueError("the form has no closing boundary: it was cut off, or its lines don't end in CRLF")
        if start is not None:
            parts.append(_part(body, start, max(start, found.start())))
            if len(parts) > MAX_PARTS:
                raise ValueError("the form has more than %d parts" % MAX_PARTS)
        if found.group(1):
            return parts
        start = found.end()
        position = start - 2  # the CRLF that ends this line may begin the next delimiter


def write(parts, boundary=""):
    """The boundary and the body that carries ``parts``."""
    if not boundary:
        boundary = binascii.b2a_hex(os.urandom(16)).decode("ascii")
    pieces = []
    for part in parts:
        head = '--%s\r\nContent-Disposition: form-data; name="%s"' % (boundary, _quoted(part.name))
        if part.file_name is not None:
            head += '; filename="%s"' % _quoted(part.file_name)
        if part.content_type:
            head += "\r\nContent-Type: " + part.content_type
        pieces += [head.encode("utf-8", "replace"), b"\r\n\r\n", part.content, b"\r\n"]
    pieces.append(("--%s--\r\n" % boundary).encode("ascii"))
    return boundary, b"".join(pieces)


def _part(body, start, end):
    if body.startswith(b"\r\n", start):
        raise ValueError("a part of the form has no headers")
    headers_end = body.find(b"\r\n\r\n", start, min(end, start + MAX_HEAD))
    if headers_end < 0:
        raise ValueError("a part of the form has no end of its headers, or more than %d bytes of them" % MAX_HEAD)
    headers = {}
    for line in body[start:headers_end].split(b"\r\n"):
        field = _FIELD.match(_text(line))
        if field is None:
            raise ValueError("a part of the form has the malformed header %r" % line[:80])
        headers.setdefault(field.group(1).lower(), field.group(2).strip(" \t"))
    # RFC 7578 section 4.7: deprecated; no sender in use encodes.
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise ValueError("a part of the form has a Content-Transfer-Encoding; send its bytes as they are")
    kind, parameters = _value(headers.get("content-disposition", ""))
    if kind != "form-data" or "name" not in parameters:
        raise ValueError("a part of the form has no Content-Disposition: form-data with a name")
    file_name = _file_name(parameters)
    return Part(parameters["name"], body[headers_end + 4 : end], file_name, headers.get("content-type", ""))


def _file_name(parameters):
    """RFC 7578 section 4.2 forbids ``filename*``, which older urllib3 nevertheless sends for what isn't ASCII."""
    charset, _, escaped = parameters.get("filename*", "").partition("''")
    if charset.lower() == "utf-8":
        return unquoted_bytes(escaped).decode("utf-8", "replace")
    return parameters.get("filename")


def _value(text):
    """A header's value and its parameters, names in lower case. Raises ``ValueError``."""
    text = text.rstrip("; \t")
    kind = _KIND.match(text)
    if kind is None:
        return "", {}
    parameters = {}
    position = kind.end()
    while position < len(text):
        found = _PARAMETER.match(text, position)
        if found is None:
            raise ValueError("the header %r can't be understood" % text[:80])
        name, token, quoted = found.groups()
        parameters.setdefault(name.lower(), token if quoted is None else _unquoted(quoted))
        position = found.end()
    return kind.group(1).lower(), parameters


def _quoted(text):
    for escape, character in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _unquoted(text):
    """Without browsers' escapes and the ``\\"`` of older curls."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group().upper()], text.replace('\\"', '"'))


def _text(line):
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
