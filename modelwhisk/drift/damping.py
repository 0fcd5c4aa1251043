"""Which directions count less in distances: those in which the training inputs themselves differ most.

Inputs of one source differ above all in a few ways: digits in which digit they are. A distance that counts every
direction alike is made up of these, and hardly changes where an input is odd in another way: turned a little, noisy. So
the direction i, of variance v_i, counts sqrt(m / (v_i + m)), where m is the mean variance of all: hardly less where
inputs differ little, ever less where they differ much. That is a Mahalanobis distance whose covariance is regularised
with the mean variance (a ridge), of as few directions as matter, so that it costs little in the action.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.drift.axes import Principal

MEMBER = "damping.npy"

# Vectors that are damped without being asked. Searches skip most vectors by those very directions, so that damped ones
# take longer: of so many it doesn't matter yet. Large references have nearer neighbours, and tell more without.
UP_TO = 5_000

# How many vectors there must be for each of their numbers. Of fewer, directions are those in which these very inputs
# happen to differ, and fresh ones come out too far: of 240 digits with 512 numbers 3.9 % of fresh ones were beyond
# where 1 % should be, of 719 as many as without.
_INPUTS_PER_NUMBER = 4 / 3

_MOST = 64  # directions
_INPUTS_EACH = 8  # that a direction must be learnt of

Numbers = NDArray[Any]


def is_usual(count: int, dimensions: int) -> bool:
    """Whether so many vectors are damped without being asked."""
    return dimensions * _INPUTS_PER_NUMBER <= count <= UP_TO


def damping_of(known: Principal, count: int) -> Numbers:
    """A row for each damped direction, as `damping.npy` has them: x is damped to x - (x . rows) rows.

    Of `count` vectors; none where they are too few, or differ in all directions alike.
    """
    mean = float(known.variances.mean())
    size = min(_MOST, count // _INPUTS_EACH, int((known.variances > mean).sum()))
    variances = known.variances[:size].astype(np.float64)
    taken = 1 - np.sqrt(mean / (variances + mean)) if size else variances
    return np.asarray(np.sqrt(taken)[:, None] * known.axes[:size], np.float32)


def damped(rows: Numbers, damping: Numbers) -> Numbers:
    """Vectors, damped."""
    return np.asarray(rows - (rows @ damping.T) @ damping, np.float32) if len(damping) else rows
