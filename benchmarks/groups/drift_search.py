"""The search of a drift reference: ours beside exact numpy and FAISS, on embeddings of augmented digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.figures import Bar, Row, Series, Table

SIZE = 960_000
SMALL = 10_000
DIMENSIONS = 512

# Of a single query among SIZE.
BAR_MS, BAR_FASTER, BAR_RECALL = 1.0, 50.0, 0.99
# µs that a prediction takes longer among SMALL, beyond its embedding.
BAR_NUMPY, BAR_INDEX = 250.0, 50.0

_COLD_STARTS = 5
_WARM_UP = 10
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure(scratch: Path, rounds: int, size: int = SIZE) -> Table:
    """``size`` vectors; what takes long to make is kept in .cache/bench/drift, for as many."""
    kept = ROOT / ".cache" / "bench" / "drift" if size >= SMALL else scratch
    return Table(
        "drift-search",
        "",
        f"The three nearest of {size} vectors of {DIMENSIONS} numbers, one query at a time on one thread",
        "Vectors: the 512 hidden numbers of a network, of augmented pictures of four fifths of scikit-learn's digits;\n"
        "queries: of augmented pictures of the others. numpy, FAISS flat: exact, all vectors in memory. ours, numpy:\n"
        "exact, most vectors skipped by a bound. ours: by usearch's index in the mapped reference, in half precision.\n"
        "cold: from a file that the system doesn't hold to the first answer, libraries imported. memory: after 100\n"
        "queries, read pages of mapped files among it. recall@3 is of ours against FAISS flat.",
        (*_large(_folder(kept, size), rounds), _small(_folder(kept, min(size, SMALL)), rounds)),
    )


def _folder(kept: Path, size: int) -> Path:
    from benchmarks.drift.prepare import prepared  # noqa: PLC0415 (numpy)

    folder = kept / str(size)
    prepared(size, folder)
    return folder


def _large(folder: Path, rounds: int) -> list[Row]:
    facts = json.loads((folder / "facts.json").read_text())
    times, recall = _queries(folder, rounds)
    query = {name: Series.of(values) for name, values in times.items()}
    faster = {f"{name}/ours": query[name].p50 / query["ours"].p50 for name in query if name != "ours"}
    bars = (
        Bar("ours, p50", query["ours"].p50 * 1000, BAR_MS, " ms"),
        Bar("FAISS flat/ours", faster["FAISS flat/ours"], BAR_FASTER, at_least=True),
        Bar("recall@3", recall, BAR_RECALL, at_least=True),
    )
    starts = {name: [_started(folder, name) for _ in range(_COLD_STARTS)] for name in query}
    return [
        Row("query", query, {**faster, "recall@3": recall}, bars),
        Row("cold", {name: Series.of([seen["first"] for seen in started]) for name, started in starts.items()}),
        Row(
            "memory",
            {name: Series.of([seen["memory"] for seen in started]) for name, started in starts.items()},
            unit="MB",
        ),
        Row("fit: all of it", {"ours": Series.of([facts["seconds"]])}),
        Row("fit: the index", {"ours": Series.of([facts["index"]])}),
        Row("fit: memory", {"ours": Series.of([facts["memory"]])}, unit="MB"),
        Row("reference's size", {"ours": Series.of([facts["size"]])}, unit="MB"),
    ]


def _queries(folder: Path, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of each query by each search, and the recall@3 of ours."""
    done = _in_process("benchmarks.drift.turns", folder, rounds)
    return done["times"], done["recall"]


def _started(folder: Path, name: str) -> dict[str, float]:
    """From files that the system had to read to the first answer (s), and what the process then holds (MB)."""
    for path in folder.iterdir():
        _forget(path)
    seen: dict[str, float] = _in_process("benchmarks.drift.searches", name, folder)
    return seen


def _forget(path: Path) -> None:
    """Has the system drop what it holds of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _small(folder: Path, rounds: int) -> Row:
    """What a prediction takes longer: the distance, from a vector to the number that the header tells."""
    times = _in_process("benchmarks.drift.turns", folder, max(rounds, 10 * _WARM_UP), "added")["times"]
    added = {name: Series.of(values) for name, values in times.items()}
    bars = (
        Bar("with numpy alone, p50", added["ours, numpy"].p50 * 1e6, BAR_NUMPY, " µs"),
        Bar("with the index, p50", added["ours"].p50 * 1e6, BAR_INDEX, " µs"),
    )
    return Row(f"added, of {min(SMALL, _count(folder))}", added, {}, bars)


def _count(folder: Path) -> int:
    return int(folder.name)


def _in_process(module: str, *arguments: object) -> dict[str, Any]:
    began = perf_counter()
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, **_ONE_THREAD}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        took = perf_counter() - began
        raise RuntimeError(f"{module} failed after {took:.0f} s:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
