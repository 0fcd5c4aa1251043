"""Ctrl-C and SIGTERM while inputs are on their way."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from modelwhisk.map.report import Bar
from modelwhisk.map.runner import Runner


class Interrupts:
    """The first lets what is on its way end, the second ends it."""

    def __init__(self, tell: Callable[[], None], runner: Runner, bar: Bar) -> None:
        self._tell = tell
        self._runner = runner
        self._bar = bar
        self._asked = False
        self._task = asyncio.current_task()

    def _signalled(self) -> None:
        self._tell()
        if self._asked and self._task is not None:
            self._task.cancel()
            return
        self._asked = True
        self._bar.say("stopping when those on their way are answered; once more to stop now")
        self._runner.stop()

    def __enter__(self) -> Interrupts:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, ValueError):  # Windows; another thread
                loop.add_signal_handler(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.remove_signal_handler(number)
