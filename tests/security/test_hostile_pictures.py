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


@pytest.mark.parametrize("opener", [name for name in OPENERS if name != "invoke: a model's answer"])
def test_no_picture_is_unpacked_into_gigabytes(opener: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpacked(*_: object) -> None:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", unpacked)
    with contextlib.suppress(*REFUSALS):
        assert not OPENERS[opener](bomb(), tmp_path)  # no picture, and so none is shown


def test_a_pipe_or_a_device_that_a_reference_names_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert data_urls.of_file(tmp_path / "pipe") is None  # it would wait for a writer for ever
