"""The soak itself, for some thousand activations, and that it finds what it is there to find."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import soak_report
from invoker import MARKER, Reply
from kinds_of_activation import KINDS, cases, of_kind
from soak_run import Found, Plan, soak
from soaked_container import MarkerCount, Measure, started


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs /proc")
def test_two_thousand_activations_with_pauses() -> None:
    plan = Plan(200, 1800, 600, 3, measure_every=300, pauses=(0.0, 0.05), busy=(1, 100))
    with started("") as process:
        found = soak(process, plan, lambda found: None)
    assert found.mistakes == []
    assert found.wrong == 0
    assert found.missing_markers == (0, 0)
    assert soak_report.spread(found) == (0, 0)
    assert found.activations >= 2000
    assert found.pauses > 10
    # So few activations say nothing of the slope but that it isn't a leak of megabytes.
    assert soak_report.slope(found) < 5000
    assert f"activations      {found.activations} in" in soak_report.report(found, plan, "a process")


def test_a_seed_always_gives_the_same_cases() -> None:
    first, second, other = (cases(seed) for seed in (7, 7, 8))
    of_first = [next(first).message for _ in range(50)]
    assert of_first == [next(second).message for _ in range(50)]
    assert of_first != [next(other).message for _ in range(50)]


def test_every_kind_is_drawn() -> None:
    stream = cases(1)
    assert {next(stream).kind for _ in range(60_000)} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_seen(kind: str) -> None:
    case = of_kind(kind)
    for body in (b"{}", b"[]", b'{"error": {"statusCode": 200, "headers": {}, "body": ""}}', b'{"statusCode": 200}'):
        try:
            mistake = case.check(Reply(200, {}, body, len(body)), "0" * 32)
        except (KeyError, AttributeError, TypeError) as error:
            mistake = repr(error)
        assert mistake


@pytest.fixture
def leaking() -> Found:
    found = Found()
    found.done["raw JSON"] = 3000
    found.seconds = 1.0
    return found


@pytest.mark.parametrize(
    ("measures", "missing", "wrong", "says"),
    [
        ([(100, 6, 2), (101, 6, 2), (102, 6, 2)], (0, 0), 0, []),
        ([(100, 6, 2), (104, 6, 2), (108, 6, 2)], (0, 0), 0, ["memory grows by 4.00 kB for 1,000 activations"]),
        ([(100, 6, 2), (100, 7, 2), (100, 6, 3)], (0, 0), 0, ["descriptors differ by 1", "threads differ by 1"]),
        ([(100, 6, 2)] * 3, (0, 2), 0, ["markers missing on stdout and stderr: (0, 2)"]),
        ([(100, 6, 2)] * 3, (0, 0), 1, ["1 wrong answers"]),
    ],
)
def test_bars_that_are_not_met_are_named(
    measures: list[tuple[int, int, int]], missing: tuple[int, int], wrong: int, says: list[str], leaking: Found
) -> None:
    leaking.measures = [((number + 1) * 1000, Measure(*measure)) for number, measure in enumerate(measures)]
    leaking.missing_markers, leaking.wrong = missing, wrong
    assert soak_report.failures(leaking) == says


def test_markers_are_counted_however_the_stream_is_cut() -> None:
    source = random.Random(1)
    written = f"line\n{MARKER}".encode() * 500
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        count = MarkerCount(stream)
        while written:
            size = source.randrange(1, 60)
            os.write(writing, written[:size])
            written = written[size:]
        os.close(writing)
        count.join()
    assert count.markers == 500
