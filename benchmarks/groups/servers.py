"""The servers that are compared over sockets, all around the same Flask application."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.environments import INSIDE, MODEL, Environment
from benchmarks.processes import Server, free_port, serving

Start = Callable[[Environment], AbstractContextManager[Server]]


def ours(environment: Environment, concurrency: int = 1) -> AbstractContextManager[Server]:
    port = free_port()
    return serving(
        [environment.python, environment.start_file],
        MODEL,
        port,
        _log(environment, "ours"),
        MODELPROXY_PORT=str(port),
        MODELPROXY_CONCURRENCY=str(concurrency),
    )


def _inside(script: str) -> Start:
    def start(environment: Environment) -> AbstractContextManager[Server]:
        port = free_port()
        return serving([environment.python, INSIDE / script, port], MODEL, port, _log(environment, script))

    return start


def _waitress_with_ours(environment: Environment) -> AbstractContextManager[Server]:
    port = free_port()
    command = [environment.python, INSIDE / "waitress_server.py", port, environment.proxy]
    return serving(command, MODEL, port, _log(environment, "waitress-ours"))


def _gunicorn(environment: Environment) -> AbstractContextManager[Server]:
    port = free_port()
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "8", "--pythonpath", INSIDE]
    command = [environment.python, "-m", "gunicorn", *options, "handler:application"]
    return serving(command, MODEL, port, _log(environment, "gunicorn"))


def _functions_framework(environment: Environment) -> AbstractContextManager[Server]:
    port = free_port()
    command = [environment.python, "-m", "functions_framework", "--host", "127.0.0.1", "--port", port]
    command += ["--target", "run", "--source", INSIDE / "handler.py"]
    return serving(command, MODEL, port, _log(environment, "functions-framework"), PYTHONPATH=str(INSIDE))


def _log(environment: Environment, name: str) -> Path:
    return environment.proxy.parent / f"{name}.log"


SIDES: dict[str, Start] = {
    "floor": _inside("floor_server.py"),
    "ours": ours,
    "naive": _inside("naive_server.py"),
    "waitress": _inside("waitress_server.py"),
    "waitress, ours": _waitress_with_ours,
    "gunicorn": _gunicorn,
    "functions-framework": _functions_framework,
    "skeleton": _inside("skeleton_server.py"),
}
# What doesn't run on the oldest: its own packages want more than they say.
MISSING = {"3.6": ("functions-framework",), "3.7": ("functions-framework",)}


def for_python(environment: Environment) -> dict[str, Start]:
    return {name: start for name, start in SIDES.items() if name not in MISSING.get(environment.version, ())}
