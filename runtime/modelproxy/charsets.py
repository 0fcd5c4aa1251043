"""The name of a charset → Python's codec. Pure."""

import re
from encodings.aliases import aliases

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:\- ]{0,39}\Z")  # the longest that Python knows has 21 characters
_PUNCTUATION = re.compile(r"[^0-9a-z.]+")
# Python's own, but of names and of source, not of texts: the first two take the square of a text's length.
_NO_CHARSETS = ("idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined")
_CODECS = frozenset(aliases.values())  # but for those that have one name only


def codec_of(charset):
    """What Python itself calls the codec of a charset, "" where it has none.

    Python is to be asked by this name alone: it remembers each name that it is asked for as long as the process lives,
    those too that it doesn't know, and "utf--8" beside "utf-8".
    """
    if _NAME.match(charset) is None:
        return ""
    name = _PUNCTUATION.sub("_", charset.lower()).strip("_")
    name = aliases.get(name) or aliases.get(name.replace(".", "_"), name)  # as encodings/__init__.py has it
    if name in _CODECS:
        return name
    if name in _NO_CHARSETS or "." in name:
        return ""
    from importlib.util import find_spec

    return name if find_spec("encodings." + name) is not None else ""
