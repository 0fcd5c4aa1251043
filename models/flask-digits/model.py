"""A radial basis function network on 8x8 pictures, in numpy, and the way from an upload to such a picture."""
import io

import numpy as np
from PIL import Image, ImageOps

LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SIDE = 8


class PictureError(ValueError):
    """The upload can't be taken for a picture of a digit."""


class DigitModel:
    def __init__(self, path):
        with np.load(path) as weights:
            self.centres = weights["centres"].astype(np.float32)
            self.gamma = float(weights["gamma"])
            self.coefficients = weights["coefficients"].astype(np.float32)
            self.intercepts = weights["intercepts"].astype(np.float32)

    def predict(self, upload):
        """The probability of each digit, for the bytes of a picture file."""
        return self.probabilities(normalise(read(upload)))

    def probabilities(self, digit):
        distances = ((self.centres - digit.reshape(-1)) ** 2).sum(axis=1)
        scores = self.coefficients @ np.exp(-self.gamma * distances) + self.intercepts
        odds = np.exp(scores - scores.max())
        return odds / odds.sum()


def read(upload):
    """A picture file's bytes as grey levels, 0 for black."""
    try:
        picture = Image.open(io.BytesIO(upload))
        picture.draft("L", (512, 512))
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        picture = picture.convert("L")
    except Exception as error:  # Pillow's readers raise what they like on a damaged file
        raise PictureError("The file 'image' is not a picture that can be read.") from error
    picture.thumbnail((160, 160), Image.BOX)
    return np.asarray(picture, dtype=np.float32)


def normalise(grey):
    """The digit alone, upright in the middle of 8x8 pixels from 0 (paper) to 1 (ink)."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    if ink.max() < 20:
        raise PictureError("The picture 'image' is blank.")
    ink /= ink.max()
    rows, columns = np.nonzero(ink > 0.3)
    ink = ink[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
    longest = max(ink.shape)
    size = [max(1, round(length * SIDE / longest)) for length in reversed(ink.shape)]
    small = np.asarray(Image.fromarray(ink).resize(size, Image.BOX))
    canvas = np.zeros((SIDE, SIDE), dtype=np.float32)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    canvas[top:top + small.shape[0], left:left + small.shape[1]] = small
    return canvas / canvas.max()
