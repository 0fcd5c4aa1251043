"""The digest of a model's files, by which a reference knows its model: of a folder, or of an image's working directory.

Which files count, and how they add up, is the adapter's to say, since it is compared in the image.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol

from modelwhisk import adapter
from modelwhisk.drift.archive_links import Links

_PIECE = 1 << 20
_MOST = 64 * 1024**3  # bytes of an image's working directory: a megabyte of a layer may be a gigabyte
# Of an image's files: thousands of empty ones, fifteen folders deep, are a few kB of a layer. A root folder with all of
# Python's and the system's packages has some 100,000, with names of 10 MB.
_MOST_NAMES = 64 * 1024**2  # bytes
_OF_AN_ENTRY = 300  # what one without a name counts for
_DEEPEST = 100  # folders within each other
_NAMES_REMEMBERED = 4_096
_MOST_ASKED = 1_000  # links that lead out of the folder, for each of which the engine is asked
_OF_A_TAR = 1 << 20  # bytes around a file, and of one that is no file
_OF_NOTHING = hashlib.sha256().hexdigest()
_ENVIRONMENT_MARK = "pyvenv.cfg"


@dataclass(frozen=True)
class ModelDigest:
    """files   SHA-256 (hex) by path within the model's folder; none where they can't be known."""

    files: dict[str, str]

    @property
    def digest(self) -> str:
        """ "sha256:…" of the whole list."""
        return str(adapter.part("drift.model_files").digest_of(self.files))


def of_folder(folder: Path) -> ModelDigest:
    """Of the files in a folder; what can't be read raises `OSError`."""
    return ModelDigest(adapter.part("drift.model_files").digests_of(str(folder)))


def of_archive(pieces: Iterable[bytes], place: str = "/", image: Image | None = None) -> ModelDigest:
    """Of a folder as the docker engine hands it over: the pieces of a tar whose paths begin with the folder's own name.
    None of them is kept. Raises `ValueError` for one that is too large, `tarfile.TarError` for none.

    `place` is where it is in an image, an absolute path; without the image nothing is known of where links lead out.
    """
    contents = _Contents(place)
    with tarfile.open(fileobj=_Pieces(pieces, _Most(_MOST)), mode="r|") as archive:
        for entry in archive:
            archive.members.clear()  # type: ignore[attr-defined] # it keeps all
            contents.add(entry, archive)
    elsewhere = _Elsewhere(contents.files, place, image)
    return contents.digest(elsewhere.digest_of)


class Image(Protocol):
    """What has the folder."""

    @property
    def size(self) -> int:
        """Of all its files."""

    def end_of(self, path: str) -> str | None:
        """The path to which all links lead from one, if they do."""

    def tar_of(self, path: str) -> Iterable[bytes] | None:
        """A tar, in pieces, of a path to which links have led; None where there is nothing."""


class _Most:
    """The bytes that may be read, of one or several files together."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size

    def take(self, size: int) -> None:
        """Counts them; raises `ValueError` beyond the most."""
        self._left -= size
        if self._left < 0:
            raise ValueError(f"they are more than {self._size:,} bytes")


class _Pieces(io.RawIOBase):
    """What comes in pieces, as a file to be read once."""

    def __init__(self, pieces: Iterable[bytes], most: _Most) -> None:
        self._pieces = iter(pieces)
        self._most = most
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As a file's; raises `ValueError` beyond the most."""
        while not self._left and (piece := next(self._pieces, None)) is not None:
            self._left = memoryview(piece)
            self._most.take(len(piece))
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


class _Folder(NamedTuple):
    """A folder of an archive: its path as it is said there, that within the folder of all, with a slash at its end, and
    whether it counts."""

    said: str
    path: str
    counts: bool


class _Contents:
    """What is in a folder, whether it counts or not: what counts may be a link to it."""

    def __init__(self, place: str) -> None:
        self.files: dict[str, str] = {}
        self._links = Links(place)
        self._counting: list[str] = []
        self._environments: set[str] = set()
        counts = adapter.part("drift.model_files").is_model_file
        self._rule = lru_cache(_NAMES_REMEMBERED)(lambda name: counts((name,)))  # those of folders come again
        self._names = 0
        self._folder: _Folder | None = None

    def add(self, entry: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        """Reads an entry. Raises `ValueError` where there are too many, or too deep ones."""
        self._names += len(entry.name) + len(entry.linkname) + _OF_AN_ENTRY
        if self._names > _MOST_NAMES:
            raise ValueError(f"their names are more than {_MOST_NAMES:,} bytes")
        folder, _, name = entry.name.rpartition("/")
        if entry.isdir() or not folder:  # an image may name a file for its folder
            return
        inside = self._in(folder)
        path = inside.path + name
        self._add_file(path, entry, archive)
        if inside.counts and self._rule(name):
            self._counting.append(path)
        if name == _ENVIRONMENT_MARK:
            self._environments.add(inside.path[:-1])

    def _in(self, said: str) -> _Folder:
        """A folder, which is mostly that of the entry before."""
        if self._folder is None or self._folder.said != said:
            parts = PurePosixPath(said).parts[1:]
            if len(parts) > _DEEPEST:
                raise ValueError(f"they have more than {_DEEPEST} folders within each other")
            path = "".join(f"{part}/" for part in parts)
            self._folder = _Folder(said, path, all(map(self._rule, parts)))
        return self._folder

    def _add_file(self, path: str, entry: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        if entry.issym():
            self._links.add(path, entry.linkname)
        elif entry.islnk():  # one more name of what came before
            first = "/".join(PurePosixPath(entry.linkname).parts[1:])
            if first in self.files:
                self.files[path] = self.files[first]
        elif entry.isfile():
            self.files[path] = _digest_of(entry, archive) if entry.size else _OF_NOTHING

    def digest(self, elsewhere: Callable[[str], str | None]) -> ModelDigest:
        """Of the files that count; of a link that leads out of the folder, or on by others, as `elsewhere` has it."""
        self._environments.discard("")  # the folder itself counts, as in the image
        found = {}
        for path in self._counting:
            if not self._environments or self._environments.isdisjoint(_folders_of(path)):
                digest = self._digest_of_file(path, elsewhere)
                if digest is not None:
                    found[path] = digest
        return ModelDigest(found)

    def _digest_of_file(self, path: str, elsewhere: Callable[[str], str | None]) -> str | None:
        end = self._links.end_of(path)
        return elsewhere(path) if end is None else self.files.get(end)


class _Elsewhere:
    """The files to which links lead from a folder at `place`, of which `files` are known; each is read once."""

    def __init__(self, files: Mapping[str, str], place: str, image: Image | None) -> None:
        self._files = files
        self._place = place.rstrip("/") + "/"
        self._image = image
        self._known: dict[str, str | None] = {}
        self._asked = 0
        # Files of several names would be read again for each.
        self._most = _Most(image.size + _MOST_ASKED * _OF_A_TAR if image is not None else 0)

    def digest_of(self, path: str) -> str | None:
        """Of what a link of the folder leads to; None where that is no file."""
        self._asked += 1
        if self._asked > _MOST_ASKED:
            raise ValueError(f"more than {_MOST_ASKED:,} links lead out of their folder")
        end = self._image.end_of(self._place + path) if self._image is not None else None
        if self._image is None or end is None:
            return None
        if end.startswith(self._place):
            return self._files.get(end[len(self._place) :])
        if end not in self._known:
            pieces = self._image.tar_of(end)
            self._known[end] = None if pieces is None else _digest_of_first(pieces, self._most)
        return self._known[end]


def _digest_of_first(pieces: Iterable[bytes], most: _Most) -> str | None:
    """Of an archive's first entry, if that is a file."""
    with tarfile.open(fileobj=_Pieces(pieces, most), mode="r|") as archive:
        entry = archive.next()
        return _digest_of(entry, archive) if entry is not None and entry.isfile() else None


def _digest_of(entry: tarfile.TarInfo, archive: tarfile.TarFile) -> str:
    digest = hashlib.sha256()
    stream = archive.extractfile(entry)
    while stream is not None and (piece := stream.read(_PIECE)):
        digest.update(piece)
    return digest.hexdigest()


def _folders_of(path: str) -> Iterator[str]:
    """The paths of the folders that a file is in."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
