"""The platform's invoker as a container sees it: one POST on a connection of its own, and its two streams.

Source: apache/openwhisk, common/scala/.../containerpool/ApacheBlockingContainerClient.scala. Written apart from the
emulator's client (modelwhisk/local/container_client.py), so that neither can hide a fault of the other's.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

Address = tuple[str, int]

MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
LIMIT = 1_048_576  # bytes of a reply that the platform keeps
RETRY_SECONDS = 0.05  # between attempts while the connection is refused

_HEAD = (
    "POST %s HTTP/1.1\r\n"
    "Accept: application/json\r\n"
    "Content-Length: %d\r\n"
    "Content-Type: application/json\r\n"
    "Host: %s:%d\r\n"
    "Connection: Keep-Alive\r\n"
    "User-Agent: Apache-HttpClient/4.5.5 (Java/17.0.15)\r\n"
    "Accept-Encoding: gzip,deflate\r\n\r\n"
)


class NoResponse(Exception):
    """The platform has nothing that it could use: the connection broke, or the reply has no Content-Length."""


@dataclass(frozen=True)
class Reply:
    """A reply as the platform has it: `body` is its first `LIMIT` bytes, `length` what the container announced."""

    status: int
    headers: dict[str, str]
    body: bytes
    length: int

    @property
    def truncated(self) -> bool:
        return self.length > LIMIT

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def wire(address: Address, path: str, body: bytes) -> bytes:
    """A request as the platform's client writes it."""
    return (_HEAD % (path, len(body), *address)).encode("ascii") + body


def post(address: Address, path: str, message: Any, timeout: float = 30, *, retry: bool = False) -> Reply:
    """Posts `message` (JSON, or bytes as they are). Raises `NoResponse`, TimeoutError, ConnectionRefusedError.

    With `retry`, as for /init, a refused connection is tried again until `timeout` (seconds) is used up; nothing else
    ever is. `timeout` then holds for connecting and for each read.
    """
    body = message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()
    with _connected(address, timeout, retry) as connection:
        try:
            connection.sendall(wire(address, path, body))
            return receive(connection)
        except ConnectionError as error:
            raise NoResponse(f"{path}: {error}") from error


def _connected(address: Address, timeout: float, retry: bool) -> socket.socket:
    end = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection(address, timeout)
        except ConnectionRefusedError:
            if not retry or time.monotonic() >= end:
                raise
            time.sleep(RETRY_SECONDS)


def receive(connection: socket.socket) -> Reply:
    """The one reply on a connection. Raises `NoResponse` where it isn't whole, or has no Content-Length."""
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(connection)
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split()[1])
    # Gzip is undone by the platform's client, and then the length is unknown to it.
    if "content-length" not in headers or {"transfer-encoding", "content-encoding"} & headers.keys() or status == 204:
        raise NoResponse(f"{first} without an entity of known length: {headers}")
    length = int(headers["content-length"])
    body = data[end + 4 :]
    while len(body) < length:
        body += _more(connection)
    if len(body) > length:
        raise NoResponse(f"{len(body) - length} bytes too many")
    return Reply(status, headers, bytes(body[:LIMIT]), length)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 18)
    if not data:
        raise NoResponse("the connection was closed before the reply was whole")
    return data
