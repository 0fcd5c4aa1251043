"""The grammar of HTTP/1.1: by table, and against h11 on generated and mangled messages."""

import h11
import pytest
from hypothesis import example, given, settings
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


def test_a_long_run_of_spaces_costs_no_time():
    with pytest.raises(Malformed):
        head_of(b"GET / HTTP/1.1", b"Host: a", b"X:" + b" " * 60000 + b"\x00")


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
        (400, b"a" * 1100),
        (400, b"1" + b" " * 1100 + b"\r\n"),
        (413, b"2711\r\n"),
        (431, b"0\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 70),
    ],
)
def test_a_chunked_body_that_is_refused(status, wire):
    with pytest.raises(Malformed) as refused:
        feed(wire)
    assert refused.value.status == status


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
    ):
        assert feed(wire, [wire]) is None


# --- against h11 --------------------------------------------------------------------------------------------------

TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=8)
VALUE = st.one_of(st.text('\t !~az,;="', max_size=12), st.sampled_from(["close", "chunked", "3", "keep-alive", "gzip"]))
NAME = st.one_of(TOKEN, st.sampled_from(["Host", "Content-Length", "Transfer-Encoding", "Connection"]))


@st.composite
def messages(draw):
    method = draw(st.one_of(TOKEN, st.sampled_from(["GET", "POST"])))
    target = draw(st.text("!/?=&%09azAZ~:", min_size=1, max_size=12))
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]))
    fields = draw(st.lists(st.tuples(NAME, VALUE), max_size=4))
    lines = ["%s %s %s" % (method, target, version), "Host: x"] + ["%s:%s" % pair for pair in fields]
    wire = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if draw(st.booleans()):
        position = draw(st.integers(0, len(wire) - 1))
        junk = draw(st.binary(max_size=2))
        wire = wire[:position] + junk + wire[position + draw(st.integers(0, 2)) :]
    return wire


def by_h11(wire):
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(wire)
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return "refused"
    if not isinstance(event, h11.Request):
        return "more"
    return (event.method, event.target, [(bytes(name), bytes(value)) for name, value in event.headers])


def by_us(wire):
    end = wire.find(b"\r\n\r\n")
    if end < 0:
        return "more"
    try:
        head = parse_head(wire[:end])
    except Malformed:
        return "refused"
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.fields]
    return (head.method.encode("latin-1"), head.target.encode("latin-1"), fields)


def stricter(wire):
    """Where we refuse, or wait, and h11 doesn't, by design (the module's docstring) or by what h11 makes of the
    message.
    """
    head = wire.split(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    names = [line.partition(b":")[0].lower() for line in lines[1:]]
    return (
        b"\n" in wire.replace(b"\r\n", b"")
        or b"\r\r\n" in wire  # bare line ends
        or any((byte < 32 and byte != 9) or byte == 127 for line in lines for byte in line)  # control characters
        or any(line[:1] in (b" ", b"\t") for line in lines[1:])  # folded
        or names.count(b"content-length") > 1
        or (b"content-length" in names and b"transfer-encoding" in names)
        or names.count(b"transfer-encoding") >= 1  # HTTP/1.0, other codings
        or names.count(b"content-length") == 1  # 18 digits at most; h11 takes equal repetitions
        or names.count(b"expect") >= 1
        or names.count(b"host") > 1
        or not lines[0].endswith((b"HTTP/1.1", b"HTTP/1.0"))
    )


@settings(max_examples=600, deadline=None)
@given(messages())
@example(b"GET / HTTP/1.1\r\nHost: x\r\nA: b \t\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: x\r\nA:\xe9\r\n\r\n")
@example(b"GET http://a/ HTTP/1.1\r\nHost: x\r\n\r\n")
def test_as_h11_reads_it(wire):
    theirs, ours = by_h11(wire), by_us(wire)
    if ours == theirs:
        return
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        # h11 normalises the framing fields' values; everything else must be the same.
        assert ours[:2] == theirs[:2]
        framing = (b"content-length", b"transfer-encoding")
        assert [field for field in ours[2] if field[0] not in framing] == [
            field for field in theirs[2] if field[0] not in framing
        ]
        return
    assert not isinstance(ours, tuple), "we take what h11 refuses: %r" % wire
    assert stricter(wire), "we refuse what h11 takes: %r" % wire


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
    assert written(None, http1.error_reply(400, "no"), False).endswith(b'close\r\n\r\n{"error": "no"}')


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
