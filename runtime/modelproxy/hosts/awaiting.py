"""Runs what a model's function returned to its end: coroutines and generators, for a host that isn't async itself."""

import _thread
import inspect
from sys import getsizeof

from ..messages import ENDLESS, MOST_UNANNOUNCED


class Loop:
    """One event loop for all predictions, in a thread of its own: what a model keeps between them belongs to a loop."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._loop = None

    def finished(self, result):
        """The value behind ``result``, which may be awaitable, a generator or both."""
        if inspect.isawaitable(result):
            result = self._run(result)
        if inspect.isasyncgen(result):
            return _joined(self._run(_gathered(result)))
        if inspect.isgenerator(result):
            kept = _Room().kept
            return _joined([kept(piece) for piece in result])
        return result

    def close(self):
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, awaitable):
        import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = _loop_in_thread()
        return value_of(asyncio.run_coroutine_threadsafe(outcome(awaitable), self._loop).result())


def _loop_in_thread():
    import asyncio
    import threading

    loop = asyncio.new_event_loop()

    def serve():
        asyncio.set_event_loop(loop)
        loop.run_forever()
        loop.close()

    threading.Thread(target=serve, name="predictions", daemon=True).start()
    return loop


async def outcome(awaitable):
    """Whether it returned, and the value or the exception: SystemExit would end asyncio's loop and leave us waiting."""
    try:
        return [True, await awaitable]
    except BaseException as error:
        return [False, error]


def value_of(found):
    """The value of an ``outcome``; raises its exception, whose traceback holds frames that hold the outcome: nothing is
    left in it, nor here, or all that the model's frames have would stay until Python collects such circles."""
    value = found.pop()
    try:
        if found[0]:
            return value
        raise value
    finally:
        del value


async def _gathered(generator):
    kept = _Room().kept
    return [kept(piece) async for piece in generator]


class _Room:
    """Bytes for what a generator yields, which may have no end: a camera's pictures."""

    left = MOST_UNANNOUNCED

    def kept(self, piece):
        self.left -= getsizeof(piece)
        if self.left < 0:
            raise ValueError("the generator " + ENDLESS)
        return piece


def _joined(pieces):
    """What a generator yielded: text as one text, bytes (and text among them) as bytes, else a list."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    if all(isinstance(piece, (str, bytes, bytearray)) for piece in pieces):
        return b"".join(piece.encode("utf-8") if isinstance(piece, str) else piece for piece in pieces)
    return pieces
