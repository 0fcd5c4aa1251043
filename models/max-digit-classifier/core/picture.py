"""From the bytes of an uploaded picture to the 8x8 grid of ink that the model knows.

The training script uses these same functions, so that the model sees in training what it will see in service.
"""
import io

import numpy as np
from PIL import Image, ImageOps

SIZE = 8
# Enough to cut an 8x8 grid from; larger pictures are only slower.
WORKING_SIZE = 256
# Ink weaker than this part of the darkest stroke is taken for paper, JPEG artefacts or a soft edge.
INK_THRESHOLD = 0.3
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
    image.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.BOX)
    return np.asarray(image, dtype=np.float32)


def flatten(image):
    """Lay a transparent drawing on paper that its ink stands out from."""
    pixels = np.asarray(image, dtype=np.float32)
    alpha = pixels[..., 3].sum()
    ink = (pixels[..., :3].mean(axis=2) * pixels[..., 3]).sum() / alpha if alpha else 0
    paper = Image.new('RGBA', image.size, 'white' if ink < 128 else 'black')
    return Image.alpha_composite(paper, image).convert('RGB')


def to_grid(grey):
    """Cut the digit out and scale it to the 8x8 grid, 0 (paper) to 1 (ink).

    Dark on light and light on dark are the same: paper is what the edge of the picture shows. As in the training
    data the digit fills the grid in its longer direction and is centred in the other.
    """
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(edge)
    ink = np.abs(grey - paper)
    peak = ink.max()
    if peak < MIN_CONTRAST:
        raise PictureError('Invalid input, the picture is blank.')
    rows = np.flatnonzero((ink > INK_THRESHOLD * peak).any(axis=1))
    columns = np.flatnonzero((ink > INK_THRESHOLD * peak).any(axis=0))
    ink = ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]

    height, width = ink.shape
    scale = SIZE / float(max(height, width))
    height = max(1, round(height * scale))
    width = max(1, round(width * scale))
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.BOX))

    grid = np.zeros((SIZE, SIZE), dtype=np.float32)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    grid[top:top + height, left:left + width] = small
    return grid / grid.max()
