"""Proxies around the faulty model: processes, and an image."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import build_image

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "local"))

from faulty import MODEL, FaultyProcess


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., FaultyProcess]]:
    """`start(MODELPROXY_READ_TIMEOUT="1")`: a process, not initialised yet."""
    started: list[FaultyProcess] = []

    def make(descriptors: int = 0, closed: bool = False, **settings: str) -> FaultyProcess:
        scratch = tmp_path / str(len(started))
        scratch.mkdir()
        started.append(FaultyProcess(scratch, settings, descriptors, closed))
        return started[-1]

    yield make
    for one in started:
        one.close()


@pytest.fixture
def proxy(start: Callable[..., FaultyProcess]) -> FaultyProcess:
    """An initialised one with the settings as they are by default."""
    one = start()
    one.init()
    return one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProcess]:
    """One for the tests of a module that must leave it as it was."""
    one = FaultyProcess(tmp_path_factory.mktemp("shared"), {})
    one.init()
    yield one
    one.close()


@pytest.fixture(scope="session")
def faulty_image(base_image: Callable[[str], str], wrapped_image: Callable[..., str]) -> str:
    image = build_image("modelwhisk-test/faulty-model:latest", MODEL, BASE_IMAGE=base_image("python:3.11"))
    return wrapped_image(image=image, MODELPROXY_HOST="wsgi", MODELPROXY_TARGET="app:application")
