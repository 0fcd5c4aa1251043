"""Files made to harm whoever opens them as pictures: in the container, and on the machine that shows them."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from modelwhisk import adapter
from modelwhisk.client import FilePart, InputError
from modelwhisk.drift import data_urls, declaration
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.thumbnails import thumbnails
from modelwhisk.invoke import terminal
from modelwhisk.invoke.shrink import shrink_picture

picture, image_tensor, tensors = map(adapter.part, ("drift.picture", "formats.image_tensor", "formats.tensors"))

PROGRAM = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\n(pwned) show showpage\n%%EOF\n"
# IPTC's own way to hold a file, which Pillow opens as it opens any.
WRAPPED = b"".join(
    b"\x1c" + field + struct.pack(">H", len(content)) + content
    for field, content in (
        (b"\3\x14", b"\0\0\0\x1c"),
        (b"\3\x1e", b"\0\0\0\x1c"),
        (b"\3\x3c", b"\1\0"),
        (b"\3\x41", b"\1"),
        (b"\3\x78", b"\5"),
        (b"\x08\x0a", PROGRAM),
    )
)


def bomb() -> bytes:
    """A PNG that says to have 19,000 x 19,000 pixels, beyond what Pillow itself opens."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "PNG")
    whole = stream.getvalue()
    header = whole[:16] + struct.pack(">II", 19_000, 19_000) + whole[24:29]
    return header + struct.pack(">I", zlib.crc32(header[12:])) + whole[33:]


def jpeg(width: int, height: int, frame: int, *scans: bytes) -> bytes:
    """A grey JPEG of that size and kind of frame, with whose scans no data come."""

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content

    made = [segment(0xDB, b"\0" + b"\1" * 64), segment(frame, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0))]
    made += [segment(0xC4, table + b"\1" + bytes(16)) for table in (b"\0", b"\x10")]
    return b"\xff\xd8" + b"".join(made + [segment(0xDA, scan) for scan in scans]) + b"\xff\xd9"


def tiff_of(content: bytes, width: int, height: int) -> bytes:
    """A TIFF of that size whose only strip is a JPEG."""
    entries = [(256, width), (257, height), (258, 8), (259, 7), (262, 1), (273, 8), (278, height), (279, len(content))]
    directory = b"".join(struct.pack("<HHII", tag, 4 if tag != 259 else 3, 1, value) for tag, value in entries)
    at = struct.pack("<I", 8 + len(content))
    return b"II*\0" + at + content + struct.pack("<H", len(entries)) + directory + b"\0\0\0\0"


REFINED = b"\1\1\0\1\x3f\x10"  # a scan that says nothing new of any pixel
BOMBS = {
    "many pixels": bomb(),
    "many scans of many pixels": jpeg(9950, 9900, 0xC2, b"\1\1\0\0\0\0", *[REFINED] * 98),
    "a lossless JPEG, which Pillow can't decode smaller": jpeg(9000, 9000, 0xC3, b"\1\1\0\1\0\0"),
    "blocks of one pixel": jpeg(9000, 9000, 0xC1, b"\1\1\0\0\0\0"),
    "blocks of one pixel in scans": jpeg(3000, 3000, 0xC2, b"\0\0\0\0", b"\1\1\0\0\0\0"),
    "a strip's JPEG larger than it": tiff_of(jpeg(7000, 7000, 0xC0, b"\1\1\0\0\x3f\0"), 7000, 8),
    "a strip's JPEG in scans": tiff_of(jpeg(16, 16, 0xC2, b"\1\1\0\0\0\0", REFINED), 16, 16),
}


def in_file(content: bytes, folder: Path) -> Given:
    path = folder / "holiday.jpg"
    path.write_bytes(content)
    return Given(str(path), {"": path})


def as_tensor(content: bytes, _: Path) -> object:
    taken = image_tensor.picture_of(tensors.Tensor("x", "FP32", [1, 1, 8, 8]), {})
    return image_tensor.array_of(taken, content)


def shrunk(content: bytes, _: Path) -> object:
    part = FilePart("holiday.jpg", content, "image/jpeg")
    return shrink_picture(part, 10)


OPENERS: dict[str, Callable[[bytes, Path], object]] = {
    "an ONNX model's picture": as_tensor,
    "the drift of a call": lambda content, _: picture.embedding(content),
    "drift fit: is it a picture": lambda content, folder: declaration._is_picture(in_file(content, folder)),
    "drift fit: thumbnails": lambda content, folder: thumbnails([in_file(content, folder)]),
    "drift report": lambda content, folder: data_urls.of_file(in_file(content, folder).values[""]),
    "invoke: a model's answer": lambda content, _: terminal.inline(content, "x.jpg", "kitty"),
    "invoke --shrink": shrunk,
}
REFUSALS = (ValueError, picture.NoPicture, image_tensor.BadValue, InputError)


@pytest.mark.parametrize("content", [PROGRAM, WRAPPED])
@pytest.mark.parametrize("opener", OPENERS)
def test_no_picture_is_run_by_ghostscript(
    opener: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **options: ran.append(given))
    with contextlib.suppress(*REFUSALS):
        OPENERS[opener](content, tmp_path)
    assert not ran


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("opener", [name for name in OPENERS if name != "invoke: a model's answer"])
def test_no_picture_of_few_bytes_is_unpacked_into_gigabytes_or_minutes(
    content: bytes, opener: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = []  # what raises here would be taken for a broken picture

    def load(image: Image.Image) -> object:
        unpacked.append(image)
        raise OSError("not in this test")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with contextlib.suppress(*REFUSALS):
        assert not OPENERS[opener](content, tmp_path)  # no picture, and so none is shown
    assert not unpacked


def test_a_pipe_or_a_device_that_a_reference_names_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert data_urls.of_file(tmp_path / "pipe") is None  # it would wait for a writer for ever
