"""A file that a command writes, at a path that others may know beforehand: written through no link of another
user's, and into no file, pipe or folder that they have put there where anybody may make one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from modelwhisk.own_path import BY_DESCRIPTOR, NO_LINK, is_a_link, is_stream, named, planted, walked

_BYTES = getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


class OwnFile:
    """The file `path`, there or not, by its name in `folder`, a descriptor that is the caller's, or None on Windows:
    it is that one, whatever becomes of the path.

    Everything raises `OSError`, also for a link; for a file that another user has made where anybody may, and for one
    there that has another name, too, which may be that of a file elsewhere.
    """

    def __init__(self, folder: int | None, path: Path) -> None:
        self._folder = folder
        self.path = path

    def found(self) -> os.stat_result | None:
        """What is there by the name; None where nothing is."""
        with named(self.path), contextlib.suppress(FileNotFoundError):
            return os.stat(self._at(self.path), dir_fd=self._folder, follow_symlinks=False)
        return None

    def open(self, flags: int) -> int:
        """A descriptor of the file, which is made where it isn't there, and otherwise is as it was."""
        found = self.found()
        waits = found is not None and stat.S_ISFIFO(found.st_mode)  # for whoever reads it
        if found is not None and waits:
            self._refuse_planted(found)
        flags |= os.O_CREAT | NO_LINK | _BYTES | (0 if waits else _AT_ONCE)
        with named(self.path):
            descriptor = os.open(self._at(self.path), flags, 0o666, dir_fd=self._folder)
        try:
            self._refuse_planted(os.fstat(descriptor))
            if BY_DESCRIPTOR:
                os.set_blocking(descriptor, True)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def write(self, content: bytes, flags: int = 0) -> None:
        """Makes `content` what is in the file, which is opened with `flags`, too."""
        _write(self.open(os.O_WRONLY | flags), content)

    @contextlib.contextmanager
    def anew(self, flags: int = 0) -> Iterator[BinaryIO]:
        """A file, opened with `flags`, too, that takes the place of what is there, a link too, once it is whole.

        Whoever may read what is there may read it then, and before nobody else.
        """
        part = self._part
        there = self.found()
        kept = there if there and stat.S_ISREG(there.st_mode) and not self._is_planted(there) else None

        def made(_path: str, needed: int) -> int:
            mode = 0o666 if kept is None else 0o600
            return os.open(self._at(part), needed | flags | NO_LINK, mode, dir_fd=self._folder)

        self.remove_part()  # of a run that was killed
        with named(part):
            file = open(part, "x+b", opener=made)  # noqa: SIM115 - closed below, before it is moved
        try:
            with file:
                yield file
                file.flush()
                if kept is not None and hasattr(os, "fchmod"):  # Windows has no such modes
                    os.fchmod(file.fileno(), stat.S_IMODE(kept.st_mode))
                whole = os.fstat(file.fileno())
            with named(self.path):
                os.replace(self._at(part), self._at(self.path), src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except BaseException:
            self.remove_part()
            raise
        moved = self.found()
        if moved is None or not os.path.samestat(moved, whole):  # what others put there, who may rename in the folder
            raise is_a_link(self.path)

    @property
    def _part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.part")

    def remove_part(self) -> None:
        """Removes what a run has left that was killed while it wrote anew."""
        part = OwnFile(self._folder, self._part)
        with named(part.path), contextlib.suppress(FileNotFoundError):
            try:
                os.unlink(self._at(part.path), dir_fd=self._folder)
            except PermissionError:
                if found := part.found():
                    part._refuse_planted(found)
                raise

    def _refuse_planted(self, found: os.stat_result) -> None:
        if self._folder is None:
            return
        if self._is_planted(found):
            text = "it belongs to another user, and anybody could make it there; name one of your own"
            raise PermissionError(errno.EPERM, text, str(self.path))
        if found.st_nlink > 1 and os.fstat(self._folder).st_mode & stat.S_IWOTH:
            raise is_a_link(self.path)

    def _is_planted(self, found: os.stat_result) -> bool:
        return self._folder is not None and planted(os.geteuid(), found, os.fstat(self._folder))

    def _at(self, path: Path) -> str:
        return path.name if self._folder is not None else str(path)


@contextlib.contextmanager
def own_file(path: Path, *, make: bool = False) -> Iterator[OwnFile]:
    """The file that a path leads to, in a folder that is held open, and with `make` made where it isn't there.

    Raises what `own_path.walked` does.
    """
    folder, place = walked(path, into=False, make=0o777 if make else None)
    try:
        yield OwnFile(folder, place)
    finally:
        if folder is not None:
            os.close(folder)


def write(path: Path, content: bytes) -> None:
    """Makes `content` what is in the file at a path, or gives it to the stream or device of that name."""
    if is_stream(path):
        _write(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), content)
    else:
        with own_file(path) as file:
            file.write(content)


def write_new(path: Path, content: bytes) -> None:
    """Makes a file of `content` at a path; raises `FileExistsError` where there is one, even if it came just now."""
    with own_file(path) as file:
        file.write(content, os.O_EXCL)


def _write(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.truncate()
        file.write(content)
