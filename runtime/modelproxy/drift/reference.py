"""Opens a reference: the vectors of the inputs that a model was trained on, with all that comparing with them needs.

A zip whose members are stored as they are, each at a multiple of 64 bytes, so that arrays are mapped into memory where
they lie and are read no sooner than they are used. ``reference.json`` tells what is in it; its own SHA-256 is the zip's
comment. Nothing of it is ever unpickled. The tool writes it (modelwhisk/drift).
"""

import hashlib
import json
import mmap
import re
import zipfile

from .declaration import Malformed, checked

FORMAT = "modelwhisk-drift"
VERSION = 1
METRICS = ("l2", "l1", "cosine")
DESCRIPTION = "reference.json"
VECTORS = "vectors.npy"
MEAN = "mean.npy"
# By which a search tells most vectors to be too far (``numpy_search``): not in every reference.
AXES = "axes.npy"
LEADING = "leading.npy"
# Up to this many bytes all is checked when it is opened: a tenth of a second. Beyond, when somebody asks for it.
SOON_CHECKED = 64 * 1024 * 1024

_LOCAL_HEADER = 30  # bytes before its name (APPNOTE.TXT 6.3, section 4.3.7)
_FARTHEST = 1e300  # a number of JSON's may be larger than any float
# A .npy file's header as numpy writes it (numpy.lib.format, version 1.0 and later). It is a literal of Python, and of a
# hostile one the parser of Python itself takes hours or all memory.
_ARRAY = re.compile(
    rb"\{'descr': '(<f[248])', 'fortran_order': False, 'shape': \((\d{1,18}(?:, \d{1,18})*),?\), \} *\n\Z"
)
_LONGEST_HEADER = 512
_PIECE = 1 << 22


class Refused(ValueError):
    """The file can't be used as a reference; the text says why and what to do."""


class Reference:
    """An open reference. Raises ``Refused``, ``OSError`` where the file can't be read.

    about         reference.json.
    declaration   of the embedding, checked (``declaration``).
    metric        of ``METRICS``; cosine: 1 less the cosine, of vectors that are stored at unit length.
    neighbours    how many of the nearest a distance is the mean of.
    dimensions, count   of the vectors.
    threshold     the distance beyond which an input counts as drifted.
    digest        of the model, "sha256:…".
    """

    def __init__(self, path, check=True):
        self.path = str(path)
        self._map, self._places = _mapped(self.path)
        self.about = _description(self.path, self._map, self._places)
        try:
            self._take(self.about)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._refused("its %s lacks what belongs there: %r" % (DESCRIPTION, error)) from None
        self._check_sizes()
        self._check_vectors()
        if check:
            self.check()

    def _take(self, about):
        try:
            self.declaration = checked(about["embedding"])
        except Malformed as error:
            raise self._refused(str(error)) from None
        self.digest = about["model"]["digest"]
        self.files = about["model"]["files"]
        self.metric = about["metric"]
        self.neighbours, self.dimensions, self.count = about["neighbours"], about["dimensions"], about["count"]
        self.threshold = about["threshold"]["distance"]
        self.index = about.get("index")
        if type(self.files) is not dict or not all(isinstance(digest, str) for digest in self.files.values()):
            raise self._refused("its model's files are no digests by their paths")
        if not isinstance(self.index, (dict, type(None))):
            raise self._refused("its index isn't described")
        self._listed = {name: (entry["size"], entry["sha256"]) for name, entry in about["members"].items()}
        if self.metric not in METRICS:
            raise self._refused("its metric is %r; there are %s" % (self.metric, ", ".join(METRICS)))
        for name in ("neighbours", "dimensions", "count"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise self._refused("its %s is %r; it must be 1 or more" % (name, getattr(self, name)))
        if type(self.threshold) not in (int, float) or not 0 <= self.threshold <= _FARTHEST:
            raise self._refused("its threshold is %r; it must be a distance" % (self.threshold,))

    # --- its members ----------------------------------------------------------------------------------------------

    def has(self, name):
        return name in self._listed

    def names(self):
        """The names of all members that ``reference.json`` lists."""
        return list(self._listed)

    def place(self, name):
        """Offset and length of a member in the file, for a library that maps or reads files itself."""
        return self._places[name]

    def content(self, name):
        """The bytes of a member."""
        offset, size = self._places[name]
        return self._map[offset : offset + size]

    def view(self, name):
        """A ``memoryview`` of a member in the mapped file."""
        offset, size = self._places[name]
        return memoryview(self._map)[offset : offset + size]

    def array(self, name):
        """A ``.npy`` member as a numpy array in the mapped file, which can't be written to. Needs numpy."""
        import numpy

        kind, shape, start = self.layout(name)
        offset, size = self._places[name]
        return numpy.frombuffer(self._map, kind, (size - start) // numpy.dtype(kind).itemsize, offset + start).reshape(
            shape
        )

    def layout(self, name):
        """Type (as ``<f4``), shape and first byte of the numbers of a ``.npy`` member (numpy.lib.format)."""
        return _layout(self.view(name), self.path, name)

    # --- checks ---------------------------------------------------------------------------------------------------

    def check(self):
        """Compares all checksums where that takes no time; see ``verify``."""
        if sum(size for size, _ in self._listed.values()) <= SOON_CHECKED:
            self.verify()

    def verify(self):
        """Compares the checksum of every member, and looks for numbers that are none. Raises ``Refused``."""
        for name, (_, digest) in self._listed.items():
            if _sha256(self.view(name)) != digest:
                raise self._refused("its %s isn't what was written: the checksum differs" % name)
        try:
            import numpy
        except ImportError:
            return  # who wrote it had numpy, and the checksums say that it is what was written
        for name in self._listed:
            if name.endswith(".npy"):
                rows = self.array(name)
                step = max(1, _PIECE // max(1, rows[:1].size))
                if not all(numpy.isfinite(rows[at : at + step]).all() for at in range(0, len(rows), step)):
                    raise self._refused("its %s has numbers that are infinite or none (NaN)" % name)

    def _check_sizes(self):
        for name, (size, _) in self._listed.items():
            if name not in self._places:
                raise self._refused("its %s is missing" % name)
            if self._places[name][1] != size:
                raise self._refused("its %s has %d bytes instead of %s" % (name, self._places[name][1], size))
        if VECTORS not in self._listed:
            raise self._refused("it has no %s" % VECTORS)

    def _check_vectors(self):
        kind, shape, _ = self.layout(VECTORS)
        if kind not in ("<f4", "<f2"):
            raise self._refused("its vectors are of the type %s, not <f4 or <f2" % kind)
        if shape != (self.count, self.dimensions):
            raise self._refused(
                "its vectors are %s, but %d x %d are announced"
                % (" x ".join(map(str, shape)), self.count, self.dimensions)
            )

    def _refused(self, reason):
        return _refusal(self.path, reason)


def _refusal(path, reason):
    return Refused("The drift reference %s can't be used: %s. Make it anew with modelwhisk drift fit." % (path, reason))


def _mapped(path):
    """The file mapped into memory, and offset and length of each of its members. Raises ``Refused``."""
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, EOFError, IndexError, NotImplementedError, OverflowError, ValueError) as error:
            raise _refusal(path, "it is cut off, or was never a reference (%s)" % error) from None
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    places = {}
    for info in infos:
        header = mapped[info.header_offset : info.header_offset + _LOCAL_HEADER]
        offset = info.header_offset + _LOCAL_HEADER + int.from_bytes(header[26:28], "little")
        offset += int.from_bytes(header[28:30], "little")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.filename in places:
            raise _refusal(path, "its %s is compressed, encrypted or there twice" % info.filename)
        if header[:4] != b"PK\x03\x04" or offset + info.file_size > len(mapped):
            raise _refusal(path, "its %s isn't where it should be: the file is damaged" % info.filename)
        places[info.filename] = (offset, info.file_size)
    return mapped, places


def _description(path, mapped, places):
    """What reference.json says. Raises ``Refused`` where it isn't what was written, or of another format."""
    if DESCRIPTION not in places:
        raise _refusal(path, "it is a zip of something else, without %s" % DESCRIPTION)
    offset, size = places[DESCRIPTION]
    text = mapped[offset : offset + size]
    # The comment ends the file (APPNOTE.TXT 6.3, section 4.3.16).
    if not mapped[-71:] == b"sha256:" + hashlib.sha256(text).hexdigest().encode("ascii"):
        raise _refusal(path, "its %s isn't what was written: the checksum differs" % DESCRIPTION)
    try:
        about = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _refusal(path, "its %s isn't JSON: %s" % (DESCRIPTION, error)) from None
    if type(about) is not dict or about.get("format") != FORMAT:
        raise _refusal(path, "it is of another format than %s" % FORMAT)
    if about.get("version") != VERSION:
        raise Refused(
            "The drift reference %s is of version %r, and version %d is understood here: use a tool and an image of "
            "the same release." % (path, about.get("version"), VERSION)
        )
    return about


def _layout(view, path, name):
    if bytes(view[:6]) != b"\x93NUMPY":
        raise _refusal(path, "its %s is no array of numbers (no magic string)" % name)
    width = 2 if bytes(view[6:7]) == b"\x01" else 4
    start = 8 + width + int.from_bytes(view[8 : 8 + width], "little")
    found = _ARRAY.match(bytes(view[8 + width : min(start, _LONGEST_HEADER)]))
    kind, shape = (found.group(1).decode("ascii"), found.group(2).split(b", ")) if found else ("", ())
    shape = tuple(map(int, shape))
    count = 1
    for length in shape:
        count *= length
    if not count or not shape or len(view) - start != count * int(kind[2:]):
        raise _refusal(path, "its %s is no array of numbers that can be read here" % name)
    return kind, shape, start


def _sha256(view):
    digest = hashlib.sha256()
    for at in range(0, len(view), _PIECE):
        digest.update(view[at : at + _PIECE])
    return digest.hexdigest()
