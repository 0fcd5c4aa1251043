"""Puts requests together from the bytes of one connection. Doesn't know who waits for them, or for how long."""

import _socket

from . import http1
from .http1 import error_reply

# For all that is sent: where a model gives SIGPIPE its default action, a client that has gone would end the process.
QUIETLY = getattr(_socket, "MSG_NOSIGNAL", 0)  # macOS has none

READ_AT_ONCE = 1 << 16  # bytes of a head, and of what comes with it
FIRST_BUFFER = 1 << 16  # a length that is only announced costs no more than this
GROWTH = 3  # times what has come: what is allocated in advance of more


class Refused(Exception):
    """A request that is answered unread. ``reply`` is the answer; ``head`` None where not even that could be read;
    ``whole`` True where all of the request has been taken from the connection, so that another may follow."""

    def __init__(self, head, reply, whole=False):
        Exception.__init__(self, reply.status)
        self.head = head
        self.reply = reply
        self.whole = whole


class Reader:
    """The requests on one connection, one after another.

    refuse     the application's: ``Reply`` for a head whose body isn't worth reading, else None.
    max_body   bytes that a body may have.
    scratch    memoryview of ``READ_AT_ONCE`` bytes for what comes first; all readers of a thread have the same.
    received   bytes that have come in all.
    """

    def __init__(self, socket, refuse, max_body, scratch):
        self._socket = socket
        self._refuse = refuse
        self._max_body = max_body
        self._scratch = scratch
        self._buffer = bytearray()
        self._head = None
        self._filled = 0  # bytes of a body of known length that are in the buffer
        self._chunks = None
        self.received = 0

    @property
    def idle(self):
        """True where nothing of a request has come yet."""
        return self._head is None and not self._buffer

    def receive(self):
        """Takes what the socket has: ``(head, body)`` of a whole request, or None where more must come.

        Raises ``Refused``, ``EOFError`` at the end of an idle connection, and what the socket raises.
        """
        if self._head is not None and self._chunks is None:
            return self._receive_sized_body()
        # Not ``recv``, which takes as much memory for each call and gives back what wasn't needed: into that hole comes
        # something smaller, and the heap grew by 12 bytes a request for as long as it was watched.
        count = self._socket.recv_into(self._scratch)
        if not count:
            raise self._ended()
        self.received += count
        self._buffer += self._scratch[:count]
        return self.take(-3 - count)

    def take(self, start=0):
        """The same of what has been received already: a pipelined request. ``start``: where its head may end."""
        try:
            return self._read_head(start) if self._head is None else self._read_chunks()
        except http1.Malformed as malformed:
            raise Refused(self._head, error_reply(malformed.status, "Bad request: %s." % malformed)) from None

    def _ended(self):
        if self.idle:
            return EOFError()
        return Refused(self._head, error_reply(400, "Bad request: it ended before it was complete."))

    def _read_head(self, start):
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", start)
        if end < 0 or end > http1.MAX_HEAD:
            if len(buffer) > http1.MAX_HEAD:
                raise http1.Malformed(431, "the header is larger than %d bytes" % http1.MAX_HEAD)
            return None
        head = http1.parse_head(buffer[:end])
        rest = buffer[end + 4 :]
        whole = not head.chunked and len(rest) >= head.length
        refusal = self._refuse(head)
        if refusal is None and not head.chunked and head.length > self._max_body:
            refusal = error_reply(
                413,
                "The request body has %d bytes; at most %d are taken (MODELPROXY_MAX_BODY)."
                % (head.length, self._max_body),
            )
        if refusal is not None:
            self._buffer = rest[head.length :] if whole else bytearray()
            raise Refused(head, refusal, whole)
        if whole:
            self._buffer = rest[head.length :]
            return head, rest if len(rest) == head.length else rest[: head.length]
        self._head = head
        if head.expects_continue and not rest:
            self._say_continue()
        if head.chunked:
            self._chunks = http1.ChunkedBody(self._max_body)
            self._buffer = rest
            return self._read_chunks()
        self._buffer = bytearray(min(head.length, FIRST_BUFFER))  # one buffer from the socket to json.loads
        self._buffer[: len(rest)] = rest
        self._filled = len(rest)
        return None

    def _say_continue(self):
        """A client that doesn't hear it sends the body all the same after a while (RFC 9110 section 10.1.1), and one
        that has gone is told by what is read next: neither is a fault of the request."""
        try:
            self._socket.send(b"HTTP/1.1 100 Continue\r\n\r\n", QUIETLY)
        except OSError:
            pass

    def _receive_sized_body(self):
        while self._filled < self._head.length:
            if self._filled == len(self._buffer):
                self._buffer += bytes(min(GROWTH * self._filled, self._head.length - self._filled))
            self._fill_buffer()
        body, self._buffer = self._buffer, bytearray()
        return self._completed(), body

    def _fill_buffer(self):
        with memoryview(self._buffer) as view:
            while self._filled < len(view):
                count = self._socket.recv_into(view[self._filled :])
                if not count:
                    raise self._ended()
                self._filled += count
                self.received += count

    def _read_chunks(self):
        data, self._buffer = self._buffer, bytearray()
        whole = self._chunks.feed(data)
        if whole is None:
            return None
        body, rest = whole
        self._buffer = bytearray(rest)
        return self._completed(), body

    def _completed(self):
        head, self._head, self._chunks = self._head, None, None
        return head
