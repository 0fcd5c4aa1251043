"""A small OpenWhisk for tests, on a real port: it keeps entities, records what it is asked, and answers in the
platform's own words (tests/vectors/rest.jsonl). What its models do is told by the test."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import Result

VECTORS = {
    vector["name"]: vector
    for vector in map(json.loads, (Path(__file__).parents[1] / "vectors" / "rest.jsonl").read_text().splitlines())
}
KEY = "23bc46b1:123zO3x"
NAMESPACE = "guest"


def words(name: str) -> tuple[int, Any]:
    """Status and body of a recorded response."""
    response = VECTORS[name]["response"]
    return response["status"], response["body"]


@dataclass
class Outcome:
    """What a call of a model becomes: the activation's status and result, and for a web call the HTTP response."""

    status: str = "success"
    result: Any = field(default_factory=dict)
    web: tuple[int, bytes, str] = (200, b"{}", "application/json")
    logs: tuple[str, ...] = ()
    init: int | None = None
    late: float | None = None  # seconds until the record is there; the response is 202


def failed(message: str, *logs: str, late: float | None = None) -> Outcome:
    """A developer error, as web callers and records tell it."""
    body = json.dumps({"error": "There was an error processing your request.", "code": "x"}).encode()
    lines = tuple(f"2026-11-21T09:36:34.965974237Z stdout: {line}" for line in logs)
    return Outcome("action developer error", {"error": message}, (400, body, "application/json"), lines, late=late)


Run = Callable[..., Result]
Model = Callable[[str, dict[str, Any]], Outcome]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class LittleOpenWhisk:
    """`models` answer for the action at a path; `refusals` of a request (`PUT actions/x`) go before all else."""

    def __init__(self) -> None:
        self.actions: dict[str, dict[str, Any]] = {}
        self.packages: dict[str, dict[str, Any]] = {}
        self.activations: list[dict[str, Any]] = []
        self.models: dict[str, Model] = {}
        self.refusals: dict[str, list[tuple[int, Any]]] = {}
        self.limits: tuple[int, Any] = words("limits")
        self.asked: list[Asked] = []
        self.keeps_records = True
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet, or the other side waits for 40 ms

            def answer(self) -> None:
                owner._answer(self)

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self.server.server_port}"

    def puts(self) -> list[Asked]:
        return [one for one in self.asked if one.method == "PUT"]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        content = handler.rfile.read(length)
        parts = urlsplit(handler.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        headers = {key.lower(): value for key, value in handler.headers.items()}
        asked = Asked(handler.command, unquote(parts.path), query, headers, json.loads(content) if content else None)
        self.asked.append(asked)
        if asked.path.startswith("/api/v1/web/"):
            status, body, kind, activation = self._web(asked)
        else:
            status, value, activation = self._rest(asked)
            body, kind = json.dumps(value).encode(), "application/json"
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        if activation:
            handler.send_header("x-openwhisk-activation-id", activation)
        handler.end_headers()
        handler.wfile.write(body)

    # REST

    def _rest(self, asked: Asked) -> tuple[int, Any, str | None]:  # noqa: PLR0911
        if "authorization" not in asked.headers:
            return *words("no credentials"), None
        if asked.headers["authorization"] != "Basic " + base64.b64encode(KEY.encode()).decode():
            return *words("bad credentials"), None
        if asked.path == "/api/v1/namespaces":
            return 200, [NAMESPACE], None
        collection, _, name = asked.path.removeprefix("/api/v1/namespaces/").partition("/")[2].partition("/")
        refusals = self.refusals.get(f"{asked.method} {collection}/{name}")
        if refusals:
            return *refusals.pop(0), None
        if collection == "limits":
            return *self.limits, None
        if collection == "activations":
            return *self._activations(asked, name), None
        if collection == "actions" and asked.method == "POST":
            return self._invoke(asked, name)
        return *self._entities(asked, collection, name), None

    def _entities(self, asked: Asked, collection: str, name: str) -> tuple[int, Any]:  # noqa: PLR0911
        here, there = (self.actions, self.packages) if collection == "actions" else (self.packages, self.actions)
        if asked.method == "GET" and (not name or name.endswith("/")):
            bound = self.packages.get(name[:-1], {}).get("binding")  # lists what it stands for
            folder = f"{bound['name']}/" if bound else name
            found = [value for path, value in here.items() if path.startswith(folder)]
            found = [{**value, "exec": {"binary": False}} for value in found][::-1]
            skip = int(asked.query.get("skip", 0))
            return 200, found[skip : skip + int(asked.query.get("limit", 30))]
        if name in there:
            return 409, {"error": "Resource by this name exists but is not in this collection.", "code": "x"}
        if asked.method == "PUT":
            if name in here and asked.query.get("overwrite") != "true":
                return words("create again without overwrite")
            here[name] = self._stored(collection, name, asked.body, here.get(name))
            return 200, here[name]
        if name not in here:
            return words("get missing")
        if (
            asked.method == "DELETE"
            and collection == "packages"
            and any(p.startswith(name + "/") for p in self.actions)
        ):
            return 409, {"error": "Package not empty (contains 1 entities)", "code": "x"}
        return 200, here.pop(name) if asked.method == "DELETE" else here[name]

    def _stored(self, collection: str, name: str, body: Any, before: Any) -> dict[str, Any]:
        package, _, last = name.rpartition("/")
        minor = int(before["version"].rpartition(".")[2]) + 1 if before else 1
        stored = {
            "name": last,
            "namespace": f"{NAMESPACE}/{package}" if package else NAMESPACE,
            "version": f"0.0.{minor}",
            "updated": int(time.time() * 1000),
            "publish": False,
        }
        if collection == "packages":
            return {**stored, "annotations": [], "parameters": [], "binding": {}}
        annotations = [item for item in body["annotations"] if item["key"] != "exec"]
        if not any(item["key"] == "provide-api-key" for item in annotations):
            annotations.append({"key": "provide-api-key", "value": False})
        limits = {"concurrency": 1, "logs": 10, "memory": 256, "timeout": 60000, **(before or {}).get("limits", {})}
        return {
            **stored,
            "exec": {**body["exec"], "binary": False},
            "annotations": [*annotations, {"key": "exec", "value": body["exec"]["kind"]}],
            "parameters": body["parameters"][::-1],  # the platform's order is its own
            "limits": {**limits, **body["limits"]},
        }

    # Calls

    def _activations(self, asked: Asked, name: str) -> tuple[int, Any]:
        present = [item for item in self.activations if item["there"] <= time.monotonic()]
        if not name:
            wanted = asked.query.get("name")
            found = [item for item in present if wanted in (None, item["path"])]
            listed = [{k: v for k, v in item.items() if k not in ("logs", "response")} for item in found]
            return 200, listed[::-1][: int(asked.query.get("limit", 30))]
        activation_id, _, part = name.partition("/")
        found = [item for item in present if item["activationId"] == activation_id]
        if not found:
            return words("activation missing")
        whole = found[0]
        parts = {"": whole, "logs": {"logs": whole["logs"]}, "result": {"result": whole["response"]["result"]}}
        return 200, parts[part]

    def _invoke(self, asked: Asked, name: str) -> tuple[int, Any, str | None]:
        if name not in self.actions:
            return *words("invoke missing"), None
        outcome = self._run(name, "", asked.body)
        record = self._record(name, outcome)
        activation_id = record["activationId"]
        if outcome.late is not None or asked.query.get("blocking") != "true":
            return 202, {"activationId": activation_id}, activation_id
        value = outcome.result if asked.query.get("result") == "true" else {**record, "logs": []}
        return 200 if outcome.status == "success" else 502, value, activation_id

    def _web(self, asked: Asked) -> tuple[int, bytes, str, str | None]:
        namespace, package, name, *rest = asked.path.removeprefix("/api/v1/web/").split("/", 3)
        path = name if package == "default" else f"{package}/{name}"
        action = self.actions.get(path)
        annotations = {item["key"]: item["value"] for item in (action or {}).get("annotations", [])}
        if namespace != NAMESPACE or annotations.get("web-export") is not True:
            status, body = words("web of a missing action")
            return status, json.dumps(body).encode(), "application/json", None
        secret = annotations.get("require-whisk-auth")
        presented = "authorization" in asked.headers if secret is True else asked.headers.get("x-require-whisk-auth")
        if secret not in (None, False, presented):
            status, body = words("web without the secret")
            return status, json.dumps(body).encode(), "application/json", None
        if refusals := self.refusals.get(f"GET web/{path}"):
            status, body = refusals.pop(0)
            return status, json.dumps(body).encode(), "application/json", None
        outcome = self._run(path, "/" + rest[0] if rest else "", asked.headers)
        record = self._record(path, outcome)
        if outcome.late is not None:
            body = json.dumps({"error": "Response not yet ready.", "code": "x"}).encode()
            return 202, body, "application/json", record["activationId"]
        return *outcome.web, record["activationId"]

    def _run(self, path: str, subpath: str, value: Any) -> Outcome:
        return self.models.get(path, lambda *_: Outcome())(subpath, value)

    def _record(self, path: str, outcome: Outcome) -> dict[str, Any]:
        now = int(time.time() * 1000)
        annotations = [{"key": "path", "value": f"{NAMESPACE}/{path}"}]
        if outcome.init is not None:
            annotations.append({"key": "initTime", "value": outcome.init})
        record = {
            "activationId": uuid.uuid4().hex,
            "name": path.rpartition("/")[2],
            "namespace": NAMESPACE,
            "version": self.actions[path]["version"],
            "start": now,
            "end": now + 5,
            "duration": 5,
            "annotations": annotations,
            "logs": list(outcome.logs),
            "response": {
                "status": outcome.status,
                "success": outcome.status == "success",
                "result": outcome.result,
            },
            "statusCode": ["success", "application error", "action developer error"].index(outcome.status),
            "path": path,
            "there": time.monotonic() + (outcome.late or 0) if self.keeps_records else float("inf"),
        }
        self.activations.append(record)
        return record


@contextmanager
def little_openwhisk() -> Iterator[LittleOpenWhisk]:
    """A platform that is served until the block ends."""
    platform = LittleOpenWhisk()
    thread = threading.Thread(target=platform.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield platform
    finally:
        platform.server.shutdown()
        platform.server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_properties(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the user's ~/.wskprops nor variables of the shell are seen."""
    for name in ("WHISK_APIHOST", "WHISK_AUTH", "WHISK_NAMESPACE", "__OW_API_HOST", "__OW_API_KEY", "WSK_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def platform() -> Iterator[LittleOpenWhisk]:
    """A little platform for each test."""
    with little_openwhisk() as served:
        yield served
