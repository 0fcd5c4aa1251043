"""The round trips' properties on a million examples: `scripts/test.sh properties --count 1000000 --seed 1`.

Hypothesis keeps a tree of all that it tried, so the run is cut into rounds, each with a seed made from the run's own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
import traceback
from collections import Counter
from typing import Any

import hypothesis
from round_trip_properties import SIXTEEN, by_fours, check_sixteen

ROUND = 500 * SIXTEEN  # examples


def one_round(work: tuple[str, int, int]) -> tuple[str, int, int, str]:
    """Property, seed, how many examples passed, and the report of a counterexample."""
    name, count, seed = work
    passed = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=-(-count // SIXTEEN),
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(by_fours(name))
    def exchanges(drawn: tuple[Any, ...]) -> None:
        nonlocal passed
        check_sixteen(name, drawn)
        passed += SIXTEEN

    try:
        exchanges()
    except Exception:
        return name, seed, passed, traceback.format_exc()
    return name, seed, passed, ""


def rounds(count: int, seed: int) -> list[tuple[str, int, int]]:
    """Nine tenths are whole exchanges, raw and cooked alike; a tenth looks at the size limit."""
    seeds = random.Random(seed)
    work = []
    exchanges = count * 9 // 20
    for name, share in (("raw", exchanges), ("cooked", exchanges), ("size", count - 2 * exchanges)):
        for start in range(0, share, ROUND):
            work.append((name, min(share - start, ROUND), seeds.getrandbits(32)))
    seeds.shuffle(work)  # so that an interrupted run has some of each
    return work


def main() -> int:
    """Prints the seed, then each counterexample as it is found, and at the end how many examples passed."""
    parser = argparse.ArgumentParser(prog="scripts/test.sh properties")
    parser.add_argument("--count", type=int, default=100_000, help="examples in all, at least")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.count} examples in {options.jobs} processes", flush=True)
    began, done, failures = time.monotonic(), Counter[str](), 0
    work = rounds(options.count, options.seed)
    with multiprocessing.Pool(options.jobs, maxtasksperchild=4) as pool:
        for name, seed, passed, report in pool.imap_unordered(one_round, work):
            done[name] += passed
            if report:
                failures += 1
                print(f"{report}\ncounterexample of {name} in a round with seed {seed}")
            print(f"{done.total()} examples after {time.monotonic() - began:.0f} s", flush=True)
    each = ", ".join(f"{name} {number}" for name, number in sorted(done.items()))
    print(
        f"seed {options.seed}: {done.total()} examples passed ({each}) in {time.monotonic() - began:.0f} s; "
        f"{failures} counterexamples"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
