"""Owns sockets, threads, limits, and peers that are slow or rude. Doesn't know what a message means.

One thread at a time does all waiting, the one that has the ``lead``: it accepts, reads, writes what didn't fit into a
socket at once, and watches the deadlines. A complete request becomes a ``Job``, which the main thread does: models,
signal handlers and event loops expect to run there (design, decision 1). Whoever answers a job first, that thread or
the one that has the lead at the deadline, claims it.

Where only the main thread predicts it has the lead while it has nothing else to do (``next_job``), and the server's own
thread (``serve``) otherwise. Where several threads predict, the server's thread has it always and they take their jobs
from the inbox.

Uses ``_socket`` and ``_thread``, not their Python wrappers: they import in no time, and a model that patches the
wrappers (gevent) leaves us alone.
"""

import _socket
import _thread
import os
import select
from collections import deque
from time import monotonic

from . import http1, log
from .connection import SILENT_SECONDS, Connection
from .http1 import error_reply
from .jobs import ENOUGH, SIGNAL_SECONDS, Job, undisturbed
from .lead import MOMENT_SECONDS, Lead
from .reader import QUIETLY, READ_AT_ONCE, Reader, Refused

MAX_CONNECTIONS = 256  # that come or wait
MAX_WAITING = 256  # requests for the model
# That wait, beyond which no request is taken that a client sent ahead of the answer to its last: they are here already
# when an answer makes room, before all who come, and would shut these out for as long as the model takes for them all.
MAX_AHEAD = 16
MAX_KEPT = 1 << 26  # bytes of answers that their clients have yet to take, besides those of the largest
_DECENT = False, 1 / 131072.0  # what ``Connection.spared_by`` has of who takes 128 kB a second
ACCEPT_AGAIN_SECONDS = 1.0
LINGER_SECONDS = 2.0
LAST_SECONDS = 5.0  # for the rest of a request, and for a client to take its answer, once all is to end
LINGER_BYTES = 1 << 28
STOPPED_SECONDS = 1.0  # a wait that ends so much too late tells that the process was stopped meanwhile

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class Server:
    """Serves an application, which has:

    ``refuse(head)``   the ``Reply`` for a request whose body isn't worth reading, None for one that is.
    ``admit(job)``     called before the job is queued; may set ``late_at`` and ``notes``.
    ``overdue(job)``   the ``Reply`` for a job whose ``late_at`` has passed, claimed already.

    keep_alive   seconds for which an answered connection waits for the next request; 0 closes it.
    """

    def __init__(self, listener, application, inbox, max_body, read_timeout, keep_alive=0):
        self._listener = listener
        self._application = application
        self._inbox = inbox
        self._max_body = max_body
        self._read_timeout = read_timeout
        self._keep_alive = keep_alive
        self._scratch = memoryview(bytearray(READ_AT_ONCE))
        self._connections = {}  # those that this thread waits for; an answering thread has the others
        self._complete = []  # jobs for the inbox, put there last: who waits for them needs the interpreter's lock
        self._watched = []  # jobs with a time at which they are late
        self._away = set()  # connections whose answer is still owed
        self._handed_back = deque()  # connections that an answering thread is done with
        self._poll = select.poll()
        self._accepting = False
        self._accept_again = 0.0  # ``monotonic()`` time, where it stopped for lack of room
        self._waker, self._woken = _socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._closing = False
        self._told = False
        self._serving = _thread.allocate_lock()
        self._serving.acquire()
        self._lead = Lead()
        self._looked = monotonic()  # when the last turn ended
        self._poll.register(self._woken.fileno(), _READABLE)
        self._accept_more(True)

    # --- who has the lead -----------------------------------------------------------------------------------------

    def serve(self):
        """The server's own thread: runs until ``stop`` was called and every answer is out. Once no more jobs will come,
        tells the inbox."""
        while True:
            with self._lead:
                while not self._lead.wanted and not self._over():
                    self._turn()
            if self._over():
                break
            self._lead.stand_by()
        self._tell_the_end()
        self._serving.release()

    def next_job(self):
        """The next job, for the only thread that predicts, which has the lead meanwhile.

        A signal handler may run. Where it raises during a wait, that goes on; at any other moment it would leave
        something half done, which ends the process.
        """
        self._lead.take(self._wake)
        try:
            while True:
                self._pass_on()  # first of all what the other thread has read
                job = self._inbox.take()
                if job is not None:
                    break
                self._turn()
        finally:
            self._lead.leave()
        if job is not ENOUGH and job.late_at is not None and job.late_at < monotonic() + 2 * MOMENT_SECONDS:
            self._lead.hurry()
        return job

    # --- the thread that has the lead -----------------------------------------------------------------------------

    def _turn(self):
        """Waits on the sockets once, ``SIGNAL_SECONDS`` at most, and does what there is to do."""
        try:
            now = monotonic()
            timeout = self._timeout(now)
            if now - self._looked > STOPPED_SECONDS:
                self._go_on_after_a_stop()
            self._pass_on()
            ready = [descriptor for descriptor, _ in undisturbed(self._poll.poll, timeout) or ()]
            if monotonic() - now > timeout / 1000 + STOPPED_SECONDS:
                self._go_on_after_a_stop()
            self._attend(ready)
            self._answer_overdue()
            self._expire()
            if self._inbox.held:
                self._relieve()
            if not self._accepting:
                self._try_again()
            if self._closing:
                self._tell_the_end()
            self._looked = monotonic()
        except Exception as error:  # nothing can be served any more: say why, and let the platform start afresh
            log.traceback_of(error)
            os._exit(70)

    def _pass_on(self):
        while self._complete:
            self._inbox.put(self._complete.pop(0))

    def _over(self):
        return self._closing and not (self._connections or self._away)

    def stop(self):
        """Stops accepting; ``serve`` returns when what is under way has been answered."""
        self._closing = True
        self._wake()

    def drain(self):
        """Stops, and waits until what was answered has been taken by its clients, for a few seconds at most."""
        self.stop()
        self._lead.hurry()
        self._serving.acquire(True, LAST_SECONDS)

    def _tell_the_end(self):
        reading = any(connection.state == Connection.READING for connection in self._connections.values())
        if not (reading or self._away or self._told):
            self._told = True
            self._inbox.put(ENOUGH)

    def _attend(self, ready):
        for descriptor in ready:
            if descriptor in self._connections:
                self._progress(self._connections[descriptor])
        if self._handed_back or self._woken.fileno() in ready:
            self._take_back()
        # Those who come are last, in whatever order poll() tells of them: for them others make room, of whom none is
        # taken for idle whose bytes are here, nor uncounted that was just answered.
        if self._listener.fileno() in ready:
            for _ in ready:  # as many as were attended to, so that these don't keep others out
                self._accept()

    def _timeout(self, now):
        """Milliseconds until something must be done unasked."""
        times = [connection.expires for connection in self._connections.values()]
        times += [job.late_at for job in self._watched]
        if not self._accepting and not self._closing:
            times.append(self._accept_again)
        return max(0, int((min(times + [now + SIGNAL_SECONDS]) - now) * 1000) + 1)

    def _answer_overdue(self):
        if self._watched:
            now = monotonic()
            overdue = [job for job in self._watched if job.late_at <= now]
            self._watched = [job for job in self._watched if job.late_at > now and not job.answered]
            for job in overdue:
                if job.claim():
                    job.send(self._application.overdue(job))

    def _expire(self):
        now = monotonic()
        for connection in [known for known in self._connections.values() if known.expires <= now]:
            if connection.state == Connection.READING and not connection.reader.idle:
                self._refuse(connection, Refused(None, error_reply(408, "The request didn't come within its time.")))
            else:
                self._close(connection)

    def _go_on_after_a_stop(self):
        """The platform freezes containers: how long it did so is no fault of who was sending or taking bytes."""
        now = monotonic()
        for connection in self._connections.values():
            connection.expires = max(connection.expires, now + self._read_timeout)

    # --- connections that come ------------------------------------------------------------------------------------

    def _accept_more(self, wanted):
        if wanted and not self._accepting:
            self._poll.register(self._listener.fileno(), select.POLLIN)
        elif self._accepting and not wanted:
            self._poll.unregister(self._listener.fileno())
        self._accepting = wanted

    def _accept(self):
        try:
            descriptor, address = self._listener._accept()
        except BlockingIOError:
            return
        except OSError:  # no descriptor is left
            self._make_room()
            return
        socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
        socket.setblocking(False)
        reader = Reader(socket, self._refusal, self._max_body, self._scratch)
        connection = self._connections[descriptor] = Connection(socket, address[0], reader, self._read_timeout)
        self._poll.register(descriptor, _READABLE)
        self._progress(connection)
        if len(self._connections) > MAX_CONNECTIONS:
            self._make_room(connection)

    def _refusal(self, head):
        """The application's, or that of one request too many: each that waits has its body and its descriptor."""
        refusal = self._application.refuse(head)
        if refusal is None and len(self._away) - len(self._handed_back) >= MAX_WAITING:
            return error_reply(503, "%d requests wait for the model already; ask again later." % MAX_WAITING)
        return refusal

    def _make_room(self, newest=None):
        """Closes a connection for each that comes to more than there may be: the one idle longest, else the slowest,
        whatever it does (``Connection.spared_by``). So those who are slow can't shut out the others, however many they
        are. Where there is none, which only the lack of descriptors brings about, no more are accepted for a while."""
        now = monotonic()
        others = [connection for connection in self._connections.values() if connection is not newest]
        if others:
            self._close(max(others, key=lambda connection: connection.spared_by(now)))
            return
        self._accept_again = now + ACCEPT_AGAIN_SECONDS
        self._accept_more(False)

    def _try_again(self):
        """The descriptors that were missing may have been the model's, so that no connection's end tells of them."""
        now = monotonic()
        if not self._closing and now >= self._accept_again:
            self._accept_again = now + ACCEPT_AGAIN_SECONDS
            self._accept_more(True)

    def _progress(self, connection):
        try:
            if connection.state == Connection.READING:
                self._read(connection)
            elif connection.state == Connection.WRITING:
                self._write(connection)
            else:
                self._linger(connection)
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self._close(connection)

    def _read(self, connection):
        reader, before = connection.reader, connection.reader.received
        if reader.idle:
            connection.begin(self._read_timeout)
        try:
            try:
                request = reader.receive()
            finally:
                self._extend(connection, reader.received - before, self._read_timeout)
        except Refused as refused:
            self._refuse(connection, refused)
            return
        if request is not None:
            self._hand_over(connection, *request)

    def _extend(self, connection, count, most):
        expires = connection.expires
        connection.extend(count, most)
        if self._closing:  # it has its last seconds, and no client's bytes put the end off
            connection.expires = expires

    def _hand_over(self, connection, head, body):
        """Gives a request to the application; the connection belongs to whoever answers until it comes back."""
        self._let_go(connection)
        self._away.add(connection)
        job = Job(self, connection, head, body)
        self._application.admit(job)
        if job.late_at is not None:
            self._watched.append(job)
        self._complete.append(job)

    def _let_go(self, connection):
        self._poll.unregister(connection.descriptor)
        del self._connections[connection.descriptor]

    def _take_back(self):
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass
        self._accept_more(not self._closing)
        for _ in range(len(self._handed_back)):  # what is refused at once comes back meanwhile, for the next turn
            connection = self._handed_back.popleft()
            self._away.discard(connection)
            # From now on: the process may have been stopped since the answer.
            connection.begin(self._read_timeout if connection.out else self._keep_alive)
            self._connections[connection.descriptor] = connection
            self._poll.register(connection.descriptor, select.POLLOUT if connection.out else _READABLE)
            if connection.ahead and not connection.out:
                self._read_no_more(connection)
            else:
                self._take_pipelined(connection)
        if self._closing:
            for connection in list(self._connections.values()):
                connection.expires = min(connection.expires, monotonic() + LAST_SECONDS)
                if connection.state == Connection.READING and connection.reader.idle:
                    self._close(connection)

    def _take_pipelined(self, connection):
        if connection.state == Connection.READING and not connection.reader.idle:
            try:
                request = connection.reader.take()
            except Refused as refused:
                self._refuse(connection, refused)
                return
            if request is not None:
                self._hand_over(connection, *request)

    # --- answers --------------------------------------------------------------------------------------------------

    def reply(self, connection, head, reply):
        """Sends an answer from the thread that has the connection: at once what the socket takes, the rest later."""
        connection.keep = bool(self._keep_alive) and head.keep_alive and not self._closing
        connection.ahead = connection.keep and len(self._away) > MAX_AHEAD and connection.has_sent_more()
        if connection.ahead:
            connection.keep = False  # RFC 9112 section 9.3.2: the client sends the rest again
        pieces = http1.rendered(head, reply, connection.keep)
        size = sum(map(len, pieces))
        try:
            sent = connection.socket.sendmsg(pieces, (), QUIETLY)
        except BlockingIOError:
            sent = 0
        except OSError:  # the client is gone; what it asked for has been done
            sent, connection.keep, connection.ahead = size, False, False
        if sent == size and not (connection.keep or connection.ahead):
            self.drop(connection)
            return
        if sent < size:
            connection.state = Connection.WRITING
            connection.keep_rest(pieces, sent)
            connection.kept = size
            self._inbox.held = True  # until ``_relieve`` has looked
        else:
            connection.state = Connection.READING
        self._handed_back.append(connection)  # and is away until it is taken, when it may soon be handed over again
        self._wake()

    def _relieve(self):
        """Has the next answer made once there is memory for it, for which the slowest are closed, each after a moment.
        The largest answer isn't counted: alone it hurts nobody, and nobody hurts it. Who has just begun comes before
        those who take less than a decent reader, and after those who take more."""
        now = monotonic()
        writing = [connection for connection in self._connections.values() if connection.state == Connection.WRITING]
        kept = -max([connection.kept for connection in writing] + [0])

        def slowness(connection):
            return _DECENT if now - connection.since < SILENT_SECONDS else connection.spared_by(now)

        for connection in sorted(writing, key=slowness):
            kept += connection.kept
            if kept > MAX_KEPT:
                if now - connection.since < SILENT_SECONDS:
                    return
                self._close(connection)
        self._inbox.held = False
        self._inbox.wake()

    def drop(self, connection):
        """Ends a connection from the thread that has it, whose answer is sent or will never be."""
        connection.hang_up()
        self._away.discard(connection)
        if not self._accepting:
            self._wake()

    def _refuse(self, connection, refused):
        """Answers a request that the application doesn't get."""
        if refused.whole:
            self._let_go(connection)
            self._away.add(connection)
            self.reply(connection, refused.head, refused.reply)
            return
        try:
            connection.socket.sendmsg(http1.rendered(refused.head, refused.reply, False), (), QUIETLY)
        except OSError:
            self._close(connection)
            return
        self._read_no_more(connection)

    def _read_no_more(self, connection):
        """Ends a connection whose answer is sent and whose client sent more than was read: throws away what comes for a
        little while before it closes, or the client would see a reset instead of the answer (RFC 9112 section 9.6)."""
        try:
            connection.socket.shutdown(_socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        connection.state = Connection.LINGERING
        connection.out = 0
        connection.begin(LINGER_SECONDS)

    def _linger(self, connection):
        count = connection.socket.recv_into(self._scratch)
        connection.out += count
        self._extend(connection, count, LINGER_SECONDS)
        if not count or connection.out > LINGER_BYTES:
            self._close(connection)

    def _write(self, connection):
        sent = connection.socket.sendmsg(connection.out, (), QUIETLY)
        connection.keep_rest(connection.out, sent)
        self._extend(connection, sent, self._read_timeout)
        if connection.out:
            return
        connection.out = None
        if self._closing or not (connection.keep or connection.ahead):
            self._close(connection)
            return
        self._poll.modify(connection.descriptor, _READABLE)
        if connection.ahead:
            self._read_no_more(connection)
            return
        connection.state = Connection.READING
        connection.begin(self._keep_alive)
        self._take_pipelined(connection)

    def _close(self, connection):
        self._let_go(connection)
        connection.hang_up()
        self._accept_more(not self._closing)

    def _wake(self):
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            pass  # it is being woken already
