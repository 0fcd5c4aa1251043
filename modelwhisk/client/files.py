"""A file that goes to a model: its bytes, name and media type, from whatever a caller has."""

from __future__ import annotations

import errno
import io
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from modelwhisk.client.errors import InputError, TooLarge

# Several models refuse a part whose type isn't a picture's or a sound's, whatever it is called.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"GIF8", "image/gif", ".gif"),
    (b"RIFF", "audio/wav", ".wav"),
    (b"BM", "image/bmp", ".bmp"),
)
_UNNAMED = "file"
# Bytes that are read where nobody has said how many the model's server takes: four times what an image of ours does. Of
# each there are several copies on the way, for each of the calls that go on at a time.
MOST_OF_A_FILE = 268_435_456
# Python's own table differs by version and machine; models match on these.
_TYPES = {".wav": "audio/wav", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4"}


@dataclass(frozen=True)
class FilePart:
    """What travels as one file."""

    name: str
    content: bytes
    media_type: str


def file_part(field: str, value: Any, most: int | None = None) -> FilePart:
    """The file that `value` is: bytes, an open file, a `Path`, or a `PIL.Image.Image`.

    No text is one: which input is a file the model itself says, so that it would get the file that a text names by
    chance, or by the will of whoever wrote it. Raises `InputError` that names `field`, for a `Path` to more than `most`
    bytes, which aren't read, `TooLarge`.
    """
    if isinstance(value, FilePart):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        name = str(getattr(value, "file_name", "") or "")
        return _named(name, bytes(value), str(getattr(value, "content_type", "") or ""))
    if isinstance(value, os.PathLike):
        path = Path(value)
        return _named(path.name, _read(field, path, most), "")
    if hasattr(value, "read"):
        return _of_open_file(field, value)
    if hasattr(value, "save") and hasattr(value, "mode"):
        return _of_picture(value)
    raise InputError(field, f"is a file: give a Path, an open file or bytes, not {_described(value)}")


class _IsLarger(OSError):
    def __init__(self, path: Path, size: int, most: int) -> None:
        super().__init__(errno.EFBIG, f"it has {size:,} bytes, of {most:,} that are taken", str(path))
        self.size = size
        self.most = most


def content_of(path: Path, most: int = MOST_OF_A_FILE) -> bytes:
    """What is in a file; raises `OSError`, before it is read, where that is more than `most` bytes."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Of a pipe, and of what the system itself tells, no size is known.
        content = b"" if size > most else file.read() if size else file.read(most + 1)
    if max(size, len(content)) > most:
        raise _IsLarger(path, max(size, len(content)), most)
    return content


def _read(field: str, path: Path, most: int | None) -> bytes:
    try:
        return path.read_bytes() if most is None else content_of(path, most)
    except FileNotFoundError:
        raise InputError(field, f"there is no file {path}") from None
    except OSError as problem:
        if isinstance(problem, _IsLarger) and problem.most != MOST_OF_A_FILE:
            raise TooLarge(field, problem.size, problem.most) from problem
        raise InputError(field, f"the file {path} can't be read: {problem.strerror or problem}") from problem


def _of_open_file(field: str, file: IO[Any]) -> FilePart:
    try:
        content = file.read()
    except (OSError, ValueError) as problem:  # ValueError: closed, or text that isn't UTF-8
        raise InputError(field, f"the file can't be read: {problem}") from problem
    if not isinstance(content, bytes):
        raise InputError(field, 'the file is open as text: open it as bytes, open(path, "rb")')
    name = getattr(file, "name", "")
    return _named(os.path.basename(name) if isinstance(name, str) else "", content, "")


def _of_picture(picture: Any) -> FilePart:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return _named("", stream.getvalue(), "image/png")


def _named(name: str, content: bytes, media_type: str) -> FilePart:
    known, ending = next(
        ((kind, ending) for mark, kind, ending in _SIGNATURES if content.startswith(mark)),
        ("application/octet-stream", ".bin"),
    )
    name = name.encode("utf-8", "replace").decode()  # that of a file may be no UTF-8
    suffix = Path(name).suffix.lower()
    guessed = _TYPES.get(suffix) or mimetypes.guess_type(name)[0]
    return FilePart(name or _UNNAMED + ending, content, media_type or guessed or known)


def _described(value: object) -> str:
    return f"{value!r:.40} ({type(value).__name__})"
