"""The nearest vectors of a reference with numpy alone, exactly.

Most are told to be too far by a few numbers: ``leading.npy`` has for each vector, less the mean, its lengths along the
directions in which the vectors differ most, the length of what is left, and half its own length squared. One product
of that matrix with a vector gives for all at once a bound that no distance is below (of what is left only the lengths
are compared); the exact distance is taken of those alone whose bound is below the distance of the k-th found so far.
L1 has no such bound: there all are compared.
"""

import numpy

from .reference import AXES, LEADING, MEAN, VECTORS

_FIRST = 16  # ranges of which the best each is looked at first
_PIECE = 1024  # vectors that are compared at one time
# How far a bound may be above the distance by rounding: part of the sum of the two lengths squared.
_ROUNDING = 4e-6


class NumpySearch:
    """Searches every ``step``-th vector of a reference."""

    def __init__(self, reference, step=1):
        self._vectors = reference.array(VECTORS)[::step]
        self._step = step
        self._metric = reference.metric
        self._leading = None
        if self._metric != "l1" and all(reference.has(name) for name in (LEADING, AXES, MEAN)):
            self._leading = numpy.ascontiguousarray(reference.array(LEADING)[::step])  # all of them: where they lie
            self._axes, self._mean = numpy.array(reference.array(AXES)), numpy.array(reference.array(MEAN))

    def nearest(self, vector, count):
        """Distances (float64) and rows of the ``count`` nearest, the nearest first."""
        vector = numpy.asarray(vector, "f4")
        if self._metric == "cosine":
            vector = vector / numpy.float32(max(numpy.linalg.norm(vector), 1e-30))
        if self._leading is None or len(self._vectors) <= _FIRST * count:
            distances, rows = self._of_all(vector, count)
        else:
            distances, rows = self._of_the_promising(vector, count)
        if self._metric == "l2":
            distances = numpy.sqrt(distances)
        elif self._metric == "cosine":
            distances = distances / 2  # of vectors of length 1
        return distances, rows * self._step

    def _of_all(self, vector, count):
        distances = numpy.concatenate(
            [self._apart(slice(at, at + _PIECE), vector) for at in range(0, len(self._vectors), _PIECE)]
        )
        return _least(distances, numpy.arange(len(distances)), count)

    def _of_the_promising(self, vector, count):
        away = vector - self._mean
        along = self._axes.dot(away)
        square = float(away.dot(away))
        rest = max(0.0, square - float(along.dot(along))) ** 0.5
        asked = numpy.empty(len(along) + 2, "f4")
        asked[:-2], asked[-2], asked[-1] = -along, -rest, 1
        bounds = self._leading.dot(asked)  # (lower bound of the squared distance - square) / 2

        width = len(bounds) // _FIRST
        ranges = bounds[: width * _FIRST].reshape(_FIRST, width)
        first = ranges.argmin(axis=1) + numpy.arange(_FIRST) * width
        distances, rows = _least(self._apart(first, vector), first, count)
        bounds[first] = numpy.inf  # these are done
        promising = numpy.flatnonzero(bounds <= _limit(distances[-1], square))
        if len(promising) > _PIECE:
            promising = promising[bounds[promising].argsort()]
        for at in range(0, len(promising), _PIECE):
            piece = promising[at : at + _PIECE]
            if at and bounds[piece[0]] > _limit(distances[-1], square):
                break
            distances, rows = _least(
                numpy.concatenate([distances, self._apart(piece, vector)]), numpy.concatenate([rows, piece]), count
            )
        return distances, rows

    def _apart(self, rows, vector):
        """Of some rows: the sum of the differences' sizes for L1, of their squares otherwise."""
        away = self._vectors[rows] - vector
        if self._metric == "l1":
            return numpy.abs(away).sum(axis=1, dtype="f8")
        return numpy.einsum("ij,ij->i", away, away).astype("f8")


def _limit(furthest, square):
    """The bound beyond which no squared distance is below ``furthest``."""
    return (float(furthest) - square) / 2 + _ROUNDING * (float(furthest) + 2 * square + 1e-30)


def _least(distances, rows, count):
    """The ``count`` least, in order."""
    if len(distances) > 4 * count:
        chosen = distances.argpartition(count - 1)[:count]
        distances, rows = distances[chosen], rows[chosen]
    order = distances.argsort(kind="mergesort")[:count]
    return distances[order], rows[order]
