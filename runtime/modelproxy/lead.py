"""Which thread waits on the sockets: one at a time, the one that has the lead.

To hand a job over to another thread costs more than to read it, since that must be woken, often on another processor.
So the thread that predicts, where it is the only one, has the lead itself while it has nothing else to do, and the
server's own thread stands by: it looks from time to time whether a prediction takes longer than a moment.
"""

import _thread

from .jobs import SIGNAL_SECONDS

MOMENT_SECONDS = 0.02  # of a prediction, in which nobody has the lead
RESTLESS_MOMENTS = 50  # without a job, until who stands by no longer looks


class Lead:
    """``wanted`` is True while the predicting thread waits for the lead that the other one has."""

    def __init__(self):
        self.wanted = False
        self._lock = _thread.allocate_lock()
        self._taken = 0  # jobs, by the predicting thread
        self._idle = False  # the predicting thread has the lead
        self._urgent = False  # who stands by must take the lead at once
        self._rests = False  # who stands by doesn't look any more, until its nap is ended
        self._nap = _thread.allocate_lock()
        self._nap.acquire()

    # --- the thread that predicts ---------------------------------------------------------------------------------

    def take(self, wake):
        """Waits for the lead; ``wake`` wakes the other thread, where that has it. Signals are heard meanwhile."""
        if not self._lock.acquire(False):
            self.wanted = True
            wake()
            while not self._lock.acquire(True, SIGNAL_SECONDS):
                pass
        self.wanted, self._urgent, self._idle = False, False, True

    def leave(self):
        """For a job; ``hurry`` then where it can't be left alone for a moment."""
        self._taken, self._idle = self._taken + 1, False
        self._lock.release()
        if self._rests:
            self._end_nap()

    def hurry(self):
        """Has the other thread take the lead now."""
        self._urgent = True
        self._end_nap()

    def _end_nap(self):
        try:
            self._nap.release()
        except RuntimeError:
            pass  # it is ended already

    # --- the server's own thread ----------------------------------------------------------------------------------

    def __enter__(self):
        self._lock.acquire()
        self._urgent = False

    def __exit__(self, *_):
        self._lock.release()

    def stand_by(self):
        """Returns once the other thread has done a job for longer than a moment, or was told to ``hurry``."""
        taken, quiet = self._taken, 0
        while not self._urgent:
            # Looks from time to time, so that nobody need be woken for a job; where there are none, rests.
            self._rests = quiet > RESTLESS_MOMENTS
            if self._rests and self._taken == taken:  # says first and looks then, as ``leave`` does the other way round
                self._nap.acquire()
            else:
                self._nap.acquire(True, MOMENT_SECONDS)
            if self._taken != taken:
                taken, quiet = self._taken, 0
            elif self._idle:
                quiet += 1
            else:
                return
