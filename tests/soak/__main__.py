"""``scripts/test.sh soak``: many activations of all kinds in one container, each answer checked, memory measured."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # bed, invoker

import soak_report
from soak_run import Plan, soak
from soaked_container import started


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    plan = Plan(
        options.warm_up,
        options.activations,
        options.seconds,
        options.seed,
        options.measure_every,
        tuple(options.pauses) if options.pauses else None,
        tuple(options.busy),
    )
    where = f"a container of {options.base}" if options.base else "a process"
    with started(options.base) as container:
        found = soak(container, plan, lambda found: print(soak_report.progress(found), flush=True))
    failures = soak_report.failures(found)
    print(f"\n{soak_report.report(found, plan, where)}\n")
    print("\n".join(f"Not met: {failure}" for failure in failures) or "All bars are met.")
    return 1 if failures else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/test.sh soak",
        description="Sends activations of all kinds, one after another, to one container, as the platform does; checks "
        "every answer and both streams' markers, and measures memory, descriptors and threads.",
    )
    parser.add_argument("--warm-up", type=int, default=50_000, help="activations before measuring begins (%(default)s)")
    parser.add_argument("--activations", type=int, default=1_000_000, help="at most so many (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="at most so long, the warm-up not counted (no limit)"
    )
    parser.add_argument(
        "--pauses",
        type=float,
        nargs=2,
        metavar=("SHORTEST", "LONGEST"),
        help="pause the container now and then, for so many seconds, as the platform does when nothing comes",
    )
    parser.add_argument(
        "--busy", type=int, nargs=2, metavar=("FEWEST", "MOST"), default=(1, 200), help="activations between two pauses"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the order of the activations (%(default)s)")
    parser.add_argument("--measure-every", type=int, default=5000, help="activations (%(default)s)")
    parser.add_argument("--base", default="python:3.11", help='base image (%(default)s); "" runs a process instead')
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
