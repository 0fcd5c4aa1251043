"""The index of a large reference: a graph (HNSW) of usearch over the vectors' leading coordinates, searched where it
lies in the file. It proposes candidates; the vectors themselves rank them, so that distances stay exact.

Coordinates along 64 principal axes instead of 512 numbers make the graph four times as fast and, on a cold start, eight
times less to read, at the same recall (`scripts/bench.sh --groups drift-search`).
"""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.drift.axes import Principal, blocks_of
from modelwhisk.drift.neighbours import Tell, distances_between, nearest

PAYS_FROM = 10_000  # vectors; fewer are compared in the time that the call of a library takes
MEMBER, AXES_MEMBER = "index.usearch", "index-axes.npy"

_DIMENSIONS = 64
_CONNECTIVITY = 16
_EXPANSION_ADD = 128
_EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_LEAST_RECALL = 0.99
# Wanted of the rows that are tried, so that 0.99 holds of inputs from elsewhere: of 960,000 augmented digits a search
# that had 0.996 of rows left out had 0.987 of digits that no row was made of.
_RECALL = 0.998
_CANDIDATES, _CANDIDATES_L1 = 12, 64  # L1 orders neighbours otherwise than the index does
_TRIED = 1_000
_NEIGHBOURS = 3

Numbers = NDArray[Any]


class IndexMissing(Exception):
    """usearch isn't installed."""


class IndexTooPoor(Exception):
    """The index finds too few of the nearest, however long it searches."""


@dataclass(frozen=True)
class Built:
    """graph   usearch's bytes.  axes   rows by which a vector becomes what is in it.  about   for reference.json."""

    graph: bytes
    axes: Numbers
    about: dict[str, Any]


def build(vectors: Numbers, known: Principal, metric: str, *, jobs: int, tell: Tell) -> Built:
    """Builds the index, in memory: nobody can exchange it. Its recall is measured with rows that aren't in it yet, as
    fresh inputs aren't, and its search takes as much effort as a recall of 0.998 needs.

    Raises `IndexMissing`, and `IndexTooPoor` where the recall stays under 0.99.
    """
    graph = _Graph(library_of_index(), vectors, known, metric, jobs)
    random = np.random.default_rng(len(vectors))
    tried = np.sort(random.choice(len(vectors), min(_TRIED, max(1, len(vectors) // 10)), replace=False))
    graph.add_all_but(tried, tell)
    effort, candidates, recall = graph.measured(tried)
    graph.add(tried, vectors[tried])
    about = {
        "library": "usearch",
        "version": importlib.import_module("usearch").__version__,
        "member": MEMBER,
        "axes": AXES_MEMBER,
        "parameters": {
            "dtype": "f16",
            "metric": "l2sq",
            "connectivity": _CONNECTIVITY,
            "expansion_add": _EXPANSION_ADD,
            "expansion_search": effort,
            "candidates": candidates,
        },
        "recall@3": round(recall, 4),
        "recall_measured_with": len(tried),
    }
    return Built(graph.content(), graph.axes, about)


def library_of_index() -> Any:
    """usearch's module; raises `IndexMissing`."""
    # As in the image: onnxruntime crashes when it is loaded after usearch (runtime/modelproxy/drift/index_search.py).
    with contextlib.suppress(ImportError):
        importlib.import_module("onnxruntime")
    try:
        return importlib.import_module("usearch.index")
    except ImportError as problem:
        raise IndexMissing(
            "an index needs usearch: pip install 'modelwhisk[drift]', or --index none to do without"
        ) from problem


class _Graph:
    """usearch's graph of some of the vectors, each by its coordinates along `axes`."""

    def __init__(self, library: Any, vectors: Numbers, known: Principal, metric: str, jobs: int) -> None:
        self._vectors, self._metric, self._jobs = vectors, metric, jobs
        self._mean = known.mean
        # So long that coordinates are about 1, and fit half precision whatever the vectors' unit.
        spread = float(np.sqrt(known.variances[:_DIMENSIONS].mean())) or 1.0
        self.axes = np.ascontiguousarray(known.axes[:_DIMENSIONS] / np.float32(spread))
        self._graph = library.Index(
            ndim=len(self.axes),
            metric="l2sq",
            dtype="f16",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
        )

    def add(self, rows: Numbers, vectors: Numbers) -> None:
        self._graph.add(rows, self._coordinates(vectors), threads=self._jobs)

    def add_all_but(self, left_out: Numbers, tell: Tell) -> None:
        start = 0
        for block in blocks_of(self._vectors):
            rows = np.arange(start, start + len(block))
            wanted = np.isin(rows, left_out, invert=True)
            self.add(rows[wanted], block[wanted])
            start += len(block)
            tell(start / len(self._vectors))

    def measured(self, tried: Numbers) -> tuple[int, int, float]:
        """The least effort of a search with a good recall@3, how many candidates it proposes, and the recall."""
        queries = np.asarray(self._vectors[tried], np.float32)
        truth, _ = nearest(self._vectors, queries, _NEIGHBOURS, self._metric, without=tried)
        points = self._coordinates(queries)
        recall = 0.0
        for effort in _EFFORTS:
            self._graph.expansion_search = effort
            candidates = min(effort, _CANDIDATES_L1 if self._metric == "l1" else _CANDIDATES)
            found = [
                self._found(self._graph.search(point, candidates).keys, query, far)
                for point, query, far in zip(points, queries, truth, strict=True)
            ]
            recall = float(np.mean(found))
            if recall >= _RECALL:
                break
        if recall < _LEAST_RECALL:
            raise IndexTooPoor(
                f"the index finds only {recall:.1%} of the nearest {_NEIGHBOURS}, at an effort of {_EFFORTS[-1]}; "
                f"--index none does without"
            )
        return effort, candidates, recall

    def content(self) -> bytes:
        """As usearch searches it where it lies."""
        return self._graph.save()  # type: ignore[no-any-return]

    def _coordinates(self, vectors: Numbers) -> Numbers:
        return np.asarray((np.asarray(vectors, np.float32) - self._mean) @ self.axes.T, np.float16)

    def _found(self, proposed: Numbers, query: Numbers, truth: Numbers) -> float:
        """Which part of the true nearest was proposed, told by distances: of equally far ones each will do."""
        limit = truth[-1] * (1 + 1e-6) + 1e-12
        distances = distances_between(self._vectors[np.sort(proposed)], query, self._metric)
        return min(1.0, float((distances <= limit).sum()) / len(truth))
