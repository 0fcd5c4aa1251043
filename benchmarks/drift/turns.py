"""All searches of the same queries, taking turns:

    python -m benchmarks.drift.turns FOLDER ROUNDS [added]

prints as JSON the seconds of each call and the recall@3 of ours. ``added``: ours alone, as the action calls them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.drift.searches import SEARCHES, TOP, Search, search_of, without

WARM_UP = 10
_TURN = 50


def main(folder: Path, rounds: int, *, added: bool) -> None:
    queries = np.load(folder / "queries.npy")
    calls = _distances(folder) if added else _searches(folder)
    times: dict[str, list[float]] = {name: [] for name in calls}
    found: dict[str, list[Any]] = {name: [] for name in calls}
    # Searches of much memory take turns call by call, ours alone in longer ones: they are measured as they run warm.
    turn = _TURN if added else 1
    names = list(calls)
    for start in range(0, WARM_UP + rounds, turn):
        first = start // turn % len(names)
        for name in names[first:] + names[:first]:
            for number in range(start, start + turn):
                query = queries[number % len(queries)]
                began = perf_counter()
                answer = calls[name](query)
                took = perf_counter() - began
                if number >= WARM_UP and number >= start + min(WARM_UP, turn - 1):
                    times[name].append(took)
                    found[name].append(answer)
    result: dict[str, Any] = {"times": times}
    if not added:
        pairs = zip(found["ours"], found["FAISS flat"], strict=True)
        result["recall"] = float(np.mean([len(set(mine) & set(true)) / TOP for mine, true in pairs]))
    print(json.dumps(result))


def _searches(folder: Path) -> dict[str, Search]:
    return {name: opened(folder) for name, opened in SEARCHES.items()}


def _distances(folder: Path) -> dict[str, Callable[[Any], Any]]:
    """What the action asks for: the mean distance of a vector to its nearest."""
    with without("usearch"):
        alone = search_of(folder)
    return {"ours, numpy": alone.distance, "ours": search_of(folder).distance}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), added=sys.argv[3:] == ["added"])
