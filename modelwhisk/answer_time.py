"""How long an answer may take in all. A library's own bound is for each read, so what comes in a trickle has none."""

from __future__ import annotations

import time


class WentOn(TimeoutError):
    """An answer was not over when its time was."""

    def __init__(self) -> None:
        super().__init__("it went on and on")


class AnswerTime:
    """The time of one answer, of `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, more than 0; raises `WentOn` when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise WentOn
        return seconds
