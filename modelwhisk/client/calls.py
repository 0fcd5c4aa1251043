"""What a model's client does, as steps that the sync and the async one carry out alike."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import httpx

from modelwhisk.client import specification, swagger
from modelwhisk.client.answers import Answer, Reply
from modelwhisk.client.checking import Inputs, check
from modelwhisk.client.encoding import request
from modelwhisk.client.endpoint import Endpoint, resolve
from modelwhisk.client.errors import (
    ClientError,
    InputError,
    InterfaceError,
    ModelError,
    NoDescription,
    Unreachable,
    listed,
)
from modelwhisk.client.exchange import Ask, Policy, Steps, exchange
from modelwhisk.client.files import MOST_OF_A_FILE
from modelwhisk.client.interface import Interface
from modelwhisk.nested_json import loads
from modelwhisk.openwhisk import OpenWhisk, OpenWhiskError

_DESCRIPTIONS = ("/swagger.json", "/openapi.json")

Specification = Interface | str | Path | list[Any] | Mapping[str, Any]
State = Literal["ready", "busy", "starting", "failing", "missing", "unreachable"]


@dataclass(frozen=True)
class Status:
    """Whether a model can be called now, and what it says it is; `seconds` is how long it took to tell."""

    state: State
    message: str = ""
    seconds: float = 0.0
    title: str = ""
    version: str = ""

    @property
    def ready(self) -> bool:
        """Whether it answered as it should."""
        return self.state == "ready"


class Calls:
    """A model at a URL or of a name, whose interface is learnt at the first call that needs it."""

    def __init__(
        self,
        url_or_name: str,
        *,
        given: Specification | None = None,
        path: str | None = None,
        policy: Policy | None = None,
        headers: Mapping[str, str] | None = None,
        platform: OpenWhisk | None = None,
        limit: int | None = None,
    ) -> None:
        self.name = url_or_name
        self.policy = policy or Policy()
        self.limit = limit
        self._path = path
        self._headers = dict(headers or {})
        self._platform = platform
        self._endpoint: Endpoint | None = None
        self._interface = read_specification(given, path) if given is not None else None

    def with_policy(self, policy: Policy) -> Calls:
        """The same model, with what is known of it, under another policy."""
        other = copy.copy(self)
        other.policy = policy
        return other

    def ready(self) -> Steps[None]:
        """Learns all there is to know before the first call."""
        yield from self.endpoint()
        yield from self.interface()

    def endpoint(self) -> Steps[Endpoint]:
        """Where the model is."""
        if self._endpoint is None:
            found: Endpoint = yield Ask(partial(resolve, self.name, self._platform))
            if found.withheld and "authorization" not in map(str.lower, self._headers):
                raise ClientError(found.withheld)
            self._endpoint = replace(found, headers={**found.headers, **self._headers})
        return self._endpoint

    def interface(self) -> Steps[Interface]:
        """What the model takes; raises `InterfaceError` where it doesn't say."""
        if self._interface is None:
            self._interface = yield from self._learn()
        return self._interface

    def _learn(self) -> Steps[Interface]:
        endpoint = yield from self.endpoint()
        told = []
        for path in _DESCRIPTIONS:
            reply = yield from self._get(path, self.policy)
            if reply.ok and reply.is_json:
                return swagger.interface_of(reply.value(), self._path)
            told.append(f"{path} answered {reply.status} ({reply.message() if not reply.ok else reply.content_type})")
            if reply.status not in (200, 404, 405):
                break
        raise NoDescription(
            f"{endpoint.address} has no description of its inputs: {'; '.join(told)}. Give one with a specification."
        )

    def _get(self, path: str, policy: Policy) -> Steps[Reply]:
        endpoint = yield from self.endpoint()
        asked = httpx.Request("GET", endpoint.address + path, headers={"Accept": "*/*", **endpoint.headers})
        return (yield from exchange(asked, policy, endpoint.lookup))

    def prepared(self, values: Mapping[str, Any]) -> Steps[Inputs]:
        """The inputs, checked; raises `InputError` that names the field."""
        interface = yield from self.interface()
        known = self._endpoint.limit if self._endpoint is not None else None
        return check(interface, values, self.limit or known or MOST_OF_A_FILE)

    def request(self, inputs: Inputs) -> Steps[httpx.Request]:
        """The request that carries checked inputs; raises `TooLarge`."""
        endpoint = yield from self.endpoint()
        interface = yield from self.interface()
        return request(interface, endpoint.address, inputs, endpoint.headers, self.limit or endpoint.limit)

    def reply(self, values: Mapping[str, Any]) -> Steps[Reply]:
        """The model's reply to `values`, whatever its status."""
        inputs = yield from self.prepared(values)
        asked = yield from self.request(inputs)
        return (yield from self.send(asked))

    def send(self, asked: httpx.Request) -> Steps[Reply]:
        """The reply to a request that is ready."""
        endpoint = yield from self.endpoint()
        return (yield from exchange(asked, self.policy, endpoint.lookup))

    def answer(self, values: Mapping[str, Any]) -> Steps[Answer]:
        """The model's answer; raises `ModelError` for a failure."""
        reply = yield from self.reply(values)
        return reply.checked()

    def status(self) -> Steps[Status]:
        """Whether the model can be called now; raises nothing for one that can't."""
        policy = Policy(attempts=1, patience=0, polling=0)
        try:
            reply = yield from self._get(_DESCRIPTIONS[0], policy)
        except Unreachable as problem:
            return Status("unreachable", str(problem))
        except ModelError as problem:
            return Status("starting", problem.message)
        except ClientError as problem:
            return Status("missing", str(problem))
        except OpenWhiskError as problem:
            return Status("unreachable" if problem.status is None else "failing", str(problem))
        return _status_of(reply)

    def one(self, item: Any) -> Steps[dict[str, Any]]:
        """The inputs by name that an item of an iterable is: a mapping, or the value of the sole input."""
        if isinstance(item, Mapping):
            return dict(item)
        interface = yield from self.interface()
        sole = interface.sole_input
        if sole is None:
            names = listed(interface.inputs)
            raise InputError("item", f"is no dict, and the model has no input that alone is needed: {names}")
        if sole.kind == "array" and isinstance(item, str):  # one text of a list of texts
            return {sole.name: [item]}
        return {sole.name: item}


def _status_of(reply: Reply) -> Status:
    seconds = reply.seconds
    if reply.status == 429:
        return Status("busy", reply.message(), seconds)
    if reply.status == 404 and (reply.activation is None and "resource does not exist" in reply.message()):
        return Status("missing", reply.message(), seconds)
    if reply.status == 404 or not reply.is_json:  # it answers, and has no description
        return Status("ready" if reply.status < 500 else "failing", reply.message(), seconds)
    if not reply.ok:
        return Status("failing", reply.message(), seconds)
    try:
        document = reply.value()
    except ModelError as problem:
        return Status("failing", problem.message, seconds)
    information = document.get("info") if isinstance(document, Mapping) else None
    told = [information.get(name) if isinstance(information, Mapping) else "" for name in ("title", "version")]
    return Status("ready", "", seconds, *(text if isinstance(text, str) else "" for text in told))


def read_specification(given: Specification, path: str | None = None) -> Interface:
    """The interface in a specification: a file's path, its content, or an interface that is ready.

    Raises `InterfaceError`.
    """
    if isinstance(given, Interface):
        return replace(given, path=path) if path else given
    document: Any = given
    if isinstance(given, (str, Path)):
        try:
            document = loads(Path(given).read_text("utf-8"))
        except OSError as problem:
            raise InterfaceError(f"the specification {given} can't be read: {problem.strerror}") from problem
        except ValueError as problem:
            raise InterfaceError(f"the specification {given} is no JSON: {problem}") from problem
    if specification.is_specification(document):
        return specification.interface_of(document, path)
    return swagger.interface_of(document, path)
