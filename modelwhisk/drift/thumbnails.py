"""Small pictures of the training inputs, by which a report shows what a new one is nearest to."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modelwhisk import adapter
from modelwhisk.drift.inputs import Given

if TYPE_CHECKING:
    from PIL.Image import Image

AT_MOST = 2_000  # inputs: some 4 MB

_SIDE = 64
_QUALITY = 75


def thumbnails(inputs: Sequence[Given]) -> dict[int, bytes]:
    """A JPEG of each input that is a picture, by its place; of more than `AT_MOST` none, nor without Pillow."""
    try:
        import PIL.Image  # noqa: F401, PLC0415 (slow to import)
    except ImportError:
        return {}
    if len(inputs) > AT_MOST:
        return {}
    opened = adapter.part("formats.picture_file").opened
    made = {}
    for place, given in enumerate(inputs):
        if given.file is None:
            continue
        small = _picture(opened, given)
        if small is None:
            continue
        small.thumbnail((_SIDE, _SIDE))
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=_QUALITY)
        made[place] = stream.getvalue()
    return made


def _picture(opened: Callable[..., Image], given: Given) -> Image | None:
    """In red, green and blue; None for some other file that the model takes."""
    try:
        with opened(given.content(), side=_SIDE) as picture:
            small: Image = picture.convert("RGB")
            return small
    except Exception:  # Pillow raises anything on what is no picture
        return None
