"""What others use: PyOD's detectors for single inputs, Evidently's embedding drift for batches, each as it comes."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from evidently.legacy.metrics.data_drift import embedding_drift_methods as evidently
from pyod.models.ecod import ECOD
from pyod.models.iforest import IForest
from pyod.models.lof import LOF

Numbers = np.ndarray
# Its share of the training inputs that a detector takes for outliers: as ours has at its quantile.
_CONTAMINATION = 0.01
_EVIDENTLY_ROWS = 500  # of the training inputs: its MMD compares each with each


def of_single_inputs(training: Numbers) -> dict[str, tuple[Callable[[Numbers], Numbers], float]]:
    """PyOD's detectors, fitted: scores of vectors and the threshold."""
    detectors = {
        "LOF": LOF(contamination=_CONTAMINATION),
        "ECOD": ECOD(contamination=_CONTAMINATION),
        "isolation forest": IForest(contamination=_CONTAMINATION, random_state=0),
    }
    fitted = {}
    for name, detector in detectors.items():
        with _quiet():
            detector.fit(training)
        fitted[f"PyOD {name}"] = (_quietly(detector.decision_function), float(detector.threshold_))
    return fitted


def _quietly(score: Callable[[Numbers], Numbers]) -> Callable[[Numbers], Numbers]:
    def quiet(batch: Numbers) -> Numbers:
        with _quiet():
            return score(batch)

    return quiet


def of_batches(training: Numbers, random: np.random.Generator) -> dict[str, Callable[[Numbers], bool]]:
    """Evidently's methods with their own defaults: whether a batch has drifted."""
    sample = training[random.permutation(len(training))[:_EVIDENTLY_ROWS]]
    methods = {
        "model": evidently.model(),
        "distance": evidently.distance(),
        "ratio": evidently.ratio(),
        "MMD": evidently.mmd(),
        "model, bootstrap": evidently.model(bootstrap=True),
        "distance, bootstrap": evidently.distance(bootstrap=True),
    }

    def asked(method: Callable[..., tuple[float, bool, str]]) -> Callable[[Numbers], bool]:
        def is_drift(batch: Numbers) -> bool:
            with _quiet():
                return bool(method(pd.DataFrame(batch), pd.DataFrame(sample))[1])

        return is_drift

    return {f"Evidently {name}": asked(method) for name, method in methods.items()}


@contextlib.contextmanager
def _quiet():
    """Their warnings are about their own libraries."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
