"""``http1`` and ``reader`` against h11: every byte string is taken or refused by both alike, or DIFFERENCES says why
not. Each difference there is checked to be one still.
"""

import re

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from modelproxy import http1
from modelproxy.reader import READ_AT_ONCE, Reader, Refused

REFUSED, MORE = "refused", "more"


# --- the two readers ----------------------------------------------------------------------------------------------


class Pieces:
    """A socket on which a message comes in pieces, and then nothing."""

    def __init__(self, pieces):
        self._pieces = [piece for piece in pieces if piece]

    def recv_into(self, view):
        if not self._pieces:
            raise BlockingIOError
        piece = self._pieces.pop(0)
        taken = min(len(piece), len(view))
        view[:taken] = piece[:taken]
        if taken < len(piece):
            self._pieces.insert(0, piece[taken:])
        return taken

    def send(self, data, *flags):
        assert data == b"HTTP/1.1 100 Continue\r\n\r\n"
        return len(data)


def by_us(*pieces):
    """Method, target, fields, body of the first request; or REFUSED; or MORE where it isn't whole."""
    reader = Reader(Pieces(pieces), lambda head: None, 1 << 60, memoryview(bytearray(READ_AT_ONCE)))
    request = None
    try:
        while request is None:
            request = reader.receive()
    except BlockingIOError:
        return MORE
    except Refused:
        return REFUSED
    head, body = request
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.fields]
    return head.method.encode("ascii"), head.target.encode("ascii"), fields, bytes(body)


def by_h11(wire):
    """The same by h11."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=http1.MAX_HEAD)
    head, body = None, b""
    try:
        connection.receive_data(wire)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return MORE
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                assert isinstance(event, h11.EndOfMessage)
                fields = [(bytes(name), bytes(value)) for name, value in head.headers]
                return head.method, head.target, fields, body
    except h11.RemoteProtocolError:
        return REFUSED


def comparable(read):
    """h11 writes the values of the framing fields anew."""
    if isinstance(read, str):
        return read
    method, target, fields, body = read
    framing = (b"content-length", b"transfer-encoding")
    return method, target, [(name, b"" if name in framing else value) for name, value in fields], body


# --- where they differ --------------------------------------------------------------------------------------------


class Message:
    """A wire as far as both read it alike."""

    def __init__(self, wire):
        self.wire = wire
        self.head, self.end, self.rest = wire.partition(b"\r\n\r\n")
        self.lines = self.head.split(b"\r\n")
        self.fields = [
            (name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in self.lines[1:])
        ]

    def values(self, name):
        return [value for known, value in self.fields if known == name]

    @property
    def chunked(self):
        return bool(self.values(b"transfer-encoding"))


def has_bare_line_end(message):
    return (
        b"\n" in (message.wire if message.chunked else message.head).replace(b"\r\n", b"") or b"\r\r\n" in message.wire
    )


def is_folded(message):
    return any(line[:1] in (b" ", b"\t") for line in message.lines[1:])


def has_control(message):
    trailers = message.rest.rpartition(b"0\r\n")[2] if message.chunked else b""
    return any((byte < 32 and byte not in (9, 10, 13)) or byte == 127 for byte in message.head + trailers)


def has_other_version(message):
    return not message.lines[0].endswith((b" HTTP/1.1", b" HTTP/1.0"))


def names_no_host(message):
    return any(re.search(rb"[^!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]", value) for value in message.values(b"host"))


def has_a_long_value(message):
    """Those of one name together; one with a row of blanks is long sooner."""
    for name, value in message.fields:
        short = name in (b"content-type", b"if-match", b"if-none-match") or b" " * 100 in value.replace(b"\t", b" ")
        if len(b"".join(message.values(name))) > (1024 if short else 8192):
            return True
    return False


def repeats_its_length(message):
    lengths = message.values(b"content-length")
    return len(lengths) > 1 or b"," in b"".join(lengths)


def has_both_lengths(message):
    return message.chunked and bool(message.values(b"content-length"))


def is_chunked_in_1_0(message):
    return message.chunked and message.lines[0].endswith(b"HTTP/1.0")


def expects_something_else(message):
    return any(value.lower() != b"100-continue" for value in message.values(b"expect"))


def has_a_long_length(message):
    return any(len(value) > 18 for value in message.values(b"content-length"))


def has_space_before_an_extension(message):
    return message.chunked and re.search(rb"[0-9A-Fa-f][ \t]+;", message.rest) is not None


def has_space_after_a_size(message):
    return message.chunked and re.search(rb"[0-9A-Fa-f][ \t]+(;|\r)", message.rest) is not None


def has_a_chunk_that_ends_elsewhere(message):
    rest = message.rest
    while message.chunked:
        line, _, rest = rest.partition(b"\r\n")
        size = re.match(rb"[0-9A-Fa-f]{1,8}", line)
        length = int(size.group(), 16) if size else 0
        if not length:
            return False
        if rest[length : length + 2] != b"\r\n":
            return True
        rest = rest[length + 2 :]
    return False


def has_unfinished_trailers(message):
    return message.chunked and b"\r\n\r\n" not in (b"\r\n" + message.rest.rpartition(b"0\r\n")[2])


DIFFERENCES = [
    # (what the message has, a message, what we make of it, why)
    (
        has_bare_line_end,
        b"GET / HTTP/1.1\nHost: a\n\n",
        MORE,
        "a bare LF ends a line for some servers and not for others, which is how requests are smuggled",
    ),
    (
        has_bare_line_end,
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        REFUSED,
        "the same within a head that is whole",
    ),
    (is_folded, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", REFUSED, "RFC 9112 section 5.2: a server may"),
    (has_control, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x01c\r\n\r\n", REFUSED, "RFC 9110 section 5.5"),
    (
        has_control,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: b\x01c\r\n\r\n",
        REFUSED,
        "the same in a trailer",
    ),
    (has_other_version, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", REFUSED, "505: nobody knows what it would mean"),
    (
        has_a_long_value,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 8193 + b"\r\n\r\n",
        REFUSED,
        "the platform's own server refuses it (pekko-http, max-header-value-length)",
    ),
    (
        has_a_long_value,
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Type: " + b"b" * 1025 + b"\r\n\r\n",
        REFUSED,
        "frameworks take the square of its length",
    ),
    (names_no_host, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", REFUSED, "RFC 9112 section 3.2: a server must"),
    (
        repeats_its_length,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        REFUSED,
        "RFC 9110 section 8.6: a recipient may",
    ),
    (
        repeats_its_length,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
        REFUSED,
        "the same in one line",
    ),
    (
        has_both_lengths,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        REFUSED,
        "RFC 9112 section 6.3: ought to be handled as an error, since requests are smuggled so",
    ),
    (
        has_unfinished_trailers,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n]\r\nGET /",
        REFUSED,
        "a line that can't be a trailer is refused when it comes, not when all have come",
    ),
    (
        is_chunked_in_1_0,
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        REFUSED,
        "RFC 9112 section 6.1: its framing is faulty",
    ),
    (
        expects_something_else,
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n",
        REFUSED,
        "417 (RFC 9110 section 10.1.1)",
    ),
    (
        has_a_long_length,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"0" * 19 + b"\r\n\r\n",
        REFUSED,
        "no body has so many bytes",
    ),
    (
        has_space_before_an_extension,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 ;b=c\r\nx\r\n0\r\n\r\n",
        (b"POST", b"/", [(b"host", b"a"), (b"transfer-encoding", b"")], b"x"),
        'RFC 9112 section 7.1.1 allows it: chunk-ext = *( BWS ";" …',
    ),
]
H11 = tuple(map(int, h11.__version__.split(".")[:2]))
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
if H11 < (0, 14):
    DIFFERENCES += [
        (
            has_space_after_a_size,
            CHUNKED + b"1 \r\nx\r\n0\r\n\r\n",
            (b"POST", b"/", [(b"host", b"a"), (b"transfer-encoding", b"")], b"x"),
            "some servers send it, and h11 has taken it since 0.14",
        )
    ]
if H11 < (0, 16):
    DIFFERENCES += [
        (
            has_a_chunk_that_ends_elsewhere,
            CHUNKED + b"1\r\nxyz0\r\n\r\n",
            REFUSED,
            "h11 has refused it since 0.16 (CVE-2025-43859)",
        )
    ]


@pytest.mark.parametrize(("has", "wire", "ours", "why"), DIFFERENCES)
def test_each_difference_is_one_still(has, wire, ours, why):
    assert has(Message(wire))
    assert why
    assert comparable(by_us(wire)) == ours
    assert comparable(by_h11(wire)) != ours


def is_listed(wire, taken):
    """True where a difference in DIFFERENCES explains this one; ``taken`` tells whether we read a request."""
    message = Message(wire)
    return any(has(message) for has, _, ours, _ in DIFFERENCES if isinstance(ours, tuple) is taken)


# --- what is compared ---------------------------------------------------------------------------------------------

TOKEN = st.text("!#$%&'*+-.^_`|~09AZaz", min_size=1, max_size=8)
VALUE = st.one_of(
    st.text('\t !~az,;="\xe9', max_size=12), st.sampled_from(["close", "chunked", "3", "keep-alive", "gzip", "Chunked"])
)
NAME = st.one_of(
    TOKEN, st.sampled_from(["Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "content-length"])
)
CHUNKS = st.lists(st.binary(min_size=1, max_size=20), max_size=3)
EXTENSIONS = st.sampled_from(["", ";a", ";a=b", ' ; a="b;c"', " ", "\t", ";", ";\xe9"])
TRAILERS = st.sampled_from(["", "A: b\r\n", "A: b\r\nC:\r\n", "bad\r\n", "A : b\r\n"])


@st.composite
def bodies(draw):
    """Field lines that say how long a body is, and the body."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        body = draw(st.binary(max_size=20))
        return ["Content-Length: %d" % len(body)], body
    if kind == 1:
        sizes = draw(st.sampled_from(["%x", "%X", "0%x", "%x"]))
        chunks = b"".join(
            (sizes % len(chunk) + draw(EXTENSIONS) + "\r\n").encode("latin-1") + chunk + b"\r\n"
            for chunk in draw(CHUNKS)
        )
        return ["Transfer-Encoding: chunked"], chunks + b"0\r\n" + draw(TRAILERS).encode("ascii") + b"\r\n"
    return [], b""


@st.composite
def messages(draw):
    """Mostly well formed, a third of them with a hole or some junk in one place; something may follow."""
    method = draw(st.one_of(TOKEN, st.sampled_from(["GET", "POST"])))
    target = draw(st.text("!/?=&%09azAZ~:", min_size=1, max_size=12))
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]))
    framing, body = draw(bodies())
    fields = draw(st.lists(st.tuples(NAME, VALUE), max_size=3))
    lines = ["%s %s %s" % (method, target, version), "Host: x"] + framing + ["%s:%s" % pair for pair in fields]
    wire = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body + draw(st.sampled_from([b"", b"", b"GET /"]))
    if draw(st.integers(0, 2)) == 0:
        position = draw(st.integers(0, len(wire) - 1))
        junk = draw(st.binary(max_size=2))
        wire = wire[:position] + junk + wire[position + draw(st.integers(0, 2)) :]
    return wire


@settings(max_examples=300)
@given(messages())
@example(b"GET / HTTP/1.1\r\nHost: x\r\nA: b \t\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: x\r\nA:\xe9\r\n\r\n")
@example(b"GET http://a/ HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1 \t\r\na\r\n0\r\n\r\n")
def test_as_h11_reads_it(wire):
    ours, theirs = comparable(by_us(wire)), comparable(by_h11(wire))
    if ours != theirs:
        assert is_listed(wire, isinstance(ours, tuple)), "%r: %r, by h11 %r" % (wire, ours, theirs)


@settings(max_examples=100)
@given(messages(), st.data())
def test_in_any_split(wire, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire)), max_size=6)))
    pieces = [wire[start:end] for start, end in zip([0] + cuts, cuts + [len(wire)])]
    assert by_us(*pieces) == by_us(wire)


WIRES = [wire for _, wire, _, _ in DIFFERENCES] + [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET",
    b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\n\r\nGET",
]


@pytest.mark.parametrize("wire", WIRES)
def test_in_every_split(wire):
    whole = by_us(wire)
    assert by_us(*[wire[at : at + 1] for at in range(len(wire))]) == whole
    for cut in range(1, len(wire)):
        assert by_us(wire[:cut], wire[cut:]) == whole
