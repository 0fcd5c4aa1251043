"""The digest of a model's files, by which a reference knows its model: of a folder, or of an image's working directory.

Which files count, and how they add up, is the adapter's to say, since it is compared in the image.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from modelwhisk import adapter

_PIECE = 1 << 20
_MOST = 64 * 1024**3  # bytes of an image's working directory: a megabyte of a layer may be a gigabyte
# Of an image's files: thousands of empty ones, fifteen folders deep, are a few kB of a layer. A root folder with all of
# Python's and the system's packages has some 100,000, with names of 10 MB.
_MOST_NAMES = 64 * 1024**2  # bytes
_OF_AN_ENTRY = 100  # what one without a name counts for
_DEEPEST = 101  # a file in 100 folders
_NAMES_REMEMBERED = 4_096
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


def of_archive(pieces: Iterable[bytes]) -> ModelDigest:
    """Of a folder as the docker engine hands it over: the pieces of a tar whose paths begin with the folder's own name.
    None of them is kept. Raises `ValueError` for one that is too large, `tarfile.TarError` for none.
    """
    with tarfile.open(fileobj=_Pieces(pieces), mode="r|") as archive:
        return _of_tar(archive)


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


def _of_tar(archive: tarfile.TarFile) -> ModelDigest:
    rule = adapter.part("drift.model_files").is_model_file

    @lru_cache(_NAMES_REMEMBERED)  # most are of folders, which come again
    def counts(name: str) -> bool:
        return bool(rule((name,)))

    files, environments, names = {}, set(), 0
    for entry in archive:
        archive.members.clear()  # type: ignore[attr-defined] # it keeps all
        names += len(entry.name) + _OF_AN_ENTRY
        if names > _MOST_NAMES:
            raise ValueError(f"their names are more than {_MOST_NAMES:,} bytes")
        parts = PurePosixPath(entry.name).parts[1:]
        if len(parts) > _DEEPEST:
            raise ValueError(f"they have more than {_DEEPEST - 1} folders within each other")
        if not entry.isfile() or not parts:  # no part: an image may name a file for its folder
            continue
        if parts[-1] == _ENVIRONMENT_MARK:
            environments.add("/".join(parts[:-1]))
        stream = archive.extractfile(entry) if all(map(counts, parts)) else None
        if stream is not None:
            digest = hashlib.sha256()
            while piece := stream.read(_PIECE):
                digest.update(piece)
            files["/".join(parts)] = digest.hexdigest()
    environments.discard("")  # the folder itself counts, as in the image
    return ModelDigest({path: digest for path, digest in files.items() if environments.isdisjoint(_folders_of(path))})


def _folders_of(path: str) -> Iterator[str]:
    """The paths of the folders that a file is in."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
