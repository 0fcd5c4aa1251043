"""Connections of httpx whose answers must be whole in time: from the request's last byte to the answer's last.

httpx's own bound is for each read, so that of a head or a body that comes in a trickle would have no end, nor would
informational answers that follow each other for ever.
"""

from __future__ import annotations

from typing import Any

import httpcore
import httpx

from modelwhisk.answer_time import AnswerTime, WentOn

_PIECE = 64 * 1024  # bytes that are written at once: between two it is seen whether they are taken in time


def end_answers(client: httpx.Client | httpx.AsyncClient, seconds: float) -> None:
    """Makes `client` raise `httpx.ReadTimeout` for answers that take more than `seconds` in all."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            # httpx hands on no backend, and the pool that it makes is the only way to those of its proxies.
            sync_pool = transport._pool
            sync_pool._network_backend = _Backend(sync_pool._network_backend, seconds)
        elif isinstance(transport, httpx.AsyncHTTPTransport):
            pool = transport._pool
            pool._network_backend = _AsyncBackend(pool._network_backend, seconds)


class _Time:
    """The time of the answer that is awaited on a connection."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.asked()

    def asked(self) -> None:
        """A part of a request was sent."""
        self._time, self._began = AnswerTime(self._seconds), False

    def came(self) -> None:
        """A part of the answer was read."""
        self._began = True

    def for_read(self, timeout: float | None) -> float:
        """Seconds that a read may take."""
        try:
            left = self._time.left()
        except WentOn as problem:
            raise httpcore.ReadTimeout(str(problem)) from problem
        return left if timeout is None else min(left, timeout)

    def explained(self, problem: httpcore.ReadTimeout) -> httpcore.ReadTimeout:
        """What to raise where a read took too long: silence, or an answer that had begun."""
        return httpcore.ReadTimeout(str(WentOn())) if self._began else problem


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, seconds: float) -> None:
        self._backend, self._seconds = backend, seconds

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*args, **kwargs), self._seconds)

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(*args, **kwargs), self._seconds)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, seconds: float) -> None:
        self._stream, self._seconds, self._time = stream, seconds, _Time(seconds)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            part = self._stream.read(max_bytes, self._time.for_read(timeout))
        except httpcore.ReadTimeout as problem:
            raise self._time.explained(problem) from problem
        self._time.came()
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of it within `timeout`, as asyncio's: by itself each piece that is taken would have as long."""
        taken = AnswerTime(self._seconds if timeout is None else timeout)
        for start in range(0, len(buffer), _PIECE):
            try:
                left = taken.left()
            except WentOn as problem:
                raise httpcore.WriteTimeout("it takes the request too slowly") from problem
            self._stream.write(buffer[start : start + _PIECE], left)
        self._time.asked()

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*args, **kwargs), self._seconds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend, seconds: float) -> None:
        self._backend, self._seconds = backend, seconds

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._backend.connect_tcp(*args, **kwargs), self._seconds)

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._backend.connect_unix_socket(*args, **kwargs), self._seconds)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, seconds: float) -> None:
        self._stream, self._seconds, self._time = stream, seconds, _Time(seconds)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            part = await self._stream.read(max_bytes, self._time.for_read(timeout))
        except httpcore.ReadTimeout as problem:
            raise self._time.explained(problem) from problem
        self._time.came()
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)
        self._time.asked()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(await self._stream.start_tls(*args, **kwargs), self._seconds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
