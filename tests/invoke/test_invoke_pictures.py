"""Pictures: scaled down to fit, and in a terminal's own protocols; without any network."""

from __future__ import annotations

import base64
import io
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from PIL.ImageFile import ImageFile

from modelwhisk.client import FilePart, InputError
from modelwhisk.invoke import shrink, terminal
from modelwhisk.invoke.shrink import shrink_inputs, shrink_picture


def noise(width, height, form, **options):
    """A picture that compresses badly."""
    picture = Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("form", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_it_fits_and_keeps_format_and_shape(form, media_type):
    content = noise(900, 600, form)
    room = len(content) // 3
    small = shrink_picture(FilePart("x", content, media_type), room)
    assert room // 2 < len(small.content) <= room
    with Image.open(io.BytesIO(small.content)) as picture:
        assert picture.format == form
        assert picture.width / picture.height == pytest.approx(1.5, rel=0.02)


def test_no_more_pixels_are_tried_than_a_model_may_ask_for(monkeypatch):
    """A megabyte of a tile that repeats had 100 million, and took eleven seconds: three tries at nearly full size."""
    tried, encoded = [], shrink._encoded
    monkeypatch.setattr(shrink, "_encoded", lambda picture, form: tried.append(picture.size) or encoded(picture, form))
    stream = io.BytesIO()
    Image.new("1", (6000, 4000)).save(stream, "PNG")
    content = stream.getvalue() + bytes(1000)
    small = shrink_picture(FilePart("x.png", content, "image/png"), len(content) - 1)
    assert tried == [(4899, 3266)]
    with Image.open(io.BytesIO(small.content)) as picture:
        assert picture.size == tried[0]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_it_is_written_as_quickly_as_a_picture_commonly_is(form, monkeypatch):
    """With all of zlib's diligence 9 megapixels of rare points took 18 seconds in a single try, for 3 % less."""
    asked, save = [], Image.Image.save
    monkeypatch.setattr(
        Image.Image, "save", lambda picture, *given, **more: asked.append(more) or save(picture, *given)
    )
    content = noise(90, 60, form)
    small = shrink_picture(FilePart("x", content, f"image/{form.lower()}"), len(content) // 3)
    assert len(small.content) <= len(content) // 3
    assert asked
    assert not any(asked)


def test_a_picture_that_lies_on_its_side_is_put_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = noise(600, 300, "JPEG", exif=exif)
    small = shrink_picture(FilePart("x.jpg", content, "image/jpeg"), len(content) // 2)
    with Image.open(io.BytesIO(small.content)) as picture:
        assert picture.width < picture.height


@pytest.mark.parametrize(("several", "at_a_time"), [(1, 1), (200_000_000, 4)])
def test_what_all_that_are_unpacked_at_a_time_need(several, at_a_time, monkeypatch):
    """`map` has a picture for each of its jobs; one of 81 megapixels takes 810 MB."""
    monkeypatch.setattr(shrink, "_BYTES_OF_SEVERAL", several)
    unpacked, most = set(), []
    load, fitting = ImageFile.load, shrink._fitting

    def loaded(image):
        unpacked.add(threading.get_ident())
        most.append(len(unpacked))
        time.sleep(0.02)
        return load(image)

    def fitted(*given):
        try:
            return fitting(*given)
        finally:
            unpacked.discard(threading.get_ident())

    monkeypatch.setattr(ImageFile, "load", loaded)
    monkeypatch.setattr(shrink, "_fitting", fitted)
    part = FilePart("x.png", noise(60, 60, "PNG"), "image/png")
    with ThreadPoolExecutor(8) as threads:
        small = list(threads.map(lambda _: shrink_picture(part, 5_000), range(16)))
    assert all(len(each.content) <= 5_000 for each in small)
    assert max(most) <= at_a_time


def test_those_that_can_not_be_shrunk_keep_no_thread_from_the_next():
    part = FilePart("x.png", noise(60, 60, "PNG"), "image/png")
    for _ in range(8):
        with pytest.raises(InputError, match="can't be made to fit into 10 bytes"):
            shrink_picture(part, 10)
        with pytest.raises(InputError, match="can't be read as a picture"):
            shrink_picture(FilePart("x.png", b"p" * 1000, "image/png"), 100)


def test_what_fits_or_is_no_picture_is_left_alone():
    for part in (FilePart("x.png", b"p" * 10, "image/png"), FilePart("x.wav", b"s" * 1000, "audio/wav")):
        assert shrink_picture(part, 100) is part


def test_what_is_no_picture_inside():
    with pytest.raises(InputError, match=r"x\.png: can't be read as a picture"):
        shrink_picture(FilePart("x.png", b"p" * 1000, "image/png"), 100)


def test_inputs_by_name(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(noise(300, 300, "PNG"))
    small = shrink_inputs({"image": path, "top": 3}, 50_000)
    assert len(small["image"].content) <= 50_000
    assert small["top"] == 3


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, None),
    ],
)
def test_protocol(environment, protocol):
    assert terminal.protocol(environment) == protocol


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_kitty_gets_png_in_chunks(form):
    shown = terminal.inline(noise(60, 60, form), "x", "kitty")
    chunks = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", shown)
    assert chunks[0][0].startswith(b"a=T,f=100")
    assert [control[-3:] for control, _ in chunks] == [b"m=1"] * (len(chunks) - 1) + [b"m=0"]
    assert all(len(data) <= 4096 for _, data in chunks)
    picture = base64.b64decode(b"".join(data for _, data in chunks))
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_iterm2_gets_the_file():
    content = noise(10, 10, "JPEG")
    head, _, data = terminal.inline(content, "x.jpg", "iterm2").partition(b":")
    assert b"inline=1" in head
    assert base64.b64decode(data.rstrip(b"\a\n")) == content
