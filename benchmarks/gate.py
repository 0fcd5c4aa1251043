"""What CI holds the proxy to, on ratios of one run and on counts: never on times, which say more of the machine.

The limits leave room for a busy machine; ``scripts/bench.sh`` has the bars themselves. A gate that is missed says that
something has become a good deal slower than it was.
"""

from __future__ import annotations

from collections.abc import Iterator

from .figures import Bar, Series

# Added cost over another's, the least of several short runs.
TIMES = {
    "200 B JSON in": {"floor": 2.6, "apig-wsgi": 3.0},
    "700 kB upload in": {"floor": 1.3, "apig-wsgi": 1.4},
    "250 kB JSON out": {"floor": 1.4, "apig-wsgi": 1.2},
    "750 kB PNG out": {"floor": 1.4, "apig-wsgi": 0.5},
}
# Function calls that are added, over the floor's: the same on each run.
CALLS = 1.3
COPIES = 3
# Modules beyond those of `python -I -c pass`, until the port is open and until /init is heard.
IMPORTS = {"until the port is open": 10, "until /init is heard": 60}


def of_times(runs: list[dict[str, dict[str, list[float]]]]) -> Iterator[Bar]:
    """Of what ``inside/gate.py`` timed: seconds of each call, by run, case and side."""
    for case, limits in TIMES.items():
        for other, limit in limits.items():
            least = min(_added(run[case], "ours") / _added(run[case], other) for run in runs)
            yield Bar(f"{case}: ours/{other}", least, limit)


def of_counts(calls: dict[str, int], copies: dict[str, float]) -> Iterator[Bar]:
    added = {side: count - calls["app"] for side, count in calls.items()}
    yield Bar("function calls, ours/floor", added["ours"] / added["floor"], CALLS)
    for case, alive in copies.items():
        yield Bar(f"{case}: copies alive", alive, COPIES)


def of_imports(counted: dict[str, Series]) -> Iterator[Bar]:
    for when, limit in IMPORTS.items():
        yield Bar(f"modules {when}", counted[when].p50, limit)


def _added(times: dict[str, list[float]], side: str) -> float:
    """Seconds, of the median; never nothing, which noise could make of a small cost."""
    whole = zip(times[side], times["app"], strict=True)
    return max(Series.of([both - own for both, own in whole]).p50, 1e-6)
