"""The echoing model on the stacks of three eras, wrapped, and containers of it that an invoker talks to."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bed import Containers, build_image, tag_of

sys.path.insert(0, str(Path(__file__).parent))

from invoked_container import InvokedContainer

MODEL = Path(__file__).parent / "model"
API_HOST = {"__OW_API_HOST": "https://whisk.example"}


@pytest.fixture(scope="session")
def echo_image(base_image: Callable[[str], str], wrapped_image: Callable[..., str]) -> Callable[[str], str]:
    """`echo_image("python:3.7")`: an image with a model of its own, which takes no code."""

    @functools.cache
    def make(base: str) -> str:
        image = base_image(base)
        return wrapped_image(image=build_image(tag_of("modelwhisk-test/upstream-echo", image), MODEL, BASE_IMAGE=image))

    return make


@pytest.fixture
def start(base: str, echo_image: Callable[[str], str], containers: Containers) -> Callable[..., InvokedContainer]:
    """`start(environment={…})`: a container of its own for a test that changes or ends it."""

    def make(environment: dict[str, str] | None = None, **options: Any) -> InvokedContainer:
        return InvokedContainer(
            containers.run(echo_image(base), environment={**API_HOST, **(environment or {})}, **options)
        )

    return make


@pytest.fixture(scope="module")
def initialized(echo_image: Callable[[str], str], module_containers: Containers) -> Callable[[str], InvokedContainer]:
    """`initialized("python:3.7")`: one for all tests that leave it as it was."""

    @functools.cache
    def make(base: str) -> InvokedContainer:
        one = InvokedContainer(module_containers.run(echo_image(base), environment=API_HOST))
        assert one.init({"env": {"SOME_VAR": "xyz", "ANOTHER_VAR": ""}}).status == 200
        return one

    return make


@pytest.fixture
def echo(base: str, initialized: Callable[[str], InvokedContainer]) -> InvokedContainer:
    one = initialized(base)
    one.forget_streams()
    return one
