"""Peers that are slow, rude, many or lying: none costs the container its model, or another caller its answer."""

from __future__ import annotations

import json
import re
import resource
import select
import socket
import threading
import time
from collections.abc import Callable

import invoker
import pytest
from faulty import RESET, FaultyProcess, value
from invoker import wire

Start = Callable[..., FaultyProcess]

RUN = json.dumps({"value": value("/nothing")}).encode()


def raw(proxy: FaultyProcess, data: bytes, half_close: bool = False) -> bytes:
    """All that comes back for some bytes."""
    with socket.create_connection(proxy.address, 30) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        pieces = []
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)


def request(*fields: str, body: bytes = RUN, line: str = "POST /run HTTP/1.1") -> bytes:
    return "\r\n".join([line, "Host: x", *fields, "", ""]).encode() + body


def test_slow_loris(start: Start) -> None:
    one = start(MODELPROXY_READ_TIMEOUT="1")
    one.init()
    message, stop = wire(one.address, "/run", RUN), threading.Event()

    def trickle() -> bytes:
        with socket.create_connection(one.address, 30) as connection:
            for number in range(len(message)):
                try:
                    connection.sendall(message[number : number + 1])
                except OSError:
                    break
                if stop.wait(0.1):
                    break
            return connection.recv(65536)

    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(trickle())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for calls in range(1, 6):
        assert one.ask()["calls"] == calls
        time.sleep(0.1)
    for thread in threads:
        thread.join(30)
    stop.set()
    assert len(answers) == 20
    assert all(b" 408 " in answer for answer in answers)
    assert one.ask()["calls"] == 6


def test_half_closed(proxy: FaultyProcess) -> None:
    message = wire(proxy.address, "/run", RUN)
    assert raw(proxy, message, half_close=True).startswith(b"HTTP/1.1 200 ")
    assert raw(proxy, message[:-3], half_close=True).startswith(b"HTTP/1.1 400 ")
    assert proxy.ask()["calls"] == 2


@pytest.mark.parametrize("sent", [0, 10, 150, -1, None], ids=["nothing", "line", "head", "all but one byte", "all"])
def test_reset(sent: int | None, proxy: FaultyProcess) -> None:
    message = wire(proxy.address, "/run", json.dumps({"value": value("/large/700000")}).encode())
    for _ in range(3):
        with socket.create_connection(proxy.address, 30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(message[:sent])
    assert proxy.ask()["pid"] == proxy.process.pid


def test_reset_while_the_answer_is_written(proxy: FaultyProcess) -> None:
    with socket.create_connection(proxy.address, 30) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.sendall(wire(proxy.address, "/run", json.dumps({"value": value("/large/700000")}).encode()))
        connection.recv(1)
    assert proxy.ask()["pid"] == proxy.process.pid
    assert proxy.markers() == (2, 2)


def test_ten_thousand_idle_connections(proxy: FaultyProcess) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11_000:
        pytest.skip("this process may not have so many descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, hard))
    idle: list[socket.socket] = []
    try:
        for number in range(100):
            together = [socket.socket() for _ in range(100)]  # no more than the listener's backlog has room for
            idle += together
            connecting = select.poll()
            for connection in together:
                connection.setblocking(False)
                connection.connect_ex(proxy.address)
                connecting.register(connection, select.POLLOUT)
            left = len(together)
            while left:
                for descriptor, _ in connecting.poll():
                    connecting.unregister(descriptor)
                    left -= 1
            # Behind them in the backlog, which has room for them again once this is answered.
            assert proxy.ask()["calls"] == number + 1
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert proxy.ask()["calls"] == 101


def test_pipelined_requests(proxy: FaultyProcess) -> None:
    """One a connection, as the platform sends them: what follows isn't run, and the answer says that it is the last."""
    message = wire(proxy.address, "/run", RUN)
    try:
        answer = raw(proxy, message * 3)
    except ConnectionResetError:  # of the rest, which is never read
        answer = b""
    assert answer.count(b"HTTP/1.1") <= 1
    assert b"Connection: close" in answer or not answer
    assert proxy.ask()["calls"] == 2


LENGTH = f"Content-Length: {len(RUN)}"
INNER = b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(RUN), RUN)


@pytest.mark.parametrize(
    "message",
    [
        request(LENGTH, "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + INNER),
        request("Transfer-Encoding: chunked", LENGTH, body=b"0\r\n\r\n" + INNER),
        request(LENGTH, "Content-Length: 0"),
        request("Content-Length: 0", LENGTH),
        request(f"Content-Length: {len(RUN)}, {len(RUN)}"),
        request(f"Content-Length: +{len(RUN)}"),
        request("Content-Length: 0x10"),
        request("Content-Length : 5"),
        request("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
        request("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
        request("Transfer-Encoding: chunked", body=b"ffffffffff\r\n"),
        request("Transfer-Encoding: chunked", body=b"5\r\nabcdefgh\r\n0\r\n\r\n"),
        request("Transfer-Encoding: chunked", body=b"-5\r\n"),
        request("X: y\n" + LENGTH),
        request("X: y\r\n z", LENGTH),
        request("X\0: y", LENGTH),
        request(LENGTH, "Host: other"),
        request(LENGTH, line="POST /run HTTP/1.1 "),
        request(LENGTH, line="POST  /run HTTP/1.1"),
        request(LENGTH, line="POST /run HTTP/2.0"),
    ],
    ids=range(20),
)
def test_smuggled_requests_are_refused_and_none_is_run(message: bytes, shared: FaultyProcess) -> None:
    before = shared.ask()["calls"]
    try:
        answer = raw(shared, message)
    except ConnectionResetError:
        answer = b""
    assert re.findall(rb"HTTP/1\.1 ([0-9])[0-9]{2} ", answer) in ([b"4"], [b"5"], [])
    assert shared.ask()["calls"] == before + 1


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_chunked_bodies(size: int, shared: FaultyProcess) -> None:
    body = json.dumps({"value": value("/nothing", b"x" * 3000)}).encode()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"
    answer = raw(shared, request("Transfer-Encoding: chunked", body=chunks))
    assert b'\\"read\\": 3000' in answer


def test_chunks_without_end(start: Start) -> None:
    one = start(MODELPROXY_MAX_BODY="100000")
    one.init()
    with socket.create_connection(one.address, 30) as connection:
        connection.sendall(request("Transfer-Encoding: chunked", body=b""))
        chunks = (b"1000\r\n" + b"x" * 0x1000 + b"\r\n") * 100
        with pytest.raises(OSError):  # noqa: PT011, PT012 - broken pipe or reset, as the kernel likes
            for _ in range(1000):
                connection.sendall(chunks)
    assert one.ask()["calls"] == 1


def test_an_init_of_64_megabytes(start: Start) -> None:
    """What the platform allows code to be: read, and refused for what it is; more isn't read at all."""
    one = start()
    code = "x" * ((64 << 20) - 1000)
    reply = invoker.post(one.address, "/init", {"value": {"code": code, "binary": False}}, retry=True)
    assert (reply.status, "takes no code" in reply.json["error"]) == (400, True)
    too_large = invoker.post(one.address, "/init", b" " * ((64 << 20) + 1))
    assert (too_large.status, "MODELPROXY_MAX_BODY" in too_large.json["error"]) == (413, True)
    one.init()
    assert one.ask()["calls"] == 1


def test_one_megabyte_and_one_byte(shared: FaultyProcess) -> None:
    """In, where base64 makes 1.4 MB of it, and out, where it doesn't fit into a result and is explained, not cut."""
    assert shared.ask(body=b"x" * ((1 << 20) + 1))["read"] == (1 << 20) + 1
    status, text = shared.failure(f"/large/{(1 << 20) + 1}")
    assert status == 500
    assert "1048576" in text
    assert shared.ask()["pid"] == shared.process.pid


def test_a_listening_probe(proxy: FaultyProcess) -> None:
    """What the invoker's health check does: it connects, and closes."""
    for _ in range(300):
        socket.create_connection(proxy.address, 30).close()
    assert proxy.ask()["calls"] == 1
