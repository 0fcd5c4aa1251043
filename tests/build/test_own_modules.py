"""A model's folder may have modules of the names of Python's own, beside which build.sh asks the image's Python."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest
from world import CHECKOUT

SCRIPTS = CHECKOUT / "scripts" / "build"
PYTHON = pathlib.Path(sys.executable)
# Where the first of them is empty it is the working directory, as PYTHONPATH=$PYTHONPATH:/x in a Dockerfile makes it.
ELSEWHERE = ["", ":packages"]


@pytest.fixture(params=ELSEWHERE)
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"PATH": f"{PYTHON.parent}:{os.environ['PATH']}", "PYTHONPATH": request.param}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """With a module by each name of the standard library that no Python has when it starts."""
    started = subprocess.check_output([PYTHON, "-c", "import sys; print(*sys.modules)"], text=True).split()
    for name in sys.stdlib_module_names.difference(started):
        (tmp_path / f"{name}.py").write_text(
            "open('ran', 'a').write(__name__ + ' ')\nraise SystemExit('the model s')\n"
        )
    metadata = tmp_path / "packages" / "of_the_model-1.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: of-the-model\nVersion: 1.5\n")
    return tmp_path


def ask(command: str, program: str, folder: pathlib.Path, environment: dict[str, str], *words: str) -> str:
    """What the program prints that a command of build.sh's gives to the Python in the model's folder."""
    script = 'source "$0/smoke.sh"; source "$0/sbom.sh"; printf %s "${!1}"'
    for_shell = subprocess.check_output(["bash", "-c", script, str(SCRIPTS), command], text=True)
    done = subprocess.run(
        ["sh", "-c", for_shell, "sh", *words],
        input=program,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    return done.stdout


def test_the_smoke_test(folder: pathlib.Path, environment: dict[str, str]) -> None:
    with socket.socket() as deaf:
        deaf.bind(("", 0))
        port = deaf.getsockname()[1]
        program = (SCRIPTS / "smoke.py").read_text().replace("PORT = 8080", f"PORT = {port}")
        said = ask("IN_CONTAINER", program, folder, environment, "/", "0")
    assert said.startswith(f"fault nothing listens on port {port} of ")
    assert "\nmemory_mb " in said


def test_the_drift_reference(folder: pathlib.Path, environment: dict[str, str]) -> None:
    program = (SCRIPTS / "drift.py").read_text().replace('"/modelproxy"', repr(str(CHECKOUT / "runtime")))
    assert "No such file" in ask("IN_CONTAINER", program, folder, environment, "none")


def test_the_bill_of_materials(folder: pathlib.Path, environment: dict[str, str]) -> None:
    keys = ("image", "version", "digest", "created", "base_name", "base_digest", "adapter_version", "adapter_digest")
    words = [f"{key}={key}" for key in keys]
    document = json.loads(ask("SBOM_IN_CONTAINER", (SCRIPTS / "sbom.py").read_text(), folder, environment, *words))
    found = {part["name"]: part["version"] for part in document["components"]}
    assert "pytest" in found
    # It is asked where the model's Python finds packages.
    assert found.get("of-the-model") == ("1.5" if environment["PYTHONPATH"] else None)
