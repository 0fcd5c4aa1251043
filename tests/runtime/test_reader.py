"""Requests from the bytes of one connection, however they are cut."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy import http1
from modelproxy.reader import READ_AT_ONCE, Reader, Refused


def nothing(head):
    return None


class Pair:
    """Both ends of a connection and a reader on one of them."""

    def __init__(self, refuse=nothing, max_body=100000):
        self.client, self.server = socket.socketpair()
        self.server.setblocking(False)
        self.reader = Reader(self.server, refuse, max_body, memoryview(bytearray(READ_AT_ONCE)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.close()

    def requests(self):
        """All that can be had at the moment."""
        found = []
        try:
            request = self.reader.receive()
            while True:
                if request is None:
                    if self.reader.idle or (found and found[-1] is None):
                        request = self.reader.receive()
                        continue
                    request = self.reader.receive()
                    continue
                found.append((request[0].method, request[0].target, bytes(request[1])))
                request = None if self.reader.idle else self.reader.take()
        except BlockingIOError:
            return found


SIZED = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
READ = {SIZED: ("POST", "/a", b"hello"), EMPTY: ("GET", "/b", b""), CHUNKED: ("PUT", "/c", b"abc")}


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5000000])
def test_a_length_costs_memory_only_as_its_bytes_come(size):
    body = bytes(bytearray(range(251))) * (size // 251 + 1)
    with Pair(max_body=1 << 40) as pair:
        pair.client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        assert pair.requests() == []
        assert len(pair.reader._buffer) == 1 << 16
        read, sent = [], 0
        while not read:
            sent += pair.client.send(body[sent : min(size, sent + 100000)])
            read = pair.requests()
            assert len(pair.reader._buffer) <= max(1 << 16, 4 * sent)
        assert read == [("POST", "/", body[:size])]
    with Pair(max_body=1 << 40) as pair:
        pair.client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (1 << 39))
        assert pair.requests() == []


@given(st.lists(st.sampled_from([SIZED, EMPTY, CHUNKED]), min_size=1, max_size=5), st.data())
def test_requests_in_any_order_and_any_split(wires, data):
    wire = b"".join(wires)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=6)))
    read = []
    with Pair() as pair:
        for start, end in zip([0] + cuts, cuts + [len(wire)]):
            pair.client.sendall(wire[start:end])
            read += pair.requests()
        assert pair.reader.idle
        assert pair.reader.received == len(wire)
    assert read == [READ[each] for each in wires]


def test_a_large_body_comes_in_one_buffer():
    body = bytes(range(256)) * 300
    with Pair() as pair:
        pair.client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:10])
        assert pair.requests() == []
        pair.client.sendall(body[10:])
        assert pair.requests() == [("POST", "/", body)]


def refusal(pair, wire, shut=False):
    pair.client.sendall(wire)
    if shut:
        pair.client.shutdown(socket.SHUT_WR)
    with pytest.raises(Refused) as refused:
        while True:
            pair.reader.receive()
    return refused.value


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /" + b"x" * 70000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nbad\xff", 400),
    ],
)
def test_what_is_refused(wire, status):
    with Pair() as pair:
        wire += b"\r\n" if wire.endswith(b"\xff") else b""
        refused = refusal(pair, wire)
        assert (refused.reply.status, refused.whole) == (status, False)


def test_of_what_a_client_sent_ahead_all_is_looked_at():
    with Pair() as pair:
        pair.client.sendall(SIZED + b"\r\n\r\n")
        assert pair.reader.receive()[1] == b"hello"
        with pytest.raises(Refused) as refused:
            pair.reader.take()
        assert refused.value.reply.status == 400


def test_of_a_head_that_trickles_only_what_is_new_is_looked_at():
    """All of it again for each byte that comes alone cost 2.4 s of CPU for 64 kB."""
    looked = []

    class Buffer(bytearray):
        def find(self, what, start=0):
            found = bytearray.find(self, what, start)
            looked.append(len(self[start:]))
            return found

    wire = b"GET / HTTP/1.1\r\nHost: x\r\nX: \r\r\n\r\r\n\r\n"
    with Pair() as pair:
        pair.reader._buffer = Buffer()
        for at in range(len(wire)):
            pair.client.sendall(wire[at : at + 1])
            if at < len(wire) - 1:
                assert pair.reader.receive() is None
        with pytest.raises(Refused) as refused:
            pair.reader.receive()
        assert refused.value.reply.status == 400
        assert looked == [1, 2, 3] + [4] * (len(wire) - 3)


def test_a_head_may_be_as_large_as_the_limit():
    most = b"GET / HTTP/1.1\r\nHost: x" + b"".join([b"\r\nX%d: " % n + b"y" * 8000 for n in range(8)]) + b"\r\nX: "
    most += b"y" * (http1.MAX_HEAD - len(most))
    with Pair() as pair:
        pair.client.sendall(most)
        assert pair.requests() == []
        pair.client.sendall(b"\r\n\r\n")
        assert pair.requests() == [("GET", "/", b"")]
    for wire in (most + b"y", most + b"y\r\n\r\n"):
        with Pair() as pair:
            assert refusal(pair, wire).reply.status == 431


def test_a_body_may_be_as_large_as_the_limit():
    with Pair(max_body=5) as pair:
        pair.client.sendall(SIZED)
        assert pair.requests() == [READ[SIZED]]


@pytest.mark.parametrize("wire", [b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n\r", SIZED[:-1], CHUNKED[:-1]])
def test_what_ends_early(wire):
    with Pair() as pair:
        refused = refusal(pair, wire, shut=True)
        assert refused.reply.status == 400
        assert b"ended before" in refused.reply.body


def test_an_idle_connection_that_ends():
    with Pair() as pair:
        pair.client.close()
        with pytest.raises(EOFError):
            pair.reader.receive()


def test_an_application_s_refusal_comes_before_the_body_and_leaves_the_next_request():
    def refuse(head):
        return http1.error_reply(404, "no") if head.target == "/a" else None

    with Pair(refuse) as pair:
        refused = refusal(pair, SIZED + EMPTY)
        assert (refused.reply.status, refused.whole, refused.head.target) == (404, True, "/a")
        assert pair.reader.take()[0].target == "/b"
    for part in (SIZED[:-1], CHUNKED.replace(b"/c", b"/a")):
        with Pair(refuse) as pair:
            assert refusal(pair, part).whole is False


EXPECTING = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"


def test_the_client_that_waits_is_told_to_go_on():
    with Pair() as pair:
        pair.client.sendall(EXPECTING)
        assert pair.requests() == []
        assert pair.client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        pair.client.sendall(b"ok")
        assert pair.requests() == [("POST", "/", b"ok")]
        pair.client.sendall(EXPECTING + b"o")
        assert pair.requests() == []
        pair.client.setblocking(False)
        with pytest.raises(BlockingIOError):
            pair.client.recv(100)


def test_the_client_that_cannot_be_told_to_go_on_is_read_as_any_other():
    with Pair() as pair:
        with pytest.raises(BlockingIOError):
            while True:
                pair.server.send(bytes(1 << 16))
        pair.client.sendall(EXPECTING)
        assert pair.requests() == []
        pair.client.sendall(b"ok")
        assert pair.requests() == [("POST", "/", b"ok")]


def test_the_client_that_has_gone_before_it_is_told_to_go_on():
    with Pair() as pair:
        pair.client.sendall(EXPECTING)
        pair.client.close()
        assert pair.reader.receive() is None
        with pytest.raises(Refused) as refused:
            pair.reader.receive()
        assert b"ended before" in refused.value.reply.body
