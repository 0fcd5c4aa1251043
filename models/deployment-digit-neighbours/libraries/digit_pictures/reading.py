import numpy as np
from PIL import Image

SIZE = 8
WORKING_SIZE = 256
INK_THRESHOLD = 0.3  # of the darkest stroke; what is weaker is paper, or a soft edge
MIN_CONTRAST = 16  # of 255


class PictureError(ValueError):
    pass


def read_grid(path):
    """The digit in a picture file as 64 numbers, 0 (paper) to 1 (ink)."""
    try:
        with Image.open(path) as image:
            paper = Image.new('RGBA', image.size, 'white')
            grey = Image.alpha_composite(paper, image.convert('RGBA')).convert('L')
    except Exception as e:  # Pillow's readers raise many types on a damaged file
        raise PictureError('The image is no picture that can be read, such as PNG or JPEG.') from e
    return grid_of(grey)


def grid_of(image):
    """The digit cut out of a grey picture, dark on light or light on dark, and scaled to 8x8."""
    image.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.BOX)
    grey = np.asarray(image, dtype=np.float32)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(edge))
    if ink.max() < MIN_CONTRAST:
        raise PictureError('The image is blank.')
    strong = ink > INK_THRESHOLD * ink.max()
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    ink = ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]

    scale = SIZE / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.BOX))
    grid = np.zeros((SIZE, SIZE), dtype=np.float32)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    grid[top:top + height, left:left + width] = small
    return (grid / grid.max()).reshape(-1)
