"""The model itself, started on this machine to give embeddings: a folder as processes, an image in docker.

It is served over plain HTTP by the adapter, which sends an input's embedding along with the answer
(`MODELPROXY_DRIFT_COLLECT`): one run of the model gives both.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx

from modelwhisk import adapter
from modelwhisk.client.in_time import end_answers
from modelwhisk.drift import digest, own_ends
from modelwhisk.drift.digest import ModelDigest
from modelwhisk.local import docker_container, process_container
from modelwhisk.local.actions import Action
from modelwhisk.local.containers import Container, StartFailed
from modelwhisk.local.docker_container import DockerFactory, NoDocker
from modelwhisk.local.process_container import ProcessFactory

_LOAD_PATIENCE = 600.0  # seconds in which a model must have loaded
_HEALTH_SECONDS = 10.0  # for an answer that is the model's, and may come in a trickle
_PAUSE = 0.1
_LINES_SHOWN = 20
_LAYER = re.compile(r"modelproxy: drift: the layer is (.+)")
_IN_IMAGE = "modelproxy/modelproxy/drift"  # where a wrapped image has the adapter's drift code


class NoModel(Exception):
    """The model can't be started; the text says why."""


@dataclass(frozen=True)
class Running:
    """Copies of a model that are there to be asked."""

    containers: Sequence[Container]

    @property
    def addresses(self) -> list[str]:
        """Of each copy, without a slash at its end."""
        return [_address(container) for container in self.containers]

    def keep_to(self, client: httpx.AsyncClient) -> None:
        """Makes `client` send what it sends to these copies alone."""
        own_ends.keep_to(client, self.containers)

    def layer_said(self) -> str | None:
        """The name of the layer that was found in the model, where the log since the last call has it.

        The log of a million predictions isn't kept.
        """
        said = (_LAYER.fullmatch(line.text) for container in self.containers for line in container.log.take())
        return next((found[1] for found in said if found), None)


@dataclass(frozen=True)
class LocalModel:
    """A model's folder, or its image. `environment` goes to its processes or containers, `memory` (MB) limits one of
    the latter, `python` runs the former."""

    folder: Path | None
    image: str | None
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 2048

    @property
    def name(self) -> str:
        """What people call it."""
        return self.folder.name if self.folder is not None else str(self.image)

    def digest(self) -> ModelDigest:
        """Of its files. Blocks. Raises `NoModel`."""
        if self.folder is not None:
            return digest.of_folder(self.folder)
        return _digest_of_image(str(self.image))

    @contextlib.asynccontextmanager
    async def running(self, declaration: Mapping[str, Any] | None, count: int) -> AsyncIterator[Running]:
        """`count` copies, loaded, which end with the block. Raises `NoModel`.

        Their answers carry embeddings as declared, or none without a declaration.
        """
        collecting = {"MODELPROXY_DRIFT_COLLECT": json.dumps(declaration)} if declaration is not None else {}
        _remove_leftovers()
        factory = self._factory({"MODELPROXY_MODE": "web", **collecting})
        action = Action("drift", factory, memory=self.memory)
        containers: list[Container] = []
        try:
            for number in range(count):
                containers.append(await factory.start(action, f"modelwhisk-drift-{number}", "http://localhost"))
            await asyncio.gather(*(_loaded(container) for container in containers))
            yield Running(containers)
        except StartFailed as problem:
            raise NoModel(f"{problem}{problem.detail and ': ' + problem.detail}") from problem
        finally:
            await asyncio.gather(*(container.destroy() for container in containers))
            factory.close()

    def _factory(self, environment: Mapping[str, str]) -> ProcessFactory | DockerFactory:
        variables = {**self.environment, **environment}
        if self.folder is not None:
            return ProcessFactory(self.folder, self.python, variables)
        try:
            return DockerFactory(str(self.image), variables, drift_code())
        except NoDocker as problem:
            raise NoModel(
                f"{self.image} is no folder here and no deployed action, and as an image it needs docker, which can't "
                f"be reached: {problem}"
            ) from problem


def drift_code() -> bytes:
    """The adapter's code for embeddings, as a tar: an image has it only where it was built with a reference."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted((adapter.folder() / "modelproxy" / "drift").glob("*.py")):
            archive.add(path, f"{_IN_IMAGE}/{path.name}", filter=_readable)
    return stream.getvalue()


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.mode = 0o644
    return entry


def _remove_leftovers() -> None:
    """Ends what a run that was killed has left."""
    process_container.remove_leftovers()
    docker_container.remove_leftovers()


def _address(container: Container) -> str:
    host, port = container.address
    return f"http://{host}:{port}"


async def _loaded(container: Container) -> None:
    """Waits until the model answers for its health; raises `NoModel` with what it said where it never will."""
    deadline = asyncio.get_running_loop().time() + _LOAD_PATIENCE
    async with httpx.AsyncClient(trust_env=False) as client:
        end_answers(client, _HEALTH_SECONDS)
        own_ends.keep_to(client, [container])
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with client.stream("GET", f"{_address(container)}/healthz") as answer:
                    pass  # its body, which may be of any size, isn't read
            except (httpx.TransportError, ConnectionRefusedError):
                if container.ended:
                    break
            else:
                if answer.status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(_PAUSE)
    await container.destroy()  # which waits for its last words
    said = "\n".join(line.text for line in container.log.take()[-_LINES_SHOWN:])
    raise NoModel(f"the model did not load:\n{said}" if said else "the model did not load, and said nothing")


def _digest_of_image(image: str) -> ModelDigest:
    """Of the files in an image's working directory, without running it."""
    try:
        with docker_container.working_directory(image) as folder:
            return digest.of_archive(folder.pieces, folder.path, folder)
    except (
        NoDocker,
        docker.errors.DockerException,
        OSError,
        ValueError,
        tarfile.TarError,
    ) as problem:  # an OSError is requests', too
        raise NoModel(f"the files of {image} can't be read: {problem}") from problem


def choice_of_host(folder: Path) -> str:
    """Which interface the folder has, as the adapter will see it; "" where it is ambiguous or none."""
    settings = adapter.part("settings").Settings(dict(os.environ))
    try:
        return str(adapter.part("hosts.choice").choose(settings, str(folder)).name)
    except adapter.part("hosts").Unloadable:
        return ""
