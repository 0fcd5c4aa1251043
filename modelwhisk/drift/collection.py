"""The vectors of many inputs: some at a time, with a progress bar, kept as they come."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence

from modelwhisk.client.errors import cut
from modelwhisk.drift.embedding import Embedder, NoVector
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.store import Store
from modelwhisk.map.report import Bar


async def collect(embedder: Embedder, inputs: Sequence[Given], store: Store, jobs: int, bar: Bar) -> bool:
    """Takes the vectors of those inputs that have none in the store, `jobs` at a time.

    Returns False where Ctrl-C or SIGTERM ended it: the first lets what is on its way come in, the second ends it. What
    came in is in the store in any case, and an input that has no vector is there with the reason.
    """
    waiting = iter([given for given in inputs if given.name not in store.rows])
    collector = _Collector(embedder, store, bar)
    workers = [asyncio.create_task(collector.work(waiting)) for _ in range(jobs)]
    with _interrupts(collector, workers, bar):
        try:
            await asyncio.gather(*workers)
        except asyncio.CancelledError:
            if not collector.stopping:
                raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return not collector.stopping


class _Collector:
    def __init__(self, embedder: Embedder, store: Store, bar: Bar) -> None:
        self._embedder, self._store, self._bar = embedder, store, bar
        self.stopping = False

    async def work(self, waiting: Iterator[Given]) -> None:
        while not self.stopping and (given := next(waiting, None)) is not None:
            try:
                self._store.add(given.name, await self._embedder.vector(given))
            except (NoVector, ValueError) as problem:
                self._store.fail(given.name, cut(str(problem)))  # in a model's words, which have no end
                self._bar.advance(False)
            else:
                self._bar.advance(True)


@contextlib.contextmanager
def _interrupts(collector: _Collector, workers: Sequence[asyncio.Task[None]], bar: Bar) -> Iterator[None]:
    def signalled() -> None:
        if collector.stopping:
            for worker in workers:
                worker.cancel()
            return
        collector.stopping = True
        bar.say("stopping when those on their way have come in; once more to stop now")

    loop = asyncio.get_running_loop()
    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):  # Windows; another thread
            loop.add_signal_handler(number, signalled)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
