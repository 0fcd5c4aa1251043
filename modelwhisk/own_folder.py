"""A folder of ours beside what a command writes. Its name, and those of its files, can be told beforehand: another user
of the machine who may write there can put links by them, and none is followed but one's own to a folder. Or they make
the folder themselves, where anybody may make one: it isn't taken, since its owner can read and change what is in it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from modelwhisk.own_file import OwnFile
from modelwhisk.own_path import NO_LINK, is_a_link, named, walked


class OwnFolder:
    """The folder `path`, made where it isn't there, and files in it by their names, whatever becomes of the path.

    `path` then is where it is, without links. Everything raises `OSError`, also for another user's link in the place of
    the folder, for any in that of a file, and for a folder that another user has made where anybody may, as in /tmp.
    One's own link in the folder's place is followed only with `through_link`, which is for a path that somebody has
    named: a link by a name that is ours may have come out of an archive. Use it as a context.
    """

    def __init__(self, path: Path, mode: int = 0o777, *, through_link: bool = True) -> None:
        self._descriptor, self.path = walked(path, into=True, make=mode, through_link=through_link)

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

    def file(self, name: str) -> OwnFile:
        """A file in the folder, for as long as that is open."""
        return OwnFile(self._descriptor, self.path / name)

    def open(self, name: str, mode: str) -> Any:
        """A binary file, as `open` gives it."""
        return open(name, mode, opener=self._open)

    def _open(self, name: str, flags: int) -> int:
        place = self.path / name
        with named(place):
            path = name if self._descriptor is not None else str(place)
            descriptor = os.open(path, flags | NO_LINK, 0o666, dir_fd=self._descriptor)
        if os.fstat(descriptor).st_nlink > 1:  # of the other kind, to another file of the same disk
            os.close(descriptor)
            raise is_a_link(place)
        return descriptor

    def remove(self, name: str) -> None:
        """Removes a file, or the link by its name, where there is one."""
        place = self.path / name
        with named(place), contextlib.suppress(FileNotFoundError):
            os.unlink(name if self._descriptor is not None else place, dir_fd=self._descriptor)

    def put(self, name: str, content: bytes) -> None:
        """A whole file, or what was there before."""
        with self.file(name).anew() as file:
            file.write(content)
