"""The local platform as a whole: actions behind a port, for the command line and for tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from modelwhisk.local import local_hosts, messages
from modelwhisk.local.actions import Action
from modelwhisk.local.activations import Activations
from modelwhisk.local.catalogue import Catalogue, image_of
from modelwhisk.local.connections import Connections
from modelwhisk.local.containers import ContainerFactory
from modelwhisk.local.credentials import GUEST_KEY, caller_of
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, plain
from modelwhisk.local.images import Images
from modelwhisk.local.invoker import Activation, Invoker
from modelwhisk.local.limits import PlatformLimits
from modelwhisk.local.names import EntityId
from modelwhisk.local.pool import Pool
from modelwhisk.local.rest_activations import Ask
from modelwhisk.local.rest_api import RestApi
from modelwhisk.local.store import Store
from modelwhisk.local.throttle import Throttle
from modelwhisk.local.uri import parse_target
from modelwhisk.local.web_actions import Invocation, route
from modelwhisk.peer import Peer, peer_of

_log = logging.getLogger(__name__)

T = TypeVar("T")

_ID_CHARACTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Exchange:
    """One request that the platform answered; `activation` is None where it did so by itself."""

    request: HttpRequest
    status: int
    milliseconds: float
    activation: Activation | None


class LocalPlatform:
    """Serves actions on a port of this machine: `async with LocalPlatform([Action(…)]) as platform: … platform.url`.

    `port` 0 picks a free one. `credentials` has the namespace of each `user:password`; without any, the REST API
    answers nobody. `images` runs the images of these names, docker all others; `data` is the folder that keeps
    everything, which is else lost with the platform. `max_containers` bounds the containers of all actions together;
    `idle_pause` is the time in seconds after which an idle one is paused; `blocking_wait` that after which a client
    gets 202. `on_exchange` is told of each answered request, `on_activation` then of its activation once that has
    ended and its logs are there. OSError where the port is taken, `StoreProblem` where the data can't be used.
    """

    def __init__(
        self,
        actions: Iterable[Action] = (),
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        credentials: Mapping[str, str] | None = None,
        images: Mapping[str, ContainerFactory] | None = None,
        data: Path | None = None,
        limits: PlatformLimits | None = None,
        max_containers: int = 4,
        idle_pause: float = 10.0,
        blocking_wait: float = 60.0,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
        on_activation: Callable[[Activation], None] = lambda activation: None,
    ) -> None:
        self._offered = list(actions)
        self._bind = bind
        self._port = port
        self._credentials = dict(credentials or {})
        self._images = Images(images)
        for action in self._offered:
            self._images.add(image_of(action), action.containers)
        self._data = data
        self._limits = limits or PlatformLimits()
        self._pool = Pool(max_containers, idle_pause)
        self._throttle = Throttle(self._limits)
        self._connections = Connections()
        self._blocking_wait = blocking_wait
        self._on_exchange = on_exchange
        self._on_activation = on_activation
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unanswered: dict[str, Activation | None] = {}  # by id; those that have ended already
        self._running: _Running | None = None

    async def __aenter__(self) -> LocalPlatform:
        try:
            server = await asyncio.start_server(self._connected, self._bind, self._port)
        except BaseException:
            self._images.close()
            raise
        try:
            store = Store(self._data)
        except BaseException:
            server.close()
            self._images.close()
            raise
        self._port = server.sockets[0].getsockname()[1]
        catalogue = Catalogue(store, self._images, self._retire)
        for action in self._offered:
            catalogue.offer(action)
        activations = Activations(
            catalogue,
            self._throttle,
            self._ended,
            self._new_invoker,
            sequence_length=self._limits.sequence_length,
        )
        rest = RestApi(
            catalogue=catalogue,
            activations=activations,
            throttle=self._throttle,
            limits=self._limits,
            credentials=self._credentials,
            bind=self._bind,
            wait=self._blocking_wait,
        )
        self._running = _Running(server, store, catalogue, activations, rest)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = self._parts
        running.server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await running.activations.close()
        self._images.close()
        running.store.close()

    @property
    def url(self) -> str:
        """The platform's address, without a path."""
        host = f"[{self._bind}]" if ":" in self._bind else self._bind
        return f"http://{host}:{self._port}"

    def url_of(self, action: Action) -> str:
        """The public address of a web action."""
        return self.url + action.web_path

    async def answer(self, request: HttpRequest, peer: Peer | None = None) -> HttpResponse:
        """The response to `request`, which may take an activation; `peer` sent it, None stands for this process."""
        start = asyncio.get_running_loop().time()
        transaction = request.header("x-request-id") or _transaction_id()
        started: list[Activation] = []

        def on_start(activation: Activation) -> None:
            started.append(activation)
            self._unanswered[activation.id] = None

        try:
            response = await self._answer(request, peer, transaction, on_start)
        except Exception:
            # What the platform's HTTP library does where its application fails: the client has an answer, others go on.
            path = request.target.partition("?")[0]
            _log.exception("a request failed in the platform itself: %s %s", request.method, path)
            response = plain(500, messages.INTERNAL_ERROR)
        elapsed = (asyncio.get_running_loop().time() - start) * 1000
        _tell(self._on_exchange, Exchange(request, response.status, elapsed, started[0] if started else None))
        for activation in started:
            if (ended := self._unanswered.pop(activation.id)) is not None:
                _tell(self._on_activation, ended)
        return response

    def _ended(self, activation: Activation) -> None:
        """Passes on that an activation has ended, but never before its exchange."""
        if activation.id in self._unanswered:
            self._unanswered[activation.id] = activation
        else:
            _tell(self._on_activation, activation)

    async def restart(self, factory: ContainerFactory) -> None:
        """Has new containers of `factory` made, for instance because what they run has changed."""
        await self._pool.retire(lambda action: action.containers is factory)

    async def _answer(
        self, request: HttpRequest, peer: Peer | None, transaction: str, on_start: Callable[[Activation], None]
    ) -> HttpResponse:
        running = self._parts
        target = parse_target(request.target)
        if running.rest.takes(request, target):
            return await running.rest.answer(Ask(request, target, transaction, on_start, peer))
        lookup = running.catalogue.web_action
        credentials = await self._web_credentials(request, peer)
        routed = route(request, lookup, credentials, transaction, self._throttle.refusal)
        return await self._invoked(routed, on_start) if isinstance(routed, Invocation) else routed

    async def _web_credentials(self, request: HttpRequest, peer: Peer | None) -> Mapping[str, str]:
        """What counts for a web call: the key that everybody knows only with whom the REST API takes it from, too."""
        if caller_of(request, {GUEST_KEY: ""}).namespace is None:
            return self._credentials
        if local_hosts.is_own(request, self._bind) and (peer is None or not await peer.is_another_user()):
            return self._credentials
        return {key: namespace for key, namespace in self._credentials.items() if key != GUEST_KEY}

    async def _invoked(self, invocation: Invocation, on_start: Callable[[Activation], None]) -> HttpResponse:
        activation = Activation(invocation.action, invocation.transaction)
        on_start(activation)
        running = self._parts.activations.start(activation, invocation.value)
        # Only waited for: the action goes on when its client has gone, or waited long enough.
        await asyncio.wait({running}, timeout=self._blocking_wait)
        if not running.done():
            return invocation.not_ready(activation.id)
        if (problem := running.exception()) is not None:
            _log.error("an activation of %s failed in the platform itself", activation.action.path, exc_info=problem)
            return plain(500, messages.INTERNAL_ERROR)
        return invocation.complete(running.result(), activation.id)

    def _new_invoker(self, on_end: Callable[[Activation], None]) -> Invoker:
        keys = {namespace: key for key, namespace in self._credentials.items()}
        return Invoker(self._pool, self.url, on_end, keys)

    def _retire(self, changed: EntityId) -> None:
        """Removes the containers of what an action was before it was changed, or of all in a deleted package."""
        self._keep(asyncio.ensure_future(self._pool.retire(lambda action: action.path == f"/{changed.qualified}")))

    @property
    def _parts(self) -> _Running:
        assert self._running is not None, "the platform has not been entered"
        return self._running

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._keep(task)
        # Before Python 3.12, asyncio complains about a connection's task that ends cancelled.
        with contextlib.suppress(asyncio.CancelledError):
            await self._connections.serve(reader, writer, partial(self.answer, peer=peer_of(writer)))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass(frozen=True)
class _Running:
    """What a platform has while it serves."""

    server: asyncio.Server
    store: Store
    catalogue: Catalogue
    activations: Activations
    rest: RestApi


def _tell(listener: Callable[[T], None], what: T) -> None:
    """Passes on what has happened; a listener that fails, as one may that writes to a full disk, costs no answer."""
    try:
        listener(what)
    except Exception:
        _log.exception("what has happened could not be passed on")


def _transaction_id() -> str:
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(32))
