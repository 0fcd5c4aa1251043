"""The digest of a model's files, by which a reference knows its model: of a folder, or of an image's working directory.

Which files count, and how they add up, is the adapter's to say, since it is compared in the image.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from modelwhisk import adapter
from modelwhisk.drift.archive_links import Links

_PIECE = 1 << 20
_MOST = 64 * 1024**3  # bytes of an image's working directory: a megabyte of a layer may be a gigabyte
# Of an image's files: thousands of empty ones, fifteen folders deep, are a few kB of a layer. A root folder with all of
# Python's and the system's packages has some 100,000, with names of 10 MB.
_MOST_NAMES = 64 * 1024**2  # bytes
_OF_AN_ENTRY = 100  # what one without a name counts for
_DEEPEST = 101  # a file in 100 folders
_NAMES_REMEMBERED = 4_096
_MOST_ASKED = 1_000  # links that lead out of the folder, for each of which the engine is asked
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


def of_archive(
    pieces: Iterable[bytes], place: str = "/", tar_of: Callable[[str], Iterable[bytes] | None] = lambda _: None
) -> ModelDigest:
    """Of a folder as the docker engine hands it over: the pieces of a tar whose paths begin with the folder's own name.
    None of them is kept. Raises `ValueError` for one that is too large, `tarfile.TarError` for none.

    `place` is where it is, an absolute path, and `tar_of` gives such pieces of what links lead to from another path;
    None where there is nothing.
    """
    contents = _Contents(place)
    with tarfile.open(fileobj=_Pieces(pieces), mode="r|") as archive:
        for entry in archive:
            archive.members.clear()  # type: ignore[attr-defined] # it keeps all
            contents.add(entry, archive)
    asked = itertools.count(1)

    def elsewhere(path: str) -> str | None:
        if next(asked) > _MOST_ASKED:
            raise ValueError(f"more than {_MOST_ASKED:,} links lead out of their folder")
        return _digest_of_first(tar_of(f"{place.rstrip('/')}/{path}"))

    return contents.digest(elsewhere)


class _Pieces(io.RawIOBase):
    """What comes in pieces, as a file to be read once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._came = 0
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As a file's; raises `ValueError` beyond the most that is taken."""
        while not self._left and (piece := next(self._pieces, None)) is not None:
            self._left = memoryview(piece)
            self._came += len(piece)
            if self._came > _MOST:
                raise ValueError(f"they are more than {_MOST:,} bytes")
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


class _Contents:
    """What is in a folder, whether it counts or not: what counts may be a link to it."""

    def __init__(self, place: str) -> None:
        self._links = Links(place)
        self._files: dict[str, str] = {}
        self._counting: list[str] = []
        self._environments: set[str] = set()
        self._rule = lru_cache(_NAMES_REMEMBERED)(_counts)  # most names are of folders, which come again
        self._names = 0

    def add(self, entry: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        """Reads an entry. Raises `ValueError` where there are too many, or too deep ones."""
        self._names += len(entry.name) + len(entry.linkname) + _OF_AN_ENTRY
        if self._names > _MOST_NAMES:
            raise ValueError(f"their names are more than {_MOST_NAMES:,} bytes")
        parts = PurePosixPath(entry.name).parts[1:]
        if len(parts) > _DEEPEST:
            raise ValueError(f"they have more than {_DEEPEST - 1} folders within each other")
        path = "/".join(parts)
        if parts and not entry.isdir():  # no part: an image may name a file for its folder
            self._add_file(path, entry, archive)
            if all(map(self._rule, parts)):
                self._counting.append(path)
            if parts[-1] == _ENVIRONMENT_MARK:
                self._environments.add("/".join(parts[:-1]))

    def _add_file(self, path: str, entry: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        if entry.issym():
            self._links.add(path, entry.linkname)
        elif entry.islnk():  # one more name of what came before
            first = "/".join(PurePosixPath(entry.linkname).parts[1:])
            if first in self._files:
                self._files[path] = self._files[first]
        elif entry.isfile():
            self._files[path] = _digest_of(entry, archive)

    def digest(self, elsewhere: Callable[[str], str | None]) -> ModelDigest:
        """Of the files that count; of a link that leads out of the folder, or on by others, as `elsewhere` has it."""
        self._environments.discard("")  # the folder itself counts, as in the image
        found = {}
        for path in self._counting:
            if self._environments.isdisjoint(_folders_of(path)):
                digest = self._digest_of_file(path, elsewhere)
                if digest is not None:
                    found[path] = digest
        return ModelDigest(found)

    def _digest_of_file(self, path: str, elsewhere: Callable[[str], str | None]) -> str | None:
        end = self._links.end_of(path)
        return elsewhere(path) if end is None else self._files.get(end)


def _digest_of_first(pieces: Iterable[bytes] | None) -> str | None:
    """Of an archive's first entry, if that is a file."""
    if pieces is None:
        return None
    with tarfile.open(fileobj=_Pieces(pieces), mode="r|") as archive:
        entry = archive.next()
        return _digest_of(entry, archive) if entry is not None and entry.isfile() else None


def _counts(name: str) -> bool:
    return bool(adapter.part("drift.model_files").is_model_file((name,)))


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
