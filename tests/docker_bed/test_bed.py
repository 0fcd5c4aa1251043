"""The test bed itself: what the other docker tests stand on is as they take it to be."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable

import pytest
from bed import BASES, CHECKOUT, SAMPLE_MODELS, Containers, Registry

pytestmark = pytest.mark.docker

MAX_APP = "from maxfw.core import MAXApp; client = MAXApp('t', 'd', '1').app.test_client()"


@pytest.mark.parametrize("base", BASES)
def test_a_base_runs_its_eras_max_stack_as_any_user_and_without_a_network(
    base: str, base_image: Callable[[str], str]
) -> None:
    check = f"{MAX_APP}; assert client.get('/swagger.json').status_code == 200; import numpy, PIL.Image, ssl, sqlite3"
    command = ["docker", "run", "--rm", "--network", "none", "--user", "1234", base_image(base), "python3", "-c", check]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_debians_python3_has_neither_python_nor_pip(base_image: Callable[[str], str]) -> None:
    script = "command -v python3 && ! command -v python && ! command -v pip && ! python3 -m pip --version"
    command = ["docker", "run", "--rm", base_image("debian-python3"), "sh", "-c", script]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "/usr/bin/python3\n"


@pytest.mark.parametrize("model", SAMPLE_MODELS)
def test_a_sample_models_own_image_serves_its_metadata(
    model: str, model_image: Callable[..., str], containers: Containers
) -> None:
    served = containers.run(model_image(model), ports=(5000,)).wait(5000, "/model/metadata")
    with urllib.request.urlopen(served.url(5000, "/model/metadata"), timeout=30) as answer:
        assert json.load(answer)["id"]


def test_the_registry_keeps_what_is_pushed(registry: Registry) -> None:
    name = f"{registry.address}/me/bed:1"
    with tempfile.TemporaryFile() as content:
        with tarfile.open(fileobj=content, mode="w") as tar:
            tar.add(__file__, arcname="test_bed.py")
        content.seek(0)
        subprocess.run(["docker", "import", "-", name], stdin=content, check=True, capture_output=True)
    try:
        subprocess.run(["docker", "push", name], check=True, capture_output=True, timeout=120)
    finally:
        subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
    assert registry.get("me/bed/tags/list")["tags"] == ["1"]


def test_where_docker_is_required_a_skipped_docker_test_is_a_failure(tmp_path: pathlib.Path) -> None:
    (tmp_path / "conftest.py").write_text((CHECKOUT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text("import pytest\n@pytest.mark.docker\ndef test_it(): pytest.skip('no')\n")
    folder, settings = str(tmp_path), str(CHECKOUT / "pyproject.toml")
    command = [sys.executable, "-m", "pytest", "--confcutdir", folder, "-c", settings, folder]
    for required, outcome in (("", "1 skipped"), ("1", "1 failed")):
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests"), "MODELWHISK_REQUIRE_DOCKER": required}
        done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
        assert outcome in done.stdout, done.stdout
