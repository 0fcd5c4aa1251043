"""One HTTP/1.1 exchange with a server on this machine, as a proxy makes it (RFC 9110 section 7, RFC 9112).

Reads while it writes: a server that answers as the body comes would else wait for us, and we for it. ``http.client``
can't do that, and costs a tenth of a second to import.
"""

import _socket
import re
import select

from ...http1 import MAX_HEAD, ChunkedBody, Malformed
from ...messages import ENDLESS, HOP_BY_HOP, MOST_UNANNOUNCED, Response
from ...percent import quoted_query

# RFC 9110 section 7.6.1; Accept-Encoding because the model must not compress, Expect because we have the whole body.
_NOT_FORWARDED = HOP_BY_HOP | {
    "accept-encoding",
    "content-length",
    "expect",
    "host",
    "proxy",
    "x-forwarded-for",
    "x-forwarded-proto",
}
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\Z")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


class BadAnswer(Exception):
    """The server's answer can't be passed on; the text says why. ``silent`` where it said nothing at all."""

    silent = False


def connect(addresses, port):
    """A connection to the first of the addresses that there is. Raises ``OSError`` where nobody takes it."""
    problem = None
    for address in addresses:
        connection = _socket.socket(_socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_STREAM)
        try:
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            problem = error
            if isinstance(error, ConnectionRefusedError):
                break  # who takes the next one's may be another
        else:
            connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            return connection
    raise problem


def head_of(request):
    """The bytes of a request's head, as the server is to see it."""
    query = quoted_query(request.query)
    target = request.path + ("?" + query if query else "")
    host = request.header("host") or "localhost"
    lines = ["%s %s HTTP/1.1" % (request.method, target), "host: " + host]
    dropped = _named_in_connection(request.headers)
    if request.mount or request.activation is not None:
        dropped.add("x-forwarded-prefix")
    came_from = [value for name, value in request.headers if name == "x-forwarded-for"]
    if (
        request.activation is None
    ):  # of a web server's client it is known, as any proxy tells it; of an action's it isn't
        came_from.append(request.peer)
    for name, value in request.headers:
        # With ``_``: as for every other host (``wsgi_gateway``), since servers make one of ``X-Y`` and ``X_Y``.
        if name not in _NOT_FORWARDED and name not in dropped and "_" not in name:
            lines.append(name + ": " + value)
    lines.append("x-forwarded-proto: " + request.scheme)
    if came_from:
        lines.append("x-forwarded-for: " + ", ".join(came_from))
    if not request.header("x-forwarded-host"):
        lines.append("x-forwarded-host: " + host)
    if request.mount:
        lines.append("x-forwarded-prefix: " + request.mount)
    if request.body or request.method in ("POST", "PUT", "PATCH"):  # RFC 9110 section 8.6
        lines.append("content-length: %d" % len(request.body))
    lines.append("connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def exchange(connection, request):
    """The server's whole answer to a request. Raises ``BadAnswer``; closes the connection."""
    reader = Reader(request.method)
    out = [head_of(request), memoryview(request.body)]
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLOUT)
    connection.setblocking(False)
    try:
        while True:
            _, events = poll.poll()[0]
            if out and events & select.POLLOUT:
                out = _send(connection, out)
                if not out:
                    poll.modify(connection.fileno(), select.POLLIN)
            if events & ~select.POLLOUT:
                response = reader.feed(_received(connection))
                if response is not None:
                    return response
    finally:
        connection.close()


def _send(connection, out):
    """What is left to be sent. Nothing where the server takes no more: it may have answered all the same."""
    try:
        sent = connection.sendmsg(out)
    except BlockingIOError:
        return out
    except OSError:
        return []
    head = len(out[0])
    left = [out[0][sent:], out[1]] if sent < head else [b"", out[1][sent - head :]]
    return left if left[0] or left[1] else []


def _received(connection):
    """What has come, b"" at the end, a reset connection's included; None for nothing yet."""
    try:
        return connection.recv(1 << 18)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class Reader:
    """Puts an answer together from pieces of any size."""

    def __init__(self, method):
        self._method = method
        self._head = bytearray()
        self._body = None
        self._take = None

    def feed(self, data):
        """The ``Response`` once it is whole, else None; b"" ends the stream. Raises ``BadAnswer``."""
        if data is None:
            return None
        ended = not data
        if self._take is None:
            self._head += data
            data = self._after_head()
            if self._take is None:
                if ended:
                    self._fail("closed the connection " + ("amid" if self._head else "without") + " an answer")
                return None
        self._body += data
        return self._take(ended)

    def _fail(self, what):
        error = BadAnswer(what)
        error.silent = not self._head and self._take is None
        raise error

    def _after_head(self):
        """What came after the head, once that is whole. Interim answers (1xx) are skipped."""
        while True:
            match = _HEAD_END.search(self._head)
            if match is None:
                if len(self._head) > MAX_HEAD or not b"HTTP/1.".startswith(bytes(self._head[:7])):
                    self._fail("doesn't answer in HTTP/1.1, or with too large a head: %r" % bytes(self._head[:40]))
                return b""
            head, rest = bytes(self._head[: match.start()]), self._head[match.end() :]
            first, _, fields = head.partition(b"\n")
            status = _STATUS_LINE.match(first.rstrip(b"\r"))
            if status is None:
                self._fail("doesn't answer in HTTP/1.1: %r" % first[:40])
            self._status = int(status.group(1))
            if self._status == 101 or self._status >= 200:
                self._begin_body([self._field(line) for line in _FOLD.sub(b" ", fields).split(b"\n") if line])
                return rest
            self._head = rest

    def _field(self, line):
        """A blank before the colon is removed, as section 5.1 wants it of a proxy."""
        name, colon, value = line.partition(b":")
        if not colon:
            self._fail("sent a header line without a colon: %r" % line[:40])
        return name.strip().decode("latin-1"), value.strip().decode("latin-1")

    def _begin_body(self, fields):
        """The framing of the body by RFC 9112 section 6.3."""
        if self._status == 101:
            self._fail("wants to switch to another protocol, which nobody asked for")
        values = {}
        for name, value in fields:
            values.setdefault(name.lower(), []).extend(item.strip() for item in value.split(","))
        codings = [coding.lower() for coding in values.get("transfer-encoding", ()) if coding.lower() != "identity"]
        lengths = set(values.get("content-length", ())) if not codings else set()
        dropped = HOP_BY_HOP | {option.lower() for option in values.get("connection", ())}
        self._headers = [
            (name, value)
            for name, value in fields
            if name.lower() not in dropped and not (codings and name.lower() == "content-length")
        ]
        self._body = bytearray()
        if self._method == "HEAD" or self._status in (204, 304):
            self._length, self._take = 0, self._take_counted
        elif codings:
            if codings != ["chunked"]:
                self._fail("uses the transfer coding %s, which can't be undone" % ", ".join(codings)[:80])
            self._chunks, self._take = ChunkedBody(MOST_UNANNOUNCED), self._take_chunked
        elif lengths:
            length = lengths.pop()
            if lengths or not _LENGTH.match(length):
                self._fail("sent a Content-Length that isn't one number")
            self._length, self._take = int(length), self._take_counted
        else:
            self._take = self._take_rest

    def _take_counted(self, ended):
        if len(self._body) >= self._length:
            del self._body[self._length :]  # what comes after an answer isn't part of it
            return self._whole(bytes(self._body))
        if ended:
            self._fail("closed the connection after %d of %d bytes" % (len(self._body), self._length))
        return None

    def _take_chunked(self, ended):
        piece, self._body = self._body, bytearray()
        try:
            done = self._chunks.feed(piece)
        except Malformed as error:
            raise BadAnswer("sent a chunked body that isn't well formed: %s" % error) from None
        if done is not None:
            return self._whole(done[0])
        if ended:
            self._fail("closed the connection before the last chunk")
        return None

    def _take_rest(self, ended):
        if len(self._body) > MOST_UNANNOUNCED:
            self._fail(ENDLESS)
        return self._whole(bytes(self._body)) if ended else None

    def _whole(self, body):
        return Response(self._status, self._headers, body)


def _named_in_connection(headers):
    return {option.strip().lower() for name, value in headers if name == "connection" for option in value.split(",")}
