"""Runs what may take long, or for ever, in threads of its own, and waits for it no longer than is allowed."""

from threading import Lock, Thread
from time import monotonic


class Late(Exception):
    """It wasn't ready in time and goes on by itself."""


class Busy(Exception):
    """All threads are still at what was late before, ``since`` the ``monotonic()`` time at which the oldest began."""

    def __init__(self, since):
        super().__init__(since)
        self.since = since


class Workers:
    """At most ``most`` threads, which stay: libraries keep things in them."""

    def __init__(self, most):
        self._most = most
        self._lock = Lock()
        self._idle = []
        self._at_work = set()

    def call(self, function, seconds):
        """What ``function()`` returns; raises what it raises, whatever that is, ``Late`` or ``Busy``."""
        job = _Job(function)
        with self._lock:
            if not self._idle and len(self._at_work) >= self._most:
                raise Busy(min(worker.job.began for worker in self._at_work))
            if self._idle:
                worker = self._idle.pop()
                worker.job = job
                worker.wake.release()
            else:
                worker = _Worker(job, self._finished)
                Thread(target=worker.work, name="drift", daemon=True).start()  # which may fail for want of threads
            self._at_work.add(worker)
        if not job.done.acquire(True, seconds):
            raise Late
        error, job.error = job.error, None
        try:
            if error is not None:
                raise error
            return job.value
        finally:
            del error  # whose traceback holds this frame

    def wait(self, tell):
        """Until what is late has ended, which it may never do; ``tell()`` is called before. For whom no other calls
        meanwhile."""
        with self._lock:
            late = [worker.job for worker in self._at_work]
        for job in late:
            tell()
            job.done.acquire()

    def _finished(self, worker):
        with self._lock:
            self._at_work.discard(worker)
            self._idle.append(worker)


class _Job:
    __slots__ = ("began", "done", "error", "function", "value")

    def __init__(self, function):
        self.function = function
        self.began = monotonic()
        self.done = Lock()
        self.done.acquire()
        self.value = self.error = None


class _Worker:
    def __init__(self, job, finished):
        self.job = job
        self.wake = Lock()
        self.wake.acquire()
        self._finished = finished

    def work(self):
        while True:
            job = self.job
            try:
                job.value = job.function()
            except BaseException as error:  # SystemExit too: it is the user's function
                job.error = error
            job.function = None
            self._finished(self)
            job.done.release()
            job = None
            self.wake.acquire()
