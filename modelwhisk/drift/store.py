"""What was collected so far, kept so that a run that was ended in any way goes on where it was.

A folder beside the reference: `vectors` has one row of float32 after another, `journal` a line of JSON for each input,
written after its row and with the row's checksum. What a kill tore is dropped when it is opened.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwhisk.own_folder import OwnFolder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Numbers = NDArray[Any]

_JOURNAL, _VECTORS = "journal", "vectors"
_LINES: tuple[dict[str, type], ...] = (
    {"about": dict},
    {"declared": dict},
    {"name": str, "row": int, "numbers": int, "crc": int},
    {"name": str, "failed": str},
)


class StoreInUse(Exception):
    """Another run collects into the same folder."""


class OtherRun(ValueError):
    """What is in the folder is of another model or embedding; the text says what differs."""


class Store:
    """The vectors that were collected for `about` (model, embedding), by the inputs' names.

    With `resume` what is there is kept, without it is removed. Raises `StoreInUse`, `OtherRun`, `OSError`.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], *, resume: bool) -> None:
        with contextlib.ExitStack() as opened:
            self._own = opened.enter_context(OwnFolder(folder, through_link=False))
            self._journal = opened.enter_context(self._own.open(_JOURNAL, "a+b"))
            self._vectors = opened.enter_context(self._own.open(_VECTORS, "a+b"))
            self._opened = opened.pop_all()
        self._lock()
        self.dimensions = 0
        self.rows: dict[str, int] = {}
        self.failures: dict[str, str] = {}
        self.declared: dict[str, Any] | None = None
        if resume:
            self._read(json.loads(json.dumps(about)))
        else:
            self._journal.truncate(0)
            self._vectors.truncate(0)
        if self._journal.seek(0, os.SEEK_END) == 0:
            self._write({"about": about})

    def _lock(self) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                self.close()
                path = self._own.path
                text = f"another run is collecting into {path}, or a program that reads its journal has locked it"
                raise StoreInUse(text) from problem

    def _read(self, about: Any) -> None:
        whole = 0
        held = self._vectors.seek(0, os.SEEK_END)
        for line in self._lines():
            entry = _entry(line)
            if entry is None:
                break
            if "about" in entry and entry["about"] != about:
                self.close()
                differing = ", ".join(key for key in about if entry["about"].get(key) != about[key])
                raise OtherRun(
                    f"what {self._own.path} has was collected with another {differing}; --overwrite begins anew"
                )
            if "row" in entry:
                if not self._is_whole(entry, held):
                    break
                self.dimensions = entry["numbers"]
                self.rows[entry["name"]] = entry["row"]
            elif "declared" in entry:
                self.declared = entry["declared"]
            elif "failed" in entry:
                self.failures[entry["name"]] = entry["failed"]
            whole += len(line)
        self._journal.truncate(whole)
        self._vectors.truncate(len(self.rows) * self.dimensions * 4)
        for name in self.rows:
            self.failures.pop(name, None)

    def _lines(self) -> Iterator[bytes]:
        """The lines of the journal as far as they are whole."""
        self._journal.seek(0)
        for line in self._journal:
            if not line.endswith(b"\n"):
                return
            yield line

    def _is_whole(self, entry: dict[str, Any], held: int) -> bool:
        size = entry["numbers"] * 4
        if entry["row"] != len(self.rows) or not 0 <= (entry["row"] + 1) * size <= held:
            return False
        content = os.pread(self._vectors.fileno(), size, entry["row"] * size)
        return bool(zlib.crc32(content) == entry["crc"])

    def add(self, name: str, vector: Numbers) -> None:
        """Keeps an input's vector; raises `ValueError`, and keeps nothing, where it isn't as the others are."""
        numbers = np.asarray(vector, "<f4")
        self.dimensions = self.dimensions or len(numbers)
        if len(numbers) != self.dimensions:
            raise ValueError(f"its embedding has {len(numbers)} numbers, those before it {self.dimensions}")
        content = numbers.tobytes()
        self._vectors.write(content)
        self._vectors.flush()
        row = len(self.rows)
        self._write({"name": name, "row": row, "numbers": self.dimensions, "crc": zlib.crc32(content)})
        self.rows[name] = row
        self.failures.pop(name, None)

    def fail(self, name: str, reason: str) -> None:
        """Keeps why an input has no vector."""
        self._write({"name": name, "failed": reason})
        self.failures[name] = reason

    def remember(self, declaration: Mapping[str, Any]) -> None:
        """Keeps the embedding's declaration with what was found in the model."""
        self._write({"declared": declaration})
        self.declared = dict(declaration)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._journal.write(json.dumps(entry, ensure_ascii=True).encode() + b"\n")
        self._journal.flush()

    def vectors(self) -> Numbers:
        """All rows, mapped from the file."""
        shape = (len(self.rows), self.dimensions)
        if not self.rows:
            return np.empty(shape, "<f4")
        return np.memmap(self._vectors, "<f4", "r", 0, shape)

    def close(self) -> None:
        """Leaves all for a later run."""
        self._opened.close()

    def remove(self) -> None:
        """Closes and removes it, once nothing of it is needed. A folder in which there is something else stays."""
        self._journal.close()
        self._vectors.close()
        for name in (_JOURNAL, _VECTORS):
            self._own.remove(name)
        self.close()
        try:
            self._own.path.rmdir()
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _entry(line: bytes) -> dict[str, Any] | None:
    """A line of the journal; None for what is none, as a power cut may leave."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds = {name: type(value) for name, value in entry.items()} if isinstance(entry, dict) else {}
    return entry if kinds in _LINES else None
