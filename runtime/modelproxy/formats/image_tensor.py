"""A picture file → the tensor that a model takes. Pure.

ONNX says nothing of how pixels become numbers but in a model's metadata, which few models have. Without any: red, green
and blue, or grey, from 0 to 1 where the input is float, from 0 to 255 where it is uint8; stretched to the input's size.
Keys that are heeded, in any case (ONNX, MetadataProps.md):

``Image.BitmapPixelFormat``   Gray8, Rgb8 or Bgr8.
``Image.NominalPixelRange``   NominalRange_0_255, Normalized_0_1, Normalized_1_1 or NominalRange_16_235.

and, of our own, for float inputs ``(pixel * scale - mean) / std`` of a pixel from 0 to 255:

``image.layout``              of the letters N, C, H and W, one for each dimension.
``image.scale``, ``image.mean``, ``image.std``   one number, or one for each channel, as ``0.485, 0.456, 0.406``.
"""

import re

import numpy

from ..messages import BadValue
from . import picture_file

_RANGES = {  # scale and mean
    "nominalrange_0_255": (1.0, 0.0),
    "normalized_0_1": (1 / 255, 0.0),
    "normalized_1_1": (2 / 255, 1.0),
    "nominalrange_16_235": (219 / 255, -16.0),
}
_FORMATS = {"gray8": 1, "rgb8": 3, "bgr8": 3}
_DTYPES = {"FP16": "f2", "FP32": "f4", "FP64": "f8", "UINT8": "u1"}
_LEAST_SIDE = 8  # below, a tensor that could be a picture is more likely a table


class NoPillow(Exception):
    """This Python can't read pictures."""


class Picture:
    """How the input ``name`` takes a picture."""

    __slots__ = ("channels", "datatype", "layout", "mean", "name", "reversed", "scale", "size", "std")


def picture_of(tensor, metadata):
    """The ``Picture`` of an input, None where it takes none. Raises ``ValueError`` where the metadata make no sense."""
    metadata = {key.lower(): value.strip().lower() for key, value in metadata.items()}
    layout = _layout(tensor.dims, metadata.get("image.layout", "").upper())
    if layout is None or tensor.datatype not in _DTYPES:
        return None
    sizes = dict(zip(layout, tensor.dims))
    picture = Picture()
    picture.name, picture.datatype, picture.layout = tensor.name, tensor.datatype, layout
    picture.size = tuple(sizes[side] if isinstance(sizes[side], int) else None for side in "WH")
    pixels = _of(metadata, "image.bitmappixelformat", _FORMATS, "rgb8")
    channels = sizes.get("C", 1)
    picture.channels = channels if isinstance(channels, int) else _FORMATS[pixels]
    if picture.channels not in (1, 3):
        return None
    picture.reversed = pixels == "bgr8"
    ranges = _of(metadata, "image.nominalpixelrange", _RANGES, "normalized_0_1")
    picture.scale = _numbers(metadata, "image.scale", picture.channels, _RANGES[ranges][0])
    picture.mean = _numbers(metadata, "image.mean", picture.channels, _RANGES[ranges][1])
    picture.std = _numbers(metadata, "image.std", picture.channels, 1.0)
    return picture


def _layout(dims, told):
    if told:
        if len(told) != len(dims):
            return None  # said of another input
        if sorted(set(told)) != sorted(told) or not set("HW") <= set(told) <= set("NCHW"):
            raise ValueError("the metadata's image.layout is %r; it must be as NCHW, NHWC, CHW, HWC, NHW or HW" % told)
        return told if dict(zip(told, dims)).get("N", 1) == 1 or not isinstance(dims[told.index("N")], int) else None
    if len(dims) == 4 and (dims[0] == 1 or not isinstance(dims[0], int)):
        return "NCHW" if dims[1] in (1, 3) else "NHWC" if dims[3] in (1, 3) else None
    layout = None
    if len(dims) == 3:
        layout = "CHW" if dims[0] in (1, 3) else "HWC" if dims[2] in (1, 3) else None
    elif len(dims) == 2:
        layout = "HW"
    sides = [size for letter, size in zip(layout or "", dims) if letter in "HW"]
    return layout if all(isinstance(size, int) and size >= _LEAST_SIDE for size in sides) else None


def _of(metadata, key, known, default):
    value = metadata.get(key, default)
    if value not in known:
        raise ValueError("the metadata's %s is %r; known are %s" % (key, value, ", ".join(sorted(known))))
    return value


def _numbers(metadata, key, channels, default):
    if key not in metadata:
        return default
    try:
        numbers = [float(text) for text in re.findall(r"[^\s,;\[\]()]+", metadata[key])]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, channels) or (key == "image.std" and 0 in numbers):
        raise ValueError(
            "the metadata's %s is %r; it must be a number or %d of them, with commas between them"
            % (key, metadata[key], channels)
        )
    return numpy.array(numbers, "f8")


def array_of(picture, content):
    """The array that ``picture``'s input takes for a picture file. Raises ``BadValue``, ``NoPillow``."""
    image = _image(picture, content)
    values = _values(picture)
    sizes = {"N": 1, "C": picture.channels, "H": image.height, "W": image.width}
    array = numpy.empty([sizes[letter] for letter in picture.layout], values.dtype)
    absent = [letter for letter in "NC" if letter not in picture.layout]
    letters = absent + list(picture.layout)
    # The same numbers as height x width x channels.
    seen = array.reshape((1,) * len(absent) + array.shape).transpose([letters.index(letter) for letter in "NHWC"])[0]
    for left, upper, right, lower in picture_file.boxes(image.size):
        levels = numpy.asarray(image.crop((left, upper, right, lower)))
        levels = levels.reshape(levels.shape[:2] + (picture.channels,))
        if picture.reversed:
            levels = levels[:, :, ::-1]
        for channel in range(picture.channels):
            seen[upper:lower, left:right, channel] = values[:, channel].take(levels[:, :, channel])
    return array


def _values(picture):
    """What a pixel's level, 0 to 255, becomes in each channel: made once for all of them, a picture's own numbers are
    never there as float64."""
    levels = numpy.arange(256, dtype="u1").reshape(256, 1)
    if picture.datatype != "UINT8":
        levels = ((levels * picture.scale - picture.mean) / picture.std).astype(_DTYPES[picture.datatype])
    return numpy.broadcast_to(levels, (256, picture.channels))


def _image(picture, content):
    """The picture in the input's size and colours."""
    try:
        from PIL import Image
    except ImportError as error:
        raise NoPillow(str(error)) from None
    is_open = None in picture.size
    more = picture.channels * numpy.dtype(_DTYPES[picture.datatype]).itemsize if is_open else 0
    try:
        image = picture_file.opened(content, more=more, side=max(side or 0 for side in picture.size))
        image.load()
        image = picture_file.plain(picture_file.upright(image), "L" if picture.channels == 1 else "RGB")
    except picture_file.TooLarge as error:
        raise BadValue("The picture for the input %r is too large: %s." % (picture.name, error)) from None
    except Exception as error:  # Pillow raises anything on a broken file
        raise BadValue("What was sent for the input %r is no picture: %s." % (picture.name, error)) from None
    size = tuple(wanted or own for wanted, own in zip(picture.size, image.size))
    return image if size == image.size else image.resize(size, getattr(Image, "Resampling", Image).BILINEAR)
