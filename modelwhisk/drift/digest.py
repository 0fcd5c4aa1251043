"""The digest of a model's files, by which a reference knows its model: of a folder, or of an image's working directory.

Left out is what never goes into an image (scripts/build/exclude), hidden files, and virtual environments.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

_PIECE = 1 << 20
_ENVIRONMENT_MARK = "pyvenv.cfg"
# The names of scripts/build/exclude that don't begin with a dot, as those do that are left out anyway.
_LEFT_OUT = (
    "__pycache__",
    "*.pyc",
    "*.pyo",
    "node_modules",
    "__MACOSX",
    "Thumbs.db",
    "desktop.ini",
    "*.swp",
    "*~",
    "modelwhisk-build.*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
)


@dataclass(frozen=True)
class ModelDigest:
    """files   SHA-256 (hex) by path within the model's folder.  digest   "sha256:…" of the whole list."""

    files: dict[str, str]

    @property
    def digest(self) -> str:
        whole = hashlib.sha256()
        for path in sorted(self.files, key=str.encode):
            whole.update(f"{path}\0{self.files[path]}\n".encode())
        return f"sha256:{whole.hexdigest()}"


def of_folder(folder: Path) -> ModelDigest:
    """Of the files in a folder; what can't be read raises `OSError`."""
    return ModelDigest({path.relative_to(folder).as_posix(): _of_file(path) for path in _files(folder)})


def of_archive(archive: tarfile.TarFile) -> ModelDigest:
    """Of a folder as the docker engine hands it over: a tar whose paths begin with the folder's own name."""
    files, environments = {}, set()
    for entry in archive:
        path = PurePosixPath(*PurePosixPath(entry.name).parts[1:])
        if path.name == _ENVIRONMENT_MARK:
            environments.add(path.parent)
        stream = archive.extractfile(entry) if entry.isfile() and is_model_file(path) else None
        if stream is not None:
            files[path] = _of_stream(stream)
    kept = {path: digest for path, digest in files.items() if not environments.intersection(path.parents)}
    return ModelDigest({str(path): digest for path, digest in kept.items()})


def is_model_file(path: PurePosixPath) -> bool:
    """Whether a file at this path within a model's folder counts as part of the model."""
    return not any(part.startswith(".") or any(fnmatchcase(part, name) for name in _LEFT_OUT) for part in path.parts)


def _files(folder: Path) -> Iterator[Path]:
    children: Iterable[Path] = sorted(folder.iterdir())
    for path in children:
        if not is_model_file(PurePosixPath(path.name)):
            continue
        if path.is_dir():
            if not path.is_symlink() and not (path / _ENVIRONMENT_MARK).exists():
                yield from _files(path)
        elif path.is_file():
            yield path


def _of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return _of_stream(stream)


def _of_stream(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
