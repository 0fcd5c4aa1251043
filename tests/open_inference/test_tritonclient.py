"""NVIDIA's own client of the Open Inference Protocol, which knows nothing of us, against the proxy as a web server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_writer as onnx
import pytest
import requests
from bed import CHECKOUT
from client_inputs import DIGITS, digits, given
from tritonclient.http import InferenceServerClient, InferRequestedOutput
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def client(served: Callable[[Path], str]) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(served(DIGITS)) as made:
        yield made


def test_live_and_ready(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1")
    assert not client.is_model_ready("letters")
    assert not client.is_model_ready("digits", "2")


def test_metadata(client: InferenceServerClient) -> None:
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    about = client.get_model_metadata("digits", "1")
    assert (about["name"], about["versions"], about["platform"]) == ("digits", ["1"], "onnx_onnxv1")
    assert about["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 20, 20]}]
    assert [item["name"] for item in about["outputs"]] == ["digit", "probabilities"]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_inference(client: InferenceServerClient, binary_in: bool, binary_out: bool | None) -> None:
    outputs = None
    if binary_out is not None:
        outputs = [InferRequestedOutput(name, binary_data=binary_out) for name in ("probabilities", "digit")]
    result = client.infer("digits", [given(digits(7, 3, 0), binary_in)], outputs=outputs, request_id="a b")
    assert result.get_response()["id"] == "a b"
    assert result.as_numpy("digit").tolist() == [7, 3, 0]
    probabilities = result.as_numpy("probabilities")
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (3, 10)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_json_and_binary_data_say_the_same(client: InferenceServerClient) -> None:
    answers = []
    for binary in (True, False):
        output = InferRequestedOutput("probabilities", binary_data=binary)
        result = client.infer("digits", [given(digits(4, 5), binary)], outputs=[output])
        answers.append(np.asarray(result.as_numpy("probabilities"), np.float32).tobytes())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_request(client: InferenceServerClient, coding: str) -> None:
    result = client.infer("digits", [given(digits(9))], request_compression_algorithm=coding)
    assert result.as_numpy("digit").tolist() == [9]


def test_an_answer_that_the_client_would_take_compressed(client: InferenceServerClient) -> None:
    result = client.infer("digits", [given(digits(9))], response_compression_algorithm="gzip")
    assert result.as_numpy("digit").tolist() == [9]


def test_at_once(client: InferenceServerClient) -> None:
    asked = [client.async_infer("digits", [given(digits(number))]) for number in range(10)]
    assert [request.get_result().as_numpy("digit").tolist() for request in asked] == [[n] for n in range(10)]


@pytest.mark.parametrize(
    ("model", "array", "outputs", "error"),
    [
        ("letters", digits(1), None, "404 There is no model 'letters' here, only 'digits'."),
        ("digits 2", digits(1), None, "404 has no version '2'"),
        ("digits", digits(1)[0], None, "400 must have the shape [batch, 1, 20, 20]; this one has [1, 20, 20]"),
        ("digits", digits(1).astype(np.float64), None, "400 must have the datatype FP32"),
        ("digits", digits(1), [InferRequestedOutput("letter")], "400 The model has no output 'letter'"),
        ("digits", digits(1), [InferRequestedOutput("digit", class_count=2)], "400 classification of the output"),
    ],
)
def test_what_the_client_is_told(
    client: InferenceServerClient, model: str, array: Any, outputs: Any, error: str
) -> None:
    name, _, version = model.partition(" ")
    with pytest.raises(InferenceServerException) as refused:
        client.infer(name, [given(array)], model_version=version, outputs=outputs)
    status, _, words = error.partition(" ")
    assert refused.value.status() == status
    assert words in refused.value.message()


KINDS = [
    (onnx.BOOL, np.array([True, False])),
    (onnx.UINT8, np.array([0, 255], np.uint8)),
    (onnx.UINT16, np.array([0, 65535], np.uint16)),
    (onnx.UINT32, np.array([0, 2**32 - 1], np.uint32)),
    (onnx.UINT64, np.array([0, 2**64 - 1], np.uint64)),
    (onnx.INT8, np.array([-128, 127], np.int8)),
    (onnx.INT16, np.array([-(2**15), 2**15 - 1], np.int16)),
    (onnx.INT32, np.array([-(2**31), 2**31 - 1], np.int32)),
    (onnx.INT64, np.array([-(2**63), 2**63 - 1], np.int64)),
    (onnx.FLOAT16, np.array([0.1, 65504], np.float16)),
    (onnx.FLOAT, np.array([0.1, np.inf], np.float32)),
    (onnx.DOUBLE, np.array([0.1, np.nan])),
    (onnx.STRING, np.array(["é".encode(), b""], object)),
]


def test_every_datatype_as_binary_data(served: Callable[[Path], str], tmp_path: Path) -> None:
    shapes = [(f"x{number}", onnx.tensor(kind, ["n"])) for number, (kind, _) in enumerate(KINDS)]
    outputs = [("y" + name, kind) for name, kind in shapes]
    nodes = [onnx.node("Identity", [name], ["y" + name]) for name, _ in shapes]
    (tmp_path / "all.onnx").write_bytes(onnx.model(shapes, outputs, nodes))
    arrays = {name: array for (name, _), (_, array) in zip(shapes, KINDS, strict=True)}
    with InferenceServerClient(served(tmp_path)) as client:
        result = client.infer("all", [given(array, name=name) for name, array in arrays.items()])
    for name, array in arrays.items():
        got = result.as_numpy("y" + name)
        assert got.dtype == array.dtype
        assert got.tolist() == array.tolist() or np.array_equal(got, array, equal_nan=True), name


def test_no_rows(client: InferenceServerClient) -> None:
    result = client.infer("digits", [given(digits(1)[:0])])
    assert result.as_numpy("probabilities").shape == (0, 10)


def test_a_picture_beside_the_protocol(served: Callable[[Path], str]) -> None:
    """What is uploaded as a file is what a client of the protocol would send of it."""
    file = io.BytesIO((CHECKOUT / "assets" / "digit-7.png").read_bytes())
    answer = requests.post(f"http://{served(DIGITS)}/", files={"image": file}, timeout=60).json()
    assert answer["outputs"]["digit"] == [7]
