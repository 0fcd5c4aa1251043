"""From the bytes of an uploaded picture to the 16x16 grid of ink that the model knows, and back to a picture.

The training script uses these same functions, so that the model sees in training what it will see in service.
"""
import io

import numpy as np
from PIL import Image, ImageOps

SIZE = 16
OUTPUT_SIZE = 256
# Of 255. A picture with less contrast shows nothing.
MIN_CONTRAST = 16


class PictureError(ValueError):
    """What was uploaded can't be taken as a picture of a digit; the message is for the client."""


def read_picture(data):
    """Decode a picture file into a grey array, 0 to 255."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        image = ImageOps.exif_transpose(image) or image
    # Pillow's readers raise many types on a damaged file (OSError, SyntaxError, struct.error, zlib.error …)
    # and DecompressionBombError on a hostile one: whatever it is, the file isn't one that can be read.
    except Exception as e:
        raise PictureError('Invalid input, please upload a picture in a common format such as PNG or JPEG.') from e
    return to_grey(image)


def to_grey(image):
    """Any of Pillow's modes as a float array, small enough to work on."""
    if image.mode in ('RGBA', 'LA', 'PA', 'RGBa', 'La') or 'transparency' in image.info:
        image = flatten(image.convert('RGBA'))
    if image.mode.startswith('I') or image.mode == 'F':
        # 16 and 32 bits for each pixel: convert('L') would clip them to white.
        values = np.asarray(image, dtype=np.float32)
        span = values.max() - values.min()
        values = (values - values.min()) * (255 / span if span > 0 else 0)
        image = Image.fromarray(values.astype(np.uint8))
    image = image.convert('L')
    return np.asarray(image, dtype=np.float32)


def flatten(image):
    """Lay a transparent drawing on paper that its ink stands out from."""
    pixels = np.asarray(image, dtype=np.float32)
    alpha = pixels[..., 3].sum()
    ink = (pixels[..., :3].mean(axis=2) * pixels[..., 3]).sum() / alpha if alpha else 0
    paper = Image.new('RGBA', image.size, 'white' if ink < 128 else 'black')
    return Image.alpha_composite(paper, image).convert('RGB')


def to_grid(grey):
    """Scale the whole picture to the 16x16 grid, 0 (paper) to 1 (ink); also tells whether the paper was dark."""
    height, width = grey.shape
    paper = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    side = max(height, width)
    square = np.full((side, side), paper, dtype=np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top:top + height, left:left + width] = grey
    grid = np.asarray(Image.fromarray(square).resize((SIZE, SIZE), Image.BOX))

    # Not the extremes: they are the noise's.
    low, high = np.percentile(grid, [2, 98])
    if high - low < MIN_CONTRAST:
        raise PictureError('Invalid input, the picture is blank.')
    grid = np.clip((grid - low) / (high - low), 0, 1)
    edge = np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])
    dark_paper = np.median(edge) < 0.5
    return (grid if dark_paper else 1 - grid).astype(np.float32), dark_paper


def to_image(grid, dark_paper):
    """The grid as a picture that a person can look at, with the paper that it came with."""
    grey = np.clip(grid if dark_paper else 1 - grid, 0, 1) * 255
    image = Image.fromarray(grey.astype(np.float32)).resize((OUTPUT_SIZE, OUTPUT_SIZE), Image.BICUBIC)
    return Image.fromarray(np.clip(np.asarray(image).round(), 0, 255).astype(np.uint8))
