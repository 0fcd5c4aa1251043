"""The nearest vectors of a reference with the standard library alone: for an image without numpy, and small references.

The same bounds as with numpy (``numpy_search``) tell which vectors needn't be compared, one after the other.
"""

import sys
from array import array
from operator import mul, sub
from time import monotonic

from .reference import AXES, LEADING, MEAN, VECTORS

_ROUNDING = 4e-6
_BETWEEN = 256  # vectors between two looks at the clock


class TooSlow(Exception):
    """The search would have taken longer than it may."""


class PlainSearch:
    def __init__(self, reference):
        self._metric = reference.metric
        self._dimensions = reference.dimensions
        self._vectors = Rows(reference, VECTORS)
        self._leading = None
        if self._metric != "l1" and all(reference.has(name) for name in (LEADING, AXES, MEAN)):
            self._leading = Rows(reference, LEADING)
            axes = Rows(reference, AXES)
            self._axes = [list(axes[row]) for row in range(axes.count)]
            self._mean = list(Rows(reference, MEAN)[0])

    def nearest(self, vector, count, until=float("inf")):
        """Distances and rows of the ``count`` nearest, the nearest first. Raises ``TooSlow`` after ``until``
        (``monotonic()``)."""
        vector = list(vector)
        if self._metric == "cosine":
            length = max(sum(map(mul, vector, vector)) ** 0.5, 1e-30)
            vector = [number / length for number in vector]
        order = self._bounds(vector, until) if self._leading else None
        found = []  # (squared) distances and rows, the nearest first
        rows = range(self._vectors.count) if order is None else sorted(order, key=order.__getitem__)
        for step, row in enumerate(rows):
            if step % _BETWEEN == 0 and monotonic() > until:
                raise TooSlow
            if order is not None and len(found) == count and order[row] > found[-1][0]:
                break
            found = sorted(found + [(self._apart(self._vectors[row], vector), row)])[:count]
        change = {"l1": float, "l2": lambda square: square**0.5, "cosine": lambda square: square / 2}[self._metric]
        return [change(apart) for apart, _ in found], [row for _, row in found]

    def _bounds(self, vector, until):
        """For each row what its squared distance isn't below."""
        away = list(map(sub, vector, self._mean))
        square = sum(map(mul, away, away))
        along = [sum(map(mul, axis, away)) for axis in self._axes]
        rest = max(0.0, square - sum(map(mul, along, along))) ** 0.5
        asked = [-number for number in along] + [-rest, 1.0]
        bounds = {}
        for row in range(self._leading.count):
            if row % _BETWEEN == 0 and monotonic() > until:
                raise TooSlow
            numbers = self._leading[row]
            bound = 2 * sum(map(mul, numbers, asked)) + square
            bounds[row] = bound - _ROUNDING * (2 * numbers[-1] + square)
        return bounds

    def _apart(self, row, vector):
        away = list(map(sub, row, vector))
        return sum(map(abs, away)) if self._metric == "l1" else sum(map(mul, away, away))


class Rows:
    """The rows of a ``.npy`` member, each as a sequence of floats, read where they lie."""

    def __init__(self, reference, name):
        kind, shape, start = reference.layout(name)
        self._view = reference.view(name)[start:]
        self.count = shape[0] if len(shape) > 1 else 1
        self._width = shape[-1] * int(kind[2:])
        self._kind = kind

    def __getitem__(self, row):
        data = self._view[row * self._width : (row + 1) * self._width]
        if self._kind == "<f4":
            numbers = array("f", bytes(data))
            if sys.byteorder == "big":
                numbers.byteswap()
            return numbers
        import struct

        return struct.unpack("<%d%s" % (len(data) // int(self._kind[2:]), {"2": "e", "8": "d"}[self._kind[2:]]), data)
