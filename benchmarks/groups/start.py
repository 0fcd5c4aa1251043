"""How long it takes until the port is open, beyond what the interpreter itself needs."""

from __future__ import annotations

import subprocess
from time import perf_counter

from benchmarks.environments import SAMPLE_MODEL, Environment, environ
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import free_port, serving

# Milliseconds.
BAR = 60
LEAST_ROUNDS = 7


def measure(environment: Environment, rounds: int) -> Table:
    passes, ports = [], []
    for _ in range(max(LEAST_ROUNDS, rounds // 10) + 1):
        passes.append(_time_of_pass(environment))
        ports.append(_time_of_port(environment))
    passed, opened = Series.of(passes[1:]), Series.of(ports[1:])  # the first ones read the disk
    later = Series.of([port - own for port, own in zip(ports[1:], passes[1:], strict=True)])
    bar = Bar("port open after", (opened.p50 - passed.p50) * 1000, BAR, " ms")
    row = Row("max-digit-classifier", {"python -I -c pass": passed, "port open": opened, "after": later}, {}, (bar,))
    return Table(
        "start",
        environment.version,
        "From the start of the process to the open port",
        "python -I -c pass: until it has ended. The bar is on the difference of the two p50.",
        (row,),
    )


def _time_of_pass(environment: Environment) -> float:
    began = perf_counter()
    subprocess.run([environment.python, "-I", "-c", "pass"], check=True, env=environ(), cwd=SAMPLE_MODEL)
    return perf_counter() - began


def _time_of_port(environment: Environment) -> float:
    port = free_port()
    log = environment.proxy.parent / "start.log"
    command = [environment.python, environment.start_file]
    with serving(command, SAMPLE_MODEL, port, log, MODELPROXY_PORT=str(port)) as server:
        return server.opened_after
