"""What a container may do to whoever reads it and removes it, without an engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from modelwhisk.local import docker_container, owner
from modelwhisk.local.actions import Action
from modelwhisk.local.docker_container import (
    OWNER_LABEL,
    DockerContainer,
    DockerFactory,
    remove_leftovers,
    working_directory,
)


class Noisy:
    """docker's object of a container that writes a thousand lines at once."""

    name = "noisy"

    def logs(self, *, stream: bool, follow: bool, stdout: bool, stderr: bool) -> Iterator[bytes]:
        assert stream
        assert follow
        return (b"line %d\n" % number for number in range(1000 if stdout else 0))


def test_a_container_is_read_no_faster_than_its_lines_are_taken() -> None:
    async def read() -> list[str]:
        container = DockerContainer(Noisy(), "")
        follower = container._followers[0]
        follower.join(0.5)  # nothing is taken while the loop is kept here
        assert follower.is_alive()
        while not container.ended:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [line.text for line in container.log.take()]

    assert asyncio.run(read()) == [f"line {number}" for number in range(1000)]


@dataclass
class Listed:
    """docker's object of a container that is listed with its label."""

    name: str
    mark: str
    removed: bool = False
    refusal: Exception | None = None
    labels: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = {OWNER_LABEL: self.mark}

    def remove(self, **_: Any) -> None:
        self.removed = True
        if self.refusal is not None:
            raise self.refusal


class Engine:
    """docker's client, of an engine with these containers."""

    def __init__(self, listed: list[Listed]) -> None:
        self.containers = self
        self._listed = listed

    def list(self, *, ignore_removed: bool = True, **_: Any) -> list[Listed]:
        assert ignore_removed
        return self._listed

    def close(self) -> None:
        pass


class Made(Exception):
    """What was asked of docker's client for a container; it makes none."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self.options = options


class Maker:
    """docker's client, of an engine that has every image."""

    def __init__(self) -> None:
        self.containers = self.images = self

    def get(self, _: str) -> None:
        pass

    def create(self, image: str, **options: Any) -> None:
        raise Made(options)

    def close(self) -> None:
        pass


def test_an_image_is_told_no_proxies_of_docker_s_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may hold passwords, and docker's client names them to each container by itself. And what a killed run
    has left is known, also of one whose files were looked at.
    """
    monkeypatch.setattr(docker_container, "_client", Maker)
    factory = DockerFactory("me/model")
    with pytest.raises(Made) as started:
        factory._run(Action("model", factory), "wsk_1", "http://localhost", "token")
    with pytest.raises(Made) as looked_into, working_directory("me/model"):
        pass
    for made in (started.value.options, looked_into.value.options):
        assert made["use_config_proxy"] is False
        assert made["labels"] == {OWNER_LABEL: owner.current()}
        assert docker_container._is_leftover(made["name"], GONE)


HOST, PID = owner.current().split(":")[0], os.getpid()
GONE = f"{HOST}:{PID}:1"  # an earlier process of our id


def removed(monkeypatch: pytest.MonkeyPatch, *listed: tuple[str, str]) -> list[str]:
    engine = Engine([Listed(*one) for one in listed])
    monkeypatch.setattr(docker_container, "_client", lambda: engine)
    names = remove_leftovers()
    assert names == [one.name for one in engine.list() if one.removed]
    return names


def test_leftovers_are_what_we_have_named_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [f"wsklocal_1_guest_a_{PID}", f"modelwhisk-drift-0_{PID}"]
    users = ["their_own", f"project_web_{PID}", f"wsklocal_1_guest_a_{PID}0", "wsklocal_1_guest_a_1", f"_{PID}", ""]
    assert removed(monkeypatch, *((name, GONE) for name in [*users, *ours])) == ours
    assert removed(monkeypatch, *((name, owner.current()) for name in ours)) == []


@pytest.mark.parametrize("status", [404, 409, 500])
def test_what_another_run_removes_is_removed(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """404 where it is gone, 409 where the removal is already in progress."""
    refusal = APIError("no", response=SimpleNamespace(status_code=status))
    listed = [Listed(f"wsklocal_{number}_guest_a_{PID}", GONE, refusal=refusal) for number in range(2)]
    monkeypatch.setattr(docker_container, "_client", lambda: Engine(listed))
    with pytest.raises(APIError) if status == 500 else contextlib.nullcontext():
        assert remove_leftovers() == [one.name for one in listed]


def test_nothing_is_known_of_another_namespace_s_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a container with its host's name and engine, say, whose process ids the host has for others, or not at all."""
    assert owner.is_gone(GONE)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "stat", lambda path: SimpleNamespace(st_ino=1))
        assert owner.current().startswith(f"{socket.gethostname()}/")
        assert f"/1:{PID}:" in owner.current()
        assert not owner.is_gone(GONE)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell")
@pytest.mark.parametrize("path", ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"])
def test_nothing_is_known_of_another_machine_s_processes(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Two that are called `ubuntu` and share an engine removed each other's containers."""
    ids = {"/etc/machine-id": b"\n", path: b"one\n"}
    monkeypatch.setattr(Path, "read_bytes", lambda self: ids[str(self)])
    mark = f"{owner.current().rpartition(':')[0]}:1"
    assert owner.is_gone(mark)
    assert "one" not in mark
    ids[path] = b"other\n"
    assert not owner.is_gone(mark)


@pytest.mark.parametrize(
    "mark",
    ["", ":", "::", HOST, f"{HOST}:", f"{HOST}:1", f"{HOST}::1", f"{HOST}:²:1", f"{HOST}:x:1", f"{HOST}:0:1",
     f"{HOST}:-1:1", f"{HOST}:1{'0' * 30}:1", f"{HOST}:9999999999:1", f"{HOST}:1\n:1", f"elsewhere:{PID}:1"],
    ids=lambda mark: ascii(mark).replace(str(PID), "PID"),  # which each worker has another of
)  # fmt: skip
def test_a_label_may_be_anything(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    number = mark.split(":")[1] if mark.count(":") == 2 else "1"
    assert removed(monkeypatch, (f"wsklocal_1_guest_a_{number}", mark)) == []
    assert not owner.is_gone(mark)
