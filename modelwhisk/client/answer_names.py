"""What an answer's file is called in a folder, where a model chose its name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_ENDINGS = {
    "application/json": ".json",
    "application/zip": ".zip",
    "audio/wav": ".wav",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
}
_HARMLESS = re.compile(
    r"\.(avi|bin|bmp|csv|flac|gif|glb|gz|jpe?g|m4a|midi?|mkv|mov|mp[34]|np[yz]|ogg|opus|parquet|pdf|ply|png|stl|svg|tar|tiff?|"
    r"tsv|wav|webm|webp|zip)",
    re.IGNORECASE,
)


def name_in_folder(own: str, content_type: str) -> str:
    """The answer's own name where it has the ending of a picture, a sound, a table and the like; else `result` with its
    type's ending.

    Files of others, in the folder that one works in, are read by one's programs as their settings and code, as
    `json.py`, `Makefile` or `requirements.txt`.
    """
    return own if _HARMLESS.fullmatch(PurePosixPath(own).suffix) else "result" + ending_for(content_type)


def ending_for(content_type: str) -> str:
    """The ending of a file of a media type."""
    return ".json" if content_type.endswith("+json") else _ENDINGS.get(content_type, ".bin")
