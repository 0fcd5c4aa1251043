"""Each sample model that is a plain folder: one build command, and the image answers as an action."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest
from bed import CHECKOUT, Containers, run
from test_folders_with_engine import web
from world import Done, run_build

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

# What each README sends to the bare URL: a JSON file, or else a picture in a form.
JSON = {
    "function-diabetes-progression": "samples/one.json",
    "gunicorn-cell-nuclei": "samples/one.json",
    "predictor-wine-cultivar": "samples/wines.json",
}
FIELDS = {"deployment-digit-neighbours": {"neighbours": "5", "zoom": "1"}}
FOLDERS = sorted(
    path.name
    for path in (CHECKOUT / "models").iterdir()
    if path.is_dir() and not (path / "Dockerfile").exists() and (path / "README.md").exists()
)


@pytest.fixture(scope="module")
def built(base_image: Callable[[str], str]) -> Iterator[tuple[str, Done]]:
    """All of them by one command, and the user that they are called after."""
    name = f"modelwhisk-test/s{uuid.uuid4().hex[:8]}"
    base = base_image("python:3.11")
    paths = [f"{CHECKOUT / 'models' / model}" for model in FOLDERS]
    yield name, run_build("--base", base, "--local", "--no-push", "--username", name, "--jobs", "3", *paths)
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{name}/*").split()
    if listed:
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)


def request_of(model: str) -> tuple[bytes, str]:
    """Body and type of a good request."""
    if model in JSON:
        return (CHECKOUT / "models" / model / JSON[model]).read_bytes(), "application/json"
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in FIELDS.get(model, {}).items()]
    picture = (CHECKOUT / "assets" / "digit-7.png").read_bytes()
    parts.append(b'name="image"; filename="digit-7.png"\r\nContent-Type: image/png\r\n\r\n' + picture)
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"
    return body, "multipart/form-data; boundary=x"


@pytest.mark.parametrize("model", FOLDERS)
def test_a_sample_becomes_an_action(model: str, built: tuple[str, Done], containers: Containers) -> None:
    user, done = built
    assert done.row(f"{user}/{model}").endswith("built"), done.stderr + done.stdout
    container = containers.run(f"{user}/{model}", ports=()).container
    status, answer = web(container, "", *request_of(model))
    assert status == 200, answer
