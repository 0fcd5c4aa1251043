"""Added cost in process: whole message in, result out, less the application's own time on a ready environ."""

from __future__ import annotations

import json
import subprocess

from benchmarks.environments import INSIDE, MODEL, Environment, environ
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import Failed

# Of the naive proxy's added cost.
BARS = {"200 B JSON in": 0.4, "750 kB PNG out": 0.4}
BAR_ELSEWHERE = 1.0

REFERENCES = ("floor", "naive", "apig-wsgi")


def measure(environment: Environment, rounds: int) -> Table:
    times = _run(environment, rounds)
    return Table(
        "process",
        environment.version,
        "In process: what each adds to the application's own time",
        "app: the application on a ready environ. The others: message bytes in, result bytes out, less app in the\n"
        "same round. Log line and markers, where there are any, go to a file.",
        tuple(row(name, sides) for name, sides in times.items()),
    )


def _run(environment: Environment, rounds: int) -> dict[str, dict[str, list[float]]]:
    results = environment.proxy.parent / "in-process.json"
    log = results.with_suffix(".log")
    command = [environment.python, INSIDE / "in_process.py", environment.proxy, results, str(rounds)]
    with log.open("wb") as stream:
        done = subprocess.run(
            command, cwd=MODEL, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False, env=environ()
        )
    if done.returncode:
        raise Failed(f"in_process.py failed:\n{log.read_text(errors='replace')[-2000:]}")
    times: dict[str, dict[str, list[float]]] = json.loads(results.read_text())
    return times


def row(name: str, sides: dict[str, list[float]]) -> Row:
    app = sides.pop("app")
    added = {
        side: Series.of([whole - own for whole, own in zip(times, app, strict=True)]) for side, times in sides.items()
    }
    ratios = {f"ours/{other}": added["ours"].p50 / added[other].p50 for other in REFERENCES if other in added}
    bar = Bar("ours/naive", ratios["ours/naive"], BARS.get(name, BAR_ELSEWHERE))
    return Row(name, {"app": Series.of(app)} | added, ratios, (bar,))
