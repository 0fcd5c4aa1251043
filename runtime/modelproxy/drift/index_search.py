"""The nearest vectors of a large reference by its index: usearch's graph, where the image happens to have usearch.

The graph lies in the mapped file and is read as far as a search goes. It holds coordinates along some axes and proposes
candidates; their exact distances decide.
"""

import numpy

from .reference import MEAN, VECTORS


def _index_class():
    """usearch's. What is loaded after it sees a library of its own (RTLD_GLOBAL), on which onnxruntime crashes: a model
    that imports it at its first prediction would end the process. So onnxruntime comes first."""
    try:
        __import__("onnxruntime")
    except ImportError:
        pass
    from usearch.index import Index

    return Index


class IndexSearch:
    """Raises ``ImportError`` where the image has no usearch, and what that raises for an index that it can't read."""

    def __init__(self, reference):
        Index = _index_class()
        about = reference.index
        parameters = about["parameters"]
        self._vectors = reference.array(VECTORS)
        self._metric = reference.metric
        self._axes = numpy.array(reference.array(about["axes"]))
        self._origin = self._axes.dot(numpy.array(reference.array(MEAN)))
        self._candidates = parameters["candidates"]
        self._index = Index(ndim=len(self._axes), metric=parameters["metric"], dtype=parameters["dtype"])
        self._index.view(reference.view(about["member"]))
        self._index.expansion_search = parameters["expansion_search"]
        if len(self._index) != reference.count:
            raise ValueError("the index is of %d vectors, the reference of %d" % (len(self._index), reference.count))
        # What `search` does once it has looked at its arguments' forms, which takes as long as the search itself.
        self._search_many = getattr(getattr(self._index, "_compiled", None), "search_many", None)

    def nearest(self, vector, count):
        """Distances (float64) and rows of the ``count`` nearest, the nearest first."""
        vector = numpy.asarray(vector, "f4")
        if self._metric == "cosine":
            vector = vector / numpy.float32(max(float(vector.dot(vector)) ** 0.5, 1e-30))
        point = (self._axes.dot(vector) - self._origin).astype("f2")
        wanted = max(count, self._candidates)
        rows = self._proposed(point, wanted)
        away = self._vectors[rows] - vector
        if self._metric == "l1":
            distances = numpy.abs(away).sum(axis=1, dtype="f8")
        else:
            distances = numpy.einsum("ij,ij->i", away, away).astype("f8")
            distances = numpy.sqrt(distances) if self._metric == "l2" else distances / 2
        order = distances.argsort()[:count]
        return distances[order], rows[order]

    def _proposed(self, point, wanted):
        if self._search_many is not None:
            try:
                return self._search_many(point[None], wanted, False, 1)[0][0].astype("i8")
            except TypeError:  # another version's arguments
                self._search_many = None
        return numpy.asarray(self._index.search(point, wanted).keys).astype("i8")
