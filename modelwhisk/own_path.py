"""Whose is what a path leads through, and the file at its end: another user of the machine, who can tell a name
beforehand, may have put a link, a pipe or a file there, or the folder, where anybody may make one. None of these is
written through.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

# Windows has neither, and links there are made by administrators.
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
FOLDER = getattr(os, "O_DIRECTORY", 0)
BY_DESCRIPTOR = os.open in os.supports_dir_fd
_MOST_LINKS = 40  # as Linux follows
_BYTES = getattr(os, "O_BINARY", 0)
_NAME_ONLY = getattr(os, "O_PATH", os.O_RDONLY)  # of a folder, whose files one may not be allowed to list
# Where the system's own links lead to what is open already, /dev/stdout to a pipe, say.
_STREAMS = frozenset({Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")})


def opened(path: Path, flags: int) -> int:
    """A descriptor of the file `path`, which is made where it isn't there, and otherwise is as it was.

    Raises `OSError`, also for another user's link, for a file that another user has made where anybody may, and for one
    there that has another name, too, which may be that of a file elsewhere.
    """
    flags |= os.O_CREAT | _BYTES
    if not BY_DESCRIPTOR or is_stream(path):
        return os.open(path, flags, 0o666)
    path = followed(path)
    folder = os.open(path.parent, _NAME_ONLY | FOLDER)
    try:
        return _opened_in(folder, path, flags)
    finally:
        os.close(folder)


def _opened_in(folder: int, path: Path, flags: int) -> int:
    around = list(upwards(folder))
    with contextlib.suppress(FileNotFoundError):
        there = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISFIFO(there.st_mode):  # to open one waits for whoever reads it
            _refuse_planted(path, there, around)
    try:
        descriptor = os.open(path.name, flags | NO_LINK, 0o666, dir_fd=folder)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise is_a_link(path) from problem
        problem.filename = str(path)
        raise
    try:
        _refuse_planted(path, os.fstat(descriptor), around)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_planted(path: Path, found: os.stat_result, around: list[os.stat_result]) -> None:
    if planted(os.geteuid(), [found, *around]) is not None:
        raise _is_another_s(path)
    if found.st_nlink > 1 and around and around[0].st_mode & stat.S_IWOTH:
        raise is_a_link(path)


def is_stream(path: Path) -> bool:
    """Whether the path is the system's name for what is open already, or for a device: no file takes its place."""
    return path.parent in _STREAMS


def write(path: Path, content: bytes) -> None:
    """Makes `content` what is in the file; raises what `opened` does."""
    with open(opened(path, os.O_WRONLY), "wb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.truncate()
        file.write(content)


def upwards(descriptor: int) -> Iterator[os.stat_result]:
    """A folder, the one that it is in, and so on up to the root, whatever their names lead to meanwhile."""
    path, last = ".", None
    while True:
        try:
            found = os.stat(path, dir_fd=descriptor)
        except PermissionError:  # around one that we may not search, by whose name we didn't come here
            return
        if last is not None and os.path.samestat(found, last):
            return
        yield found
        path, last = f"{path}/..", found


def planted(user: int, levels: list[os.stat_result]) -> int | None:
    """Which of a folder and those around it, if any, may have been put there by somebody with whom `user` has no deal.

    That is another user's who isn't root, within one that everybody may write to, sticky or not. In a folder that a
    group may write to, its members are trusted, and so is whoever made the home or the project in which others work.
    """
    for level, (folder, around) in enumerate(pairwise(levels)):
        if folder.st_uid not in (user, 0) and around.st_mode & stat.S_IWOTH:
            return level
    return None


def followed(path: Path) -> Path:
    """Where one's own link leads, to a larger disk, say.

    Raises `OSError` for another user's, where one's own leads to it, too; on the way there, for a link or a folder that
    may have been planted: what is a folder in one now may be a link when it is opened.
    """
    if hasattr(os, "geteuid"):
        for place, is_last in _places(path):
            try:
                found = place.lstat()
            except (FileNotFoundError, NotADirectoryError):  # opening it tells, or makes it
                continue
            is_link = stat.S_ISLNK(found.st_mode)
            if is_link and is_last and found.st_uid != os.geteuid():
                raise is_a_link(place)
            if (is_link or not is_last) and planted(os.geteuid(), [found, place.parent.stat()]) is not None:
                raise is_a_link(place) if is_link else _is_another_s(place)
    return path.resolve() if path.is_symlink() else path


def _places(path: Path) -> Iterator[tuple[Path, bool]]:
    """All folders and links that a path leads through, and of each whether the path's end is where it leads."""
    whole = path.absolute()
    here, parts, most = Path(whole.anchor), list(whole.parts[:0:-1]), _MOST_LINKS
    while parts:
        part = parts.pop()
        here = here.parent if part == ".." else here / part
        yield here, not parts
        if not here.is_symlink():
            continue
        most -= 1
        if not most:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = Path(os.readlink(here))
        here = Path(target.anchor) if target.is_absolute() else here.parent
        parts += [part for part in target.parts[::-1] if part != target.anchor]


def _is_another_s(path: Path) -> OSError:
    text = "it, or a folder that it is in, belongs to another user, and anybody could make it there"
    return PermissionError(errno.EPERM, f"{text}; name one of your own", str(path))


def is_a_link(path: Path) -> OSError:
    return PermissionError(errno.EPERM, "it is a link, and may be another user's; remove it", str(path))
