"""A platform that runs beside the test, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from modelwhisk.local import LocalPlatform


@contextmanager
def running(*actions: Any, **settings: Any) -> Iterator[LocalPlatform]:
    """A platform with `actions`, served until the block ends."""
    loop = asyncio.new_event_loop()
    platform = LocalPlatform(actions, **settings)
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with platform:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield platform
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def wait_until(condition: Callable[[], Any], patience: float = 5) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)
