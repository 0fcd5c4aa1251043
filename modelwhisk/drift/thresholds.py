"""Beyond which distance an input counts as drifted: quantiles of what the training inputs themselves keep.

Each training input's distance is taken to the nearest of the *others* (leave one out), so that it is as far as a fresh
input of the same source. Of n such distances the ⌈(n + 1) q⌉-th smallest is passed by at most 1 - q of fresh inputs on
average, whatever their distribution (conformal prediction: Vovk, Gammerman, Shafer, 2005); where n is too small for
that, there is no threshold for q.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.drift.neighbours import nearest

QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.995, 0.999)

# Multiplications that take a minute or two; L1 has no products to be made of, and is some fifty times slower. Where
# leaving out each row needs more, a sample is left out: of a quantile of 99 % that 4,000 rows tell, the standard error
# is 0.16 %.
_WORK = {"l2": 2 * 10**12, "cosine": 2 * 10**12, "l1": 10**11}
_LEAST = 1_000
_CALIBRATION_ROWS = 10_000

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Calibration:
    """Of `inputs` that took no part in it, `beyond` were past the threshold of `quantile` made of the others."""

    quantile: float
    inputs: int
    beyond: int

    @property
    def share(self) -> float:
        """The part that was past it; 1 - quantile is what was promised."""
        return self.beyond / self.inputs


def threshold_of(distances: Numbers, quantile: float) -> float | None:
    """The distance that a fresh input passes with a probability of at most 1 - quantile; None: too few distances."""
    rank = ceil((len(distances) + 1) * Fraction(str(quantile)))
    return float(np.sort(distances)[rank - 1]) if 1 <= rank <= len(distances) else None


def check_told(about: Mapping[str, Any]) -> None:
    """Raises `ValueError` where the thresholds that a reference tells, and how they did, can't be counted with: it is
    checksummed, but by whom?"""
    for entry in (about["threshold"], *_list(about, "thresholds")):
        _check(entry, quantile=1, distance=sys.float_info.max)
    for entry in (*_list(about, "calibration"), *_list(about, "validation")):
        _check(entry, quantile=1, inputs=sys.maxsize, beyond=sys.maxsize)


def _list(about: Mapping[str, Any], name: str) -> list[Any]:
    value = about.get(name) or []
    if not isinstance(value, list):
        raise ValueError(f"its {name} are no list")
    return value


def _check(entry: Any, **most: float) -> None:
    for name, bound in most.items():
        value = entry.get(name) if isinstance(entry, dict) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= bound:
            raise ValueError(f"its thresholds have no {name} that can be counted with")


def needed(quantile: float) -> int:
    """How many inputs there must be for a threshold of that quantile."""
    return ceil(1 / (1 - Fraction(str(quantile)))) - 1


def sampled(count: int, dimensions: int, metric: str, random: np.random.Generator) -> Numbers:
    """The rows whose distances are taken: all, or of many a random part, in ascending order."""
    size = max(_LEAST, _WORK[metric] // (count * dimensions))
    return np.sort(random.choice(count, size, replace=False)) if size < count else np.arange(count)


def calibrate(
    vectors: Numbers, quantiles: Sequence[float], neighbours: int, metric: str, random: np.random.Generator
) -> list[Calibration]:
    """Makes thresholds of four fifths of the vectors (of many, of 10,000), and counts which of the others pass them."""
    within_work = int((_WORK[metric] / vectors.shape[1]) ** 0.5)
    count = min(len(vectors), _CALIBRATION_ROWS, max(_LEAST, within_work))
    rows = random.permutation(len(vectors))[:count]
    held_out, others = np.sort(rows[: count // 5]), np.sort(rows[count // 5 :])
    if not len(held_out) or len(others) <= neighbours:
        return []
    reference = np.asarray(vectors[others], np.float32)
    fitted = nearest(reference, reference, neighbours, metric, own=np.arange(len(reference)))[0].mean(axis=1)
    fresh = nearest(reference, vectors[held_out], neighbours, metric)[0].mean(axis=1)
    limits = {quantile: threshold_of(fitted, quantile) for quantile in quantiles}
    return [
        Calibration(quantile, len(fresh), int((fresh > limit).sum()))
        for quantile, limit in limits.items()
        if limit is not None
    ]
