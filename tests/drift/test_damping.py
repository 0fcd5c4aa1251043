"""Directions in which the training inputs differ most count less, in the tool and in the action alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelwhisk import adapter
from modelwhisk.drift.axes import Principal, principal
from modelwhisk.drift.damping import damped, damping_of
from modelwhisk.drift.observations import Observation, measured
from modelwhisk.drift.reference import Choices, Training, make, preparation_of

opened = adapter.part("drift.reference")
search = adapter.part("drift.search")

ABOUT = {"embedding": {"kind": "picture"}, "model": {"digest": "sha256:" + "0" * 64, "files": {}, "name": "model"}}


def vectors_of(count: int, seed: int = 0) -> Any:
    """Of 30 numbers, which differ a hundred times more in one direction than in most."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, 30)) * np.geomspace(10, 0.1, 30) + 2).astype(np.float32)


def test_a_direction_counts_as_its_variance_says() -> None:
    variances = np.array([9.0, 3.0, 0.5, 0.3, 0.2])
    mean = variances.mean()
    damping = damping_of(Principal(np.zeros(5), np.eye(5, dtype=np.float32), variances), 1000)
    assert len(damping) == 2  # those above the mean
    weights = damped(np.ones((1, 5), np.float32), damping)[0]
    assert weights == pytest.approx([*np.sqrt(mean / (variances[:2] + mean)), 1, 1, 1], abs=1e-6)


@pytest.mark.parametrize(("count", "directions"), [(7, 0), (8, 1), (1000, 7)])
def test_directions_are_as_many_as_can_be_learnt(count: int, directions: int) -> None:
    assert len(damping_of(principal(vectors_of(1000), np.random.default_rng(0)), count)) == directions


def test_equal_vectors_are_left_as_they_are() -> None:
    rows = np.ones((50, 4), np.float32)
    damping = damping_of(principal(rows, np.random.default_rng(0)), 50)
    assert damping.shape == (0, 4)
    assert damped(rows, damping) is rows


@pytest.mark.parametrize("metric", ["l2", "cosine", "l1"])
def test_report_and_action_tell_the_same_distance(tmp_path: Path, metric: str) -> None:
    rows, fresh = vectors_of(400), vectors_of(20, seed=1)
    make(tmp_path / "r", Training(rows, [str(row) for row in range(400)]), ABOUT, Choices(metric=metric))
    reference = opened.Reference(tmp_path / "r")
    assert reference.has("damping.npy") == (metric != "l1")
    found = measured(reference, fresh, [Observation(str(row), 0.0) for row in range(20)], "test", {})
    told = [search.Search(reference).distance(row) for row in fresh]
    assert [item.distance for item in found.items] == pytest.approx(told, rel=1e-5)


@pytest.mark.parametrize(
    ("count", "damping", "directions"), [(5000, None, 1), (5001, None, 0), (5001, True, 1), (60, False, 0)]
)
def test_large_references_are_damped_only_when_asked(
    tmp_path: Path, count: int, damping: bool | None, directions: int
) -> None:
    rows = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32) * np.float32([9, 1, 1])
    choices = Choices(damping=damping, quantile=0.9, index="none")
    assert make(tmp_path / "r", Training(rows, [""] * count), ABOUT, choices).about["damped"] == directions


def test_what_was_hidden_is_seen(tmp_path: Path) -> None:
    rows, odd = vectors_of(1000), vectors_of(200, seed=1)
    odd[:, 15:] += 2  # where the training inputs hardly differ
    shares = {}
    for damping in (False, True):
        names = [str(row) for row in range(1000)]
        about = make(tmp_path / "r", Training(rows, names), ABOUT, Choices(damping=damping)).about
        reference = opened.Reference(tmp_path / "r")
        assert about["damped"] == len(preparation_of(reference).damping)
        found = measured(reference, odd, [Observation("", 0.0)] * 200, "test", {})
        shares[damping] = (found.distances > reference.threshold).mean()
        usual = measured(reference, vectors_of(2000, seed=2), [Observation("", 0.0)] * 2000, "test", {})
        assert (usual.distances > reference.threshold).mean() < 0.03
    assert shares[False] < 0.2
    assert shares[True] > 0.4
