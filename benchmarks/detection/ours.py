"""Our detection, by the code of `modelwhisk drift`: a reference file, distances, the report's verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from modelwhisk import adapter
from modelwhisk.drift import reference as references
from modelwhisk.drift.comparison import compare
from modelwhisk.drift.observations import Observation, Observations, measured, training_distances

Numbers = np.ndarray
QUANTILE = 0.99


class Ours:
    """A reference of training vectors, in a file as `fit` writes it."""

    def __init__(self, training: Numbers, folder: Path, metric: str) -> None:
        path = folder / "reference"
        names = [str(row) for row in range(len(training))]
        about = {"embedding": {"kind": "picture"}, "model": {"digest": "sha256:", "files": {}, "name": "benchmark"}}
        choices = references.Choices(metric=metric, quantile=QUANTILE)
        references.make(path, references.Training(training, names), about, choices)
        self._reference = adapter.part("drift.reference").Reference(str(path))
        self._training = training_distances(self._reference, np.random.default_rng(0))

    def distances(self, vectors: Numbers) -> Numbers:
        """Of each vector, as the action tells it."""
        return self._observed(vectors).distances

    @property
    def threshold(self) -> float:
        return float(self._reference.threshold)

    def judge(self, validation: Numbers) -> Callable[[Numbers], bool]:
        """Whether a report on a batch, beside these validation inputs, would exit with 3."""
        usual = self._observed(validation)

        def is_drift(batch: Numbers) -> bool:
            return compare(self._reference, self._training, self._observed(batch), usual).verdict.exit_status == 3

        return is_drift

    def _observed(self, vectors: Numbers) -> Observations:
        items = [Observation(str(row), 0.0) for row in range(len(vectors))]
        return measured(self._reference, vectors, items, "benchmark", {})
