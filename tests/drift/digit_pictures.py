"""Pictures of digits and a reference of some of them, for reports: those that a sample model holds out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from modelwhisk import adapter
from modelwhisk.drift import reference

MODELS = Path(__file__).resolve().parents[2] / "models"
_HELD_OUT = MODELS / "max-digit-classifier" / "samples" / "held-out.npz"


def digit_files(folder: Path, first: int, last: int, *, inverted: bool = False) -> list[Path]:
    """PNG files of some of the 360 digits, black on white or the other way round."""
    folder.mkdir(exist_ok=True)
    with np.load(_HELD_OUT) as data:
        grids = data["images"][first:last]
    files = []
    for number, grid in enumerate(grids, start=first):
        picture = Image.fromarray((255 - grid * (255 / 16)).astype(np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
        path = folder / f"{number:03}.png"
        (ImageOps.invert(picture) if inverted else picture).save(path)
        files.append(path)
    return files


def reference_of(path: Path, files: list[Path]) -> Path:
    """A reference of pictures by their general embedding, whose own thumbnails are in it."""
    embedding = adapter.part("drift.picture").embedding
    vectors = np.stack([embedding(file.read_bytes()) for file in files])
    about = {
        "embedding": {"kind": "picture", "version": 1},
        "model": {"digest": "sha256:" + "0" * 64, "files": {}, "name": "digits"},
    }
    thumbnails = {row: _jpeg(file) for row, file in enumerate(files)}
    training = reference.Training(vectors, [str(file) for file in files], thumbnails=thumbnails)
    reference.make(path, training, about)
    return path


def _jpeg(file: Path) -> bytes:
    stream = io.BytesIO()
    with Image.open(file) as picture:
        picture.save(stream, "JPEG")
    return stream.getvalue()
