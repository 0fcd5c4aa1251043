"""The digest of a model's files, by which a reference knows its model: of a folder, or of an image's working directory.

Which files count, and how they add up, is the adapter's to say, since it is compared in the image.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from modelwhisk import adapter

_PIECE = 1 << 20
_MOST = 64 * 1024**3  # bytes of an image's working directory: a megabyte of a layer may be a gigabyte
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
    counts = adapter.part("drift.model_files").is_model_file
    files, environments = {}, set()
    for entry in archive:
        archive.members.clear()  # type: ignore[attr-defined] # it keeps all
        path = PurePosixPath(*PurePosixPath(entry.name).parts[1:])
        if path.name == _ENVIRONMENT_MARK and entry.isfile():
            environments.add(path.parent)
        stream = archive.extractfile(entry) if entry.isfile() and counts(path.parts) else None
        if stream is not None:
            digest = hashlib.sha256()
            while piece := stream.read(_PIECE):
                digest.update(piece)
            files[path] = digest.hexdigest()
    kept = {path: digest for path, digest in files.items() if not environments.intersection(path.parents)}
    return ModelDigest({str(path): digest for path, digest in kept.items()})
