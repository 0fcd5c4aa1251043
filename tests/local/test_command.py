"""The command as people start it: its output, its options, its end."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from raw_http import RawResponse, message, send
from rest_client import basic
from running_platform import wait_until

from modelwhisk.cli import main
from modelwhisk.local import LocalPlatform, docker_container, images
from modelwhisk.local import command as command_line
from modelwhisk.local.command import Target, read_env_file, read_pairs
from modelwhisk.local.containers import StartFailed
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.http_messages import HttpRequest

PROGRAM = Path(__file__).with_name("little_model.py")


class Running:
    """`modelwhisk local --log-json` in a process of its own."""

    def __init__(self, *arguments: str, folder: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "modelwhisk", "local", "--log-json", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, **environment},
        )
        self.url = self.until("serving")["url"]

    def until(self, event: str) -> dict[str, Any]:
        """The next event of that name."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(self.process.communicate()[1])

    def call(self, path: str = "") -> RawResponse:
        base, slash, rest = self.url.partition("/api/")
        return send(base, message("GET", slash + rest + path, [("Host", "h")]))

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A stand-in for the adapter: this test is about what is around it."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM.read_text())
    return folder


@pytest.fixture
def command(tmp_path: Path, runtime: Path) -> Iterator[Any]:
    """`command(*arguments)` serves a folder named `model` with the stand-in for an interpreter's `runtime`."""
    (tmp_path / "model").mkdir()
    python = tmp_path / "python"
    # Whatever adapter the tool names, the stand-in is run.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{runtime}"\n')
    python.chmod(0o755)
    started: list[Running] = []

    def start(*arguments: str, **environment: str) -> Running:
        one = Running("--python", str(python), *arguments, folder=tmp_path, environment=environment)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_a_folder_tells_of_each_call_and_ends_cleanly(command: Any, tmp_path: Path, number: int) -> None:
    one = command("model", "-p", "n=1", "--init", "N=2", "--env-file", str(_env_file(tmp_path)))
    assert one.url.endswith("/api/v1/web/guest/default/model")
    said = json.loads(one.call("/x?do").body)
    assert said["env"]["FROM_FILE"] == "a=b"
    assert Path(said["cwd"]).name == "model"
    exchange = one.until("exchange")
    assert (exchange["method"], exchange["path"], exchange["status"]) == (
        "GET",
        "/api/v1/web/guest/default/model/x",
        200,
    )
    activation = one.until("activation")
    assert (activation["id"], activation["status"]) == (exchange["activation"], "success")
    assert {"stream": "stdout", "text": "doing do"} in activation["logs"]
    assert one.stop(number) == (0, "")
    wait_until(lambda: not Path(f"/proc/{said['pid']}").exists())


def _env_file(folder: Path) -> Path:
    path = folder / "env"
    path.write_text("# comment\n\nFROM_FILE=a=b\n")
    return path


def test_a_folder_is_an_image_for_other_actions(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWHISK_LOCAL_AUTH", "u:p")
    one = command("me/max-x:1=model", "--max-memory", "300")
    assert one.url.endswith("/max-x")
    said = one.until("api")
    assert (one.url.startswith(said["url"]), said["auth"]) == (True, None)
    action = "/api/v1/namespaces/_/actions/other"

    def ask(method: str, path: str, document: Any) -> Any:
        headers = [("Host", "localhost"), basic("u:p"), ("Content-Type", "application/json")]
        response = send(said["url"], message(method, path, headers, json.dumps(document).encode()))
        return response.status, json.loads(response.body)

    black_box = {"kind": "blackbox", "image": "me/max-x:1"}
    assert ask("PUT", action, {"exec": black_box})[0] == 200
    status, answer = ask("POST", f"{action}?blocking=true&result=true", {"__ow_query": "x"})
    assert (status, Path(answer["body"]["cwd"]).name) == (200, "model")
    assert ask("PUT", f"{action}2", {"exec": black_box, "limits": {"memory": 301}})[0] == 400
    assert one.stop() == (0, "")


def test_what_is_kept_in_a_folder(command: Any, tmp_path: Path) -> None:
    def versions(*arguments: str) -> str:
        one = command("model", "--data", "kept", *arguments)
        url = one.until("api")["url"]
        sent = message("GET", "/api/v1/namespaces/_/actions/model", [("Host", "localhost"), basic(GUEST_KEY)])
        version = json.loads(send(url, sent).body)["version"]
        assert one.stop() == (0, "")
        return str(version)

    assert [versions(), versions(), versions("--memory", "300")] == ["0.0.1", "0.0.1", "0.0.2"]
    one = command("model", "--data", "kept")
    second = CliRunner().invoke(
        main, ["local", str(tmp_path / "model"), "--port", "0", "--data", str(tmp_path / "kept")]
    )
    assert second.exit_code == 1
    assert "another modelwhisk is using it" in second.output
    assert one.stop() == (0, "")


def test_a_model_that_changes_is_restarted(command: Any, tmp_path: Path) -> None:
    one = command("model", "--reload")
    first = json.loads(one.call("?do").body)["pid"]
    (tmp_path / "model" / "labels.txt").write_text("new")
    assert Path(one.until("reloading")["changed"]).name == "labels.txt"
    wait_until(lambda: not Path(f"/proc/{first}").exists())
    assert json.loads(one.call("?do").body)["pid"] != first
    assert one.stop() == (0, "")


def test_what_a_crash_leaves_behind_is_removed(command: Any) -> None:
    one = command("model", "--idle-pause", "0.05")
    pid = json.loads(one.call("?do").body)["pid"]
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    one.stop(signal.SIGKILL)
    assert Path(f"/proc/{pid}").exists()
    two = command("model")
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())
    assert two.stop() == (0, "")


def test_a_secure_action_comes_with_its_secret(command: Any) -> None:
    command_with_secret = command("name=model", "--web", "secure")
    assert command_with_secret.url.endswith("/name")
    assert command_with_secret.call().status == 401


def test_a_port_that_is_taken(tmp_path: Path, command: Any) -> None:
    one = command("model")
    port = one.url.split(":")[2].split("/")[0]
    second = CliRunner().invoke(main, ["local", str(tmp_path / "model"), "--port", port])
    assert second.exit_code == 1
    assert f"can't serve on 127.0.0.1:{port}" in second.output


def test_text_output_names_url_status_and_log(command: Any, tmp_path: Path) -> None:
    arguments = [
        sys.executable,
        "-m",
        "modelwhisk",
        "local",
        "model",
        "--port",
        "0",
        "--python",
        str(tmp_path / "python"),
    ]
    (tmp_path / "unused").mkdir()
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        name, url = process.stdout.readline().split()
        assert "wsk" in process.stdout.readline()
        platform = url.partition("/api/")[0]
        assert process.stdout.readline().split()[:5] == ["wsk", "property", "set", "--apihost", platform]
        base, slash, rest = url.partition("/api/")
        assert send(base, message("GET", f"{slash}{rest}?do", [("Host", "h")])).status == 200
        line = process.stdout.readline()
        assert all(part in line for part in ("GET", "/api/v1/web/guest/default/model", "200", "cold, init", "success"))
        log = [process.stdout.readline() for _ in range(3)]
        assert any("doing do" in line for line in log)
        process.send_signal(signal.SIGINT)
        assert "stopping" in process.stdout.read()
    assert (name, process.returncode) == ("model", 0)


@pytest.mark.parametrize(
    ("text", "name", "image"),
    [
        ("me/max-x", "max-x", "me/max-x"),
        ("localhost:5000/me/max-x:1.2", "max-x", "localhost:5000/me/max-x:1.2"),
        ("max-x@sha256:abc", "max-x", "max-x@sha256:abc"),
        ("n=me/max-x:1", "n", "me/max-x:1"),
    ],
)
def test_targets_that_are_images(text: str, name: str, image: str) -> None:
    assert Target.parse(text) == Target(name, image, None)


def test_targets_that_are_folders(tmp_path: Path) -> None:
    assert Target.parse(str(tmp_path)) == Target(tmp_path.name, None, tmp_path, tmp_path.name)
    assert Target.parse(f"n={tmp_path}") == Target("n", None, tmp_path, "n")
    assert Target.parse(f"me/max-x:2={tmp_path}") == Target("max-x", None, tmp_path, "me/max-x:2")
    odd = tmp_path / "a=b"
    odd.mkdir()
    assert Target.parse(str(odd)) == Target("a=b", None, odd, "a=b")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["./no-such-folder"], "there is no folder ./no-such-folder"),
        ([".", "x=."], None),
        (["x=.", "x=.."], "the same name"),
        ([".", "-p", "x"], "'x' is not key=value"),
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], problem: str | None) -> None:
    if problem is not None:
        outcome = CliRunner().invoke(main, ["local", *arguments])
        assert outcome.exit_code == 2
        assert problem in outcome.output


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # docker's client leaves a socket
def test_an_image_needs_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///does/not/exist")
    outcome = CliRunner().invoke(main, ["local", "me/max-x"])
    assert outcome.exit_code == 1
    assert "me/max-x is no folder here, and as an image it needs docker, which can't be reached" in outcome.output
    del outcome
    gc.collect()


def test_values_are_json_where_they_parse() -> None:
    assert read_pairs(["a=1", 'b={"c": [true]}', "d=x=y", "e="]) == {"a": 1, "b": {"c": [True]}, "d": "x=y", "e": ""}


def test_an_env_file_is_for_the_targets_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the key of the REST API, which everybody knows, may name any other image, one that prints it."""
    given: dict[str, dict[str, str]] = {}

    class Docker:
        def __init__(self, image: str, environment: dict[str, str] | None = None, files: Any = None) -> None:
            given[image] = dict(environment or {})

        async def start(self, *_: Any) -> Any:
            raise StartFailed("nothing is run here", developer=True)

        def close(self) -> None:
            pass

    async def serve(platform: LocalPlatform, *_: Any) -> None:
        headers = (("Host", "localhost"), basic(GUEST_KEY), ("Content-Type", "application/json"))
        document = json.dumps({"exec": {"kind": "blackbox", "image": "me/other"}}).encode()
        async with platform:
            for method, path, body in (("PUT", "actions/x", document), ("POST", "actions/x?blocking=true", b"{}")):
                request = HttpRequest(method, f"/api/v1/namespaces/_/{path}", headers, body)
                answers.append((await platform.answer(request)).status)

    answers: list[int] = []
    monkeypatch.setattr(docker_container, "DockerFactory", Docker)
    monkeypatch.setattr(images, "DockerFactory", Docker)
    monkeypatch.setattr(command_line, "_serve", serve)
    arguments = ["me/target", "--port", "0", "--env-file", str(_env_file(tmp_path))]
    outcome = CliRunner().invoke(main, ["local", *arguments])
    assert (outcome.exit_code, answers) == (0, [200, 502]), outcome.output
    assert given == {"me/target": {"FROM_FILE": "a=b"}, "me/other": {}}


def test_env_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text('A="1\nsecond line of a key\n"')
    with pytest.raises(ValueError, match=r"env, line 2 is not NAME=value$"):
        read_env_file(path)


def test_help_says_what_it_is_not() -> None:
    text = CliRunner().invoke(main, ["local", "--help"]).output
    assert "for one desk" in text
    assert "Real load belongs on" in text


PREDICTOR = 'class Predictor:\n    def predict(self, json):\n        return {"v": json["x"]}\n'


def test_a_folder_is_served_with_the_reference_of_its_training_inputs(tmp_path: Path) -> None:
    folder, inputs, reference = tmp_path / "model", tmp_path / "training.jsonl", tmp_path / "model.drift"
    folder.mkdir()
    (folder / "predictor.py").write_text(PREDICTOR)
    inputs.write_text("".join(f'{{"x": [{number / 100}, 0]}}\n' for number in range(120)))
    fit = ["drift", "fit", str(folder), str(inputs), "-o", str(reference), "--embedding", "answer:/v"]
    done = subprocess.run([sys.executable, "-m", "modelwhisk", *fit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    patience = ("--init", "MODELPROXY_DRIFT_BUDGET=20000")
    running = Running("--drift", str(reference), *patience, str(folder), folder=tmp_path, environment={})
    base, slash, rest = running.url.partition("/api/")
    for value, drifted in ((0.5, b"?0"), (7, b"?1")):
        body = b'{"x": [%s, 0]}' % str(value).encode()
        fields = [("Host", "h"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        answer = send(base, message("POST", slash + rest, fields, body))
        assert answer.body == b'{"v": [%s, 0]}' % str(value).encode()
        (header,) = [field for name, field in answer.headers if name.lower() == "model-drift"]
        assert f"; drifted={drifted.decode()}; " in header
    assert running.stop() == (0, "")

    (folder / "predictor.py").write_text(PREDICTOR + "# changed\n")
    refused = CliRunner().invoke(main, ["local", "--drift", str(reference), str(folder)])
    assert refused.exit_code == 1
    assert "made with another model: predictor.py differs." in refused.output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["./a", "./b"], "--drift is for one target"),
        (["./a"], "can't be used: it is cut off, or was never a reference"),
    ],
)
def test_what_cant_be_served_with_a_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "text").write_text("no reference")
    done = CliRunner().invoke(main, ["local", "--drift", "text", *arguments])
    assert done.exit_code != 0
    assert why in done.output
