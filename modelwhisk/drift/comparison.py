"""New inputs beside the training inputs: everything that a report says, before it is a page or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.drift.observations import Observation, Observations
from modelwhisk.drift.statistics import (
    Share,
    holm,
    kolmogorov_smirnov,
    mean_discrepancy,
    share_of,
    share_test,
    shares_test,
    superiority,
)
from modelwhisk.drift.verdict import Evidence, Outcome, Verdict, default_bound, judge

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_VECTORS = 500  # of each side in the test of the mix: its work grows with the square
_MOST_WINDOWS, _LEAST_IN_WINDOW = 24, 10
_WORST = 12
_SEED = 8

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """What was asked for: the share from which retraining is advised (None: the default), the interval's confidence."""

    bound: float | None = None
    confidence: float = 0.95


@dataclass(frozen=True)
class Group:
    """The distances of one kind of inputs."""

    name: str
    distances: Numbers
    above: int

    def summary(self) -> dict[str, Any]:
        """For machines: count, share above the threshold, quantiles."""
        return {
            "count": len(self.distances),
            "above": self.above,
            "share": self.above / len(self.distances),
            "quantiles": {f"{part:g}": float(np.quantile(self.distances, part)) for part in _QUANTILES},
        }


@dataclass(frozen=True)
class Window:
    """A stretch of time: its ends, and the share above the threshold in it."""

    start: datetime
    end: datetime
    share: Share


@dataclass(frozen=True)
class Comparison:
    """`groups` are training, validation where there is one, and new; `worst` the farthest new inputs, in order."""

    verdict: Verdict
    evidence: Evidence
    threshold: float
    groups: Sequence[Group]
    windows: Sequence[Window]
    worst: Sequence[Observation]
    new: Observations
    repeats: int


def compare(
    reference: Any,
    training: Numbers,
    new: Observations,
    validation: Observations | None = None,
    settings: Settings = Settings(),
) -> Comparison:
    """`training` are leave-one-out distances of the reference. Raises `ValueError` where there are no new inputs."""
    if not new.items:
        raise ValueError("there is no new input with a distance")
    threshold = float(reference.threshold)
    groups = [_group("training", training, threshold)]
    if validation is not None:
        groups.append(_group("validation", validation.distances, threshold))
    groups.append(_group("new", new.distances, threshold))
    evidence = _evidence(reference, groups, new=new, validation=validation, settings=settings)
    order = np.argsort(-new.distances, kind="stable")[:_WORST]
    return Comparison(
        verdict=judge(evidence),
        evidence=evidence,
        threshold=threshold,
        groups=groups,
        windows=windows_of(new, threshold, settings.confidence),
        worst=[new.items[place] for place in order],
        new=new,
        repeats=_repeats(new),
    )


def _group(name: str, distances: Numbers, threshold: float) -> Group:
    return Group(name, distances, int((distances > threshold).sum()))


def _evidence(
    reference: Any,
    groups: Sequence[Group],
    *,
    new: Observations,
    validation: Observations | None,
    settings: Settings,
) -> Evidence:
    """New inputs beside fresh ones of the training's source where they are given, else beside the training inputs."""
    known, found = groups[-2], groups[-1]
    quantile = float(reference.about["threshold"]["quantile"])
    promised = 1 - quantile
    expected = max(promised, known.above / len(known.distances)) if validation is not None else promised
    count = len(found.distances)
    by_chance = share_test(found.above, count, promised)
    if validation is not None:
        by_chance = max(by_chance, shares_test(found.above, count, known.above, len(known.distances)))
    baseline = "validation inputs" if validation is not None else "training inputs from one another"
    gap, chance_of_gap = kolmogorov_smirnov(found.distances, known.distances)
    raw = {
        "share": ("Share above the threshold", "Are more inputs far than expected?", found.above / count, by_chance),
        "distances": ("Kolmogorov-Smirnov", f"Are distances larger than those of {baseline}?", gap, chance_of_gap),
    }
    if (mix := _mix(reference, new, validation)) is not None:
        raw["mix"] = ("Maximum mean discrepancy", f"Is the mix another than that of {known.name} inputs?", *mix)
    adjusted = holm([probability for *_, probability in raw.values()])
    return Evidence(
        share=share_of(found.above, count, settings.confidence),
        expected=expected,
        bound=settings.bound if settings.bound is not None else default_bound(expected),
        quantile=quantile,
        superiority=superiority(found.distances, known.distances),
        baseline=baseline,
        tests={key: Outcome(*parts, for_all) for (key, parts), for_all in zip(raw.items(), adjusted, strict=True)},
        validation=None if validation is None else share_of(known.above, len(known.distances), settings.confidence),
    )


def _mix(reference: Any, new: Observations, validation: Observations | None) -> tuple[float, float] | None:
    """MMD² of the vectors and its probability; None where there are none, or hardly any."""
    known = reference.array("vectors.npy") if validation is None else validation.vectors
    if new.vectors is None or known is None or min(len(new.vectors), len(known)) < 2:
        return None
    random = np.random.default_rng(_SEED)
    fresh, usual = (np.asarray(vectors[_some(len(vectors), random)]) for vectors in (new.vectors, known))
    return mean_discrepancy(fresh, usual, random)


def _some(count: int, random: np.random.Generator) -> Numbers:
    return np.sort(random.permutation(count)[:_MOST_VECTORS])


def _repeats(new: Observations) -> int:
    """How many inputs lie exactly as far as one before them: the same input again, as a health check sends it."""
    return len(new.items) - len(np.unique(new.distances))


def windows_of(new: Observations, threshold: float, confidence: float) -> list[Window]:
    """Stretches of equal length from the first input with a time to the last, those without inputs left out.

    None where hardly an input has a time, or all have the same.
    """
    timed = sorted((item.time, item.distance) for item in new.items if item.time is not None)
    if len(timed) < 2 or timed[0][0] == timed[-1][0]:
        return []
    start, end = timed[0][0], timed[-1][0]
    count = max(1, min(_MOST_WINDOWS, len(timed) // _LEAST_IN_WINDOW))
    length = (end - start) / count
    windows = []
    for place in range(count):
        first = start + place * length
        last = end if place == count - 1 else first + length
        inside = [far for when, far in timed if first <= when and (when < last or place == count - 1)]
        if inside:
            above = sum(far > threshold for far in inside)
            windows.append(Window(first, last, share_of(above, len(inside), confidence)))
    return windows
