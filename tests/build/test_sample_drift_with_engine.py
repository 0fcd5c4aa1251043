"""A sample from its training pictures to an action of docker that tells digits from what isn't one."""

from __future__ import annotations

import io
import json
import pathlib
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest
from bed import CHECKOUT, run
from PIL import Image
from world import run_build

from modelwhisk import adapter

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SAMPLE = CHECKOUT / "models" / "onnx-digits"
FIT = [sys.executable, "-m", "modelwhisk", "drift", "fit"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """As the README makes it, but of vectors as the model gives them, which are compared with an image's."""
    made = tmp_path_factory.mktemp("drift") / "digits.drift"
    training, held_out = (SAMPLE / "samples" / f"{name}.npz:images" for name in ("training", "held-out"))
    command = [*FIT, SAMPLE, training, "-o", made, "--validation", held_out, "--no-damping"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def build(base_image: Callable[[str], str]) -> Iterator[Callable[..., str]]:
    """`build(words)`: the name of the sample's image."""
    users = []

    def call(*words: str) -> str:
        users.append(f"modelwhisk-test/r{uuid.uuid4().hex[:8]}")
        arguments = ["--base", base_image("python:3.11"), "--local", "--no-push", "--username", users[-1]]
        done = run_build(*arguments, str(SAMPLE), *words)
        assert done.status == 0, done.stderr + done.stdout
        return f"{users[-1]}/onnx-digits:latest"

    yield call
    for user in users:
        listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{user}/*").split()
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)


@pytest.fixture
def url(build: Callable[..., str], reference: pathlib.Path) -> Iterator[str]:
    """Of the action, on a platform of this machine."""
    image = build("--drift", str(reference))
    command = [sys.executable, "-u", "-m", "modelwhisk", "local", f"digits={image}", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as local:
        assert local.stdout is not None
        try:
            found = next(match for line in local.stdout if (match := re.search(r"http://\S+/default/digits", line)))
            yield found[0]
        finally:
            local.terminate()
            local.stdout.read()


def as_png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).resize((128, 128), Image.BICUBIC).save(stream, "PNG")
    return stream.getvalue()


def test_thresholds_hold_on_held_out_digits(reference: pathlib.Path) -> None:
    about = adapter.part("drift.reference").Reference(reference).about
    for told in about["validation"]:
        if told["quantile"] >= 0.99:
            assert told["beyond"] / told["inputs"] <= 1 - told["quantile"] + 0.01


def test_a_digit_is_near_and_what_is_none_is_far(url: str) -> None:
    random = np.random.default_rng(8)
    digit = (CHECKOUT / "assets" / "digit-7.png").read_bytes()
    seen = {}
    for name, picture in (("digit", digit), ("noise", as_png(random.integers(0, 256, (20, 20))))):
        answer = httpx.post(url, files={"image": ("x.png", picture, "image/png")}, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        assert "digit" in answer.json()["outputs"]
        seen[name] = answer.headers["model-drift"]
    assert "; drifted=?0; " in seen["digit"]
    assert "; drifted=?1; " in seen["noise"]


def test_an_image_without_a_reference_gives_the_embeddings_that_its_folder_gives(
    build: Callable[..., str], reference: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with np.load(SAMPLE / "samples" / "training.npz") as archive:
        np.savez(tmp_path / "some.npz", images=archive["images"][:100])
    command = [*FIT, build(), tmp_path / "some.npz", "-o", tmp_path / "reference", "--jobs", "1"]
    command += ["--embedding", "onnx-layer", "--no-damping"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    opened = adapter.part("drift.reference").Reference
    by_folder, by_image = opened(reference), opened(tmp_path / "reference")
    assert by_image.declaration == by_folder.declaration
    assert by_image.files.items() <= by_folder.files.items()
    assert "digits.onnx" in by_image.files
    vectors = by_folder.array("vectors.npy")[:100]
    np.testing.assert_allclose(by_image.array("vectors.npy"), vectors, rtol=1e-4, atol=1e-5)
    assert json.loads(by_image.content("names.txt").splitlines()[0]).endswith("some.npz:1")
