"""Requests to models/onnx-digits: the endpoints of the Open Inference Protocol, binary data, plain JSON, pictures."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

from calls import Call, multipart

USUAL = ["{python}", "{here}/open_inference_reference.py", "digits.onnx", "{port}"]

_ASSETS = Path(__file__).parents[2] / "assets"
_SEVEN = (_ASSETS / "digit-7.png").read_bytes()
_JSON = {"Content-Type": "application/json"}
_INFER = "/v2/models/digits/infer"

# A one: white paper, a black stroke from top to bottom.
_ONE = [[0.0625 if 2 <= row < 18 and 9 <= column < 12 else 1.0 for column in range(20)] for row in range(20)]
_GRID = [[_ONE]]
_FLAT = [pixel for row in _ONE for pixel in row]
_RAW = struct.pack("<400f", *_FLAT)
_BINARY = {"binary_data": True}


def _tensor(**changes: Any) -> dict[str, Any]:
    made = {"name": "image", "shape": [1, 1, 20, 20], "datatype": "FP32", "data": _FLAT, **changes}
    return {key: value for key, value in made.items() if value is not None}


def _infer(name: str, message: Any, path: str = _INFER, cooked: bool = True, **headers: str) -> Call:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Call(name, "POST", path, {**_JSON, **headers}, body, cooked)


def _binary(name: str, message: Any, tail: bytes, length: str = "") -> Call:
    head = json.dumps(message).encode() if message is not None else b""
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": length or str(len(head)),
    }
    return Call(name, "POST", _INFER, headers, head + tail)


def _predict(name: str, message: Any, path: str = "", plain: bool = False, cooked: bool = True) -> Call:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Call(name, "POST", path, _JSON, body, cooked, message if plain else None)


def _picture(number: int) -> Call:
    content = (_ASSETS / f"digit-{number}.png").read_bytes()
    headers, body = multipart({"image": (f"digit-{number}.png", content, "image/png")})
    plain = {"image": base64.b64encode(content).decode()}
    return Call(f"picture of a {number}", "POST", "", headers, body, plain=plain)


def _form(name: str, fields: dict[str, str | tuple[str, bytes, str]], cut: int | None = None) -> Call:
    headers, body = multipart(fields)
    return Call(name, "POST", "/predict", headers, body[:cut])


_SIZED = {"binary_data_size": len(_RAW)}

CALLS = [
    # what there is
    Call("about", usual_path="/"),
    Call("server", path="/v2"),
    Call("live", path="/v2/health/live"),
    Call("ready", path="/v2/health/ready"),
    Call("model", path="/v2/models/digits"),
    Call("model of a version", path="/v2/models/digits/versions/1"),
    Call("model ready", path="/v2/models/digits/ready"),
    Call("model of a version ready", path="/v2/models/digits/versions/1/ready"),
    Call("head of the model", "HEAD", "/v2/models/digits"),
    Call("unknown model", path="/v2/models/letters"),
    Call("unknown version", path="/v2/models/digits/versions/2"),
    Call("unknown version ready", path="/v2/models/digits/versions/2/ready"),
    Call("unknown path", path="/v2/nothing"),
    Call("unknown path outside", path="/nothing"),
    Call("infer by GET", path=_INFER),
    Call("metadata by POST", "POST", "/v2/models/digits", _JSON, b"{}"),
    # inference
    _infer("flat", {"id": "42", "inputs": [_tensor()]}),
    _infer("nested", {"inputs": [_tensor(data=_GRID)]}),
    _infer("two", {"inputs": [_tensor(data=_FLAT * 2, shape=[2, 1, 20, 20])]}),
    _infer("none", {"inputs": [_tensor(data=[], shape=[0, 1, 20, 20])]}),
    _infer("of a version", {"inputs": [_tensor()]}, "/v2/models/digits/versions/1/infer"),
    _infer("one output", {"inputs": [_tensor()], "outputs": [{"name": "digit"}]}),
    _infer("outputs turned", {"inputs": [_tensor()], "outputs": [{"name": "probabilities"}, {"name": "digit"}]}),
    _infer("all binary out", {"inputs": [_tensor()], "parameters": {"binary_data_output": True}}),
    _infer("one binary out", {"inputs": [_tensor()], "outputs": [{"name": "digit", "parameters": _BINARY}]}),
    _binary("binary in", {"inputs": [_tensor(data=None, parameters=_SIZED)]}, _RAW),
    _binary(
        "binary in and out",
        {
            "inputs": [_tensor(data=None, parameters=_SIZED)],
            "outputs": [{"name": "digit"}, {"name": "probabilities", "parameters": _BINARY}],
        },
        _RAW,
    ),
    _binary("raw", None, _RAW, "0"),
    # inference, refused
    _infer("empty", b"", cooked=False),
    _infer("no JSON", b'{"inputs": [', cooked=False),
    _infer("NaN", json.dumps({"inputs": [_tensor(data=[float("nan")] * 400)]}).encode(), cooked=False),
    _infer("no inputs", {"outputs": []}),
    _infer("unknown input", {"inputs": [_tensor(name="picture")]}),
    _infer("missing input", {"inputs": []}),
    _infer("unknown output", {"inputs": [_tensor()], "outputs": [{"name": "letter"}]}),
    _infer("wrong datatype", {"inputs": [_tensor(datatype="INT64")]}),
    _infer("BF16", {"inputs": [_tensor(datatype="BF16")]}),
    _infer("wrong shape", {"inputs": [_tensor(shape=[1, 1, 10, 40])]}),
    _infer("wrong rank", {"inputs": [_tensor(shape=[20, 20])]}),
    _infer("negative shape", {"inputs": [_tensor(shape=[-1, 1, 20, 20])]}),
    _infer("too few", {"inputs": [_tensor(data=_FLAT[1:])]}),
    _infer("nested otherwise", {"inputs": [_tensor(data=[_FLAT])]}),
    _infer("a text among numbers", {"inputs": [_tensor(data=["1", *_FLAT[1:]])]}),
    _infer("beyond a float", {"inputs": [_tensor(data=[1e39, *_FLAT[1:]])]}),
    _infer("id that is no string", {"id": 1, "inputs": [_tensor()]}),
    _infer("no data", {"inputs": [_tensor(data=None)]}),
    _binary("binary too short", {"inputs": [_tensor(data=None, parameters=_SIZED)]}, _RAW[:-1]),
    _binary("binary too long", {"inputs": [_tensor(data=None, parameters=_SIZED)]}, _RAW + b"\0"),
    _binary("header length too large", {"inputs": [_tensor()]}, b"", "99999"),
    _binary("raw of a wrong size", None, _RAW[:-1], "0"),
    # plain JSON
    _predict("plain", {"inputs": {"image": _GRID}}, plain=True),
    _predict("plain, the only input", {"inputs": _GRID}, "/predict", plain=True),
    _predict("plain without inputs", {"images": _GRID}, plain=True),
    _predict("plain of a wrong shape", {"inputs": {"image": _ONE}}),
    _predict("plain with an unknown input", {"inputs": {"image": _GRID, "size": 1}}),
    _predict("plain, ragged", {"inputs": [[[[1.0, 2.0], [3.0]]]]}),
    _predict("plain, no JSON", b"hello", cooked=False),
    # pictures
    *(_picture(number) for number in range(10)),
    Call("picture as the body", "POST", "", {"Content-Type": "image/png"}, _SEVEN),
    Call("picture without a type of its own", "POST", "", {"Content-Type": "application/octet-stream"}, _SEVEN),
    _form("picture under another name", {"file": ("7.png", _SEVEN, "image/png"), "note": "hello"}),
    _form("inputs in a form", {"inputs": json.dumps({"image": _GRID})}),
    _form("no picture", {"image": ("7.png", b"hello", "image/png")}),
    _form("no file", {"note": "hello"}),
    _form("form cut off", {"image": ("7.png", _SEVEN, "image/png")}, -60),
]


def same(one: bytes, other: bytes) -> bool:
    """Errors have words of their own, a server its name, and a FP32 in JSON as many digits as its writer likes."""
    try:
        return _same(json.loads(one), json.loads(other))
    except ValueError:
        return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        if "error" in one or "error" in other:
            return all(isinstance(each.get("error"), str) for each in (one, other))
        if "extensions" in one or "live" in one or "usage" in one:
            one, other = _without_words(one), _without_words(other)
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("<f", one) == struct.pack("<f", other)
    return type(one) is type(other) and one == other


def _without_words(answer: dict[str, Any]) -> dict[str, Any]:
    if "extensions" in answer:
        return {"extensions": answer["extensions"]}
    return {key: value for key, value in answer.items() if key not in ("usage", "example", "live", "ready")}
