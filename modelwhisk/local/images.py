"""What runs the image that an action names: a folder given on the command line under that name, or docker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from modelwhisk.local import messages
from modelwhisk.local.actions import Action
from modelwhisk.local.containers import Container, ContainerFactory, StartFailed
from modelwhisk.local.docker_container import DockerFactory, NoDocker


class NoContainers:
    """What an action has that runs nothing itself."""

    async def start(self, action: Action, name: str, api_host: str) -> Container:
        """Never a container."""
        raise StartFailed(messages.PROVISION_ERROR, developer=False)

    def close(self) -> None:
        """Nothing is held."""


class DockerOnDemand:
    """Containers of an image, for which docker isn't asked before one is needed."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._factory: DockerFactory | None = None

    async def start(self, action: Action, name: str, api_host: str) -> Container:
        """A new container; without docker the platform's words for an image that can't be had."""
        if self._factory is None:
            try:
                self._factory = await asyncio.to_thread(DockerFactory, self._image)
            except NoDocker as problem:
                failed = messages.image_pull_failed(self._image)
                detail = f"docker can't be reached: {problem}"
                raise StartFailed(failed, developer=True, detail=detail) from problem
        return await self._factory.start(action, name, api_host)

    def close(self) -> None:
        """Closes the connections to the engine."""
        if self._factory is not None:
            self._factory.close()


class Images:
    """Finds the factory of an image; `known` has some, docker's are made of all others.

    These get no environment: any caller of the REST API may name them.
    """

    def __init__(self, known: Mapping[str, ContainerFactory] | None = None) -> None:
        self._factories = dict(known or {})

    def add(self, image: str, factory: ContainerFactory) -> None:
        """From now on, `factory` runs that image."""
        self._factories[image] = factory

    def factory(self, image: str) -> ContainerFactory:
        """What makes containers of an image."""
        if image not in self._factories:
            self._factories[image] = DockerOnDemand(image)
        return self._factories[image]

    def close(self) -> None:
        """Gives back what the factories hold."""
        for factory in self._factories.values():
            factory.close()
