"""JSON that a client sent → its value, in time that its length bounds on every Python; how deep JSON is. Pure."""

import json
import re
import sys
from itertools import accumulate

MOST_DIGITS = 4300  # as Python has it since 3.11, and older ones since their releases of September 2022
_LIMITED = hasattr(sys, "get_int_max_str_digits")
# Looked for first, since calling a function for each number takes twice as long. Digits within a string may be as many.
_LONG = re.compile("(?<![0-9])[0-9]{%d}" % (MOST_DIGITS + 1))

_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def loads(text, **options):
    """As ``json.loads`` of text or of UTF-8, but that a whole number of more than ``MOST_DIGITS`` digits is a
    ``ValueError``: older Pythons take hours for one of 64 MB."""
    if not _LIMITED:
        if not isinstance(text, str):
            text = text.decode("utf-8-sig")
        if _LONG.search(text):
            options["parse_int"] = _checked
    return json.loads(text, **options)


def _checked(digits):
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise ValueError("a number has more than %d digits" % MOST_DIGITS)
    return int(digits)


def levels_of(text):
    """How many arrays and objects lie in each other in ``text``, JSON that is well formed."""
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])  # of strings
    brackets = outside.encode("ascii", "replace").translate(_SQUARE, _NO_BRACKETS)
    innermost = 0
    while brackets and innermost < 9:  # which leaves nothing of nearly all, much sooner than to look at each
        brackets = brackets.replace(b"[]", b"")
        innermost += 1
    return innermost + max(accumulate(1 if bracket == 0x5B else -1 for bracket in brackets), default=0)
