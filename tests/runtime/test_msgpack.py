"""The plain MessagePack against the msgpack package, both ways."""

import math
import sys

import msgpack as package
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelproxy.formats import msgpack

KEYS = st.text(max_size=40) | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=5) | st.booleans()
ATOMS = st.none() | st.floats() | st.binary(max_size=300) | KEYS
VALUES = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(KEYS, inner, max_size=20), max_leaves=10
)


def known(value):
    """Text to compare by: NaN equals nothing, and a timestamp of the package's is of a class of its own."""
    if isinstance(value, package.Timestamp):
        return "at %d.%09d" % (value.seconds, value.nanoseconds)
    if isinstance(value, msgpack.Timestamp):
        return "at %d.%09d" % value
    if isinstance(value, dict):
        return [(known(key), known(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [known(item) for item in value]
    return repr(tuple(value)) if isinstance(value, tuple) else repr(value)


def outcome(reader, data):
    try:
        return known(reader(data))
    except ValueError:
        return "unreadable"


@settings(max_examples=20)
@given(VALUES)
def test_values_are_written_and_read_as_the_package_does(value):
    data = package.packb(value, use_bin_type=True)
    assert msgpack.write(value) == data
    assert known(msgpack.read(data)) == known(package.unpackb(data, raw=False, strict_map_key=False))


@pytest.mark.parametrize("there", [package, None])
@pytest.mark.parametrize("key", [b"\xd6\xff\0\0\0\1", b"\xc7\x0c\xff" + bytes(12), b"\xd4\5x", b"\x91\1", b"\x80"])
def test_no_key_is_of_a_kind_of_which_any_number_can_have_one_hash(key, there, monkeypatch):
    monkeypatch.setitem(sys.modules, "msgpack", there)
    assert msgpack.unpack(b"\x82\xa1a\1\2\3") == {"a": 1, 2: 3}
    for data in (b"\x81" + key + b"\1", b"\x82\1\2" + key + b"\1", b"\x91\x81" + key + b"\1"):
        with pytest.raises(ValueError, match=r"^a map has a key that is an array, a map or an extension$"):
            msgpack.unpack(data)


def map_of(*keys):
    """The bytes of a map with these keys in this order, those too that come again."""
    return package.Packer().pack_map_header(len(keys)) + b"".join(package.packb(key) + b"\xc0" for key in keys)


@pytest.mark.parametrize("there", [package, None])
def test_of_keys_whose_hashes_can_be_foretold_a_map_has_few(there, monkeypatch):
    monkeypatch.setitem(sys.modules, "msgpack", there)
    numbers = [None, False, *range(1, 600), *(number + 0.5 for number in range(399))]
    assert msgpack.unpack(map_of(*numbers)) == dict.fromkeys(numbers)
    texts = [*map(str, range(2000)), *(b"%d" % number for number in range(2000))]
    assert list(msgpack.unpack(map_of(*texts, *numbers))) == texts + numbers
    assert msgpack.unpack(b"\x93" + 3 * map_of(*numbers)) == 3 * [dict.fromkeys(numbers)]
    more = [[*numbers, key] for key in (600, 1.75, None, True)]
    for keys in (*more, [*numbers, "a", 1], [7] * 1001, [math.nan] * 1001):
        for data in (map_of(*keys), b"\x81\xa1a" + map_of(*keys), b"\x81\1" + map_of(*keys)):
            with pytest.raises(ValueError, match=r"^a map has more than 1000 keys that are numbers; send them"):
                msgpack.unpack(data)


@settings(max_examples=60)
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_as_the_package_does(data):
    assert outcome(msgpack.read, data) == outcome(msgpack.unpack, data)


def test_each_first_byte():
    for first in range(256):
        for rest in (b"\x01\xa1k\xc0", bytes(20), b"\xff" * 6):
            for end in range(len(rest) + 1):
                data = bytes((first,)) + rest[:end]
                assert outcome(msgpack.read, data) == outcome(msgpack.unpack, data), data


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65535, 65536])
def test_the_sizes_at_which_the_form_changes(size):
    texts = dict.fromkeys(map(str, range(size)))
    values = ["t" * size, b"b" * size, [None] * size, texts, package.ExtType(5, b"e" * size)]
    values += [bytearray(size), memoryview(bytes(size)), tuple([1] * size)] if size < 300 else []
    for value in values:
        ours = msgpack.ExtType(*value) if isinstance(value, package.ExtType) else value
        data = msgpack.write(ours)
        assert data == package.packb(value, use_bin_type=True)
        assert msgpack.read(data) == msgpack.unpack(data)


@pytest.mark.parametrize("edge", [2**power for power in (5, 7, 8, 15, 16, 31, 32, 63)])
def test_the_integers_at_which_the_form_changes(edge):
    for number in (edge - 1, edge, -edge, -edge - 1, 1 - edge):
        if number >= -(2**63):
            assert msgpack.write(number) == package.packb(number)
            assert msgpack.read(msgpack.write(number)) == number


@pytest.mark.parametrize(
    "moment", [(0, 0), (2**32 - 1, 0), (2**32, 0), (1, 1), (2**34 - 1, 10**9 - 1), (2**34, 5), (-1, 5)]
)
def test_timestamps(moment):
    data = msgpack.write(msgpack.Timestamp(*moment))
    assert data == package.packb(package.Timestamp(*moment))
    assert msgpack.read(data) == moment


@pytest.mark.parametrize(
    "data",
    [
        b"\xc7\x03\xff123",  # a timestamp of three bytes
        b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # with too many nanoseconds
        b"\xd7\xff" + (10**9 << 34).to_bytes(8, "big"),  # with one too many
        b"\xc7\x0c\xff" + (10**9).to_bytes(4, "big") + bytes(8),
        b"\xd4\xfe\0",  # an extension of a type that is reserved
        b"\xd4\x80\0",
        b"\x81\x90\x01",  # an array as a key
        b"\xa1\xff",  # text that isn't UTF-8
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",  # four thousand million items, of which there are none
        b"\x91" * 5000,
        b"\x91" * 5000 + b"\xc0",
    ],
)
def test_what_is_malformed(data):
    assert outcome(msgpack.read, data) == outcome(msgpack.unpack, data) == "unreadable"


def deep():
    value = []
    for _ in range(5000):
        value = [value]
    return value


@pytest.mark.parametrize("writer", [msgpack.write, msgpack.pack])
@pytest.mark.parametrize(("value", "error"), [(2**64, OverflowError), ({1}, TypeError), (deep(), ValueError)])
def test_what_cannot_be_written(writer, value, error):
    with pytest.raises(error):
        writer(value)
    assert writer([{1}], list) == b"\x91\x91\x01"


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"^2 bytes follow its end$"):
        msgpack.read(b"\x93\1\2\3\4\5")
    with pytest.raises(TypeError, match=r"^can not serialize 'set' object$"):
        msgpack.write([{1}])


def test_a_part_that_is_too_large():
    class Huge(list):
        size = 2**32

        def __len__(self):
            return self.size

    with pytest.raises(ValueError, match="4294967296"):
        msgpack.write(Huge())
    Huge.size -= 1
    assert msgpack.write(Huge()) == b"\xdd\xff\xff\xff\xff"


def test_with_the_package_binary_is_of_the_binary_type():
    assert msgpack.pack([b"\0", "\0"]) == msgpack.write([b"\0", "\0"]) == b"\x92\xc4\1\0\xa1\0"


@pytest.mark.parametrize(
    ("version", "used"),
    [((0, 6, 2), False), ((0, 99), False), ((1, 0), True), ((1, 0, 0), True), ((1, 1, 0), True), ((2, 0), True)],
)
def test_the_package_is_used_from_its_first_version_on(monkeypatch, version, used):
    class Package:
        @staticmethod
        def packb(value, **options):
            return b"packed"

        @staticmethod
        def unpackb(data, **options):
            return "unpacked"

    Package.version = version
    monkeypatch.setitem(sys.modules, "msgpack", Package)
    assert (msgpack.pack(1), msgpack.unpack(b"\2")) == ((b"packed", "unpacked") if used else (b"\1", 2))


@pytest.mark.parametrize(
    ("error", "says"), [(KeyError(), "KeyError"), (BufferError("no buffer"), "no buffer"), (ValueError(), "ValueError")]
)
def test_whatever_the_package_raises_is_one_error(monkeypatch, error, says):
    def unpackb(data, **options):
        raise error

    monkeypatch.setattr(package, "unpackb", unpackb)
    with pytest.raises(ValueError, match="^%s$" % says):
        msgpack.unpack(b"\1")


@pytest.mark.parametrize(("data", "times"), [(b"\x92\1", 1), (b"\xc1", 1), (b"\x81\xa1a\1\1", 1), (b"\x81\1\2", 2)])
def test_what_is_broken_is_read_once(monkeypatch, data, times):
    """What announces more than it has is slow in older packages: a second for a megabyte, each time."""
    asked, unpackb = [], package.unpackb
    monkeypatch.setattr(package, "unpackb", lambda *args, **options: asked.append(args) or unpackb(*args, **options))
    outcome(msgpack.unpack, data)
    assert len(asked) == times


@pytest.mark.parametrize("there", [None, type(sys)("msgpack")])
def test_without_the_package_or_with_one_too_old(monkeypatch, there):
    monkeypatch.setitem(sys.modules, "msgpack", there)
    assert msgpack.unpack(msgpack.pack({"a": [math.pi]})) == {"a": [math.pi]}
    with pytest.raises(ValueError, match="it ends too early"):
        msgpack.unpack(b"")
