"""What passes between the thread that serves sockets and the threads that predict: jobs, and the inbox for them."""

import _thread
import os
from collections import deque
from time import monotonic

from . import log
from .messages import NO_PEER

ENOUGH = object()  # in the inbox: there will be no more jobs
SIGNAL_SECONDS = 1.0  # at most until a signal is heard

_SERVING = os.getpid()


class Inbox:
    """Jobs on their way to the threads that do them; none gets one while it is ``held``. Any number may ``put``, and
    ``get``."""

    def __init__(self):
        self.held = False
        self._jobs = deque()
        self._signal = _thread.allocate_lock()
        self._signal.acquire()

    def put(self, job):
        self._jobs.append(job)
        self.wake()

    def get(self):
        """Waits for a job; a signal handler may run meanwhile.

        A signal that comes just before the wait doesn't end it (CPython looks for signals between byte-codes, not once
        more in ``acquire``), so the wait is a series of short ones.
        """
        while True:
            job = self.take()
            if job is not None:
                break
            undisturbed(self._signal.acquire, True, SIGNAL_SECONDS)
        if self._jobs:
            self.wake()  # the signal is one bit: pass it on to the next thread that waits
        return job

    def take(self):
        """The next job, None where there is none to be done."""
        try:
            return None if self.held else self._jobs.popleft()
        except IndexError:
            return None

    def wake(self):
        try:
            self._signal.release()
        except RuntimeError:
            pass  # it is set already


def undisturbed(wait, *limits):
    """What ``wait`` returns, which is written in C; None where a signal handler raised meanwhile.

    A model may set an alarm as a prediction's time limit, and forget it: it rings when nothing is predicted any more.
    ``KeyboardInterrupt`` and ``SystemExit`` are passed on.
    """
    try:
        return wait(*limits)
    except Exception as error:
        if error.__traceback__.tb_next is None:  # its own failure: C has no frames, a handler has one
            raise
        log.line("a signal handler failed while there was nothing to predict:")
        log.traceback_of(error)
        return None


class Job:
    """One complete request.

    head, body   what came.
    peer         IP address that it came from.
    late_at      ``monotonic()`` time at which the server answers in the application's stead, None for never.
    notes        the application's own.
    """

    __slots__ = ("_claim", "_connection", "_server", "arrived", "body", "head", "late_at", "notes", "peer")

    def __init__(self, server, connection, head, body):
        self._server = server
        self._connection = connection
        self._claim = _thread.allocate_lock()
        self.peer = NO_PEER if connection is None else connection.peer
        self.head = head
        self.body = body
        self.arrived = monotonic()
        self.late_at = None
        self.notes = None

    def claim(self):
        """True for the one who may answer."""
        if os.getpid() != _SERVING:
            # A child that the model forked has come out of the prediction (sys.exit): the answer and the log are its
            # parent's. It ends as it would in a thread of Flask's own server, where SystemExit ends the thread.
            os._exit(0)
        return self._claim.acquire(False)

    @property
    def answered(self):
        return self._claim.locked()

    def send(self, reply):
        """Sends the reply; only for who has claimed the job."""
        self._server.reply(self._connection, self.head, reply)

    def is_forsaken(self):
        """True where its client has gone, so that there is nobody to answer."""
        return self._connection is not None and self._connection.is_gone()

    def drop(self):
        """In place of ``send``: ends the connection."""
        self._server.drop(self._connection)
