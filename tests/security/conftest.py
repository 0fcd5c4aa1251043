"""Attacks on all parts; the worlds in which they happen are those of the parts' own tests."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
for part in ("build", "runtime", "local", "openwhisk"):
    sys.path.append(str(TESTS / part))

from fake_docker import FakeDocker  # noqa: E402
from world import World  # noqa: E402


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    """build.sh with a fake docker; nothing of what it is given may make the file `pwned` there."""
    docker = FakeDocker()
    for folder in ("bin", "tmp"):
        (tmp_path / folder).mkdir()
    with docker.on_path(tmp_path / "bin"):
        yield World(tmp_path, docker)
    assert not list(tmp_path.rglob("pwned*"))
