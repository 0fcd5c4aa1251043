"""The event loop that all calls share. Knows nothing of ASGI."""

import asyncio
import threading
import weakref

from .. import log


class Runner:
    """Runs coroutines on one loop: in the thread that calls, or, once it has moved, in a thread of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)  # for libraries that ask for one while they are imported
        self._root = self._loop.create_task(_for_ever(self._loop))
        self._awaited = None
        self._thread = None
        self._leaving = False
        self._lasting = weakref.WeakSet()

    def run(self, coroutine):
        """The coroutine's result; raises what it raises. What another task raises doesn't cost the loop."""
        if self._thread is not None:
            return self._run_elsewhere(coroutine)
        task = self._awaited = self._loop.create_task(coroutine)
        task.add_done_callback(self._stop_for)
        interrupt = None
        while not task.done():
            try:
                self._turn()
            except Exception:
                task.cancel()  # or the next call would do this one's work
                raise
            except BaseException as error:  # SystemExit in a task of this call's, or Ctrl-C
                interrupt = error
                task.cancel()
        if interrupt is None:
            return task.result()
        if not task.cancelled():
            task.exception()  # looked at, or asyncio would log that nobody did
        raise interrupt

    def _run_elsewhere(self, coroutine):
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # where it was Ctrl-C that came
            raise

    def _turn(self):
        """Runs the loop until it is stopped.

        anyio ends its worker threads together with the task that ``run_until_complete`` was given, so this is one that
        outlasts the calls: threads are costly to make, and models keep things in them.
        """
        if self._root.done():
            self._root = self._loop.create_task(_for_ever(self._loop))
        try:
            self._loop.run_until_complete(self._root)
        except RuntimeError:  # "Event loop stopped before Future completed": here, or by the application for nothing
            if self._loop.is_running() or asyncio._get_running_loop() is not None:
                raise  # it can't run, as another does
        except asyncio.CancelledError:
            pass  # the application cancels all tasks that it finds; its own then tells how that ended

    def _stop_for(self, task):
        if task is self._awaited:
            self._loop.stop()

    async def rest(self, limit):
        """Lets the tasks that a call has left come to their end, ``limit`` seconds at most. What takes longer goes on
        whenever the loop runs, and isn't waited for again."""
        if self._thread is not None:
            return
        left = [task for task in self._others() if task not in self._lasting]
        if left:
            _, pending = await asyncio.wait(left, timeout=limit)
            self._lasting.update(pending)

    def _others(self):
        """All tasks that aren't done, but for the one that asks and the root."""
        if hasattr(asyncio, "all_tasks"):
            tasks, current = asyncio.all_tasks(self._loop), asyncio.current_task(self._loop)
        else:  # Python 3.6
            tasks, current = asyncio.Task.all_tasks(self._loop), asyncio.Task.current_task(self._loop)
        return [task for task in tasks if task is not current and task is not self._root and not task.done()]

    # --- a thread of its own --------------------------------------------------------------------------------------

    def move_to_own_thread(self):
        self._thread = threading.Thread(target=self._serve, name="event-loop", daemon=True)
        self._thread.start()

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        while not self._leaving:
            try:
                self._turn()
            except BaseException as error:  # as in ``run``; who waits for a task is told by the task
                log.traceback_of(error)

    def come_back(self, limit):
        """Takes the loop from its thread; False where that still computes after ``limit`` seconds."""
        if self._thread is None:
            return True
        self._leaving = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(limit)
        if self._thread.is_alive():
            return False
        self._thread = None
        return True

    def close(self):
        """Cancels what still runs, and closes the loop."""
        try:
            self._root.cancel()
            self._loop.run_until_complete(self._cancel_others())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _cancel_others(self):
        left = self._others()
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)
        await self._loop.shutdown_asyncgens()


async def _for_ever(loop):
    await loop.create_future()
