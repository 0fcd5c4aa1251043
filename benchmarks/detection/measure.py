"""For each embedding and shift the share beyond the threshold and the AUC, and who calls batches drifted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from . import digits, embeddings, texts
from .ours import Ours
from .show import show

Numbers = np.ndarray
SEED = 8
BATCH, BATCHES = 50, 20
MIXED = "one in ten of them"  # a drift that has only begun: so many of a shift among inputs as before
VALIDATION = "validation"
_METRICS = ("l2", "cosine")


def measured(quick: bool) -> dict[str, Any]:
    """All results by data set. `quick`: without the peers."""
    return {
        "digits": _of(*_digits(), quick, mixed="letters"),
        "texts": _of(*_texts(), quick, mixed="languages not learnt"),
    }


def _digits() -> tuple[Mapping[str, Sequence[bytes]], Mapping[str, Callable[[Any], Numbers]]]:
    training, held_out = digits.splits()
    sets = {"training": training, VALIDATION: held_out, **dict(digits.shifted(held_out, SEED))}
    return sets, embeddings.of_digits()


def _texts() -> tuple[Mapping[str, Sequence[str]], Mapping[str, Callable[[Any], Numbers]]]:
    training, held_out = texts.splits(SEED)
    sets = {"training": training, VALIDATION: held_out, **dict(texts.shifted(held_out, SEED))}
    return sets, embeddings.of_texts()


def _of(
    sets: Mapping[str, Sequence[Any]], embedded: Mapping[str, Callable[[Any], Numbers]], quick: bool, *, mixed: str
) -> dict[str, Any]:
    results: dict[str, Any] = {"inputs": {name: len(inputs) for name, inputs in sets.items()}, "embeddings": {}}
    for name, embed in embedded.items():
        vectors = {kind: np.asarray(embed(inputs), np.float32) for kind, inputs in sets.items()}
        results["embeddings"][name] = _of_embedding(vectors, quick, mixed)
        show(name, results["embeddings"][name])
    return results


def _of_embedding(vectors: Mapping[str, Numbers], quick: bool, mixed: str) -> dict[str, Any]:
    training = vectors["training"]
    result: dict[str, Any] = {"single": {}, "batches": {}}
    with tempfile.TemporaryDirectory() as folder:
        for metric in _METRICS:
            ours = Ours(training, Path(folder), metric)
            result["single"][f"ours, {metric}"] = _single(vectors, ours.distances, ours.threshold)
        ours = Ours(training, Path(folder), _METRICS[0])
        if not quick:
            from . import peers  # noqa: PLC0415 (slow to import)

            for name, (scores, threshold) in peers.of_single_inputs(training).items():
                result["single"][name] = _single(vectors, scores, threshold)
        result["batches"] = _batches(vectors, ours, quick, mixed)
    return result


def _single(vectors: Mapping[str, Numbers], scores: Callable[[Numbers], Numbers], threshold: float) -> dict[str, Any]:
    """Share beyond the threshold (%), and how often a shifted input scores higher than a held-out one (AUC)."""
    usual = scores(vectors[VALIDATION])
    rows = {}
    for kind, rows_of_kind in vectors.items():
        if kind == "training":
            continue
        found = usual if kind == VALIDATION else scores(rows_of_kind)
        labels = np.repeat([0, 1], [len(usual), len(found)])
        auc = None if kind == VALIDATION else float(roc_auc_score(labels, np.concatenate([usual, found])))
        rows[kind] = {"share": float((found > threshold).mean()), "auc": auc}
    return rows


def _batches(vectors: Mapping[str, Numbers], ours: Ours, quick: bool, mixed: str) -> dict[str, dict[str, float]]:
    """The share of batches that are called drifted. Half of the held-out inputs are ours to compare with."""
    random = np.random.default_rng(SEED)
    order = random.permutation(len(vectors[VALIDATION]))
    known, fresh = (vectors[VALIDATION][part] for part in np.array_split(order, 2))
    detectors: dict[str, Callable[[Numbers], bool]] = {"ours": ours.judge(known)}
    if not quick:
        from . import peers  # noqa: PLC0415

        detectors |= peers.of_batches(vectors["training"], random)
    found: dict[str, dict[str, float]] = {name: {} for name in detectors}
    for kind, batches in _drawn(vectors, fresh, mixed, random):
        for name, is_drift in detectors.items():
            found[name][kind] = float(np.mean([is_drift(batch) for batch in batches]))
    return found


def _drawn(
    vectors: Mapping[str, Numbers], fresh: Numbers, mixed: str, random: np.random.Generator
) -> Iterator[tuple[str, list[Numbers]]]:
    """Batches of held-out inputs, of each shift, and of held-out inputs with a few of one shift among them."""

    def some(rows: Numbers, count: int) -> Numbers:
        return rows[random.permutation(len(rows))[:count]]

    yield VALIDATION, [some(fresh, BATCH) for _ in range(BATCHES)]
    for kind, rows in vectors.items():
        if kind not in ("training", VALIDATION):
            yield kind, [some(rows, BATCH) for _ in range(BATCHES)]
    few = BATCH // 10
    yield (
        f"{mixed}, {MIXED}",
        [np.concatenate([some(fresh, BATCH - few), some(vectors[mixed], few)]) for _ in range(BATCHES)],
    )
