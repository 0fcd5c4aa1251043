"""A small server of one ONNX file, as the Open Inference Protocol's documents have it, and models/onnx-digits' README
for what lies outside of the protocol. Written from those alone: it shares nothing with the proxy.

    python open_inference_reference.py MODEL.onnx PORT
"""

from __future__ import annotations

import io
import json
import sys
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, UnidentifiedImageError

NUMPY_TYPES = {
    "BOOL": np.bool_, "UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
ONNX_TYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64", "tensor(uint8)": "UINT8", "tensor(string)": "BYTES"}
HEADER_LENGTH = "Inference-Header-Content-Length"
Pairs = dict[str, str]


class Refused(Exception):
    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


class Model:
    def __init__(self, file: Path) -> None:
        self.name = file.stem
        self.session = onnxruntime.InferenceSession(file)
        self.version = str(self.session.get_modelmeta().version)
        self.inputs = {item.name: self.described(item) for item in self.session.get_inputs()}
        self.outputs = {item.name: self.described(item) for item in self.session.get_outputs()}

    @staticmethod
    def described(item: Any) -> dict[str, Any]:
        shape = [size if isinstance(size, int) else -1 for size in item.shape]
        return {"name": item.name, "datatype": ONNX_TYPES[item.type], "shape": shape}

    def metadata(self) -> dict[str, Any]:
        about = {"name": self.name, "versions": [self.version], "platform": "onnx_onnxv1"}
        return {**about, "inputs": [*self.inputs.values()], "outputs": [*self.outputs.values()]}

    def run(self, names: list[str], arrays: dict[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        for name, wanted in self.inputs.items():
            if name not in arrays:
                raise Refused(400, f"missing input {name}")
            shape = arrays[name].shape
            if len(shape) != len(wanted["shape"]) or any(
                size not in (-1, got) for size, got in zip(wanted["shape"], shape, strict=True)
            ):
                raise Refused(400, f"unexpected shape {shape} of input {name}")
        outputs: list[np.ndarray[Any, Any]] = self.session.run(names, arrays)
        return outputs


def strict_json(body: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(body, parse_constant=refuse)
    except ValueError as error:
        raise Refused(400, f"failed to parse the request: {error}") from None


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def from_json(data: Any, datatype: str, shape: list[int] | None) -> np.ndarray[Any, Any]:
    flat = leaves(data)
    if not all(map(is_number, flat)):
        raise Refused(400, f"unexpected element, wanted {datatype}")
    try:
        array = np.array(data, np.float64)
    except ValueError:
        raise Refused(400, "the data are ragged") from None
    with np.errstate(over="ignore"):
        array = array.astype(NUMPY_TYPES[datatype])
    if not np.isfinite(array).all():
        raise Refused(400, f"an element is out of the range of {datatype}")
    if shape is None:
        return array
    if array.ndim != 1 and list(array.shape) != shape:
        raise Refused(400, "the nesting isn't that of the shape")
    if len(flat) != np.prod(shape, dtype=object):
        raise Refused(400, "unexpected number of elements")
    return array.reshape(shape)


def tensor_of(item: dict[str, Any], model: Model, tail: io.BytesIO | None) -> np.ndarray[Any, Any]:
    wanted = model.inputs.get(item.get("name", ""))
    if wanted is None:
        raise Refused(400, f"unexpected input {item.get('name')}")
    if item.get("datatype") != wanted["datatype"]:
        raise Refused(400, f"unexpected datatype {item.get('datatype')} of input {item['name']}")
    shape = item.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise Refused(400, "the shape isn't one")
    size = item.get("parameters", {}).get("binary_data_size")
    if size is None:
        if "data" not in item:
            raise Refused(400, "no data")
        return from_json(item["data"], wanted["datatype"], shape)
    raw = tail.read(size) if tail is not None else b""
    kind = np.dtype(NUMPY_TYPES[wanted["datatype"]])
    if "data" in item or len(raw) != size or size != np.prod(shape, dtype=object) * kind.itemsize:
        raise Refused(400, "unexpected size of binary data")
    return np.frombuffer(raw, kind).reshape(shape)


def infer(model: Model, body: bytes, length: str | None) -> tuple[Pairs, bytes]:
    if length is not None and not (length.isdecimal() and int(length) <= len(body)):
        raise Refused(400, f"unexpected {HEADER_LENGTH}")
    tail = None if length is None else io.BytesIO(body[int(length) :])
    if length == "0":
        name, wanted = next(iter(model.inputs.items()))
        shape = [-1 if size == -1 else size for size in wanted["shape"]]
        try:
            arrays = {name: np.frombuffer(body, NUMPY_TYPES[wanted["datatype"]]).reshape(shape)}
        except ValueError:
            raise Refused(400, "unexpected size of binary data") from None
        request: dict[str, Any] = {"parameters": {"binary_data_output": True}}
    else:
        request = strict_json(body if length is None else body[: int(length)])
        if not isinstance(request, dict) or not isinstance(request.get("inputs"), list):
            raise Refused(400, "no inputs")
        if not isinstance(request.get("id", ""), str):
            raise Refused(400, "the id is no string")
        arrays = {item["name"]: tensor_of(item, model, tail) for item in request["inputs"]}
        if tail is not None and tail.read():
            raise Refused(400, "unexpected additional binary data")
    return answer_of(model, request, arrays)


def answer_of(model: Model, request: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> tuple[Pairs, bytes]:
    all_binary = request.get("parameters", {}).get("binary_data_output", False)
    asked = request.get("outputs") or [{"name": name} for name in model.outputs]
    for item in asked:
        if item["name"] not in model.outputs:
            raise Refused(400, f"unexpected output {item['name']}")
    results = model.run([item["name"] for item in asked], arrays)
    outputs, tail = [], b""
    for item, result in zip(asked, results, strict=True):
        described = {**model.outputs[item["name"]], "shape": list(result.shape)}
        if item.get("parameters", {}).get("binary_data", all_binary):
            raw = result.astype(result.dtype.newbyteorder("<")).tobytes()
            outputs.append({**described, "parameters": {"binary_data_size": len(raw)}})
            tail += raw
        else:
            outputs.append({**described, "data": result.reshape(-1).tolist()})
    answer: dict[str, Any] = {"model_name": model.name, "model_version": model.version}
    if "id" in request:
        answer["id"] = request["id"]
    head = json.dumps({**answer, "outputs": outputs}, separators=(",", ":")).encode()
    if not tail:
        return {"Content-Type": "application/json"}, head
    return {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}, head + tail


# --- what lies outside of the protocol --------------------------------------------------------------------------------


def picture(model: Model, content: bytes) -> dict[str, np.ndarray[Any, Any]]:
    (name, wanted) = next(iter(model.inputs.items()))
    _, channels, height, width = wanted["shape"]
    try:
        image = Image.open(io.BytesIO(content)).convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, OSError):
        raise Refused(400, "no picture") from None
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
    return {name: pixels.reshape(height, width, channels).transpose(2, 0, 1)[None]}


def from_form(model: Model, kind: str, body: bytes) -> dict[str, np.ndarray[Any, Any]]:
    form = message_from_bytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    if not form.is_multipart() or form.defects:
        raise Refused(400, "the form is broken")
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for part in form.get_payload():
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename() is not None:
            arrays.update(picture(model, content))
        elif part.get_param("name", header="content-disposition") == "inputs":
            arrays.update(plain(model, {"inputs": strict_json(content)}))
    return arrays


def plain(model: Model, message: Any) -> dict[str, np.ndarray[Any, Any]]:
    if not isinstance(message, dict) or "inputs" not in message:
        raise Refused(400, "no inputs")
    given = message["inputs"]
    if not isinstance(given, dict):
        given = {next(iter(model.inputs)): given}
    if not set(given) <= set(model.inputs):
        raise Refused(400, "unexpected input")
    return {name: from_json(data, model.inputs[name]["datatype"], None) for name, data in given.items()}


def predict(model: Model, kind: str, body: bytes) -> tuple[Pairs, bytes]:
    if kind.startswith("multipart/form-data"):
        arrays = from_form(model, kind, body)
    elif kind.startswith(("image/", "application/octet-stream")):
        arrays = picture(model, body)
    else:
        arrays = plain(model, strict_json(body))
    results = model.run([*model.outputs], arrays)
    outputs = {name: result.tolist() for name, result in zip(model.outputs, results, strict=True)}
    return {"Content-Type": "application/json"}, json.dumps({"outputs": outputs}).encode()


# --- HTTP -------------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status = 200
        try:
            headers, content = self.found(body)
        except Refused as error:
            status = error.status
            headers, content = (
                {"Content-Type": "application/json", **error.headers},
                json.dumps({"error": str(error)}).encode(),
            )
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def found(self, body: bytes) -> tuple[Pairs, bytes]:
        parts = [part for part in self.path.partition("?")[0].split("/") if part]
        if parts in ([], ["predict"]):
            self.allow("GET", "HEAD", "POST")
            if self.command == "POST":
                return predict(self.model, self.headers.get("Content-Type", ""), body)
            return self.json({**self.model.metadata(), "usage": []})
        if parts[0] != "v2":
            raise Refused(404, "not found")
        if parts[1:2] == ["models"] and len(parts) > 2:
            return self.of_model(parts[2:], body)
        known: dict[tuple[str, ...], Any] = {
            (): {"name": "reference", "version": "1", "extensions": ["binary_tensor_data"]},
            ("health", "live"): {"live": True},
            ("health", "ready"): {"ready": True},
        }
        if tuple(parts[1:]) not in known:
            raise Refused(404, "not found")
        self.allow("GET", "HEAD")
        return self.json(known[tuple(parts[1:])])

    def of_model(self, parts: list[str], body: bytes) -> tuple[Pairs, bytes]:
        if parts[0] != self.model.name:
            raise Refused(404, f"unknown model {parts[0]}")
        rest = parts[1:]
        if rest[:1] == ["versions"] and len(rest) > 1:
            if rest[1] != self.model.version:
                raise Refused(404, f"unknown version {rest[1]}")
            rest = rest[2:]
        if rest == ["infer"]:
            self.allow("POST")
            return infer(self.model, body, self.headers.get(HEADER_LENGTH))
        if rest not in ([], ["ready"]):
            raise Refused(404, "not found")
        self.allow("GET", "HEAD")
        return self.json({"name": self.model.name, "ready": True} if rest else self.model.metadata())

    def allow(self, *methods: str) -> None:
        if self.command not in methods:
            raise Refused(405, f"{self.command} isn't allowed", Allow=", ".join(methods))

    @staticmethod
    def json(value: Any) -> tuple[Pairs, bytes]:
        return {"Content-Type": "application/json"}, json.dumps(value).encode()


def main() -> None:
    Handler.model = Model(Path(sys.argv[1]))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()


if __name__ == "__main__":
    main()
