"""Opens a picture file that somebody sent, unless to unpack it would cost much memory, and makes plain colours of its
pixels. Pure."""

from importlib import import_module

from . import picture_formats

# That a picture may need at once, of which a PNG of 50 kB can ask for gigabytes. As much as the photo of a camera needs
# (24 megapixels in colour: as it is and upright), or of a phone as float32 (12 megapixels).
MOST_BYTES = 200 * 1000 * 1000
MOST_SIDE = 65535  # pixels, of each of which in a row decoders may keep 16 bytes or more, whatever the picture's height
# Bytes for each pixel that a decoder needs beside what it decodes into, for each band: as measured. JPEG's are the
# coefficients of those in several scans, which stay whole also where the picture is decoded smaller.
_DECODERS = {"JPEG": 2, "WEBP": 4}
_COLOURS = 4  # bytes of each pixel of Pillow's, but for the modes below
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
# Pillow's way to put upright what lies as EXIF's orientation says, from 2 on.
_WAYS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
BOX = 512  # pixels: what is converted at a time takes 1 MB for each step


class TooLarge(ValueError):
    """The picture has more pixels than are taken; the text says how many are."""


def opened(content, most=MOST_BYTES, more=0, side=0):
    """Pillow's ``Image`` of a file's bytes, not unpacked yet, nor put upright. Raises ``ImportError`` without Pillow,
    ``TooLarge``, ``ValueError`` for what isn't taken or is broken; to unpack it may raise anything.

    most   bytes of memory that the picture may need.
    more   bytes for each pixel that the caller makes of the whole picture; 0 where it resizes it first.
    side   the longest side, in pixels, to which the caller resizes it, 0 for none: a JPEG that is too large is decoded
           smaller, but twice as large as that.
    """
    name, file, orientation, is_by_rows = picture_formats.bare(content)
    plugin = import_module("PIL.%sImagePlugin" % name)
    try:
        image = getattr(plugin, name + "ImageFile")(file)  # so no other plugin is asked
    except Exception as error:  # Pillow raises anything on a broken file
        raise ValueError("it can't be read as %s: %s" % (name.upper(), error or type(error).__name__)) from None
    image.info["orientation"] = orientation
    size = width, height = image.size
    sides = _sides(image)
    if max(sides) > MOST_SIDE:
        raise TooLarge(
            "it has %d x %d pixels, and no side may have more than %d: make it smaller" % (sides + (MOST_SIDE,))
        )
    # One byte for each pixel where none is kept, so that time has a bound, too: 200 megapixels are decoded in seconds.
    decoder = width * height if is_by_rows else _decoder(image, sides)
    if side and not more and _needed(image, decoder, more, side) > most:
        image.draft(None, (2 * side, 2 * side))
    needed = _needed(image, decoder, more, side)
    if needed > most:
        raise TooLarge(
            "it has %d x %d pixels, for which %d MB of memory would be needed and %d MB are given: make it smaller,"
            " %.3g megapixels at most" % (size + (needed // 10**6, most // 10**6, width * height * most / needed / 1e6))
        )
    return image


def _sides(image):
    """Those of what is decoded: a TIFF's tiles may be larger than the picture (TIFF 6.0: TileWidth, TileLength)."""
    tags = image.tag_v2 if image.format == "TIFF" else {}
    return max(image.width, tags.get(322, 0)), max(image.height, tags.get(323, 0))


def _decoder(image, sides):
    """Bytes that the decoder needs beside what it decodes into."""
    if image.format == "TIFF":
        bits = max(image.tag_v2.get(258, (1,))) * image.tag_v2.get(277, 1)  # BitsPerSample, SamplesPerPixel
        return sides[0] * sides[1] * bits // 8
    return _DECODERS.get(image.format, 0) * len(image.getbands()) * sides[0] * sides[1]


def _needed(image, decoder, more, side):
    """Bytes at the worst moment."""
    pixels = image.width * image.height
    own = _BYTES.get(image.mode, _COLOURS)
    rows = max(image.size) * side  # Pillow, older ones always, resizes rows first, which may make them longer
    return max(
        own * pixels + decoder,
        (own + _COLOURS) * pixels,  # put upright; converted
        (more and _COLOURS + more) * pixels,
        _COLOURS * pixels + max(more, _COLOURS) * rows,
    )


def boxes(size):
    """The parts, (left, upper, right, lower), into which a picture of (width, height) is cut to save memory."""
    width, height = size
    for upper in range(0, height, BOX):
        for left in range(0, width, BOX):
            yield left, upper, min(left + BOX, width), min(upper + BOX, height)


def upright(image):
    """What ``opened`` gave, turned as its EXIF says."""
    from PIL import Image

    orientation = image.info.pop("orientation")
    if not 2 <= orientation <= 8:
        return image
    return image.transpose(getattr(Image, _WAYS[orientation - 2]))


def plain(image, mode):
    """The picture as "L" or "RGB", on white where it is transparent: what lies behind what can't be seen is often
    black. Raises what Pillow raises for a mode that it can't convert."""
    from PIL import Image

    if image.mode == mode and "transparency" not in image.info:
        return image
    made = Image.new(mode, image.size)
    for box in boxes(image.size):
        part = image.crop(box)
        if image.mode.startswith("I"):
            # Pillow would cut 16 bits off at 255, and has no point() for those with the highest first.
            part = part.convert("I").point(lambda level: level * (1 / 256)).convert("L")
        elif image.mode in _ALPHA or "transparency" in image.info:
            paper = Image.new("RGBA", part.size, "white")
            part = Image.alpha_composite(paper, part.convert("RGBA"))
        made.paste(part.convert(mode), box)
    return made
