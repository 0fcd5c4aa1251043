"""New inputs as the report sees them, and how far each lies from the training inputs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.drift.neighbours import nearest
from modelwhisk.drift.reference import preparation_of

Numbers = NDArray[Any]
_TRAINING_SAMPLE = 1_000  # rows that are compared with all others where a reference has no distances
_CLOCKS_DIFFER = 86_400  # seconds that another machine's may be ahead


@dataclass(frozen=True)
class Neighbour:
    """A training input near a new one: its name, its row in the reference and its distance."""

    name: str
    row: int
    distance: float


@dataclass(frozen=True)
class Observation:
    """One new input. What isn't known of it is None or empty: a platform's record has neither file nor vector.

    `where` leads back to it (an activation's id); `neighbours` are the nearest training inputs, the nearest first.
    """

    name: str
    distance: float
    time: datetime | None = None
    file: Path | None = None
    text: str = ""
    where: str = ""
    neighbours: Sequence[Neighbour] = ()


@dataclass(frozen=True)
class Observations:
    """What came in. `vectors` has a row for each, or is None; `skipped` counts inputs without a distance by reason."""

    items: Sequence[Observation]
    source: str
    vectors: Numbers | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def distances(self) -> Numbers:
        return np.array([item.distance for item in self.items], dtype=np.float64)


def measured(
    reference: Any, vectors: Numbers, items: Iterable[Observation], source: str, skipped: Mapping[str, int]
) -> Observations:
    """The items with their distances and neighbours, as the action would tell them.

    Raises `ValueError` where vectors are not as the reference's are.
    """
    listed = list(items)
    if not listed:
        return Observations((), source, None, skipped)
    if vectors.shape[1:] != (reference.dimensions,):
        raise ValueError(
            f"the embedding of the new inputs has {vectors.shape[-1]} numbers, the reference's {reference.dimensions}; "
            "was another model or embedding used?"
        )
    asked = preparation_of(reference).of(vectors)
    found, rows = nearest(reference.array("vectors.npy"), asked, reference.neighbours, reference.metric)
    names = names_of(reference)
    items = [
        replace(
            item,
            distance=float(distances.mean()),
            neighbours=[
                Neighbour(names[row], int(row), float(distance)) for row, distance in zip(near, distances, strict=True)
            ],
        )
        for item, near, distances in zip(listed, rows, found, strict=True)
    ]
    return Observations(items, source, asked, skipped)


def names_of(reference: Any) -> list[str]:
    """What the training inputs are known by, in the order of their rows."""
    import json  # noqa: PLC0415

    # Not splitlines(): a file's name may have U+2028 or U+0085 in it.
    names = [line for line in reference.content("names.txt").decode("utf-8").split("\n") if line]
    if len(names) != reference.count:
        raise ValueError(f"{reference.path} has names of {len(names)} inputs, and vectors of {reference.count}")
    return [str(json.loads(name)) for name in names]


def training_distances(reference: Any, random: np.random.Generator) -> Numbers:
    """How far training inputs lie from the others: as they were taken for the thresholds, else of a sample."""
    if reference.has("distances.npy"):
        kept: Numbers = np.asarray(reference.array("distances.npy"), np.float64)
        return kept
    vectors = reference.array("vectors.npy")
    rows = np.sort(random.permutation(reference.count)[:_TRAINING_SAMPLE])
    found, _ = nearest(vectors, vectors[rows], reference.neighbours, reference.metric, own=rows)
    return np.asarray(found.mean(axis=1), np.float64)


def came_at(seconds: float) -> datetime | None:
    """Seconds of the epoch that were told as the time of an input, None where they are none: of no calendar, to come.

    No time axis could be drawn to the year 9999, and what came before would be one dot of it.
    """
    known = 0 < seconds <= time.time() + _CLOCKS_DIFFER
    return datetime.fromtimestamp(seconds, timezone.utc) if known else None
