"""A file to try a model with: one of its own samples where its folder is here, else one that the shell makes."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg"),
    "audio": (".wav",),
    "video": (".mp4",),
    "other": (".csv", ".npy", ".txt", ".json"),
}
_NAME = re.compile(r"\w[\w.-]*")
_FILE_NAME = re.compile(r"[\w.() +-]+")
_AUDIO_SECONDS = 10
_AUDIO_RATE = 16_000


@dataclass(frozen=True)
class Sample:
    """A file for a curl form: what stands after the @, and the shell command (maybe none) whose output is piped in.

    `real` is false where the user has to put a file of their own.
    """

    place: str
    producer: str = ""
    real: bool = True


def sample_file(field: str, description: str, model: str, folder: Path = Path()) -> Sample:
    """A file for a field of `model`, as `folder` (the working directory) and the field's words suggest."""
    kind = _kind(f"{field} {description}".lower())
    own = _own_sample(kind, model, folder)
    if own is not None:
        return Sample(own)
    if kind == "image":
        return Sample("-;filename=sample.png;type=image/png", f"echo {_base64(_png())} | base64 --decode")
    if kind == "audio":
        size = _AUDIO_SECONDS * _AUDIO_RATE * 2
        header = f"echo {_base64(_wav_header(size))} | base64 --decode"
        return Sample("-;filename=sample.wav;type=audio/wav", f"({header}; head -c {size} /dev/zero)")
    return Sample("FILE", real=False)


def _kind(words: str) -> str:
    if re.search(r"image|picture|photo|mask|png|jpe?g", words):
        return "image"
    if re.search(r"audio|sound|speech|wav", words):
        return "audio"
    return "video" if "video" in words else "other"


def _own_sample(kind: str, model: str, folder: Path) -> str | None:
    """The first sample of a checkout's `models/MODEL/samples`, relative to the folder; none of an image called `..`."""
    if not _NAME.fullmatch(model):
        return None
    samples = folder / "models" / model / "samples"
    found = sorted(path for path in samples.glob("*") if path.suffix in _SUFFIXES[kind] and _is_of(folder, path))
    return str(found[0].relative_to(folder)) if found else None


def _is_of(folder: Path, path: Path) -> bool:
    """Whether it is a file, and no link led to it, which in a stranger's checkout may lead anywhere; by a name that
    says nothing more to curl's -F."""
    where = folder.resolve() / path.relative_to(folder)
    return path.is_file() and path.resolve() == where and _FILE_NAME.fullmatch(path.name) is not None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _png(side: int = 64) -> bytes:
    """A dark stroke on white, as somebody writes a one: RGB, since some models count on three channels; 110 bytes."""
    white, dark = b"\xff" * 3, b"\0" * 3
    row = b"\0" + b"".join(dark if side // 2 - 3 <= x < side // 2 + 3 else white for x in range(side))
    margin = b"\0" + white * side
    rows = margin * 8 + row * (side - 16) + margin * 8
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", binascii.crc32(name + content))
        for name, content in chunks
    )


def _wav_header(size: int) -> bytes:
    """The header of `size` bytes of 16 bit mono sound."""
    form = struct.pack("<HHIIHH", 1, 1, _AUDIO_RATE, _AUDIO_RATE * 2, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data"
        + struct.pack("<I", size)
    )  # fmt: skip
