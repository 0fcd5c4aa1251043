"""What a model returned → JSON or MessagePack. Pure.

Numpy's arrays and scalars, and whatever else has a ``tolist``, become lists and numbers.
"""

import base64
import json
import math

from . import msgpack

_BYTES = (bytes, bytearray, memoryview)


class Unserialisable(Exception):
    """The text says what has no place in the format, and where in the value it is. ``what`` is without the value's
    keys, which may be a caller's words."""

    def __init__(self, what, key=""):
        super().__init__(what, key)
        self.what = what
        self.key = key
        self.place = ""

    def __str__(self):
        return "result%s is %s%s" % (self.place[:200], self.what, self.key)


def as_json(value):
    """The bytes of a JSON text; bytes within become base64. Raises ``Unserialisable``, for NaN and infinity too: JSON
    has no word for them (RFC 8259, section 6), and Python's would break the reader."""
    try:
        text = json.dumps(value, allow_nan=False, default=_for_json)
    except Exception:  # the slow way tells what is wrong, or mends it
        text = _second_try(json.dumps, value, True)
    return text.encode("ascii")


def as_msgpack(value):
    """The bytes of a MessagePack value. Raises ``Unserialisable``."""
    try:
        return msgpack.pack(value, _listed)
    except Exception:
        return _second_try(msgpack.pack, value, False)


def _for_json(value):
    return base64.b64encode(value).decode("ascii") if isinstance(value, _BYTES) else _listed(value)


def _listed(value):
    if hasattr(value, "tolist") and not isinstance(value, type):
        return value.tolist()
    raise TypeError


def _second_try(write, value, for_json):
    try:
        return write(_plain(value, for_json))
    except RecursionError:
        raise Unserialisable("nested too deeply, or holds itself") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise Unserialisable("no value that can be sent: %s" % error) from None


def _plain(value, for_json):
    """A copy of nothing but Python's own types, keys too."""
    if isinstance(value, dict):
        return {_key(key, for_json): _at(key, item, for_json) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_at(index, item, for_json) for index, item in enumerate(value)]
    if isinstance(value, _BYTES):
        return _for_json(value) if for_json else value
    if value is not None and not isinstance(value, (str, int, float)):
        return _plain(_replaced(value), for_json)
    if for_json and isinstance(value, float) and not math.isfinite(value):
        raise Unserialisable("%r, which JSON can't hold" % float(value))
    if not for_json and isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        raise Unserialisable("an integer of more than 64 bits")
    return value


def _at(key, item, for_json):
    try:
        return _plain(item, for_json)
    except Unserialisable as error:
        error.place = "[%s]%s" % (repr(key)[:80], error.place)
        raise


def _key(key, for_json):
    if key is None or isinstance(key, (str, int, float)):
        return key
    if isinstance(key, (bytes, tuple)):
        if for_json:
            raise Unserialisable("a dict with a key of type %s" % type(key).__name__, ", " + repr(key)[:80])
        return key
    return _key(_replaced(key), for_json)


def _replaced(value):
    try:
        listed = _listed(value)
    except Exception:
        listed = value
    if type(listed) is type(value):  # numpy's longdouble makes itself of itself
        kind = type(value)
        module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
        raise Unserialisable("of type %s%s, which can't be sent" % (module, kind.__qualname__))
    return listed
