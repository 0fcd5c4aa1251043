"""Images that run functions, and containers of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bed import Containers, build_image

sys.path.insert(0, str(Path(__file__).parent))

from upstream_harness import ActionContainer

OWN_FUNCTION = """\
print("loaded")


def main(args):
    print("This is an example log message from an own function")
    return {"msg": "Hello from an own function!", "args": args}
"""


@pytest.fixture(scope="session")
def accepting_image(base_image: Callable[[str], str], wrapped_image: Callable[..., str]) -> Callable[[str], str]:
    """`accepting_image("python:3.7")`: an image built to run the functions of whoever creates actions."""

    def make(base: str) -> str:
        return wrapped_image(image=base_image(base), MODELPROXY_HOST="function", MODELPROXY_INIT_CODE="accept")

    return make


@pytest.fixture(scope="session")
def own_image(
    base_image: Callable[[str], str], wrapped_image: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], str]:
    """`own_image(accepts)`: an image with a function of its own; `accepts` where it takes other code too."""

    def make(accepts: bool) -> str:
        folder = tmp_path_factory.mktemp("image")
        (folder / "main.py").write_text(OWN_FUNCTION)
        (folder / "Dockerfile").write_text(
            f"FROM {base_image('python:3.7')}\nWORKDIR /action\nCOPY main.py .\nUSER 65534\n"
        )
        image = build_image("modelwhisk-test/own-function:latest", folder)
        return wrapped_image(image=image, **({"MODELPROXY_INIT_CODE": "accept"} if accepts else {}))

    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All cases on all bases takes minutes; what differs between Pythons says so itself, by a `base`."""
    if (
        os.environ.get("MODELWHISK_SLOW")
        and "container" in metafunc.fixturenames
        and "base" not in metafunc.fixturenames
    ):
        metafunc.parametrize("default_base", ["python:3.6", "python:3.7", "python:3.11"])


@pytest.fixture
def default_base() -> str:
    return "python:3.7"


@pytest.fixture
def container(
    default_base: str, containers: Containers, accepting_image: Callable[[str], str]
) -> Callable[..., ActionContainer]:
    """`container(environment={…}, base="python:3.7")`: started, and listening."""

    def start(base: str = default_base, **options: Any) -> ActionContainer:
        return ActionContainer(containers.run(accepting_image(base), **options).wait(8080))

    return start
