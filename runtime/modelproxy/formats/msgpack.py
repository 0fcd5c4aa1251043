"""MessagePack (spec.md of github.com/msgpack/msgpack, 2017): bytes ↔ values.

``unpack`` and ``pack`` leave the work to the image's own msgpack package where it has one; ``read`` and ``write`` do
the same without. Text is ``str``, the binary type ``bytes``, an array a list.
"""

from collections import namedtuple
from struct import Struct
from struct import error as _Short

# application/msgpack and the names that it had before anybody thought of registering one.
MEDIA_TYPES = frozenset(
    "application/" + name
    for name in ("msgpack", "x-msgpack", "vnd.msgpack", "messagepack", "x-messagepack", "vnd.messagepack")
)

ExtType = namedtuple("ExtType", ("code", "data"))
Timestamp = namedtuple("Timestamp", ("seconds", "nanoseconds"))

_U8, _U16, _U32, _U64 = Struct(">B"), Struct(">H"), Struct(">I"), Struct(">Q")
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_BYTE_OF = {None: b"\xc0", False: b"\xc2", True: b"\xc3"}
_NUMBERS = {
    0xCA: Struct(">f"),
    0xCB: Struct(">d"),
    0xCC: _U8,
    0xCD: _U16,
    0xCE: _U32,
    0xCF: _U64,
    0xD0: Struct(">b"),
    0xD1: Struct(">h"),
    0xD2: Struct(">i"),
    0xD3: Struct(">q"),
}
# Python's hashes of bytes and of text can't be foretold. A number's can: so many that stand in each other's way make a
# dict take minutes (CWE-407), unless they are few. Of tuples, as which timestamps and other extensions are read, any
# number have one hash.
_KEYS_OF_ANY_NUMBER = frozenset((str, bytes))
_KEYS_OF_FEW = frozenset((type(None), bool, int, float))
_FEW = 1000  # in one map, those that come again counted again
_INCOMPLETE = "it ends too early"


def unpack(data):
    """The value of ``data``. Raises ``ValueError`` where that isn't exactly one."""
    package = _package()
    if package is None:
        return read(data)
    try:
        try:
            return package.unpackb(data, raw=False)
        except ValueError as error:
            if "map key" not in str(error):
                raise
            # A key is neither text nor bytes, of which there are few.
            return package.unpackb(data, raw=False, strict_map_key=False, object_pairs_hook=_map_of)
    except Exception as error:  # of many types, old and new
        raise ValueError(str(error) or type(error).__name__) from error


def pack(value, default=None):
    """The bytes of ``value``; ``default`` makes something else of what has no place in MessagePack. Raises
    ``TypeError``, ``ValueError`` or ``OverflowError``."""
    package = _package()
    return write(value, default) if package is None else package.packb(value, default=default, use_bin_type=True)


def _package():
    try:
        import msgpack
    except ImportError:
        return None
    return msgpack if getattr(msgpack, "version", (0,)) >= (1, 0) else None


def _map_of(pairs):
    found, few = {}, 0
    for key, value in pairs:
        few = _counted(key, few)
        found[key] = value
    return found


# --- reading ------------------------------------------------------------------------------------------------------


def read(data):
    """As ``unpack``, in plain Python."""
    try:
        value, end = _value(data, 0)
    except (IndexError, _Short):
        raise ValueError(_INCOMPLETE) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if end != len(data):
        raise ValueError("%d bytes follow its end" % (len(data) - end))
    return value


def _value(data, at):
    """The value that begins at ``at``, and where it ends."""
    first = data[at]
    at += 1
    if first < 0x80 or first >= 0xE0:
        return first - (0x100 if first >= 0xE0 else 0), at
    if first in _CONSTANTS:
        return _CONSTANTS[first], at
    if first in _NUMBERS:
        form = _NUMBERS[first]
        return form.unpack_from(data, at)[0], at + form.size
    if first < 0xC0:
        read_this = _map if first < 0x90 else _array if first < 0xA0 else _text
        size = first & (0x1F if first >= 0xA0 else 0x0F)
    elif first in _FIXED_EXTENSIONS:
        read_this, size = _extension, _FIXED_EXTENSIONS[first]
    elif first in _SIZED:
        read_this, form = _SIZED[first]
        size = form.unpack_from(data, at)[0]
        at += form.size
    else:
        raise ValueError("there is a byte 0x%02x, which means nothing" % first)
    return read_this(data, at, size)


def _map(data, at, count):
    found, few = {}, 0
    for _ in range(count):
        key, at = _value(data, at)
        few = _counted(key, few)
        found[key], at = _value(data, at)
    return found, at


def _counted(key, few):
    """``few``, and one more for a key of whose kind a map may have only few. Raises ``ValueError``."""
    if type(key) in _KEYS_OF_ANY_NUMBER:
        return few
    if type(key) not in _KEYS_OF_FEW:
        raise ValueError("a map has a key that is an array, a map or an extension")
    if few == _FEW:
        raise ValueError("a map has more than %d keys that are numbers; send them as text" % _FEW)
    return few + 1


def _array(data, at, count):
    found = []
    for _ in range(count):
        item, at = _value(data, at)
        found.append(item)
    return found, at


def _binary(data, at, size):
    end = at + size
    if end > len(data):
        raise ValueError(_INCOMPLETE)
    return bytes(data[at:end]), end


def _text(data, at, size):
    raw, at = _binary(data, at, size)
    return raw.decode("utf-8"), at


def _extension(data, at, size):
    code = _NUMBERS[0xD0].unpack_from(data, at)[0]
    raw, at = _binary(data, at + 1, size)
    if code < -1:
        raise ValueError("there is an extension of the reserved type %d" % code)
    return (_timestamp(raw) if code == -1 else ExtType(code, raw)), at


_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_SIZED = {
    first + index: (read_this, form)
    for first, read_this, forms in (
        (0xC4, _binary, (_U8, _U16, _U32)),
        (0xC7, _extension, (_U8, _U16, _U32)),
        (0xD9, _text, (_U8, _U16, _U32)),
        (0xDC, _array, (_U16, _U32)),
        (0xDE, _map, (_U16, _U32)),
    )
    for index, form in enumerate(forms)
}


def _timestamp(raw):
    if len(raw) == 4:
        return Timestamp(_U32.unpack(raw)[0], 0)
    if len(raw) == 8:
        both = _U64.unpack(raw)[0]
        seconds, nanoseconds = both & 0x3FFFFFFFF, both >> 34
    elif len(raw) == 12:
        seconds, nanoseconds = _NUMBERS[0xD3].unpack_from(raw, 4)[0], _U32.unpack_from(raw)[0]
    else:
        raise ValueError("a timestamp has %d bytes" % len(raw))
    if nanoseconds > 999999999:
        raise ValueError("a timestamp has %d nanoseconds" % nanoseconds)
    return Timestamp(seconds, nanoseconds)


# --- writing ------------------------------------------------------------------------------------------------------


def write(value, default=None):
    """As ``pack``, in plain Python."""
    pieces = []
    try:
        _write(value, pieces.append, default)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return b"".join(pieces)


def _write(value, put, default):
    atom = _atom(value)
    if atom is not None:
        put(atom)
    elif isinstance(value, (list, tuple)):
        put(_head(len(value), (0x90, 16), (None, 0xDC, 0xDD)))
        for item in value:
            _write(item, put, default)
    elif isinstance(value, dict):
        put(_head(len(value), (0x80, 16), (None, 0xDE, 0xDF)))
        for key, item in value.items():
            _write(key, put, default)
            _write(item, put, default)
    elif default is not None:
        _write(default(value), put, default)
    else:
        raise TypeError("can not serialize %r object" % type(value).__name__)


def _atom(value):
    """The bytes of what holds no other values, None where it isn't such a value."""
    found = None
    if value is None or isinstance(value, bool):
        found = _BYTE_OF[value]
    elif isinstance(value, int):
        found = _integer(value)
    elif isinstance(value, float):
        found = b"\xcb" + _NUMBERS[0xCB].pack(value)
    elif isinstance(value, str):
        raw = value.encode("utf-8")
        found = _head(len(raw), (0xA0, 32), (0xD9, 0xDA, 0xDB)) + raw
    elif isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        found = _head(len(raw), (0, 0), (0xC4, 0xC5, 0xC6)) + raw
    elif isinstance(value, Timestamp):
        found = _extension_of(-1, _timestamp_of(value))
    elif isinstance(value, ExtType):
        found = _extension_of(*value)
    return found


def _head(size, fixed, sized):
    """The first bytes of what has a size: in the first byte itself below ``fixed[1]``, else after one of ``sized``."""
    first, below = fixed
    if size < below:
        return bytes((first + size,))
    for code, form, limit in zip(sized, (_U8, _U16, _U32), (1 << 8, 1 << 16, 1 << 32)):
        if code is not None and size < limit:
            return bytes((code,)) + form.pack(size)
    raise ValueError("it has a part of %d bytes or items" % size)


def _integer(value):
    if -32 <= value < 128:
        return bytes((value & 0xFF,))
    for code in (0xCC, 0xCD, 0xCE, 0xCF) if value >= 0 else (0xD0, 0xD1, 0xD2, 0xD3):
        try:
            return bytes((code,)) + _NUMBERS[code].pack(value)
        except _Short:
            continue
    raise OverflowError("%d bits are too many for an integer" % value.bit_length())


def _extension_of(code, raw):
    size = len(raw)
    fixed = {size: first for first, size in _FIXED_EXTENSIONS.items()}.get(size)
    head = bytes((fixed,)) if fixed else _head(size, (0, 0), (0xC7, 0xC8, 0xC9))
    return head + _NUMBERS[0xD0].pack(code) + raw


def _timestamp_of(moment):
    seconds, nanoseconds = moment
    if 0 <= seconds < 1 << 34:
        both = nanoseconds << 34 | seconds
        return _U32.pack(both) if both < 1 << 32 else _U64.pack(both)
    return _U32.pack(nanoseconds) + _NUMBERS[0xD3].pack(seconds)
