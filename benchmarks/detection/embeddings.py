"""The vectors of each embedding that a model offers, made by the code that makes them in an action."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from modelwhisk import adapter
from PIL import Image

from . import texts
from .texts import ROOT

Numbers = np.ndarray
_DIGITS = ROOT / "models" / "onnx-digits" / "digits.onnx"
_SIDE = 20
_LETTERS = 256  # buckets of the n-grams of letters


def of_digits() -> dict[str, Callable[[Sequence[bytes]], Numbers]]:
    """Functions from pictures to rows, by the embedding's name."""
    layers = _OnnxLayers()
    picture = adapter.part("drift.picture").embedding
    return {
        f"inner layer ({layers.found})": lambda pictures: layers.values(pictures, layers.found),
        "inner layer (active)": lambda pictures: layers.values(pictures, "active"),
        "probabilities": lambda pictures: layers.values(pictures, "probabilities"),
        "picture": lambda pictures: np.stack([picture(content) for content in pictures]),
    }


class _OnnxLayers:
    def __init__(self) -> None:
        graph = adapter.part("drift.onnx_graph")
        content = _DIGITS.read_bytes()
        self.found = graph.Graph(content).layer(None)
        self._sessions: dict[str, Any] = {
            name: onnxruntime.InferenceSession(
                content if name == "probabilities" else graph.output_added(content, name)
            )
            for name in (self.found, "active", "probabilities")
        }

    def values(self, pictures: Sequence[bytes], name: str) -> Numbers:
        """Of a tensor, flat, for each picture as the model's host hands it over."""
        scaled = [Image.open(io.BytesIO(content)).convert("L").resize((_SIDE, _SIDE)) for content in pictures]
        image = np.stack([np.asarray(picture, np.float32)[None] / 255 for picture in scaled])
        return self._sessions[name].run([name], {"image": image})[0].reshape(len(pictures), -1)


def of_texts() -> dict[str, Callable[[Sequence[str]], Numbers]]:
    """Functions from texts to rows. The model has no embedding of its own, so these are what its user would write."""
    features, weights, bias = texts.model()

    def scores(text: str) -> Numbers:
        buckets, values = features.features(text)
        return values @ weights[buckets] + bias if len(buckets) else bias

    def probabilities(text: str) -> Numbers:
        odds = np.exp(scores(text) - scores(text).max())
        return odds / odds.sum()

    return {
        "scores of the languages": lambda many: _rows(scores, many),
        "probabilities of the languages": lambda many: _rows(probabilities, many),
        "letters and pairs": lambda many: _rows(letters, many),
    }


def _rows(function: Callable[[str], Numbers], many: Sequence[str]) -> Numbers:
    return np.stack([function(text) for text in many]).astype(np.float32)


def letters(text: str) -> Numbers:
    """How often each character and pair of them occurs, hashed, the roots at length 1: an `embed` in five lines."""
    import zlib  # noqa: PLC0415

    found = [text[place : place + length] for length in (1, 2) for place in range(len(text) - length + 1)]
    counts = np.bincount([zlib.crc32(part.encode()) % _LETTERS for part in found], minlength=_LETTERS)
    return np.sqrt(counts / max(1, counts.sum()))
