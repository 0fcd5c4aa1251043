"""Added cost in process: whole message in, result out, less the application's own time on a ready environ."""

from __future__ import annotations

from benchmarks.environments import Environment
from benchmarks.figures import Bar, Row, Series, Table

from .inside import run_inside

# Added cost over another's, at most, of the p50.
BARS = {
    "200 B JSON in": {"floor": 1.5, "naive": 0.35},
    "700 kB upload in": {"floor": 1.1},
    "250 kB JSON out": {"floor": 1.15},
    "750 kB PNG out": {"floor": 1.15, "naive": 0.35, "apig-wsgi": 0.35},
}

REFERENCES = ("floor", "naive", "apig-wsgi", "mangum")
# Whose own time is taken off a side's; of all others it is the Flask application's.
APPLICATIONS = {"mangum": "starlette"}


def measure(environment: Environment, rounds: int) -> Table:
    times = run_inside(environment, "in_process.py", str(rounds))
    return Table(
        "process",
        environment.version,
        "In process: what each adds to the application's own time",
        "app: the Flask application on a ready environ; starlette: the same model on Starlette. The others: message\n"
        "bytes in, result bytes out, less the application in the same round, for mangum Starlette's. Log line and\n"
        "markers, where there are any, go to a file. floor: straight-line code for the case, of the standard library\n"
        "alone. ours+pybase64: where the image has that package.",
        tuple(row(name, sides) for name, sides in times.items()),
    )


def row(name: str, sides: dict[str, list[float]]) -> Row:
    applications = {"app", *APPLICATIONS.values()}
    series = {side: Series.of(sides[side]) for side in sides if side in applications}
    for side, times in sides.items():
        if side not in applications:
            own = sides[APPLICATIONS.get(side, "app")]
            series[side] = Series.of([whole - part for whole, part in zip(times, own, strict=True)])
    ratios = {f"ours/{other}": series["ours"].p50 / series[other].p50 for other in REFERENCES if other in series}
    bars = tuple(
        Bar(f"ours/{other}", ratios[f"ours/{other}"], limit)
        for other, limit in BARS.get(name, {}).items()
        if other in series
    )
    return Row(name, series, ratios, bars)
