"""One input in, one vector out: from copies of the model on this machine, from a deployed action, or without either."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
from numpy.typing import NDArray

from modelwhisk import adapter
from modelwhisk.client.answers import Reply
from modelwhisk.client.calls import Calls
from modelwhisk.client.encoding import url_below
from modelwhisk.client.endpoint import Endpoint
from modelwhisk.client.errors import ClientError, InputError, ModelError, NoDescription, listed
from modelwhisk.client.exchange import EVERY_FAILURE, Policy, Steps
from modelwhisk.client.files import MOST_OF_A_FILE, file_part
from modelwhisk.client.interface import Interface
from modelwhisk.client.own_machine import keep_from_others
from modelwhisk.client.transport import AsyncTransport, Prepare
from modelwhisk.drift.inputs import SOLE, Given, Pixels, plain
from modelwhisk.drift.local_model import LocalModel, Running
from modelwhisk.map.inputs import Row

Numbers = NDArray[Any]

VECTOR_HEADER, ERROR_HEADER = "model-embedding", "model-embedding-error"
_FIELD = "image"  # of a form with a file for a model that doesn't say what it takes


class NoVector(Exception):
    """An input has no vector; the text says why."""


class Embedder(Protocol):
    """Gives vectors. `declaration` has, once there was one, what was found (as the name of a layer)."""

    declaration: dict[str, Any]

    async def vector(self, given: Given) -> Numbers:
        """The vector of an input, finite float32; raises `NoVector`."""
        ...


@dataclass(frozen=True)
class Asking:
    """How a model is asked: `field` names the input of a file or bare value, `path` what predicts, `specification` a
    file with its inputs, each where the model doesn't say it itself. `timeout` is in seconds."""

    field: str | None = None
    path: str | None = None
    specification: str | None = None
    timeout: float = 330.0


@contextlib.asynccontextmanager
async def of_local(
    model: LocalModel, declaration: Mapping[str, Any], asking: Asking, jobs: int
) -> AsyncIterator[Embedder]:
    """Embeddings by `jobs` copies of a model on this machine; raises `NoModel`."""
    async with model.running(declaration, jobs) as running, _asked_of(running, asking) as askers:
        yield _FromHeader(askers, dict(declaration), running)


@contextlib.asynccontextmanager
async def of_deployed(name: str, declaration: Mapping[str, Any], asking: Asking, jobs: int) -> AsyncIterator[Embedder]:
    """Embeddings from the answers of a deployed action, `jobs` at a time."""
    async with _asked([name], asking, jobs) as askers:
        yield _FromAnswer(askers[0], dict(declaration), jobs)


async def ask_once(model: str | Running, asking: Asking, given: Given) -> Any:
    """The answer to one input of the model at an address, or of the first copy that runs; raises `NoVector` where it
    has none."""
    async with _asked([model], asking, 1) if isinstance(model, str) else _asked_of(model, asking) as askers:
        reply = await askers[0].reply(given)
    return reply.value()


class OfPictures:
    """The general embedding of pictures, which needs no model: made here by the adapter's code."""

    def __init__(self, declaration: Mapping[str, Any]) -> None:
        self.declaration = dict(declaration)
        self._picture = adapter.part("drift.picture")

    async def vector(self, given: Given) -> Numbers:
        """The vector of a picture file."""
        if given.file is None:
            raise NoVector("it is no file, and so no picture")
        return await asyncio.to_thread(self._of_file, given)

    def _of_file(self, given: Given) -> Numbers:
        try:
            return _checked(self._picture.embedding(given.content()))
        except (OSError, self._picture.NoPicture) as problem:
            raise NoVector(str(problem)) from problem


def _asked_of(running: Running, asking: Asking) -> contextlib.AbstractAsyncContextManager[list[Asker]]:
    return _asked(running.addresses, asking, 1, running.keep_to)


@contextlib.asynccontextmanager
async def _asked(
    addresses: Sequence[str], asking: Asking, jobs: int, prepare: Prepare = keep_from_others
) -> AsyncIterator[list[Asker]]:
    transport = AsyncTransport(seconds=asking.timeout, jobs=jobs * len(addresses), prepare=prepare)
    try:
        yield [Asker(address, asking, transport) for address in addresses]
    finally:
        await transport.close()


class Asker:
    """Sends inputs to the model at one address, as its description says, or in the plainest way that there is."""

    def __init__(self, address: str, asking: Asking, transport: AsyncTransport) -> None:
        policy = Policy(attempts=4, statuses=EVERY_FAILURE - {500}, repeats=True, patience=600.0)
        self._calls = Calls(address, given=asking.specification, path=asking.path, policy=policy)
        self._asking = asking
        self._transport = transport
        self._is_described: bool | None = None
        self._takes_tensors = False

    async def reply(self, given: Given) -> Reply:
        """The model's answer to an input; raises `NoVector` where it is none of a success."""
        try:
            reply = await self._transport.run(self._steps(given))
        except (ClientError, ModelError, OSError, ValueError) as problem:  # of NaN, say, which no JSON has
            raise NoVector(str(problem)) from problem
        if not reply.ok:
            raise NoVector(f"{reply.status}: {reply.message()}")
        return reply

    def _steps(self, given: Given) -> Steps[Reply]:
        if self._is_described is None:
            self._is_described = yield from self._learn()
        if self._is_described:
            interface = yield from self._calls.interface()
            return (yield from self._calls.reply(by_field(given, interface, self._asking.field)))
        endpoint = yield from self._calls.endpoint()
        return (yield from self._calls.send(self._plain_request(given, endpoint)))

    def _learn(self) -> Steps[bool]:
        """Whether the model describes what it takes; one of tensors says at least that."""
        try:
            yield from self._calls.interface()
        except NoDescription:
            endpoint = yield from self._calls.endpoint()
            asked = httpx.Request("GET", endpoint.address + "/", headers={"Accept": "*/*", **endpoint.headers})
            told = yield from self._calls.send(asked)
            described = told.value() if told.ok and told.is_json else None
            self._takes_tensors = isinstance(described, dict) and "platform" in described
            return False
        return True

    def _plain_request(self, given: Given, endpoint: Endpoint) -> httpx.Request:
        headers = {"Accept": "*/*", **endpoint.headers}
        url = url_below(endpoint.address, self._asking.path or "/")
        if given.file is not None:
            part = file_part(given.name, given.file, MOST_OF_A_FILE)
            texts = {name: str(value) for name, value in given.values.items() if value is not given.file}
            files = {self._asking.field or _FIELD: (part.name, part.content, part.media_type)}
            built = httpx.Request("POST", url, files=files, data=texts, headers=headers)
        else:
            body = plain(given.values)
            if self._takes_tensors and not (isinstance(body, dict) and "inputs" in body):
                one = {name: [value] for name, value in body.items()} if isinstance(body, dict) else [body]
                body = {"inputs": one}
            built = httpx.Request("POST", url, json=body, headers=headers)
        built.read()
        return built


def by_field(given: Given, interface: Interface, field: str | None) -> dict[str, Any]:
    """An input's values by the names that the model has for them, of its types. Raises `InputError`."""
    values = dict(given.values)
    if SOLE in values:
        value = values.pop(SOLE)
        name = field or _field_for(value, interface)
        wanted = interface.input(name)
        values[name] = [value] if wanted and wanted.kind == "array" and isinstance(value, str) else value
    return Row(values, given.name).typed(interface)


def _field_for(value: Any, interface: Interface) -> str:
    fields = [one for one in interface.inputs if one.kind == "file"] if isinstance(value, (Path, Pixels)) else []
    chosen = fields[0] if len(fields) == 1 else interface.sole_input
    if chosen is None:
        raise InputError("input", f"say with --field which one it is for; the model's: {listed(interface.inputs)}")
    return chosen.name


class _FromHeader:
    """Of answers that carry their embedding."""

    def __init__(self, askers: Sequence[Asker], declaration: dict[str, Any], running: Running) -> None:
        self.declaration = declaration
        self._running = running
        self._free: asyncio.Queue[Asker] = asyncio.Queue()
        for asker in askers:
            self._free.put_nowait(asker)

    async def vector(self, given: Given) -> Numbers:
        """The vector in the header of the model's answer."""
        asker = await self._free.get()
        try:
            reply = await asker.reply(given)
        finally:
            self._free.put_nowait(asker)
        layer = self._running.layer_said()
        if layer is not None and self.declaration.get("layer", "") is None:
            self.declaration["layer"] = layer
        return vector_in(reply)


def vector_in(reply: Reply) -> Numbers:
    """The vector that an answer of the adapter carries; raises `NoVector`."""
    if ERROR_HEADER in reply.headers:
        raise NoVector(reply.headers[ERROR_HEADER])
    if VECTOR_HEADER not in reply.headers:
        raise NoVector("the answer carries no embedding: is the image wrapped by this release (build.sh)?")
    try:
        content = base64.b64decode(reply.headers[VECTOR_HEADER], validate=True)
        return _checked(np.frombuffer(content, "<f4"))
    except (binascii.Error, ValueError) as problem:
        raise NoVector(f"the embedding in the answer is malformed: {problem}") from problem


class _FromAnswer:
    """Of a vector in the answers of a deployed action."""

    def __init__(self, asker: Asker, declaration: dict[str, Any], jobs: int) -> None:
        self.declaration = declaration
        self._asker = asker
        self._turns = asyncio.Semaphore(jobs)
        self._pointer = adapter.part("drift.pointer")

    async def vector(self, given: Given) -> Numbers:
        """The vector to which the pointer leads."""
        async with self._turns:
            reply = await self._asker.reply(given)
        try:
            value = reply.value()
            return _checked(self._pointer.vector_at(value, self.declaration["pointer"], self.declaration["by"]))
        except (ModelError, self._pointer.NotThere) as problem:
            raise NoVector(str(problem)) from problem
        except (OverflowError, RecursionError) as problem:  # numbers of hundreds of digits, rows within each other
            raise NoVector(f"what {self.declaration['pointer']} leads to is no vector: {problem}") from problem


def _checked(vector: Any) -> Numbers:
    """The vector as float32; raises `NoVector` for one that is none or has numbers that are none."""
    numbers = np.asarray(vector, np.float32)
    if numbers.ndim != 1 or not len(numbers):
        raise NoVector(f"its embedding has the shape {numbers.shape} instead of a row of numbers")
    if not np.isfinite(numbers).all():
        raise NoVector("its embedding has numbers that are infinite or none (NaN)")
    return numbers
