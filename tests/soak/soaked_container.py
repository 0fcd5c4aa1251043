"""The one container, or process, that a soak runs in: started, paused, measured, its two streams counted."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from bed import CHECKOUT, build_image, run
from invoker import MARKER, Address

MODEL = Path(__file__).parent / "model"
IMAGE = "modelwhisk-test/soak-model:latest"
WRAPPED = "modelwhisk-test/wrapped-soak-model:latest"
_WHAT_TO_MEASURE = "grep ^Rss /proc/1/smaps_rollup; ls /proc/1/fd | wc -l; ls /proc/1/task | wc -l"


@dataclass(frozen=True)
class Measure:
    """Of the process that has the model: kB of resident memory, open descriptors, threads."""

    resident: int
    descriptors: int
    threads: int


class MarkerCount:
    """Reads a stream to its end and counts the markers in it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.markers = 0
        self.size = 0
        self.last_line = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        marker, kept = MARKER.encode(), b""
        while piece := os.read(self._stream.fileno(), 1 << 16):
            self.size += len(piece)
            data = kept + piece
            self.markers += data.count(marker)
            kept = data[data.rfind(b"\n") + 1 :]  # a marker ends its line
            self.last_line = data[-400:]

    def join(self) -> None:
        self._thread.join(60)


class Soaked(Protocol):
    """What a soak needs of a container."""

    streams: list[MarkerCount]

    @property
    def address(self) -> Address: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def measure(self) -> Measure: ...
    def alive(self) -> bool: ...


class SoakedProcess:
    """The adapter of this checkout as a process, stopped by SIGSTOP as `modelwhisk local` does without docker."""

    def __init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MODELPROXY_", "__OW"))}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address: Address = probe.getsockname()
        self.process = subprocess.Popen(
            [sys.executable, CHECKOUT / "runtime"],
            cwd=MODEL,
            env={**inherited, "MODELPROXY_PORT": str(self.address[1]), "__OW_API_HOST": "https://soak.example"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.streams = [MarkerCount(self.process.stdout), MarkerCount(self.process.stderr)]

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def measure(self) -> Measure:
        folder = Path("/proc", str(self.process.pid))
        resident = next(line for line in (folder / "smaps_rollup").read_text().splitlines() if line.startswith("Rss"))
        counts = [len(list((folder / name).iterdir())) for name in ("fd", "task")]
        return Measure(int(resident.split()[1]), *counts)

    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(30)
        for stream, file in zip(self.streams, (self.process.stdout, self.process.stderr), strict=True):
            stream.join()
            assert file is not None
            file.close()


class SoakedContainer:
    """The model's image, wrapped, in docker with the platform's flags, paused by `docker pause`."""

    def __init__(self, image: str) -> None:
        flags = ("--memory", "256m", "--memory-swap", "256m", "--pids-limit", "1024", "--ulimit", "nofile=1024:1024")
        self._name = run(
            "docker", "run", "--detach", *flags, "--env", "__OW_API_HOST=https://soak.example", image
        ).strip()
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self.address: Address = (run("docker", "inspect", "--format", template, self._name).strip(), 8080)
        self._logs = subprocess.Popen(
            ["docker", "logs", "--follow", self._name], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._logs.stdout is not None
        assert self._logs.stderr is not None
        self.streams = [MarkerCount(self._logs.stdout), MarkerCount(self._logs.stderr)]

    def pause(self) -> None:
        run("docker", "pause", self._name)

    def resume(self) -> None:
        run("docker", "unpause", self._name)

    def measure(self) -> Measure:
        said = run("docker", "exec", self._name, "sh", "-c", _WHAT_TO_MEASURE).split()
        return Measure(int(said[1]), int(said[3]), int(said[4]))

    def alive(self) -> bool:
        return run("docker", "inspect", "--format", "{{.State.Running}}", self._name).strip() == "true"

    def close(self) -> None:
        subprocess.run(["docker", "unpause", self._name], capture_output=True, check=False)
        subprocess.run(["docker", "stop", "--time", "20", self._name], capture_output=True, check=False)
        for stream in self.streams:
            stream.join()
        self._logs.terminate()
        self._logs.wait(20)
        for file in (self._logs.stdout, self._logs.stderr):
            assert file is not None
            file.close()
        subprocess.run(["docker", "rm", "--force", "--volumes", self._name], capture_output=True, check=False)


@contextlib.contextmanager
def started(base: str) -> Iterator[Soaked]:
    """The model in a container of `base`, such as "python:3.11", or as a process of this Python where that is ""."""
    container: SoakedProcess | SoakedContainer
    if base:
        base_image = run(CHECKOUT / "tests" / "docker_bed" / "bases.sh", base).split()[1]
        model = build_image(IMAGE, MODEL, BASE_IMAGE=base_image)
        container = SoakedContainer(build_image(WRAPPED, CHECKOUT, MODEL_IMAGE=model))
    else:
        container = SoakedProcess()
    try:
        yield container
    finally:
        container.close()
