"""End to end over sockets, with a fresh connection for each call, as the platform's invoker makes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter

from benchmarks.environments import INSIDE, MODEL, Environment
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import Failed, Server, body_of, call, free_port, is_ok, request, serving

# What runs inside old interpreters is used here too, so that both know the same cases and read results alike.
sys.path.append(str(INSIDE))
from cases import CASES, Case, init_value
from results import answer_of_action

WARM_UP = 5
# Of the naive proxy's time, over ours.
BARS = {"200 B JSON in": 2.0, "750 kB PNG out": 2.0}


def measure(environment: Environment, rounds: int) -> Table:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(start(environment)) for name, start in SIDES.items()}
        for server in servers.values():
            server.post("/init", {"value": init_value()})
        rows = tuple(_row(case, servers, rounds) for case in CASES)
    return Table(
        "sockets",
        environment.version,
        "Over sockets: a fresh connection for each call",
        "floor: an accept, read, parse, reply loop around the same application, one call after another. naive: on\n"
        "Flask's development server. One client on raw sockets; its own cost is in every figure.",
        rows,
    )


def _row(case: Case, servers: dict[str, Server], rounds: int) -> Row:
    message = request("/run", case.run_message(), "application/json")
    _check(case, servers, message)
    times: dict[str, list[float]] = {name: [] for name in servers}
    names, buffer = list(servers), bytearray(1 << 21)
    for number in range(WARM_UP + rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            port = servers[name].port
            began = perf_counter()
            reply = call(port, message, buffer)
            took = perf_counter() - began
            if not is_ok(reply):
                raise servers[name].failed(f"answered {bytes(reply[:200])!r}")
            if number >= WARM_UP:
                times[name].append(took)
    series = {name: Series.of(values) for name, values in times.items()}
    faster = series["naive"].p50 / series["ours"].p50
    bars = (Bar("naive/ours", faster, BARS[case.name], at_least=True),) if case.name in BARS else ()
    return Row(case.name, series, {"naive/ours": faster, "ours/floor": series["ours"].p50 / series["floor"].p50}, bars)


def _check(case: Case, servers: dict[str, Server], message: bytes) -> None:
    answers = {name: answer_of_action(body_of(call(server.port, message))) for name, server in servers.items()}
    if len(set(answers.values())) != 1:
        raise Failed(f"{case.name}: the sides don't answer alike: {json.dumps(answers, default=repr)[:1000]}")


def _ours(environment: Environment):
    port = free_port()
    return serving(
        [environment.python, environment.start_file], MODEL, port, _log(environment, "ours"), MODELPROXY_PORT=str(port)
    )


def _inside(script: str) -> Callable[[Environment], object]:
    def start(environment: Environment):
        port = free_port()
        return serving([environment.python, INSIDE / script, port], MODEL, port, _log(environment, script))

    return start


def _log(environment: Environment, name: str):
    return environment.proxy.parent / f"{name}.log"


SIDES = {"floor": _inside("floor_server.py"), "ours": _ours, "naive": _inside("naive_server.py")}
