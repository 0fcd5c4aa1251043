"""Connections of httpx over which nothing goes to another user of this machine.

Whoever comes first serves on a port of the loopback, also on that of a platform or a model that doesn't run just now:
they would get key and inputs, and answer in its name. It is looked at once a connection is there, before anything is
sent on it; from then on it stays theirs who took it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpcore
import httpx

from modelwhisk.client.errors import Unreachable
from modelwhisk.peer import AnotherUsers, peer_at


def keep_from_others(client: httpx.Client | httpx.AsyncClient) -> None:
    """Makes `client` raise `Unreachable` where such a process takes a connection that goes by no proxy. It is no error
    of httpx's: after one of those the same would be tried again.
    """
    if isinstance(client._transport, httpx.HTTPTransport):  # httpx hands on no backend
        sync_pool = client._transport._pool
        sync_pool._network_backend = _Backend(sync_pool._network_backend)
    elif isinstance(client._transport, httpx.AsyncHTTPTransport):
        pool = client._transport._pool
        pool._network_backend = _AsyncBackend(pool._network_backend)


def _refuse_others(stream: httpcore.NetworkStream | httpcore.AsyncNetworkStream) -> None:
    peer = peer_at(stream.get_extra_info("socket"))
    try:
        if peer is not None:
            peer.refuse_others()
    except AnotherUsers as problem:
        raise Unreachable(str(problem)) from problem


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(*args, **kwargs)
        try:
            _refuse_others(stream)
        except BaseException:
            stream.close()
            raise
        return stream

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return self._backend.connect_unix_socket(*args, **kwargs)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        stream = await self._backend.connect_tcp(*args, **kwargs)
        try:
            await asyncio.to_thread(_refuse_others, stream)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return await self._backend.connect_unix_socket(*args, **kwargs)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)
