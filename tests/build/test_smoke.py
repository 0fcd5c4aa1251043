"""The smoke test's client and a wrapper that wants a token, without an engine."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from world import CHECKOUT

APP = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'']\n"
TOKEN = "d1" * 32


@pytest.fixture
def port(tmp_path: pathlib.Path) -> Iterator[str]:
    """Of a proxy, as smoke.sh starts it."""
    (tmp_path / "app.py").write_text(APP)
    environment = {**os.environ, "__OW_API_HOST": "http://localhost", "MODELPROXY_PORT": "0", "MODELPROXY_TOKEN": TOKEN}
    command = [sys.executable, CHECKOUT / "runtime"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout
        told = re.search(r"listening on \S+:(\d+)", proxy.stdout.readline())
        assert told
        yield told[1]
        proxy.terminate()


@pytest.mark.parametrize(
    ("token", "said"),
    [(TOKEN, r"init_ms \d+\nrun_status 200\nmemory_mb \d+\n"), ("", r"fault /init answered 403: .*\nmemory_mb \d+\n")],
)
def test_it_shows_the_token(port: str, token: str, said: str) -> None:
    program = (CHECKOUT / "scripts" / "build" / "smoke.py").read_text().replace("PORT = 8080", f"PORT = {port}")
    environment = {**os.environ, "MODELPROXY_TOKEN": token}
    done = subprocess.run(
        [sys.executable, "-I", "-", "/", "20"],
        input=program,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(said, done.stdout)
