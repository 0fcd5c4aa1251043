"""Makes what the search is measured on, unless it is there: vectors, queries, and the reference that fit makes of them.

python -m benchmarks.drift.prepare COUNT FOLDER
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from modelwhisk.drift.reference import Choices, Training, make

from benchmarks.drift import digit_vectors

QUERIES = 1_000
_HALF_FROM = 100_000
FACTS = "facts.json"
_ABOUT = {
    "embedding": {"kind": "picture"},
    "model": {"digest": "sha256:" + "0" * 64, "files": {}, "name": "augmented digits"},
}


def prepared(count: int, folder: Path) -> dict[str, float]:
    """Seconds of each step of fit, and its memory in MB; by a process of its own, whose memory is nobody else's."""
    if not (folder / FACTS).exists():
        command = [sys.executable, "-m", "benchmarks.drift.prepare", str(count), str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    facts: dict[str, float] = json.loads((folder / FACTS).read_text())
    return facts


def main(count: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "queries.npy").exists():
        # Its memory isn't fit's.
        command = [sys.executable, digit_vectors.__file__, str(count), str(QUERIES), str(folder)]
        subprocess.run(command, check=True)
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    began, times = perf_counter(), {}
    current, since = "storing", began

    def step(name: str, part: float) -> None:
        nonlocal current, since
        now = perf_counter()
        times[current] = times.get(current, 0.0) + now - since
        current, since = name, now

    training = Training(vectors, [f"{row}" for row in range(len(vectors))])
    choices = Choices(half=count > _HALF_FROM, index="usearch", jobs=os.cpu_count() or 1)
    made = make(folder / "reference", training, _ABOUT, choices, step)
    # Pages of mapped files are the system's: what the process itself holds is what it can't do without.
    facts = {
        **times,
        "seconds": perf_counter() - began,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "recall@3": made.about["index"]["recall@3"],
        "effort": made.about["index"]["parameters"]["expansion_search"],
        "size": (folder / "reference").stat().st_size / 1e6,
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1))
    print(json.dumps(facts))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
