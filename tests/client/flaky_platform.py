"""A real HTTP server that behaves like a platform on a bad day: it answers as it should, or 429, 502, 202, or resets.

What it does to each request follows from a seed; it remembers what it did, so that a test can count.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
WEB = "/api/v1/web/guest/default/squares"
REST = "/api/v1/namespaces/_"
NOT_READY = {"error": "Response not yet ready.", "code": "tid"}
SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "Squares", "version": "1.2.3"},
    "paths": {
        "/model/predict": {
            "post": {
                "parameters": [
                    {"name": "payload", "in": "body", "required": True, "schema": {"$ref": "#/definitions/In"}}
                ],
                "responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/Out"}}},
            }
        }
    },
    "definitions": {
        "In": {
            "type": "object",
            "required": ["n"],
            "properties": {"n": {"type": "integer", "minimum": 0}, "note": {"type": "string"}},
        },
        "Out": {"type": "object", "properties": {"square": {"type": "integer"}}},
    },
}
CALM = {"answer": 1.0}
STORM = {"answer": 5.0, "busy": 1.0, "gateway": 1.0, "not ready": 1.0, "reset": 1.0, "torn": 1.0}


@dataclass
class Flaky:
    """What the server does, and did: `fates` are weights, `script` fates that come first."""

    fates: dict[str, float]
    chance: random.Random
    delay: float = 0.0
    script: list[str] = field(default_factory=list)
    done: list[tuple[int, str]] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    polls: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.host + WEB

    @property
    def variables(self) -> dict[str, str]:
        """The environment that gives a client this platform's key."""
        return {"WHISK_APIHOST": self.host, "WHISK_AUTH": KEY}

    def fate(self) -> str:
        with self.lock:
            if self.script:
                return self.script.pop(0)
            return self.chance.choices(list(self.fates), list(self.fates.values()))[0]

    @contextmanager
    def noted(self, number: int, fate: str) -> Iterator[None]:
        """Notes as done what is done in here, unless the client has gone."""
        with self.lock:
            self.done.append((number, fate))
        try:
            yield
        except OSError:
            with self.lock:
                self.done.remove((number, fate))
            raise

    def answered(self) -> Counter[int]:
        """How often each number was answered, or taken on to be answered later."""
        return Counter(number for number, fate in self.done if fate in ("answer", "not ready"))


def deep(levels: int) -> bytes:
    """JSON of so many levels."""
    return b'{"a":' * (levels - 1) + b"[]" + b"}" * (levels - 1)


def record(number: int, activation: str, memory: int = 256) -> dict[str, Any]:
    """An activation as the platform stores it."""
    body = base64.b64encode(json.dumps({"square": number * number}).encode()).decode()
    result = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
    now = int(time.time() * 1000)
    cold = [{"key": "initTime", "value": 50}] if number % 10 == 0 else []
    return {
        "activationId": activation,
        "name": "squares",
        "namespace": "guest",
        "version": "0.0.1",
        "start": now - 100,
        "end": now,
        "duration": 100,
        "annotations": [{"key": "limits", "value": {"memory": memory, "timeout": 60000}}, *cold],
        "response": {"status": "success", "statusCode": 0, "success": True, "result": result},
        "logs": [],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        flaky = self.server.flaky
        path, _, query = self.path.partition("?")
        with flaky.lock:
            flaky.asked[path] += 1
        if path == f"{WEB}/swagger.json":
            self._json(200, SWAGGER)
        elif path.startswith(REST) and self.headers.get("Authorization") != _basic():
            self._json(401, {"error": "The supplied authentication is invalid.", "code": "x"})
        elif path == f"{REST}/actions/squares":
            self._json(200, ACTION)
        elif path == f"{REST}/activations":
            self._list(dict(item.split("=") for item in query.split("&") if item))
        elif path == "/api/v1/namespaces":
            self._json(200, ["guest"])
        elif path.startswith(f"{REST}/activations/"):
            self._activation(path.rpartition("/")[2])
        else:
            self._json(404, {"error": "The requested resource does not exist.", "code": "x"})

    def _list(self, options: dict[str, str]) -> None:
        skip, limit = int(options.get("skip", 0)), int(options.get("limit", 30))
        with self.server.flaky.lock:
            found = list(self.server.flaky.records.values())[skip : skip + limit]
        self._json(200, [{key: value for key, value in item.items() if key != "response"} for item in found])

    def _activation(self, activation: str) -> None:
        flaky = self.server.flaky
        with flaky.lock:
            flaky.polls[activation] += 1
            found = flaky.records.get(activation) if flaky.polls[activation] > 1 else None
        if found is None:
            self._json(404, {"error": "The requested resource does not exist.", "code": "x"})
        else:
            self._json(200, found)

    def do_POST(self) -> None:
        flaky = self.server.flaky
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with flaky.lock:
            flaky.headers.append(dict(self.headers))
            flaky.bodies.append(body)
        number = json.loads(body).get("n", 0) if body.startswith(b"{") else 0
        fate = flaky.fate()
        if flaky.delay:
            time.sleep(flaky.delay)
        activation = f"{random.getrandbits(120):032x}"
        answer = self._invoked if self.path.startswith(REST) else self._predicted
        # Before the client can know, who may ask at once what was done.
        with flaky.noted(number, fate):
            answer(number, fate, activation)

    def _invoked(self, number: int, fate: str, activation: str) -> None:
        flaky = self.server.flaky
        if fate == "busy":
            self._json(429, {"error": "Too many concurrent requests in flight (count: 3, allowed: 3).", "code": "x"})
            return
        with flaky.lock:
            flaky.records[activation] = record(number, activation)
        if fate == "not ready":
            self._json(202, {"activationId": activation})
        else:
            self._json(200, flaky.records[activation], {"x-openwhisk-activation-id": activation})

    def _predicted(self, number: int, fate: str, activation: str) -> None:
        flaky = self.server.flaky
        identity = {"x-openwhisk-activation-id": activation}
        if fate == "answer":
            with flaky.lock:
                flaky.records[activation] = record(number, activation)
            self._json(200, {"square": number * number}, {**identity, "Server-Timing": "wait;dur=1.0, model;dur=9.0"})
        elif fate == "busy":
            self._json(429, {"error": "Too many requests in the last minute.", "code": "x"}, {"Retry-After": "0"})
        elif fate == "gateway":
            self._json(502, {"error": "bad gateway"})
        elif fate == "broken":
            self._json(500, {"message": "Internal Server Error"}, identity)
        elif fate == "not ready":
            with flaky.lock:
                flaky.records[activation] = record(number, activation)
            self._json(202, NOT_READY, identity)
        elif fate.startswith("deep "):
            self._send(200, deep(int(fate.removeprefix("deep "))), identity)
        elif fate == "torn":
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"squ')
            self._reset()
        else:
            self._reset()

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), headers or {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # The server shuts down the connection in an orderly way first: a RST needs the descriptor to go now.
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client, or we, broke it off
            self.close_connection = True

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()


ACTION = {
    "name": "squares",
    "namespace": "guest",
    "version": "0.0.1",
    "updated": 1,
    "exec": {"kind": "blackbox", "image": "me/squares"},
    "limits": {"memory": 512, "timeout": 60000, "logs": 10, "concurrency": 1},
    "annotations": [
        {"key": "web-export", "value": True},
        {"key": "raw-http", "value": True},
        {"key": "require-whisk-auth", "value": "open sesame"},
    ],
    "parameters": [],
}


def _basic() -> str:
    return "Basic " + base64.b64encode(KEY.encode()).decode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    flaky: Flaky

    def handle_error(self, *_: object) -> None:
        """A reset connection is no news."""

    def shutdown_request(self, request: Any) -> None:
        with contextlib.suppress(OSError):
            super().shutdown_request(request)


@contextmanager
def flaky_platform(fates: dict[str, float], seed: int = 1, **options: Any) -> Iterator[Flaky]:
    flaky = Flaky(fates, random.Random(seed), **options)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.flaky = flaky
        flaky.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield flaky
        finally:
            server.shutdown()
            thread.join()
