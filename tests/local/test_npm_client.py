"""The npm package `openwhisk`, the ordinary client of JavaScript programs, against the platform."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from little_containers import LittleFactory, reply, result
from running_platform import running

from modelwhisk.local.credentials import GUEST_KEY

SCRIPT = Path(__file__).with_name("npm_client.js")
IMAGE = "me/echo:1"

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), "openwhisk@3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode:
        pytest.skip(f"npm can't install the client: {done.stderr[-300:]}")
    return folder


def answer(path: str, message: dict[str, Any]) -> bytes:
    if path == "/init":
        return reply("{}")
    value = message["value"]
    return result({"error": value["fail"]}) if "fail" in value else result({"got": value})


def test_it_creates_invokes_lists_reads_logs_and_deletes(package: Path) -> None:
    factory = LittleFactory(answer)
    settings: dict[str, Any] = {"credentials": {GUEST_KEY: "guest"}, "images": {IMAGE: factory}}
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with running(**settings) as platform:
        done = subprocess.run(
            ["node", str(SCRIPT), str(package), platform.url, GUEST_KEY],
            capture_output=True, text=True, check=False, timeout=60, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert (got["created"]["version"], got["updated"]["version"]) == ("0.0.1", "0.0.2")
    assert {item["key"] for item in got["updated"]["annotations"]} == {"web-export", "provide-api-key", "exec"}
    assert (got["again"]["status"], got["again"]["error"]["error"]) == (409, "resource already exists")
    assert got["result"] == {"got": {"x": 1}}
    assert got["blocking"]["response"]["result"] == {"got": {"x": 2}}
    assert (got["failed"]["status"], got["failed"]["error"]["response"]["result"]) == (502, {"error": "no"})
    assert got["record"]["response"] == got["activationResult"]
    assert got["logs"] == {"logs": got["record"]["logs"]}
    assert got["activations"][0]["activationId"] == got["record"]["activationId"]
    assert got["packaged"] == {"got": {}}
    assert [item["name"] for item in got["packageShown"]["actions"]] == ["hello"]
    assert got["shown"]["exec"] == {"kind": "blackbox", "image": IMAGE, "binary": True}
    assert sorted((item["namespace"], item["name"]) for item in got["list"]) == [
        ("guest", "coded"), ("guest", "hello"), ("guest/tools", "hello")
    ]  # fmt: skip
    assert [item["name"] for item in got["packages"]] == ["tools"]
    assert (got["triggers"], got["rules"], got["namespaces"]) == ([], [], ["guest"])
    assert (got["deleted"]["name"], got["left"]) == ("hello", 0)
    assert got["missing"]["status"] == 404
    assert got["stranger"]["status"] == 401
