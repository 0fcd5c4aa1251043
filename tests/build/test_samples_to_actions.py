"""Each sample model that is a plain folder: one build command, and the image answers as an action."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest
from bed import CHECKOUT, Containers, run
from test_folders_with_engine import web
from world import run_build

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

# A route that answers a GET without anything else; a predictor and a deployment have none, so they must only load.
ROUTES = {
    "fastapi-digits": "/docs",
    "flask-digits": "/",
    "gunicorn-cell-nuclei": "/",
    "onnx-digits": "/v2/health/ready",
}
FOLDERS = sorted(
    path.name
    for path in (CHECKOUT / "models").iterdir()
    if path.is_dir() and not (path / "Dockerfile").exists() and (path / "README.md").exists()
)


@pytest.fixture
def user() -> Iterator[str]:
    name = f"modelwhisk-test/s{uuid.uuid4().hex[:8]}"
    yield name
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{name}/*").split()
    if listed:
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)


@pytest.mark.parametrize("model", FOLDERS)
def test_a_sample_becomes_an_action(
    model: str, user: str, base_image: Callable[[str], str], containers: Containers
) -> None:
    base = base_image("python:3.11")
    done = run_build("--base", base, "--local", "--no-push", "--username", user, f"{CHECKOUT / 'models' / model}")
    assert done.status == 0, done.stderr + done.stdout
    assert done.row(f"{user}/{model}").endswith("built")
    container = containers.run(f"{user}/{model}", ports=()).container
    status, body = web(container, ROUTES.get(model, "/"))
    assert status == 200 if model in ROUTES else status < 502, body
