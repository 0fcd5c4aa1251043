"""Folders run as processes: started, asked, stopped where they are, and never left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_http import RawResponse, message, send
from running_platform import running, wait_until

from modelwhisk.local import Action, LocalPlatform, owner
from modelwhisk.local.container_client import post
from modelwhisk.local.invoker import Activation
from modelwhisk.local.outcome import Status
from modelwhisk.local.process_container import OWNER_VARIABLE, ProcessFactory, remove_leftovers

# A model's folder that the adapter runs: it tells its own environment, and that of a program by its name in PATH.
MODEL = """
import json, os, subprocess

seen = dict(os.environ)

def app(environ, start_response):
    child = subprocess.run(["env"], stdout=subprocess.PIPE, check=True).stdout.decode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"loaded": seen, "now": dict(os.environ), "child": child}).encode()]
"""
PROGRAM = Path(__file__).with_name("little_model.py")


def factory(folder: Path, **environment: str) -> ProcessFactory:
    return ProcessFactory(folder, environment=environment, command=(sys.executable, str(PROGRAM)))


class Desk:
    def __init__(self, platform: LocalPlatform, activations: list[Activation]) -> None:
        self.platform = platform
        self.activations = activations

    def call(self, do: str = "") -> RawResponse:
        return send(self.platform.url, message("GET", f"/api/v1/web/guest/default/a?{do}", [("Host", "h")]))

    def body(self, do: str = "") -> Any:
        return json.loads(self.call(do).body)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Any]:
    contexts = []

    def start(idle_pause: float = 10, environment: dict[str, str] | None = None, **action: Any) -> Desk:
        activations: list[Activation] = []
        containers = factory(tmp_path, **(environment or {}))
        context = running(Action("a", containers, **action), idle_pause=idle_pause, on_activation=activations.append)
        contexts.append(context)
        return Desk(context.__enter__(), activations)

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def test_a_process_in_the_models_folder(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__OW_LEAK", "x")
    monkeypatch.setenv("MODELPROXY_HOST", "x")
    one = desk(environment={"SIZE": "3"})
    said = one.body()
    assert Path(said["cwd"]) == tmp_path.resolve()
    environment = said["env"]
    assert environment["__OW_API_HOST"] == one.platform.url
    assert environment["SIZE"] == "3"
    assert "__OW_LEAK" not in environment
    assert "MODELPROXY_HOST" not in environment
    assert one.body()["pid"] == said["pid"], "kept warm"


def test_its_output_is_the_log_of_the_activation(desk: Any) -> None:
    one = desk()
    one.call("x")
    one.call("y")
    wait_until(lambda: len(one.activations) == 2)
    logs = [sorted((line.stream, line.text) for line in activation.logs) for activation in one.activations]
    assert logs == [
        [("stderr", "grumble"), ("stdout", "doing x"), ("stdout", "starting up")],
        [("stderr", "grumble"), ("stdout", "doing y")],
    ]


def test_one_that_ends_in_the_middle_is_an_error_and_is_replaced(desk: Any) -> None:
    one = desk()
    first = one.body()["pid"]
    assert one.call("exit").status == 400
    assert one.body()["pid"] != first
    wait_until(lambda: len(one.activations) == 3)
    (bad,) = [each for each in one.activations if each.outcome.status is Status.DEVELOPER_ERROR]
    assert "doing exit" in [line.text for line in bad.logs]


def test_one_that_does_not_start_says_why(desk: Any) -> None:
    one = desk(environment={"LITTLE_MODEL": "refuse"})
    assert one.call().status == 400
    (activation,) = one.activations
    assert activation.outcome.result["error"] == "The model's process ended with status 1.\nno weights found"


def test_one_that_does_not_exist_says_so(tmp_path: Path) -> None:
    activations: list[Activation] = []
    action = Action("a", ProcessFactory(tmp_path, command=("/does/not/exist",)))
    with running(action, on_activation=activations.append) as platform:
        assert send(platform.url, message("GET", action.web_path, [("Host", "h")])).status == 400
    assert "could not be started" in activations[0].outcome.result["error"]


def test_init_parameters_reach_init(desk: Any) -> None:
    one = desk(init_parameters={"fail": "yes"})
    assert one.call().status == 400
    wait_until(lambda: one.activations)
    assert one.activations[0].outcome.result == {"error": "told to fail"}


@needs_proc
def test_an_idle_one_is_stopped_and_goes_on_for_the_next_call(desk: Any) -> None:
    one = desk(idle_pause=0.02)
    pid = one.body()["pid"]
    wait_until(lambda: state_of(pid) == "T")
    assert one.body()["pid"] == pid


@needs_proc
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with running(Action("a", factory(tmp_path)), idle_pause=0.02) as platform:
        data = message("GET", "/api/v1/web/guest/default/a?child", [("Host", "h")])
        said = json.loads(send(platform.url, data).body)
        wait_until(lambda: state_of(said["pid"]) == "T")
        assert is_alive(said["child"])
    wait_until(lambda: not is_alive(said["pid"]) and not is_alive(said["child"]))


@needs_proc
def test_leftovers_of_a_crash_are_found_and_removed(tmp_path: Path) -> None:
    crashing = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from modelwhisk.local import Action\n"
        "from modelwhisk.local.process_container import ProcessFactory\n"
        "async def main():\n"
        "    factory = ProcessFactory(Path('.'), command=(sys.executable, sys.argv[1]))\n"
        "    container = await factory.start(Action('a', factory), 'a', 'http://x')\n"
        "    print(container._process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", crashing, str(PROGRAM)]
    crash = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert crash.returncode == -signal.SIGKILL, crash.stderr
    left = int(crash.stdout)
    assert is_alive(left)
    deadline = time.monotonic() + 5
    killed: list[int] = []
    while left not in killed and time.monotonic() < deadline:
        killed += remove_leftovers()
    assert left in killed
    wait_until(lambda: not is_alive(left))


def test_no_other_user_of_the_machine_is_answered(tmp_path: Path) -> None:
    """Each has the loopback, and may be there before us: the first /init chose the PATH of what the model starts."""
    (tmp_path / "app.py").write_text(MODEL)
    host = {"MODELPROXY_HOST": "wsgi", "MODELPROXY_TARGET": "app:app"}
    forged = {"value": {"env": {"PATH": "/tmp/theirs", "LD_PRELOAD": "/tmp/theirs.so"}}}
    starting = ProcessFactory(tmp_path, environment={**host, "MODELPROXY_TOKEN": "of --env-file"})
    attempts: list[Any] = []

    class First:
        """Starts processes, with a stranger at each one's port before the platform knows it."""

        async def start(self, *given: Any) -> Any:
            container = await starting.start(*given)
            for token in ("", "of --env-file", "x" * len(container.token)):
                for path in ("/init", "/run"):
                    call = await post(container.address, path, forged, 9000, retry=True, token=token)
                    attempts.append(getattr(call.reply, "status", call.reply))
            tokens.append(container.token)
            return container

        def close(self) -> None:
            starting.close()

    tokens: list[str] = []
    activations: list[Activation] = []
    with running(Action("a", First()), on_activation=activations.append) as platform:
        answer = send(platform.url, message("GET", "/api/v1/web/guest/default/a/", [("Host", "h")]))
        wait_until(lambda: activations)
    assert attempts == [403] * 6
    assert answer.status == 200
    said = json.loads(answer.body)
    assert said["loaded"]["PATH"] == os.environ["PATH"]
    assert "LD_PRELOAD" not in said["loaded"]
    assert len(tokens[0]) > 40
    log = "".join(line.text for line in activations[0].logs)
    assert "TOKEN" not in log + answer.body.decode()
    assert tokens[0] not in log + answer.body.decode()


def test_each_process_has_a_token_of_its_own(tmp_path: Path) -> None:
    async def tokens() -> list[str]:
        started = [await factory(tmp_path).start(Action("a", factory(tmp_path)), "a", "http://x") for _ in range(2)]
        for container in started:
            await container.destroy()
        return [container.token for container in started]

    one, other = asyncio.run(tokens())
    assert one != other


GONE = f"{owner.current().rpartition(':')[0]}:1"  # an earlier process of our id


@needs_proc
@pytest.mark.skipif(os.geteuid() != 0, reason="starts a process of another user")
def test_another_user_s_process_is_no_leftover() -> None:
    """Root reads the environment of all, in which they may write any mark."""
    with subprocess.Popen(["sleep", "60"], env={**os.environ, OWNER_VARIABLE: GONE}, user=4321, cwd="/") as theirs:
        try:
            wait_until(lambda: OWNER_VARIABLE.encode() in Path(f"/proc/{theirs.pid}/environ").read_bytes())
            assert theirs.pid not in remove_leftovers()
            assert is_alive(theirs.pid)
        finally:
            theirs.kill()


@needs_proc
def test_who_has_a_leftover_s_number_by_then_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "60"], env={**os.environ, OWNER_VARIABLE: GONE}) as left:
        wait_until(lambda: OWNER_VARIABLE.encode() in Path(f"/proc/{left.pid}/environ").read_bytes())

        def ends_meanwhile(mark: str) -> bool:
            if mark == GONE:
                left.kill()
                left.wait()
                monkeypatch.setattr(os, "kill", by_number)
            return mark == GONE

        def by_number(*given: int) -> None:
            raise AssertionError(f"a signal went to whoever has the number {given}")

        monkeypatch.setattr(owner, "is_gone", ends_meanwhile)
        assert left.pid not in remove_leftovers()


@needs_proc
def test_what_still_has_its_owner_is_no_leftover(desk: Any) -> None:
    one = desk()
    pid = one.body()["pid"]
    assert pid not in remove_leftovers()
    assert is_alive(pid)
    assert OWNER_VARIABLE not in os.environ
