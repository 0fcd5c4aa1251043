"""A model as a Python function: `Model(url_or_name)(image="x.jpg")`, and the same for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Literal

from modelwhisk.client.answers import Answer
from modelwhisk.client.calls import Calls, Specification, Status
from modelwhisk.client.errors import ClientError
from modelwhisk.client.exchange import EVERY_FAILURE, Policy
from modelwhisk.client.interface import Field, Interface
from modelwhisk.client.transport import READ_SECONDS, AsyncTransport, SyncTransport
from modelwhisk.openwhisk import OpenWhisk

# Many calls at once make a platform busy, and what is asked for is all of their answers.
_MAP_POLICY = Policy(attempts=6, statuses=EVERY_FAILURE, repeats=True, patience=600.0)
_JOBS = 8

Errors = Literal["raise", "return"]


def _policy(retry: bool) -> Policy:
    return Policy(repeats=retry)


class Model:
    """A model at the URL of its web action (or of any server that runs it), or of the name of an action.

    Called with its inputs by name it returns its answer: what JSON holds, `Binary` (bytes with `content_type` and
    `file_name`) or text. A file is a `Path`, an open file, bytes or a `PIL.Image.Image`. What it takes is learnt from
    its own Swagger or OpenAPI description, or from `specification`: a file, or its content, with fields as UbiOps has
    them. `path` chooses among the paths of a description.

    Before anything is sent, `InputError` names the field that is missing, unknown, of a wrong type or a file that isn't
    there; `TooLarge` the one that makes the request larger than `limit` bytes (by default a web action's 1 MiB, and
    no limit for other servers). A failure that was answered is a `ModelError`, none at all is `Unreachable`. `retry`
    allows a POST to be sent again after 502, 503, 504, a timeout or a broken connection, though the model may have
    run. `timeout` is in seconds.
    """

    def __init__(
        self,
        url_or_name: str,
        *,
        specification: Specification | None = None,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = False,
        timeout: float = READ_SECONDS,
        limit: int | None = None,
        platform: OpenWhisk | None = None,
    ) -> None:
        options: dict[str, Any] = {"given": specification, "path": path, "headers": headers, "platform": platform}
        self._calls = Calls(url_or_name, policy=_policy(retry), limit=limit, **options)
        self._transport = SyncTransport(seconds=timeout, verify=not (platform and platform.settings.insecure))

    def __call__(self, /, **inputs: Any) -> Answer:
        """The model's answer to `inputs`."""
        return self.call(inputs)

    def call(self, inputs: Mapping[str, Any]) -> Answer:
        """The same for inputs whose names are no Python names."""
        return self._transport.run(self._calls.answer(inputs))

    def map(
        self, items: Iterable[Any], *, jobs: int = _JOBS, ordered: bool = True, errors: Errors = "raise"
    ) -> Iterator[Answer]:
        """The answers to many inputs, `jobs` at a time, as they are taken; failures that may pass are tried again.

        An item is a mapping of inputs, or the value of the only one that is needed. `ordered` False gives answers as
        they come. A failure is raised in its place, or given there with `errors` "return".
        """
        self._transport.run(self._calls.ready())  # learnt once, not by each thread
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            running: deque[Future[Answer]] = deque()
            try:
                for item in items:
                    running.append(pool.submit(self._mapped, item))
                    if len(running) >= 2 * jobs:
                        yield _outcome(_next(running, ordered), errors)
                while running:
                    yield _outcome(_next(running, ordered), errors)
            finally:
                for future in running:
                    future.cancel()

    def _mapped(self, item: Any) -> Answer:
        inputs = self._transport.run(self._calls.one(item))
        return self._transport.run(self._calls.with_policy(_MAP_POLICY).answer(inputs))

    def status(self) -> Status:
        """Whether the model can be called now; it isn't waited for."""
        return self._transport.run(self._calls.status())

    @property
    def interface(self) -> Interface:
        """What the model takes and gives, learnt now if it isn't known yet."""
        return self._transport.run(self._calls.interface())

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The inputs' names, types and places."""
        return self.interface.inputs

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The outputs, as far as the model describes them."""
        return self.interface.outputs

    @property
    def url(self) -> str:
        """Where the model is."""
        return self._transport.run(self._calls.endpoint()).address

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._calls.name!r})"


class AsyncModel:
    """`Model` for asyncio: `await AsyncModel(url)(image="x.jpg")`, with the same options."""

    def __init__(
        self,
        url_or_name: str,
        *,
        specification: Specification | None = None,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = False,
        timeout: float = READ_SECONDS,
        limit: int | None = None,
        platform: OpenWhisk | None = None,
    ) -> None:
        options: dict[str, Any] = {"given": specification, "path": path, "headers": headers, "platform": platform}
        self._calls = Calls(url_or_name, policy=_policy(retry), limit=limit, **options)
        self._transport = AsyncTransport(seconds=timeout, verify=not (platform and platform.settings.insecure))

    async def __call__(self, /, **inputs: Any) -> Answer:
        """The model's answer to `inputs`."""
        return await self.call(inputs)

    async def call(self, inputs: Mapping[str, Any]) -> Answer:
        """The same for inputs whose names are no Python names."""
        return await self._transport.run(self._calls.answer(inputs))

    async def map(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        *,
        jobs: int = _JOBS,
        ordered: bool = True,
        errors: Errors = "raise",
    ) -> AsyncIterator[Answer]:
        """The answers to many inputs, as `Model.map` gives them."""
        await self._transport.run(self._calls.ready())
        free = asyncio.Semaphore(jobs)
        running: deque[asyncio.Task[Answer]] = deque()
        try:
            async for item in _asynchronous(items):
                await free.acquire()
                task = asyncio.create_task(self._mapped(item))
                task.add_done_callback(lambda _: free.release())
                running.append(task)
                if len(running) >= 2 * jobs:
                    yield _outcome(await _next_task(running, ordered), errors)
            while running:
                yield _outcome(await _next_task(running, ordered), errors)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _mapped(self, item: Any) -> Answer:
        inputs = await self._transport.run(self._calls.one(item))
        return await self._transport.run(self._calls.with_policy(_MAP_POLICY).answer(inputs))

    async def status(self) -> Status:
        """Whether the model can be called now; it isn't waited for."""
        return await self._transport.run(self._calls.status())

    async def interface(self) -> Interface:
        """What the model takes and gives, learnt now if it isn't known yet."""
        return await self._transport.run(self._calls.interface())

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncModel:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._calls.name!r})"


def _outcome(future: Future[Answer] | asyncio.Task[Answer], errors: Errors) -> Answer:
    problem = future.exception()
    if problem is None:
        return future.result()
    if errors == "return" and isinstance(problem, ClientError):
        return problem
    raise problem


def _next(running: deque[Future[Answer]], ordered: bool) -> Future[Answer]:
    """Takes the call whose answer is next out of those that run."""
    if ordered:
        future = running.popleft()
        futures.wait([future])
        return future
    done, _ = futures.wait(running, return_when=futures.FIRST_COMPLETED)
    future = next(item for item in running if item in done)
    running.remove(future)
    return future


async def _next_task(running: deque[asyncio.Task[Answer]], ordered: bool) -> asyncio.Task[Answer]:
    if ordered:
        task = running.popleft()
        await asyncio.wait([task])
        return task
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    task = next(item for item in running if item in done)
    running.remove(task)
    return task


async def _asynchronous(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
