"""Lets what is measured go before the machine's other work, where that is allowed: a ratio of two waiting times says
little."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

NICE = -15
# Linux shares processor time out between sessions first (sched(7), "The autogroup feature"): within one, nice is only
# heard among its own processes.
_AUTOGROUP = Path("/proc/self/autogroup")


@contextlib.contextmanager
def taken() -> Iterator[bool]:
    """True where it was granted. The processes that are started meanwhile inherit it."""
    before = _session_nice()
    try:
        granted = _set(NICE)
        yield granted
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                _AUTOGROUP.write_text(str(before))


def _set(nice: int) -> bool:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if _AUTOGROUP.exists():
            _AUTOGROUP.write_text(str(nice))
    except OSError:
        return False
    return True


def _session_nice() -> int | None:
    try:
        return int(_AUTOGROUP.read_text().rpartition(" ")[2])
    except (OSError, ValueError):
        return None  # a kernel without sessions of this kind
