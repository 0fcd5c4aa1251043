"""Several clients at once, where the action allows that: each call on a fresh connection, as in ``sockets``."""

from __future__ import annotations

import functools
import multiprocessing
from contextlib import ExitStack
from time import perf_counter

from benchmarks.environments import Environment
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import call, is_ok, request

from . import servers
from .sockets import CASES, EXEC, SAME_HANDLER, SMALL, check, init_value

CLIENTS = 8
CALLS = 20  # of each client in a turn
ONE_AT_A_TIME = (EXEC, SAME_HANDLER)
MEASURED = (SMALL, "200 kB upload in")

NOTE = (
    f"{CLIENTS} processes that call one side at a time, {CALLS} calls each, the sides taking turns.\n"
    "ours: MODELPROXY_CONCURRENCY=8, as with __OW_ALLOW_CONCURRENT. floor: one call after\n"
    "another, whoever waits. naive: Flask's development server with its threads."
)


def measure(environment: Environment, rounds: int) -> Table:
    sides = {name: start for name, start in servers.for_python(environment).items() if name not in ONE_AT_A_TIME}
    sides["ours"] = functools.partial(servers.ours, concurrency=CLIENTS)
    with multiprocessing.get_context("fork").Pool(CLIENTS) as pool, ExitStack() as stack:
        running = {name: stack.enter_context(start(environment)) for name, start in sides.items()}
        for server in running.values():
            server.post("/init", {"value": init_value()})
        rows = []
        for case in CASES:
            if case.name in MEASURED:
                message = request("/run", case.run_message(), "application/json")
                check(case, running, message)
                ports = {name: server.port for name, server in running.items()}
                rows.append(_row(case.name, ports, message, pool, max(3, rounds // 30)))
    title = f"Over sockets: a fresh connection for each call, {CLIENTS} clients at once"
    return Table("clients", environment.version, title, NOTE, tuple(rows))


def _row(name: str, ports: dict[str, int], message: bytes, pool: multiprocessing.pool.Pool, turns: int) -> Row:
    times: dict[str, list[float]] = {side: [] for side in ports}
    for _ in range(turns):
        for side, port in ports.items():
            for taken in pool.starmap(_calls, [(port, message)] * CLIENTS, chunksize=1):
                times[side] += taken
    series = {side: Series.of(taken) for side, taken in times.items()}
    ratios = {f"ours/{side}": series["ours"].p50 / series[side].p50 for side in ("floor", "naive", "waitress")}
    bars = (Bar("ours/naive", ratios["ours/naive"], 1.0),)
    return Row(name, series, ratios, bars)


def _calls(port: int, message: bytes) -> list[float]:
    times, buffer = [], bytearray(1 << 21)
    for _ in range(CALLS):
        began = perf_counter()
        reply = call(port, message, buffer)
        times.append(perf_counter() - began)
        if not is_ok(reply):
            raise RuntimeError(f"answered {bytes(reply[:200])!r}")
    return times
