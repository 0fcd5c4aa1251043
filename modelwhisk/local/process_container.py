"""A model's folder, run by the adapter as a process of this machine: the container where there is no docker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from modelwhisk import adapter
from modelwhisk.local import owner
from modelwhisk.local.actions import Action
from modelwhisk.local.containers import TOKEN_VARIABLE, StartFailed
from modelwhisk.local.logs import LONGEST_LINE, ContainerLog, Stream
from modelwhisk.local.process_group import ProcessGroup

OWNER_VARIABLE = "MODELWHISK_LOCAL_OWNER"

_LISTENING = re.compile(r"modelproxy: listening on (\S+):(\d+)\s*")
_START_PATIENCE = 30.0  # seconds until the port is named
_CHUNK = 65_536


class ProcessContainer:
    """A process that said where it listens."""

    def __init__(self, name: str, process: ProcessGroup, token: str) -> None:
        self.name = name
        self.token = token
        self.log = ContainerLog()
        self._process = process
        self._address: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self._pumps = [
            asyncio.ensure_future(self._pump("stdout", process.stdout)),
            asyncio.ensure_future(self._pump("stderr", process.stderr)),
        ]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the process named."""
        return self._address.result()

    @property
    def ended(self) -> bool:
        """Whether the process has."""
        return self._process.returncode is not None

    async def listening(self) -> None:
        """Waits for the process to name its port; raises `StartFailed` if it ends or stays silent."""
        exited = asyncio.ensure_future(self._process.wait())
        waiting: set[asyncio.Future[Any]] = {exited, self._address}
        try:
            await asyncio.wait(waiting, timeout=_START_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
        if self._address.done():
            return
        code = self._process.returncode
        ended = f"ended with status {code}" if code is not None else f"named no port in {_START_PATIENCE:.0f} seconds"
        await self.destroy()
        said = "\n".join(line.text for line in self.log.take()[-20:])
        raise StartFailed(f"The model's process {ended}.{said and chr(10) + said}", developer=True)

    async def pause(self) -> None:
        """Stops the process and its children where they are."""
        self._process.send(signal.SIGSTOP)

    async def resume(self) -> None:
        """Lets them go on."""
        self._process.send(signal.SIGCONT)

    async def out_of_memory(self) -> bool:
        """Never: no limit is set on a process."""
        return False

    async def destroy(self) -> None:
        """Kills the process and its children."""
        self._process.send(signal.SIGKILL)
        await self._process.wait()
        # A grandchild that left the process group may hold the pipes open: what was written so far is enough.
        await asyncio.wait(self._pumps, timeout=1)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _pump(self, stream: Stream, pipe: IO[bytes]) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            await self._read(stream, reader)
        finally:
            transport.close()

    async def _read(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        partial = bytearray()
        while data := await reader.read(_CHUNK):
            if self._address.done() or stream == "stderr":
                self.log.feed(stream, data)
                continue
            *ends, rest = data.split(b"\n")
            for end in ends:
                self._first_lines((partial + end).decode("utf-8", "replace"))
                partial.clear()
            partial += rest  # in place: what came before isn't copied with each piece
            if self._address.done() or len(partial) > LONGEST_LINE:
                self.log.feed(stream, bytes(partial))
                partial.clear()
        self.log.feed(stream, bytes(partial + b"\n" if partial else b""))

    def _first_lines(self, line: str) -> None:
        match = _LISTENING.fullmatch(line)
        if match and not self._address.done():
            host = match[1].strip("[]")
            self._address.set_result(("127.0.0.1" if host in ("0.0.0.0", "::") else host, int(match[2])))  # noqa: S104
        else:
            self.log.add("stdout", line)


@dataclass(frozen=True)
class ProcessFactory:
    """Runs `command` in `folder`: by default the adapter of this installation with `python`.

    The process gets this one's environment and `environment`, and is told a free port of the loopback; it prints
    `modelproxy: listening on HOST:PORT` when it listens.
    """

    folder: Path
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] | None = None

    async def start(self, action: Action, name: str, api_host: str) -> ProcessContainer:
        """A process that listens; raises `StartFailed` with the last lines of its output where it doesn't."""
        command = self.command or (self.python, str(_runtime_folder()))
        token = secrets.token_urlsafe()
        try:
            process = ProcessGroup(command, self.folder, self._variables(api_host, token))
        except OSError as problem:
            raise StartFailed(f"The model's process could not be started: {problem}", developer=True) from problem
        container = ProcessContainer(name, process, token)
        try:
            await container.listening()
        except asyncio.CancelledError:
            await container.destroy()
            raise
        return container

    def close(self) -> None:
        """Nothing is held."""

    def _variables(self, api_host: str, token: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("__OW_", "MODELPROXY_"))}
        listening = {"MODELPROXY_PORT": "0", "MODELPROXY_ADDRESS": "127.0.0.1"}  # nobody but us has business there
        own = {**listening, TOKEN_VARIABLE: token, "__OW_API_HOST": api_host, "PYTHONUNBUFFERED": "1"}
        return {**inherited, **self.environment, **own, OWNER_VARIABLE: owner.current()}


def _runtime_folder() -> Path:
    try:
        return adapter.folder()
    except adapter.AdapterMissing as problem:
        raise StartFailed(str(problem), developer=False) from problem


def remove_leftovers() -> list[int]:
    """Kills our user's processes of runs that ended without doing so; returns their ids. Needs Linux 5.3, and does
    nothing without."""
    killed = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if folder.stat().st_uid == os.geteuid() and _ended_leftover(folder):
                killed.append(int(folder.name))
    return killed


def _ended_leftover(folder: Path) -> bool:
    """Whether the process is one, which then is killed: it alone, not who has its number by then."""
    process = os.pidfd_open(int(folder.name))
    try:
        mark = _owner_mark(folder)
        if not mark or not owner.is_gone(mark):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
        return True
    finally:
        os.close(process)


def _owner_mark(process: Path) -> str:
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    prefix = f"{OWNER_VARIABLE}=".encode()
    return next((item[len(prefix) :].decode("utf-8", "replace") for item in variables if item.startswith(prefix)), "")
