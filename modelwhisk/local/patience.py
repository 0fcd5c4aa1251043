"""Waiting with an end, for what may never come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Awaitable[T]) -> T:
    """What `work` comes to; raises `asyncio.TimeoutError` where that takes longer than `seconds`, and cancels it.

    Who is cancelled here is, always: before Python 3.12 `asyncio.wait_for` goes on as if nothing were where its work
    has just been done, as that of a client or a container is which sends on and on.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
