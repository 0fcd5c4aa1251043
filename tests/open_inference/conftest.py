"""The proxy as a web server, as tritonclient meets it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from bed import CHECKOUT, free_port

sys.path += [str(CHECKOUT / "tests" / folder) for folder in ("runtime", "local")]

START_SECONDS = 60


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[[Path], str]]:
    """`served(folder)` is the address of the proxy in that folder, which lives until the module's end."""
    with ExitStack() as stack:

        def start(folder: Path) -> str:
            port = free_port()
            environ = {**os.environ, "MODELPROXY_MODE": "web", "MODELPROXY_PORT": str(port)}
            command = [sys.executable, str(CHECKOUT / "runtime")]
            proxy = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
            stack.callback(proxy.wait, 20)
            stack.callback(proxy.terminate)
            end = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert proxy.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
            return f"127.0.0.1:{port}"

        yield start
