import io
import struct
import zlib

import numpy
import pytest
from modelproxy.drift import picture
from PIL import Image

SIDE = 80


def drawn(seed=1, mode="RGB"):
    """A picture with edges and colours, of one kind for each seed."""
    random = numpy.random.RandomState(seed)
    coarse = Image.fromarray(random.randint(0, 256, (6, 6, 3)).astype("u1"))
    return coarse.resize((SIDE, SIDE), 2).convert(mode)


def file_of(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def apart(one, other):
    return float(numpy.linalg.norm(picture.embedding(one) - picture.embedding(other)))


def test_the_vector():
    vector = picture.embedding(file_of(drawn()))
    assert vector.shape == (picture.DIMENSIONS,) and vector.dtype == numpy.dtype("<f4")
    assert numpy.isfinite(vector).all() and 0.5 < numpy.linalg.norm(vector) < 5
    assert (vector == picture.embedding(file_of(drawn()))).all()


def test_what_a_person_takes_for_the_same_is_nearer_than_what_isnt():
    image = drawn()
    file = file_of(image)
    same = [
        file_of(image, "JPEG", quality=90),
        file_of(image.resize((SIDE * 2, SIDE * 2), 2)),
        file_of(Image.fromarray(numpy.clip(numpy.asarray(image).astype("i4") + 4, 0, 255).astype("u1"))),
    ]
    other = [
        file_of(drawn(2)),
        file_of(image.rotate(90)),
        file_of(Image.eval(image, lambda level: 255 - level)),
        file_of(Image.eval(image, lambda level: level // 3)),
        file_of(image.convert("L").convert("RGB")),
        file_of(Image.fromarray(numpy.random.RandomState(3).randint(0, 256, (SIDE, SIDE, 3)).astype("u1"))),
    ]
    assert max(apart(file, one) for one in same) < min(apart(file, one) for one in other) / 2


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "F", "YCbCr"])
def test_each_mode_of_pixels(mode):
    kind = {"CMYK": "TIFF", "F": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    vector = picture.embedding(file_of(drawn().convert("L" if mode == "F" else "RGB").convert(mode), kind))
    assert numpy.isfinite(vector).all()


def test_what_cant_be_seen_is_white():
    clear = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    assert apart(file_of(clear), file_of(Image.new("RGB", (SIDE, SIDE), "white"))) == 0
    palette = Image.new("P", (SIDE, SIDE), 0)
    palette.putpalette([0, 0, 0] * 256)
    assert apart(file_of(palette, transparency=0), file_of(clear)) == 0


def test_sixteen_bits_are_no_darker_than_eight():
    grey = drawn(mode="L")
    deep = Image.fromarray(numpy.asarray(grey).astype("u2") * 257)
    assert apart(file_of(deep), file_of(grey)) < 0.05


def test_a_turned_picture_is_another_though_its_metadata_turn_it_back():
    image = drawn()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    assert apart(file_of(image, "JPEG"), file_of(image, "JPEG", exif=exif)) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (64, 64), (3000, 20)])
@pytest.mark.parametrize("colour", ["black", "white", "red", "#777"])
def test_plain_ones_of_any_size(size, colour):
    vector = picture.embedding(file_of(Image.new("RGB", size, colour)))
    assert numpy.isfinite(vector).all()
    assert apart(file_of(Image.new("RGB", size, colour)), file_of(Image.new("RGB", (90, 90), colour))) < 1e-3


@pytest.mark.parametrize("content", [b"", b"text", file_of(drawn())[:200], b"\xff\xd8\xff" + bytes(100)])
def test_what_is_no_picture(content):
    with pytest.raises(picture.NoPicture, match="no picture that Pillow can read"):
        picture.embedding(content)


def test_a_file_that_is_a_program_is_no_picture():
    with pytest.raises(picture.NoPicture, match="read: it is none of PNG, JPEG"):
        picture.embedding(file_of(drawn(), "EPS"))


def test_a_picture_of_few_bytes_and_many_pixels_is_no_picture():
    content = file_of(drawn())
    header = content[:16] + struct.pack(">II", 9000, 9000) + content[24:29]
    with pytest.raises(picture.NoPicture, match="9000 x 9000 pixels"):
        picture.embedding(header + struct.pack(">I", zlib.crc32(header[12:])) + content[33:])


def test_too_large_a_picture_says_how_large_it_may_be(monkeypatch):
    monkeypatch.setattr(picture.opened, "__defaults__", (SIDE * SIDE, 0, 0))
    with pytest.raises(picture.NoPicture, match=r"^it has 80 x 80 pixels, .* make it smaller"):
        picture.embedding(file_of(drawn()))
