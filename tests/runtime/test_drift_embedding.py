import sys
import tracemalloc

import numpy
import pytest
from modelproxy.drift.declaration import checked
from modelproxy.drift.embedding import Embedding, NoVector, as_vector
from modelproxy.messages import Request

JSON = [("content-type", "application/json")]


def embedding(**declaration):
    return Embedding(checked(declaration), False)


def asked(body=b'{"a": [1, 2]}', method="POST", headers=JSON):
    return Request(method, "/", headers=headers, body=body)


class Model:
    """A host whose model has methods."""

    def embedder(self, name):
        return lambda request, until: [name == "embed", len(request.body)] and [1.5, len(request.body)]


class Decoding:
    """A host that undoes a Content-Encoding."""

    def content_of(self, request):
        return b'{"a": 1, "b": 2}'


def test_a_function_gets_the_input(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def embed(given):\n    return [len(given), 1]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = embedding(kind="function", target="mine:embed")
    made.before_loading()
    made.loaded(None)
    made.begin()
    assert made.is_slow and made.computed() == () and made.layer is None and str(made) == "the function mine:embed"
    assert made.vector(asked(), b"", ()) == [1.0, 1.0]
    assert made.vector(asked(b"12345", headers=[]), b"", ()) == [5.0, 1.0]
    assert made.vector({"a": 1, "b": 2}, {}, ()) == [2.0, 1.0]  # of an activation without HTTP
    assert made.vector(asked(b"", "GET"), b"", ()) is None
    with pytest.raises(NoVector, match="no body"):
        made.vector(asked(b""), b"", ())
    made.loaded(Decoding())
    assert made.vector(asked(b'{"packed": 3}'), b"", ()) == [2.0, 1.0]
    sys.modules.pop("mine")


def test_a_method_gets_the_request():
    made = embedding(kind="method")
    made.loaded(Model())
    assert made.vector(asked(b"123"), b"", ()) == [1.5, 3.0]
    assert made.vector(asked(b"", "HEAD"), b"", ()) is None
    with pytest.raises(NoVector, match="only a Predictor or a Deployment"):
        embedding(kind="method").loaded(object())


def test_a_picture():
    from io import BytesIO

    from PIL import Image

    made = embedding(kind="picture")
    made.loaded(None)
    buffer = BytesIO()
    Image.new("RGB", (9, 9), "red").save(buffer, "PNG")
    assert len(made.vector(asked(buffer.getvalue(), headers=[]), b"", ())) == 512
    with pytest.raises(NoVector, match="no picture in the input"):
        made.vector(asked(), b"", ())


def test_an_answer():
    made = embedding(kind="answer", pointer="/v")
    made.loaded(None)
    assert not made.is_slow
    assert made.vector(asked(), b'{"v": [1, 2]}', ()) == [1.0, 2.0]
    assert made.vector({}, {"v": [3]}, ()) == [3.0]
    for answer in (b"{}", b"\xff", b"text", b"[" * 100000):
        with pytest.raises(NoVector):
            made.vector(asked(), answer, ())
        assert made.vector(asked(method="GET"), answer, ()) is None
    assert made.vector(asked(method="GET"), b'{"v": [1]}', ()) == [1.0]


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        ([numpy.ones((1, 3))], [1, 1, 1]),
        ([numpy.array([1.0, 2.0])], [1, 2]),
        ([numpy.array([[1, 2], [3, 4]])], [2, 3]),
        ([numpy.array([[1, 2]]), numpy.array([[3, 6]])], [2, 4]),
        ([numpy.arange(8).reshape(1, 2, 2, 2)], [1.5, 5.5]),
        ([numpy.arange(6).reshape(1, 3, 2)], [2, 3]),
    ],
)
def test_a_layer(runs, wanted):
    made = embedding(kind="onnx-layer")
    made.begin()
    for value in runs:
        made._layer.record(value)
    assert list(made.vector(asked(), b"", made.computed())) == wanted


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([], "no onnxruntime session"),
        ([numpy.float32(1)], "no values"),
        ([numpy.zeros((0, 3))], "no values"),
        ([["text"]], "no numbers"),
        ([numpy.ones((1, 2)), numpy.ones((1, 3))], "not all the same size"),
    ],
)
def test_a_layer_without_a_vector(runs, why):
    with pytest.raises(NoVector, match=why):
        embedding(kind="onnx-layer").vector(asked(), b"", runs)


def test_why_a_layer_made_no_run():
    made = embedding(kind="onnx-layer", layer="h")
    assert made.vector(asked(method="GET"), b"", []) is None and str(made) == "the layer h"
    made._layer.trouble = "it is split"
    with pytest.raises(NoVector, match="it is split"):
        made.vector(asked(), b"", [])
    made._layer.name, made._layer.file = "h", "/model/a.onnx"
    assert made.layer == ("h", "/model/a.onnx") and str(made) == "the layer h of a.onnx"
    with pytest.raises(NoVector, match="didn't run for this answer"):
        made.vector(asked(), b"", [])
    made._layer.file = None
    assert str(made) == "the layer h"


class Tensor:
    """As those of other libraries than numpy."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values


@pytest.mark.parametrize(
    ("returned", "wanted"),
    [
        ([1, 2], [1, 2]),
        ((1, 2.5), [1, 2.5]),
        ([[1, 2], (3, 4)], [2, 3]),
        (numpy.array([1, 2], "f8"), [1, 2]),
        (numpy.array([[1, 2], [3, 4]]), [2, 3]),
        (numpy.array([[[1, 2], [3, 4]], [[5, 6], [8, 9]]], "f4"), [4.25, 5.25]),
        (numpy.array(7), [7]),
        ([numpy.float32(1), numpy.int64(2)], [1, 2]),
        ([numpy.array([1, 2]), numpy.array([3, 4])], [2, 3]),
        (Tensor([[1, 2]]), [1, 2]),
        (7, [7]),
    ],
)
def test_what_a_function_may_return(returned, wanted):
    assert list(as_vector(returned)) == wanted


def test_many_rows_are_no_lists():
    """39 MB took 557 more, and six seconds."""
    rows = numpy.full((2000, 128), 0.1, "f4")
    tracemalloc.start()
    try:
        assert list(as_vector(rows)) == [numpy.float32(0.1)] * 128
        assert tracemalloc.get_traced_memory()[1] < rows.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "returned", [None, "text", [], {"a": 1}, [None], [[1], [1, 2]], numpy.empty((0, 2)), Tensor("x"), True, object()]
)
def test_what_is_no_vector(returned):
    with pytest.raises(NoVector, match="is no vector"):
        as_vector(returned)
