"""What a picture may cost before and while it is unpacked."""

import io
import os
import struct
import subprocess
import sys
import zlib

import pytest

Image = pytest.importorskip("PIL.Image")

from modelproxy.formats import picture_file  # noqa: E402
from modelproxy.formats.picture_file import TooLarge, opened, plain  # noqa: E402


def file_of(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def said_to_be(width, height, mode, kind="PNG"):
    """A picture file whose header announces that size."""
    content = file_of(Image.new(mode, (8, 8)), kind.split()[-1], progressive="progressive" in kind)
    if "several" in kind:
        scan = content.index(b"\xff\xda")
        content = content[:scan] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + content[scan:]
    if kind == "PNG":
        header = content[:16] + struct.pack(">II", width, height) + content[24:29]
        return header + struct.pack(">I", zlib.crc32(header[12:])) + content[33:]
    start = content.index(b"\xff\xc2" if "progressive" in kind else b"\xff\xc0") + 5  # of a JPEG's frame
    return content[:start] + struct.pack(">HH", height, width) + content[start + 4 :]


@pytest.mark.parametrize(
    ("mode", "kind", "options", "side"),
    [
        ("L", "PNG", {}, 6324),  # one byte as it is, four in colour
        ("RGB", "PNG", {}, 5000),  # four and four
        ("LA", "PNG", {}, 5000),
        ("RGB", "PNG", {"more": 12}, 3535),  # and float32 of three colours
        ("L", "PNG", {"more": 1}, 6324),
        ("L", "PNG", {"more": 24}, 2672),
        ("L", "JPEG", {}, 6324),
        ("RGB", "JPEG", {}, 5000),
        ("CMYK", "JPEG", {}, 5000),
        ("RGB", "JPEG", {"side": 28, "more": 12}, 3535),
        ("RGB", "JPEG", {"side": 28}, 13719),  # decoded smaller, to a 64th of its pixels
        ("RGB", "progressive JPEG", {}, 4472),  # six for the coefficients
        ("CMYK", "progressive JPEG", {}, 4082),
        ("RGB", "progressive JPEG", {"side": 28}, 5743),
        ("RGB", "several JPEG", {}, 4472),  # its scans have one band each
    ],
)
def test_the_largest_picture_is_as_large_as_memory_is_given_for(mode, kind, options, side):
    image = opened(said_to_be(side, side, mode, kind), **options)
    assert image.size == (side, side) or image.size == ((side + 7) // 8,) * 2
    with pytest.raises(TooLarge, match="it has {0} x {0} pixels, .* 200 MB are given: .* at most".format(side + 1)):
        opened(said_to_be(side + 1, side + 1, mode, kind), **options)


def test_the_bound_may_be_another():
    content = file_of(Image.new("RGB", (10, 10)))
    assert opened(content, most=800).size == (10, 10)
    with pytest.raises(TooLarge, match=r"it has 10 x 10 pixels, for which 0 MB .* 9.99e-05 megapixels at most"):
        opened(content, most=799)


def test_a_jpeg_is_decoded_smaller_only_where_it_is_too_large():
    content = file_of(Image.new("RGB", (640, 480)), "JPEG")
    assert opened(content, side=28).size == (640, 480)
    assert opened(content, side=28, most=640 * 480 * 7).size == (80, 60)
    assert opened(content, side=100, most=640 * 480 * 7).size == (320, 240)


@pytest.mark.parametrize("size", [(1, 65535), (65535, 1)])
def test_a_narrow_picture_that_grows_when_it_is_resized(size):
    content = said_to_be(size[0], size[1], "L")
    assert opened(content, side=760).size == size
    with pytest.raises(TooLarge):
        opened(content, side=764)


@pytest.mark.parametrize("size", [(1, 65536), (65536, 1)])
def test_no_side_is_longer_than_a_row_may_be(size):
    """For each pixel of a row libtiff keeps 16 bytes of a fax, and Pillow of a PNG of 16 bits."""
    with pytest.raises(TooLarge, match="it has %d x %d pixels, and no side may have more than 65535" % size):
        opened(said_to_be(size[0], size[1], "RGB"))
    tile = tuple(max(8, side) for side in size)
    with pytest.raises(TooLarge, match="it has %d x %d pixels, and no side" % tile):
        opened(with_a_tile(*tile))


def with_a_tile(width, height):
    """A TIFF of 8 x 8 pixels in a tile of that size."""
    content = bytearray(file_of(Image.new("RGB", (8, 8)), "TIFF"))
    entries = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, entries)[0]
    tile = b"".join(struct.pack("<HHII", tag, 4, 1, side) for tag, side in ((322, width), (323, height)))
    told = bytes(content[entries + 2 : entries + 2 + 12 * count]) + tile
    for strip, of_tile in ((273, 324), (279, 325)):  # where it starts, and its length
        told = told.replace(struct.pack("<HH", strip, 4), struct.pack("<HH", of_tile, 4))
        told = told.replace(struct.pack("<HH", strip, 3), struct.pack("<HH", of_tile, 3))
    content[4:8] = struct.pack("<I", len(content))
    return bytes(content) + struct.pack("<H", count + 2) + told + b"\0\0\0\0"


def test_a_tile_larger_than_its_picture():
    assert opened(with_a_tile(4096, 4096)).size == (8, 8)
    with pytest.raises(TooLarge, match="it has 8 x 8 pixels, for which 201 MB"):
        opened(with_a_tile(8192, 8192))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("kind", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
def test_in_parts_a_picture_is_what_it_is_as_a_whole(kind, mode, monkeypatch):
    noise = Image.frombytes("RGBA", (7, 5), bytes(bytearray(range(7, 147))))
    image = noise.convert("LA").convert("PA") if kind == "PA" else noise.convert("RGB").convert(kind)
    if kind == "RGBA":
        image = noise
    whole = image
    if "A" in kind:
        whole = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    for box in (1024, 3):
        monkeypatch.setattr(picture_file, "BOX", box)
        assert plain(image, mode).tobytes() == whole.convert(mode).tobytes()


MEASURED = """
import re, sys
from PIL import Image
from modelproxy.formats import image_tensor, tensors
def peak():
    with open("/proc/self/status") as status:
        return int(re.search("VmHWM:\\\\s*([0-9]+) kB", status.read()).group(1))
def taken(path, dims):
    with open(path, "rb") as file:
        image_tensor.array_of(image_tensor.picture_of(tensors.Tensor("x", "FP32", dims), {}), file.read())
small, large = sys.argv[1:3]
dims = [1, 3] + [int(side) or None for side in sys.argv[3:]]
taken(small, dims)
before = peak()
taken(large, dims)
print(peak() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells how much memory was used at most")
@pytest.mark.parametrize(("mode", "dims", "bytes_each"), [("LA", (28, 28), 8), ("RGB", (0, 0), 16)])
def test_a_picture_takes_no_more_memory_than_was_reckoned_with(mode, dims, bytes_each, tmp_path):
    pytest.importorskip("numpy")
    side = 3000
    paths = [str(tmp_path / name) for name in ("small.png", "large.png")]
    for path, pixels in zip(paths, (16, side)):
        Image.new(mode, (pixels, pixels)).save(path)
    runtime = os.path.dirname(os.path.dirname(os.path.dirname(picture_file.__file__)))
    environment = dict(os.environ, PYTHONPATH=runtime)
    command = [sys.executable, "-c", MEASURED] + paths + [str(size) for size in dims]
    used = int(subprocess.check_output(command, env=environment)) * 1024
    assert used < side * side * bytes_each * 1.25  # there are the parts and the decoder, too
