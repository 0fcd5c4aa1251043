"""A client of the REST API that says what `wsk` says, and shows all of what comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from little_containers import LittleFactory, reply, result
from raw_http import RawResponse, message, send
from running_platform import running, wait_until

from modelwhisk.local import LocalPlatform
from modelwhisk.local.credentials import GUEST_KEY

IMAGE = "me/echo:1"
BLACK_BOX = {"kind": "blackbox", "image": IMAGE}


def basic(key: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(key.encode()).decode()


class Answer:
    """A response with its document."""

    def __init__(self, response: RawResponse) -> None:
        self.status = response.status
        self.headers = dict(response.headers)
        self.json: Any = json.loads(response.body) if response.body else None

    @property
    def error(self) -> str:
        assert set(self.json) == {"error", "code"}, self.json
        return str(self.json["error"])


class Desk:
    """A platform with the image IMAGE, and what its containers were sent."""

    def __init__(self, platform: LocalPlatform, factory: LittleFactory) -> None:
        self.platform = platform
        self.factory = factory

    def ask(self, method: str, path: str, document: Any = None, *headers: tuple[str, str]) -> Answer:
        """One request as `wsk` sends it; `document` may be bytes."""
        given = {name.lower() for name, _ in headers}
        fields = [("Host", "localhost:3233"), ("User-Agent", "OpenWhisk-CLI/1.2.0 (linux; amd64)"), basic(GUEST_KEY)]
        body = document if isinstance(document, bytes) or document is None else json.dumps(document).encode()
        if body is not None:
            fields.append(("Content-Type", "application/json"))
        kept = [(name, value) for name, value in fields if name.lower() not in given]
        base = path if path.startswith("/") else f"/api/v1/namespaces/_/{path}"
        sent = message(method, base, [*kept, *((name, value) for name, value in headers if value)], body)
        return Answer(send(self.platform.url, sent, method=method))

    def create(self, name: str = "a", **fields: Any) -> Answer:
        return self.ask("PUT", f"actions/{name}?overwrite=true", {"exec": BLACK_BOX, **fields})

    def invoke(self, name: str = "a", query: str = "?blocking=true&result=true", value: Any = None) -> Answer:
        return self.ask("POST", f"actions/{name}{query}", {} if value is None else value)

    def record(self, answer: Answer) -> Any:
        """The record of an activation, once it is written down."""
        id = answer.headers["x-openwhisk-activation-id"]
        wait_until(lambda: self.ask("GET", f"activations/{id}").status == 200)
        return self.ask("GET", f"activations/{id}").json


def echo(path: str, sent: dict[str, Any]) -> bytes:
    """A container that answers with the value that it was given."""
    return reply("{}") if path == "/init" else result(sent["value"])


@contextmanager
def a_desk(
    answer: Callable[[str, dict[str, Any]], bytes | None] = echo, actions: tuple[Any, ...] = (), **settings: Any
) -> Iterator[Desk]:
    factory = LittleFactory(answer)
    given = {"credentials": {GUEST_KEY: "guest"}, "images": {IMAGE: factory}, **settings}
    with running(*actions, **given) as platform:
        yield Desk(platform, factory)
