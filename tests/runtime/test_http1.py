"""The grammar of HTTP/1.1 by table; test_http1_and_h11.py has it against another reader."""

from http import HTTPStatus

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy import http1
from modelproxy.http1 import ChunkedBody, Malformed, Reply, parse_head, rendered


def head_of(*lines):
    return parse_head(b"\r\n".join(lines))


def test_a_head():
    head = head_of(b"POST /run?a=b HTTP/1.1", b"Host: x", b"X-A: \t caf\xe9  ", b"Empty:", b"content-LENGTH: 12")
    assert (head.method, head.target, head.version, head.length) == ("POST", "/run?a=b", (1, 1), 12)
    assert head.fields == [("host", "x"), ("x-a", "caf\u00e9"), ("empty", ""), ("content-length", "12")]
    assert (head.keep_alive, head.chunked, head.expects_continue) == (True, False, False)


@pytest.mark.parametrize(
    ("version", "connection", "keep"),
    [
        (b"1.1", None, True),
        (b"1.1", b"close", False),
        (b"1.1", b"Keep-Alive", True),
        (b"1.1", b"x, CLOSE", False),
        (b"1.0", None, False),
        (b"1.0", b"keep-alive", True),
        (b"1.0", b"close", False),
    ],
)
def test_keep_alive(version, connection, keep):
    lines = [b"GET / HTTP/" + version, b"Host: x"] + ([b"Connection: " + connection] if connection else [])
    assert head_of(*lines).keep_alive is keep


def test_expectation_and_chunks():
    head = head_of(b"POST / HTTP/1.1", b"Host: x", b"Expect: 100-Continue", b"Transfer-Encoding: Chunked")
    assert (head.expects_continue, head.chunked, head.length) == (True, True, None)
    assert not head_of(b"POST / HTTP/1.0", b"Expect: 100-continue").expects_continue


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (400, [b""]),
        (400, [b"GET"]),
        (400, [b"GET  / HTTP/1.1"]),
        (400, [b"GET / HTTP/1.1 "]),
        (400, [b" GET / HTTP/1.1"]),
        (400, [b"GET / http/1.1"]),
        (400, [b"G\xe9T / HTTP/1.1"]),
        (400, [b"GET /\x7f HTTP/1.1"]),
        (400, [b"GET /\xff HTTP/1.1"]),
        (505, [b"GET / HTTP/2.0"]),
        (505, [b"GET / HTTP/1.2"]),
        (400, [b"GET / HTTP/1.1"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b"Host: a"]),
        (400, [b"GET / HTTP/1.1", b"Host: a b"]),
        (400, [b"GET / HTTP/1.0", b"Host: \xe9"]),
        (400, [b"GET / HTTP/1.1", b"Host: " + b"a" * 261]),
        (431, [b"GET / HTTP/1.1", b"Host: a", b"X: " + b"a" * 8193]),
        (431, [b"GET / HTTP/1.1", b"Host: a", b"Content-Type: " + b"a" * 1025]),
        (431, [b"GET / HTTP/1.1", b"Host: a", b"If-Match: " + b'"a,' * 342]),
        (431, [b"GET / HTTP/1.1", b"Host: a"] + [b"If-None-Match: " + b'"a,' * 171] * 2),
        (431, [b"GET / HTTP/1.1", b"Host: a", b"x: " + b"a" * 8192, b"X: b"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b"X"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b" folded: x"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b"X : y"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b": y"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b"X: a\x00b"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b"X: a\nb"]),
        (400, [b"GET / HTTP/1.1", b"Host: a", b"X: a\rb"]),
        (431, [b"GET / HTTP/1.1"] + [b"Host: a"] * 129),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: -1"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: +1"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1, 1"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 0x1"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length:"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1\xb2"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1", b"Content-Length: 1"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: " + b"9" * 19]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1", b"Transfer-Encoding: chunked"]),
        (400, [b"POST / HTTP/1.0", b"Transfer-Encoding: chunked"]),
        (501, [b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: gzip, chunked"]),
        (501, [b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"]),
        (400, [b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: \x0bchunked"]),
        (417, [b"POST / HTTP/1.1", b"Host: a", b"Expect: tea"]),
    ],
)
def test_what_is_refused_and_with_which_status(status, lines):
    with pytest.raises(Malformed) as refused:
        head_of(*lines)
    assert refused.value.status == status
    assert str(refused.value)
    assert "%" not in str(refused.value)


def test_a_request_line_that_isnt_one_is_shown():
    with pytest.raises(Malformed, match=r"^the request line isn't well formed: 'GET /x'$"):
        head_of(b"GET /x", b"Host: a")


def test_a_long_run_of_spaces_costs_no_time():
    with pytest.raises(Malformed):
        head_of(b"GET / HTTP/1.1", b"Host: a", b"X:" + b" " * 60000 + b"\x00")


# RFC 9110 says some otherwise than older Pythons do.
NEWER = {413: "Content Too Large", 417: "Expectation Failed", 422: "Unprocessable Content"}


# Those of the proxy itself, and what web services answer with.
SUCCESSES_AND_REDIRECTS = (100, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308)
ERRORS_OF_CLIENTS = (400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 415, 417, 422, 429, 431)
ERRORS_OF_SERVERS = (500, 501, 502, 503, 504, 505)


@pytest.mark.parametrize("status", SUCCESSES_AND_REDIRECTS + ERRORS_OF_CLIENTS + ERRORS_OF_SERVERS)
def test_reasons(status):
    phrase = NEWER.get(status, HTTPStatus(status).phrase)
    assert written(None, Reply(status, []), False).startswith(("HTTP/1.1 %d %s\r\n" % (status, phrase)).encode("ascii"))


def test_no_status_has_another_s_reason():
    for status, phrase in http1.REASONS.items():
        assert phrase == NEWER.get(status, HTTPStatus(status).phrase)


def test_limits():
    lines = [b"GET / HTTP/1.1", b"Host: a"] + [b"X: y"] * (http1.MAX_FIELDS - 1)
    assert len(head_of(*lines).fields) == 128
    assert http1.MAX_HEAD == 65536


def test_a_value_may_be_as_long_as_the_platform_takes_it():
    long = [b"X: " + b"b" * 4096] * 2 + [b"Y: " + b"c" * 8192, b"Content-Type: " + b"d" * 1024]
    head = head_of(b"GET / HTTP/1.1", b"Host: a", *long)
    assert [len(value) for _, value in head.fields] == [1, 4096, 4096, 8192, 1024]


# --- chunked bodies -----------------------------------------------------------------------------------------------


def feed(data, pieces=None, limit=10000):
    body = ChunkedBody(limit)
    pieces = pieces or [data]
    for index, piece in enumerate(pieces):
        whole = body.feed(piece)
        if whole is not None:
            return whole[0], whole[1] + b"".join(pieces[index + 1 :])
    return None


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.binary(max_size=20), st.data())
def test_a_chunked_body_in_any_split(chunks, rest, data):
    wire = b"".join(b"%x;a=b\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nTrailer: x\r\n\r\n" + rest
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[start:end] for start, end in zip([0] + cuts, cuts + [len(wire)])]
    assert feed(wire, pieces) == (b"".join(chunks), rest)


@pytest.mark.parametrize(
    ("status", "wire"),
    [
        (400, b"\r\n"),
        (400, b"x\r\n"),
        (400, b"-1\r\n"),
        (400, b"1 1\r\n"),
        (400, b"0x1\r\na\r\n"),
        (400, b"123456789\r\n"),
        (400, b"1\r\nab\r\n"),
        (400, b"1\r\naXX"),
        (400, b"1;\x00\r\n"),
        (400, b"0\r\nbad trailer\r\n\r\n"),
        (400, b"a" * 1025),
        (400, b"1;" + b"a" * 1023 + b"\r\n"),
        (400, b"1" + b" " * 1100 + b"\r\n"),
        (413, b"2711\r\n"),
        (413, b"270f\r\n" + b"a" * 9999 + b"\r\n2\r\n"),
        (431, b"0\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 70),
        (431, b"0\r\n" + (b"X: " + b"y" * 1021 + b"\r\n") * 63 + b"X: " + b"y" * 1020 + b"\r\nX:\r\n"),
    ],
)
def test_a_chunked_body_that_is_refused(status, wire):
    with pytest.raises(Malformed) as refused:
        feed(wire)
    assert refused.value.status == status
    assert "%" not in str(refused.value)


def test_a_chunked_body_as_large_as_the_limits():
    assert feed(b"2710\r\n" + b"a" * 10000 + b"\r\n0\r\n\r\n") == (b"a" * 10000, b"")
    assert feed(b"1;" + b"a" * 1022 + b"\r\nx\r\n0\r\n\r\n") == (b"x", b"")
    trailer = (b"X: " + b"y" * 1021 + b"\r\n") * 64
    assert len(trailer.replace(b"\r\n", b"")) == http1.MAX_HEAD
    assert feed(b"0\r\n" + trailer + b"\r\n") == (b"", b"")


def test_a_chunked_body_that_goes_on():
    for wire in (
        b"",
        b"5",
        b"5\r",
        b"5\r\n",
        b"5\r\nabc",
        b"5\r\nabcde",
        b"5\r\nabcde\r",
        b"5\r\nabcde\r\n",
        b"0\r\n",
        b"0\r\n\r",
        b"1;" + b"a" * 1022,
        b"0\r\n" + b"A: b\r\n" * 10000,
    ):
        assert feed(wire, [wire]) is None


# --- responses ----------------------------------------------------------------------------------------------------


def written(*arguments):
    return b"".join(rendered(*arguments))


def test_a_response_reads_back_in_h11():
    head = head_of(b"GET / HTTP/1.1", b"Host: a")
    wire = written(head, Reply(200, [("X-A", "caf\u00e9"), ("Set-Cookie", "a"), ("Set-Cookie", "b")], b"hello"), True)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(wire)
    response, body = client.next_event(), client.next_event()
    assert (response.status_code, bytes(body.data)) == (200, b"hello")
    assert [(bytes(name), bytes(value)) for name, value in response.headers] == [
        (b"x-a", b"caf\xe9"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"content-length", b"5"),
    ]


@pytest.mark.parametrize(
    ("request_line", "keep", "length", "connection", "body"),
    [
        (b"GET / HTTP/1.1", True, True, None, b"x"),
        (b"GET / HTTP/1.1", False, True, b"close", b"x"),
        (b"GET / HTTP/1.0", True, True, b"keep-alive", b"x"),
        (b"HEAD / HTTP/1.1", True, True, None, b""),
        (b"GET / HTTP/1.1", True, False, None, b"x"),
    ],
)
def test_the_end_of_a_response_s_head(request_line, keep, length, connection, body):
    wire = written(head_of(request_line, b"Host: a"), Reply(299, [], b"x", length), keep)
    head, _, rest = wire.partition(b"\r\n\r\n")
    assert rest == body
    assert (b"Content-Length: 1" in head) is length
    assert (b"Connection" in head) is (connection is not None)
    assert connection is None or b"Connection: " + connection in head
    assert head.startswith(b"HTTP/1.1 299 Unknown")


def test_a_response_to_what_could_not_be_read():
    wire = written(None, http1.error_reply(400, "no"), False)
    assert wire.endswith(b'Content-Length: 15\r\nConnection: close\r\n\r\n{"error": "no"}')


@pytest.mark.parametrize(
    ("name", "value", "fine"),
    [
        ("X-A", "b", True),
        ("X-A", "caf\u00e9", True),
        ("X A", "b", False),
        ("", "b", False),
        ("X-A", "a\r\nb", False),
        ("X-A", "\u2744", False),
        ("\u00e9", "b", False),
    ],
)
def test_which_headers_a_response_may_carry(name, value, fine):
    assert http1.is_field(name, value) is fine
