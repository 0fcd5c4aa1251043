"""Each sample model that is a plain folder: one build command, and the image answers as an action."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest
from bed import CHECKOUT, Containers, run
from test_folders_with_engine import web
from world import run_build

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


@pytest.fixture
def user() -> Iterator[str]:
    name = f"modelwhisk-test/s{uuid.uuid4().hex[:8]}"
    yield name
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
def test_a_sample_becomes_an_action(
    model: str, user: str, base_image: Callable[[str], str], containers: Containers
) -> None:
    base = base_image("python:3.11")
    done = run_build("--base", base, "--local", "--no-push", "--username", user, f"{CHECKOUT / 'models' / model}")
    assert done.status == 0, done.stderr + done.stdout
    assert done.row(f"{user}/{model}").endswith("built")
    container = containers.run(f"{user}/{model}", ports=()).container
    status, answer = web(container, "", *request_of(model))
    assert status == 200, answer
