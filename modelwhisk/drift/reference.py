"""Makes a reference file of collected vectors: stored, summed up, searched for thresholds, indexed where that pays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.drift import index
from modelwhisk.drift.axes import Principal, leading, principal
from modelwhisk.drift.damping import MEMBER as DAMPING
from modelwhisk.drift.damping import damped, damping_of, is_usual
from modelwhisk.drift.neighbours import nearest, unit_rows
from modelwhisk.drift.thresholds import (
    QUANTILES,
    Calibration,
    calibrate,
    needed,
    sampled,
    threshold_of,
)
from modelwhisk.drift.writer import ReferenceWriter

FORMAT, VERSION = "modelwhisk-drift", 1

_AXES = 30  # with the two numbers after them a row of leading.npy is 128 bytes
_LEADING_FROM = 256  # vectors; fewer are compared as quickly without
_ROWS = 16_384
_SEED = 8

Numbers = NDArray[Any]
Step = Callable[[str, float], None]


class TooFew(ValueError):
    """There are too few vectors for what was asked; the text says how many are needed."""


@dataclass(frozen=True)
class Training:
    """What was collected of the training inputs.

    vectors     one row an input, float32, all finite; may be mapped from a file.
    names       what each input is known by.
    examples    a short text of each, where inputs are texts; else empty.
    thumbnails  a small JPEG of inputs that are pictures, by row; of large references of none.
    validation  vectors of inputs that the model wasn't trained on, by which thresholds are tried.
    """

    vectors: Numbers
    names: Sequence[str]
    examples: Sequence[str] = ()
    thumbnails: Mapping[int, bytes] = field(default_factory=dict)
    validation: Numbers | None = None


@dataclass(frozen=True)
class Choices:
    """What the user chose of distances and thresholds; `jobs` index at the same time."""

    metric: str = "l2"
    neighbours: int = 3
    quantile: float = 0.99
    half: bool = False
    damping: bool | None = None
    index: str = "auto"
    jobs: int = 1


@dataclass(frozen=True)
class Made:
    """What reference.json says, and how thresholds did on inputs that took no part in making them."""

    about: Mapping[str, Any]
    calibration: Sequence[Calibration]
    validation: Sequence[Calibration]


def make(
    path: Path,
    training: Training,
    about: Mapping[str, Any],
    choices: Choices = Choices(),
    step: Step = lambda name, part: None,
) -> Made:
    """Writes the reference; `step` hears what is being done and how far it is.

    `about` is what reference.json says of model, embedding and inputs.

    Raises `TooFew`, `index.IndexMissing` and `index.IndexTooPoor`; then what was at `path` is left.
    """
    count, dimensions = training.vectors.shape
    if count <= choices.neighbours:
        raise TooFew(
            f"a reference needs more than {choices.neighbours} inputs, since distances are to the "
            f"{choices.neighbours} nearest others; there {'is' if count == 1 else 'are'} {count}"
        )
    random = np.random.default_rng(_SEED)
    with ReferenceWriter(path) as writer:
        step("storing", 0)
        kind = "<f2" if choices.half else "<f4"
        preparation = _preparation(training.vectors, choices, random)
        if len(preparation.damping):
            writer.add_array(DAMPING, "<f4", preparation.damping.shape, [preparation.damping])
        blocks = _stored(training.vectors, preparation)
        vectors = writer.add_array("vectors.npy", kind, (count, dimensions), blocks)
        known = principal(vectors, random)
        writer.add_array("mean.npy", "<f4", (dimensions,), [known.mean])
        if choices.metric != "l1" and count >= _LEADING_FROM:
            _add_leading(writer, vectors, known)
        writer.add("names.txt", _lines(training.names))
        if training.examples:
            writer.add("examples.jsonl", _lines(training.examples))
        for row, picture in training.thumbnails.items():
            writer.add(f"thumbnails/{row}.jpg", [picture])
        distances = _distances(training.vectors, vectors, preparation, choices, random=random, step=step)
        writer.add_array("distances.npy", "<f4", distances.shape, [distances])
        calibration = calibrate(vectors, _quantiles(choices), choices.neighbours, choices.metric, random)
        thresholds = _thresholds(distances, choices)
        fresh = None if training.validation is None else preparation.of(training.validation)
        validation = _validated(fresh, vectors, thresholds["thresholds"], choices)
        about = {
            "format": FORMAT,
            "version": VERSION,
            **about,
            "metric": choices.metric,
            "damped": len(preparation.damping),
            "neighbours": choices.neighbours,
            "dimensions": dimensions,
            "count": count,
            "precision": "float16" if choices.half else "float32",
            **thresholds,
            "calibration": [asdict(entry) for entry in calibration],
            "validation": [asdict(entry) for entry in validation],
            "index": _add_index(writer, vectors, known, choices, step),
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        step("writing", 1)
        writer.finish(about)
    return Made(about, calibration, validation)


@dataclass(frozen=True)
class Preparation:
    """What is done to vectors before they are compared, stored ones and asked ones alike."""

    metric: str
    damping: Numbers

    def of(self, vectors: Numbers) -> Numbers:
        """The vectors as they are compared."""
        rows = damped(np.asarray(vectors, np.float32), self.damping)
        return unit_rows(rows) if self.metric == "cosine" else rows


def preparation_of(reference: Any) -> Preparation:
    """What an open reference was made with."""
    nothing = np.empty((0, reference.dimensions), np.float32)
    return Preparation(reference.metric, reference.array(DAMPING) if reference.has(DAMPING) else nothing)


def _preparation(vectors: Numbers, choices: Choices, random: np.random.Generator) -> Preparation:
    wanted = is_usual(*vectors.shape) if choices.damping is None else choices.damping
    # L1 sums up the coordinates as they are, which turning them would change.
    if not wanted or choices.metric == "l1":
        return Preparation(choices.metric, np.empty((0, vectors.shape[1]), np.float32))
    return Preparation(choices.metric, damping_of(principal(vectors, random), len(vectors)))


def _stored(vectors: Numbers, preparation: Preparation) -> Iterator[Numbers]:
    for start in range(0, len(vectors), _ROWS):
        yield preparation.of(vectors[start : start + _ROWS])


def _add_leading(writer: ReferenceWriter, vectors: Numbers, known: Principal) -> None:
    axes = known.axes[:_AXES]
    writer.add_array("axes.npy", "<f4", axes.shape, [axes])
    writer.add_array("leading.npy", "<f4", (len(vectors), len(axes) + 2), leading(vectors, known.mean, axes))


def _distances(
    collected: Numbers,
    vectors: Numbers,
    preparation: Preparation,
    choices: Choices,
    *,
    random: np.random.Generator,
    step: Step,
) -> Numbers:
    """Leave-one-out distances, of each vector as it would come in the action: before it was made half as precise."""
    rows = sampled(len(vectors), vectors.shape[1], choices.metric, random)
    queries = preparation.of(collected[rows])
    found, _ = nearest(
        vectors, queries, choices.neighbours, choices.metric, own=rows, tell=lambda part: step("thresholds", part)
    )
    return np.asarray(found.mean(axis=1))


def _quantiles(choices: Choices) -> list[float]:
    return sorted({*QUANTILES, choices.quantile})


def _thresholds(distances: Numbers, choices: Choices) -> dict[str, Any]:
    """The thresholds of all quantiles that there are distances enough for, and the one that counts.

    Raises `TooFew` where that one can't be had.
    """
    found = [(quantile, threshold_of(distances, quantile)) for quantile in _quantiles(choices)]
    listed = [{"quantile": quantile, "distance": distance} for quantile, distance in found if distance is not None]
    chosen = next((entry for entry in listed if entry["quantile"] == choices.quantile), None)
    if chosen is None:
        least = needed(choices.quantile)
        attainable = int(100 * len(distances) / (len(distances) + 1)) / 100
        raise TooFew(
            f"a threshold that {choices.quantile:.4g} of fresh inputs stay under needs {least} inputs at least, and "
            f"there are {len(distances)}: give more, or --quantile {attainable:.2g}"
        )
    return {"thresholds": listed, "threshold": chosen, "left_out_one_by_one": len(distances)}


def _validated(
    validation: Numbers | None, vectors: Numbers, thresholds: Sequence[Mapping[str, float]], choices: Choices
) -> list[Calibration]:
    """Of fresh inputs, prepared."""
    if validation is None or not len(validation):
        return []
    distances = nearest(vectors, validation, choices.neighbours, choices.metric)[0].mean(axis=1)
    return [
        Calibration(entry["quantile"], len(distances), int((distances > entry["distance"]).sum()))
        for entry in thresholds
    ]


def _add_index(
    writer: ReferenceWriter, vectors: Numbers, known: Principal, choices: Choices, step: Step
) -> dict[str, Any] | None:
    wanted = len(vectors) >= index.PAYS_FROM if choices.index == "auto" else choices.index != "none"
    if not wanted:
        return None
    try:
        built = index.build(vectors, known, choices.metric, jobs=choices.jobs, tell=lambda part: step("index", part))
    except index.IndexMissing:
        if choices.index == "auto":
            step("no index, since usearch is not installed (pip install 'modelwhisk[drift]')", 1)
            return None
        raise
    writer.add_array(index.AXES_MEMBER, "<f4", built.axes.shape, [built.axes])
    writer.add(index.MEMBER, [built.graph])
    return built.about


def _lines(texts: Sequence[str]) -> Iterator[bytes]:
    for start in range(0, len(texts), _ROWS):
        part = texts[start : start + _ROWS]
        yield "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in part).encode("utf-8", "replace")
