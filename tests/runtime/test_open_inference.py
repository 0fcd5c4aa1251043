"""Tensors, requests and responses of the Open Inference Protocol, and pictures as tensors: pure, so on every Python."""

import io
import json
import struct
import sys
import tracemalloc
import warnings

import pytest

numpy = pytest.importorskip("numpy")

from modelproxy.formats import image_tensor, open_inference, tensors  # noqa: E402
from modelproxy.formats.tensors import NotJson, Tensor  # noqa: E402
from modelproxy.messages import BadValue  # noqa: E402

X = Tensor("x", "FP32", ["n", 3])
NUMBERS = [
    ("BOOL", "?", [False, True]),
    ("UINT8", "u1", [0, 255]),
    ("UINT16", "u2", [0, 65535]),
    ("UINT32", "u4", [0, 4294967295]),
    ("UINT64", "u8", [0, 18446744073709551615]),
    ("INT8", "i1", [-128, 127]),
    ("INT16", "i2", [-32768, 32767]),
    ("INT32", "i4", [-2147483648, 2147483647]),
    ("INT64", "i8", [-9223372036854775808, 9223372036854775807]),
    ("FP16", "f2", [0.1, -65504.0]),
    ("FP32", "f4", [0.1, -3.4028235e38]),
    ("FP64", "f8", [0.1, -1.7976931348623157e308]),
]


def refused(*words):
    return pytest.raises(BadValue, match=".*".join(words))


# --- JSON in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("datatype", "dtype", "values"), NUMBERS)
def test_the_least_and_the_largest_of_each_datatype_go_in_and_out(datatype, dtype, values):
    tensor = Tensor("x", datatype, [None])
    array = tensors.from_json(tensor, values, [2])
    assert array.dtype == numpy.dtype(dtype) and array.shape == (2,)
    assert numpy.array(json.loads(tensors.json_of("y", array)), dtype).tobytes() == array.tobytes()
    raw = tensors.bytes_of(array)
    assert raw == numpy.array(values, "<" + dtype.replace("?", "u1")).tobytes()
    again = tensors.from_bytes(tensor, raw, [2])
    assert again.dtype == array.dtype and again.tolist() == array.tolist()
    for item in values:
        assert numpy.array_equal(tensors.from_json(tensor, [item, item], [2]), numpy.array([item, item], dtype))


@pytest.mark.parametrize(
    ("datatype", "value", "words"),
    [
        ("UINT8", 300, ["wants whole numbers from 0 to 255; got 300 at", r"\[1\]"]),
        ("UINT8", -1, ["got -1"]),
        ("INT64", 2**63, ["got 9223372036854775808"]),
        ("INT32", 1.5, ["wants whole numbers; got 1.5"]),
        ("INT32", True, ["wants whole numbers; got true"]),
        ("INT32", "1", ['wants whole numbers; got "1"']),
        ("FP32", True, ["wants numbers; got true"]),
        ("FP32", None, ["wants numbers; got null"]),
        ("FP32", "0.5", ["wants numbers"]),
        ("FP32", 1e39, ["numbers up to 3.40282346.*e\\+38; got 1e\\+39 at", r"\[1\]"]),
        ("FP16", 70000, ["numbers up to 65504", "got 70000"]),
        ("FP64", 10**400, ["wants numbers up to 1.79"]),
        ("FP64", float("inf"), ["got Infinity"]),
        ("BOOL", 1, ["wants true or false; got 1"]),
        ("BYTES", 1, ["wants strings; got 1"]),
        ("BYTES", "\ud800", ["is no Unicode"]),
        ("FP32", [1.0], ["wants numbers", "got .1.0"]),
        ("FP32", {"a": 1}, ["wants numbers", "got ."]),
    ],
)
def test_a_value_that_the_datatype_cant_hold_is_named_with_its_place(datatype, value, words):
    good = {"BOOL": True, "BYTES": "a"}.get(datatype, 1)
    with refused("The input 'x'", *words):
        tensors.from_json(Tensor("x", datatype, [None]), [good, value], [2])


@pytest.mark.parametrize(
    ("datatype", "data", "place"),
    [
        ("UINT8", [0, 255, 256, 0], 2),
        ("UINT8", [255, 0, -1, 300], 2),
        ("INT8", [-128, 127, -129], 2),
        ("FP16", [65504.0, -65504.0, 65520.0, 1], 2),
        ("FP64", [1.5e308, 2**1024 - 2**970 - 1, -(2**1024) + 2**970, 10**400], 2),
        ("FP64", [10**308, -(10**400)], 1),
    ],
)
def test_the_first_number_that_is_too_large_is_the_one_that_is_named(datatype, data, place):
    with refused("The input 'x' is %s" % datatype, "got %s at .%d" % (str(data[place])[:40], place)):
        tensors.from_json(Tensor("x", datatype, [None]), data)


@pytest.mark.parametrize(
    ("data", "shape"),
    [([[1, 2, 3], [4, 5, 6]], [2, 3]), ([1, 2, 3, 4, 5, 6], [2, 3]), ([[1, 2, 3], [4, 5, 6]], None)],
)
def test_data_are_nested_or_flat(data, shape):
    assert tensors.from_json(X, data, shape).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("data", "shape", "words"),
    [
        ([[1, 2], [3, 4, 5]], [2, 3], ["aren't all as long or as deep"]),
        ([[1, 2, 3], 4], [2, 3], ["aren't all as long or as deep"]),
        ([[1, 2], [3, 4], [5, 6]], [2, 3], [r"nested as \[3, 2\], but its shape is \[2, 3\]"]),
        ([1, 2, 3], [2, 3], [r"has 3 elements; its shape \[2, 3\] needs 6"]),
        ([1, 2, 3], [3], [r"must have the shape \[n, 3\]; this one has \[3\]"]),
        ([[1, 2, 3, 4]], None, [r"must have the shape \[n, 3\]; this one has \[1, 4\]"]),
        (5, None, [r"this one has \[\]"]),
        ([], [2**62, 4, 0], ["must have the shape"]),
        ([], [2**62, 3], ["too large"]),
        ([], [0, 4], ["must have the shape"]),
    ],
)
def test_a_shape_that_doesnt_fit_is_told(data, shape, words):
    with refused("input 'x'", *words):
        tensors.from_json(X, data, shape)


def test_scalars_and_empty_tensors():
    scalar = Tensor("s", "FP64", [])
    assert tensors.from_json(scalar, 2.5).shape == ()
    assert tensors.from_json(scalar, [2.5], []).shape == ()
    assert tensors.json_of("y", tensors.from_json(scalar, 2.5)) == "2.5"
    assert tensors.json_of("y", numpy.array(2.5, "f4")) == "2.5"
    for data, shape in (([], [0, 3]), ([], None)):
        assert tensors.from_json(X, data, shape).shape == (0, 3)
    assert tensors.from_bytes(X, b"", [0, 3]).shape == (0, 3)
    assert tensors.json_of("y", numpy.zeros((0, 3), "f4")) == "[]"
    assert tensors.from_json(Tensor("x", "INT8", [None]), []).shape == (0,)
    assert tensors.from_json(Tensor("x", "BYTES", [None]), []).shape == (0,)
    assert tensors.from_json(Tensor("x", "FP32", ["n", "m", 2, None]), []).shape == (0, 0, 2, 0)


def test_a_tensor_without_dims_takes_any_shape_but_an_absurd_one():
    tensor = Tensor("x", "FP32", [])
    assert tensors.from_json(tensor, [[1, 2]]).shape == (1, 2)
    for shape in ([1] * 33, [0, 2**40, 2**40]):
        with refused("shape", "too large"):
            tensors.from_json(tensor, [], shape)


def test_how_large_a_shape_may_be():
    tensor = Tensor("x", "FP32", [])
    for shape in ([2**31 - 1], [2**15, 2**15, 1], [1] * 32, [0] * 32, [0, 4096], [1, 32, 0, 128]):
        tensors.check_shape(tensor, shape)
    for shape in ([2**31], [2, 2**30], [0, 2**31], [1] * 33, [0] * 33, [2**62] * 33, [0, 4097], [64, 0, 65]):
        with pytest.raises(BadValue) as error:
            tensors.check_shape(tensor, shape)
        assert str(error.value) == "The shape %s of the input 'x' is too large." % str(shape)[:200]


def test_an_empty_tensor_has_few_rows_for_which_the_model_would_make_something():
    fixed = Tensor("x", "FP32", ["n", 3, 100, 100, "m"])
    for shape in ([0, 3, 100, 100, 4096], [4096, 3, 100, 100, 0], [0, 3, 100, 100, 0]):
        assert tensors.from_bytes(fixed, b"", shape).shape == tuple(shape)
    for rows in (4097, 6000000):
        with refused(r"\[%d, 3, 100, 100, 0\]" % rows, "too large"):
            tensors.from_json(fixed, [], [rows, 3, 100, 100, 0])
    with refused("too large"):
        tensors.from_json(Tensor("x", "FP32", ["n", "m"]), [[]] * 4097)
    assert tensors.from_json(Tensor("x", "FP32", ["n", 0]), [[]] * 3).shape == (3, 0)


def test_a_size_with_a_name_is_the_same_everywhere():
    a, b = Tensor("a", "FP32", ["n", None]), Tensor("b", "FP32", ["n", 2])
    arrays = {"a": numpy.zeros((2, 5)), "b": numpy.zeros((2, 2))}
    tensors.check_together([a, b], arrays)
    arrays["b"] = numpy.zeros((3, 2))
    with refused("The size 'n' is 2 in the input 'a' and 3 in 'b'"):
        tensors.check_together([a, b], arrays)
    other = Tensor("a", "FP32", [None, 7, "n"])
    with refused("The size 'n' is 5 in the input 'a' and 3 in 'b'"):
        tensors.check_together([other, b], {"a": numpy.zeros((1, 7, 5)), "b": arrays["b"]})
    with refused("The input 'a' is missing", '"datatype": "FP32"'):
        tensors.check_together([a, b], {"b": arrays["b"]})


# --- bytes in ---------------------------------------------------------------------------------------------------------


def test_bytes_must_be_as_many_as_the_shape_says():
    with refused(r"has 11 bytes; FP32 of the shape \[1, 3\] has 12"):
        tensors.from_bytes(X, b"\0" * 11, [1, 3])


def test_numbers_are_copied_no_more_than_they_must():
    tensor, raw = Tensor("x", "FP32", [None]), bytes(4000000)
    tracemalloc.start()
    try:
        array = tensors.from_bytes(tensor, raw, [1000000])
        assert tracemalloc.get_traced_memory()[1] < 1000000
        assert tensors.bytes_of(array) == raw
        assert tracemalloc.get_traced_memory()[1] < 5000000
    finally:
        tracemalloc.stop()


def test_a_bool_is_any_byte_but_zero():
    assert tensors.from_bytes(Tensor("x", "BOOL", [None]), b"\0\1\2", [3]).tolist() == [False, True, True]


def test_texts_are_utf_8_behind_their_lengths():
    tensor = Tensor("x", "BYTES", [None])
    array = tensors.from_json(tensor, ["é", "", "a\0b"], [3])
    raw = tensors.bytes_of(array)
    assert raw == b"\2\0\0\0\xc3\xa9\0\0\0\0\3\0\0\0a\0b"
    assert tensors.from_bytes(tensor, raw, [3]).tolist() == ["é", "", "a\0b"]
    assert json.loads(tensors.json_of("y", array)) == ["é", "", "a\0b"]
    assert tensors.from_bytes(tensor, bytes(4), [1]).tolist() == [""]
    assert tensors.from_bytes(tensor, bytes(8), [2]).tolist() == ["", ""]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\2\0\0\0a", "end within element 0"),
        (b"\1\0\0", "end within element 0"),
        (b"\1\0\0\0", "end within element 0"),
        (b"\1\0\0\0a\1\0", "end within element 1"),
        (b"\1\0\0\0a\3\0\0\0bc", "end within element 1"),
        (b"\1\0\0\0\xff", "Element 0 of the input 'x' isn't UTF-8"),
        (b"", "has 0 elements; its shape needs 1"),
        (b"\1\0\0\0a\1\0\0\0b", "has more elements; its shape needs 1"),
    ],
)
def test_texts_that_are_cut_off_or_no_utf_8_are_refused(raw, words):
    with refused(words):
        tensors.from_bytes(Tensor("x", "BYTES", [None]), raw, [1])


# --- JSON out ---------------------------------------------------------------------------------------------------------


def test_floats_have_the_fewest_digits_that_give_the_same_again():
    values = numpy.array([[0.1, 1e20, 16777217], [1e-45, -0.0, 1 / 3]], "f4")
    text = tensors.json_of("y", values)
    assert text.startswith("[[0.1,1e+20,") and "0.33333334" in text
    assert numpy.array(json.loads(text), "f4").tobytes() == values.tobytes()


@pytest.mark.parametrize(("number", "text"), [(float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf")])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_what_json_cant_hold_is_an_error_that_names_its_place(number, text, dtype):
    with pytest.raises(NotJson, match=r"The output 'y' has %s at \[0, 1\].*binary_data" % text):
        tensors.json_of("y", numpy.array([[1, number]], dtype))


@pytest.mark.parametrize(
    "shape", [(24,), (25,), (7, 9), (2, 3, 25), (1, 60), (60, 1), (2, 13, 2), (1, 2, 3, 4, 5), (30, 2, 1), ()]
)
def test_a_text_is_made_in_pieces(monkeypatch, shape):
    array = numpy.arange(tensors.elements(shape), dtype="f4").reshape(shape)
    assert tensors._PIECE == 10000
    whole = tensors.json_of("y", array)
    assert json.loads(whole) == array.tolist() and " " not in whole
    converted = []
    monkeypatch.setattr(tensors, "_PIECE", 12)
    monkeypatch.setattr(tensors, "map", lambda function, items: converted.append(items) or map(function, items), False)
    assert tensors.json_of("y", array) == whole
    assert max(len(items) for items in converted if getattr(items, "ndim", 0) == 1) <= 12 if shape else converted


@pytest.mark.parametrize("dtype", ["f8", "i8", "?", "O"])
def test_so_is_that_of_numbers_which_python_has(monkeypatch, dtype):
    """18 kB of PNG took 400 MB."""
    array, sizes = numpy.arange(750).reshape((2, 3, 125)).astype(str if dtype == "O" else dtype).astype(dtype), []
    whole, text_of_piece = tensors.json_of("y", array), tensors._as_they_are
    assert json.loads(whole) == array.tolist() and " " not in whole
    monkeypatch.setattr(tensors, "_PIECE", 12)
    monkeypatch.setattr(tensors, "_as_they_are", lambda piece: sizes.append(piece.size) or text_of_piece(piece))
    assert tensors.json_of("y", array) == whole
    assert max(sizes) <= 12


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "?", "O"])
def test_a_long_output_is_no_json(monkeypatch, dtype):
    """A picture of 44 kB came back as 390 MB, for which 2.3 GB and half a minute weren't enough."""
    assert tensors._MOST_IN_JSON == 1 << 22
    monkeypatch.setattr(tensors, "_MOST_IN_JSON", 100)
    assert len(json.loads(tensors.json_of("y", numpy.full(100, "a" if dtype == "O" else 0, dtype)))) == 100
    sentence = (
        "^The output 'y' has 101 elements or characters; as JSON no more than 100 are given. Ask for it as binary"
    )
    with pytest.raises(NotJson, match=sentence + ' data .*"\\.$'):
        tensors.json_of("y", numpy.zeros(101, dtype))


def test_long_texts_are_no_json(monkeypatch):
    """16 kB of gzip, 16 MB of NUL, came back as 100 MB of escapes, for which 512 MB were needed."""
    monkeypatch.setattr(tensors, "_MOST_IN_JSON", 100)
    assert json.loads(tensors.json_of("y", numpy.array([["a" * 60, "\0" * 40]], "O"))) == [["a" * 60, "\0" * 40]]
    with pytest.raises(NotJson, match="has 101 elements or characters; as JSON no more than 100"):
        tensors.json_of("y", numpy.array(["a" * 60, "\0" * 41], "O"))


def test_what_few_compressed_bytes_may_make_of_a_text(monkeypatch):
    monkeypatch.setattr(open_inference, "_MOST_JSON", 100)
    tensor = Tensor("t", "BYTES", ["n"])
    described = item(name="t", datatype="BYTES", shape=[1], data=..., parameters={"binary_data_size": 204})
    head = message(described)
    body = head + (200).to_bytes(4, "little") + b"a" * 200
    for sent, refuses in ((25, True), (26, False), (None, False)):
        for content, length in ((body, str(len(head))), (b"a" * 200, "0")):
            if refuses:
                with refused("204 bytes of JSON or texts are more than 25 bytes may make"):
                    open_inference.inference(content, length, [tensor], sent)
            else:
                assert open_inference.inference(content, length, [tensor], sent).arrays["t"].shape == (1,)


def test_the_maps_of_a_classifier_are_written_as_a_table(monkeypatch):
    """20,000 rows of 30 labels took 4 seconds: each number was an array of its own, and none was counted."""
    rows = [{"a": 0.10000000149011612, "é": 1e-45}, {"é": 0.5, "a": 1.0}]
    text = tensors.json_of("y", rows)
    assert text == '[{"a":0.1,"\\u00e9":1e-45},{"a":1.0,"\\u00e9":0.5}]'
    monkeypatch.setattr(tensors, "_MOST_IN_JSON", 4)
    assert tensors.json_of("y", rows) == text
    with pytest.raises(NotJson, match="has 6 elements"):
        tensors.json_of("y", rows + rows[:1])
    assert tensors.json_of("y", [{1: 0.1}], single=False) == '[{"1":0.1}]'


def test_lists_maps_and_missing_optionals_have_a_json_form():
    value = [{3: 0.10000000149011612, 7: 0.5}, {"a": numpy.array([1, 2])}, None, "x"]
    assert tensors.json_of("y", value) == '[{"3":0.1,"7":0.5},{"a":[1,2]},null,"x"]'
    assert tensors.json_of("y", {1: 0.10000000149011612}, single=False) == '{"1":0.10000000149011612}'
    assert tensors.json_of("y", [{1: 0.1, 2: 0.2}, {1: 0.5}, {}]) == '[{"1":0.1,"2":0.2},{"1":0.5},{}]'
    assert tensors.json_of("y", [{1: 0.1}, {1: 2}]) == '[{"1":0.1},{"1":2}]'
    assert tensors.json_of("y", [{}, {1: 2}, 3]) == '[{},{"1":2},3]'
    assert tensors.json_of("y", [3, {1: 0.5}]) == '[3,{"1":0.5}]'
    assert tensors.json_of("y", []) == "[]"
    with pytest.raises(NotJson, match="'y' has nan"):
        tensors.json_of("y", [{1: float("nan")}])


def test_maps_with_the_same_keys_are_a_table():
    assert tensors.table_of([{1: 0.5, 2: 0.25}, {1: 1.0, 2: 0.0}]) == ([1, 2], [[0.5, 0.25], [1.0, 0.0]])
    assert tensors.table_of([{"a": 0.5}]) == (["a"], [[0.5]])
    assert tensors.table_of([]) == ([], [])
    assert tensors.table_of([{1: 0.5}, {2: 0.5}]) is None
    assert tensors.table_of([{1: 0.5, 2: 0.5}, {2: 0.5, 1: 0.5}]) is None
    assert tensors.table_of([{1: 0.5}, {}]) is tensors.table_of([{}, {1: 0.5}]) is None


# --- requests ---------------------------------------------------------------------------------------------------------


def item(**changes):
    made = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
    made.update(changes)
    return {key: value for key, value in made.items() if value is not ...}


def message(*items, **more):
    return json.dumps(dict(more, inputs=list(items) or [item()])).encode("utf-8")


def read(body, length=""):
    return open_inference.inference(body, length, [X])


def test_a_request_in_json():
    wanted = read(message(id="42", outputs=[{"name": "y", "parameters": {"binary_data": True}}, {"name": "z"}]))
    assert wanted.id == "42" and wanted.arrays["x"].tolist() == [[1, 2, 3]]
    assert wanted.outputs == [("y", True), ("z", False)] and wanted.binary is False
    bare = read(message(parameters={"binary_data_output": True, "priority": 1}, outputs=[]))
    assert bare.id is None and bare.outputs is None and bare.binary is True
    one = read(message(parameters={"binary_data_output": True}, outputs=[{"name": "y"}]))
    assert one.outputs == [("y", True)]


def test_a_request_with_binary_data():
    tensor = Tensor("t", "BYTES", [None])
    numbers, texts = struct.pack("<3f", 1, 2, 3), b"\1\0\0\0a"
    head = message(
        item(name="t", datatype="BYTES", shape=[1], data=..., parameters={"binary_data_size": 5}),
        item(data=..., parameters={"binary_data_size": 12}),
    )
    wanted = open_inference.inference(head + texts + numbers, str(len(head)), [X, tensor])
    assert wanted.arrays["x"].tolist() == [[1, 2, 3]] and wanted.arrays["t"].tolist() == ["a"]
    assert read(message(), str(len(message()))).arrays["x"].tolist() == [[1, 2, 3]]


def test_a_tensor_may_be_empty():
    empty = message(item(shape=[0, 3], data=..., parameters={"binary_data_size": 0}))
    assert read(empty, str(len(empty))).arrays["x"].shape == (0, 3)
    assert read(message(item(shape=[0, 3], data=[]))).arrays["x"].shape == (0, 3)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The body isn't JSON"),
        (b"\xff", "The body isn't JSON"),
        (b"[" * 100000, "nested too deep|isn't JSON"),
        (b'{"inputs": [NaN]}', "JSON has no NaN"),
        (b"[]", "must be an object"),
        (b"{}", 'must have "inputs", an array of objects'),
        (b'{"inputs": [1]}', 'must have "inputs", an array of objects'),
        (message(id=3), '"id" must be a string'),
        (message(id="i" * 1001), '"id" must be a string of at most 1000 characters'),
        (message(parameters=[]), "The parameters of the request must be an object"),
        (message(parameters={"binary_data_output": 1}), "binary_data_output must be true or false"),
        (message(item(name="z")), "The model has no input 'z'; it has 'x'"),
        (message(item(name=7)), "The model has no input 7"),
        (message(item(), item()), "The input 'x' is given twice"),
        (message(item(datatype="FP64")), "'x' must have the datatype FP32; this one has the datatype 'FP64'"),
        (message(item(datatype="BF16")), "this one has the datatype 'BF16'"),
        (message(item(datatype=...)), "this one has no datatype"),
        (message(item(shape=...)), "The shape of the input 'x' must be an array of whole numbers, not null"),
        (message(item(shape=[1, -1])), "not .1, -1."),
        (message(item(shape=[1, True])), "not .1, true."),
        (message(item(shape=[1, 3.0])), "not .1, 3.0."),
        (message(item(shape=[2**63, 3])), "The shape of the input 'x' must be an array"),
        (message(item(shape=[2**63 - 1, 3])), "of the input 'x' is too large"),
        (message(item(data=...)), "The input 'x' has neither"),
        (message(item(parameters=3)), "The parameters of the input 'x' must be an object"),
        (message(item(parameters={"binary_data_size": 12})), "The input 'x' has both"),
        (message(item(data=..., parameters={"binary_data_size": 12})), "has no header Inference-Header-Content-Length"),
        (message(item(data=..., parameters={"binary_data_size": -1})), "of the input 'x' must be a whole number"),
        (message(outputs={"name": "y"}), '"outputs" must be an array of objects with a "name"'),
        (message(outputs=[{"name": 3}]), '"outputs" must be an array'),
        (message(outputs=[{"name": "y"}, {"name": "z"}, {"name": "y"}]), "The output 'y' is asked for twice"),
        (message(outputs=[{"name": "y" * 1000, "parameters": 3}]), "output '%s must be an object" % ("y" * 80 + "'")),
        (message(outputs=[{"name": "y", "parameters": 3}]), "The parameters of the output 'y' must be an object"),
        (
            message(outputs=[{"name": "y", "parameters": {"classification": 2}}]),
            "classification of the output 'y' isn't",
        ),
        (message(outputs=[{"name": "y", "parameters": {"binary_data": "yes"}}]), "binary_data must be true or false"),
    ],
)
def test_a_request_that_isnt_one_is_refused(body, words):
    with refused(words):
        read(body)


def test_what_few_compressed_bytes_may_make():
    """Each bracket may take 250 bytes of memory, each number 40, each text 60: 62 kB of gzip took 6 GB."""
    assert open_inference.loads(b"[%s1]" % (b" " * (5 * 1024 * 1024 - 3)), 9) == [1]
    assert len(open_inference.loads(b"[%s{}]" % (b"[]," * 19998), 9)) == 19999
    assert len(open_inference.loads(b"[%s{}]" % (b"[]," * 19999), 20001)) == 20000
    assert open_inference.loads(b"[%s1]" % (b" " * (5 * 1024 * 1024 + 5)), 640 * 1024 + 1) == [1]
    with refused("5242881 bytes of JSON or texts are more than 655360 bytes may make"):
        open_inference.loads(b"[%s1]" % (b" " * (5 * 1024 * 1024 - 2)), 640 * 1024)
    with refused("has 20001 arrays, objects or texts, more than its 20000 compressed bytes"):
        open_inference.loads(b"[%s{}]" % (b"[]," * 19999), 20000)
    assert len(open_inference.loads(b'["%s"]' % b'","'.join([b"a"] * 19999), 9)) == 19999
    with refused("has 20001 arrays, objects or texts"):
        open_inference.loads(b'["%s"]' % b'","'.join([b"a"] * 20000), 9)


def test_what_few_compressed_bytes_may_make_of_texts_and_in_the_json_before_them():
    tensor = Tensor("t", "BYTES", [None])

    def read_texts(count, sent, more=b""):
        described = item(
            name="t", datatype="BYTES", shape=[count], data=..., parameters={"binary_data_size": 4 * count}
        )
        head = message(described) + more
        return open_inference.inference(head + bytes(4 * count), str(len(head)), [tensor], sent).arrays["t"]

    assert read_texts(20000, 9).shape == read_texts(20001, None)[1:].shape == (20000,)
    assert read_texts(20001, 20001).shape == (20001,)
    with refused("has 20001 arrays, objects or texts"):
        read_texts(20001, 9)
    with refused("bytes of JSON or texts are more than 9 bytes may make"):
        read_texts(1, 9, b" " * 5 * 1024 * 1024)


def test_what_few_compressed_bytes_may_make_of_rows(monkeypatch):
    """15 kB of gzip were four million rows, of which a classifier's dicts took 1.8 GB, or 500,000 with 30 labels."""
    assert open_inference._MOST_ROWS == 20000
    monkeypatch.setattr(open_inference, "_MOST_ROWS", 6)
    tensor = Tensor("t", "UINT8", [None, 3, "w"])

    def read(shape, sent, way):
        count = tensors.elements(shape)
        if way == "raw":
            return open_inference.inference(bytes(count), "0", [tensor], sent).arrays["t"].shape
        more = {"data": [0] * count} if way == "data" else {"data": ..., "parameters": {"binary_data_size": count}}
        head = message(item(name="t", datatype="UINT8", shape=shape, **more))
        length, tail = ("", b"") if way == "data" else (str(len(head)), bytes(count))
        return open_inference.inference(head + tail, length, [tensor], sent).arrays["t"].shape

    for way, shape, larger in (
        ("raw", [1, 3, 6], [1, 3, 7]),
        ("data", [3, 3, 2], [7, 3, 1]),
        ("binary", [6, 3, 1], [4, 3, 2]),
    ):
        assert read(shape, 5, way) == tuple(shape)
        assert read(larger, None, way) == read(larger, 8, way) == tuple(larger)
        with refused(
            "The input 't' has %d rows, more than its 6 compressed bytes may make; send it as it is."
            % (tensors.elements(larger) // 3)
        ):
            read(larger, 6, way)


def test_no_sizes_are_multiplied_of_a_shape_that_the_model_does_not_take(monkeypatch):
    """Each product was longer than the one before: 19 kB of gzip, with 390,000 sizes, took minutes."""
    multiplied, elements = [], tensors.elements

    def counted(shape):
        multiplied.append(list(shape))
        return elements(multiplied[-1])

    monkeypatch.setattr(tensors, "elements", counted)
    for dims in ([None], []):
        tensor = Tensor("t", "BYTES", dims)
        for data in ({"data": ..., "parameters": {"binary_data_size": 0}}, {"data": [[]] * 2}):
            head = message(item(name="t", datatype="BYTES", shape=[2**63 - 1] * 1000, **data))
            with refused(r"922337203685477580") as told:
                open_inference.inference(head, str(len(head)), [tensor], 9)
            assert len(str(told.value)) < 500
    assert not multiplied


def test_binary_data_that_are_too_few_or_too_many_are_refused():
    head = message(item(data=..., parameters={"binary_data_size": 12}))
    length = str(len(head))
    with refused("has 12 bytes of binary data, but only 11 are left"):
        read(head + b"\0" * 11, length)
    two = [Tensor("a", "UINT8", [None]), Tensor("b", "UINT8", [None])]
    both = [item(name=name, datatype="UINT8", shape=[3], data=..., parameters={"binary_data_size": 3}) for name in "ab"]
    head_of_two = message(*both)
    with refused("'b' has 3 bytes of binary data, but only 2 are left"):
        open_inference.inference(head_of_two + b"\0" * 5, str(len(head_of_two)), two)
    with refused("has 1 bytes of binary data more"):
        read(head + b"\0" * 13, length)
    for wrong in ("x", "-1", "9999", "\xb2", "9" * 5000):
        with refused("Inference-Header-Content-Length is .* and the body has"):
            read(head, wrong)


def raw(body, *inputs):
    return open_inference.inference(body, "0", list(inputs))


def test_a_raw_binary_request_is_the_only_input():
    wanted = raw(struct.pack("<6f", *range(6)), X)
    assert wanted.arrays["x"].tolist() == [[0, 1, 2], [3, 4, 5]] and wanted.binary and wanted.outputs is None
    assert raw(b"\0" * 8, Tensor("x", "FP32", [None, None])).arrays["x"].shape == (1, 2)
    assert raw(b"\0" * 8, Tensor("x", "FP32", [2])).arrays["x"].shape == (2,)
    assert raw(b"", Tensor("x", "FP32", [None, 0])).arrays["x"].shape == (0, 0)
    assert raw(b"hello", Tensor("x", "BYTES", [None, 1])).arrays["x"].tolist() == [["hello"]]
    with refused("FP32 of the shape"):
        raw(b"\0" * 13, X)
    assert raw(b"\1\2", Tensor("x", "UINT8", [None])).arrays["x"].tolist() == [1, 2]
    with refused("^Inference-Header-Content-Length is 0, .* the model has several"):
        raw(b"", X, X)


# --- responses --------------------------------------------------------------------------------------------------------


def test_a_response_in_json_is_flat():
    outputs = [(Tensor("y", "FP32", []), numpy.array([[0.5, 1], [2, 3]], "f4"), {"keys": "[1]"}, False)]
    headers, body = open_inference.response({"model_name": "m"}, outputs)
    assert headers == [("Content-Type", "application/json")]
    assert json.loads(body.decode("utf-8")) == {
        "model_name": "m",
        "outputs": [
            {
                "name": "y",
                "datatype": "FP32",
                "shape": [2, 2],
                "parameters": {"keys": "[1]"},
                "data": [0.5, 1.0, 2.0, 3.0],
            }
        ],
    }


def test_a_response_with_binary_data_says_where_they_begin():
    outputs = [
        (Tensor("y", "INT8", []), numpy.array([[1, -1]], "i1"), {}, True),
        (Tensor("s", "BYTES", []), numpy.array("a", "O"), {}, False),
        (Tensor("b", "BOOL", []), numpy.array([True, False, True]), {}, True),
    ]
    headers, body = open_inference.response({"model_name": "m"}, outputs)
    length = int(dict(headers)["Inference-Header-Content-Length"])
    assert dict(headers)["Content-Type"] == "application/octet-stream"
    assert body[length:] == b"\x01\xff\x01\x00\x01"
    y, s, b = json.loads(body[:length].decode("utf-8"))["outputs"]
    assert y["parameters"] == {"binary_data_size": 2} and "data" not in y
    assert b["parameters"] == {"binary_data_size": 3}
    assert s["data"] == ["a"] and s["shape"] == []


def test_descriptions_have_minus_one_for_open_sizes():
    described = Tensor("x", "FP32", ["n", None, 3]).described()
    assert described == {"name": "x", "datatype": "FP32", "shape": [-1, -1, 3]}


# --- pictures ---------------------------------------------------------------------------------------------------------


def picture(dims, datatype="FP32", **metadata):
    named = {"image." + key: value for key, value in metadata.items()}
    return image_tensor.picture_of(Tensor("x", datatype, dims), named)


@pytest.mark.parametrize(
    ("dims", "layout", "size", "channels"),
    [
        (["n", 3, 224, 112], "NCHW", (112, 224), 3),
        ([1, 1, 28, 28], "NCHW", (28, 28), 1),
        ([None, "h", "w", 3], "NHWC", (None, None), 3),
        ([3, 32, 64], "CHW", (64, 32), 3),
        ([32, 64, 1], "HWC", (64, 32), 1),
        ([28, 28], "HW", (28, 28), 1),
    ],
)
def test_an_input_with_the_dims_of_a_picture_takes_one(dims, layout, size, channels):
    found = picture(dims)
    assert (found.layout, found.size, found.channels) == (layout, size, channels)


@pytest.mark.parametrize(
    "dims",
    [[], [3], [None, 4], [4, 4], [8, 3, 28, 28], [None, 2, 28, 28], [None, None, None, None], [3, "h", "w"], [1, 10, 4]]
    + [[2, 28, 28], [1, 1, 3, 28, 28]],
)
def test_other_inputs_take_none(dims):
    assert picture(dims) is None
    assert picture([1, 3, 28, 28], "INT64") is None


def test_the_metadata_tell_the_layout():
    found = picture([None, 28, 28], layout="nhw")
    assert (found.layout, found.size, found.channels) == ("NHW", (28, 28), 1)
    assert picture([None, None, None, None], layout="NHWC").channels == 3
    assert picture([None, None, None, None], layout="NHWC", BitmapPixelFormat="Gray8").channels == 1
    assert picture([None, 4], layout="NCHW") is None
    assert picture([8, 3, 28, 28], layout="NCHW") is None
    assert picture([1, 4, 28, 28], layout="NCHW") is None


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"layout": "NCHX"}, "image.layout is 'NCHX'"),
        ({"layout": "NNHW"}, "image.layout is 'NNHW'"),
        ({"layout": "NCCC"}, "image.layout"),
        ({"BitmapPixelFormat": "Yuv"}, "image.bitmappixelformat is 'yuv'; known are bgr8, gray8, rgb8"),
        ({"mean": "1, 2"}, "image.mean is '1, 2'; it must be a number or 3 of them"),
        ({"std": "0"}, "image.std"),
        ({"scale": "big"}, "image.scale is 'big'"),
    ],
)
def test_metadata_that_make_no_sense_are_an_error(metadata, words):
    with pytest.raises(ValueError, match=words):
        picture([None, 3, 28, 28], **metadata)


Image = pytest.importorskip("PIL.Image")


def png(image, **options):
    file = io.BytesIO()
    image.save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


RED = (255, 0, 51)


def solid(colour=RED, mode="RGB", size=(4, 2)):
    return png(Image.new(mode, size, colour))


def close(array, values):
    return numpy.allclose(array.reshape(-1), numpy.array(values).reshape(-1), atol=1e-3)


def test_a_picture_becomes_what_the_dims_say():
    for dims, shape in (
        ([None, 3, 8, 16], (1, 3, 8, 16)),
        ([1, 8, 16, 3], (1, 8, 16, 3)),
        ([3, 8, 16], (3, 8, 16)),
        ([8, 16, 3], (8, 16, 3)),
        ([8, 16], (8, 16)),
        (["n", 3, "h", "w"], (1, 3, 2, 4)),
        (["n", 3, "h", 16], (1, 3, 2, 16)),
    ):
        array = image_tensor.array_of(picture(dims), solid())
        assert array.shape == shape and array.dtype == numpy.float32 and array.flags["C_CONTIGUOUS"]
    array = image_tensor.array_of(picture([1, 3, "h", "w"]), solid())
    assert close(array[0, :, 0, 0], [1, 0, 0.2])


@pytest.mark.parametrize(
    ("datatype", "metadata", "values"),
    [
        ("UINT8", {}, [255, 0, 51]),
        ("UINT8", {"NominalPixelRange": "Normalized_1_1", "mean": "9"}, [255, 0, 51]),
        ("FP64", {"NominalPixelRange": "NominalRange_0_255"}, [255, 0, 51]),
        ("FP32", {"NominalPixelRange": "Normalized_1_1"}, [1, -1, -0.6]),
        ("FP32", {"NominalPixelRange": "NominalRange_16_235"}, [235, 16, 59.8]),
        ("FP32", {"BitmapPixelFormat": "Bgr8"}, [0.2, 0, 1]),
        ("FP32", {"mean": "[0.5, 0.25, 0.2]", "std": "0.5,0.5,2"}, [1, -0.5, 0]),
        ("FP16", {"scale": "1", "mean": "127.5", "std": "127.5"}, [1, -1, -0.6]),
    ],
)
def test_pixels_are_scaled_as_the_metadata_say(datatype, metadata, values):
    array = image_tensor.array_of(picture([None, 3, None, None], datatype, **metadata), solid())
    assert close(array[0, :, 1, 1], values)
    assert array.dtype == {"UINT8": "u1", "FP16": "f2", "FP32": "f4", "FP64": "f8"}[datatype]


def test_pictures_of_every_kind_are_read():
    grey = picture([None, 1, None, None])
    colour = picture([None, 3, None, None])
    assert close(image_tensor.array_of(grey, solid())[0, 0, 0, 0], [82 / 255])
    assert close(image_tensor.array_of(colour, solid(128, "L"))[0, :, 0, 0], [128 / 255] * 3)
    assert close(image_tensor.array_of(colour, solid((0, 0, 0, 0), "RGBA"))[0, :, 0, 0], [1, 1, 1])
    assert close(image_tensor.array_of(grey, solid((0, 0), "LA"))[0, 0, 0, 0], [1])
    palette = png(Image.new("P", (4, 2), 0), transparency=0)
    assert close(image_tensor.array_of(colour, palette)[0, :, 0, 0], [1, 1, 1])
    deep = Image.frombytes("I;16", (2, 1), struct.pack("<2H", 65535, 32768))
    assert close(image_tensor.array_of(grey, png(deep))[0, 0, 0], [1, 128 / 255])


def turned():
    """Left half red, right half black, with the mark that says it lies on its side."""
    image = Image.new("RGB", (16, 8))
    image.paste(RED, (0, 0, 8, 8))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    return png(image, format="JPEG", exif=exif, quality=95)


def test_a_photo_that_lies_on_its_side_is_put_upright():
    array = image_tensor.array_of(picture([None, 3, None, None]), turned())
    assert array.shape == (1, 3, 16, 8) and array[0, 0, 0, 0] > 0.9 and array[0, 0, 15, 0] < 0.1


@pytest.mark.parametrize("box", [1024, 3])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "HWC", "CHW"])
def test_each_pixel_gets_the_number_that_the_metadata_say(layout, box, monkeypatch):
    monkeypatch.setattr(image_tensor.picture_file, "BOX", box)
    levels = numpy.random.RandomState(1).randint(0, 256, (7, 5, 3)).astype("u1")
    dims = [{"N": 1, "C": 3, "H": 16, "W": 16}[letter] for letter in layout]
    taken = picture(dims, layout=layout, mean="1,2,3", std="7,8,9", scale="3", BitmapPixelFormat="Bgr8")
    taken.size = (None, None)
    expected = ((levels[:, :, ::-1] * 3.0 - [1, 2, 3]) / [7, 8, 9]).astype("f4")
    if layout[-3] == "C":
        expected = expected.transpose(2, 0, 1)
    found = image_tensor.array_of(taken, png(Image.fromarray(levels)))
    assert found.flags["C_CONTIGUOUS"] and (found.reshape(expected.shape) == expected).all()


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_what_is_no_picture_is_refused(content):
    content = solid()[:-30] if content is None else content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with refused("What was sent for the input 'x' is no picture"):
            image_tensor.array_of(picture([None, 3, 8, 8]), content)


def test_too_large_a_picture_is_refused():
    narrow = png(Image.new("L", (1, 60000)))
    assert image_tensor.array_of(picture([None, 1, None, None]), narrow).shape == (1, 1, 60000, 1)
    with refused("The picture for the input 'x' is too large: it has 1 x 60000 pixels, for which 240 MB"):
        image_tensor.array_of(picture([None, 1, 1000, 1000]), narrow)


def test_a_picture_whose_colours_cant_be_converted_is_refused(monkeypatch):
    def unknown(*_):
        raise ValueError("conversion from LAB to RGB not supported")  # as older Pillows say

    content = png(Image.new("LAB", (8, 8)), format="TIFF")
    monkeypatch.setattr(Image.Image, "convert", unknown)
    with refused("What was sent for the input 'x' is no picture: conversion from LAB"):
        image_tensor.array_of(picture([None, 3, 8, 8]), content)


def test_a_file_of_a_format_that_is_not_taken_is_refused():
    with refused("is no picture: it is none of PNG, JPEG, GIF, BMP, WEBP, TIFF, PPM, which are taken"):
        image_tensor.array_of(picture([None, 3, 8, 8]), png(Image.new("RGB", (32, 32)), format="ICO"))


def test_without_pillow_pictures_cant_be_read(monkeypatch):
    content = solid()
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(image_tensor.NoPillow):
        image_tensor.array_of(picture([None, 3, 8, 8]), content)
