"""Images whose command is a server of another kind each, wrapped by the project's Dockerfile."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import build_image

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "same_answer"))

from servers import ASGI, COMMANDS, DAEMON, GO, ORPHANS, PLAIN, WSGI  # noqa: E402

# Pure Python, so this Python's serve any; a build needs no network then.
PACKAGES = ("anyio", "click", "gunicorn", "h11", "idna", "packaging", "starlette", "typing_extensions", "uvicorn")


@pytest.fixture(scope="session")
def served(
    base_image: Callable[[str], str], wrapped_image: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """`served("gunicorn")`: the wrapped image of a model that this command serves."""

    @functools.cache
    def bare() -> str:
        context = tmp_path_factory.mktemp("commands")
        model = context / "model"
        model.mkdir()
        programs = {"wsgi": WSGI, "asgi": ASGI, "daemon": PLAIN % DAEMON, "orphans": PLAIN % ORPHANS}
        for name, text in programs.items():
            # Not a name in which an application is looked for.
            (model / f"{name}.py").write_text(text)
        for package in PACKAGES:
            copy_package(package, context / "packages")
        if shutil.which("go"):
            build_go(model / "server", context)
        (context / "Dockerfile").write_text(
            f"FROM {base_image('python:3.11')}\n"
            "COPY packages/ /usr/local/lib/python3.11/site-packages/\nCOPY model/ /model/\nWORKDIR /model\n"
        )
        return build_image("modelwhisk-test/commands:latest", context)

    def make(name: str) -> str:
        entrypoint, command = COMMANDS[name]
        variables = {"BASE_ENTRYPOINT": json.dumps(entrypoint), "BASE_CMD": json.dumps(command), "HOST": "command"}
        return wrapped_image(image=bare(), **{f"MODELPROXY_{key}": value for key, value in variables.items()})

    return make


def copy_package(name: str, target: Path) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    source = Path(spec.origin)
    target.mkdir(exist_ok=True)
    if source.name == "__init__.py":
        shutil.copytree(source.parent, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def build_go(target: Path, folder: Path) -> None:
    (folder / "server.go").write_text(GO)
    environ = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", target, folder / "server.go"], check=True, env=environ, timeout=300)
