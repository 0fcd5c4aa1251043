"""The nearest vectors, exactly and block by block, so that a million of them need no more memory than a thousand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

METRICS = ("l2", "l1", "cosine")

_ROWS = 16_384  # vectors at a time
_QUERIES = 1_024
# Candidates beyond those wanted: products of single precision can take one for another where distances hardly differ.
_SPARE = 8

Numbers = NDArray[Any]
Tell = Callable[[float], None]


def unit_rows(rows: Numbers) -> Numbers:
    """Each row at length 1, a row of zeros as it is."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def distances_between(rows: Numbers, query: Numbers, metric: str) -> Numbers:
    """The distance of each row from one query in double precision, as the action computes it. Cosine: of unit rows."""
    differences = rows.astype(np.float32, copy=False) - query.astype(np.float32, copy=False)
    if metric == "l1":
        return np.asarray(np.abs(differences).sum(axis=-1, dtype=np.float64))
    squares: Numbers = np.einsum("...j,...j->...", differences, differences, dtype=np.float64)
    return np.asarray(squares / 2 if metric == "cosine" else np.sqrt(squares))


def nearest(
    vectors: Numbers,
    queries: Numbers,
    count: int,
    metric: str,
    *,
    own: Numbers | None = None,
    without: Numbers | None = None,
    tell: Tell = lambda part: None,
) -> tuple[Numbers, Numbers]:
    """The `count` nearest of `vectors` to each of `queries`: distances (ascending) and rows, both queries x count.

    `own` has for each query the row that is itself and no neighbour of its own, `without` the rows that are nobody's.
    `tell` hears how much is done, up to 1. Cosine: both at unit length. Raises `ValueError` for too few vectors.
    """
    left_out = np.empty(0, np.int64) if without is None else without
    if len(vectors) - len(left_out) < count + (own is not None):
        raise ValueError(f"{len(vectors)} vectors have no {count} neighbours")
    search = _by_differences if metric == "l1" else _by_products
    found, rows = [], []
    for start in range(0, len(queries), _QUERIES):
        part = np.asarray(queries[start : start + _QUERIES], np.float32)
        itself = np.full(len(part), -1) if own is None else own[start : start + _QUERIES]
        hidden = _Hidden(itself, left_out)
        done = start / len(queries)

        def tell_of_part(share: float, done: float = done, size: int = len(part)) -> None:
            tell(done + share * size / len(queries))

        candidates = search(vectors, part, count, hidden, tell_of_part)
        distances = np.stack(
            [distances_between(vectors[near], query, metric) for near, query in zip(candidates, part, strict=True)]
        )
        order = np.argsort(distances, axis=1, kind="stable")[:, :count]
        found.append(np.take_along_axis(distances, order, 1))
        rows.append(np.take_along_axis(candidates, order, 1))
    tell(1.0)
    return np.concatenate(found), np.concatenate(rows)


@dataclass(frozen=True)
class _Hidden:
    """Rows that are no neighbours: each query's own (-1: none), and those of nobody."""

    own: Numbers
    nobodys: Numbers

    @property
    def most(self) -> int:
        """How many rows are hidden from a query at most."""
        return len(self.nobodys) + bool((self.own >= 0).any())

    def hide(self, scores: Numbers, first_row: int) -> None:
        """Makes their scores infinite in a block, queries x rows from `first_row` on."""
        places = self.own - first_row
        here = np.flatnonzero((places >= 0) & (places < scores.shape[1]))
        scores[here, places[here]] = np.inf
        columns = self.nobodys - first_row
        scores[:, columns[(columns >= 0) & (columns < scores.shape[1])]] = np.inf


def _by_products(vectors: Numbers, queries: Numbers, count: int, hidden: _Hidden, tell: Tell) -> Numbers:
    """Rows of the nearest and of some more, by |x|² - 2qx about a common middle."""
    middle = np.asarray(vectors[:_ROWS], np.float32).mean(axis=0)
    centred = queries - middle
    best = _Best(len(queries), min(count + _SPARE, len(vectors) - hidden.most))
    for start in range(0, len(vectors), _ROWS):
        block = np.asarray(vectors[start : start + _ROWS], np.float32) - middle
        scores = centred @ block.T
        scores *= -2
        scores += np.einsum("ij,ij->i", block, block)
        hidden.hide(scores, start)
        best.take(scores, start)
        tell((start + len(block)) / len(vectors))
    return best.rows


def _by_differences(vectors: Numbers, queries: Numbers, count: int, hidden: _Hidden, tell: Tell) -> Numbers:
    best = _Best(len(queries), count)
    for start in range(0, len(vectors), _ROWS):
        block = np.asarray(vectors[start : start + _ROWS], np.float32)
        scores = np.stack([np.abs(block - query).sum(axis=1) for query in queries])
        hidden.hide(scores, start)
        best.take(scores, start)
        tell((start + len(block)) / len(vectors))
    return best.rows


class _Best:
    """The `size` smallest scores of each query so far, and their rows."""

    def __init__(self, queries: int, size: int) -> None:
        self._scores = np.full((queries, size), np.inf, np.float32)
        self.rows = np.zeros((queries, size), np.int64)

    def take(self, scores: Numbers, first_row: int) -> None:
        """Adds a block of scores, queries x rows from `first_row` on."""
        size = self._scores.shape[1]
        if scores.shape[1] > size:
            limit = self._scores[:, -1]
            if np.isinf(limit).any():  # the first block; of later ones few are better than what is there already
                limit = np.minimum(limit, np.partition(scores, size - 1)[:, size - 1])
            queries, columns = np.nonzero(scores <= limit[:, None])
        else:
            queries, columns = np.indices(scores.shape).reshape(2, -1)
        all_queries = np.concatenate([np.repeat(np.arange(len(scores)), size), queries])
        all_scores = np.concatenate([self._scores.ravel(), scores[queries, columns]])
        all_rows = np.concatenate([self.rows.ravel(), columns + first_row])
        order = np.lexsort((all_scores, all_queries))
        starts = np.searchsorted(all_queries[order], np.arange(len(scores)))
        chosen = order[starts[:, None] + np.arange(size)]
        self._scores, self.rows = all_scores[chosen], all_rows[chosen]
