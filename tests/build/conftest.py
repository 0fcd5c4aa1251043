from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from fake_docker import FakeDocker
from world import World


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    docker = FakeDocker()
    for folder in ("bin", "tmp"):
        (tmp_path / folder).mkdir()
    with docker.on_path(tmp_path / "bin"):
        yield World(tmp_path, docker)
