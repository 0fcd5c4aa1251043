"""Whose a container is: a mark on it from which a later run tells whether the process that made it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def current() -> str:
    """The mark of this process: host, process id and, where it can be had, when the process started."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_gone(mark: str) -> bool:
    """Whether the process of that mark has ended; marks of other machines are never said to be gone."""
    host, _, rest = mark.rpartition(":")[0].rpartition(":")[0], "", mark.rsplit(":", 2)[-2:]
    if host != socket.gethostname() or not rest[0].isdigit():
        return False
    pid = int(rest[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(pid) != rest[1]


def _started(pid: int) -> str:
    """The process's start in the kernel's ticks, since ids are used again; empty where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
