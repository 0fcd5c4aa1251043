"""The directions in which vectors differ most, and the coordinates along them by which a search skips most vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROWS = 16_384
_SAMPLE = 50_000  # rows of which directions are learnt

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Principal:
    """mean   of all vectors.  axes   directions as orthonormal rows, that of the greatest variance first."""

    mean: Numbers
    axes: Numbers
    variances: Numbers


def principal(vectors: Numbers, random: np.random.Generator) -> Principal:
    """Of the vectors as they are stored; directions of many vectors from a sample."""
    total = np.zeros(vectors.shape[1], np.float64)
    for block in blocks_of(vectors):
        total += block.sum(axis=0, dtype=np.float64)
    mean = (total / len(vectors)).astype(np.float32)
    rows = np.sort(random.choice(len(vectors), min(len(vectors), _SAMPLE), replace=False))
    sample = np.asarray(vectors[rows], np.float32) - mean
    variances, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64) / len(sample))
    return Principal(mean, directions[:, ::-1].T.astype(np.float32), np.maximum(variances[::-1], 0))


def leading(vectors: Numbers, mean: Numbers, axes: Numbers) -> Iterator[Numbers]:
    """For each vector less the mean, in blocks: its coordinates along `axes`, the length of what is left, and half its
    own squared length. The distance of two vectors is at least that of the first of these numbers."""
    for block in blocks_of(vectors):
        centred = block - mean
        along = centred @ axes.T
        squares = np.einsum("ij,ij->i", centred, centred, dtype=np.float64)
        left = np.sqrt(np.maximum(0, squares - np.einsum("ij,ij->i", along, along, dtype=np.float64)))
        yield np.column_stack([along, left, squares / 2]).astype(np.float32)


def blocks_of(vectors: Numbers) -> Iterator[Numbers]:
    """The rows in single precision, some thousands at a time."""
    for start in range(0, len(vectors), _ROWS):
        yield np.asarray(vectors[start : start + _ROWS], np.float32)
