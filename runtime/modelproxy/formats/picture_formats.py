"""Which picture files are taken, and of each what its pixels need, no more. Pure.

Pillow knows forty formats: some run programs, some hold a file of another, some are unpacked in Python, and in the
metadata of most a few bytes can take gigabytes or minutes. So a file is told by its first bytes, and what isn't needed
is left out before Pillow sees it. How a picture lies is read here, from EXIF.
"""

import re
import struct
from io import BytesIO

from . import jpeg_segments

_JPEG_ONCE = {0xE0, 0xEE}  # by which JFIF and Adobe tell what the colours are; Pillow keeps all that there are
_JPEG_KEPT = _JPEG_ONCE.union(jpeg_segments.FRAMES, (0xC4, jpeg_segments.SCAN, 0xDB, 0xDD))
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_BMP_RUNS = (1, 2)  # run lengths, which may say to skip more than there is
# Others than these are scaled in Python: levels from 0 to 255, grey ones to 65535. Whitespace has to end each number.
_SPACE = rb"\s(?:\s|#[^\r\n]*[\r\n])*"
_NUMBERS = _SPACE + rb"\d+" + _SPACE + rb"\d+"
_PNM = re.compile(rb"P4|P[56]" + _NUMBERS + _SPACE + rb"255\s|P5" + _NUMBERS + _SPACE + rb"65535\s")
_PNM_HEADER = 1024  # bytes, of comments mostly
_ORIENTATION = 0x0112
_COMPRESSION = 259
_STRIPS = {273, 278, 279}  # StripOffsets, RowsPerStrip, StripByteCounts
_TILES = {322, 323, 324, 325}  # TileWidth, TileLength, TileOffsets, TileByteCounts
_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)  # none, fax, LZW, JPEG, deflate, PackBits
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # BYTE, SHORT and LONG; 5 is RATIONAL, 7 is UNDEFINED
_PARTS = 2**16  # strips or tiles
_FAX = (2, 3, 4)
_FAX_ROWS = 2**14  # for each of which libtiff may write a line to stderr; a page has 7000
# What of a TIFF is kept (TIFF 6.0): the types and the most values that each tag may have.
_TIFF_TAGS = {
    tag: (kinds, most)
    for kinds, most, tags in (
        (_INTEGERS, 1, (256, 257, _COMPRESSION, 262, 266, 277, 278, 284, 292, 293, 317, 322, 323, 531)),
        (_INTEGERS, 8, (258, 338, 339, 530)),  # one for each band, or two
        (_INTEGERS, _PARTS, (273, 279, 324, 325)),
        (_INTEGERS, 3 * 2**16, (320,)),  # ColorMap
        ((7,), 2**16, (347,)),  # JPEGTables
        ((5,), 6, (529, 532)),
    )
    for tag in tags
}


def bare(content):
    """(name of the Pillow plugin, file for it, orientation as EXIF has it, 1 to 8, True for a JPEG that is decoded row
    by row) of a picture's bytes. Raises ``ValueError`` for what isn't taken; what is broken may be found by Pillow
    only."""
    for name, begins, read in _FORMATS:
        if begins.match(content):
            try:
                file, orientation, *by_rows = read(content)
            except (LookupError, ZeroDivisionError, struct.error):
                raise ValueError("it is broken or cut off") from None
            file.seek(0)
            return name, file, orientation, by_rows == [True]
    raise ValueError("it is none of %s, which are taken" % ", ".join(name.upper() for name, _, _ in _FORMATS))


def _png(content):
    whole, file, exif = memoryview(content), BytesIO(), b""
    at = file.write(whole[:8])
    while at + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if name in _PNG_KEPT:
            file.write(whole[at:end])
        elif name == b"eXIf" and not exif:
            exif = content[at + 8 : end - 4]
        at = end
    return file, _orientation(exif)


def _jpeg(content):
    """Without what is said beside the picture, and other pictures after it, of which cameras' MPO has some."""
    whole, file, exif = memoryview(content), BytesIO(), b""
    kept, bands, in_first = set(_JPEG_KEPT), 0, 0
    at = file.write(whole[:2])
    for marker, start, end in jpeg_segments.of(content):
        if in_first:
            file.write(content[at:start].rstrip(b"\xff"))  # before a marker these are filling
        if marker in kept:
            file.write(whole[start:end])
            kept -= _JPEG_ONCE & {marker}
        elif marker == 0xE1 and not exif and content[start + 4 : start + 9] == b"Exif\0":
            exif = content[start + 10 : end]
        if marker in jpeg_segments.BY_ROWS:
            bands = content[start + 9]
        elif marker == jpeg_segments.SCAN:
            in_first = in_first or content[start + 4]
        at = end
    file.write(b"\xff\xd9" if marker else b"")
    return file, _orientation(exif), 0 < bands == in_first  # else libjpeg keeps the whole of it


def _gif(content):
    """From its first image on; of what is said before, only which colour is transparent."""
    at = 13 + _gif_colours(content[10])
    file, control = BytesIO(), b""
    file.write(content[:at])
    while content[at] == 0x21:
        start, at = at, at + 2
        while content[at]:
            at += 1 + content[at]
        at += 1
        if content[start + 1] == 0xF9:
            control = content[start:at]
    if content[at] != 0x2C:
        raise ValueError("it is a GIF without an image")
    file.write(control)
    file.write(memoryview(content)[at:])
    return file, 1


def _gif_colours(flags):
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _bmp(content):
    if struct.unpack_from("<I", content, 14)[0] != 12 and struct.unpack_from("<I", content, 30)[0] in _BMP_RUNS:
        raise ValueError("it is a BMP of run lengths, which isn't taken")
    return BytesIO(content), 1


def _webp(content):
    exif, at = b"", 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if name == b"EXIF" and not exif:
            exif = content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return BytesIO(content), _orientation(exif)


def _tiff(content):
    """With a directory of its own at the end, so that all who read it see the same. Further pages aren't in it."""
    order, entries = _entries(content)
    kept = {}
    for tag in sorted(set(entries) & set(_TIFF_TAGS) - (_TILES if 273 in entries else _STRIPS)):
        kind, count, short = struct.unpack_from(order + "2xHIH", entries[tag])
        kinds, most = _TIFF_TAGS[tag]
        if kind not in kinds or not 0 < count <= most:
            raise ValueError("it is a TIFF whose tag %d has %d values of type %d" % (tag, count, kind))
        if tag == _COMPRESSION and (kind != 3 or short not in _COMPRESSIONS):
            raise ValueError("it is a TIFF of compression %d, which isn't taken" % short)
        kept[tag] = entries[tag]
    odd = len(content) % 2
    file = BytesIO()
    file.write(content[:4] + struct.pack(order + "I", len(content) + odd))
    file.write(memoryview(content)[8:])
    file.write(b"\0" * odd + struct.pack(order + "H", len(kept)) + b"".join(kept.values()) + b"\0\0\0\0")
    _check_parts(file.getvalue(), order, kept)
    return file, _turn(order, entries)


def _check_parts(content, order, entries):
    """Raises ``ValueError`` for strips or tiles that are more than the picture has, or that share their bytes: of each
    that is listed Pillow and libtiff unpack all it is said to have. And for what isn't taken of a JPEG or a fax."""

    def values(tag, *default):
        return default if default and tag not in entries else _integers(content, order, entries[tag])

    (width,), (height,), (samples,) = values(256), values(257), values(277, 1)
    if 273 in entries:
        across, down, offsets, lengths = width, min(height, values(278, height)[0]), values(273), values(279, 0)
    else:
        (across,), (down,), offsets, lengths = values(322), values(323), values(324), values(325, 0)
    (compression,), is_planar = values(_COMPRESSION, 1), values(284, 1) == (2,)
    parts = -(-width // across) * -(-height // down) * (samples if is_planar else 1)
    if len(offsets) != parts:
        raise ValueError("it is a TIFF of %d strips or tiles that has %d" % (parts, len(offsets)))
    if compression == 1:  # where Pillow doesn't ask for lengths, and reads as far as to the next part
        row = across * max(values(258, 1)) * (1 if is_planar else samples) // 8
        starts = sorted(set(offsets))
        shared = any(after - before < row for before, after in zip(starts, starts[1:]))
    else:
        shared = sum(lengths) > len(content) or len(lengths) != parts
    if shared:
        raise ValueError("it is a TIFF whose strips or tiles share their bytes, or lack lengths, which isn't taken")
    if compression in _FAX and parts * down > min(_FAX_ROWS, 8 * len(content)):
        raise ValueError("it is a fax of %d rows, more than are taken or its bytes have" % (parts * down))
    if compression == 7:
        most = (across, values(278, height)[0] if 273 in entries else down, 1 if is_planar else samples)
        for start, length in zip(offsets, lengths):
            end = start + (length or len(content) // parts)  # of a single one libtiff takes 0 for the rest of the file
            jpeg_segments.check_part(content[start:end], *most)


def _integers(content, order, entry):
    """An entry's values, which are in it where four bytes are enough for them."""
    kind, count, start = struct.unpack_from(order + "2xHII", entry)
    form = "%s%d%s" % (order, count, _INTEGERS[kind])
    return struct.unpack_from(form, *((entry, 8) if struct.calcsize(form) <= 4 else (content, start)))


def _ppm(content):
    if not _PNM.match(content[:_PNM_HEADER]):
        raise ValueError("it is a PPM of other levels than 0 to 255, which isn't taken")
    return BytesIO(content), 1


def _orientation(exif):
    """What EXIF says, which turns nothing if it is broken."""
    try:
        return _turn(*_entries(exif[6:] if exif.startswith(b"Exif\0") else exif))
    except struct.error:
        return 1


def _turn(order, entries):
    return struct.unpack_from(order + "H", entries.get(_ORIENTATION, b"\0" * 12), 8)[0]


def _entries(content):
    """Byte order, and the twelve bytes of each tag of use, of the first directory of a TIFF, which EXIF is, too. Of a
    tag that is there twice the first counts. Raises ``struct.error``."""
    order = "<" if content[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", content, 4)[0]
    found = {}
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from(order + "H", content, start)[0], 12):
        tag = struct.unpack_from(order + "H10x", content, at)[0]
        if tag == _ORIENTATION or tag in _TIFF_TAGS:  # all 65,535 may be chosen so that a mapping gets slow
            found.setdefault(tag, content[at : at + 12])
    return order, found


# Pillow's plugin of each, how its files begin, and its reader.
_FORMATS = [
    (name, re.compile(begins, re.DOTALL), read)
    for name, begins, read in (
        ("Png", b"\x89PNG\r\n\x1a\n", _png),
        ("Jpeg", b"\xff\xd8\xff", _jpeg),
        ("Gif", b"GIF8[79]a", _gif),
        ("Bmp", b"BM", _bmp),
        ("WebP", b"RIFF....WEBP", _webp),
        ("Tiff", rb"II\*\0|MM\0\*", _tiff),
        ("Ppm", b"P[456]", _ppm),
    )
]
