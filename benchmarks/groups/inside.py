"""Runs a script of ``benchmarks/inside`` in the models' Python, on the benchmark's model; what it found."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from benchmarks.environments import INSIDE, MODEL, Environment, environ
from benchmarks.processes import Failed


def run_inside(environment: Environment, script: str, *arguments: str) -> Any:
    """Its log lines and markers go to a file. Raises ``Failed`` with its last words."""
    results = environment.proxy.parent / f"{script}.json"
    log = results.with_suffix(".log")
    command = [environment.python, INSIDE / script, environment.proxy, results, *arguments]
    with log.open("wb") as stream:
        done = subprocess.run(
            command, cwd=MODEL, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False, env=environ()
        )
    if done.returncode:
        raise Failed(f"{script} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return json.loads(results.read_text())
