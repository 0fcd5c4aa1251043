"""Pictures for the digit models: those that they were trained on, held-out ones, and others that they don't know.

All digits and letters go the same way, 8x8 grids → 96x96 on a white picture of 128x128, so that nothing but what is
named tells them apart.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from sklearn.datasets import load_digits, load_sample_images
from sklearn.model_selection import train_test_split

# As models/onnx-digits and models/max-digit-classifier split them.
SPLIT_SEED, HELD_OUT = 2018, 0.2
SIDE, MARGIN = 96, 16
# Letters that are not written as a digit is.
LETTERS = "ACDEFGHJKMNPRTUVWXYabdefhkmnprty"
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf")
Shift = Callable[[Image.Image, np.random.Generator], Image.Image]


def splits() -> tuple[list[bytes], list[bytes]]:
    """The training pictures and the held-out ones, as PNG files."""
    images = load_digits()
    train, held_out = train_test_split(
        images.images, test_size=HELD_OUT, stratify=images.target, random_state=SPLIT_SEED
    )
    return [_png(render(grid)) for grid in train], [_png(render(grid)) for grid in held_out]


def render(grid: np.ndarray) -> Image.Image:
    """One of scikit-learn's grids (8x8, 0 to 16, ink) as a picture, black on white."""
    ink = Image.fromarray((255 - grid * (255 / 16)).round().astype(np.uint8))
    image = Image.new("L", (SIDE + 2 * MARGIN, SIDE + 2 * MARGIN), 255)
    image.paste(ink.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (MARGIN, MARGIN))
    return image


def shifted(held_out: list[bytes], seed: int) -> Iterator[tuple[str, list[bytes]]]:
    """(name, pictures) of each shift, made of the held-out digits or of what are none."""
    random = np.random.default_rng(seed)
    for name, change in SHIFTS.items():
        yield name, [_png(change(Image.open(io.BytesIO(picture)), random)) for picture in held_out]
    yield "letters", [_png(render(grid)) for grid in letters()]
    yield "photographs", [_png(image) for image in photographs(len(held_out), random)]


def _rotated(degrees: float) -> Shift:
    return lambda image, random: image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=255)


def _noisy(deviation: float) -> Shift:
    def change(image: Image.Image, random: np.random.Generator) -> Image.Image:
        pixels = np.asarray(image, dtype=np.float32)
        return Image.fromarray(np.clip(pixels + random.normal(0, deviation, pixels.shape), 0, 255).astype(np.uint8))

    return change


def _bright(factor: float) -> Shift:
    return lambda image, random: ImageEnhance.Brightness(image).enhance(factor)


# Mild and strong ones of a kind. Brighter than white there is nothing, so only the ink gets lighter in the last.
SHIFTS: dict[str, Shift] = {
    "rotated 15°": _rotated(15),
    "rotated 45°": _rotated(45),
    "rotated 90°": _rotated(90),
    "inverted": lambda image, random: ImageOps.invert(image),
    "a little noise": _noisy(10),
    "much noise": _noisy(40),
    "a fifth darker": _bright(0.8),
    "half as bright": _bright(0.5),
    "ink half as dark": lambda image, random: Image.eval(image, lambda level: 128 + level // 2),
}


def letters() -> list[np.ndarray]:
    """Letters of real fonts, each cut out and scaled to a grid as the digits' makers did."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    grids = []
    for file in FONTS:
        for size in (56, 72):
            font = ImageFont.truetype(str(folder / file), size)
            grids += [_grid_of(letter, font) for letter in LETTERS]
    return grids


def _grid_of(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    image = Image.new("L", (128, 128), 0)
    ImageDraw.Draw(image).text((32, 16), letter, fill=255, font=font)
    cut = image.crop(image.getbbox())
    scale = 32 / max(cut.size)
    cut = cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))), Image.Resampling.BOX)
    square = Image.new("L", (32, 32), 0)
    square.paste(cut, ((32 - cut.width) // 2, (32 - cut.height) // 2))
    # The digits are counts of inked pixels in blocks of 4x4 of a black and white picture of 32x32.
    ink = np.asarray(square) > 127
    return ink.reshape(8, 4, 8, 4).sum(axis=(1, 3)).astype(float)


@functools.cache
def _photographs() -> tuple[Image.Image, ...]:
    from skimage import data  # noqa: PLC0415 (slow to import)

    shipped = (data.astronaut(), data.coffee(), data.chelsea(), data.camera(), data.rocket(), data.coins())
    return tuple(Image.fromarray(pixels) for pixels in (*load_sample_images().images, *shipped))


def photographs(count: int, random: np.random.Generator) -> Iterator[Image.Image]:
    """Square cuts, at random, from photographs that scikit-learn and scikit-image ship."""
    for index in range(count):
        photograph = _photographs()[index % len(_photographs())]
        side = int(random.integers(96, min(photograph.size)))
        left, top = (int(random.integers(0, length - side + 1)) for length in photograph.size)
        yield photograph.crop((left, top, left + side, top + side)).resize((128, 128), Image.Resampling.BILINEAR)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
