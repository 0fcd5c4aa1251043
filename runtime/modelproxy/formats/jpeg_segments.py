"""A JPEG's segments, as libjpeg finds them, and which JPEGs aren't taken: alone, and within a TIFF. Pure.

Its length says nothing of what a JPEG costs: a scan of ten bytes is a walk over all pixels, and kinds that nobody sends
are decoded otherwise than Pillow reckons with.
"""

import re
import struct

SCAN = 0xDA
BY_ROWS = (0xC0, 0xC1)  # frames, baseline and extended, that are decoded row by row if their first scan has all bands
FRAMES = BY_ROWS + (0xC2,)  # and progressive
# Lossless, of which libjpeg-turbo 3 makes no smaller picture when Pillow asks for one: older Pillows, 11.3 among them,
# then write beyond the end of what they have for it. Hierarchical. Arithmetic coded, of which a scan needs no data to
# make all coefficients others.
_OTHERS = (0xC3,) + tuple(range(0xC5, 0xD0))
_EXTENDED = 0xC1
_LAST = 63  # coefficient of a block of 8 x 8
_MOST_SCANS = 100  # usual are one to fourteen
_MOST_SCANNED = 1400 * 1000 * 1000  # pixels of all scans, which take a second: fourteen scans of 100 megapixels
_MARKER = re.compile(b"\xff[^\x00\xff\xd0-\xd7]")  # but for those that are amid a scan's data (T.81, B.1.1)


def of(content):
    """(marker, start, end) of each segment of a JPEG but its first, the last one's marker is 0xD9, or 0 where the
    content ends without. The walk is libjpeg's, so that it finds no scan that isn't counted here. Raises
    ``ValueError`` for what isn't taken, ``LookupError`` or ``struct.error`` where it is cut off."""
    at, scans, most, frame = 2, 0, _MOST_SCANS, 0
    while True:
        found = _MARKER.search(content, at)
        start = found.start() if found else len(content)
        marker = content[start + 1] if found else 0
        if marker in (0, 0xD9):
            yield marker, start, start
            return
        at = start + 2
        if marker not in (0x01, 0xD8):  # which have no length
            at += max(2, struct.unpack_from(">H", content, at)[0])
        is_other = marker in _OTHERS or (frame and marker in FRAMES)
        if is_other or (marker == SCAN and _has_other_blocks(content, start, frame)):
            raise ValueError(
                "it is a JPEG of several frames, arithmetic coded or lossless, or of other blocks than 8 x 8 pixels,"
                " which isn't taken"
            )
        if marker in FRAMES:
            frame = marker
            width, height, _ = frame_of(content, start)
            most = min(most, max(1, _MOST_SCANNED // max(1, width * height)))
        scans += marker == SCAN
        if scans > most:
            raise ValueError("it is a JPEG of more than %d scans, the most that are taken of its size" % most)
        yield marker, start, at


def frame_of(content, start):
    """(width, height, bands) of the frame that starts there."""
    height, width, bands = struct.unpack_from(">HHB", content, start + 5)
    return width, height, bands


def _has_other_blocks(content, start, frame):
    """Whether by this scan libjpeg 8 and 9 take blocks of 1 x 1 to 16 x 16 pixels (SmartScale): one of no bands, or of
    an extended frame that ends at another coefficient than it must (T.81, B.2.3). Each has the room of 8 x 8, 128
    bytes, and those of 1 x 1 aren't decoded smaller either."""
    bands = content[start + 4]
    return not bands or (frame == _EXTENDED and content[start + 6 + 2 * bands] != _LAST)


def check_part(content, width, height, bands):
    """Raises ``ValueError`` unless the JPEG of a TIFF's strip or tile is no larger than that, and its only scan has all
    bands: so it is decoded row by row, no further than the picture needs it, and its strip's memory is all it needs.
    Progressive ones are none of a TIFF's, and several scans needn't be read (TIFF Technical Note 2, 1995)."""
    frames, scans = [], []
    for marker, start, _ in of(content):
        if marker in FRAMES:
            own_width, own_height, own_bands = frame_of(content, start)
            is_taken = marker in BY_ROWS and own_width <= width and own_height <= height
            frames.append(own_bands if is_taken else 0)
        elif marker == SCAN:
            scans.append(content[start + 4])
    if frames != [bands] or scans != [bands]:
        raise ValueError(
            "it is a TIFF of JPEGs that are progressive, in several scans, or of another size or other bands than their"
            " strips or tiles, which isn't taken"
        )
