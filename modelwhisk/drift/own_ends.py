"""Connections of httpx to copies of a model that are ours, over which nothing goes to anybody else.

The port of a process that has ended is whoever's takes it next: they would get all of the inputs, and answer in the
model's name. It is looked at once a connection is there, before anything is sent on it; from then on it stays theirs
who took it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpcore
import httpx

from modelwhisk.local.containers import Container
from modelwhisk.peer import peer_at


def keep_to(client: httpx.AsyncClient, containers: Sequence[Container]) -> None:
    """Makes `client` connect to the addresses of `containers` alone, by no proxy, and raise `ConnectionRefusedError`
    once one has ended, or where the process that takes the connection is another user's. It is no error of httpx's:
    after one of those the same would be tried again.
    """
    client._mounts.clear()  # those of the environment's proxies
    assert isinstance(client._transport, httpx.AsyncHTTPTransport)
    pool = client._transport._pool  # httpx hands on no backend
    pool._network_backend = _Backend(pool._network_backend, containers)


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend, containers: Sequence[Container]) -> None:
        self._backend = backend
        self._containers = {container.address: container for container in containers}

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        container = self._containers.get((host, port))
        if container is None:
            raise httpcore.ConnectError(f"{host}:{port} is none of the model's addresses")
        if container.ended:
            raise ConnectionRefusedError("the model has ended")
        stream = await self._backend.connect_tcp(host, port, *args, **kwargs)
        is_ours = False
        try:
            problem = "the model has ended"
            peer = peer_at(stream.get_extra_info("socket"))
            if peer is not None and not container.ended:
                problem = "the model has ended, and another user's process has its port"
                is_ours = await peer.takes_from_us()
        finally:
            if not is_ours:  # also where the run is interrupted meanwhile
                await stream.aclose()
        if not is_ours:
            raise ConnectionRefusedError(problem)
        return stream

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("the model has no such socket")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)
