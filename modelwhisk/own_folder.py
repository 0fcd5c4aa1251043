"""A folder of ours beside what a command writes. Its name, and those of its files, can be told beforehand: another user
of the machine who may write there can put links by them, and none is followed but one's own to a folder. Or they make
the folder themselves, where anybody may make one: it isn't taken, since its owner can read and change what is in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from modelwhisk.own_path import BY_DESCRIPTOR, FOLDER, NO_LINK, followed, is_a_link, planted, upwards


class OwnFolder:
    """The folder `path`, made where it isn't there, and files in it by their names, whatever becomes of the path.

    Everything raises `OSError`, also for another user's link in the place of the folder, for any in that of a file, and
    for a folder that another user has made where anybody may, as in /tmp. Use it as a context.
    """

    def __init__(self, path: Path) -> None:
        self._path = path = followed(path)
        path.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDONLY | FOLDER | NO_LINK) if BY_DESCRIPTOR else None
        try:
            self._refuse_another_s()
        except BaseException:
            self.close()
            raise

    def _refuse_another_s(self) -> None:
        if self._descriptor is None:
            return
        levels = list(upwards(self._descriptor))
        level = planted(os.geteuid(), levels)
        if level is not None:
            folder = self._path.joinpath(*[os.pardir] * level).resolve()
            text = (
                f"it belongs to another user (id {levels[level].st_uid}), who may read and change what is kept in it, "
                f"and anybody can make one in {folder.parent}; name a folder of your own"
            )
            raise PermissionError(errno.EPERM, text, str(folder))

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
            descriptor = os.open(self._at(name), flags | NO_LINK, 0o666, dir_fd=self._descriptor)
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise is_a_link(self._path / name) from problem
            raise
        if os.fstat(descriptor).st_nlink > 1:  # of the other kind, to another file of the same disk
            os.close(descriptor)
            raise is_a_link(self._path / name)
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
