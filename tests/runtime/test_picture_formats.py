"""Which picture files are taken, what Pillow is given of them, and how they lie."""

import contextlib
import io
import re
import struct
import zlib

import pytest

Image = pytest.importorskip("PIL.Image")

from modelproxy.formats import picture_file, picture_formats  # noqa: E402
from modelproxy.formats.picture_formats import bare  # noqa: E402
from PIL import ImageOps  # noqa: E402


def file_of(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(mode="RGB", size=(23, 17)):
    return Image.frombytes("RGB", size, bytes(bytearray(range(1, 256))) * 5, "raw", "RGB", 0, 1).convert(mode)


def given(content):
    """What Pillow is given."""
    return bare(content)[1].read()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def riff(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def tiff(entries, rest=b"", order="<"):
    """Of (tag, type, count, value), whose value "rest" is the place of ``rest``."""
    start = 8 + 2 + 12 * len(entries) + 4
    made = [struct.pack(order + "2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(entries))]
    for tag, kind, count, value in entries:
        form = "HHIHxx" if kind == 3 and count == 1 else "HHII"
        made.append(struct.pack(order + form, tag, kind, count, start if value == "rest" else value))
    return b"".join(made) + b"\0\0\0\0" + rest


STRIP, TILE = (273, 279), (324, 325)


def grey(*more, **options):
    """A TIFF of 16 x 16 grey pixels, with more entries, in one strip or what ``part`` says."""
    part = options.pop("part", STRIP)
    entries = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (262, 3, 1, 1)]
    entries += [(part[0], 4, 1, "rest"), (part[1], 4, 1, 256)]
    return tiff(sorted(entries + list(more), key=lambda entry: entry[0]), bytes(bytearray(range(256))), **options)


def oriented(orientation, order="<"):
    """EXIF."""
    return tiff([(0x10F, 2, 4, 0), (0x0112, 3, 1, orientation)], order=order)


PICTURES = [
    ("PNG", "RGB", {}),
    ("PNG", "LA", {}),
    ("PNG", "P", {"transparency": 3}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "L", {}),
    ("GIF", "P", {"transparency": 3, "comment": b"hello"}),
    ("GIF", "L", {}),
    ("BMP", "RGB", {}),
    ("BMP", "1", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {"quality": 80}),
    ("TIFF", "RGB", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "P", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "CMYK", {"compression": "packbits"}),
    ("TIFF", "I;16", {}),
    ("PPM", "RGB", {}),
    ("PPM", "L", {}),
    ("PPM", "1", {}),
]


@pytest.mark.parametrize(("kind", "mode", "options"), PICTURES)
def test_what_is_taken_has_the_pixels_that_pillow_finds(kind, mode, options):
    image = Image.frombytes(mode, (23, 17), bytes(bytearray(range(256))) * 4, "raw") if mode == "I;16" else noise(mode)
    content = file_of(image, kind, **options)
    found, expected = picture_file.opened(content), Image.open(io.BytesIO(content))
    assert (found.mode, found.size, found.format) == (expected.mode, expected.size, kind)
    assert found.tobytes() == expected.tobytes()
    assert found.info.get("transparency") == expected.info.get("transparency")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        file_of(noise(), "EPS"),
        file_of(noise(), "ICO"),
        file_of(noise(), "TGA"),
        b"\x1c\x03\x14\0\x04\0\0\0\x08\x1c\x03\x1e\0\x04\0\0\0\x08\x1c\x08\x0a\0\x04%!PS",  # IPTC, which holds files
        b"BLP1" + bytes(200),  # which holds a JPEG
        b"DDS |\0\0\0" + bytes(120),
        b"SIMPLE  =" + b" " * 2871,  # FITS
        b"\xff\x4f\xff\x51" + bytes(80),  # JPEG 2000
        b"\0\0\0\x1cftypavif" + bytes(20),
        b"II+\0\x08\0\0\0" + bytes(20),  # BigTIFF
        b"P3 1 1 255 1 2 3",
    ],
)
def test_of_other_formats_none_is_shown_to_pillow(content, monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(ValueError, match=r"^it is none of PNG, JPEG, GIF, BMP, WEBP, TIFF, PPM, which are taken$"):
        picture_file.opened(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"BM" + bytes(12) + struct.pack("<IIIHHI", 40, 8, 8, 1, 8, 1) + bytes(40), "it is a BMP of run lengths"),
        (b"BM" + bytes(12) + struct.pack("<IIIHHI", 40, 8, 8, 1, 4, 2) + bytes(40), "it is a BMP of run lengths"),
        (b"P5 2 2 15 ....", "it is a PPM of other levels"),
        (b"P6 1 1 65535 ......", "it is a PPM of other levels"),
        (b"P6 10 20#\n255 \n9 ......", "it is a PPM of other levels"),  # 20255 rows of levels to 9
        (b"P5 2 2 255", "it is a PPM of other levels"),  # but 2550 might follow
        (b"GIF89a\1\0\1\0\0\0\0\0!\xfe\x01a\0,", "it is a GIF without an image"),
        (grey((259, 3, 1, 6)), "it is a TIFF of compression 6, which"),  # old JPEG
        (grey((259, 4, 1, 5)), "it is a TIFF of compression 5, which"),  # of two words, of which one is looked at
        (grey((320, 3, 2**18, 0)), "it is a TIFF whose tag 320 has 262144 values of type 3"),
        (grey((322, 12, 1, 0), part=TILE), "it is a TIFF whose tag 322 has 1 values of type 12"),  # a double
        (grey((278, 4, 0, 0)), "it is a TIFF whose tag 278 has 0 values of type 4"),
        (grey((278, 4, 1, 0)), "it is broken or cut off"),  # strips of no rows
        (grey(part=TILE), "it is broken or cut off"),  # no TileWidth
        (b"\x89PNG\r\n\x1a\n", "it can't be read as PNG: "),
        (b"GIF89a", "it is broken or cut off"),
        (b"BM", "it is broken or cut off"),
        (b"II*\0", "it is broken or cut off"),
        (b"MM\0*\0\0\0\x08\0\xff", "it is broken or cut off"),
        (b"\xff\xd8\xff\xe0", "it is broken or cut off"),
    ],
)
def test_what_of_a_format_is_not_taken(content, reason):
    with pytest.raises(ValueError, match=reason):
        picture_file.opened(content)


@pytest.mark.parametrize(
    "content", [b"P5 # by hand\n2 2\n# levels\n255\n....", b"P5\n2\n2 65535 ........", b"P6 1 1 255\n...", b"P4 8 1\n."]
)
def test_portable_maps_that_are_taken(content):
    picture_file.opened(content).load()


def test_a_bitmap_of_the_oldest_header():
    content = b"BM" + struct.pack("<IIIIHHHH", 34, 0, 26, 12, 2, 1, 1, 24) + b"\1\2\3\4\5\6\0\0"
    assert picture_file.opened(content).tobytes() == b"\3\2\1\6\5\4"


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "TIFF >"])
def test_a_picture_is_put_upright(kind, orientation):
    exif = oriented(orientation, ">" if orientation % 2 else "<")
    content = b"" if "TIFF" in kind else file_of(noise(), kind)
    if kind == "PNG":
        content = content[:33] + chunk(b"eXIf", exif) + chunk(b"eXIf", oriented(2)) + content[33:]
    elif kind == "JPEG":
        content = (
            content[:2] + segment(0xE1, b"Exif\0\0" + exif) + segment(0xE1, b"Exif\0\0" + oriented(2)) + content[2:]
        )
    elif kind == "WEBP":
        for one in (b"Exif\0\0" + exif, oriented(2)):
            content += riff(b"EXIF", one)
    else:
        content = grey((0x0112, 3, 1, orientation), order="<" if kind == "TIFF" else ">")
    plain = picture_file.opened(content)
    plain.load()
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = io.BytesIO(file_of(plain, "PNG", exif=exif))
    expected = ImageOps.exif_transpose(Image.open(turned))
    assert bare(content)[2] == orientation
    found = picture_file.upright(plain)
    assert (found.size, found.tobytes()) == (expected.size, expected.tobytes())


@pytest.mark.parametrize("exif", [b"", b"Exif", b"II*\0\xff\0\0\0", b"MM\0*\0\0\0\x08\xff\xff", b"?" * 40])
def test_broken_exif_turns_nothing(exif):
    content = file_of(noise())
    assert bare(content[:33] + chunk(b"eXIf", exif) + content[33:])[2] in (0, 1)


def test_nothing_beside_the_pixels_is_given_to_pillow():
    png = file_of(noise())
    text = b"k\0\1\0\0\0" + zlib.compress(b"a" * 10**6)
    assert given(png[:33] + chunk(b"iTXt", text) + chunk(b"iCCP", b"x" * 99) + png[33:] + b"more") == png
    jpeg = file_of(noise(), "JPEG")
    beside = (
        segment(0xE1, oriented(6)) + segment(0xED, b"Photoshop 3.0\0") + segment(0xE2, b"MPF\0") + segment(0xFE, b"")
    )
    colours = segment(0xE0, b"JFIF\0") * 3
    assert given(jpeg[:2] + b"\xff\x01junk\xff\xd8" + beside + jpeg[2:20] + colours + jpeg[20:] + jpeg) == jpeg
    gif = file_of(noise("P"), "GIF")
    start = gif.index(b",\0\0\0\0\x17\0")
    comments, control = b"!\xfe" + b"\x03abc" * 1000 + b"\0", b"!\xf9\x04\1\0\0\x07\0"
    beside = b"!\xf9\x04\0\0\0\x07\0" + comments + control + comments
    assert given(gif[:start] + beside + gif[start:]) == gif[:start] + control + gif[start:]
    several = io.BytesIO(given(file_of(noise(), "TIFF", save_all=True, append_images=[noise()])))
    assert Image.open(several).n_frames == 1


def test_of_a_tag_that_is_there_twice_the_first_counts():
    tiles = [(259, 3, 1, 8)] + [(tag, 4, 1, side) for side in (30000, 16) for tag in (322, 323)]
    with pytest.raises(picture_file.TooLarge, match="it has 16 x 16 pixels, for which 900 MB"):
        picture_file.opened(grey(*tiles, part=TILE))


def in_parts(starts, *more, **options):
    """A grey TIFF, 16 pixels wide, whose strips or tiles start there in its ``content``, each of that ``length``."""
    offsets, lengths = options.pop("part", STRIP)
    content, count = options.pop("content", bytes(bytearray(range(256))) * 4), len(starts)
    entries = {256: (4, 1, 16), 257: (4, 1, options.pop("rows", 16)), 258: (3, 1, 8), 262: (3, 1, 1)}
    entries.update({entry[0]: entry[1:] for entry in more})
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    numbers = [start + one for one in starts] + [options.pop("length", 16)] * count
    entries[offsets] = (4, count, start + len(content) if count > 1 else numbers[0])
    entries[lengths] = (4, count, start + len(content) + 4 * count if count > 1 else numbers[1])
    made = [(tag,) + entry for tag, entry in sorted(entries.items())]
    return tiff(made, content + struct.pack("<%dI" % len(numbers), *numbers))


ROWS_OF_FOUR, TILES_OF_EIGHT = [(278, 3, 1, 4)], [(322, 3, 1, 8), (323, 3, 1, 8)]


@pytest.mark.parametrize(
    ("content", "first", "last"),
    [
        (in_parts([192, 128, 64, 0], *ROWS_OF_FOUR), 192, 63),
        (in_parts([0, 64, 128], *ROWS_OF_FOUR, rows=10), 0, 159),
        (in_parts([0, 64, 128, 192], *TILES_OF_EIGHT, part=TILE), 0, 255),
        (in_parts([0, 64, 128, 192], *TILES_OF_EIGHT, part=TILE, rows=9), 0, 199),
        (in_parts([0, 64, 128, 192], *(ROWS_OF_FOUR + TILES_OF_EIGHT)), 0, 255),  # which are strips, to all who read
        (in_parts([0, 64, 128, 192], *(ROWS_OF_FOUR + TILES_OF_EIGHT), part=TILE), 0, 255),
    ],
)
def test_strips_and_tiles(content, first, last):
    image = picture_file.opened(content)
    assert (image.getpixel((0, 0)), image.getpixel((15, image.height - 1))) == (first, last)


def test_bands_that_lie_apart():
    each = [(258, 3, 1, 8), (262, 3, 1, 2), (277, 3, 1, 3), (284, 3, 1, 2)]
    image = picture_file.opened(in_parts([0, 256, 512], *each))
    assert image.getpixel((7, 2)) == (39, 39, 39)


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_sixteen_bits(order):
    rest = struct.pack(order + "256H", *range(0, 65536, 256))
    entries = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 16), (262, 3, 1, 1), (273, 4, 1, "rest"), (279, 4, 1, 512)]
    image = picture_file.opened(tiff(entries, rest, order))
    assert picture_file.plain(image, "L").tobytes() == bytes(bytearray(range(256)))


ROW = zlib.compress(bytes(16))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (in_parts([0, 64] * 100, *ROWS_OF_FOUR, rows=8), "it is a TIFF of 2 strips or tiles that has 200"),
        (in_parts([0, 64] * 100), "it is a TIFF of 1 strips or tiles that has 200"),
        (in_parts([0, 64], *ROWS_OF_FOUR), "it is a TIFF of 4 strips or tiles that has 2"),
        (in_parts([0] * 5, *TILES_OF_EIGHT, part=TILE), "it is a TIFF of 4 strips or tiles that has 5"),
        (in_parts([0] * 4, (277, 3, 1, 3), (284, 3, 1, 2)), "it is a TIFF of 3 strips or tiles that has 4"),
        (in_parts([0, 1], *ROWS_OF_FOUR, rows=8), "it is a TIFF whose strips or tiles share their bytes"),
        (in_parts([0, 15], (258, 3, 1, 16), (278, 3, 1, 8)), "it is a TIFF whose strips or tiles share their bytes"),
        (in_parts([0, 7], *TILES_OF_EIGHT, rows=8, part=TILE), "it is a TIFF whose strips or tiles share their bytes"),
        (
            in_parts([0] * 16, (259, 3, 1, 8), (278, 3, 1, 1), content=ROW * 9, length=len(ROW) * 9),
            "it is a TIFF whose strips or tiles share their bytes",
        ),
        (
            in_parts([0] * 16, (259, 3, 1, 8), (278, 3, 1, 1), part=(273, 280)),
            "it is a TIFF whose strips or tiles .* lack lengths",
        ),
    ],
)
def test_no_part_of_a_tiff_is_unpacked_more_often_than_it_is_there(content, reason):
    with pytest.raises(ValueError, match=reason):
        picture_file.opened(content)


def test_tags_of_no_use_are_not_even_collected():
    """Of 65,535 with the same last bits each would be looked for among the others."""
    own = {256, 257, 258, 262, 273, 279, 0x0112}
    entries = [(tag, 3, 1, 1) for tag in range(1024, 65536, 4)]
    assert set(picture_formats._entries(grey((0x0112, 3, 1, 6), *entries))[1]) == own


def test_what_all_tags_share_is_copied_for_none():
    entries = [(tag, 7, 100, "rest") for tag in range(40000, 46000)]
    assert len(given(grey(*entries))) - len(grey(*entries)) == 2 + 6 * 12 + 4


SCAN = b"\xff\xda\0\x08\1\1\0\1\x3f\0"


def scanned(scans):
    content = file_of(noise("L"), "JPEG", progressive=True)
    return content[:-2] + scans + b"\xff\xd9"


OWN = scanned(b"").count(SCAN[:2])
BASELINE = file_of(noise("L"), "JPEG")
EXTENDED = BASELINE.replace(b"\xff\xc0", b"\xff\xc1")
LOSSLESS = BASELINE.replace(b"\xff\xc0", b"\xff\xc3")
HIERARCHICAL = BASELINE.replace(b"\xff\xc0", b"\xff\xc5")
ARITHMETIC = BASELINE.replace(b"\xff\xc0", b"\xff\xc9")
TWO_FRAMES = BASELINE.replace(b"\xff\xda", b"\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xda")
# By which libjpeg 9 has blocks of one pixel.
ENDS_EARLY = EXTENDED.replace(SCAN[:7] + b"\0\x3f\0", SCAN[:7] + b"\0\0\0")
OF_NO_BANDS = scanned(b"").replace(SCAN[:2], b"\xff\xda\0\x06\0\0\0\0" + SCAN[:2], 1)


def in_tiff(jpeg):
    """In its second strip, of two."""
    more = [(259, 3, 1, 7), (256, 4, 1, 23), (257, 4, 1, 34), (278, 3, 1, 17)]
    jpeg = BASELINE + jpeg + bytes(1000)
    return in_parts([0, len(BASELINE)], *more, content=jpeg, length=len(jpeg) // 2)


@pytest.mark.parametrize(
    ("jpeg", "reason"),
    [
        (one, "it is a JPEG of several frames, arithmetic coded or lossless, or of other blocks than 8 x 8 pixels")
        for one in (LOSSLESS, HIERARCHICAL, ARITHMETIC, TWO_FRAMES, ENDS_EARLY, OF_NO_BANDS)
    ]
    + [(scanned(SCAN * 101), "it is a JPEG of more than 100 scans")],
)
def test_what_of_a_jpeg_is_not_taken_alone_nor_in_a_tiff(jpeg, reason):
    assert jpeg not in (BASELINE, EXTENDED, scanned(b""))
    only = [(259, 3, 1, 7), (256, 4, 1, 23), (257, 4, 1, 17)]
    in_one = [in_parts([0], *only, content=jpeg, length=length) for length in (0, len(jpeg))]
    for content in [jpeg, in_tiff(jpeg)] + in_one:
        with pytest.raises(ValueError, match=reason):
            picture_file.opened(content)


@pytest.mark.parametrize("jpeg", [BASELINE, EXTENDED])
def test_a_jpeg_in_a_tiff(jpeg):
    image = picture_file.opened(in_tiff(jpeg))
    assert image.crop((0, 17, 23, 34)).tobytes() == Image.open(io.BytesIO(jpeg)).tobytes()


def of_size(jpeg, width, height):
    """That says to have it."""
    start = re.search(b"\xff[\xc0\xc2]\0", jpeg).start() + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]


def of_jpegs(jpeg, *more, **options):
    """A TIFF of 23 x 17 pixels, in so many parts, each of which is that one."""
    count = options.pop("count", 1)
    entries = [(259, 3, 1, 7), (256, 4, 1, 23), (257, 4, 1, 17)]
    return in_parts([0] * count, *(entries + list(more)), content=jpeg * count, length=len(jpeg), **options)


TILES = [(322, 3, 1, 16), (323, 3, 1, 32)]


@pytest.mark.parametrize(
    "content",
    [
        of_jpegs(scanned(b"")),  # progressive
        of_jpegs(BASELINE.replace(b"\xff\xd9", SCAN[:7] + b"\0\x3f\0\xff\xd9")),  # in two scans
        of_jpegs(BASELINE[: BASELINE.index(b"\xff\xda")]),  # in none
        of_jpegs(BASELINE.replace(b"\xff\xc0", b"\xff\xfe")),  # without a frame
        of_jpegs(file_of(noise(), "JPEG")),  # three bands
        of_jpegs(of_size(BASELINE, 23, 18)),
        of_jpegs(of_size(BASELINE, 24, 17)),
        of_jpegs(BASELINE, (278, 3, 1, 16), count=2),
        of_jpegs(BASELINE, *TILES, count=2, part=TILE),
        of_jpegs(of_size(BASELINE, 16, 33), *TILES, count=2, part=TILE),
        of_jpegs(file_of(noise(), "JPEG"), (258, 3, 1, 8), (277, 3, 1, 3), (284, 3, 1, 2), count=3),  # of bands apart
    ],
)
def test_a_jpeg_of_a_tiff_is_decoded_row_by_row_and_no_larger_than_its_part(content):
    with pytest.raises(ValueError, match="it is a TIFF of JPEGs that are progressive, in several scans, or of another"):
        picture_file.opened(content)


@pytest.mark.parametrize(
    "content",
    [
        of_jpegs(of_size(BASELINE, 23, 32), (278, 3, 1, 32)),  # the last of some has rows that aren't the picture's
        of_jpegs(of_size(BASELINE, 23, 16), (278, 3, 1, 16), count=2),
        of_jpegs(of_size(BASELINE, 16, 32), *TILES, count=2, part=TILE),
        of_jpegs(BASELINE, (258, 3, 1, 8), (262, 3, 1, 2), (277, 3, 1, 3), (284, 3, 1, 2), count=3),
    ],
)
def test_jpegs_of_a_tiff_s_strips_tiles_and_bands(content):
    image = picture_file.opened(content)
    image.load()
    assert image.size == (23, 17)


@pytest.mark.parametrize("compression", [2, 3, 4])
def test_a_fax_has_no_more_rows_than_a_page_or_bits(compression):
    def fax(rows, more):
        return in_parts([0], (258, 3, 1, 1), (259, 3, 1, compression), rows=rows, content=bytes(more), length=more)

    assert picture_file.opened(fax(2**14, 2**11)).size == (16, 2**14)
    for rows, more in ((2**14 + 1, 2**13), (2**14, 2**10)):
        with pytest.raises(ValueError, match="it is a fax of %d rows, more than are taken or its bytes have" % rows):
            picture_file.opened(fax(rows, more))


def test_a_jpeg_has_so_many_scans_and_no_more():
    picture_file.opened(scanned(SCAN * (100 - OWN))).load()
    with pytest.raises(ValueError, match="it is a JPEG of more than 100 scans"):
        picture_file.opened(scanned(SCAN * (101 - OWN)))


@pytest.mark.parametrize(
    ("width", "height", "scans"), [(10000, 10000, 14), (5000, 2000, 100), (8192, 6144, 27), (65535, 65535, 1)]
)
def test_the_larger_a_jpeg_the_fewer_scans_it_has(width, height, scans):
    content = of_size(file_of(noise("L"), "JPEG", progressive=True), width, height)
    first = content.index(SCAN[:2])
    bare(content[:first] + SCAN * scans + b"\xff\xd9")
    with pytest.raises(ValueError, match="it is a JPEG of more than %d scans" % scans):
        bare(content[:first] + SCAN * (scans + 1) + b"\xff\xd9")


@pytest.mark.parametrize(
    "hidden",
    [
        segment(0x02, SCAN * 200),  # which libjpeg, amid a scan, looks into
        segment(0xFE, SCAN * 200),
        segment(0xDB, b"")[:3] + b"\0" + SCAN * 200,  # of a length that can't be
        (b"\xff\xff\xe1\0\2" + SCAN[1:]) * 200,  # what is left out would join two halves
        b"\xff\xfe\0\4\xff\xd9" + SCAN * 200,  # no end of the picture
        b"\xff\xd0" + SCAN * 200,
        b"\xff\0" + SCAN * 200,
    ],
)
def test_no_scan_is_hidden(hidden):
    found = b""
    with contextlib.suppress(ValueError):  # it is counted
        found = given(scanned(hidden))
    assert found.count(SCAN[:2]) <= 100


@pytest.mark.parametrize(("kind", "mode", "options"), [one for one in PICTURES if one[1] != "I;16"])
def test_what_is_cut_off_or_changed_is_read_or_refused(kind, mode, options):
    content = file_of(noise(mode), kind, **options)
    for end in range(0, min(len(content), 600), 3):
        broken = bytearray(content)
        broken[end] ^= 0xFF
        for one in (content[:end], bytes(broken)):
            with contextlib.suppress(ValueError):
                bare(one)
