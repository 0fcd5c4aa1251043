"""Charsets by the names that others give: not each codec that Python has of such a name is one of texts."""

from __future__ import annotations

import codecs

# Of names, quadratic in their length; one that raises whatever it is given; and Python's own escapes, which warn.
_NOT_OF_TEXTS = frozenset({"idna", "punycode", "undefined", "raw-unicode-escape", "unicode-escape"})
_LONGEST = 40  # characters of a registered name (RFC 2978); Python remembers each that it doesn't know for ever


def codec(charset: str) -> str | None:
    """Python's name of a charset, whose codec takes any text or bytes with `errors="replace"`; None where there is
    none."""
    if len(charset) > _LONGEST:
        return None
    try:
        "".encode(charset)  # a LookupError for what makes no bytes of texts
        known = codecs.lookup(charset).name
    except (LookupError, ValueError):  # a ValueError where it isn't even a name
        return None
    return None if known in _NOT_OF_TEXTS else known
