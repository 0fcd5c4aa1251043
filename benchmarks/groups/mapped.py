"""`modelwhisk map` over ten thousand inputs: what a call costs on the user's machine."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.environments import ROOT
from benchmarks.figures import Row, Series, Table
from benchmarks.processes import Failed, free_port, serving

INPUTS = (1000, 10000)
JOBS = 16
STUB = ROOT / "benchmarks" / "stubs" / "web_action.py"


def measure(scratch: Path, rounds: int) -> Table:
    port = free_port()
    with serving([sys.executable, STUB, port], scratch, port, scratch / "stub.log"):
        rows = tuple(_row(scratch, port, count) for count in INPUTS)
    return Table(
        "map",
        "",
        "modelwhisk map: what a call costs the client",
        f"--jobs {JOBS}, against a stand-in for a web action that answers at once, on this machine too. One run each:\n"
        "time and processor time for each call; the most memory that the client had.",
        rows,
    )


def _row(scratch: Path, port: int, count: int) -> Row:
    inputs, out = scratch / f"{count}.jsonl", scratch / f"{count}.results.jsonl"
    inputs.write_text("".join(f'{{"n": {number}}}\n' for number in range(count)), encoding="utf-8")
    command = [sys.executable, "-m", "modelwhisk", "map", f"http://127.0.0.1:{port}/square"]
    command += ["-i", str(inputs), "-o", str(out), "--jobs", str(JOBS)]
    began, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.communicate()[1]
    took, after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise Failed(f"map failed:\n{said[-2000:]}")
    answers = {json.loads(line)["input"]["n"] for line in out.read_text(encoding="utf-8").splitlines()}
    if answers != set(range(count)):
        raise Failed(f"map has {len(answers)} of {count} answers")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    series = {"time": Series.of([took / count]), "processor": Series.of([processor / count])}
    return Row(f"{count} inputs", series, {"client's memory, MB": after.ru_maxrss / 1024})
