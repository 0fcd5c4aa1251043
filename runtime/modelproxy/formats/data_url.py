"""``data:`` URLs (RFC 2397) and bare base64: a file's content as text. Pure."""

import binascii
import re

from ..percent import unquoted_bytes

_HEAD = re.compile(r"data:([^,]*),", re.IGNORECASE)
_TYPE = re.compile(r"[!#$&^_.+\-0-9A-Za-z]+/[!#$&^_.+\-0-9A-Za-z]+\Z")
_STANDARD = str.maketrans("-_", "+/")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*\Z")
_MOST_PARAMETERS = 100


class DataUrl:
    """``media_type`` in lower case without parameters, ``parameters`` a dict of them, ``content`` bytes."""

    __slots__ = ("content", "media_type", "parameters")

    def __init__(self, media_type, parameters, content):
        self.media_type = media_type
        self.parameters = parameters
        self.content = content


def is_data_url(text):
    return text[:5].lower() == "data:"


def read(text):
    """The ``DataUrl`` that ``text`` is. Raises ``ValueError`` with what is wrong in it."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("a data: URL has a comma before its data")
    media_type, *rest = head.group(1).split(";", _MOST_PARAMETERS + 1)
    encoded = bool(rest) and rest[-1].strip().lower() == "base64"
    if encoded:
        del rest[-1]
    if len(rest) > _MOST_PARAMETERS:
        raise ValueError("the data: URL has more than %d parameters" % _MOST_PARAMETERS)
    parameters = {}
    for item in rest:
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError("the parameter %r of the data: URL has no value" % item[:40])
        parameters[name.strip().lower()] = unquoted_bytes(value).decode("utf-8", "replace")
    media_type = media_type.strip().lower()
    if not media_type:
        media_type = "text/plain"
        parameters.setdefault("charset", "US-ASCII")
    elif _TYPE.match(media_type) is None:
        raise ValueError("%r is no media type" % media_type[:80])
    data = text[head.end() :]
    content = read_base64(unquoted_bytes(data).decode("latin-1")) if encoded else unquoted_bytes(data)
    return DataUrl(media_type, parameters, content)


def write(content, media_type):
    """The ``data:`` URL of bytes."""
    return "data:%s;base64,%s" % (media_type, binascii.b2a_base64(content, newline=False).decode("ascii"))


def read_base64(text):
    """The bytes behind base64 in either of its alphabets (RFC 4648), with or without padding and line breaks. Raises
    ``ValueError``."""
    text = "".join(text.split())
    bare = text.rstrip("=")
    if len(text) - len(bare) > 2 or len(bare) % 4 == 1:
        raise ValueError("the length of the base64 text is wrong, as if it was cut off")
    bare = bare.translate(_STANDARD)
    if _BASE64.match(bare) is None:
        raise ValueError("there are characters in it that base64 hasn't")
    return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
