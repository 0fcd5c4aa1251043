"""Embeddings of augmented digits: the 512 hidden numbers of a network trained on them.

    digit_vectors.py COUNT QUERIES FOLDER

writes FOLDER/vectors.npy, of augmented pictures of four fifths of scikit-learn's digits, and FOLDER/queries.npy, of
augmented pictures of the others, which neither the network nor the vectors have seen in any form.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 8
SIDE = 20  # pixels of a picture that the network sees
HIDDEN = 512
TRAINED_ON = 20_000
BATCH = 4_000


def main(count: int, queries: int, folder: Path) -> None:
    digits = load_digits()
    grids, held_out, labels, _ = train_test_split(
        digits.images / 16, digits.target, test_size=0.2, stratify=digits.target, random_state=SEED
    )
    random = np.random.default_rng(SEED)
    layer = hidden_layer(grids, labels, min(TRAINED_ON, 4 * count), random)
    write(folder / "vectors.npy", grids, count, layer, random)
    write(folder / "queries.npy", held_out, queries, layer, random)


def hidden_layer(
    grids: np.ndarray, labels: np.ndarray, trained_on: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases of the layer before the classifier."""
    chosen = np.resize(np.arange(len(grids)), trained_on)
    network = MLPClassifier((HIDDEN,), alpha=1e-3, batch_size=200, max_iter=8, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of rounds is fixed
        network.fit(augmented(grids[chosen], random), labels[chosen])
    return network.coefs_[0].astype(np.float32), network.intercepts_[0].astype(np.float32)


def augmented(grids: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each 8 x 8 grid once, turned, sheared, stretched, moved, dimmed and noisy, as SIDE x SIDE numbers in a row."""
    count = len(grids)
    angle, shear = random.normal(0, 0.15, count), random.normal(0, 0.12, count)
    across, down = np.exp(random.normal(0, 0.1, (2, count)))
    cos, sin = np.cos(angle), np.sin(angle)
    places = (np.arange(SIDE) + 0.5) * (8 / SIDE) - 4
    y, x = (places[None, :, None], places[None, None, :])
    form = [part[:, None, None] for part in (cos / across, (shear - sin) / across, sin / down, cos / down)]
    move = random.normal(0, 0.35, (2, count, 1, 1))
    rows, columns = form[2] * x + form[3] * y + 3.5 + move[0], form[0] * x + form[1] * y + 3.5 + move[1]
    pictures = _between(grids, rows, columns)
    light = random.uniform(0.6, 1.0, (count, 1, 1)) * pictures + random.uniform(0, 0.15, (count, 1, 1))
    noise = random.normal(0, 1, pictures.shape) * random.uniform(0, 0.08, (count, 1, 1))
    return np.clip(light + noise, 0, 1).reshape(count, -1).astype(np.float32)


def _between(grids: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The grids' values at places between their cells, zero outside them."""
    padded = np.pad(grids, ((0, 0), (1, 2), (1, 2)))
    rows, columns = np.clip(rows + 1, 0, 9), np.clip(columns + 1, 0, 9)
    top, left = rows.astype(int), columns.astype(int)
    lower, right = rows - top, columns - left
    which = np.arange(len(grids))[:, None, None]
    upper_row = padded[which, top, left] * (1 - right) + padded[which, top, left + 1] * right
    lower_row = padded[which, top + 1, left] * (1 - right) + padded[which, top + 1, left + 1] * right
    return upper_row * (1 - lower) + lower_row * lower


def write(
    path: Path, grids: np.ndarray, count: int, layer: tuple[np.ndarray, np.ndarray], random: np.random.Generator
) -> None:
    vectors = open_memmap(path, mode="w+", dtype=np.float32, shape=(count, HIDDEN))
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        pictures = augmented(grids[random.integers(0, len(grids), size)], random)
        vectors[start : start + size] = np.maximum(pictures @ layer[0] + layer[1], 0)
    vectors.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
