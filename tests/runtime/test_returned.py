"""What a model returned as JSON and as MessagePack, whether the image has the msgpack package or not."""

import base64
import json
import sys
import types

import msgpack as package
import numpy
import pytest
from modelproxy.formats.returned import Unserialisable, as_json, as_msgpack

NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture(params=[True, False], ids=["package", "no package"])
def in_msgpack(request, monkeypatch):
    if not request.param:
        monkeypatch.setitem(sys.modules, "msgpack", None)
    return as_msgpack


def written(value):
    return package.packb(value, use_bin_type=True)


def told(write, value):
    with pytest.raises(Unserialisable) as raised:
        write(value)
    return str(raised.value)


class Listed:
    """Like an array of numpy's."""

    def __init__(self, listed):
        self.listed = listed

    def tolist(self):
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed


class Boxed:
    """What is made of it is none of Python's own types either."""

    def __init__(self, listed):
        self.listed = listed

    def tolist(self):
        return Listed(self.listed)


class OfTheClass:
    @classmethod
    def tolist(cls):
        return [1]


LISTED = Listed([1])
# These have the whole value looked at: json takes no such key, and the msgpack package asks but once what to make of a
# value.
KEY = numpy.int64(7)
BOXED = Boxed(0)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        ({"a": [1, 2.5, True, None, "\u2603"], "b": (1, {})}, {"a": [1, 2.5, True, None, "\u2603"], "b": [1, {}]}),
        (numpy.array([[1, 2], [3, 4]], "i2"), [[1, 2], [3, 4]]),
        ([numpy.float32(0.5), numpy.bool_(True), numpy.str_("x"), numpy.int8(-1)], [0.5, True, "x", -1]),
        (Listed({"a": Listed((1, 2))}), {"a": [1, 2]}),
        ({KEY: [LISTED, (LISTED,)], "a": {numpy.str_("b"): None}}, {7: [[1], [[1]]], "a": {"b": None}}),
        ({KEY: 1, None: 2, 2.5: True, 3: ""}, {7: 1, None: 2, 2.5: True, 3: ""}),
        ({Listed("made of one"): Listed(5)}, {"made of one": 5}),
        ([Boxed({"a": BOXED}), {Boxed("b"): 1}], [{"a": 0}, {"b": 1}]),
        (OfTheClass(), [1]),
    ],
)
def test_what_both_can_hold(value, plain, in_msgpack):
    assert as_json(value) == json.dumps(plain).encode("ascii")
    assert in_msgpack(value) == written(plain)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("key", ["a", KEY])
def test_bytes_are_base64_in_json_only(kind, key, in_msgpack):
    value = {key: [kind(b"\0\xff"), BOXED]}
    assert json.loads(as_json(value).decode("ascii")) == {str(key): [base64.b64encode(b"\0\xff").decode("ascii"), 0]}
    assert in_msgpack(value) == written({key if key == "a" else 7: [b"\0\xff", 0]})


@pytest.mark.parametrize("number", [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize("kind", [float, numpy.float32, numpy.float64])
@pytest.mark.parametrize("key", ["a", KEY])
def test_no_number_is_none_in_json_only(number, kind, key, in_msgpack):
    value = {key: (1.5, [kind(number)])}
    assert told(as_json, value) == "result[%r][1][0] is %r, which JSON can't hold" % (key, number)
    assert told(as_json, kind(number)) == "result is %r, which JSON can't hold" % number
    assert in_msgpack([value, BOXED]) == written([{key if key == "a" else 7: [1.5, [number]]}, 0])
    assert told(as_json, numpy.array([[1, number]])) == "result[0][1] is %r, which JSON can't hold" % number


@pytest.mark.parametrize("more", [0, BOXED])
@pytest.mark.parametrize("key", ["a", KEY])
def test_integers_are_of_64_bits_in_messagepack_only(key, more, in_msgpack):
    for number in (2**64 - 1, -(2**63)):
        assert in_msgpack({key: [number, more]}) == written({key if key == "a" else 7: [number, 0]})
    for number in (2**64, -(2**63) - 1):
        assert told(in_msgpack, {key: [more, number]}) == "result[%r][1] is an integer of more than 64 bits" % key
        assert json.loads(as_json({key: [more, number]}).decode("ascii")) == {str(key): [0, number]}


@pytest.mark.parametrize("key", [b"a", (1, "b")])
def test_keys_that_messagepack_has_and_json_has_not(key, in_msgpack):
    assert in_msgpack({key: 1}) == written({key: 1})
    assert in_msgpack([{key: BOXED, KEY: 2}]) == written([{key: 0, 7: 2}])
    what = "a dict with a key of type %s, %r" % (type(key).__name__, key)
    assert told(as_json, [1, {key: 1}]) == "result[1] is " + what
    assert told(as_json, {key: 1}) == "result is " + what


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({1}, "set"),
        (1j, "complex"),
        (object(), "object"),
        (types.SimpleNamespace(), "types.SimpleNamespace"),
        (numpy.float32, "type"),
        (Listed, "type"),
        (OfTheClass, "type"),
        (Listed(TypeError("none")), __name__ + ".Listed"),
        (Listed(MemoryError("none")), __name__ + ".Listed"),
        (Listed({1}), "set"),
        (numpy.longdouble(1.5), "numpy." + numpy.longdouble.__name__),
    ],
)
def test_what_neither_can_hold_is_named_with_its_place(value, kind, in_msgpack):
    for write in (as_json, in_msgpack):
        assert told(write, [0, {"a": value}]) == "result[1]['a'] is of type %s, which can't be sent" % kind
        assert told(write, value) == "result is of type %s, which can't be sent" % kind
        if type(value).__hash__ is not None:
            assert told(write, [{value: 0}]) == "result[0] is of type %s, which can't be sent" % kind


def test_a_value_within_itself(in_msgpack):
    circle = []
    circle.append({"a": circle})
    for write in (as_json, in_msgpack):
        assert told(write, circle).endswith(" is nested too deeply, or holds itself")


@pytest.mark.parametrize("kind", [TypeError, ValueError, OverflowError])
def test_a_value_that_fails_when_it_is_looked_at(kind, in_msgpack):
    class Odd(dict):
        def items(self):
            raise kind("no items")

    for write in (as_json, in_msgpack):
        assert told(write, {KEY: Odd(a=1)}) == "result is no value that can be sent: no items"


def test_of_a_long_place_the_beginning_is_shown():
    value, place = {1}, ""
    for number in range(90):
        value, place = [value], place + "[0]"
        assert told(as_json, value) == "result%s is of type set, which can't be sent" % place[:200], number
