"""Tells when files of a folder change, by looking every now and then: that works on every file system."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

_EVERY = 0.5  # seconds
# Folders that programs write to while they run, or that are too large to look through.
_IGNORED = frozenset({"__pycache__", ".git", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache"})

State = dict[str, tuple[int, int]]


async def changes(folder: Path, every: float = _EVERY) -> AsyncIterator[Path]:
    """A file that has changed, come or gone; one for all that did so at a time."""
    known = await asyncio.to_thread(state, folder)
    while True:
        await asyncio.sleep(every)
        current = await asyncio.to_thread(state, folder)
        if (changed := difference(known, current)) is not None:
            yield Path(changed)
        known = current


def difference(before: State, after: State) -> str | None:
    """The first file, by its path, in which two states differ."""
    return min((path for path, _ in before.items() ^ after.items()), default=None)


def state(folder: Path) -> State:
    """Time of change and size of each file that matters."""
    found: State = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _IGNORED]
        for name in files:
            if not name.endswith((".pyc", ".swp", "~")):
                path = os.path.join(parent, name)
                try:
                    status = os.stat(path)
                except OSError:  # gone meanwhile
                    continue
                found[path] = (status.st_mtime_ns, status.st_size)
    return found
