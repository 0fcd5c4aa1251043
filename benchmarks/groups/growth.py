"""Time and memory as the payload grows: an upload from 1 kB to 45 MB, which is a message of 60 MB."""

from __future__ import annotations

from benchmarks.environments import Environment
from benchmarks.figures import Row, Series, Table

from .inside import run_inside


def measure(environment: Environment, rounds: int) -> Table:
    found = run_inside(environment, "growth.py", str(rounds))
    rows = []
    for size, of_size in found.items():
        times, copies = of_size["times"], of_size["copies"]
        ours, floor = Series.of(times["ours"]), Series.of(times["floor"])
        ratios = {"ours/floor": ours.p50 / floor.p50, "copies, floor": copies["floor"], "copies, ours": copies["ours"]}
        rows.append(Row(named(int(size)), {"app": Series.of(times["app"]), "floor": floor, "ours": ours}, ratios))
    return Table(
        "growth",
        environment.version,
        "As the payload grows",
        "Whole calls in process, the application's own time included. copies: of the payload, alive at the worst\n"
        "moment, the application's own included.",
        tuple(rows),
    )


def named(size: int) -> str:
    return f"{size // 1000} kB upload in" if size < 1000 * 1000 else f"{size // (1000 * 1000)} MB upload in"
