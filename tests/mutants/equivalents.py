"""The mutants that no test can tell from the original, and why: (module, line before, line after) → reason.

`scripts/test.sh mutants` fails for a survivor that isn't here, and for an entry that no survivor needs any more.
"""

from __future__ import annotations

_PADDING = "binascii takes more padding than there must be"

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
        "plain_action",
        'raise ValueError("%s is no JSON" % constant)',
        'raise ValueError("%s is no JSON" + constant)',
    ): "nobody is told: a result with NaN in it is wrapped",
    (
        "formats/data_url",
        'return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))',
        'return binascii.a2b_base64(bare + "=" * (+len(bare) % 4))',
    ): _PADDING,
    **{
        (
            "web_action/request",
            'return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))',
            f'return binascii.a2b_base64(digits + "=" * ({padding}))',
        ): _PADDING
        for padding in ("-len(digits) + 4", "+len(digits) % 4", "-len(digits) % 5")
    },
    **{
        (
            "settings",
            'self.port = Setting("port", "whole", 0, "").read(environ["PORT"])',
            f'self.port = Setting("port", "whole", {default}, "").read(environ["PORT"])',
        ): "only its way of reading is used, not its default"
        for default in ("1", "-1")
    },
}
