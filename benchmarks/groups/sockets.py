"""End to end over sockets, with a fresh connection for each call, as the platform's invoker makes it."""

from __future__ import annotations

import json
import random
import sys
from contextlib import ExitStack
from time import perf_counter

from benchmarks.environments import INSIDE, Environment
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import Failed, Server, body_of, call, is_ok, request

from . import servers

# What runs inside old interpreters is used here too, so that both know the same cases and read results alike.
sys.path.append(str(INSIDE))
from cases import CASES, Case, init_value
from results import answer_of_action

WARM_UP = 5
SAME_HANDLER = "waitress, ours"
SMALL = "200 B JSON in"
MEASURED = (SMALL, "200 kB upload in", "700 kB upload in", "250 kB JSON out", "750 kB PNG out")
# Starting the interpreter for each call takes hundreds of times as long as the rest; its one argument may have 128 kB.
EXEC = "skeleton"
EXEC_SHARE = 20

NOTE = (
    "floor: a bare accept, read, parse, reply loop around the same application, one call after another. naive: on\n"
    "Flask's development server. waitress, gunicorn (8 threads), functions-framework: the floor's handler on them.\n"
    "waitress, ours: the proxy's own handler on waitress in place of its server.\n"
    "skeleton: OpenWhisk's docker skeleton, a program for each call. The client's own cost is in every figure."
)


def measure(environment: Environment, rounds: int) -> Table:
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(start(environment)) for name, start in servers.for_python(environment).items()
        }
        for server in running.values():
            server.post("/init", {"value": init_value()})
        rows = tuple(_row(case, running, rounds) for case in CASES if case.name in MEASURED)
    title = "Over sockets: a fresh connection for each call, one client"
    return Table("sockets", environment.version, title, NOTE, rows)


def _row(case: Case, running: dict[str, Server], rounds: int) -> Row:
    message = request("/run", case.run_message(), "application/json")
    names = [name for name in running if name != EXEC or case.name == SMALL]
    check(case, {name: running[name] for name in names}, message)
    times: dict[str, list[float]] = {name: [] for name in names}
    buffer, chance = bytearray(1 << 21), random.Random(1)
    for number in range(WARM_UP + rounds):
        chance.shuffle(names)
        for name in names:
            if name == EXEC and number % EXEC_SHARE:
                continue
            began = perf_counter()
            reply = call(running[name].port, message, buffer)
            took = perf_counter() - began
            if not is_ok(reply):
                raise running[name].failed(f"answered {bytes(reply[:200])!r}")
            if number >= WARM_UP:
                times[name].append(took)
    series = {name: Series.of(times[name]) for name in running if times.get(name)}
    ours, floor = series["ours"], series["floor"]
    ratios = {f"ours/{name}": ours.p50 / series[name].p50 for name in ("floor", "naive", "waitress", SAME_HANDLER)}
    bars: tuple[Bar, ...] = ()
    if case.name == SMALL:
        bars = (
            Bar("ours/floor", ratios["ours/floor"], 1.5),
            Bar("ours/floor of the p99", ours.p99 / floor.p99, 3),
            Bar("ours/waitress with the same handler", ratios[f"ours/{SAME_HANDLER}"], 1),
            Bar("naive/ours", series["naive"].p50 / ours.p50, 2, at_least=True),
        )
    return Row(case.name, series, ratios, bars)


def check(case: Case, running: dict[str, Server], message: bytes) -> None:
    """Raises ``Failed`` where the servers don't answer alike: then there is nothing to compare."""
    answers = {name: answer_of_action(body_of(call(server.port, message))) for name, server in running.items()}
    if len(set(answers.values())) != 1:
        raise Failed(f"{case.name}: the sides don't answer alike: {json.dumps(answers, default=repr)[:1000]}")
