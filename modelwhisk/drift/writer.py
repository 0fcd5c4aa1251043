"""Writes a reference file: a zip of stored members, each at a multiple of 64 bytes, so that it is mapped where it lies.

The adapter opens it (runtime/modelproxy/drift/reference.py), as do numpy and any program that reads zips.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modelwhisk.own_file import own_file

DESCRIPTION = "reference.json"

_ALIGNMENT = 64
_LOCAL_HEADER = 30  # bytes before its name (APPNOTE.TXT 6.3, section 4.3.7)
_ZIP64_FIELD = 20  # bytes that zipfile adds to the extra field where a size may take 8 bytes
_PADDING_FIELD = 4  # bytes of an extra field without content
# The extra field with which zipalign pads, which readers skip as they do any they don't know.
_PADDING_ID = 0xD935
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same input makes the same bytes

Numbers = NDArray[Any]


class _Unfinished(Exception):
    """The reference isn't whole."""


class ReferenceWriter:
    """A reference on its way to `path`, which it becomes in one step with `finish`; until then, or after any failure,
    what was at `path` is what is there. Whoever may read that may read it; one's own link leads to it.

    Use it as a context: it removes its temporary file. Raises `OSError`.
    """

    def __init__(self, path: Path) -> None:
        with contextlib.ExitStack() as stack:
            place = stack.enter_context(own_file(path))
            self._path = place.path
            self._file = stack.enter_context(place.anew())
            self._held = stack.pop_all()
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        self._members: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> ReferenceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            with contextlib.suppress(ValueError, OSError):  # the central directory of a file that is thrown away
                self._zip.close()
            self._held.__exit__(_Unfinished, _Unfinished(), None)

    def add(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        """Adds a member; returns the offset of its first byte in the file."""
        if name in self._members:
            raise ValueError(f"{name} is there already")
        offset, size, digest = self._write(name, pieces)
        self._members[name] = {"size": size, "sha256": digest}
        return offset

    def _write(self, name: str, pieces: Iterable[bytes | memoryview]) -> tuple[int, int, str]:
        entry = zipfile.ZipInfo(name, _ALWAYS)
        entry.external_attr = 0o644 << 16
        fixed = self._zip.start_dir + _LOCAL_HEADER + len(name.encode()) + _ZIP64_FIELD + _PADDING_FIELD
        padding = -fixed % _ALIGNMENT
        entry.extra = _PADDING_ID.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
        size, digest = 0, hashlib.sha256()
        with self._zip.open(entry, "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                digest.update(piece)
                size += len(piece)
        return fixed + padding, size, digest.hexdigest()

    def add_array(self, name: str, kind: str, shape: tuple[int, ...], blocks: Iterable[Numbers]) -> Numbers:
        """Adds an array of `kind` (as `<f4`) whose rows come in `blocks`; returns it mapped from the file.

        Raises `ValueError` where the blocks haven't as many rows as `shape` says.
        """
        head = io.BytesIO()
        npy.write_array_header_1_0(head, {"descr": kind, "fortran_order": False, "shape": shape})
        offset = self.add(name, _array_pieces(head.getvalue(), kind, blocks))
        told = len(head.getvalue()) + int(np.prod(shape)) * np.dtype(kind).itemsize
        if self._members[name]["size"] != told:
            raise ValueError(f"{name} has not the shape {shape} that was announced")
        self._file.flush()
        if 0 in shape:
            return np.empty(shape, kind)
        return np.memmap(self._file, np.dtype(kind), "r", offset + len(head.getvalue()), shape)

    def finish(self, about: dict[str, Any]) -> None:
        """Writes `about` with the list of members as reference.json, and puts the whole in its place."""
        text = json.dumps({**about, "members": self._members}, ensure_ascii=False, indent=1, allow_nan=False).encode()
        self._write(DESCRIPTION, [text])
        self._zip.comment = b"sha256:" + hashlib.sha256(text).hexdigest().encode()
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._held.close()
        _sync_folder(self._path.parent)


def _array_pieces(head: bytes, kind: str, blocks: Iterable[Numbers]) -> Iterable[bytes | memoryview]:
    yield head
    for block in blocks:
        yield np.ascontiguousarray(block, kind).data.cast("B")


def _sync_folder(folder: Path) -> None:
    """Makes the new name last; where folders can't be opened (Windows), the system does without being asked."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
