"""OpenBayes' serving as its documents describe it (model-interfaces.md, section 4), on Flask: the usual server of the
Predictor sample. It shares no code with the host, but its author: where the documents are silent (GET, text/plain,
Accept) both do what the platform's package 0.2 was seen to do.

    cd FOLDER_WITH_PREDICTOR_PY && python openbayes_serving_reference.py PORT
"""

from __future__ import annotations

import glob
import inspect
import json
import os
import sys
import types
from collections.abc import Callable
from typing import Any

import msgpack
import onnxruntime
from flask import Flask, Request, Response, jsonify, request
from werkzeug.exceptions import BadRequest, HTTPException

app = Flask("openbayes")


def structured_body() -> Any:
    body, kind = request.get_data(), request.mimetype
    if "msgpack" in kind or "messagepack" in kind:
        return msgpack.unpackb(body)
    if kind == "application/json":
        return json.loads(body)
    raise ValueError(f"{kind or 'nothing'} is neither JSON nor MessagePack")


def json_parameter() -> Any:
    try:
        return structured_body()
    except Exception as error:
        raise BadRequest(f"the body can't be parsed: {error}") from error


def payload_parameter() -> Any:
    try:
        return structured_body()
    except Exception:
        return request.get_data()


PARAMETERS: dict[str, Callable[[Request], Any]] = {
    "json": lambda _: json_parameter(),
    "payload": lambda _: payload_parameter(),
    "data": lambda request: request.get_data(),
    "params": lambda request: request.args.to_dict(),
    "headers": lambda request: dict(request.headers),
    "request": lambda request: request,
}


def the_only_model() -> onnxruntime.InferenceSession:
    (file,) = glob.glob("*.onnx")
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def load() -> Any:
    package: Any = types.ModuleType("openbayes_serving")
    package.run = lambda predictor: None
    package.emit_event = lambda name, data: None
    sys.modules["openbayes_serving"] = package
    sys.path.insert(0, os.getcwd())
    from predictor import Predictor  # type: ignore[import-not-found]  # the sample's

    wants_model = "onnx" in inspect.signature(Predictor).parameters
    return Predictor(**({"onnx": the_only_model()} if wants_model else {}))


def answer(result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if isinstance(result, bytes):
        return Response(result, mimetype="application/octet-stream")
    if isinstance(result, str):
        return Response(result, mimetype="text/plain")
    accepted = request.accept_mimetypes.best_match(["application/json", "application/msgpack", "application/x-msgpack"])
    if accepted and "msgpack" in accepted:
        return Response(msgpack.packb(result), mimetype=accepted)
    return Response(json.dumps(result), mimetype="application/json")


@app.get("/")
def works() -> Response:
    return jsonify(message="The service works.")


@app.post("/")
def predict() -> Response:
    predictor = app.config["PREDICTOR"]
    names = inspect.signature(predictor.predict).parameters
    return answer(predictor.predict(**{name: PARAMETERS[name](request) for name in names}))


@app.errorhandler(Exception)
def failed(error: Exception) -> tuple[Response, int, dict[str, str]]:
    status = (error.code or 500) if isinstance(error, HTTPException) else 500
    text = (error.description or "") if isinstance(error, HTTPException) else "predict failed"
    return jsonify(error=text), status, {"Allow": "GET, HEAD, OPTIONS, POST"} if status == 405 else {}


if __name__ == "__main__":
    app.config["PREDICTOR"] = load()
    app.run("127.0.0.1", int(sys.argv[1]), threaded=False)
