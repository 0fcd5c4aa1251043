"""A handwritten digit: from an uploaded picture to probabilities."""
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

WEIGHTS = Path(__file__).parent / "digits.npz"
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
GRID = 8
LARGEST = 256  # pixels a side; a larger picture is scaled down first


class NoDigit(ValueError):
    """There is nothing to classify; the text is for whoever sent it."""


def grid_of(upload: bytes) -> np.ndarray:
    """The digit on a picture, cut out and scaled to 8 x 8: 0 is paper, 1 is ink."""
    try:
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(upload)))
        if "A" in picture.getbands() or "transparency" in picture.info:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        picture = picture.convert("L")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise NoDigit("the file is not a picture that can be read") from error
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    return cut_out(np.asarray(picture, dtype=np.float32))


def cut_out(grey: np.ndarray) -> np.ndarray:
    # Dark on light or light on dark: the paper is what the edge shows.
    paper = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    ink = np.abs(grey - paper)
    if ink.max() < 16:
        raise NoDigit("the picture is blank")
    drawn = ink > 0.3 * ink.max()
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    scale = GRID / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    grid = np.zeros((GRID, GRID), dtype=np.float32)
    top, left = (GRID - height) // 2, (GRID - width) // 2
    grid[top : top + height, left : left + width] = small
    return grid / grid.max()


class Classifier:
    """A perceptron with one hidden layer, trained by train.py."""

    def __init__(self, path: Path = WEIGHTS):
        with np.load(path) as weights:
            self.w0, self.b0, self.w1, self.b1 = (weights[name] for name in ("w0", "b0", "w1", "b1"))

    def __call__(self, grid: np.ndarray) -> np.ndarray:
        hidden = np.maximum(grid.reshape(-1) @ self.w0 + self.b0, 0)
        scores = hidden @ self.w1 + self.b1
        odds = np.exp(scores - scores.max())
        return odds / odds.sum()
