"""Processes that are measured from outside: started, connected to, asked over raw sockets, weighed, ended."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .environments import environ

START_SECONDS = 60
# Loopback refuses within some 20 µs; more tries would take processor time from what is being started.
PAUSE_BETWEEN_CONNECTS = 0.0002


# The kernel's own timeout (struct timeval): Python's would make the socket non-blocking, and poll before each call.
_PATIENCE = struct.pack("ll", 60, 0)


class Failed(Exception):
    """A process that is measured didn't do what it must; the text has its last words."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running server process. ``opened_after``: seconds from before its start until a connect succeeded."""

    def __init__(
        self,
        command: Sequence[object],
        folder: Path,
        port: int,
        log: Path,
        variables: dict[str, str],
    ) -> None:
        self.port = port
        self._log = log
        with log.open("wb") as stream:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=environ() | variables,
            )
        try:
            self.opened_after = self._opened()
        except BaseException:
            self.end()
            raise

    def _opened(self) -> float:
        while time.perf_counter() - self.started < START_SECONDS:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return time.perf_counter() - self.started
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(PAUSE_BETWEEN_CONNECTS)
        raise self.failed("didn't open its port")

    def failed(self, what: str) -> Failed:
        return Failed(f"{self.process.args!r} {what}:\n{self._log.read_text(errors='replace')[-2000:]}")

    def post(self, path: str, value: Any) -> bytes:
        """For what isn't timed: the body of a 200, or ``Failed``."""
        reply = call(self.port, request(path, json.dumps(value).encode(), "application/json"))
        if not is_ok(reply):
            raise self.failed(f"answered POST {path} with {reply[:300]!r}")
        return body_of(reply)

    def memory(self) -> float:
        """Resident memory in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise self.failed("has ended")

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def serving(command: Sequence[object], folder: Path, port: int, log: Path, **variables: str) -> Iterator[Server]:
    server = Server(command, folder, port, log, variables)
    try:
        yield server
    finally:
        server.end()


def request(path: str, body: bytes, content_type: str) -> bytes:
    """The bytes of a POST as the invoker's client sends it."""
    head = (
        f"POST {path} HTTP/1.1\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {content_type}\r\nHost: 127.0.0.1:8080\r\nConnection: Keep-Alive\r\n"
        "User-Agent: Apache-HttpClient/4.5.5 (Java/11.0.16)\r\nAccept-Encoding: gzip,deflate\r\n\r\n"
    )
    return head.encode() + body


def call(port: int, message: bytes, buffer: bytearray | None = None) -> bytes | memoryview:
    """One request on a connection of its own; the reply up to its Content-Length, in ``buffer`` where that is given."""
    into = memoryview(buffer if buffer is not None else bytearray(1 << 22))
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
    try:
        connection.connect(("127.0.0.1", port))
        connection.sendall(message)
        filled = wanted = 0
        while not wanted:
            count = connection.recv_into(into[filled:])
            if not count:
                return into[:filled]
            filled += count
            wanted = _length(into[:filled])
        # The kernel gathers the rest: woken for each piece of a large reply, the client would be half of its cost.
        return into[: filled + connection.recv_into(into[filled:wanted], 0, socket.MSG_WAITALL)]
    finally:
        connection.close()


def is_ok(reply: bytes | memoryview) -> bool:
    return bytes(reply[:13]) in (b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")


def body_of(reply: bytes | memoryview) -> bytes:
    return bytes(reply).partition(b"\r\n\r\n")[2]


def _length(reply: memoryview) -> int:
    """Bytes of the whole reply, 0 where its head hasn't come completely."""
    head, end, _ = bytes(reply[:4096]).partition(b"\r\n\r\n")
    if not end:
        return 0
    return len(head) + 4 + int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
