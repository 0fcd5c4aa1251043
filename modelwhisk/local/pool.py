"""Which container runs which activation: kept warm, paused when idle, scaled out to a bound, removed when bad."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable

from modelwhisk.local.actions import Action
from modelwhisk.local.containers import Container


class PooledContainer:
    """One container of an action, from before it is started to its removal."""

    def __init__(self, action: Action, name: str) -> None:
        self.action = action
        self.name = name
        self.container: Container | None = None
        self.ready = asyncio.Event()  # initialised, or given up
        self.in_flight = 0
        self.removed = False
        self.retired = False  # its action has changed: it takes no more activations
        self.paused = False
        self.resumed = False  # the next run is the first one after a pause
        self._claimed = False
        self._waking = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._pausing: asyncio.Task[None] | None = None

    def claim(self) -> bool:
        """Whether the caller is the first to use the container, who starts and initialises it for the others."""
        first, self._claimed = not self._claimed, True
        return first

    def idle(self, grace: float) -> None:
        """Pauses the container once nothing has used it for `grace` seconds."""
        loop = asyncio.get_running_loop()
        self._idle_timer = loop.call_later(grace, self._start_pausing)

    def _start_pausing(self) -> None:
        self._pausing = asyncio.ensure_future(self._pause())

    async def _pause(self) -> None:
        if self.container is None or self.removed:
            return
        try:
            await self.container.pause()
            self.paused = True
        except Exception:  # one that can't be paused is of no more use, whatever the reason
            self.removed = True
            await self.container.destroy()

    async def wake(self) -> None:
        """Takes the container out of its pause."""
        async with self._waking:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
                self._idle_timer = None
            if self._pausing is not None:
                await asyncio.gather(self._pausing, return_exceptions=True)
                self._pausing = None
            if self.paused and self.container is not None:
                await self.container.resume()
                self.paused, self.resumed = False, True

    async def remove(self) -> None:
        """Destroys the container."""
        self.removed = True
        self.ready.set()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._pausing is not None:
            await asyncio.gather(self._pausing, return_exceptions=True)
        if self.container is not None:
            await self.container.destroy()


class Pool:
    """All containers of a platform; at most `bound` of them, paused after `idle_pause` seconds without work."""

    def __init__(self, bound: int, idle_pause: float) -> None:
        self.bound = bound
        self.idle_pause = idle_pause
        self._containers: list[PooledContainer] = []
        self._changed = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._removals: set[asyncio.Future[None]] = set()

    async def acquire(self, action: Action) -> PooledContainer:
        """A container with room for one more activation of `action`, maybe one that has yet to be started."""
        while True:
            async with self._changed:
                while (found := self._choose(action)) is None:
                    await self._changed.wait()
                found.in_flight += 1
            try:
                await found.wake()
            except Exception:  # it died in its pause, which is noticed in as many ways as there are engines
                await self.release(found, keep=False)
            else:
                return found

    def _choose(self, action: Action) -> PooledContainer | None:
        self._containers = [candidate for candidate in self._containers if not candidate.removed]
        for candidate in self._containers:
            same = candidate.action.revision == action.revision and not candidate.retired
            if same and candidate.in_flight < action.concurrency:
                return candidate
        full = len(self._containers) >= self.bound
        if full and not self._evict(lambda other: other.action.revision != action.revision):
            return None
        created = PooledContainer(action, self._name(action))
        self._containers.append(created)
        return created

    def _evict(self, which: Callable[[PooledContainer], bool]) -> bool:
        for candidate in self._containers:
            if candidate.in_flight == 0 and which(candidate):
                self._containers.remove(candidate)
                removal = asyncio.ensure_future(candidate.remove())
                self._removals.add(removal)
                removal.add_done_callback(self._removals.discard)
                return True
        return False

    def _name(self, action: Action) -> str:
        # core/invoker/.../containerpool/ContainerFactory.scala: only letters, digits and _ are kept.
        return "_".join(
            re.sub(r"[^A-Za-z0-9_]", "", part)
            for part in ("wsklocal", str(next(self._numbers)), action.namespace, action.name)
        )

    async def release(self, pooled: PooledContainer, *, keep: bool) -> None:
        """Ends an activation's use of its container, and the container itself unless it is worth keeping."""
        pooled.in_flight -= 1
        pooled.resumed = False
        if pooled.retired and pooled.in_flight == 0:
            keep = False
        if not keep and not pooled.removed:
            await self.discard(pooled)
        elif pooled.in_flight == 0 and not pooled.removed:
            pooled.idle(self.idle_pause)
        async with self._changed:
            self._changed.notify_all()

    async def retire(self, which: Callable[[Action], bool]) -> None:
        """Removes the containers of such actions, those that are at work as soon as they aren't."""
        async with self._changed:
            for pooled in self._containers:
                pooled.retired = pooled.retired or which(pooled.action)
            while self._evict(lambda other: other.retired):
                pass
            self._changed.notify_all()

    async def discard(self, pooled: PooledContainer) -> None:
        """Removes a container from the pool and destroys it."""
        if pooled in self._containers:
            self._containers.remove(pooled)
        await pooled.remove()

    async def close(self) -> None:
        """Destroys all containers."""
        containers, self._containers = self._containers, []
        await asyncio.gather(*(pooled.remove() for pooled in containers), *self._removals)
