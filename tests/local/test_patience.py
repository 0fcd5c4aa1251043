"""Waiting with an end."""

from __future__ import annotations

import asyncio

import pytest

from modelwhisk.local.patience import within


async def failing() -> None:
    raise KeyError("x")


def test_what_comes_in_time() -> None:
    assert asyncio.run(within(5, asyncio.sleep(0, "done"))) == "done"
    with pytest.raises(KeyError, match="x"):
        asyncio.run(within(5, failing()))


def test_what_never_comes_is_cancelled() -> None:
    async def wait() -> None:
        never = asyncio.get_running_loop().create_future()
        with pytest.raises(asyncio.TimeoutError):
            await within(0.001, never)
        assert never.cancelled()

    asyncio.run(wait())


@pytest.mark.parametrize("done", [False, True])
def test_a_cancellation_counts_though_the_work_is_done_at_the_same_moment(done: bool) -> None:
    async def wait() -> None:
        work = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(within(5, work))
        await asyncio.sleep(0)
        if done:
            work.set_result("done")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert work.cancelled() is not done

    asyncio.run(wait())
