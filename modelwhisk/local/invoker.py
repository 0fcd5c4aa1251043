"""Runs activations in containers: `/init` once, one `/run` each, and what the platform makes of the replies.

Source: core/invoker/.../containerpool/ContainerProxy.scala and common/scala/.../containerpool/Container.scala; the
contract, A2 to A10.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelwhisk.local import messages, spray_json
from modelwhisk.local.actions import Action
from modelwhisk.local.container_client import Call, post
from modelwhisk.local.containers import Container, StartFailed
from modelwhisk.local.logs import LogLine
from modelwhisk.local.outcome import ContainerReply, Failure, Outcome, developer_error, of_init, of_run, whisk_error
from modelwhisk.local.pool import Pool, PooledContainer
from modelwhisk.local.spray_json import Json

_STANDARD_TIME = 60.0  # seconds; an action's limit by default
_TIME_ADDED = 60.0
_LOG_PATIENCE = 1.0  # seconds that a container's markers are waited for, after the reply has gone out


@dataclass
class Activation:
    """One run of an action; times are in milliseconds, `outcome` is None until there is one, if there ever is.

    `start` is when it was asked for, `started` when a container began with it. `environment` has the parameters for
    `/init`. `cause` is the activation of the sequence that it is part of, `parts` are those of a sequence; `binding` is
    the path of the package binding through which it was asked for.
    """

    action: Action
    transaction: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    start: float = field(default_factory=lambda: time.time() * 1000)
    environment: Mapping[str, Json] = field(default_factory=dict)
    cause: str | None = None
    parts: list[str] = field(default_factory=list)
    binding: str | None = None
    container: str = ""
    started: int = 0
    ended: int = 0
    init_time: float | None = None
    run_time: float | None = None
    outcome: Outcome | None = None
    logs: list[LogLine] = field(default_factory=list)


class _Elsewhere(Exception):
    """The container can't take the activation, another one shall."""


class _NeverAnswered(Exception):
    """The platform loses the activation: no record, no answer (the contract, A8). A sequence of which it is fails."""


class Invoker:
    """Runs activations; `on_end` is told of each when its logs are there, which is after the caller has its outcome."""

    def __init__(
        self,
        pool: Pool,
        api_host: str,
        on_end: Callable[[Activation], None],
        api_keys: Mapping[str, str] | None = None,
    ) -> None:
        self._pool = pool
        self._api_host = api_host
        self._on_end = on_end
        self._api_keys = dict(api_keys or {})
        self._collecting: set[asyncio.Task[None]] = set()

    async def invoke(self, activation: Activation, value: Json) -> Outcome:
        """Runs the activation with `value`, which already holds the action's parameters.

        Doesn't return while the platform waits for an answer that doesn't come: callers limit their patience.
        """
        while True:
            pooled = await self._pool.acquire(activation.action)
            try:
                outcome = await self._run_in(pooled, activation, value)
            except _Elsewhere:
                await self._pool.release(pooled, keep=False)
            except _NeverAnswered:
                await self._pool.release(pooled, keep=False)
                self._on_end(activation)
                await asyncio.sleep(_time_to_answer(activation.action))
                return whisk_error(messages.SEQUENCE_FAILED)
            except BaseException:
                await self._pool.release(pooled, keep=False)
                raise
            else:
                activation.ended = _now()
                activation.outcome = outcome
                task = asyncio.ensure_future(self._finish(pooled, activation, outcome))
                self._collecting.add(task)
                task.add_done_callback(self._collecting.discard)
                return outcome

    async def close(self) -> None:
        """Waits for what is still being written down, and removes all containers."""
        for task in self._collecting:
            task.cancel()
        await asyncio.gather(*self._collecting, return_exceptions=True)
        await self._pool.close()

    async def _run_in(self, pooled: PooledContainer, activation: Activation, value: Json) -> Outcome:
        activation.container = pooled.name if pooled.container is None else pooled.container.name
        if pooled.claim():
            failed = await self._start(pooled, activation)
            if failed is not None:
                return failed
        await pooled.ready.wait()
        if pooled.removed or pooled.container is None:
            raise _Elsewhere
        return await self._run(pooled, pooled.container, activation, value)

    async def _start(self, pooled: PooledContainer, activation: Activation) -> Outcome | None:
        """Starts and initialises a container; returns the outcome if that went wrong."""
        action = activation.action
        activation.started = _now()
        try:
            pooled.container = await action.containers.start(action, pooled.name, self._api_host)
        except StartFailed as problem:
            activation.started = _now()  # what didn't run took no time
            activation.logs = [LogLine("stderr", line) for line in problem.detail.splitlines()]
            return developer_error(str(problem)) if problem.developer else whisk_error(str(problem))
        activation.container = pooled.container.name
        activation.started = _now()
        container, message = pooled.container, self._init_message(activation)
        call = await _posted(container, "/init", message, action.timeout, retry=True)
        activation.init_time = call.duration
        if isinstance(call.reply, ContainerReply) and call.reply.shutting_down:
            raise _NeverAnswered
        if isinstance(call.reply, ContainerReply) and call.reply.ok:
            pooled.ready.set()
            return None
        if call.duration >= action.timeout:
            return developer_error(messages.timed_out(action.timeout, init=True), timed_out=True)
        return of_init(await _explained(call, pooled.container))

    async def _run(self, pooled: PooledContainer, container: Container, activation: Activation, value: Json) -> Outcome:
        action = activation.action
        if activation.init_time is None:
            activation.started = _now()
        if container.ended:  # the platform finds a closed port; here its address may soon be another container's
            call = Call(Failure.CONNECTION, 0, connected=False)
        else:
            message = self._run_message(activation, value)
            call = await _posted(container, "/run", message, action.timeout, retry=False)
        activation.run_time = call.duration
        shutting_down = isinstance(call.reply, ContainerReply) and call.reply.shutting_down
        if pooled.resumed and (shutting_down or not call.connected):
            raise _Elsewhere
        if shutting_down:
            raise _NeverAnswered
        if call.duration >= action.timeout:
            return developer_error(messages.timed_out(action.timeout, init=False), timed_out=True)
        return of_run(await _explained(call, container))

    async def _finish(self, pooled: PooledContainer, activation: Activation, outcome: Outcome) -> None:
        container = pooled.container
        try:
            if container is not None and outcome.keeps_container:
                activation.logs = await container.log.collect(_LOG_PATIENCE)
            elif container is not None:
                lines = await container.log.collect(_LOG_PATIENCE / 10)
                await self._pool.discard(pooled)
                activation.logs = [*lines, *container.log.take(), LogLine("stderr", messages.LOG_WARNING)]
        finally:
            await self._pool.release(pooled, keep=outcome.keeps_container)
            self._on_end(activation)

    def _init_message(self, activation: Activation) -> Json:
        action = activation.action
        environment: dict[str, Json] = {name: _text(value) for name, value in activation.environment.items()}
        environment |= {f"__OW_{name.upper()}": value for name, value in self._metadata(activation).items()}
        message: dict[str, Json] = {
            "name": action.name,
            "main": "main" if action.main is None else action.main,
            "binary": action.binary,
            "env": environment,
        }
        return {"value": message if action.code is None else {**message, "code": action.code}}

    def _run_message(self, activation: Activation, value: Json) -> Json:
        return {"value": value, **self._metadata(activation)}

    def _metadata(self, activation: Activation) -> dict[str, Json]:
        action = activation.action
        metadata: dict[str, Json] = {
            "namespace": action.namespace,
            "action_name": action.path,
            "action_version": action.version,
            "activation_id": activation.id,
            "transaction_id": activation.transaction,
            "deadline": str(int(time.time() * 1000) + action.timeout),
        }
        if action.namespace in self._api_keys and action.gets_api_key:
            metadata["api_key"] = self._api_keys[action.namespace]
        return metadata


def _time_to_answer(action: Action) -> float:
    """The seconds until the platform's controller counts an activation as over of which it hears nothing.

    Source: core/controller/.../loadBalancer/CommonLoadBalancer.scala, `calculateCompletionAckTimeout`.
    """
    return max(action.timeout / 1000, _STANDARD_TIME) * 2 + _TIME_ADDED


def _now() -> int:
    return round(time.time() * 1000)


def _text(value: Json) -> str:
    """A parameter as an environment variable (ContainerProxy.scala, `initializeAndRun`)."""
    if value is None:
        return ""
    return value if isinstance(value, str) else spray_json.compact(value)


async def _posted(container: Container, path: str, message: Json, timeout: int, *, retry: bool) -> Call:
    return await post(
        container.address,
        path,
        message,
        timeout,
        retry=retry,
        token=container.token,
        ended=lambda: container.ended,
    )


async def _explained(call: Call, container: Container) -> ContainerReply | Failure:
    """The reply, or why there is none."""
    if isinstance(call.reply, Failure) and await container.out_of_memory():
        return Failure.MEMORY
    return call.reply
