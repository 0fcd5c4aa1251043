"""Who makes room for others first, of connections of all kinds; without sockets."""

import random
import types

import pytest
from modelproxy import connection as connection_module
from modelproxy.connection import Connection


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(connection_module, "monotonic", clock)
    return clock


def connection(name):
    socket = types.SimpleNamespace(fileno=lambda: 7)
    return Connection(socket, name, types.SimpleNamespace(idle=True), 60)


def sent(clock, name, seconds, bytes_per_second, silent_for=0.0, state=Connection.READING):
    """A connection that has sent, or taken, so many bytes for so long."""
    clock.now = 1000.0 - seconds - silent_for
    found = connection(name)
    found.reader.idle = False
    found.state = state
    for _ in range(int(seconds * 2)):
        clock.now += 0.5
        found.extend(bytes_per_second // 2, 60)
    clock.now = 1000.0
    return found


def silent(clock, name, seconds):
    clock.now = 1000.0 - seconds
    found = connection(name)
    found.extend(0, 60)  # it was looked for bytes
    clock.now = 1000.0
    return found


def test_who_makes_room_first(clock):
    order = [
        silent(clock, "silent for a minute", 60),
        silent(clock, "silent for more than a moment", 1.1),
        sent(clock, "a trickle for minutes", 200, 2),
        sent(clock, "takes its answer in a trickle", 30, 2, state=Connection.WRITING),
        sent(clock, "a megabyte, and none for 20 seconds", 2, 500000, 20),
        sent(clock, "was refused and says no more", 0, 0, 5, Connection.LINGERING),
        silent(clock, "has just come", 0.9),
        silent(clock, "has come still later", 0.1),
        sent(clock, "an upload over a bad line", 100, 50000),
        sent(clock, "an upload that waits for a lost packet", 10, 1000000, 0.9),
        sent(clock, "an upload", 10, 1000000),
    ]
    shuffled = random.sample(order, len(order))
    found = sorted(shuffled, key=lambda connection: connection.spared_by(clock.now), reverse=True)
    assert [connection.peer for connection in found] == [connection.peer for connection in order]


def test_the_next_request_begins_anew(clock):
    """Who was slow once, and was answered, has its moment as any other."""
    known = sent(clock, "slow", 50, 2)
    known.reader.idle = True
    assert known.spared_by(clock.now) > silent(clock, "has come before", 0.5).spared_by(clock.now)
    known.begin(60)
    assert known.spared_by(clock.now) < silent(clock, "has come before", 0.5).spared_by(clock.now)
