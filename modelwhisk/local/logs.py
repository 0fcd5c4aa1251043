"""A container's output, cut into activations at the markers (docs/actions-new.md#logging; the contract, A9)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

from modelwhisk.local import messages
from modelwhisk.local.patience import within

MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"

# Longer lines become several, as docker's own log makes them of 16 KiB.
LONGEST_LINE = 64 * 1024  # bytes
# The largest log limit, `limits.Limits.max_logs`; what an activation writes beyond it is counted and not kept.
_MOST = 10 * 1024 * 1024  # characters
_OF_A_LINE = 64  # what even an empty one counts as

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
        self._size = 0
        self._partial: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._markers: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._marked = asyncio.Event()
        self._missing_before = False

    def feed(self, stream: Stream, data: bytes) -> list[str]:
        """Takes bytes that the container wrote, and returns the lines that they complete."""
        partial, texts = self._partial[stream], []
        *complete, rest = data.split(b"\n")
        for piece in complete:
            texts.append(_text(partial + piece))
            partial.clear()
        partial += rest  # in place: what came before isn't copied with each piece
        if len(partial) > LONGEST_LINE:
            texts.append(_text(partial))
            partial.clear()
        for text in texts:
            self.add(stream, text)
        return texts

    def add(self, stream: Stream, text: str) -> None:
        """Takes one line."""
        if text == MARKER:
            self._markers[stream] += 1
            if all(self._markers.values()):
                self._marked.set()
        elif self._size <= _MOST:
            self._lines.append(LogLine(stream, text))
            self._size += _OF_A_LINE + len(text)
            if self._size > _MOST:
                self._lines.append(LogLine("stderr", messages.logs_truncated(_MOST)))

    async def collect(self, patience: float) -> list[LogLine]:
        """The lines of one activation, once both streams have their marker.

        A container that doesn't write markers, which the platform doesn't ask of user images, is waited for `patience`
        seconds once, and a twentieth of it from then on.
        """
        try:
            await within(patience / 20 if self._missing_before else patience, self._marked.wait())
        except asyncio.TimeoutError:
            self._missing_before = True
        for stream in self._markers:
            self._markers[stream] = max(0, self._markers[stream] - 1)
        if not all(self._markers.values()):
            self._marked.clear()
        return self._taken()

    def take(self) -> list[LogLine]:
        """All lines so far, including one that isn't complete."""
        for stream, partial in self._partial.items():
            if partial:
                self.add(stream, _text(partial))
                partial.clear()
        return self._taken()

    def _taken(self) -> list[LogLine]:
        lines, self._lines, self._size = self._lines, [], 0
        return lines


def _text(line: bytes | bytearray) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
