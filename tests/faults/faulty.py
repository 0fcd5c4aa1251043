"""A proxy around the faulty model, as a process, and what is asked of it after each fault."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import invoker
from bed import CHECKOUT, Running, free_port
from invoker import MARKER, Address, Reply

RESET = struct.pack("ii", 1, 0)  # SO_LINGER with which closing a socket resets its connection
MODEL = Path(__file__).parent / "model"
SETTINGS = {"MODELPROXY_HOST": "wsgi", "MODELPROXY_TARGET": "app:application", "__OW_API_HOST": "https://whisk.example"}


def value(path: str, body: bytes = b"") -> dict[str, Any]:
    """A raw web activation."""
    headers = {"content-type": "application/octet-stream"} if body else {}
    return {
        "__ow_method": "post",
        "__ow_path": path,
        "__ow_query": "",
        "__ow_headers": headers,
        "__ow_body": base64.b64encode(body).decode(),
    }


class Faulty:
    """What every test asks of a proxy, wherever it runs."""

    address: Address

    def init(self, timeout: float = 60) -> None:
        reply = invoker.post(self.address, "/init", {}, timeout, retry=True)
        assert (reply.status, reply.json) == (200, {"ok": True})

    def post(self, path: str, body: bytes = b"", timeout: float = 60, **message: Any) -> Reply:
        return invoker.post(self.address, "/run", {"value": value(path, body), **message}, timeout)

    def ask(self, path: str = "/nothing", body: bytes = b"", timeout: float = 60, **message: Any) -> dict[str, Any]:
        """The model's own answer to a web activation, which must be a good one."""
        reply = self.post(path, body, timeout, **message)
        assert (reply.status, reply.json.get("statusCode")) == (200, 200), reply.body[:500]
        answer: dict[str, Any] = json.loads(reply.json["body"])
        return answer

    def failure(self, path: str, body: bytes = b"", timeout: float = 60, **message: Any) -> tuple[int, str]:
        """Status and text of the error that a web activation ends with."""
        reply = self.post(path, body, timeout, **message)
        assert reply.status == 200
        error = reply.json["error"]
        return error["statusCode"], error["body"]


class FaultyProcess(Faulty):
    """`python runtime` in the model's folder. `out` and `err` are what it has written."""

    def __init__(self, scratch: Path, settings: Mapping[str, str], descriptors: int = 0, closed: bool = False) -> None:
        inherited = {name: item for name, item in os.environ.items() if not name.startswith(("MODELPROXY_", "__OW_"))}
        self.address = ("127.0.0.1", free_port())
        self._written = [scratch / "stdout", scratch / "stderr"]

        def prepare() -> None:  # in the child
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
            if closed:
                os.closerange(0, 3)

        with contextlib.ExitStack() as opened:
            out, err = (opened.enter_context(path.open("wb")) for path in self._written)
            self.process = subprocess.Popen(
                [sys.executable, CHECKOUT / "runtime"],
                cwd=MODEL,
                env={**inherited, **SETTINGS, "MODELPROXY_PORT": str(self.address[1]), **settings},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=prepare,  # noqa: PLW1509 - before any thread is started in this process that could hold a lock
            )

    @property
    def out(self) -> str:
        return self._written[0].read_text()

    @property
    def err(self) -> str:
        return self._written[1].read_text()

    def markers(self) -> tuple[int, int]:
        return self.out.count(MARKER), self.err.count(MARKER)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        self.signal(signal.SIGSTOP)
        stat = Path("/proc", str(self.process.pid), "stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.002)
        yield
        self.signal(signal.SIGCONT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait(20)


class FaultyContainer(Faulty):
    """The same in docker."""

    def __init__(self, running: Running) -> None:
        self.container = running.container
        self.container.reload()
        networks = self.container.attrs["NetworkSettings"]["Networks"]
        self.address = (str(next(network["IPAddress"] for network in networks.values())), 8080)
