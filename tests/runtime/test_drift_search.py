import math
import sys

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelproxy.drift import damping, plain_search, search
from modelproxy.drift.numpy_search import NumpySearch
from modelproxy.drift.plain_search import PlainSearch, TooSlow
from modelproxy.drift.reference import Reference
from modelproxy.drift.search import NoDistance, Search

import drift_references as references

METRICS = ("l2", "l1", "cosine")
FLOATS = st.floats(-100, 100, width=32)


def clustered(count, dimensions, seed=0):
    """Vectors as a model's are: near some centres, and different in few directions."""
    random = numpy.random.RandomState(seed)
    few = random.randn(count, 6).dot(random.randn(6, dimensions))
    return (few + 0.05 * random.randn(count, dimensions) + random.randint(0, 5, (count, 1))).astype("<f4")


def reference_of(path, vectors, metric, kind="<f4", **changes):
    if metric == "cosine":
        vectors = vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    leading = changes.pop("with_leading", metric != "l1")
    return Reference(references.write(path, vectors.astype(kind), leading, metric=metric, **changes))


def by_hand(reference, vector, count):
    stored, vector = reference.array("vectors.npy").astype("f8"), numpy.asarray(vector, "f8")
    if reference.metric == "cosine":
        distances = ((stored - vector / numpy.linalg.norm(vector)) ** 2).sum(axis=1) / 2
    else:
        distances = numpy.abs(stored - vector)
        distances = distances.sum(axis=1) if reference.metric == "l1" else (distances**2).sum(axis=1) ** 0.5
    return numpy.sort(distances)[:count]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["<f4", "<f2"])
@pytest.mark.parametrize("count", [3, 40, 3000])
@pytest.mark.parametrize("searcher", [NumpySearch, PlainSearch])
def test_the_nearest_are_found_exactly(tmp_path, metric, kind, count, searcher):
    vectors = clustered(count + 20, 24)
    reference = reference_of(tmp_path / "r", vectors[:count], metric, kind)
    found = searcher(reference)
    for vector in vectors[count:][: 20 if searcher is NumpySearch else 5]:
        distances, rows = found.nearest(vector, 3)
        assert list(distances) == pytest.approx(list(by_hand(reference, vector, 3)), rel=1e-4, abs=1e-6)
        assert len(set(rows)) == 3 and list(distances) == sorted(distances)
    apart, rows = found.nearest(vectors[1], 1)
    assert rows[0] == 1 and apart[0] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dimensions", [36, 60, 200])
def test_vectors_without_any_structure_and_a_vector_far_away(tmp_path, metric, dimensions):
    """Where the bounds tell nearly nothing most are compared, in pieces."""
    random = numpy.random.RandomState(1)
    vectors = random.randn(5000, dimensions).astype("<f4")
    reference = reference_of(tmp_path / "r", vectors, metric)
    for vector in (random.randn(dimensions), numpy.full(dimensions, 1000.0), numpy.zeros(dimensions) + 1e-3):
        distances, _ = NumpySearch(reference).nearest(vector, 3)
        assert list(distances) == pytest.approx(list(by_hand(reference, vector, 3)), rel=1e-4, abs=1e-6)


def test_all_the_same(tmp_path):
    reference = reference_of(tmp_path / "r", numpy.ones((400, 8), "<f4"), "l2")
    for searcher in (NumpySearch, PlainSearch):
        distances, rows = searcher(reference).nearest([1.0] * 8, 3)
        assert list(distances) == [0, 0, 0] and len(set(rows)) == 3


@settings(max_examples=60)
@given(
    st.sampled_from(METRICS),
    st.integers(1, 4).flatmap(
        lambda width: st.tuples(
            st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=1, max_size=120),
            st.lists(FLOATS, min_size=width, max_size=width),
        )
    ),
    st.integers(1, 5),
)
def test_any_vectors(tmp_path_factory, metric, case, count):
    rows, vector = case
    path = tmp_path_factory.mktemp("drift") / "r"
    reference = reference_of(path, numpy.array(rows, "<f4"), metric, neighbours=count)
    if metric == "cosine" and not any(abs(number) > 1e-3 for number in vector):
        return
    found = Search(reference).nearest(vector, count)
    wanted = by_hand(reference, vector, count)
    scale = 1e-6 * (1 + float(numpy.abs(rows).max()) + max(map(abs, vector))) * 10
    assert [distance for distance, _ in found] == pytest.approx(list(wanted), rel=1e-3, abs=scale)
    plain, _ = PlainSearch(reference).nearest(vector, count)
    assert plain == pytest.approx(list(wanted), rel=1e-3, abs=scale)


def test_the_distance_is_the_mean_of_the_nearest(tmp_path):
    reference = reference_of(tmp_path / "r", numpy.array([[0.0], [1.0], [3.0], [9.0]], "<f4"), "l2", neighbours=3)
    asked = Search(reference)
    assert asked.distance([0.0]) == pytest.approx(4 / 3)
    assert asked.nearest([8.0], 2) == [(1.0, 3), (5.0, 2)]
    assert asked.how == "with numpy" and asked.part == 1 and asked.warnings == []
    assert Search(reference_of(tmp_path / "few", numpy.zeros((2, 1), "<f4"), "l2", neighbours=3)).distance([1]) == 1


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        ([1.0], "has 1 numbers, the reference's have 2"),
        ([], "has 0 numbers"),
        ([1.0, float("nan")], "infinite or none"),
        ([float("inf"), 0.0], "infinite or none"),
    ],
)
@pytest.mark.parametrize("without_numpy", [False, True])
def test_vectors_without_a_distance(tmp_path, monkeypatch, vector, why, without_numpy):
    reference = reference_of(tmp_path / "r", numpy.zeros((300, 2), "<f4"), "l2")
    if without_numpy:
        monkeypatch.setitem(sys.modules, "numpy", None)
        monkeypatch.delitem(sys.modules, "modelproxy.drift.numpy_search")
    asked = Search(reference)
    with numpy.errstate(all="ignore"), pytest.raises(NoDistance, match=why):
        asked.distance(vector)


@pytest.mark.parametrize("metric", METRICS)
def test_without_numpy(tmp_path, monkeypatch, metric):
    vectors = clustered(300, 12)
    reference = reference_of(tmp_path / "r", vectors[:290], metric)
    wanted = [Search(reference).distance(vector) for vector in vectors[290:]]
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "modelproxy.drift.numpy_search")
    asked = Search(reference, 5)
    assert asked.how == "without numpy" and "290 vectors of 12 numbers is slow" in asked.warnings[0]
    assert [asked.distance(vector) for vector in vectors[290:]] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("with_leading", [False, True])
def test_without_numpy_a_large_reference_is_left_out(tmp_path, monkeypatch, with_leading):
    reference = reference_of(tmp_path / "r", clustered(600, 12), "l2", with_leading=with_leading)
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "modelproxy.drift.numpy_search")
    moments = iter([0.0, 0.0, 1.0, 1.0])
    monkeypatch.setattr(search, "monotonic", lambda: next(moments))
    monkeypatch.setattr(plain_search, "monotonic", lambda: next(moments))
    with pytest.raises(NoDistance, match="600 vectors can't be compared in 50 ms without numpy"):
        Search(reference, 0.05).distance([0.0] * 12)


def test_the_clock_is_looked_at_after_the_bounds_too(tmp_path, monkeypatch):
    reference = reference_of(tmp_path / "r", clustered(600, 12), "l2")
    moments = iter([0.0, 0.0, 0.0, 1.0])
    monkeypatch.setattr(plain_search, "monotonic", lambda: next(moments))
    with pytest.raises(TooSlow):
        PlainSearch(reference).nearest([0.0] * 12, 3, 0.5)


def test_numbers_of_a_machine_that_turns_them_round(tmp_path, monkeypatch):
    with numpy.errstate(all="ignore"):
        path = references.write(tmp_path / "r", clustered(300, 4).byteswap(), metric="l1")
    reference = Reference(path, check=False)
    monkeypatch.setattr(sys, "byteorder", "big")
    distances, rows = PlainSearch(reference).nearest(clustered(300, 4)[7], 1)
    assert distances[0] == 0 and rows == [7]


def test_a_large_reference_is_searched_in_part_where_all_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_TRIED", 100)
    vectors = clustered(1000, 12)
    reference = reference_of(tmp_path / "r", vectors, "l2")
    asked = Search(reference, 10.0)
    assert asked.part == 1 and asked.how == "with numpy"
    monkeypatch.setattr(search, "monotonic", iter([0.0, 0.02]).__next__)  # 0.2 s for all
    asked = Search(reference, 0.1)
    assert asked.part == 0.25 and asked.how == "with numpy, every 4. vector"
    assert "longer than 100 ms, so one in 4" in asked.warnings[0]
    assert asked.nearest(vectors[8], 1) == [(0.0, 8)]
    assert asked.nearest(vectors[9], 1)[0][1] != 9


class Graph:
    """Stands in for usearch's Index: the coordinates are compared one by one."""

    names = ("search_many", "search")

    def __init__(self, ndim, metric, dtype):
        assert (metric, dtype) == ("l2sq", "f16")
        self.ndim, self._compiled = ndim, self

    def view(self, buffer):
        self.points = numpy.frombuffer(buffer, "<f2").reshape(-1, self.ndim).astype("f4")

    def __len__(self):
        return len(self.points)

    def search_many(self, points, count, exact, threads):
        assert not exact and threads == 1 and self.expansion_search == 32 and points.dtype == "f2"
        return [((self.points - points[0].astype("f4")) ** 2).sum(axis=1).argsort()[None, :count].astype("u8")]

    def search(self, point, count):
        found = type(sys)("found")
        found.keys = Graph.search_many(self, point[None], count, False, 1)[0][0]
        return found


class OlderGraph(Graph):
    def search_many(self, points, count):
        raise AssertionError("never: it has other arguments")


class OldestGraph(Graph):
    search_many = None


def with_index(path, vectors, metric, **changes):
    axes = numpy.eye(vectors.shape[1], dtype="<f4")[:8] * 0.5
    if metric == "cosine":
        vectors = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    points = (vectors - vectors.mean(axis=0)).dot(axes.T).astype("<f2")
    index = {
        "library": "usearch",
        "member": "index.usearch",
        "axes": "index-axes.npy",
        "parameters": {"metric": "l2sq", "dtype": "f16", "expansion_search": 32, "candidates": 64},
    }
    index.update(changes)
    extra = {"index.usearch": points.tobytes(), "index-axes.npy": references.npy(axes)}
    return Reference(references.write(path, vectors.astype("<f4"), extra=extra, metric=metric, index=index))


def usearch(monkeypatch, graph):
    package, module = type(sys)("usearch"), type(sys)("usearch.index")
    module.Index = package.index = graph
    monkeypatch.setitem(sys.modules, "usearch", package)
    monkeypatch.setitem(sys.modules, "usearch.index", module)
    monkeypatch.setitem(sys.modules, "onnxruntime", type(sys)("onnxruntime"))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("graph", [Graph, OlderGraph, OldestGraph])
def test_the_index_is_used_where_its_library_is_there(tmp_path, monkeypatch, metric, graph):
    usearch(monkeypatch, graph)
    vectors = clustered(300, 8)
    reference = with_index(tmp_path / "r", vectors[:290], metric)
    asked = Search(reference, 0.05)
    assert asked.how == "by its index" and asked.warnings == []
    for vector in vectors[290:]:
        wanted = by_hand(reference, vector, 3)
        assert asked.distance(vector) == pytest.approx(wanted.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("graph", "changes", "why"),
    [
        (None, {}, r"isn't used \("),
        (Graph, {"parameters": {}}, "can't be used: KeyError"),
        (Graph, {"axes": "nothing.npy"}, "can't be used: KeyError"),
        (Graph, {"library": "another"}, "is of another, which isn't known here"),
    ],
)
def test_an_index_that_cant_be_used_is_done_without(tmp_path, monkeypatch, graph, changes, why):
    if graph is None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        monkeypatch.setitem(sys.modules, "usearch", None)
    else:
        usearch(monkeypatch, graph)
    vectors = clustered(300, 8)
    reference = with_index(tmp_path / "r", vectors, "l2", **changes)
    asked = Search(reference, 0.05)
    assert asked.how == "with numpy" and len(asked.warnings) == 1
    assert __import__("re").search(why, asked.warnings[0])
    assert asked.nearest(vectors[5], 1)[0][1] == 5


def test_an_index_of_other_vectors(tmp_path, monkeypatch):
    class Short(Graph):
        def __len__(self):
            return 3

    usearch(monkeypatch, Short)
    asked = Search(with_index(tmp_path / "r", clustered(300, 8), "l2"))
    assert "the index is of 3 vectors, the reference of 300" in asked.warnings[0]
    assert math.isfinite(asked.distance([0.0] * 8))


@pytest.mark.parametrize("metric", ["l2", "cosine"])
def test_a_vector_is_damped_as_the_stored_ones_are_with_and_without_numpy(tmp_path, monkeypatch, metric):
    vectors = clustered(60, 12)
    rows = numpy.random.RandomState(3).randn(2, 12).astype("<f4")
    rows *= numpy.float32([[0.9], [0.5]]) / numpy.linalg.norm(rows, axis=1, keepdims=True)
    stored = vectors - vectors.dot(rows.T).dot(rows)
    reference = reference_of(tmp_path / "r", stored[:50], metric, extra={damping.DAMPING: references.npy(rows)})
    expected = [by_hand(reference, vector, 3).mean() for vector in stored[50:]]
    assert [Search(reference).distance(vector) for vector in vectors[50:]] == pytest.approx(expected, rel=1e-4)
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "modelproxy.drift.numpy_search", raising=False)
    found = [Search(reference).distance(list(map(float, vector))) for vector in vectors[50:]]
    assert found == pytest.approx(expected, rel=1e-4)
