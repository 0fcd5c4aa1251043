"""What a container is to the invoker, whether docker runs it or it is a process on this machine."""

from __future__ import annotations

from typing import Protocol

from modelwhisk.local.actions import Action
from modelwhisk.local.logs import ContainerLog

# From which the adapter has what it must be shown; it keeps it from the model.
TOKEN_VARIABLE = "MODELPROXY_TOKEN"  # noqa: S105 - a name


class StartFailed(Exception):
    """No container could be had; `developer` tells whether that counts as the action's error or the platform's.

    The message is the platform's own; `detail`, which the platform keeps to itself, goes to the activation's log.
    """

    def __init__(self, message: str, *, developer: bool, detail: str = "") -> None:
        super().__init__(message)
        self.developer = developer
        self.detail = detail


class Container(Protocol):
    """A running container that serves `/init` and `/run`."""

    @property
    def name(self) -> str:
        """What people find it by."""
        ...

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its HTTP server."""
        ...

    @property
    def token(self) -> str:
        """What it must be shown with each request, since other users of the machine reach its port too."""
        ...

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended by itself, so that its address may be another one's by now."""
        ...

    @property
    def log(self) -> ContainerLog:
        """What it writes."""
        ...

    async def pause(self) -> None:
        """Stops all its threads where they are."""
        ...

    async def resume(self) -> None:
        """Lets them go on."""
        ...

    async def out_of_memory(self) -> bool:
        """Whether the kernel killed it for its memory limit."""
        ...

    async def destroy(self) -> None:
        """Kills and removes it, at once and without a word to it; doing that twice is harmless."""
        ...


class ContainerFactory(Protocol):
    """Makes containers for one action."""

    async def start(self, action: Action, name: str, api_host: str) -> Container:
        """A new container of that name, which need not listen yet; raises `StartFailed`.

        `api_host` is the value of `__OW_API_HOST`, the only variable of the platform's at its start.
        """
        ...

    def close(self) -> None:
        """Gives back what the factory itself holds, once its containers are gone."""
        ...
