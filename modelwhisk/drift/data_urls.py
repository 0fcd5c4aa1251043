"""Small pictures of inputs for a page, as `data:` URLs: decoded and drawn anew, so that nothing of a file passes."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from modelwhisk import adapter

SIDE = 112  # pixels, on screens with two for each of CSS's 56 to 112
_MOST_BYTES = 64 * 1024 * 1024


def of_file(path: Path) -> str | None:
    """A thumbnail of a picture file; None where it is none, is gone or is too large to be opened safely."""
    try:
        # A device or a pipe, which a reference may name as well, never ends.
        small = path.is_file() and path.stat().st_size <= _MOST_BYTES
        return of_bytes(path.read_bytes()) if small else None
    except (OSError, ValueError):
        return None


def of_bytes(content: bytes) -> str | None:
    """A thumbnail of a picture's bytes, None where they are none."""
    opened = adapter.part("formats.picture_file").opened
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with opened(content, side=SIDE) as image:
                image.draft("RGB", (2 * SIDE, 2 * SIDE))
                image.thumbnail((SIDE, SIDE))
                return _url(image.convert("RGBA" if _has_transparency(image) else "RGB"))
    except Exception:  # Pillow raises anything on a broken file; a page without that picture is still a page
        return None


def _has_transparency(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _url(image: Any) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
