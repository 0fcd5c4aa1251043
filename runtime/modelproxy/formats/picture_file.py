"""Opens a picture file that somebody sent, unless to unpack it would cost gigabytes or run another program. Pure."""

from io import BytesIO

MOST_PIXELS = 50 * 1000 * 1000  # 150 MB as RGB, which a PNG of 50 kB can ask for
# EPS is a program, which Pillow has Ghostscript run; what an icon holds is a picture whose size only unpacking tells.
_REFUSED = ("EPS", "ICNS", "ICO")


def opened(content, most=MOST_PIXELS):
    """Pillow's ``Image`` of a file's bytes, not unpacked yet. Raises ``ImportError`` without Pillow, ``ValueError`` for
    what is refused, and what Pillow raises for a broken file, which may be anything."""
    from PIL import Image

    image = Image.open(BytesIO(content))
    if image.format in _REFUSED:
        raise ValueError("%s isn't taken" % image.format)
    if image.width * image.height > most:
        raise ValueError("it has %d x %d pixels" % image.size)
    return image
