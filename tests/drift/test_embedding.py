"""How a model is asked for embeddings: as it describes itself, or in the plainest way, and what is made of answers."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from modelwhisk.client.answers import Reply
from modelwhisk.drift.embedding import Asking, NoVector, OfPictures, ask_once, vector_in
from modelwhisk.drift.inputs import SOLE, Given

SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "texts", "version": "1"},
    "paths": {
        "/model/predict": {
            "post": {
                "consumes": ["application/json"],
                "parameters": [
                    {
                        "in": "body",
                        "name": "payload",
                        "schema": {
                            "type": "object",
                            "required": ["text"],
                            "properties": {"text": {"type": "array", "items": {"type": "string"}}},
                        },
                    }
                ],
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    described: dict[str, Any]

    def do_GET(self) -> None:
        if self.path in self.described:
            self._answer(200, self.described[self.path])
        else:
            self._answer(404, {"error": "no such path"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode("latin-1")
        self._answer(200, {"path": self.path, "type": self.headers["Content-Type"], "body": body})

    def _answer(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Handler", (_Echo,), {"described": request.param})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(address: str, given: Given, **asking: Any) -> Any:
    return asyncio.run(ask_once(address, Asking(**asking), given))


@pytest.mark.parametrize("model", [{"/swagger.json": SWAGGER}], indirect=True)
def test_a_model_with_a_description_is_asked_by_it(model: str) -> None:
    seen = asked(model, Given("a:1", {SOLE: "one text"}))
    assert (seen["path"], json.loads(seen["body"])) == ("/model/predict", {"text": ["one text"]})
    with pytest.raises(NoVector, match="txt"):
        asked(model, Given("a:1", {"txt": "x"}))


@pytest.mark.parametrize("model", [{"/": {"message": "works"}}], indirect=True)
def test_one_without_gets_the_value_itself_or_a_form_with_the_file(model: str, tmp_path: Path) -> None:
    seen = asked(model, Given("a:1", {"alcohol": 13.5}))
    assert (seen["path"], json.loads(seen["body"])) == ("/", {"alcohol": 13.5})
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    seen = asked(model, Given("x.png", {SOLE: tmp_path / "x.png", "top": "3"}), field="photo", path="/predict")
    assert seen["path"] == "/predict"
    assert seen["type"].startswith("multipart/form-data")
    assert 'name="photo"; filename="x.png"\r\nContent-Type: image/png' in seen["body"]
    assert 'name="top"\r\n\r\n3' in seen["body"]


@pytest.mark.parametrize("model", [{"/": {"platform": "onnx_onnxv1", "inputs": []}}], indirect=True)
def test_one_of_tensors_gets_a_batch_of_one(model: str) -> None:
    assert json.loads(asked(model, Given("a:1", {SOLE: [[1, 2]]}))["body"]) == {"inputs": [[[1, 2]]]}
    assert json.loads(asked(model, Given("a:1", {"a": 1, "b": [2]}))["body"]) == {"inputs": {"a": [1], "b": [[2]]}}
    whole = {"inputs": {"a": [[1]]}}
    assert json.loads(asked(model, Given("a:1", whole))["body"]) == whole


@pytest.mark.parametrize("model", [{"/": {"message": "works"}}], indirect=True)
@pytest.mark.parametrize(("value", "words"), [([float("nan")], "not JSON compliant"), ("\ud800", "surrogates")])
def test_what_can_t_be_sent_is_no_vector(model: str, value: Any, words: str) -> None:
    with pytest.raises(NoVector, match=words):
        asked(model, Given("a:1", {SOLE: value}))


def test_a_file_that_is_gone_is_no_vector(tmp_path: Path) -> None:
    given = Given("gone.png", {SOLE: tmp_path / "gone.png"})
    with pytest.raises(NoVector, match=r"gone\.png"):
        asyncio.run(OfPictures({"kind": "picture", "version": 1}).vector(given))


def test_the_general_embedding_needs_a_picture(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    pictures = OfPictures({"kind": "picture", "version": 1})
    for given in (Given("text.png", {SOLE: tmp_path / "text.png"}), Given("a:1", {SOLE: "text"})):
        with pytest.raises(NoVector, match="no picture"):
            asyncio.run(pictures.vector(given))


# --- answers that carry their embedding -----------------------------------------------------------------------------


def reply(**headers: str) -> Reply:
    return Reply(200, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), b"{}")


def encoded(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


def test_the_vector_is_in_a_header() -> None:
    assert vector_in(reply(model_embedding=encoded(1, 2.5))).tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "carries no embedding"),
        ({"model_embedding_error": "the layer is empty"}, "the layer is empty"),
        ({"model_embedding": encoded(1, float("nan"))}, "NaN"),
        ({"model_embedding": encoded(float("inf"))}, "infinite"),
        ({"model_embedding": ""}, r"shape \(0,\)"),
        ({"model_embedding": "AAA"}, "malformed"),
        ({"model_embedding": "AAA="}, "malformed"),
    ],
)
def test_what_is_no_vector_is_told(headers: dict[str, str], words: str) -> None:
    with pytest.raises(NoVector, match=words):
        vector_in(reply(**headers))
