"""Runs where the extra [drift] is: numpy and Pillow, and usearch for what has an index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "local"))

np = pytest.importorskip("numpy", reason="needs the extra [drift]")
Image = pytest.importorskip("PIL.Image", reason="needs the extra [drift]")

HELD_OUT = Path(__file__).resolve().parents[2] / "models" / "max-digit-classifier" / "samples" / "held-out.npz"


@pytest.fixture(scope="session")
def digit_grids() -> Any:
    """360 handwritten digits, 8 x 8 grey levels from 0 for paper to 16 for ink."""
    with np.load(HELD_OUT) as archive:
        return archive[next(name for name in archive.files if archive[name].ndim == 3)]


@pytest.fixture(scope="session")
def digit_pictures(tmp_path_factory: pytest.TempPathFactory, digit_grids: Any) -> Path:
    """A folder with a picture of each of 150 digits."""
    folder = tmp_path_factory.mktemp("digits")
    for number, grid in enumerate(digit_grids[:150]):
        picture_of(grid).save(folder / f"{number:03}.png")
    return folder


def picture_of(grid: Any, side: int = 64) -> Any:
    """Black ink on white paper."""
    return Image.fromarray((255 - grid * (255 / 16)).round().astype(np.uint8)).resize((side, side), Image.BICUBIC)
