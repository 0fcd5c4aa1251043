"""Small pictures of the training inputs, by which a report shows what a new one is nearest to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

AT_MOST = 2_000  # inputs: some 4 MB

_SIDE = 64
_QUALITY = 75


def thumbnails(files: Sequence[Path | None]) -> dict[int, bytes]:
    """A JPEG of each file that is a picture, by its place; of more than `AT_MOST` files none, nor without Pillow."""
    try:
        from PIL import Image  # noqa: PLC0415 (slow to import)
    except ImportError:
        return {}
    if len(files) > AT_MOST:
        return {}
    made = {}
    for place, path in enumerate(files):
        if path is None:
            continue
        try:
            with Image.open(path) as picture:
                small = picture.convert("RGB")
        except (OSError, SyntaxError, ValueError):  # no picture: some other file that the model takes
            continue
        small.thumbnail((_SIDE, _SIDE))
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=_QUALITY)
        made[place] = stream.getvalue()
    return made
