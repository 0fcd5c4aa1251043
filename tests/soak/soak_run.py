"""Sends activations one after another, checks every answer, and measures the container as it goes."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from invoker import NoResponse, post
from kinds_of_activation import Case, cases, of_kind
from soaked_container import Measure, Soaked

SHOWN_MISTAKES = 20
BEFORE_MEASURING = [of_kind(kind) for kind in ("compressed JSON", "large picture", "raw multipart", "plain JSON")]
MARKER_PATIENCE = 60.0  # seconds until the engine has passed the last of the log on
SETTLE_SECONDS = 0.1  # for the last connection to be closed on the container's side too


@dataclass(frozen=True)
class Plan:
    """How long a soak goes on after its warm-up, so many activations or so many seconds, and how.

    warm_up   activations until caches and the allocator's pools are full: checked, but not measured nor paused.
    pauses    seconds (shortest, longest) for which the container is paused; None for none, and no rest between calls.
    busy      activations (fewest, most) between two pauses.
    """

    warm_up: int
    activations: int
    seconds: float
    seed: int
    measure_every: int
    pauses: tuple[float, float] | None = None
    busy: tuple[int, int] = (1, 200)


@dataclass
class Found:
    """What a soak has seen so far."""

    done: Counter[str] = field(default_factory=Counter)
    mistakes: list[str] = field(default_factory=list)
    wrong: int = 0
    pauses: int = 0
    paused: float = 0.0
    slowest_after_pause: float = 0.0
    measures: list[tuple[int, Measure]] = field(default_factory=list)
    seconds: float = 0.0
    missing_markers: tuple[int, int] = (0, 0)

    @property
    def activations(self) -> int:
        return self.done.total()


def soak(container: Soaked, plan: Plan, report: Callable[[Found], None]) -> Found:
    """Runs a plan; `report` is called after each measurement. Ends early where the container is gone."""
    found, began = Found(), time.monotonic()
    initialized = post(container.address, "/init", {"value": {"env": {"__OW_ACTION_NAME": "/guest/soak"}}}, retry=True)
    if initialized.status != 200:
        raise RuntimeError(f"/init: {initialized.status} {initialized.body!r}")
    # Not for secrets; of its own, so that the cases of a seed are the same with and without pauses.
    source = random.Random(plan.seed + 1)
    stream = cases(plan.seed)
    for _ in range(plan.warm_up):
        _one(container, next(stream), source, found)
    _measure(container, source, found)
    warm = time.monotonic()
    last, rest = found.activations, _until_pause(plan, source)
    while found.activations < plan.warm_up + plan.activations and time.monotonic() - warm < plan.seconds:
        after_pause = rest == 0
        if after_pause:
            _pause(container, plan, source, found)
            rest = _until_pause(plan, source)
        rest -= 1
        _one(container, next(stream), source, found, after_pause)
        if found.activations >= last + plan.measure_every:
            _measure(container, source, found)
            last, found.seconds = found.activations, time.monotonic() - began
            report(found)
            if not container.alive():
                found.mistakes.append("the container has ended")
                break
    _measure(container, source, found)
    found.seconds = time.monotonic() - began
    _count_markers(container, found)
    return found


def _count_markers(container: Soaked, found: Found) -> None:
    end = time.monotonic() + MARKER_PATIENCE
    while time.monotonic() < end and any(stream.markers < found.activations for stream in container.streams):
        time.sleep(0.1)
    out, err = (found.activations - stream.markers for stream in container.streams)
    found.missing_markers = (out, err)


def _until_pause(plan: Plan, source: random.Random) -> int:
    return source.randint(*plan.busy) if plan.pauses else -1


def _pause(container: Soaked, plan: Plan, source: random.Random, found: Found) -> None:
    assert plan.pauses is not None
    seconds = source.uniform(*plan.pauses)
    container.pause()
    time.sleep(seconds)
    container.resume()
    found.pauses += 1
    found.paused += seconds


def _one(container: Soaked, case: Case, source: random.Random, found: Found, after_pause: bool = False) -> None:
    identity = f"{source.getrandbits(128):032x}"
    began = time.monotonic()
    try:
        mistake = case.check(post(container.address, "/run", case.filled(identity)), identity)
    except (NoResponse, OSError, ValueError, KeyError) as error:
        mistake = f"{type(error).__name__}: {error}"
    if after_pause:
        found.slowest_after_pause = max(found.slowest_after_pause, time.monotonic() - began)
    found.done[case.kind] += 1
    if mistake:
        found.wrong += 1
        if len(found.mistakes) < SHOWN_MISTAKES:
            found.mistakes.append(f"{case.kind}, activation {identity}: {mistake}")


def _measure(container: Soaked, source: random.Random, found: Found) -> None:
    """Measures after the same few activations each time, the largest first: what the allocator keeps for the next one
    depends on what came last, and differs by megabytes."""
    for case in BEFORE_MEASURING:
        _one(container, case, source, found)
    time.sleep(SETTLE_SECONDS)
    found.measures.append((found.activations, container.measure()))
