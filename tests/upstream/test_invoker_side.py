"""The harness itself, as ApacheBlockingContainerClientTests has it: what it throws away, retries and cuts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bed import free_port
from invoker import LIMIT, Address, NoResponse, post

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(answer: Callable[[socket.socket], None], port: int = 0) -> Iterator[Address]:
    """A server for one connection, on a given port or a free one."""
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(10)


def test_a_server_that_never_answers() -> None:
    end = threading.Event()
    with answering(lambda connection: bool(end.wait(10)) or None) as address:
        with pytest.raises(TimeoutError):
            post(address, "/init", {}, 0.3)
        end.set()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        OK + b"\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        OK + b"Content-Length: 3\r\n\r\n{}",
        OK + b"Content-Length: 1\r\n\r\n{}",
    ],
)
def test_replies_that_the_platform_throws_away(reply: bytes) -> None:
    with answering(lambda connection: connection.sendall(reply)) as address, pytest.raises(NoResponse):
        post(address, "/run", {})


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("body", [b"", b"null", b"text", b'{"a": 1}', b"[1]"])
def test_bodies_within_the_limit_come_unchanged(status: int, body: bytes) -> None:
    reply = b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    with answering(lambda connection: connection.sendall(reply)) as address:
        found = post(address, "/run", {})
    assert (found.status, found.body, found.truncated) == (status, body, False)


def test_a_reply_over_the_limit_is_cut() -> None:
    reply = OK + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1)
    with answering(lambda connection: connection.sendall(reply)) as address:
        found = post(address, "/run", {})
    assert (len(found.body), found.length, found.truncated) == (LIMIT, LIMIT + 1, True)


def test_a_refused_connection_is_tried_again_only_where_asked() -> None:
    address = ("127.0.0.1", free_port())
    with pytest.raises(ConnectionRefusedError):
        post(address, "/run", {})
    with pytest.raises(ConnectionRefusedError):
        post(address, "/init", {}, 0.2, retry=True)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(post(address, "/init", {}, 10, retry=True).status))
    thread.start()
    with answering(lambda connection: connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}"), address[1]):
        thread.join(10)
    assert found == [200]
