"""The performance gate: what the proxy adds hasn't grown beyond its floor and its nearest peer, in the same run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gate
from benchmarks.environments import INSIDE, MODEL, ROOT, Environment, environ, laid_out
from benchmarks.figures import Series
from benchmarks.groups import start

needs_flask = pytest.mark.skipif(importlib.util.find_spec("flask") is None, reason="needs the extra [samples]")
# Where another program takes the processor for all of the runs.
ATTEMPTS = 3


def measured(folder: Path) -> dict[str, Any]:
    results = folder / "gate.json"
    command = [sys.executable, INSIDE / "gate.py", ROOT / "runtime", results]
    done = subprocess.run(command, cwd=MODEL, env=environ(), capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(results.read_text())
    return found


@needs_flask
def test_what_is_added_to_a_call_stays_near_the_least_there_can_be(tmp_path: Path) -> None:
    runs: list[Any] = []
    missed = ["not measured"]
    for _ in range(ATTEMPTS):
        found = measured(tmp_path)
        runs += found["runs"]
        counts = [str(bar) for bar in gate.of_counts(found["calls"], found["copies"]) if not bar.met]
        assert counts == []
        missed = [str(bar) for bar in gate.of_times(runs) if not bar.met]
        if not missed:
            break
    assert missed == []


def test_little_is_imported_before_the_port_is_open(tmp_path: Path) -> None:
    python = Path(sys.executable)
    environment = Environment("", python, laid_out(python, tmp_path / "image"))
    modules, _ = start.imports(environment)
    assert [str(bar) for bar in gate.of_imports(modules.series) if not bar.met] == []
    assert modules.series["until the port is open"].p50 < modules.series["until /init is heard"].p50


def run_of(case: str, **seconds: list[float]) -> dict[str, dict[str, list[float]]]:
    sides = {"app": [1.0, 1.0], "floor": [2.0, 2.0], "apig-wsgi": [2.0, 2.0], "ours": [2.0, 2.0]}
    return {name: {**sides, **(seconds if name == case else {})} for name in gate.TIMES}


def test_the_gate_holds_back_what_is_slow_in_every_run_and_only_that() -> None:
    case = "750 kB PNG out"
    slow, quick = run_of(case, ours=[3.0, 3.0]), run_of(case, ours=[1.4, 1.4])
    missed = [bar.what for bar in gate.of_times([slow, slow]) if not bar.met]
    assert missed == [f"{case}: ours/floor", f"{case}: ours/apig-wsgi"]
    assert [bar for bar in gate.of_times([slow, quick]) if not bar.met] == []


def test_the_gate_counts() -> None:
    calls = {"app": 400, "floor": 600, "ours": 700, "apig-wsgi": 500}
    assert [bar.met for bar in gate.of_counts(calls, {"a": 2.9, "b": 3.1})] == [False, True, False]
    few, many = Series.of([8]), Series.of([80])
    imported = {"until the port is open": few, "until /init is heard": many}
    assert [bar.met for bar in gate.of_imports(imported)] == [True, False]
