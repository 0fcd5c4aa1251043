"""Work that may take seconds, aside from the event loop: all other callers would wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_SHORT = 16_384  # bytes or characters to work on: what takes longest of JSON, each bracket by itself, is 20 ms of them
# Python runs one thread at a time: with this, whoever sends much has no more than half of it, however often they do.
_one_at_a_time = threading.Lock()


async def aside(size: int, work: Callable[..., T], *given: Any) -> T:
    """What `work(*given)` returns or raises; in a thread unless `size`, of what it works on, is small.

    It may touch nothing that the event loop changes meanwhile. Who no longer waits for it, as at the end of the
    platform, doesn't stop it, nor does it stop the process from ending.
    """
    if size <= _SHORT:
        return work(*given)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        with _one_at_a_time:
            try:
                result = work(*given)
            except Exception as problem:
                _tell(loop, done, done.set_exception, problem)
            else:
                _tell(loop, done, done.set_result, result)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await done


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], settle: Callable[[Any], None], end: Any) -> None:
    def tell() -> None:
        if not done.done():  # nobody waits for what is cancelled
            settle(end)

    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it who was waiting
        loop.call_soon_threadsafe(tell)
