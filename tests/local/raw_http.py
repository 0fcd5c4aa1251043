"""A client that sends exactly the bytes it is given, and reads a response without changing anything of it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class RawResponse:
    """A response as it came; `headers` in order, names as written."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def without(self, *names: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.headers if name.lower() not in names]


def send(url: str, data: bytes, *, method: str = "GET", timeout: float = 20) -> RawResponse:
    """Sends `data` on a new connection and returns the first final response; ConnectionError where there is none."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as stream:
            response = _read(stream, method)
            while response.status == 100:
                response = _read(stream, method)
            return response


def _read(stream, method: str) -> RawResponse:
    status_line = stream.readline()
    if not status_line:
        raise ConnectionResetError("closed without a response")
    status = int(status_line.split()[1])
    headers = []
    while line := stream.readline().rstrip(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name, value[1:] if value.startswith(" ") else value))
    lengths = [int(value) for name, value in headers if name.lower() == "content-length"]
    body = stream.read(lengths[0]) if lengths and method != "HEAD" else b""
    return RawResponse(status, headers, body)


def message(method: str, path: str, headers: list[tuple[str, str]], body: bytes | None = None) -> bytes:
    """The bytes of a request; a Content-Length is added where there is a body and the headers don't frame it."""
    fields = list(headers)
    names = {name.lower() for name, _ in fields}
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(head).encode("utf-8") + b"\r\n\r\n" + (body or b"")
