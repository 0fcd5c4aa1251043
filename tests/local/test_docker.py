"""Images run in docker, with the flags of the platform's invoker; a model's own image, wrapped, behind it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from raw_http import RawResponse, message, send
from rest_client import basic
from running_platform import running, wait_until

from modelwhisk.local import Action
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.docker_container import OWNER_LABEL, DockerFactory, remove_leftovers
from modelwhisk.local.invoker import Activation

pytestmark = pytest.mark.docker

DIGIT = Path(__file__).parents[2] / "assets" / "digit-3.png"
PATH = "/api/v1/web/guest/default/digits"


@pytest.fixture(scope="module")
def image(wrapped_image: Callable[..., str]) -> str:
    return wrapped_image("max-digit-classifier")


def ask(url: str, path: str = "") -> RawResponse:
    return send(url, message("GET", PATH + path, [("Host", "h")]), timeout=60)


def predict(url: str) -> RawResponse:
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="3.png"\r\nContent-Type: image/png\r\n\r\n'
    body = part + DIGIT.read_bytes() + b"\r\n--x--\r\n"
    headers = [("Host", "h"), ("Content-Type", "multipart/form-data; boundary=x")]
    return send(url, message("POST", PATH, headers, body), timeout=60)


def ours(client: docker.DockerClient, name: str) -> list[Any]:
    found: list[Any] = client.containers.list(all=True, filters={"label": OWNER_LABEL, "name": name})
    return found


def test_a_wrapped_model_answers_is_paused_goes_on_and_is_removed(
    docker_client: docker.DockerClient, image: str
) -> None:
    activations: list[Activation] = []
    action = Action("digits", DockerFactory(image, {"FROM_US": "1"}), memory=300)
    with running(action, idle_pause=0.1, on_activation=activations.append) as platform:
        first = predict(platform.url)
        assert first.status == 200
        assert json.loads(first.body)["predictions"][0]["label_id"] == "3"
        wait_until(lambda: activations)
        name = activations[0].container
        (container,) = ours(docker_client, name)
        settings = container.attrs["HostConfig"]
        assert settings["Memory"] == settings["MemorySwap"] == 300 * 1024 * 1024
        assert (settings["PidsLimit"], settings["NetworkMode"]) == (1024, "bridge")
        assert sorted(settings["CapDrop"]) == ["NET_ADMIN", "NET_RAW"]
        assert settings["Ulimits"] == [{"Name": "nofile", "Hard": 1024, "Soft": 1024}]
        assert settings["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "200m", "max-file": "2"}}
        assert not settings["PortBindings"]
        assert {f"__OW_API_HOST={platform.url}", "FROM_US=1"} <= set(container.attrs["Config"]["Env"])

        def status() -> str:
            container.reload()
            return str(container.status)

        wait_until(lambda: status() == "paused")
        assert ask(platform.url, "/model/labels").status == 200
        wait_until(lambda: len(activations) == 2)
        assert activations[1].container == name
        assert "GET /model/labels 200" in "\n".join(line.text for line in activations[1].logs)
    assert ours(docker_client, name) == []


def test_a_container_that_dies_between_calls_is_replaced(docker_client: docker.DockerClient, image: str) -> None:
    activations: list[Activation] = []
    with running(Action("digits", DockerFactory(image)), on_activation=activations.append) as platform:
        assert ask(platform.url, "/model/labels").status == 200
        wait_until(lambda: activations)
        name = activations[0].container
        (container,) = ours(docker_client, name)
        address = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        stranger = send(f"http://{address}:8080", message("POST", "/run", [("Host", "h")], b"{}"))
        assert stranger.status == 403, "docker's bridge is reached by all users of the machine"
        container.kill()
        # Until then another container may have the address and answer.
        wait_until(lambda: not any(thread.name.endswith(f" of {name}") for thread in threading.enumerate()))
        assert ask(platform.url, "/model/labels").status == 400, (
            "as on the platform, which only notices at the next run"
        )
        assert ask(platform.url, "/model/labels").status == 200


def test_a_container_that_dies_in_its_pause_is_replaced_without_a_word(
    docker_client: docker.DockerClient, image: str
) -> None:
    activations: list[Activation] = []
    factory = DockerFactory(image)
    with running(Action("digits", factory), on_activation=activations.append, idle_pause=0.05) as platform:
        assert ask(platform.url, "/model/labels").status == 200
        wait_until(lambda: activations)
        name = activations[0].container
        wait_until(lambda: ours(docker_client, name)[0].status == "paused")
        ours(docker_client, name)[0].kill()
        assert ask(platform.url, "/model/labels").status == 200
        wait_until(lambda: len(activations) == 2)
        assert activations[1].container != name


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("127.0.0.1:1/no/such:1", "Failed to pull container image '127.0.0.1:1/no/such:1'."),
        ("modelwhisk-test/no-command:1", "executable file not found in image modelwhisk-test/no-command:1"),
    ],
)
def test_images_that_can_not_be_run(docker_client: docker.DockerClient, image: str, reference: str, error: str) -> None:
    if "no-command" in reference:
        made = docker_client.containers.create(image)
        made.commit("modelwhisk-test/no-command", "1", conf={"Entrypoint": ["/no/such/program"], "Cmd": None})
        made.remove()
    activations: list[Activation] = []
    try:
        with running(Action("digits", DockerFactory(reference)), on_activation=activations.append) as platform:
            response = ask(platform.url)
            assert response.status == 400
            wait_until(lambda: activations)
    finally:
        if "no-command" in reference:
            docker_client.images.remove(reference, force=True)
    outcome = activations[0].outcome
    assert outcome is not None
    assert str(outcome.result["error"]).startswith(error)
    assert ours(docker_client, "wsklocal_1_guest_digits") == []


def test_leftovers_of_a_crash_are_found_and_removed(docker_client: docker.DockerClient, image: str) -> None:
    crashing = (
        "import asyncio, os, signal, sys\n"
        "from modelwhisk.local import Action\n"
        "from modelwhisk.local.docker_container import DockerFactory\n"
        "async def main():\n"
        "    factory = DockerFactory(sys.argv[1])\n"
        "    container = await factory.start(Action('a', factory), 'wskcrash', 'http://x')\n"
        "    print(container.name, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    crash = subprocess.run([sys.executable, "-c", crashing, image], capture_output=True, text=True, check=False)
    name = crash.stdout.strip()
    assert name.startswith("wskcrash"), crash.stderr
    assert len(ours(docker_client, name)) == 1
    assert name in remove_leftovers()
    assert ours(docker_client, name) == []


class Tool:
    """`modelwhisk local` in a process of its own, which says where it is."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "modelwhisk", "local", "--log-json", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if self.said[-1]["event"] == event:
                return self.said[-1]
        raise AssertionError(self.process.communicate()[1])

    def end(self, number: int) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=30)[1]


def rest(url: str, method: str, path: str, document: dict[str, Any]) -> Any:
    headers = [("Host", "localhost"), basic(GUEST_KEY), ("Content-Type", "application/json")]
    sent = message(method, f"/api/v1/namespaces/_/{path}", headers, json.dumps(document).encode())
    return json.loads(send(url, sent, timeout=60).body)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_behind(docker_client: docker.DockerClient, image: str, number: int) -> None:
    tool = Tool(image, "--idle-pause", "0.1")
    url = tool.until("api")["url"]
    try:
        black_box = {"kind": "blackbox", "image": image}
        rest(url, "PUT", "actions/tidy", {"exec": black_box, "limits": {"memory": 300}})
        answer = rest(url, "POST", "actions/tidy?blocking=true", {"__ow_method": "get", "__ow_path": "/model/labels",
                      "__ow_headers": {}, "__ow_query": "", "__ow_body": ""})  # fmt: skip
        assert answer["response"]["result"]["statusCode"] == 200
        (container,) = ours(docker_client, "guest_tidy")
        wait_until(lambda: docker_client.containers.get(container.id).status == "paused")
    finally:
        errors = tool.end(number)
    assert len(ours(docker_client, "guest_tidy")) == (1 if number == signal.SIGKILL else 0), errors
    again = Tool()
    again.until("api")
    removed = [name for said in again.said if said["event"] == "removed" for name in said["containers"]]
    assert (container.name in removed) == (number == signal.SIGKILL)
    assert ours(docker_client, "guest_tidy") == []
    assert again.end(signal.SIGTERM) == ""


def test_a_failed_start_leaves_nothing(docker_client: docker.DockerClient, image: str) -> None:
    """A model that can't be loaded; a port that is taken."""
    before = {container.id for container in ours(docker_client, "")}
    made = docker_client.containers.create(image)
    made.commit(
        "modelwhisk-test/no-model", "1", conf={"Env": ["MODELPROXY_TARGET=nowhere.py", *made.attrs["Config"]["Env"]]}
    )
    made.remove()
    tool = Tool("modelwhisk-test/no-model:1")
    url = tool.until("api")["url"]
    try:
        black_box = {"kind": "blackbox", "image": "modelwhisk-test/no-model:1"}
        rest(url, "PUT", "actions/broken", {"exec": black_box, "limits": {"memory": 300}})
        answer = rest(url, "POST", "actions/broken?blocking=true", {})
        assert "nowhere.py" in json.dumps(answer["response"]["result"])
        port = url.rpartition(":")[2]
        taken = Tool("--port", port, image)
        assert taken.process.wait(30) != 0
        assert port in taken.process.communicate()[1]
    finally:
        assert tool.end(signal.SIGTERM) == ""
        docker_client.images.remove("modelwhisk-test/no-model:1", force=True)
    assert {container.id for container in ours(docker_client, "")} == before
