"""Whose a container is: a mark on it from which a later run tells whether the process that made it still lives."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from pathlib import Path

_MARK = re.compile(r"(.+):([1-9][0-9]{0,9}):([0-9]*)")


def current() -> str:
    """The mark of this process: where it is, process id and, where it can be had, when the process started."""
    return f"{_place()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(mark: str) -> bool:
    """Whether the process of that mark has ended; never said of other places' marks, nor of what is no mark."""
    found = _MARK.fullmatch(mark)
    if found is None or found[1] != _place():
        return False
    pid = int(found[2])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # the latter where no process can have such an id
        return False
    return _started(pid) != found[3]


def is_named_by(mark: str, name: str) -> bool:
    """Whether the process of that mark ends the name of what it made, as `named` does."""
    found = _MARK.fullmatch(mark)
    return found is not None and name.endswith(f"_{found[2]}")


def named(name: str) -> str:
    """A name that tells which process made the thing."""
    return f"{name}_{os.getpid()}"


def _place() -> str:
    """The host and, on Linux, the machine and the namespace of process ids: many machines may have a host's name and
    share an engine, and a container may have its host's name, and has other ids."""
    try:
        return f"{socket.gethostname()}/{_machine()}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def _machine() -> str:
    """What no two machines have, hashed, as machine-id(5) asks; without such an id, that of the machine's start."""
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with contextlib.suppress(OSError):
            if id := Path(path).read_bytes().strip():
                return hashlib.sha256(b"modelwhisk " + id).hexdigest()[:16]
    return ""


def _started(pid: int) -> str:
    """The process's start in the kernel's ticks, since ids are used again; empty where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
