"""The grammar of one HTTP/1.1 message, in and out (RFC 9112): pure functions on bytes, stricter than the RFC demands.

Refused besides what the RFC refuses: bare LF as line end, folded header lines, control characters in a value, long
values, a repeated Content-Length or Host, a Host that can be none, a Content-Length beside a Transfer-Encoding, any
transfer coding but ``chunked``.
"""

import re

from .messages import SHORT_VALUE, error_response, too_long
from .percent import is_host
from .remembered import remembered

MAX_HEAD = 64 * 1024
MAX_FIELDS = 128

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])\Z")
_NAME = re.compile(_TOKEN + rb"\Z")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_FRAMING = frozenset(("connection", "content-length", "expect", "host", "transfer-encoding"))
_LENGTH = re.compile(r"[0-9]{1,18}\Z")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\Z")

REASONS = {
    100: "Continue",
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}


class Malformed(Exception):
    """A message that can't be accepted; ``status`` is the answer's, the text says what was wrong."""

    def __init__(self, status, sentence):
        Exception.__init__(self, sentence)
        self.status = status


class Head:
    """Request line and header fields: ``method`` and ``target`` as ``str``, ``fields`` as a list of (lower-case name,
    value), values one character for each byte; ``length`` of the body, None when ``chunked``."""

    __slots__ = ("chunked", "expects_continue", "fields", "keep_alive", "length", "method", "target", "version")

    def __init__(self, method, target, version, fields):
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.length = 0
        self.chunked = False
        self.expects_continue = False
        self.keep_alive = version == (1, 1)


def parse_head(data):
    """The ``Head`` of a request; ``data`` is all before the empty line. Raises ``Malformed``."""
    lines = bytes(data).split(b"\r\n")
    method, target, version = _request_line(lines[0])
    if len(lines) - 1 > MAX_FIELDS:
        raise Malformed(431, "the request has more than %d header fields" % MAX_FIELDS)
    fields = [_field(line) for line in lines[1:]]
    long = len(data) > SHORT_VALUE and too_long(fields)
    if long:
        raise Malformed(431, "the request has a header " + long)
    head = Head(method, target, version, fields)
    _set_framing(head)
    return head


@remembered(16)
def _request_line(line):
    """Method, target and version (RFC 9112 section 3)."""
    match = _REQUEST_LINE.match(line)
    if match is None:
        raise Malformed(400, "the request line isn't well formed: %r" % line[:80].decode("latin-1"))
    version = (int(match.group(3)), int(match.group(4)))
    if version not in ((1, 1), (1, 0)):
        raise Malformed(505, "HTTP/%d.%d isn't spoken here, HTTP/1.1 is" % version)
    return match.group(1).decode("ascii"), match.group(2).decode("ascii"), version


@remembered(64)  # the platform's requests have the same lines again and again, but for Content-Length
def _field(line):
    """Name and value of a header or trailer line (RFC 9112 section 5)."""
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not _NAME.match(name) or not _VALUE.match(value):
        raise Malformed(400, "a header line isn't well formed: %r" % line[:80].decode("latin-1"))
    return name.decode("ascii").lower(), value.decode("latin-1")


def _set_framing(head):
    """Body and connection as RFC 9112 sections 6 and 9 derive them from the fields."""
    values = {}
    for name, value in head.fields:
        if name in _FRAMING:
            values.setdefault(name, []).append(value)
    hosts = len(values.get("host", ()))
    if hosts > 1 or (hosts == 0 and head.version == (1, 1)):
        raise Malformed(400, "a request must have one Host header, this one has %d" % hosts)
    for value in values.get("host", ()):
        if not is_host(value):
            raise Malformed(400, "the Host header is no host: %r" % value[:80])
    for value in values.get("connection", ()):
        options = [option.strip() for option in value.lower().split(",")]
        head.keep_alive = "close" not in options and (head.keep_alive or "keep-alive" in options)
    for value in values.get("expect", ()):
        if value.lower() != "100-continue":
            raise Malformed(417, "the expectation %r can't be met" % value[:80])
        head.expects_continue = head.version == (1, 1)
    codings, lengths = values.get("transfer-encoding"), values.get("content-length")
    if codings:
        _check_coding(head, codings, lengths)
        head.chunked, head.length = True, None
    elif lengths:
        length = ", ".join(lengths)
        if not _LENGTH.match(length):
            raise Malformed(400, "Content-Length isn't one number: %r" % length[:80])
        head.length = int(length)


def _check_coding(head, codings, lengths):
    if lengths:
        raise Malformed(400, "a request can't have both Content-Length and Transfer-Encoding")
    if head.version == (1, 0):
        raise Malformed(400, "HTTP/1.0 has no Transfer-Encoding")
    if [coding.lower() for coding in codings] != ["chunked"]:
        raise Malformed(501, "the transfer coding %r isn't supported, chunked is" % ", ".join(codings)[:80])


class ChunkedBody:
    """Takes a chunked body apart (RFC 9112 section 7.1), fed in pieces of any size."""

    def __init__(self, limit):
        self._limit = limit
        self._pending = bytearray()
        self._body = bytearray()
        self._left = 0  # of the current chunk, its line end included
        self._in_trailer = False
        self._trailer_size = 0

    def feed(self, data):
        """None while the body goes on; at its end ``(body, rest)``: all of it, and what came after it."""
        self._pending += data
        while True:
            if self._left:
                if not self._take_chunk():
                    return None
                continue
            end = self._pending.find(b"\r\n")
            if end < 0 or end > 1024:
                if len(self._pending) > 1024:
                    raise Malformed(400, "a line of the chunked body is too long")
                return None
            line = bytes(self._pending[:end])
            del self._pending[: end + 2]
            if self._in_trailer:
                if not line:
                    return self._body, bytes(self._pending)
                self._skip_trailer(line)
            else:
                self._start_chunk(line)

    def _take_chunk(self):
        piece = self._pending[: self._left - 2]
        self._body += piece
        self._left -= len(piece)
        del self._pending[: len(piece)]
        if len(self._pending) < 2:
            return False
        if self._pending[:2] != b"\r\n":
            raise Malformed(400, "a chunk doesn't end where its size says")
        del self._pending[:2]
        self._left = 0
        return True

    def _start_chunk(self, line):
        match = _CHUNK_SIZE.match(line)
        if match is None:
            raise Malformed(400, "a chunk's size isn't well formed: %r" % line[:80].decode("latin-1"))
        size = int(match.group(1), 16)
        if len(self._body) + size > self._limit:
            raise Malformed(413, "the body is larger than %d bytes" % self._limit)
        self._in_trailer = size == 0
        self._left = size + 2 if size else 0

    def _skip_trailer(self, line):
        self._trailer_size += len(line)
        if self._trailer_size > MAX_HEAD:
            raise Malformed(431, "the trailer of a chunked body is too long")
        _field(line)


def is_field(name, value):
    """True where a response may carry this header (RFC 9110 section 5.5); both are ``str``, a character for each
    byte.
    """
    try:
        return bool(_NAME.match(name.encode("ascii")) and _VALUE.match(value.encode("latin-1")))
    except UnicodeEncodeError:
        return False


class Reply:
    """A response to write. ``body`` is bytes, or a tuple of bytes, which are never put together; ``length`` False
    leaves Content-Length out (204, 304)."""

    __slots__ = ("body", "headers", "length", "status")

    def __init__(self, status, headers, body=b"", length=True):
        self.status = status
        self.headers = headers
        self.body = body
        self.length = length

    @property
    def pieces(self):
        return self.body if type(self.body) is tuple else (self.body,)


def error_reply(status, sentence):
    """A JSON error: ``{"error": sentence}``."""
    response = error_response(status, sentence)
    return Reply(response.status, response.headers, response.body)


def rendered(head, reply, keep):
    """The bytes of a reply, in pieces.

    head   of the request, None where it couldn't be read.
    keep   True where the connection stays open after the reply.
    """
    lines = ["HTTP/1.1 %d %s" % (reply.status, REASONS.get(reply.status, "Unknown"))]
    lines += [name + ": " + value for name, value in reply.headers]
    if reply.length:
        lines.append("Content-Length: %d" % sum(map(len, reply.pieces)))
    if not keep:
        lines.append("Connection: close")
    elif head.version == (1, 0):
        lines.append("Connection: keep-alive")
    start = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return (start,) if head is not None and head.method == "HEAD" else (start,) + reply.pieces
