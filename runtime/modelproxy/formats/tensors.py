"""Tensors as JSON and as bytes ↔ numpy arrays, checked against what a model declares. Pure functions.

Datatypes have the names of the Open Inference Protocol, and bytes the layout of its binary tensor data extension:
little endian, row major, a text as four bytes of length before its UTF-8. Numbers that JSON can't hold are errors, both
ways.
"""

import json
import operator
import struct
from itertools import chain

import numpy

from ..messages import BadValue

_BEYOND_DOUBLE = 2**1024 - 2**970  # halfway from the largest double to where the next would be (IEEE 754, 4.3.1)
_NUMPY = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BYTES": "O",
}
DATATYPES = frozenset(_NUMPY)
_MOST_ELEMENTS = 2**31 - 1  # without zeros in the shape, so that an empty tensor can't have a size that overflows
# Without zeros and the sizes that the model fixes, where there is a zero: the rows of [6000000, 0] cost their sender
# nothing, and the model makes something of each. A decoder's empty past of 32 heads, [1, 32, 0, 128], has as many.
_MOST_HOLLOW = 4096
_MOST_DIMENSIONS = 32  # numpy's own before 2.0
# Elements of an output, or characters of its texts: some 42 MB of text, which take 3 seconds, or 25 of escapes.
_MOST_IN_JSON = 1 << 22
_PIECE = 10000  # numbers that are texts at one time: each takes 70 bytes then, and 10 in the text of all
_INSTEAD = """ Ask for it as binary data (Open Inference Protocol: "parameters": {"binary_data": true}), or leave it \
out of "outputs"."""


class Tensor:
    """An input or output as the model declares it: ``name``, ``datatype``, and ``dims``: a number where the size is
    fixed, a name where it isn't, None where it has no name either. No dims at all stand for a scalar or for any shape:
    onnxruntime tells neither from the other, and takes any."""

    __slots__ = ("datatype", "dims", "name")

    def __init__(self, name, datatype, dims):
        self.name = name
        self.datatype = datatype
        self.dims = dims

    def described(self):
        """The protocol's ``$metadata_tensor``."""
        shape = [size if isinstance(size, int) else -1 for size in self.dims]
        return {"name": self.name, "datatype": self.datatype, "shape": shape}


class NotJson(BadValue):
    """An output holds what JSON can't; the text says which, where, and what to do."""

    status = 500


def elements(shape):
    """How many elements a shape stands for, as a whole number that can't overflow."""
    count = 1
    for size in shape:
        count *= size
    return count


def size_of(tensor):
    """Bytes of one element, where all have as many."""
    return numpy.dtype(_NUMPY[tensor.datatype]).itemsize


# --- shapes -----------------------------------------------------------------------------------------------------------


def check_shape(tensor, shape):
    """Raises ``BadValue`` where the model doesn't take ``shape``, a list of whole numbers."""
    fits = not tensor.dims or (
        len(shape) == len(tensor.dims)
        and all(size == wanted or not isinstance(wanted, int) for size, wanted in zip(shape, tensor.dims))
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in tensor.dims)
        raise BadValue("The input %r must have the shape [%s]; this one has %s." % (tensor.name, wanted, _shown(shape)))
    if len(shape) > _MOST_DIMENSIONS or elements(filter(None, shape)) > _MOST_ELEMENTS or _is_hollow(tensor, shape):
        raise BadValue("The shape %s of the input %r is too large." % (_shown(shape), tensor.name))


def _is_hollow(tensor, shape):
    return 0 in shape and rows(tensor, shape) > _MOST_HOLLOW


def rows(tensor, shape):
    """The product of the sizes that a client chose, without zeros."""
    dims = tensor.dims or [None] * len(shape)
    return elements(filter(None, [size for size, wanted in zip(shape, dims) if not isinstance(wanted, int)]))


def _shown(shape):
    """A screen of it: a caller may write any number of sizes."""
    return str(list(shape))[:200]


def check_together(tensors, arrays):
    """Raises ``BadValue`` where an input is missing, or a size with a name isn't the same wherever that name stands."""
    known = {}
    for tensor in tensors:
        if tensor.name not in arrays:
            raise BadValue("The input %r is missing: %s." % (tensor.name, json.dumps(tensor.described())))
        for name, size in zip(tensor.dims, arrays[tensor.name].shape):
            if not isinstance(name, str):
                continue
            first, other = known.setdefault(name, (tensor.name, size))
            if other != size:
                raise BadValue(
                    "The size %r is %d in the input %r and %d in %r; it must be the same in both."
                    % (name, other, first, size, tensor.name)
                )


# --- in ---------------------------------------------------------------------------------------------------------------


def from_json(tensor, data, shape=None):
    """The array of a JSON value: nested as ``shape`` says, or flat; without a shape its nesting is the shape. Raises
    ``BadValue``."""
    flat, nested = _flattened(tensor, data)
    if shape is None:
        shape = nested
        if not flat:  # what lies in an empty list has no sizes of its own
            shape = nested + [size if isinstance(size, int) else 0 for size in tensor.dims[len(nested) :]]
    elif nested != list(shape) and len(nested) != 1:
        raise BadValue(
            "The data of the input %r is nested as %s, but its shape is %s; nest it so, or give one flat array."
            % (tensor.name, nested, _shown(shape))
        )
    check_shape(tensor, shape)
    if len(flat) != elements(shape):
        raise BadValue(
            "The input %r has %d elements; its shape %s needs %d." % (tensor.name, len(flat), shape, elements(shape))
        )
    return _array(tensor, flat, shape).reshape(shape)


def from_bytes(tensor, raw, shape):
    """The array of binary tensor data. Raises ``BadValue``."""
    check_shape(tensor, shape)
    count = elements(shape)
    if tensor.datatype == "BYTES":
        return _texts(tensor, raw, count).reshape(shape)
    dtype = numpy.dtype(_NUMPY[tensor.datatype])
    if len(raw) != count * dtype.itemsize:
        raise BadValue(
            "The input %r has %d bytes; %s of the shape %s has %d."
            % (tensor.name, len(raw), tensor.datatype, shape, count * dtype.itemsize)
        )
    if not count:  # an old numpy's frombuffer refuses an empty buffer
        return numpy.empty(shape, dtype.newbyteorder("="))
    if tensor.datatype == "BOOL":
        return (numpy.frombuffer(raw, "u1") != 0).reshape(shape)
    return numpy.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _flattened(tensor, data):
    """The elements of nested lists in one list, and the shape of the nesting."""
    level, shape = [data], []
    while level and type(level[0]) is list:
        if set(map(type, level)) != {list} or len(set(map(len, level))) != 1:
            raise BadValue(
                "The lists in the input %r aren't all as long or as deep as the first: no tensor has such a shape."
                % tensor.name
            )
        shape.append(len(level[0]))
        level = list(chain.from_iterable(level))
    return level, shape


def _array(tensor, flat, shape):
    dtype = numpy.dtype(_NUMPY[tensor.datatype]).newbyteorder("=")
    if tensor.datatype == "BYTES":
        _check(tensor, flat, shape, "strings", (str,))
        _check_unicode(tensor, flat)
        return numpy.array(flat, dtype)
    if dtype.kind == "b":
        _check(tensor, flat, shape, "true or false", (bool,))
    elif dtype.kind == "f":
        _check(tensor, flat, shape, "numbers", (int, float))
        return _floats(tensor, flat, shape, dtype)
    else:
        _check(tensor, flat, shape, "whole numbers", (int,))
        range_ = numpy.iinfo(dtype)
        if flat and not range_.min <= min(flat) <= max(flat) <= range_.max:
            index = next(place for place, item in enumerate(flat) if not range_.min <= item <= range_.max)
            wanted = "whole numbers from %d to %d" % (range_.min, range_.max)
            raise _wrong(tensor, flat, shape, wanted, index)
    return numpy.array(flat, dtype)


def _floats(tensor, flat, shape, dtype):
    try:
        with numpy.errstate(over="ignore"):
            array = numpy.array(flat, "f8").astype(dtype)
        finite = numpy.isfinite(array)
        if finite.all():
            return array
        index = int(finite.argmin())
    except OverflowError:  # a whole number beyond the largest double
        index = next(place for place, item in enumerate(flat) if abs(item) >= _BEYOND_DOUBLE)
    raise _wrong(tensor, flat, shape, "numbers up to %r" % float(numpy.finfo(dtype).max), index)


def _check(tensor, flat, shape, wanted, types):
    if not set(map(type, flat)) <= set(types):
        raise _wrong(tensor, flat, shape, wanted, next(i for i, item in enumerate(flat) if type(item) not in types))


def _wrong(tensor, flat, shape, wanted, index):
    place = " at %s" % [int(number) for number in numpy.unravel_index(index, shape)] if shape else ""
    got = json.dumps(flat[index])[:40]
    return BadValue("The input %r is %s and wants %s; got %s%s." % (tensor.name, tensor.datatype, wanted, got, place))


def _check_unicode(tensor, flat):
    try:
        "".join(flat).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadValue("The input %r has a text that is no Unicode: %s." % (tensor.name, error.reason)) from None


def _texts(tensor, raw, count):
    found, place = [], 0
    while place < len(raw) and len(found) <= count:
        if len(raw) - place >= 4:
            (size,) = struct.unpack_from("<I", raw, place)
        if len(raw) - place < 4 or len(raw) - place - 4 < size:
            raise BadValue(
                "The bytes of the input %r end within element %d: each element is its length, in four bytes with the "
                "lowest first, and then its bytes." % (tensor.name, len(found))
            )
        try:
            found.append(raw[place + 4 : place + 4 + size].decode("utf-8"))
        except UnicodeDecodeError:
            raise BadValue(
                "Element %d of the input %r isn't UTF-8, which ONNX wants of every string." % (len(found), tensor.name)
            ) from None
        place += 4 + size
    if len(found) != count:
        has = "more" if len(found) > count else "%d" % len(found)
        raise BadValue("The input %r has %s elements; its shape needs %d." % (tensor.name, has, count))
    return numpy.array(found, "O")


# --- out --------------------------------------------------------------------------------------------------------------


def json_of(name, value, single=True):
    """The JSON text of an output: an array, or the lists, maps and missing optionals that ONNX knows besides.

    A float of less than 64 bits has the fewest digits that give the same one again. ``single`` tells that the plain
    numbers in a map were such. Raises ``NotJson`` for NaN and infinities.
    """
    if isinstance(value, numpy.ndarray):
        return _json_of_array(name, value)
    if isinstance(value, list):
        if _is_table(value):
            return _json_of_table(name, value, "f4" if single else "f8")
        return "[" + ",".join([json_of(name, item, single) for item in value]) + "]"
    if isinstance(value, dict):
        items = ("%s:%s" % (json.dumps(str(key)), json_of(name, item, single)) for key, item in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, float):
        return _json_of_array(name, numpy.array(value, "f4" if single else "f8"))
    return json.dumps(value)


def _is_table(rows):
    """Whether it is a list of maps of the same keys to floats, as ZipMap makes of a classifier's probabilities."""
    keys = rows[0].keys() if rows and isinstance(rows[0], dict) else ()
    return bool(keys) and all(
        isinstance(row, dict) and row.keys() == keys and set(map(type, row.values())) == {float} for row in rows
    )


def _json_of_table(name, rows, dtype):
    keys = list(rows[0])
    _refuse_long(name, len(rows) * len(keys))
    openings = [json.dumps(str(key)) + ":" for key in keys]
    texts = []
    for row in rows:
        numbers = _json_of_array(name, numpy.array([row[key] for key in keys], dtype))[1:-1].split(",")
        texts.append("{" + ",".join(map(operator.add, openings, numbers)) + "}")
    return "[" + ",".join(texts) + "]"


def _refuse_long(name, size):
    if size > _MOST_IN_JSON:
        sentence = "The output %r has %d elements or characters; as JSON no more than %d are given."
        raise NotJson(sentence % (name, size, _MOST_IN_JSON) + _INSTEAD)


def _json_of_array(name, array):
    _refuse_long(name, array.size)
    if array.dtype.kind == "O":
        _refuse_long(name, sum(map(len, array.ravel())))
    if array.dtype.kind != "f":
        return _text_of(array, _as_they_are)
    finite = numpy.isfinite(array)
    if not finite.all():
        index = [int(number) for number in numpy.unravel_index(int(finite.argmin()), array.shape)]
        raise NotJson(
            "The output %r has %s at %s, which JSON can't hold." % (name, array[tuple(index)], index) + _INSTEAD
        )
    return _text_of(array, _as_they_are if array.dtype.itemsize == 8 or not array.size else _shortest)


def _text_of(array, text_of_piece):
    if array.size > _PIECE:
        step = _PIECE * len(array) // array.size
        if step:
            places = range(0, len(array), step)
            parts = [_text_of(array[place : place + step], text_of_piece)[1:-1] for place in places]
        else:
            parts = [_text_of(part, text_of_piece) for part in array]
        return "[" + ",".join(parts) + "]"
    return text_of_piece(array)


def _as_they_are(array):
    return json.dumps(array.tolist(), separators=(",", ":"))


def _shortest(array):
    texts = list(map(str, array.ravel()))
    for size in reversed(array.shape):
        texts = ["[" + ",".join(texts[place : place + size]) + "]" for place in range(0, len(texts), size)]
    return texts[0]


def bytes_of(array):
    """Binary tensor data."""
    if array.dtype.kind == "O":
        encoded = [text.encode("utf-8") for text in array.ravel().tolist()]
        return b"".join(struct.pack("<I", len(text)) + text for text in encoded)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def table_of(rows):
    """Keys and array [rows, keys] of a list of maps with the same keys in the same order, as ZipMap makes of a
    classifier's probabilities; None where they aren't."""
    keys = list(rows[0]) if rows else []
    if any(list(row) != keys for row in rows):
        return None
    return keys, [[row[key] for key in keys] for row in rows]
