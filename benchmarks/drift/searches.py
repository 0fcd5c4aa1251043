"""The ways to the three nearest of many vectors, each opened from its file; and one of them in a process of its own:

    python -m benchmarks.drift.searches NAME FOLDER

prints as JSON how long it took from the files to the first answer, what it then holds, and after all queries.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

TOP = 3

Search = Callable[[Any], list[int]]


def exact_numpy(folder: Path) -> Search:
    """One product of all vectors with the query; their lengths are known."""
    import numpy as np

    vectors = np.load(folder / "vectors.npy")
    halves = np.einsum("ij,ij->i", vectors, vectors) / 2

    def search(query: Any) -> list[int]:
        scores = halves - vectors @ query
        nearest = np.argpartition(scores, TOP)[:TOP]
        return [int(row) for row in nearest]

    return search


def faiss_flat(folder: Path) -> Search:
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(512)
    index.add(np.load(folder / "vectors.npy"))
    return lambda query: [int(row) for row in index.search(query[None], TOP)[1][0]]


def ours(folder: Path) -> Search:
    """As in an action whose image has usearch."""
    return _nearest(folder)


def ours_numpy(folder: Path) -> Search:
    """As in an action whose image has numpy alone: exact, most vectors being skipped by a bound."""
    with without("usearch"):
        return _nearest(folder)


@contextlib.contextmanager
def without(package: str) -> Iterator[None]:
    """Whoever imports the package meanwhile finds that it isn't there."""
    hidden = {name: module for name, module in sys.modules.items() if name.split(".")[0] == package}
    sys.modules.update(dict.fromkeys([package, *hidden]))  # type: ignore[arg-type]  # None: can't be imported
    try:
        yield
    finally:
        del sys.modules[package]
        sys.modules.update(hidden)


def _nearest(folder: Path) -> Search:
    found = search_of(folder)
    return lambda query: [row for _, row in found.nearest(query, TOP)]


def search_of(folder: Path) -> Any:
    """The action's own search of the reference in a folder."""
    from modelwhisk import adapter

    reference = adapter.part("drift.reference").Reference(folder / "reference", check=False)
    return adapter.part("drift.search").Search(reference)


SEARCHES: dict[str, Callable[[Path], Search]] = {
    "numpy": exact_numpy,
    "FAISS flat": faiss_flat,
    "ours, numpy": ours_numpy,
    "ours": ours,
}


def main(name: str, folder: Path) -> None:
    import numpy as np

    if name == "FAISS flat":
        import faiss  # noqa: F401 (an image that uses a library has imported it, or pays for that elsewhere)
    if name == "ours":
        with contextlib.suppress(ImportError):
            import onnxruntime  # noqa: F401 (crashes after usearch: runtime/modelproxy/drift/index_search.py)
        import usearch.index  # noqa: F401
    queries = np.load(folder / "queries.npy")
    before = _own_memory()
    began = perf_counter()
    search = SEARCHES[name](folder)
    search(queries[0])
    first = perf_counter() - began
    for query in queries[:100]:
        search(query)
    print(json.dumps({"first": first, "memory": _own_memory() - before}))


def _own_memory() -> float:
    """MB that the process holds, those pages of mapped files among them that it has read."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
