"""Scales pictures down until they fit; needs Pillow."""

from __future__ import annotations

import io
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelwhisk import adapter
from modelwhisk.client import ClientError, FilePart, InputError
from modelwhisk.client.encoding import MAX_REQUEST
from modelwhisk.client.files import MOST_OF_A_FILE, file_part

if TYPE_CHECKING:
    from PIL.Image import Image

_OVERHEAD = 4_096  # bytes left for the form around a file
_QUALITY = 90  # of JPEG and WebP
_SMALLEST = 16  # pixels; below that a picture shows nothing
_MARGIN = 0.95  # of the scale that the size suggests, since compression isn't proportional
_MAX_STEPS = 40
_MOST_PIXELS = 16_000_000  # of what is tried: a megabyte may have hundreds of millions, which take seconds each time
_MOST_BYTES = 1_500_000_000  # of memory, which a JPEG of the largest cameras needs: 150 megapixels
# Pictures are unpacked in few threads, however many ask: what one has freed the C library keeps for that thread. Most
# photos need no more than one of several may; what needs more is unpacked one after the other.
_BYTES_OF_SEVERAL = 200_000_000
_several = ThreadPoolExecutor(4, "shrink")
_alone = ThreadPoolExecutor(1, "shrink large")


def shrink_picture(part: FilePart, room: int) -> FilePart:
    """The picture in at most `room` bytes, upright, in its own format; as it is where it fits or is no picture.

    Raises `ClientError` without Pillow, `InputError` for a picture that can't be read or made to fit.
    """
    if len(part.content) <= room or not part.media_type.startswith("image/"):
        return part
    try:
        import PIL.Image  # noqa: F401, PLC0415 (optional)
    except ImportError as problem:
        raise ClientError("--shrink needs Pillow: pip install 'modelwhisk[pictures]'") from problem
    return _threads_for(part).submit(_shrunk, part, room).result()


def _threads_for(part: FilePart) -> ThreadPoolExecutor:
    pictures = adapter.part("formats.picture_file")
    try:
        pictures.opened(part.content, most=_BYTES_OF_SEVERAL).close()
    except pictures.TooLarge:
        return _alone
    except Exception as problem:  # Pillow raises anything on a broken file
        raise _unreadable(part, problem) from problem
    return _several


def _shrunk(part: FilePart, room: int) -> FilePart:
    pictures = adapter.part("formats.picture_file")
    try:
        with pictures.opened(part.content, most=_MOST_BYTES) as opened:
            opened.load()
            form = opened.format
            picture: Image = pictures.upright(opened)
    except Exception as problem:  # Pillow raises anything on a broken file
        raise _unreadable(part, problem) from problem
    return replace(part, content=_fitting(picture, form, len(part.content), room, part.name))


def _unreadable(part: FilePart, problem: Exception) -> InputError:
    return InputError(part.name, f"can't be read as a picture: {problem}")


def _fitting(picture: Image, form: str, size: int, room: int, name: str) -> bytes:
    scale = min(1.0, math.sqrt(room / size), math.sqrt(_MOST_PIXELS / (picture.width * picture.height)))
    for _ in range(_MAX_STEPS):
        width, height = (max(1, round(side * scale)) for side in picture.size)
        if max(width, height) < _SMALLEST:
            break
        content = _encoded(picture.resize((width, height)), form)
        if len(content) <= room:
            return content
        scale *= min(0.98, math.sqrt(room / len(content))) * _MARGIN
    raise InputError(name, f"can't be made to fit into {room:,} bytes")


def _encoded(picture: Image, form: str) -> bytes:
    stream = io.BytesIO()
    # Not `optimize`, with which PNG takes up to thirty times as long for 3 % less, and so a stranger's picture minutes.
    options: dict[str, Any] = {"quality": _QUALITY} if form in ("JPEG", "WEBP") else {}
    picture.save(stream, form, **options)
    return stream.getvalue()


def shrink_inputs(values: dict[str, Any], room: int = MAX_REQUEST - _OVERHEAD) -> dict[str, Any]:
    """Inputs by name with their pictures, given as paths, made to fit into `room` bytes each."""
    return {
        name: shrink_picture(file_part(name, value, MOST_OF_A_FILE), room) if hasattr(value, "suffix") else value
        for name, value in values.items()
    }
