"""Containers for tests: real HTTP servers on loopback that do exactly what a test tells them to."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from modelwhisk.local.actions import Action
from modelwhisk.local.logs import MARKER, ContainerLog

HttpReply = bytes | Iterable[bytes]
Answer = Callable[[str, dict[str, Any]], HttpReply | None]


def reply(body: bytes | str, status: int = 200, headers: tuple[str, ...] = ()) -> bytes:
    """A well-formed reply, as a container should send it."""
    data = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(data)}", "Content-Type: application/json"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def result(value: Any) -> bytes:
    """A reply with `value` as the action's result."""
    return reply(json.dumps(value))


@dataclass
class Received:
    """A request that a container got."""

    path: str
    headers: list[tuple[str, str]]
    message: dict[str, Any]
    body: bytes
    client: tuple[str, int]


@dataclass
class LittleContainer:
    """A running server; `life` lists what was done to it."""

    name: str
    factory: LittleFactory
    token: str = ""
    life: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = ContainerLog()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        message = json.loads(body)
        received = Received(request.path, request.headers.items(), message, body, request.client_address)
        self.received.append(received)
        self.factory.received.append(received)
        self.factory.answering = self
        answered = self.factory.answer(request.path, message)
        request.close_connection = True
        if answered is None:
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if request.path == "/run":
            self.log.add("stdout", MARKER)
            self.log.add("stderr", MARKER)
        with contextlib.suppress(ConnectionError):  # the platform may have enough before there is an end
            for piece in [answered] if isinstance(answered, bytes) else answered:
                request.wfile.write(piece)

    @property
    def address(self) -> tuple[str, int]:
        return self.server.server_address[0], self.server.server_address[1]

    @property
    def ended(self) -> bool:
        return not self.thread.is_alive()

    async def pause(self) -> None:
        self.life.append("paused")

    async def resume(self) -> None:
        self.life.append("resumed")

    async def out_of_memory(self) -> bool:
        return False

    async def destroy(self) -> None:
        if "destroyed" not in self.life:
            self.life.append("destroyed")
            self.server.shutdown()
            self.server.server_close()


@dataclass
class LittleFactory:
    """Starts `LittleContainer`s; `answer` gets the path and the message, and returns the reply, None to reset.

    It may come in pieces, too, even without end. `answering` is the container that was asked last.
    """

    answer: Answer = lambda path, message: reply("{}")
    started: list[LittleContainer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    answering: LittleContainer | None = None

    async def start(self, action: Action, name: str, api_host: str) -> LittleContainer:
        container = LittleContainer(name, self)
        self.started.append(container)
        return container

    def close(self) -> None:
        pass

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The messages of all `/run` calls."""
        return [one.message for one in self.received if one.path == "/run"]


def after_init(answer: Callable[[dict[str, Any]], HttpReply | None]) -> Answer:
    """An answer that initialises well and runs as told."""
    return lambda path, message: reply("{}") if path == "/init" else answer(message)
