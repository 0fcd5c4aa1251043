"""One request as a record, its exact bytes on a socket, and the answer as it came: nothing is normalised here."""

from __future__ import annotations

import dataclasses
import http.client
import socket
from dataclasses import dataclass
from typing import Any

HOST = "model.example"
BOUNDARY = "xBOUNDARYx"
MULTIPART = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """A request, and what of its answer differs by the written list where it isn't the bare model's.

    target   as it stands in the request line; behind an action it follows the action's URL.
    headers  beside `Host` and `Content-Length`, one character for each byte.
    raw, cooked, web   the `Difference` in that mode, None for the same answer.
    """

    name: str
    method: str = "GET"
    target: str = "/model/predict"
    headers: Headers = ()
    body: bytes | None = None
    raw: Any = None
    cooked: Any = None
    web: Any = None

    def but(self, **changes: Any) -> Case:
        return dataclasses.replace(self, **changes)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def message(self, mount: str = "") -> bytes:
        names = {name.lower() for name, _ in self.headers}
        fields = [*(() if "host" in names else (("Host", HOST),)), *self.headers]
        if self.body is not None and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(self.body))))
        start = self.target.index("/", len("http://")) if self.target.startswith("http://") else 0
        target = self.target[:start] + mount + self.target[start:]
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (self.body or b"")


@dataclass(frozen=True)
class Answer:
    """Status, headers in the order and the spelling in which they came, and body."""

    status: int
    headers: Headers
    body: bytes

    def but(self, **changes: Any) -> Answer:
        return dataclasses.replace(self, **changes)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def without(self, *names: str) -> Answer:
        return self.but(headers=tuple(pair for pair in self.headers if pair[0].lower() not in names))

    def with_header(self, name: str, value: str) -> Answer:
        return self.but(headers=(*self.without(name.lower()).headers, (name, value)))


RESET = Answer(0, (), b"")


def ask(address: tuple[str, int], case: Case, mount: str = "") -> Answer:
    """Sends a case on a connection of its own; `RESET` where that ends without an answer."""
    try:
        return send(address, case.message(mount), case.method)
    except ConnectionError:
        return RESET


def send(address: tuple[str, int], data: bytes, method: str = "GET", timeout: float = 60) -> Answer:
    with socket.create_connection(address, timeout=timeout) as connection:
        connection.sendall(data)
        return receive(connection, method)


def receive(connection: socket.socket, method: str = "GET") -> Answer:
    with http.client.HTTPResponse(connection, method=method) as response:
        response.begin()
        return Answer(response.status, tuple(response.getheaders()), response.read())
