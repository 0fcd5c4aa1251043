"""Servers of every kind as commands of real containers: how they answer, end, and are started again."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from activations import TIGHT
from bed import Containers, Running
from servers import NAMES

pytestmark = pytest.mark.docker

ACTION = {"__OW_API_HOST": "https://whisk.example"}
# gunicorn itself wants a place for its heartbeat.
NARROW = {**TIGHT, "tmpfs": {"/tmp": "size=4m"}}


def post(running: Running, path: str, value: dict[str, Any]) -> tuple[int, Any]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(running.url(8080, path), json={"value": value}, timeout=60)
        return answer.status_code, answer.json()


def web(running: Running, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """A raw web activation's status and body, of a text."""
    value = {
        "__ow_method": "post" if body else "get",
        "__ow_path": path,
        "__ow_query": "",
        "__ow_headers": {"host": "h.example", "content-type": "application/octet-stream"},
        "__ow_body": base64.b64encode(body).decode(),
    }
    status, result = post(running, "/run", value)
    assert status == 200
    result = result.get("error", result)
    return result["statusCode"], result["body"].encode()


@pytest.mark.parametrize("name", NAMES)
def test_an_action_from_its_start_to_its_end(name: str, served: Callable[[str], str], containers: Containers) -> None:
    running = containers.run(served(name), environment=ACTION, **NARROW).wait(8080)
    assert post(running, "/init", {}) == (200, {"ok": True})
    assert web(running, "/page") == (200, b"/page")
    body = b"0123456789abcdef" * 1000
    assert web(running, "/x", body) == (200, body)
    status, answer = web(running, "/exit")
    assert status == 502
    assert "The model's server" in json.loads(answer)["error"]
    assert web(running, "/page") == (200, b"/page")
    running.container.pause()
    running.container.unpause()
    assert web(running, "/page") == (200, b"/page")
    # The orphans, too, have ended then, and been waited for.
    end = time.monotonic() + 20
    while len(children := children_of_the_first(running)) > 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert [line.rpartition(")")[2].split()[0] == "Z" for line in children] == [False], children
    began = time.monotonic()
    running.container.kill("SIGTERM")
    assert running.container.wait(timeout=20)["StatusCode"] == 0
    assert time.monotonic() - began < 4
    assert "modelproxy: ended\n" in running.logs()


def children_of_the_first(running: Running) -> list[str]:
    """What proc(5) has as their `stat`."""
    script = "cat /proc/[0-9]*/stat 2>/dev/null; true"
    output = running.container.exec_run(["/bin/sh", "-c", script]).output.decode()
    return [line for line in output.splitlines() if line.rpartition(")")[2].split()[1] == "1"]


def test_a_web_server_has_its_port_and_the_command_another(
    served: Callable[[str], str], containers: Containers
) -> None:
    running = containers.run(served("orphans"), ports=(8000,), environment={"PORT": "8000"}, **NARROW)
    running.wait(8000)
    answer = requests.get(running.url(8000, "/page"), timeout=30)
    assert (answer.status_code, answer.text) == (200, "/page")
    assert "the command listens on 0.0.0.0:8000" not in running.logs()


def test_a_command_that_wants_our_port_is_told_so(served: Callable[[str], str], containers: Containers) -> None:
    running = containers.run(served("orphans"), environment={**ACTION, "OWN_PORT": "8080"}, **NARROW).wait(8080)
    status, answer = post(running, "/init", {})
    assert status == 502
    assert "A port that it wants is taken; the proxy itself has 8080" in answer["error"]
    assert "Address already in use" in answer["error"]


def test_an_init_of_docker_s_own_takes_the_orphans(served: Callable[[str], str], containers: Containers) -> None:
    running = containers.run(served("daemon"), environment=ACTION, init=True, **NARROW).wait(8080)
    assert post(running, "/init", {}) == (200, {"ok": True})
    assert web(running, "/page") == (200, b"/page")
    assert web(running, "/exit")[0] == 502
    assert web(running, "/page") == (200, b"/page")
    running.container.kill("SIGTERM")
    assert running.container.wait(timeout=20)["StatusCode"] == 0
