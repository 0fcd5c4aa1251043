"""A container as upstream's harness has it: called as the invoker calls it, read by its two streams.

Source: apache/openwhisk, tests/src/test/scala/actionContainers/ActionContainer.scala (`init`, `run`, `checkStreams`).
"""

from __future__ import annotations

import re
import time
from typing import Any

import invoker
from bed import Running
from invoker import MARKER, Reply

PATIENCE = 10.0  # seconds until the engine has passed the log on
_OWN = re.compile("^modelproxy: .*\n", re.MULTILINE)


class InvokedContainer:
    """One container on docker's own network, where the platform finds it too."""

    def __init__(self, running: Running) -> None:
        self.running = running
        running.container.reload()
        networks = running.container.attrs["NetworkSettings"]["Networks"]
        self.address = (str(next(network["IPAddress"] for network in networks.values())), 8080)
        self._seen = {"stdout": 0, "stderr": 0}

    def init(self, value: dict[str, Any] | None = None, timeout: float = 60) -> Reply:
        return invoker.post(self.address, "/init", {} if value is None else {"value": value}, timeout, retry=True)

    def run(self, value: Any, timeout: float = 60, **message: Any) -> Reply:
        return invoker.post(self.address, "/run", {"value": value, **message}, timeout)

    def post(self, path: str, message: Any, timeout: float = 60) -> Reply:
        return invoker.post(self.address, path, message, timeout, retry=path == "/init")

    def streams(self, markers: int, awaited: str = "") -> tuple[str, str]:
        """What the model has written since `forget_streams`: each stream has exactly so many markers, and the proxy's
        own lines, which say so themselves, are none of the model's. What is `awaited` on stdout tells that the engine
        has passed it on, where no marker does."""
        written = []
        for stream in ("stdout", "stderr"):
            text = self._text(stream, markers, awaited if stream == "stdout" else "")
            assert text.count(MARKER) == markers, text
            written.append(_OWN.sub("", text.replace(MARKER, "")).strip())
        return written[0], written[1]

    def own_lines(self, markers: int) -> list[str]:
        """The proxy's lines in the same piece of stdout."""
        return [line.strip() for line in _OWN.findall(self._text("stdout", markers))]

    def says(self, sentence: str) -> bool:
        """Whether one of the proxy's lines has it, once the engine has passed it on: no marker tells when."""
        end = time.monotonic() + PATIENCE
        while not (said := any(sentence in line for line in self.own_lines(0))) and time.monotonic() < end:
            time.sleep(0.02)
        return said

    def forget_streams(self) -> None:
        time.sleep(0.1)  # as upstream waits, for what is still on its way through the engine
        self._seen = {stream: len(self._all(stream)) for stream in self._seen}

    def _text(self, stream: str, markers: int, awaited: str = "") -> str:
        end = time.monotonic() + PATIENCE
        while True:
            text = self._all(stream)[self._seen[stream] :]
            if (text.count(MARKER) >= markers and awaited in text) or time.monotonic() > end:
                return text
            time.sleep(0.02)

    def _all(self, stream: str) -> str:
        wanted = {"stdout": stream == "stdout", "stderr": stream == "stderr"}
        return bytes(self.running.container.logs(**wanted)).decode()
