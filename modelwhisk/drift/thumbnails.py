"""Small pictures of the training inputs, by which a report shows what a new one is nearest to."""

from __future__ import annotations

import io
from collections.abc import Sequence

from modelwhisk.drift.inputs import Given

AT_MOST = 2_000  # inputs: some 4 MB

_SIDE = 64
_QUALITY = 75


def thumbnails(inputs: Sequence[Given]) -> dict[int, bytes]:
    """A JPEG of each input that is a picture, by its place; of more than `AT_MOST` none, nor without Pillow."""
    try:
        from PIL import Image  # noqa: PLC0415 (slow to import)
    except ImportError:
        return {}
    if len(inputs) > AT_MOST:
        return {}
    made = {}
    for place, given in enumerate(inputs):
        if given.file is None:
            continue
        try:
            with Image.open(io.BytesIO(given.content())) as picture:
                small = picture.convert("RGB")
        except (OSError, SyntaxError, ValueError):  # no picture: some other file that the model takes
            continue
        small.thumbnail((_SIDE, _SIDE))
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=_QUALITY)
        made[place] = stream.getvalue()
    return made
