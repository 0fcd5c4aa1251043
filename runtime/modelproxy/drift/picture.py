"""A picture file → 512 numbers that tell what kind of picture it is, for models that give no vector of their own.

Needs numpy and Pillow. Of the picture, shrunk to 64 x 64:

    256  gradients in 4 directions, for each of 8 x 8 places   shapes, as in histograms of oriented gradients
     64  gradients in 16 senses, for each quarter              edges dark to bright apart from bright to dark
     64  luminance of 8 x 8 places
     32  the two colour differences of 4 x 4 places
     64  how often each luminance, saturation and hue occurs   (32, 16 and 16)
     32  detail of two sizes, for each of 4 x 4 places         noise and blur

Each block is scaled so that none outweighs the others between two unlike pictures. What is in a picture's metadata is
left alone, its orientation too: to a model that doesn't turn pictures a turned one is another.
"""

import numpy

from ..formats.picture_file import TooLarge, opened, plain
from .declaration import PICTURE_VERSION

VERSION = PICTURE_VERSION
DIMENSIONS = 512

_SIDE = 64
_CELL = 8
_EPSILON = 1e-6
# For cells of each size, the number of the cell that each of the picture's pixels is in.
_PLACES = {
    size: numpy.add.outer(numpy.arange(_SIDE) // size * (_SIDE // size), numpy.arange(_SIDE) // size).ravel()
    for size in (_CELL, _SIDE // 2)
}
# What a block's numbers are multiplied by after it has been normalised.
_GRADIENTS, _SENSES, _LUMINANCE, _COLOURS, _OCCURRENCE, _DETAIL = 1.0, 0.7, 0.25, 0.35, 0.7, 0.35


class NoPicture(Exception):
    """What was given can't be read as a picture; the text says why."""


def embedding(content):
    """The vector (``DIMENSIONS`` of float32) of a picture file's bytes. Raises ``NoPicture``, ``ImportError`` where
    Pillow isn't installed."""
    red_green_blue = _pixels(content)
    luminance = red_green_blue.dot(numpy.array([0.299, 0.587, 0.114], "f4"))
    blue_difference = (red_green_blue[:, :, 2] - luminance) * 0.564 + 0.5
    red_difference = (red_green_blue[:, :, 0] - luminance) * 0.713 + 0.5
    steepness, sense = _gradients(luminance)
    blocks = (
        _GRADIENTS * _unit(_by_direction(steepness, sense, numpy.pi, 4, _CELL)),
        _SENSES * _unit(_by_direction(steepness, sense, 2 * numpy.pi, 16, _SIDE // 2)),
        _LUMINANCE * _means(luminance, _CELL),
        _COLOURS * (_means(blue_difference, 16) - 0.5),
        _COLOURS * (_means(red_difference, 16) - 0.5),
        _OCCURRENCE * numpy.sqrt(_occurrence(luminance, 32)),
        _OCCURRENCE * numpy.sqrt(_saturation_and_hue(red_green_blue)),
        _DETAIL * _detail(luminance, 1),
        _DETAIL * _detail(luminance, 2),
    )
    return numpy.concatenate([block.ravel() for block in blocks]).astype("<f4")


def _pixels(content):
    """64 x 64 x 3 float32 from 0 to 1, red, green and blue, on white where the picture is transparent."""
    from PIL import Image

    resampling = getattr(Image, "Resampling", Image)
    try:
        image = opened(content, side=_SIDE)
        image.draft("RGB", (2 * _SIDE, 2 * _SIDE))  # a JPEG is decoded no larger than is of use
        image.load()
        image = plain(image, "RGB")
    except TooLarge as error:
        raise NoPicture(str(error)) from None
    except Exception as error:  # Pillow raises anything on a broken file
        raise NoPicture("it is no picture that Pillow can read: %s" % (error or type(error).__name__)) from None
    image = image.resize((_SIDE, _SIDE), resampling.BILINEAR)
    return numpy.asarray(image).astype("f4") / numpy.float32(255)


def _gradients(luminance):
    """Steepness and sense (radians from 0 to 2π) of each pixel's change of luminance."""
    padded = numpy.pad(luminance, 1, "edge")
    across = padded[1:-1, 2:] - padded[1:-1, :-2]
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    return numpy.hypot(across, down), numpy.arctan2(down, across) + numpy.float32(numpy.pi)


def _by_direction(steepness, sense, turn, count, cell):
    """Steepness summed by place and by ``count`` directions of a ``turn``, each shared by the two nearest."""
    position = sense.ravel() * numpy.float32(count / turn)
    lower = position.astype("i4")
    share = (position - lower) * steepness.ravel()
    places = _PLACES[cell] * count
    first = numpy.bincount(places + lower % count, steepness.ravel() - share, len(places) // cell**2 * count)
    second = numpy.bincount(places + (lower + 1) % count, share, len(places) // cell**2 * count)
    return (first + second) / cell**2


def _means(pixels, cell):
    """The means of squares of ``cell`` x ``cell`` pixels, of the last two axes."""
    count = _SIDE // cell
    return pixels.reshape(pixels.shape[:-2] + (count, cell, count, cell)).mean(axis=(-3, -1))


def _unit(block):
    """Roots, so that a few steep edges don't hide all others, at unit length; less where there is hardly any."""
    roots = numpy.sqrt(block)
    return roots / numpy.sqrt((roots * roots).sum() + numpy.float32(0.05))


def _occurrence(values, count, weights=None):
    """How often values from 0 to 1 fall in each of ``count`` ranges, shared by the two nearest, as parts of 1."""
    position = numpy.clip(values.ravel() * count - 0.5, 0, count - 1)
    lower = position.astype("i4")
    weights = numpy.ones_like(position) if weights is None else weights.ravel()
    beyond = (position - lower) * weights
    counts = numpy.bincount(lower, weights - beyond, count + 1)
    counts[1:] += numpy.bincount(lower, beyond, count)
    return counts[:count] / (weights.sum() + _EPSILON)


def _saturation_and_hue(red_green_blue):
    """16 ranges of each; a hue counts as much as it is saturated."""
    red, green, blue = red_green_blue[:, :, 0], red_green_blue[:, :, 1], red_green_blue[:, :, 2]
    most = numpy.maximum(numpy.maximum(red, green), blue)
    chroma = most - numpy.minimum(numpy.minimum(red, green), blue)
    safe = numpy.where(chroma > 0, chroma, 1)
    hue = numpy.where(
        most == red,
        (green - blue) / safe,
        numpy.where(most == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = numpy.where(hue < 0, hue + 6, hue)
    saturation = _occurrence(chroma / numpy.where(most > 0, most, 1), 16)
    coloured = chroma.mean()
    return numpy.concatenate([saturation, _occurrence(hue / 6, 16, chroma) * min(1.0, 4 * float(coloured))])


def _detail(luminance, step):
    """How far pixels differ from the mean of those ``step`` away, in each of 4 x 4 places."""
    padded = numpy.pad(luminance, step, "edge")
    middle, before, after = slice(step, -step), slice(-2 * step), slice(2 * step, None)
    around = padded[before, middle] + padded[after, middle] + padded[middle, before] + padded[middle, after]
    return numpy.sqrt(_means(numpy.abs(luminance - around / 4), 16))
