"""What can be said of new distances and vectors beside known ones: a share's interval, three tests, their correction.

Pure. All tests are one-sided where a side matters: only larger distances speak for drift.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Share:
    """`above` of `count`, with the interval (Clopper and Pearson 1934) that holds the true share with `confidence`."""

    above: int
    count: int
    low: float
    high: float
    confidence: float

    @property
    def value(self) -> float:
        return self.above / self.count if self.count else 0.0


def share_of(above: int, count: int, confidence: float = 0.95) -> Share:
    """The share with its exact interval; of nothing it is anywhere from 0 to 1."""
    rest = (1 - confidence) / 2
    low = float(stats.beta.ppf(rest, above, count - above + 1)) if above else 0.0
    high = float(stats.beta.ppf(1 - rest, above + 1, count - above)) if above < count else 1.0
    return Share(above, count, low, high, confidence)


def share_test(above: int, count: int, expected: float) -> float:
    """How likely so many above or more are where `expected` is the true share (exact binomial)."""
    return float(stats.binomtest(above, count, expected, alternative="greater").pvalue)


def shares_test(above: int, count: int, known_above: int, known_count: int) -> float:
    """The same beside a share that is itself only known from a sample (Fisher's exact test)."""
    table = [[above, count - above], [known_above, known_count - known_above]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def kolmogorov_smirnov(new: Numbers, known: Numbers) -> tuple[float, float]:
    """The greatest gap by which new distances are larger, and how likely one so great is by chance."""
    with warnings.catch_warnings():
        # Where the exact probability is too small to be summed up, scipy takes the limit of large samples.
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
        found = stats.ks_2samp(new, known, alternative="less")  # the new ones' distribution function lies below
    return float(found.statistic), float(found.pvalue)


def superiority(new: Numbers, known: Numbers) -> float:
    """How likely a new distance is larger than a known one, ties by half: the area under the ROC curve."""
    ranks = stats.rankdata(np.concatenate([new, known]))
    return float((ranks[: len(new)].sum() - len(new) * (len(new) + 1) / 2) / (len(new) * len(known)))


def mean_discrepancy(
    new: Numbers, known: Numbers, random: np.random.Generator, permutations: int = 1999
) -> tuple[float, float]:
    """MMD² of two samples of vectors, and how likely one so large is where both are of one source, by permutation.

    Gretton et al., "A Kernel Two-Sample Test" (2012), the unbiased estimate (eq. 3) with a Gaussian kernel whose width
    is the median distance. Needs two of each at least.
    """
    pooled = np.concatenate([new, known]).astype(np.float64)
    pooled -= pooled.mean(axis=0)
    squares = np.einsum("ij,ij->i", pooled, pooled)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * pooled @ pooled.T, 0)
    middle = float(np.median(distances[np.triu_indices(len(pooled), 1)]))
    kernel = np.exp(-distances / (2 * middle)) if middle > 0 else (distances == 0).astype(np.float64)
    np.fill_diagonal(kernel, 0)

    count, others = len(new), len(known)
    labels = np.zeros((permutations + 1, len(pooled)))
    labels[0, :count] = 1
    labels[1:] = random.permuted(np.tile(labels[0], (permutations, 1)), axis=1)
    within = np.einsum("ij,ij->i", labels @ kernel, labels)
    touching = labels @ kernel.sum(axis=1)  # of the new ones with all
    across = touching - within
    elsewhere = kernel.sum() - 2 * touching + within
    found = within / (count * (count - 1)) + elsewhere / (others * (others - 1)) - 2 * across / (count * others)
    at_least = int((found[1:] >= found[0] - 1e-12).sum())
    return float(found[0]), (at_least + 1) / (permutations + 1)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Each probability adjusted for there being several (Holm 1979): compare them with the level for all together."""
    order = np.argsort(probabilities, kind="stable")
    adjusted = [0.0] * len(probabilities)
    so_far = 0.0
    for place, index in enumerate(order):
        so_far = max(so_far, min(1.0, (len(probabilities) - place) * probabilities[index]))
        adjusted[index] = so_far
    return adjusted
