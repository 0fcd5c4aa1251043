"""Owns sockets, threads, limits, and peers that are slow or rude. Doesn't know what a message means.

One thread (``Server.serve``) does all waiting: it accepts, reads, writes what didn't fit into the socket at once, and watches the
deadlines. A complete request goes as a ``Job`` to the inbox, from which the main thread takes it: models, signal handlers and
event loops expect to run there (design, decision 1). Whoever answers a job first (the main thread, or this one at the
deadline) claims it.

Uses ``_socket`` and ``_thread``, not their Python wrappers: they import in no time, and a model that patches the wrappers
(gevent) leaves us alone.
"""

import _socket
import _thread
import select
from collections import deque
from time import monotonic

from . import http1, log
from .messages import error_response

MAX_CONNECTIONS = 256
LINGER_SECONDS = 2.0
LINGER_BYTES = 1 << 20
SLOWEST_BYTES_PER_SECOND = 4096.0

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


def listen(port, backlog=128):
    """A socket that listens on all addresses: the platform connects from outside the container."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


class Reply(object):
    """What goes back on a connection. ``body`` is bytes; ``length`` False leaves Content-Length out (204, 304)."""

    __slots__ = ("body", "headers", "length", "status")

    def __init__(self, status, headers, body=b"", length=True):
        self.status = status
        self.headers = headers
        self.body = body
        self.length = length


def error_reply(status, sentence):
    response = error_response(status, sentence)
    return Reply(response.status, response.headers, response.body)


class Inbox(object):
    """Jobs on their way to the threads that do them. Any number may ``put`` and ``get``."""

    def __init__(self):
        self._jobs = deque()
        self._signal = _thread.allocate_lock()
        self._signal.acquire()

    def put(self, job):
        self._jobs.append(job)
        self._wake()

    def get(self):
        """Waits for a job; a signal handler may run meanwhile, and may raise."""
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                self._signal.acquire()
                continue
            if self._jobs:
                self._wake()  # the signal is one bit: pass it on to the next thread that waits
            return job

    def _wake(self):
        try:
            self._signal.release()
        except RuntimeError:
            pass  # it is set already


class Job(object):
    """One complete request. ``head`` and ``body`` are what came; ``late_at`` is the ``monotonic()`` time at which the
    server's thread answers in the application's stead, None for never; ``notes`` is the application's own."""

    __slots__ = ("_claim", "_connection", "_server", "arrived", "body", "head", "late_at", "notes")

    def __init__(self, server, connection, head, body):
        self._server = server
        self._connection = connection
        self._claim = _thread.allocate_lock()
        self.head = head
        self.body = body
        self.arrived = monotonic()
        self.late_at = None
        self.notes = None

    def claim(self):
        """True for the one who may answer."""
        return self._claim.acquire(False)

    @property
    def answered(self):
        return self._claim.locked()

    def send(self, reply):
        """Sends the reply; only for who has claimed the job."""
        self._server.reply(self._connection, self.head, reply)


class Connection(object):
    __slots__ = ("buffer", "chunks", "descriptor", "expires", "filled", "head", "keep", "out", "socket", "state")

    # What a connection is waiting for.
    HEAD, BODY, ANSWER, WRITE, LINGER = range(5)

    def __init__(self, sock, expires):
        self.socket = sock
        self.descriptor = sock.fileno()
        self.state = self.HEAD
        self.buffer = bytearray()
        self.filled = 0
        self.head = None
        self.chunks = None
        self.out = None
        self.keep = False
        self.expires = expires


class Server(object):
    """Reads requests for an application, which has:

    ``refuse(head)``   the ``Reply`` for a request that isn't worth reading its body, None for one that is.
    ``admit(job)``     called before the job is queued; may set ``late_at`` and ``notes``.
    ``overdue(job)``   the ``Reply`` for a job whose ``late_at`` has passed, already claimed.
    """

    def __init__(self, listener, application, inbox, max_body, read_timeout, keep_alive=0):
        self._listener = listener
        self._application = application
        self._inbox = inbox
        self._max_body = max_body
        self._read_timeout = read_timeout
        self._keep_alive = keep_alive
        self._connections = {}
        self._watched = []  # jobs with a time at which they are late
        self._poll = select.poll()
        self._accepting = False
        self._handed_back = deque()  # connections that another thread is done with
        self._waker, self._woken = _socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self.closing = False
        self._serving = _thread.allocate_lock()
        self._serving.acquire()

    # --- the thread that waits ---------------------------------------------------------------------------------------

    def serve(self):
        """Runs until the process ends or ``stop`` was called and every answer is out."""
        self._poll.register(self._woken.fileno(), _READABLE)
        self._accept_more(True)
        try:
            while not (self.closing and not self._connections):
                for descriptor, _ in self._poll.poll(self._timeout()):
                    if descriptor == self._listener.fileno():
                        self._accept()
                    elif descriptor == self._woken.fileno():
                        self._take_back()
                    else:
                        self._progress(self._connections.get(descriptor))
                self._answer_overdue()
                self._expire()
            self._serving.release()
        except BaseException as error:  # nothing can be served any more: say why, and let the platform start afresh
            log.traceback_of(error)
            import os

            os._exit(70)

    def stop(self):
        """Stops accepting; ``serve`` returns when what is under way has been answered."""
        self.closing = True
        self._wake()

    def drain(self, seconds=5):
        """Waits until what was answered has been taken by its clients, for so many seconds at most."""
        self.stop()
        self._serving.acquire(True, seconds)

    def _timeout(self):
        times = [connection.expires for connection in self._connections.values() if connection.expires]
        times += [job.late_at for job in self._watched]
        if not times:
            return None
        return max(0, int((min(times) - monotonic()) * 1000) + 1)

    def _accept_more(self, wanted):
        if wanted and not self._accepting:
            self._poll.register(self._listener.fileno(), select.POLLIN)
        elif self._accepting and not wanted:
            self._poll.unregister(self._listener.fileno())
        self._accepting = wanted

    def _accept(self):
        if self.closing:
            self._accept_more(False)
            return
        try:
            descriptor, _ = self._listener._accept()
        except BlockingIOError:
            return
        except OSError:  # out of descriptors, or the peer is gone already
            if not self._evict_idle():
                self._accept_more(False)  # until a connection is closed
            return
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
        sock.setblocking(False)
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        connection = Connection(sock, monotonic() + self._read_timeout)
        self._connections[descriptor] = connection
        self._poll.register(descriptor, _READABLE)
        if len(self._connections) >= MAX_CONNECTIONS and not self._evict_idle():
            self._accept_more(False)
        self._progress(connection)

    def _evict_idle(self):
        """Closes the connection that has been silent longest, so that idle ones can't make the container deaf."""
        for connection in list(self._connections.values()):
            if connection.state == Connection.HEAD and not connection.buffer:
                self._close(connection)
                return True
        return False

    def _expire(self):
        now = monotonic()
        for connection in [known for known in self._connections.values() if known.expires and known.expires <= now]:
            if connection.state in (Connection.HEAD, Connection.BODY) and (connection.buffer or connection.head):
                self._refuse(connection, error_reply(
                    408, "The request wasn't complete after %d seconds." % self._read_timeout))
            else:
                self._close(connection)

    def _answer_overdue(self):
        if not self._watched:
            return
        now = monotonic()
        overdue = [job for job in self._watched if job.late_at <= now]
        self._watched = [job for job in self._watched if job.late_at > now and not job.answered]
        for job in overdue:
            if job.claim():
                job.send(self._application.overdue(job))

    def _take_back(self):
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass
        while self._handed_back:
            connection = self._handed_back.popleft()
            self._connections[connection.descriptor] = connection
            if connection.state == Connection.WRITE:
                self._poll.register(connection.descriptor, select.POLLOUT)
            else:
                self._poll.register(connection.descriptor, _READABLE)
                self._consume(connection)  # a pipelined request may be waiting in the buffer
        self._accept_more(not self.closing)
        if self.closing:
            for connection in list(self._connections.values()):
                if connection.state == Connection.HEAD and not connection.buffer:
                    self._close(connection)

    # --- one connection's way through its states ---------------------------------------------------------------------

    def _progress(self, connection):
        if connection is None:
            return
        try:
            if connection.state == Connection.WRITE:
                self._write(connection)
            elif connection.state == Connection.LINGER:
                self._linger(connection)
            elif connection.state == Connection.BODY and connection.chunks is None:
                self._read_sized_body(connection)
            else:
                self._read(connection)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)

    def _read(self, connection):
        data = connection.socket.recv(65536)
        if not data:
            self._ended_early(connection)
            return
        if connection.state == Connection.HEAD and not connection.buffer:
            connection.expires = monotonic() + self._read_timeout
        connection.buffer += data
        self._consume(connection)

    def _ended_early(self, connection):
        if connection.buffer or connection.head is not None:
            self._refuse(connection, error_reply(400, "Bad request: it ended before it was complete."))
        else:
            self._close(connection)

    def _extend(self, connection, count):
        """Gives more time for each byte that came, so that a trickle can't hold a connection for ever."""
        connection.expires = min(monotonic() + self._read_timeout, connection.expires + count / SLOWEST_BYTES_PER_SECOND)

    def _consume(self, connection):
        """Does what can be done with the bytes that are there."""
        try:
            if connection.state == Connection.HEAD:
                self._read_head(connection)
            elif connection.state == Connection.BODY:
                self._read_chunks(connection)
        except http1.Malformed as malformed:
            self._refuse(connection, error_reply(malformed.status, "Bad request: %s." % malformed))

    def _read_head(self, connection):
        buffer = connection.buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or end > http1.MAX_HEAD:
            if len(buffer) > http1.MAX_HEAD:
                raise http1.Malformed(431, "the header is larger than %d bytes" % http1.MAX_HEAD)
            return
        head = connection.head = http1.parse_head(buffer[:end])
        refusal = self._application.refuse(head)
        if refusal is None and not head.chunked and head.length > self._max_body:
            refusal = error_reply(413, "The request body has %d bytes; at most %d are taken (MODELPROXY_MAX_BODY)."
                                  % (head.length, self._max_body))
        rest = buffer[end + 4:]
        if refusal is not None:
            whole = not head.chunked and len(rest) >= head.length
            connection.buffer = rest[head.length:] if whole else bytearray()
            self._answer_now(connection, refusal) if whole else self._refuse(connection, refusal)
        elif head.chunked:
            self._expect_body(connection)
            connection.chunks = http1.ChunkedBody(self._max_body)
            connection.buffer = rest
            self._read_chunks(connection)
        elif len(rest) >= head.length:
            connection.buffer = rest[head.length:]
            self._hand_over(connection, rest if len(rest) == head.length else rest[:head.length])
        else:
            self._expect_body(connection)
            connection.buffer = bytearray(head.length)  # one buffer from the socket to json.loads
            connection.buffer[:len(rest)] = rest
            connection.filled = len(rest)
            self._read_sized_body(connection)

    def _expect_body(self, connection):
        connection.state = Connection.BODY
        if connection.head.expects_continue:
            connection.socket.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_sized_body(self, connection):
        view = memoryview(connection.buffer)
        try:
            while connection.filled < len(view):
                count = connection.socket.recv_into(view[connection.filled:])
                if not count:
                    break
                connection.filled += count
                self._extend(connection, count)
        finally:
            view.release()
        if connection.filled < len(connection.buffer):
            self._ended_early(connection)
            return
        body, connection.buffer = connection.buffer, bytearray()
        self._hand_over(connection, body)

    def _read_chunks(self, connection):
        data, connection.buffer = connection.buffer, bytearray()
        whole = connection.chunks.feed(data)
        self._extend(connection, len(data))
        if whole is not None:
            connection.chunks = None
            connection.buffer = bytearray(whole[1])
            self._hand_over(connection, whole[0])

    def _hand_over(self, connection, body):
        """Gives the request to the application; the connection belongs to whoever answers until it comes back."""
        self._poll.unregister(connection.descriptor)
        del self._connections[connection.descriptor]
        connection.state = Connection.ANSWER
        connection.expires = None
        job = Job(self, connection, connection.head, body)
        self._application.admit(job)
        if job.late_at is not None:
            self._watched.append(job)
        self._inbox.put(job)

    # --- answers ------------------------------------------------------------------------------------------------------

    def reply(self, connection, head, reply):
        """Sends an answer from any thread that owns the connection: at once what the socket takes, the rest later."""
        connection.keep = bool(self._keep_alive) and head.keep_alive and not self.closing
        data = self._rendered(head, reply, connection.keep)
        sent = 0
        try:
            sent = connection.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # the client is gone; what it asked for has been done
            connection.socket.close()
            return
        if sent == len(data) and not connection.keep:
            connection.socket.close()
            if not self._accepting or self.closing:
                self._wake()
            return
        connection.head = None
        if sent < len(data):
            connection.out = memoryview(data)[sent:]
            connection.state = Connection.WRITE
            connection.expires = monotonic() + self._read_timeout
        else:
            self._await_next(connection)
        self._handed_back.append(connection)
        self._wake()

    def _rendered(self, head, reply, keep):
        headers = reply.headers
        if not keep:
            headers = headers + [("Connection", "close")]
        elif head.version == (1, 0):
            headers = headers + [("Connection", "keep-alive")]
        length = len(reply.body) if reply.length else None
        body = b"" if head.method == "HEAD" else reply.body
        return http1.response_head(reply.status, headers, length) + body

    def _answer_now(self, connection, reply):
        """Answers a whole request from the waiting thread itself."""
        self._poll.unregister(connection.descriptor)
        del self._connections[connection.descriptor]
        self.reply(connection, connection.head, reply)

    def _refuse(self, connection, reply):
        """Answers before the request was read, then closes; reads on a little, or the client would see a reset (RFC 9112
        section 9.6) instead of the answer."""
        head = connection.head
        data = http1.response_head(reply.status, reply.headers + [("Connection", "close")], len(reply.body))
        if head is None or head.method != "HEAD":
            data += reply.body
        try:
            connection.socket.send(data)
            connection.socket.shutdown(_socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        connection.state = Connection.LINGER
        connection.filled = 0
        connection.expires = monotonic() + LINGER_SECONDS

    def _linger(self, connection):
        data = connection.socket.recv(65536)
        connection.filled += len(data)
        if not data or connection.filled > LINGER_BYTES:
            self._close(connection)

    def _write(self, connection):
        sent = connection.socket.send(connection.out)
        connection.out = connection.out[sent:]
        connection.expires = monotonic() + self._read_timeout
        if connection.out:
            return
        connection.out = None
        if not connection.keep or self.closing:
            self._close(connection)
            return
        self._await_next(connection)
        self._poll.modify(connection.descriptor, _READABLE)
        self._consume(connection)

    def _await_next(self, connection):
        connection.head = None
        connection.state = Connection.HEAD
        connection.expires = monotonic() + self._keep_alive

    def _close(self, connection):
        if self._connections.pop(connection.descriptor, None) is not None:
            self._poll.unregister(connection.descriptor)
        connection.socket.close()
        if not self.closing:
            self._accept_more(True)

    def _wake(self):
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            pass  # it is being woken already
