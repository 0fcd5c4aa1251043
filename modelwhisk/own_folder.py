"""A folder of ours beside what a command writes. Its name, and those of its files, can be told beforehand: another user
of the machine who may write there can put links by them, and none is followed but one's own to a folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Any

# Windows has neither, and links there are made by administrators.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_BY_DESCRIPTOR = os.open in os.supports_dir_fd


class OwnFolder:
    """The folder `path`, made where it isn't there, and files in it by their names, whatever becomes of the path.

    Everything raises `OSError`, also for another user's link in the place of the folder, and for any in that of a file.
    Use it as a context.
    """

    def __init__(self, path: Path) -> None:
        self._path = path = followed(path)
        path.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDONLY | _FOLDER | _NO_LINK) if _BY_DESCRIPTOR else None

    def __enter__(self) -> OwnFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the folder back; what was opened in it stays open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def open(self, name: str, mode: str) -> Any:
        """A binary file, as `open` gives it."""
        return open(name, mode, opener=self._open)

    def _open(self, name: str, flags: int) -> int:
        try:
            descriptor = os.open(self._at(name), flags | _NO_LINK, 0o666, dir_fd=self._descriptor)
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise _is_a_link(self._path / name) from problem
            raise
        if os.fstat(descriptor).st_nlink > 1:  # of the other kind, to another file of the same disk
            os.close(descriptor)
            raise _is_a_link(self._path / name)
        return descriptor

    def put(self, name: str, content: bytes) -> None:
        """A whole file, or what was there before."""
        part = f".{name}.part"
        with contextlib.suppress(FileNotFoundError):  # of a run that was killed
            os.unlink(self._at(part), dir_fd=self._descriptor)
        with self.open(part, "xb") as file:
            file.write(content)
        os.replace(self._at(part), self._at(name), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self._path / name)


def followed(path: Path) -> Path:
    """Where one's own link leads, to a larger disk, say; raises `OSError` for another user's."""
    if not path.is_symlink():
        return path
    if hasattr(os, "geteuid") and path.lstat().st_uid != os.geteuid():
        raise _is_a_link(path)
    return path.resolve()


def _is_a_link(path: Path) -> OSError:
    return PermissionError(errno.EPERM, "it is a link, and may be another user's; remove it", str(path))
