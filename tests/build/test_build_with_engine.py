"""build.sh with a real engine and registry: the sample models built, tested, pushed, pulled back; faults as rows."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import docker
import pytest
from bed import SAMPLE_MODELS, Containers, Registry, build_image, image_id, run
from test_dockerfile import ask
from world import Done, run_build

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

BASE = "python:3.7"


@pytest.fixture
def no_images_left(registry: Registry) -> Iterator[None]:
    """Removes what a test made under the registry's name from the engine."""
    yield
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    ours = [name for name in listed if name.startswith(f"{registry.address}/") and not name.endswith("<none>")]
    if ours:
        subprocess.run(["docker", "rmi", *ours], capture_output=True, check=False)


@pytest.fixture
def published(registry: Registry, model_image: Callable[..., str]) -> Callable[[str], str]:
    """`published(model)`: the model's own image as the registry has it."""

    def publish(model: str) -> str:
        name = f"{registry.address}/codait/{model}:latest"
        run("docker", "tag", model_image(model, BASE), name)
        run("docker", "push", name)
        run("docker", "rmi", name)
        return name

    return publish


@pytest.fixture
def refusing_registry() -> Iterator[str]:
    """A registry that lets nobody in; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def refuse(self) -> None:
            good = self.path == "/v2/"
            errors = [] if good else [{"code": "DENIED", "message": "requested access to the resource is denied"}]
            body = json.dumps({"errors": errors}).encode()
            self.send_response(200 if good else 403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = refuse

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def content(registry: Registry) -> dict[str, list[str]]:
    names = registry.get("_catalog")["repositories"]
    return {name: sorted(registry.get(f"{name}/tags/list")["tags"] or []) for name in names}


@pytest.mark.usefixtures("no_images_left")
def test_the_sample_models_are_built_tested_pushed_and_answer_when_pulled_back(
    registry: Registry,
    published: Callable[[str], str],
    containers: Containers,
    docker_client: docker.DockerClient,
    tmp_path: pathlib.Path,
) -> None:
    sources = {model: published(model) for model in SAMPLE_MODELS}
    arguments = (
        "--registry",
        registry.address,
        "--username",
        "me",
        "--jobs",
        "4",
        "--models",
        " ".join(sources.values()),
    )
    summary = tmp_path / "summary.json"
    done = run_build(*arguments, "--summary", str(summary))
    assert done.status == 0, done.stderr + done.stdout
    results = {image["image"]: image for image in json.loads(summary.read_text())["images"]}
    for model, source in sources.items():
        target = f"{registry.address}/me/{model}"
        assert done.row(target).endswith("built")
        result = results[target]
        assert 0 < result["added_bytes"] <= 200_000
        assert result["init_ms"] > 0
        assert 10 < result["memory_mb"] < 512
        create = f"--docker {target}:0.1.0 --web raw -m {result['limit_memory']} -t {result['limit_timeout']}"
        assert f"wsk action create {model} {create}" in done.stdout
        tags = content(registry)[f"me/{model}"]
        assert tags == sorted(result["tags"].split())
        assert [re.sub("mw-[0-9a-f]{16}", "mw-", tag) for tag in tags] == ["0.1.0", "latest", "mw-"]
        # Pulled back by what the summary says of it.
        run("docker", "rmi", *[f"{target}:{tag}" for tag in tags])
        name = f"{target}@{result['digest']}"
        run("docker", "pull", name)
        labels = docker_client.images.get(name).labels
        assert labels["org.opencontainers.image.base.name"] == source
        assert labels["org.opencontainers.image.base.digest"] == result["base_digest"]
        assert labels["org.opencontainers.image.title"] == model
        ask(containers, name)
        containers.close()
        run("docker", "rmi", name)

    before = content(registry)
    seconds = []
    for _ in range(2):  # a busy machine may be slow once
        started = time.monotonic()
        again = run_build(*arguments)
        seconds.append(time.monotonic() - started)
        assert again.status == 0, again.stderr
        assert [again.row(f"{registry.address}/me/{model}").split()[-3:] for model in sources] == [
            ["up", "to", "date"]
        ] * len(sources)
    assert min(seconds) < 5
    assert content(registry) == before
    # Nothing came to this machine: neither the wrappers nor their bases.
    for source in sources.values():
        assert not image_id(source.replace("/codait/", "/me/"))
        assert not image_id(source)


@pytest.mark.usefixtures("no_images_left")
def test_each_fault_is_a_row_of_its_own(
    registry: Registry, model_image: Callable[..., str], tmp_path: pathlib.Path
) -> None:
    good = model_image("max-digit-classifier", BASE)
    (tmp_path / "Dockerfile").write_text(f"FROM {good}\nRUN echo 'raise RuntimeError(\"no weights\")' >app.py\n")
    broken = build_image(f"modelwhisk-test/broken:{os.getpid()}", tmp_path)
    (tmp_path / "Dockerfile").write_text(f"FROM {good}\nRUN rm -f /usr/local/bin/python* /usr/bin/python3*\n")
    pythonless = build_image(f"modelwhisk-test/pythonless:{os.getpid()}", tmp_path)
    missing = f"{registry.address}/codait/max-missing:1"
    words = ["--registry", registry.address, "--username", "me", "--tag", "7", "--jobs", "3"]
    try:
        done = run_build(*words, missing, "b;ad", broken, pythonless, good, LOCAL="", RETRIES="0")
    finally:
        subprocess.run(["docker", "rmi", broken, pythonless], capture_output=True, check=False)
    assert done.status == 4, done.stderr + done.stdout
    me = f"{registry.address}/me"
    assert f"failed: no image for {missing}: {missing}: no such manifest" in done.row(f"{me}/max-missing")
    assert "failed: not the name of an image: b;ad" in done.row("b;ad")
    assert "failed: smoke test: /init answered" in done.row(f"{me}/broken")
    assert "no weights" in done.row(f"{me}/broken")
    assert "no Python 3.6 or later named python or python3" in done.row(f"{me}/pythonless")
    assert done.row(f"{me}/max-digit-classifier").endswith("built")
    assert content(registry).get("me/broken") is None
    # Whatever happened, no container of a test is left.
    names = run("docker", "ps", "--all", "--filter", "label=modelwhisk.smoke", "--format", "{{.Names}}")
    assert not [name for name in names.split() if image_of(name).startswith(registry.address)]


def image_of(container: str) -> str:
    found = subprocess.run(
        ["docker", "inspect", "--format", "{{.Config.Image}}", container], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def test_a_refused_push_is_a_row(refusing_registry: str, model_image: Callable[..., str]) -> None:
    words = ["--registry", refusing_registry, "--username", "me", "--no-test", "--local"]
    try:
        done = run_build(*words, model_image("max-digit-classifier", BASE))
    finally:
        listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{refusing_registry}/me/*").split()
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)
    assert done.status == 1
    row = done.row(f"{refusing_registry}/me/max-digit-classifier")
    assert f"failed: pushing {refusing_registry}/me/max-digit-classifier:" in row
    assert "denied" in row
    assert "try 1 of 3" not in done.stderr


def test_without_a_registry_the_wrapper_stays_here(
    model_image: Callable[..., str], containers: Containers, docker_client: docker.DockerClient
) -> None:
    words = ["--username", f"modelwhisk-test/u{os.getpid()}", "--local", "--no-push", "--tag", "1"]
    target = f"modelwhisk-test/u{os.getpid()}/max-sound-generator"

    def build() -> Done:
        return run_build(
            *words, "--build-arg", "MODELPROXY_PATH=/model/metadata", model_image("max-sound-generator", BASE)
        )

    try:
        done = build()
        assert done.status == 0, done.stderr
        assert done.row(target).endswith("built")
        assert "MODELPROXY_PATH=/model/metadata" in docker_client.images.get(f"{target}:1").attrs["Config"]["Env"]
        ask(containers, f"{target}:latest")
        containers.close()
        assert build().row(target).endswith("up to date")
    finally:
        listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", target).split()
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)
    tags = [line.rpartition(":")[2] for line in listed]
    assert sorted(re.sub("mw-[0-9a-f]{16}", "mw-", tag) for tag in tags) == ["1", "latest", "mw-"]
