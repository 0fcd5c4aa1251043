"""Carries out the steps of an exchange over real connections, blocking or with asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from modelwhisk.client.errors import ClientError
from modelwhisk.client.exchange import Ask, Send, Sent, Sleep, Step, Steps, T
from modelwhisk.client.in_time import end_answers
from modelwhisk.client.own_machine import keep_from_others
from modelwhisk.content_coding import ACCEPTED, Body, Undecodable
from modelwhisk.this_machine import is_this_machine

# The platform answers after 60 s at the latest, with a 202; a plain web server takes as long as the model does.
READ_SECONDS = 330.0
_CONNECT_SECONDS = 10.0

_MOST = 512 * 1024 * 1024  # bytes of an answer, which is kept in memory; the platform passes on 1 MiB

_OF_THE_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")

OnSleep = Callable[[Sleep], None]
Prepare = Callable[[httpx.AsyncClient], None]


def _ignore(sleep: Sleep) -> None:
    """Nobody is told of waiting."""


def _options(seconds: float, jobs: int, verify: bool) -> dict[str, Any]:
    return {
        # Waiting for a free connection has no limit, since that is how `jobs` is kept.
        "timeout": httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds), pool=None),
        "limits": httpx.Limits(max_connections=jobs, max_keepalive_connections=jobs),
        "verify": verify,
        # No request carries them, and those of each answer would be kept for as long as a client goes on.
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    }


class _Client(httpx.Client):
    """One that asks this machine by no proxy of the environment's; a pattern of httpx has not all of its names."""

    def _transport_for_url(self, url: httpx.URL) -> httpx.BaseTransport:
        return self._transport if is_this_machine(url.host) else super()._transport_for_url(url)


class _AsyncClient(httpx.AsyncClient):
    """The same for asyncio."""

    def _transport_for_url(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        return self._transport if is_this_machine(url.host) else super()._transport_for_url(url)


@contextlib.contextmanager
def _proxies_of_the_environment() -> Iterator[None]:
    """Raises `ClientError` for one that httpx can't use; without its words, which may have the proxy's password."""
    problem = "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names can't be used"
    try:
        yield
    except ImportError as cause:
        raise ClientError(f"{problem}: SOCKS takes `pip install 'httpx[socks]'`") from cause
    except (httpx.InvalidURL, ValueError) as cause:
        raise ClientError(f"{problem}: it is no http://[USER:PASSWORD@]HOST:PORT") from cause


class SyncTransport:
    """Blocks; may be used from several threads. `seconds` is how long an answer may take.

    Raises `ClientError` where the environment's proxy can't be used.
    """

    def __init__(
        self, *, seconds: float = READ_SECONDS, jobs: int = 100, verify: bool = True, on_sleep: OnSleep = _ignore
    ) -> None:
        self._on_sleep = on_sleep
        with _proxies_of_the_environment():
            self._http = _Client(**_options(seconds, jobs, verify))
        end_answers(self._http, seconds)
        keep_from_others(self._http)
        # One line of Python is a whole program here: what isn't closed is closed with its owner.
        self._finalizer = weakref.finalize(self, self._http.close)

    def close(self) -> None:
        """Closes the connections."""
        self._finalizer()

    def run(self, steps: Steps[T]) -> T:
        """What the steps lead to; raises what they raise."""
        try:
            step = next(steps)
            while True:
                try:
                    came = self._carry_out(step)
                except Exception as problem:  # what a function raises is for whoever asked
                    step = steps.throw(problem)
                else:
                    step = steps.send(came)
                    del came  # an answer, for which another may be waited for
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _carry_out(self, step: Step) -> Any:
        if isinstance(step, Send):
            start = time.perf_counter()
            try:
                return Sent(self._sent(step.request), None, time.perf_counter() - start)
            except httpx.RequestError as failure:
                return Sent(None, failure, time.perf_counter() - start)
        if isinstance(step, Ask):
            return step.function()
        self._on_sleep(step)
        time.sleep(step.seconds)
        return None

    def _sent(self, request: httpx.Request) -> httpx.Response:
        response = self._http.send(_with_coding(request), stream=True)
        with _decoding(response):
            try:
                body = Body(response.headers.get("content-encoding", ""), _MOST)
                for piece in response.iter_raw():
                    body.add(piece)
            finally:
                response.close()
            return _whole(response, body.whole())


class AsyncTransport:
    """The same for asyncio; what blocks is done in threads. `prepare` decides which connections may be made."""

    def __init__(
        self,
        *,
        seconds: float = READ_SECONDS,
        jobs: int = 100,
        verify: bool = True,
        on_sleep: OnSleep = _ignore,
        prepare: Prepare = keep_from_others,
    ) -> None:
        self._on_sleep = on_sleep
        with _proxies_of_the_environment():
            self._http = _AsyncClient(**_options(seconds, jobs, verify))
        end_answers(self._http, seconds)
        prepare(self._http)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def run(self, steps: Steps[T]) -> T:
        """What the steps lead to; raises what they raise."""
        try:
            step = next(steps)
            while True:
                try:
                    came = await self._carry_out(step)
                except Exception as problem:  # what a function raises is for whoever asked
                    step = steps.throw(problem)
                else:
                    step = steps.send(came)
                    del came  # an answer, for which another may be waited for
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def _carry_out(self, step: Step) -> Any:
        if isinstance(step, Send):
            start = time.perf_counter()
            try:
                return Sent(await self._sent(step.request), None, time.perf_counter() - start)
            except httpx.RequestError as failure:
                return Sent(None, failure, time.perf_counter() - start)
        if isinstance(step, Ask):
            return await asyncio.to_thread(step.function)
        self._on_sleep(step)
        await asyncio.sleep(step.seconds)
        return None

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        response = await self._http.send(_with_coding(request), stream=True)
        with _decoding(response):
            try:
                body = Body(response.headers.get("content-encoding", ""), _MOST)
                async for piece in response.aiter_raw():
                    body.add(piece)
            finally:
                await response.aclose()
            # From here on nothing waits, so that no other answer is large at the same time, until who asked has it.
            return _whole(response, body.whole())


def _with_coding(request: httpx.Request) -> httpx.Request:
    """The request with what it takes; an answer that the platform passes on only when it is compressed comes so."""
    request.headers.setdefault("Accept-Encoding", ACCEPTED)
    return request


@contextlib.contextmanager
def _decoding(response: httpx.Response) -> Iterator[None]:
    try:
        yield
    except Undecodable as problem:
        raise httpx.DecodingError(str(problem), request=response.request) from problem


def _whole(response: httpx.Response, body: bytes) -> httpx.Response:
    headers = httpx.Headers([pair for pair in response.headers.multi_items() if pair[0] not in _OF_THE_TRANSFER])
    return httpx.Response(response.status_code, headers=headers, content=body, request=response.request)
