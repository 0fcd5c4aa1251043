"""What the machine takes away: disk, a writable root, /tmp, the log, descriptors, memory."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from bed import Containers
from faulty import FaultyContainer, FaultyProcess
from invoker import NoResponse

Start = Callable[..., FaultyProcess]


@pytest.fixture
def contain(faulty_image: str, containers: Containers) -> Callable[..., FaultyContainer]:
    """`contain(read_only=True)`: an initialised container."""

    def make(**options: Any) -> FaultyContainer:
        one = FaultyContainer(containers.run(faulty_image, **options))
        one.init()
        return one

    return make


@pytest.mark.docker
def test_disk_full(contain: Callable[..., FaultyContainer]) -> None:
    one = contain(tmpfs={"/tmp": "size=1m"})
    status, text = one.failure("/fill/8")
    assert (status, "OSError" in text) == (500, True)
    assert one.ask()["calls"] == 2


@pytest.mark.docker
def test_read_only_root(contain: Callable[..., FaultyContainer]) -> None:
    one = contain(read_only=True)
    assert one.ask(body=b"x" * 3_000_000)["read"] == 3_000_000
    assert one.failure("/fill/1")[0] == 500
    assert one.ask()["calls"] == 3


@pytest.mark.docker
def test_no_tmp(contain: Callable[..., FaultyContainer]) -> None:
    one = contain()
    status, _ = one.container.exec_run(["rm", "-rf", "/tmp", "/var/tmp", "/usr/tmp"], user="0")
    assert status == 0
    assert one.ask(body=b"x" * 3_000_000)["read"] == 3_000_000
    assert one.ask()["calls"] == 2


@pytest.mark.docker
def test_the_memory_limit_is_hit(contain: Callable[..., FaultyContainer]) -> None:
    """The kernel kills the process; the platform says so and starts another (test_model.py)."""
    one = contain(mem_limit="128m", memswap_limit="128m")
    with pytest.raises(NoResponse):
        one.ask("/leak/500")
    one.container.wait(timeout=20)
    one.container.reload()
    assert one.container.attrs["State"]["OOMKilled"]


def test_closed_streams_from_the_start(start: Start) -> None:
    """No socket gets the number of a standard stream, or a client would read the log."""
    one = start(closed=True)
    one.init()
    for calls in range(1, 4):
        assert one.ask()["calls"] == calls
    assert one.post("/nothing").body.count(b"modelproxy") == 0
    assert one.out + one.err == ""


def test_streams_that_the_model_closes(proxy: FaultyProcess) -> None:
    proxy.ask("/streams")
    assert proxy.ask()["calls"] == 2


def test_64_descriptors(start: Start) -> None:
    one = start(descriptors=64)
    one.init()
    idle = [socket.create_connection(one.address, 30) for _ in range(200)]
    for calls in range(1, 4):
        assert one.ask()["calls"] == calls
    for connection in idle:
        connection.close()
    assert one.ask()["calls"] == 4
