"""Containers are frozen between runs, and may be at any other time: SIGSTOP and `docker pause` at every phase."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import invoker
import pytest
from bed import Containers
from faulty import FaultyContainer, FaultyProcess, value
from invoker import receive, wire

Start = Callable[..., FaultyProcess]

SHORT = 0.3  # seconds of a stop that any deadline allows
READ_TIMEOUT = 1  # seconds, where a stop shall be longer than that


class Later:
    """Something done in a thread; its result once it is there."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self._found: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._found.append(act()), daemon=True)
        self._thread.start()

    def result(self) -> Any:
        self._thread.join(30)
        assert self._found, "it failed, or takes too long"
        return self._found[0]


def test_before_init(start: Start) -> None:
    one = start()
    invoker.post(one.address, "/nowhere", {}, retry=True)  # it listens
    with one.stopped():
        initialized = Later(one.init)
        time.sleep(SHORT)
    initialized.result()
    assert one.ask()["calls"] == 1


def test_during_init(start: Start) -> None:
    one = start(LOADING_SECONDS="0.5")
    initialized = Later(one.init)
    while "the model" not in one.out and one.process.poll() is None and "listening" not in one.out:
        time.sleep(0.01)
    time.sleep(0.2)
    with one.stopped():
        time.sleep(SHORT)
    initialized.result()
    assert one.ask()["calls"] == 1


def test_during_run(proxy: FaultyProcess) -> None:
    running = Later(lambda: proxy.ask("/sleep/0.3"))
    time.sleep(0.1)
    with proxy.stopped():
        time.sleep(SHORT)
    assert running.result()["pid"] == proxy.process.pid
    assert proxy.ask()["calls"] == 2


def test_during_run_beyond_its_deadline(proxy: FaultyProcess) -> None:
    running = Later(lambda: proxy.failure("/sleep/2", deadline=str(round((time.time() + 0.8) * 1000))))
    time.sleep(0.1)
    with proxy.stopped():
        time.sleep(1)
    assert running.result()[0] == 504
    assert proxy.ask()["calls"] == 2, "the model is still there"


def test_between_runs(proxy: FaultyProcess) -> None:
    for calls in range(1, 6, 2):
        assert proxy.ask()["calls"] == calls
        with proxy.stopped():
            answer = Later(proxy.ask)
            time.sleep(0.1)
        assert answer.result()["calls"] == calls + 1
    assert proxy.markers() == (6, 6)


def test_while_a_request_is_being_read_for_longer_than_a_client_may_take(start: Start) -> None:
    one = start(MODELPROXY_READ_TIMEOUT=str(READ_TIMEOUT))
    one.init()
    message = wire(one.address, "/run", json.dumps({"value": value("/nothing", b"x" * 100_000)}).encode())
    with socket.create_connection(one.address, 30) as connection:
        connection.sendall(message[:50_000])
        time.sleep(0.2)
        with one.stopped():
            time.sleep(READ_TIMEOUT + 1.5)
        time.sleep(0.2)  # the rest isn't there yet when it goes on
        connection.sendall(message[50_000:])
        assert json.loads(receive(connection).json["body"])["read"] == 100_000


def test_while_an_answer_is_being_written_for_longer_than_a_client_may_take(start: Start) -> None:
    one = start(MODELPROXY_READ_TIMEOUT=str(READ_TIMEOUT), MODELPROXY_RESULT_LIMIT="40000000")
    one.init()
    with socket.create_connection(one.address, 30) as connection:
        connection.sendall(wire(one.address, "/run", json.dumps({"value": value("/large/20000000")}).encode()))
        connection.recv(1, socket.MSG_PEEK)
        with one.stopped():
            time.sleep(READ_TIMEOUT + 1.5)
        reply = receive(connection)
        assert (reply.status, reply.length > 26_000_000) == (200, True)
    assert one.ask()["calls"] == 2


@pytest.mark.docker
def test_docker_pause_at_every_phase(faulty_image: str, containers: Containers) -> None:
    one = FaultyContainer(containers.run(faulty_image, environment={"LOADING_SECONDS": "0.5"}))
    container = one.container
    initialized = Later(one.init)  # before it, where the container hasn't come to listen yet, and during it
    for _ in range(3):
        container.pause()
        time.sleep(SHORT)
        container.unpause()
        time.sleep(0.1)
    initialized.result()
    running = Later(lambda: one.ask("/sleep/0.5"))
    time.sleep(0.2)
    container.pause()
    between = Later(one.ask)  # comes while it is frozen, and waits its turn
    time.sleep(SHORT)
    container.unpause()
    assert running.result()["calls"] == 1
    assert between.result()["calls"] == 2
    message = wire(one.address, "/run", json.dumps({"value": value("/large/600000", b"x" * 100_000)}).encode())
    with socket.create_connection(one.address, 30) as connection:
        connection.sendall(message[:50_000])
        container.pause()
        connection.sendall(message[50_000:])
        container.unpause()
        connection.recv(1, socket.MSG_PEEK)
        container.pause()
        time.sleep(SHORT)
        container.unpause()
        assert len(receive(connection).json["body"]) == 800_000
    assert one.ask()["calls"] == 4
