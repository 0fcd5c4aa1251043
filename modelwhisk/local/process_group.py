"""A program with all that it starts on this machine, signalled and ended as one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class ProcessGroup:
    """A program in a session of its own, whose output is read from `stdout` and `stderr`.

    What it has started is killed when it ends, before its number is given back: from then on another's process may have
    that, and nothing is sent to it any more. Raises `OSError` where the program can't be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._lock = threading.Lock()  # while it is held the number isn't given back
        self._process = subprocess.Popen(  # noqa: S603 - the user's own command
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        # Not asyncio's own watcher, which gives the number back before anybody hears of the end.
        threading.Thread(target=self._wait, name=f"end of {self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The program's number, and the group's."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """As in `subprocess`; None while it runs."""
        return self._process.returncode

    @property
    def stdout(self) -> IO[bytes]:
        """What it prints, which the caller closes."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """Its errors, which the caller closes."""
        assert self._process.stderr is not None
        return self._process.stderr

    def send(self, number: signal.Signals) -> None:
        """To all of the group; to nobody once the program has ended."""
        with self._lock:
            if self.returncode is None:
                self._signal(number)

    async def wait(self) -> None:
        """Until the program has ended."""
        await self._ended.wait()

    def _wait(self) -> None:
        """In a thread of its own."""
        if hasattr(os, "waitid"):  # on macOS from Python 3.13 on
            with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored, no number waits for us
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                self.send(signal.SIGKILL)
            with self._lock:
                self._process.wait()
        else:
            self._process.wait()
            self._signal(signal.SIGKILL)  # at once, while hardly anybody can have the number
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._ended.set)

    def _signal(self, number: signal.Signals) -> None:
        # macOS forbids to signal what has ended but for its number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
