"""The digest of a model's files, by which a reference knows its model: of a folder, or of an image's working directory.

Which files count, and how they add up, is the adapter's to say, since it is compared in the image.
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelwhisk import adapter

_PIECE = 1 << 20
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


def of_archive(archive: tarfile.TarFile) -> ModelDigest:
    """Of a folder as the docker engine hands it over: a tar whose paths begin with the folder's own name."""
    counts = adapter.part("drift.model_files").is_model_file
    files, environments = {}, set()
    for entry in archive:
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
