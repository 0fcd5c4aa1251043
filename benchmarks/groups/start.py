"""How long it takes until the port is open, beyond what the interpreter itself needs."""

from __future__ import annotations

import subprocess
from time import perf_counter

from benchmarks.environments import SAMPLE_MODEL, Environment, environ
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import call, free_port, request, serving

# Milliseconds.
BAR = 25
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
        "python -I -c pass: until it has ended. The bar is on the difference of the two p50. Imports: by -X\n"
        "importtime, beyond those of python -I -c pass; it takes longer with the counting.",
        (row, *imports(environment)),
    )


def imports(environment: Environment) -> tuple[Row, Row]:
    """Modules beyond the interpreter's own until the port is open, and until the process waits for /init."""
    bare = [environment.python, "-I", "-X", "importtime", "-c", "pass"]
    said = subprocess.run(bare, stderr=subprocess.PIPE, text=True, check=True, env=environ()).stderr
    known = {name for name, _ in _imported(said)}
    port = free_port()
    log = environment.proxy.parent / "imports.log"
    command = [environment.python, "-X", "importtime", environment.start_file]
    with serving(command, SAMPLE_MODEL, port, log, MODELPROXY_PORT=str(port)) as server:
        # Answered once all is imported: 400, since this image takes no code, so that no model is loaded.
        call(port, request("/init", b'{"value": {"code": "any"}}', "application/json"))
        whole = log.read_text()
        server.end()
    until_port = whole.partition("listening on")[0]
    both = {"until the port is open": until_port, "until /init is heard": whole}
    found = {when: [(name, took) for name, took in _imported(text) if name not in known] for when, text in both.items()}
    count = {when: Series.of([len(imported)]) for when, imported in found.items()}
    time = {when: Series.of([sum(took for _, took in imported)]) for when, imported in found.items()}
    return Row("modules imported", count, {}, unit=""), Row("importing them", time)


def _imported(text: str) -> list[tuple[str, float]]:
    """Module and its own seconds, of each line that -X importtime has written."""
    lines = [line.removeprefix("import time:").split("|") for line in text.splitlines() if "import time:" in line]
    return [(name.strip(), int(own) / 1e6) for own, _, name in lines if own.strip().isdecimal()]


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
