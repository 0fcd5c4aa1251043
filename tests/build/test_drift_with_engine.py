"""From a model's folder and its training inputs to an image whose predictions say how far off an input is."""

from __future__ import annotations

import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Callable, Iterator

import docker
import httpx
import pytest
from bed import Containers, run
from world import Done, run_build

from modelwhisk.drift.digest import of_folder
from modelwhisk.drift.local_model import LocalModel

pytestmark = pytest.mark.docker

PREDICTOR = """
import uuid

class Predictor:
    def predict(self, json):
        return {"sum": uuid.total(json["x"]), "v": json["x"]}
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    target = tmp_path / "sums"
    target.mkdir()
    (target / "predictor.py").write_text(PREDICTOR)
    # Modules of its own by the names of Python's, which nothing takes that build.sh runs in the folder.
    (target / "uuid.py").write_text("total = sum\n")
    for name in ("email", "glob", "readline"):
        (target / f"{name}.py").write_text("raise SystemExit('the model s')\n")
    return target


@pytest.fixture
def reference(folder: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    numbers = random.Random(8)
    inputs = tmp_path / "training.jsonl"
    inputs.write_text("".join(json.dumps({"x": [numbers.random() for _ in range(4)]}) + "\n" for _ in range(120)))
    made = tmp_path / "sums.drift"
    command = ["modelwhisk", "drift", "fit", folder, inputs, "-o", made, "--embedding", "answer:/v"]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture
def build(base_image: Callable[[str], str]) -> Iterator[Callable[..., Done]]:
    user = f"modelwhisk-test/d{uuid.uuid4().hex[:8]}"

    def call(*words: str | os.PathLike[str]) -> Done:
        arguments = ["--local", "--no-push", "--username", user, "--base", base_image("python:3.11")]
        done = run_build(*arguments, *map(str, words))
        done.user = user
        return done

    yield call
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{user}/*").split()
    if listed:
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)


def test_a_folder_with_its_reference_tells_inputs_apart(
    folder: pathlib.Path,
    reference: pathlib.Path,
    build: Callable[..., Done],
    containers: Containers,
    docker_client: docker.DockerClient,
) -> None:
    done = build(folder, "--drift", reference, "--sbom", reference.parent)
    assert done.status == 0, done.stderr + done.stdout
    assert '"pkg:generic/python@3.11.' in next(reference.parent.glob("*.cdx.json")).read_text()
    assert "drift: 120 vectors of 4 numbers (/v in the model's answer)" in done.stderr
    image = f"{done.user}/sums:latest"
    sizes = [layer["Size"] for layer in docker_client.images.get(image).history() if "COPY dir" in layer["CreatedBy"]]
    assert reference.stat().st_size <= sizes[0] < reference.stat().st_size + 1000

    served = containers.run(image, ports=(5000,), environment={"PORT": "5000"}).wait(5000)
    for numbers, drifted in (([0.5, 0.5, 0.5, 0.5], "?0"), ([5, 5, 5, 5], "?1")):
        answer = httpx.post(served.url(5000, "/"), json={"x": numbers}, trust_env=False)
        assert answer.json() == {"sum": sum(numbers), "v": numbers}
        assert f"; drifted={drifted}; " in answer.headers["model-drift"]

    (folder / "predictor.py").write_text(PREDICTOR + "# changed\n")
    done = build(folder, "--drift", reference)
    assert done.status == 1
    assert "made with another model: predictor.py differs." in done.row(f"{done.user}/sums")


def test_an_image_s_links_count_as_in_it(
    base_image: Callable[[str], str], docker_client: docker.DockerClient, tmp_path: pathlib.Path
) -> None:
    """Weights are often links into a store beside the model, as huggingface_hub makes them."""
    for name in ("m/model", "m/store"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "m" / "store" / "1").write_text("weights")
    for name, target in (
        ("weights.bin", "../store/1"),
        ("again.bin", "weights.bin"),
        ("none", "/m/none"),
        ("to circle", "circle"),
        ("circle", "../model/to circle"),
    ):
        (tmp_path / "m" / "model" / name).symlink_to(target)
    (tmp_path / "here").symlink_to("m/model")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(tmp_path / "m", "m")
        archive.add(tmp_path / "here", "here")
    name = f"modelwhisk-test/links-{uuid.uuid4().hex[:8]}"
    made = docker_client.containers.create(base_image("python:3.11"))
    try:
        made.put_archive("/", stream.getvalue())
        made.commit(name, "1", changes="WORKDIR /here")
    finally:
        made.remove()
    try:
        found = LocalModel(None, f"{name}:1", "").digest()
    finally:
        docker_client.images.remove(f"{name}:1")
    assert set(found.files) == {"weights.bin", "again.bin"}
    assert found == of_folder(tmp_path / "here")
