"""A container's output, cut into activations at the markers (docs/actions-new.md#logging; the contract, A9)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True)
class LogLine:
    """One line of a container's output; `time` is in nanoseconds, when it was read."""

    stream: Stream
    text: str
    time: int = field(default_factory=time.time_ns, compare=False)


class ContainerLog:
    """Lines as they come, held until an activation collects them."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._partial: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._markers: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._marked = asyncio.Event()
        self._missing_before = False

    def feed(self, stream: Stream, data: bytes) -> list[str]:
        """Takes bytes that the container wrote, and returns the lines that they complete."""
        *complete, self._partial[stream] = (self._partial[stream] + data).split(b"\n")
        texts = [line.decode("utf-8", "replace").rstrip("\r") for line in complete]
        for text in texts:
            self.add(stream, text)
        return texts

    def add(self, stream: Stream, text: str) -> None:
        """Takes one line."""
        if text == MARKER:
            self._markers[stream] += 1
            if all(self._markers.values()):
                self._marked.set()
        else:
            self._lines.append(LogLine(stream, text))

    async def collect(self, patience: float) -> list[LogLine]:
        """The lines of one activation, once both streams have their marker.

        A container that doesn't write markers, which the platform doesn't ask of user images, is waited for `patience`
        seconds once, and a twentieth of it from then on.
        """
        try:
            await asyncio.wait_for(self._marked.wait(), patience / 20 if self._missing_before else patience)
        except asyncio.TimeoutError:
            self._missing_before = True
        for stream in self._markers:
            self._markers[stream] = max(0, self._markers[stream] - 1)
        if not all(self._markers.values()):
            self._marked.clear()
        lines, self._lines = self._lines, []
        return lines

    def take(self) -> list[LogLine]:
        """All lines so far, including one that isn't complete."""
        rest = [LogLine(stream, data.decode("utf-8", "replace")) for stream, data in self._partial.items() if data]
        self._partial = {"stdout": b"", "stderr": b""}
        lines, self._lines = self._lines + rest, []
        return lines
