"""Where a path leads, and whose is what it leads through: another user of the machine, who can tell a name beforehand,
may have put a link there, or a folder, where anybody may make one. None of these is walked through.

A path is walked once, from the root, each folder opened in the one before it and judged when it is open; what follows
is done by names in the folder that this came to, and nothing is looked up by the path again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# Windows has neither, and links there are made by administrators.
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
FOLDER = getattr(os, "O_DIRECTORY", 0)
BY_DESCRIPTOR = os.open in os.supports_dir_fd
NAME_ONLY = getattr(os, "O_PATH", 0)  # of a folder, whose files one may not be allowed to list; and of a link
_MOST_LINKS = 40  # as Linux follows
_TO_COLLECT = "who may read and change what is kept in it, "
# Where the system's own links lead to what is open already, /dev/stdout to a pipe, say.
_STREAMS = frozenset({Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")})


def is_stream(path: Path) -> bool:
    """Whether the path is the system's name for what is open already, or for a device: no file takes its place."""
    return path.parent in _STREAMS


def planted(user: int, found: os.stat_result, around: os.stat_result) -> bool:
    """Whether what is in the folder `around` may have been put there by somebody with whom `user` has no deal.

    That is another user's who isn't root, within one that everybody may write to, sticky or not. In a folder that a
    group may write to, its members are trusted, and so is whoever made the home or the project in which others work.
    """
    return found.st_uid not in (user, 0) and bool(around.st_mode & stat.S_IWOTH)


def walked(path: Path, *, into: bool, make: int | None = None, through_link: bool = True) -> tuple[int | None, Path]:
    """The folder of the file that a path leads to, there or not, or with `into` the folder that it leads to itself; and
    where that file or folder is, without links. The folder is a descriptor, None where there are none of folders.

    With `make`, folders that aren't there are made, the last one with that mode. One's own link is followed, but with
    `through_link` alone as the last one. Raises `OSError` for another user's, where one's own leads to it, too, and for
    one to which anybody may have given its name; on the way, for a link or a folder that may have been planted: what is
    a folder in one now may be a link when it is opened.
    """
    if not BY_DESCRIPTOR:
        if not through_link and path.is_symlink():
            raise is_a_link(path)
        there = path.resolve()
        if make is not None:
            (there if into else there.parent).mkdir(make, parents=True, exist_ok=True)
        return None, there
    left, links = _parts(path.absolute()), 0
    root = place = Path(path.absolute().anchor)
    here = os.open(root, NAME_ONLY | FOLDER)
    try:
        while left:
            place /= left.pop()
            is_last = not left
            target = place.parent.parent if place.name == ".." else _target(here, place, is_last=is_last)
            if target is not None and is_last and not through_link:
                raise is_a_link(place)
            if target is not None:
                links += place.name != ".."
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                left += _parts(target)
                place, next_here = root, os.open(root, NAME_ONLY | FOLDER)
            elif is_last and not into:
                return here, place
            else:
                mode = make if make is None or is_last else 0o777
                next_here = _entered(here, place, mode)
            os.close(here)
            here = next_here
        if not into:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        return here, place
    except BaseException:
        os.close(here)
        raise


def _parts(path: Path) -> list[str]:
    """The names that a whole path has below the root, the last one first."""
    return list(path.parts[:0:-1])


def _target(folder: int, place: Path, *, is_last: bool) -> Path | None:
    """Where the link at `place`, in the open `folder`, leads; None where no link is."""
    with named(place):
        try:
            found, target = _seen(folder, place.name)
        except FileNotFoundError:  # opening it tells, or makes it
            return None
    if target is None:
        return None
    me, around = os.geteuid(), os.fstat(folder)
    if (is_last and found.st_uid != me) or planted(me, found, around) or _named_by_anybody(found, around):
        raise is_a_link(place)
    return place.parent / target


def _named_by_anybody(link: os.stat_result, around: os.stat_result) -> bool:
    """Whether any user may have given the link its name in the folder `around`, a second one or in place of another."""
    return bool(around.st_mode & stat.S_IWOTH) and (link.st_nlink > 1 or not around.st_mode & stat.S_ISVTX)


def _seen(folder: int, name: str) -> tuple[os.stat_result, str | None]:
    """What is there by a name, and where it leads where it is a link: of the very link that was looked at."""
    if not NAME_ONLY:  # macOS. Where it is sticky, as /tmp is, nobody else can replace what is one's own or root's.
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return found, os.readlink(name, dir_fd=folder) if stat.S_ISLNK(found.st_mode) else None
    there = os.open(name, NAME_ONLY | NO_LINK, dir_fd=folder)
    try:
        found = os.fstat(there)
        return found, os.readlink("", dir_fd=there) if stat.S_ISLNK(found.st_mode) else None
    finally:
        os.close(there)


def _entered(around: int, place: Path, make: int | None) -> int:
    """The folder at `place`, in that which is open as `around`."""
    with named(place):
        try:
            folder = os.open(place.name, NAME_ONLY | FOLDER | NO_LINK, dir_fd=around)
        except FileNotFoundError:
            if make is None:
                raise
            with contextlib.suppress(FileExistsError):  # of another run, or another user's, which is judged as any
                os.mkdir(place.name, make, dir_fd=around)
            folder = os.open(place.name, NAME_ONLY | FOLDER | NO_LINK, dir_fd=around)
    found = os.fstat(folder)
    if planted(os.geteuid(), found, os.fstat(around)):
        os.close(folder)
        text = (
            f"it belongs to another user (id {found.st_uid}), who may read and change what is kept in it, "
            f"and anybody can make one in {place.parent}; name a folder of your own"
        )
        raise PermissionError(errno.EPERM, text, str(place))
    return folder


@contextlib.contextmanager
def named(place: Path) -> Iterator[None]:
    """A failure of what is done with a name in a folder tells the whole path."""
    try:
        yield
    except OSError as problem:
        if problem.errno == errno.ELOOP:  # a link where none may be
            raise is_a_link(place) from problem
        raise OSError(problem.errno, problem.strerror, str(place)) from problem


def is_a_link(path: Path) -> OSError:
    """What is said of a link that isn't followed."""
    text = "it is a link, and may be another user's; remove it"
    if is_stream(path):
        text = "it is the system's link to what is open already, and a file is needed here"
    return PermissionError(errno.EPERM, text, str(path))
