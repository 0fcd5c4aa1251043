"""The local platform as a whole: actions behind a port, for the command line and for tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from modelwhisk.local import messages
from modelwhisk.local.actions import Action
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, plain
from modelwhisk.local.invoker import Activation, Invoker
from modelwhisk.local.pool import Pool
from modelwhisk.local.server import Connection
from modelwhisk.local.web_actions import Invocation, route

_log = logging.getLogger(__name__)

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

    `port` 0 picks a free one. `credentials` has the namespace of each `user:password`; `max_containers` bounds the
    containers of all actions together; `idle_pause` is the time in seconds after which an idle one is paused;
    `blocking_wait` that after which a client gets 202. `on_exchange` is told of each answered request, `on_activation`
    then of its activation once that has ended and its logs are there. OSError where the port is taken.
    """

    def __init__(
        self,
        actions: Iterable[Action] = (),
        *,
        bind: str = "127.0.0.1",
        port: int = 0,
        credentials: Mapping[str, str] | None = None,
        max_containers: int = 4,
        idle_pause: float = 10.0,
        blocking_wait: float = 60.0,
        on_exchange: Callable[[Exchange], None] = lambda exchange: None,
        on_activation: Callable[[Activation], None] = lambda activation: None,
    ) -> None:
        self.actions: dict[tuple[str, str, str], Action] = {action.key: action for action in actions}
        self._bind = bind
        self._port = port
        self._credentials = dict(credentials or {})
        self._pool = Pool(max_containers, idle_pause)
        self._blocking_wait = blocking_wait
        self._on_exchange = on_exchange
        self._on_activation = on_activation
        self._invoker: Invoker | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unanswered: dict[str, Activation | None] = {}  # by id; those that have ended already

    async def __aenter__(self) -> LocalPlatform:
        self._server = await asyncio.start_server(self._connected, self._bind, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self._invoker = Invoker(self._pool, self.url, self._ended, next(iter(self._credentials), None))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._invoker is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._invoker.close()
        for action in self.actions.values():
            action.containers.close()

    @property
    def url(self) -> str:
        """The platform's address, without a path."""
        host = f"[{self._bind}]" if ":" in self._bind else self._bind
        return f"http://{host}:{self._port}"

    def url_of(self, action: Action) -> str:
        """The public address of a web action."""
        return self.url + action.web_path

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """The response to `request`, which may take an activation."""
        start = asyncio.get_running_loop().time()
        transaction = request.header("x-request-id") or _transaction_id()
        routed = route(request, self._lookup, self._credentials, transaction)
        activation = None
        if isinstance(routed, Invocation):
            activation = Activation(routed.action, transaction)
            self._unanswered[activation.id] = None
            routed = await self._invoked(routed, activation)
        elapsed = (asyncio.get_running_loop().time() - start) * 1000
        self._on_exchange(Exchange(request, routed.status, elapsed, activation))
        if activation is not None and (ended := self._unanswered.pop(activation.id)) is not None:
            self._on_activation(ended)
        return routed

    def _ended(self, activation: Activation) -> None:
        """Passes on that an activation has ended, but never before its exchange."""
        if activation.id in self._unanswered:
            self._unanswered[activation.id] = activation
        else:
            self._on_activation(activation)

    async def _invoked(self, invocation: Invocation, activation: Activation) -> HttpResponse:
        assert self._invoker is not None
        value = {**invocation.action.parameters, **invocation.value}
        running = asyncio.ensure_future(self._invoker.invoke(activation, value))
        self._keep(running)
        # Shielded: the action goes on when its client has gone, or waited long enough.
        done, _ = await asyncio.wait({running}, timeout=self._blocking_wait)
        if not done:
            return invocation.not_ready(activation.id)
        if (problem := running.exception()) is not None:
            _log.error("an activation of %s failed in the platform itself", activation.action.path, exc_info=problem)
            return plain(500, messages.INTERNAL_ERROR)
        return invocation.complete(running.result(), activation.id)

    def _lookup(self, namespace: str, package: str, name: str) -> Action | None:
        return self.actions.get((namespace, package, name))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._keep(task)
        # Before Python 3.12, asyncio complains about a connection's task that ends cancelled.
        with contextlib.suppress(asyncio.CancelledError):
            await Connection(reader, writer, self.answer).serve()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _transaction_id() -> str:
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(32))
