"""Intervals and tests say what their definitions say, and hold the error that they promise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelwhisk.drift.statistics import (
    holm,
    kolmogorov_smirnov,
    mean_discrepancy,
    share_of,
    share_test,
    shares_test,
    superiority,
)


@pytest.mark.parametrize(
    ("above", "count", "low", "high"),
    [
        # Table of exact limits: Clopper and Pearson's own formula, as R's binom.test prints it.
        (0, 10, 0.0, 0.3084971),
        (3, 10, 0.06673951, 0.6524529),
        (10, 10, 0.6915029, 1.0),
        (5, 100, 0.01643187, 0.1128349),
    ],
)
def test_a_share_has_its_exact_interval(above: int, count: int, low: float, high: float) -> None:
    share = share_of(above, count)
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-6)
    assert share.value == above / count


@given(st.integers(1, 60), st.data())
def test_ends_of_an_interval_are_where_the_data_would_be_unlikely(count: int, data: st.DataObject) -> None:
    above = data.draw(st.integers(0, count))
    share = share_of(above, count)
    assert share.low <= share.value <= share.high
    if above:
        assert stats.binom.sf(above - 1, count, share.low) == pytest.approx(0.025, abs=1e-6)
    if above < count:
        assert stats.binom.cdf(above, count, share.high) == pytest.approx(0.025, abs=1e-6)


def test_a_share_of_nothing_may_be_anything() -> None:
    share = share_of(0, 0)
    assert (share.value, share.low, share.high) == (0, 0, 1)


def test_shares_are_tested_on_one_side() -> None:
    assert share_test(5, 100, 0.01) == pytest.approx(stats.binom.sf(4, 100, 0.01))
    assert share_test(0, 100, 0.01) == 1
    assert shares_test(50, 100, 1, 100) < 1e-12
    assert shares_test(1, 100, 50, 100) > 0.99


def test_only_larger_distances_count() -> None:
    known = np.linspace(0, 1, 200)
    assert kolmogorov_smirnov(known + 0.5, known)[0] == pytest.approx(0.5, abs=0.01)
    assert kolmogorov_smirnov(known + 0.5, known)[1] < 1e-9
    assert kolmogorov_smirnov(known - 0.5, known)[1] == pytest.approx(1)


def test_far_more_than_scipy_can_sum_up_exactly_is_no_warning() -> None:
    assert kolmogorov_smirnov(np.full(360, 2.0), np.linspace(0, 1, 1437))[1] < 1e-30


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_superiority_is_the_share_of_pairs(new: list[int], known: list[int]) -> None:
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in new for b in known]
    assert superiority(np.array(new), np.array(known)) == pytest.approx(sum(pairs) / len(pairs))


def slow_discrepancy(new: np.ndarray, known: np.ndarray) -> float:
    """Equation 3 of Gretton et al. (2012), word for word."""
    pooled = np.concatenate([new, known])
    middle = np.median([((a - b) ** 2).sum() for a, b in combinations(pooled, 2)])

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-((a - b) ** 2).sum() / (2 * middle)))

    def within(rows: np.ndarray) -> float:
        return float(np.mean([kernel(a, b) for a, b in combinations(rows, 2)]))

    return within(new) + within(known) - 2 * float(np.mean([[kernel(a, b) for b in known] for a in new]))


def test_the_discrepancy_is_that_of_its_formula() -> None:
    random = np.random.default_rng(1)
    new, known = random.normal(0.5, 1, (9, 3)), random.normal(0, 1, (14, 3))
    assert mean_discrepancy(new, known, random, 10)[0] == pytest.approx(slow_discrepancy(new, known))


def test_the_discrepancy_sees_another_mix_and_nothing_where_there_is_nothing() -> None:
    random = np.random.default_rng(2)
    left, right = random.normal(0, 1, (200, 8)), random.normal(3, 1, (200, 8))
    half, other_half = (np.concatenate([left[part::2], right[part::2]]) for part in (0, 1))
    assert mean_discrepancy(half, other_half, random)[1] > 0.05
    assert mean_discrepancy(np.concatenate([left[:80], right[:20]]), half, random)[1] < 0.01


def test_the_discrepancy_is_rarely_called_significant_by_chance() -> None:
    random = np.random.default_rng(3)
    found = [
        mean_discrepancy(random.normal(0, 1, (30, 4)), random.normal(0, 1, (40, 4)), random, 199)[1] for _ in range(200)
    ]
    # Of 200 at 5 %, more than 20 come by chance once in a thousand.
    assert sum(probability <= 0.05 for probability in found) <= 20


def test_equal_vectors_have_no_discrepancy() -> None:
    assert mean_discrepancy(np.ones((5, 3)), np.ones((7, 3)), np.random.default_rng(4)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("given_ones", "adjusted"),
    [
        ([], []),
        ([0.02], [0.02]),
        # Holm's own order: the least times their number, the next times one less, never falling.
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.9, 0.7], [1.0, 1.0, 1.0]),
    ],
)
def test_probabilities_are_adjusted_for_being_several(given_ones: list[float], adjusted: list[float]) -> None:
    assert holm(given_ones) == pytest.approx(adjusted)
