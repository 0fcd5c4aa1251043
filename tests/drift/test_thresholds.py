"""Nearest vectors against comparing all with all, and thresholds against what they promise of fresh inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwhisk.drift import neighbours, thresholds
from modelwhisk.drift.damping import is_usual
from modelwhisk.drift.neighbours import nearest, unit_rows
from modelwhisk.drift.thresholds import calibrate, needed, sampled, threshold_of

METRICS = ["l2", "l1", "cosine"]


def all_distances(vectors: Any, queries: Any, metric: str) -> Any:
    differences = vectors[None].astype("f8") - queries[:, None].astype("f8")
    if metric == "l1":
        return np.abs(differences).sum(axis=2)
    squares = (differences**2).sum(axis=2)
    return squares / 2 if metric == "cosine" else np.sqrt(squares)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(6, 90),
    dimensions=st.integers(1, 12),
    wanted=st.integers(1, 4),
    metric=st.sampled_from(METRICS),
    rows=st.integers(3, 40),
    few_values=st.booleans(),
    seed=st.integers(0, 999),
)
def test_leave_one_out_is_as_by_comparing_all_with_all(
    *, count: int, dimensions: int, wanted: int, metric: str, rows: int, few_values: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    # Of few values there are many duplicates.
    vectors = random.integers(0, 3, (count, dimensions)) if few_values else random.normal(5, 1, (count, dimensions))
    vectors = vectors.astype(np.float32)
    vectors = unit_rows(vectors) if metric == "cosine" else vectors
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(neighbours, "_ROWS", rows)  # so that blocks, and parts of blocks, meet
        patched.setattr(neighbours, "_QUERIES", 7)
        found, places = nearest(vectors, vectors, wanted, metric, own=np.arange(count))
    truth = all_distances(vectors, vectors, metric)
    np.testing.assert_allclose(found, np.take_along_axis(truth, places, 1), atol=1e-6)
    truth[np.arange(count), np.arange(count)] = np.inf
    np.testing.assert_allclose(found, np.sort(truth, axis=1)[:, :wanted], atol=1e-6)
    assert (places != np.arange(count)[:, None]).all()


def test_rows_without_are_nobodys_neighbours() -> None:
    vectors = np.arange(20, dtype=np.float32)[:, None]
    found, places = nearest(vectors, vectors[[10]], 2, "l2", without=np.array([9, 10, 11]))
    assert sorted(places[0]) == [8, 12]
    assert list(found[0]) == [2, 2]


def test_near_duplicates_far_from_the_origin_are_told_apart() -> None:
    vectors = (1000 + np.arange(50)[:, None] * 1e-3 + np.zeros((1, 64))).astype(np.float32)
    _, places = nearest(vectors, vectors, 1, "l2", own=np.arange(50))
    assert (np.abs(places[:, 0] - np.arange(50)) == 1).all()


def test_too_few_vectors_have_no_neighbours() -> None:
    with pytest.raises(ValueError, match="no 3 neighbours"):
        nearest(np.zeros((3, 2), "f4"), np.zeros((3, 2), "f4"), 3, "l2", own=np.arange(3))


@pytest.mark.parametrize(
    ("count", "quantile", "rank"), [(99, 0.99, 99), (100, 0.99, 100), (199, 0.99, 198), (9, 0.9, 9), (98, 0.99, None)]
)
def test_the_rank_is_corrected_for_the_number_of_inputs(count: int, quantile: float, rank: int | None) -> None:
    distances = np.random.default_rng(1).permutation(np.arange(1.0, count + 1))
    assert threshold_of(distances, quantile) == rank
    assert (count >= needed(quantile)) == (rank is not None)


@pytest.mark.parametrize("count", [120, 300])
@pytest.mark.parametrize("metric", METRICS)
def test_thresholds_hold_on_fresh_inputs_of_the_same_source(count: int, metric: str) -> None:
    """On average over references: the share beyond is what was promised, within one point."""
    quantiles = (0.9, 0.95, 0.99)
    beyond = np.zeros(len(quantiles))
    for seed in range(60):
        random = np.random.default_rng(seed)
        fresh, vectors = (np.abs(random.normal(size=(size, 6))).astype(np.float32) for size in (100, count))
        if metric == "cosine":
            fresh, vectors = unit_rows(fresh), unit_rows(vectors)
        own = nearest(vectors, vectors, 3, metric, own=np.arange(count))[0].mean(axis=1)
        new = nearest(vectors, fresh, 3, metric)[0].mean(axis=1)
        beyond += [(new > threshold_of(own, quantile)).mean() / 60 for quantile in quantiles]
    np.testing.assert_allclose(beyond, 1 - np.array(quantiles), atol=0.01)


def test_the_printed_calibration_counts_inputs_that_took_no_part() -> None:
    random = np.random.default_rng(3)
    found = calibrate(random.normal(size=(2000, 5)).astype("f4"), (0.5, 0.9, 0.9999), 3, "l2", random)
    assert [(entry.quantile, entry.inputs) for entry in found] == [(0.5, 400), (0.9, 400)]  # too few for the last
    assert [entry.share for entry in found] == pytest.approx([0.5, 0.1], abs=0.08)


def test_of_many_vectors_a_sample_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    assert list(sampled(5, 3, "l2", random)) == [0, 1, 2, 3, 4]
    monkeypatch.setattr(thresholds, "_LEAST", 20)
    monkeypatch.setitem(thresholds._WORK, "l2", 0)
    rows = sampled(60, 3, "l2", random)
    assert len(set(rows)) == 20
    assert list(rows) == sorted(rows)


def test_the_sample_of_a_million_is_large_enough_for_its_quantiles() -> None:
    random = np.random.default_rng(0)
    assert [len(sampled(10**6, 512, metric, random)) for metric in ("l2", "l1")] == [3906, 1000]
    assert len(sampled(20_000, 512, "l2", random)) == 20_000


@pytest.mark.parametrize(("count", "usual"), [(240, False), (682, False), (683, True), (5000, True), (5001, False)])
def test_damping_is_only_learnt_of_inputs_that_are_enough_for_it(count: int, usual: bool) -> None:
    assert is_usual(count, 512) is usual
