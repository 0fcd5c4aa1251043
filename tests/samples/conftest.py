"""Each sample served by its own usual server and by the proxy in every mode, started when first asked for."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bed import CHECKOUT, free_port

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / folder) for folder in ("local", "same_answer")]

from exchange import Answer, Case, ask  # noqa: E402
from running_platform import running  # noqa: E402

from modelwhisk.local import Action  # noqa: E402
from modelwhisk.local.actions import WebMode, web_annotations  # noqa: E402
from modelwhisk.local.credentials import GUEST_KEY  # noqa: E402
from modelwhisk.local.process_container import ProcessFactory  # noqa: E402

START_SECONDS = 60
WEB_MODES: dict[str, WebMode] = {"raw": "raw", "cooked": "true"}
# The order of a set of methods, as in Allow, is another one in each process else.
SAME_ORDER = {"PYTHONHASHSEED": "0"}
QUIET = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **SAME_ORDER}


class Sides:
    """One sample: its usual server, and the proxy in each mode; `platform` takes plain calls of `action`."""

    def __init__(self, corpus: ModuleType, usual: Callable[[Case], Answer]) -> None:
        self.corpus = corpus
        self.usual = usual
        self.modes: dict[str, Callable[[Case], Answer]] = {}
        self.mounts: dict[str, str] = {"web": ""}
        self.platform = ""
        self.action = ""


@contextlib.contextmanager
def process(command: list[str], folder: Path, port: int, **environ: str) -> Iterator[tuple[str, int]]:
    """A server in a process group of its own, until the block ends; its address once it listens."""
    with subprocess.Popen(
        command, cwd=folder, env={**QUIET, **environ}, stdin=subprocess.DEVNULL, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            end = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert server.poll() is None, f"{command} ended with status {server.returncode}"
                assert time.monotonic() < end, f"{command} listens on no port {port}"
                time.sleep(0.02)
            yield "127.0.0.1", port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def sides() -> Iterator[Callable[[str], Sides]]:
    """`sides("flask-digits")`, with processes that live until the module's end."""
    with ExitStack() as stack:

        @functools.cache
        def make(sample: str) -> Sides:
            corpus = importlib.import_module(f"corpus_{sample.replace('-', '_')}")
            folder = CHECKOUT / "models" / sample
            port, web_port = free_port(), free_port()
            words: dict[str, Any] = {"port": port, "python": sys.executable, "here": HERE}
            command = [word.format(**words) for word in corpus.USUAL]
            usual = stack.enter_context(process(command, folder, port, PORT=str(port)))
            proxy = [sys.executable, str(CHECKOUT / "runtime")]
            web = stack.enter_context(process(proxy, folder, web_port, PORT=str(web_port)))
            actions = {
                mode: Action(
                    f"{sample}-{mode}",
                    ProcessFactory(folder, environment=SAME_ORDER),
                    annotations=web_annotations(kind),
                )
                for mode, kind in WEB_MODES.items()
            }
            platform = stack.enter_context(
                running(*actions.values(), max_containers=8, idle_pause=600, credentials={GUEST_KEY: "guest"})
            )
            both = Sides(corpus, functools.cache(functools.partial(ask, usual)))
            address = ("127.0.0.1", int(platform.url.rpartition(":")[2]))
            for mode, action in actions.items():
                both.mounts[mode] = action.web_path
                both.modes[mode] = functools.partial(ask, address, mount=action.web_path)
            both.modes["web"] = functools.partial(ask, web)
            both.platform, both.action = platform.url, f"{sample}-raw"
            return both

        yield make
