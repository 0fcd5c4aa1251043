"""Who makes room where more connect to a platform, or send it more at a time, than it has files and memory for."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from little_containers import LittleFactory, after_init, result
from raw_http import message, send
from running_platform import running, wait_until

from modelwhisk.local import Action, LocalPlatform, connections
from modelwhisk.local.connections import Connections

PATH = "/api/v1/web/guest/default/a"
ASK = message("GET", PATH, [("Host", "h")])
Connect = Callable[[], socket.socket]


@contextmanager
def served(factory: LittleFactory) -> Iterator[tuple[LocalPlatform, Connect]]:
    with contextlib.ExitStack() as opened, running(Action("a", factory)) as platform:
        parts = urlsplit(platform.url)

        def connect() -> socket.socket:
            before = len(platform._connections._open)
            client = opened.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=10))
            wait_until(lambda: len(platform._connections._open) == min(before + 1, platform._connections._most))
            return client

        yield platform, connect


def works() -> LittleFactory:
    return LittleFactory(after_init(lambda message: result({"body": "ok"})))


def is_left(client: socket.socket) -> bool:
    """Whether it is closed; whoever isn't has an answer here."""
    with contextlib.suppress(ConnectionError):
        client.sendall(ASK)
        return client.recv(1000) == b""
    return True


def test_who_is_silent_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it has asked before, is in the midst of a request, or has sent nothing."""
    monkeypatch.setattr(connections, "_MOST", 3)
    with served(works()) as (platform, connect):
        first, second, third = connect(), connect(), connect()
        first.sendall(ASK)
        assert first.recv(1000).startswith(b"HTTP/1.1 200")
        second.sendall(f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab".encode())
        wait_until(lambda: sum(one.held > 0 for one in platform._connections._open) == 1)
        assert send(platform.url, ASK).body == b"ok"
        assert [is_left(client) for client in (third, first)] == [True, False]
        second.sendall(b"cde")
        assert second.recv(1000).startswith(b"HTTP/1.1 200")


def test_nobody_who_waits_for_an_answer_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where all others do, too: then the newcomer is left."""
    monkeypatch.setattr(connections, "_MOST", 2)
    goes_on = threading.Event()

    def answer(message: dict[str, Any]) -> bytes:
        assert goes_on.wait(20)
        return result({"body": "ok"})

    factory = LittleFactory(after_init(answer))
    with served(factory) as (platform, connect):
        waiting = [connect(), connect()]
        for client in waiting:
            client.sendall(ASK)
        wait_until(lambda: all(one.silent_since is None for one in platform._connections._open))
        late = connect()
        assert is_left(late)
        goes_on.set()
        for client in waiting:
            assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_who_has_sent_most_and_is_silent_makes_room_for_what_others_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """50 MB are read of anybody before the body of a web call is refused, on each connection."""
    monkeypatch.setattr(connections, "_MOST_HELD", 1_000_000)
    head = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n".encode()
    with served(works()) as (platform, connect):
        idle, first, second = connect(), connect(), connect()
        first.sendall(head + b"x" * 500_000)
        wait_until(lambda: sum(one.held for one in platform._connections._open) > 500_000)
        second.sendall(head + b"x" * 600_000)
        wait_until(lambda: len(platform._connections._open) == 2)
        second.sendall(b"x" * 100_000)
        assert second.recv(1000).startswith(b"HTTP/1.1 200")
        assert (is_left(first), is_left(idle)) == (True, False)
        assert sum(one.held for one in platform._connections._open) == 0


@pytest.mark.parametrize(("files", "most"), [(1_024, 512), (1_048_576, 1_024), (-1, 1_024)])
def test_half_of_the_files_that_may_be_open_are_for_others(
    monkeypatch: pytest.MonkeyPatch, files: int, most: int
) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: files)
    assert Connections()._most == most
