"""How far a vector lies from those of a reference: by the reference's index where the image has its library, else with
numpy, else with the standard library alone."""

import math
from time import monotonic

from . import damping
from .plain_search import PlainSearch, TooSlow

_TRIED = 10000  # vectors by which the time of a search is told beforehand
_SHARE = 0.5  # of the time given that a search may take by that: the rest is for slower moments


class NoDistance(ValueError):
    """There is no distance for this vector; the text says why."""


class Search:
    """seconds   that one search may take, None for as long as it needs.

    how   how it is done, for the log.
    part  which part of the reference is looked at: 1, or less where all would take too long; distances may then come
          out too large.
    warnings   sentences for the log.
    """

    def __init__(self, reference, seconds=None):
        self.reference = reference
        self.part = 1.0
        self.warnings = []
        self._seconds = seconds
        self._neighbours = min(reference.neighbours, reference.count)
        self._plain = False
        self._damped = damping.of(reference)
        self._search = self._by_index() or self._by_numpy() or self._by_nothing()

    def distance(self, vector):
        """The mean distance of a vector (any sequence of numbers) to its nearest ``neighbours``. Raises
        ``NoDistance``."""
        distances, _ = self._found(vector, self._neighbours)
        return math.fsum(distances) / len(distances)

    def nearest(self, vector, count):
        """[(distance, row)] of the nearest ``count``, the nearest first. Raises ``NoDistance``."""
        distances, rows = self._found(vector, count)
        return [(distance, int(row)) for distance, row in zip(distances, rows)]

    def _found(self, vector, count):
        if len(vector) != self.reference.dimensions:
            raise NoDistance(
                "the vector has %d numbers, the reference's have %d" % (len(vector), self.reference.dimensions)
            )
        if self._damped is not None:
            vector = self._damped(vector)
        if self._plain:
            distances, rows = self._by_the_clock(vector, count)
        else:
            distances, rows = self._search.nearest(vector, min(count, self.reference.count))
            distances = distances.tolist()
        if not math.isfinite(math.fsum(distances)):
            raise NoDistance("the vector has numbers that are infinite or none (NaN)")
        return distances, rows

    def _by_the_clock(self, vector, count):
        until = math.inf if self._seconds is None else monotonic() + self._seconds
        try:
            return self._search.nearest([float(number) for number in vector], count, until)
        except TooSlow:
            raise NoDistance(
                "the reference's %d vectors can't be compared in %d ms without numpy: put numpy into the image, or fit "
                "a smaller reference" % (self.reference.count, self._seconds * 1000)
            ) from None

    # --- the kinds of search --------------------------------------------------------------------------------------

    def _by_index(self):
        about = self.reference.index
        if not about:
            return None
        if about.get("library") != "usearch":
            self.warnings.append("the reference's index is of %s, which isn't known here" % about.get("library"))
            return None
        from .index_search import IndexSearch

        try:
            search = IndexSearch(self.reference)
        except ImportError as error:
            self.warnings.append("the reference's index isn't used (%s)" % error)
            return None
        except Exception as error:  # of the library's own kinds
            self.warnings.append("the reference's index can't be used: %s: %s" % (type(error).__name__, error))
            return None
        self.how = "by its index"
        return search

    def _by_numpy(self):
        try:
            from .numpy_search import NumpySearch
        except ImportError:
            return None
        self.how = "with numpy"
        step = 1
        if self._seconds is not None and self.reference.count > 2 * _TRIED:
            step = self._step_in_time(NumpySearch)
        if step > 1:
            self.part = 1.0 / step
            self.how += ", every %d. vector" % step
            self.warnings.append(
                "all %d vectors would take longer than %d ms, so one in %d is looked at and distances may come out too "
                "large: put usearch into the image, fit with an index or fewer inputs, or raise MODELPROXY_DRIFT_BUDGET"
                % (self.reference.count, self._seconds * 1000, step)
            )
        return NumpySearch(self.reference, step)

    def _step_in_time(self, kind):
        few = kind(self.reference, -(-self.reference.count // _TRIED))
        vector = self.reference.array("vectors.npy")[self.reference.count // 2].astype("f4")
        few.nearest(vector, self._neighbours)  # what is read for the first time takes longer
        began = monotonic()
        few.nearest(vector, self._neighbours)
        needed = (monotonic() - began) * self.reference.count / _TRIED
        return max(1, math.ceil(needed / (self._seconds * _SHARE)))

    def _by_nothing(self):
        self._plain = True
        self.how = "without numpy"
        self.warnings.append(
            "there is no numpy in this image: comparing with %d vectors of %d numbers is slow"
            % (self.reference.count, self.reference.dimensions)
        )
        return PlainSearch(self.reference)
