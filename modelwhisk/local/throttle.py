"""How many activations a namespace may have: in a minute of the clock, and at a time.

Source: core/controller/.../entitlement/{RateThrottler,ActivationThrottler,Entitlement}.scala.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelwhisk.local import messages
from modelwhisk.local.limits import PlatformLimits


class Throttle:
    """Counts activations by namespace."""

    def __init__(self, limits: PlatformLimits, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock
        self._minute = 0
        self._in_minute: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()

    def refusal(self, namespace: str) -> str | None:
        """Counts a request to run something, and returns what to tell the client where it is one too many."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._in_minute.clear()
        self._in_minute[namespace] += 1
        if self._in_minute[namespace] > self._limits.invocations_per_minute:
            return messages.too_many_requests(self._in_minute[namespace], self._limits.invocations_per_minute)
        if self._in_flight[namespace] >= self._limits.concurrent_invocations:
            return messages.too_many_concurrent(self._in_flight[namespace], self._limits.concurrent_invocations)
        return None

    @contextmanager
    def running(self, namespace: str) -> Iterator[None]:
        """An activation of that namespace, while it runs."""
        self._in_flight[namespace] += 1
        try:
            yield
        finally:
            self._in_flight[namespace] -= 1
