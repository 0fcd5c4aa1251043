"""Starts activations, of actions and of sequences, and keeps their records.

Source: core/controller/.../actions/{PrimitiveActions,SequenceActions}.scala.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from modelwhisk.local import activation_records, messages
from modelwhisk.local.catalogue import Catalogue
from modelwhisk.local.invoker import Activation, Invoker
from modelwhisk.local.names import EntityId
from modelwhisk.local.outcome import Outcome, Status
from modelwhisk.local.spray_json import Json
from modelwhisk.local.throttle import Throttle


@dataclass
class _Ran:
    """How many actions have run for one call, which the platform bounds: sequences may be of sequences."""

    actions: int = 0


class Activations:
    """Runs what is asked for in tasks of their own, which go on whatever becomes of those that asked.

    A call runs no more than `sequence_length` actions.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        throttle: Throttle,
        on_end: Callable[[Activation], None],
        new_invoker: Callable[[Callable[[Activation], None]], Invoker],
        *,
        sequence_length: int,
    ) -> None:
        self._catalogue = catalogue
        self._throttle = throttle
        self._on_end = on_end
        self._invoker = new_invoker(self._ended)
        self._sequence_length = sequence_length
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, activation: Activation, payload: Mapping[str, Json]) -> asyncio.Task[Outcome]:
        """Runs an activation's action on `payload` over the action's own parameters."""
        return self._task(self._throttled(activation, payload))

    async def close(self) -> None:
        """Ends all that is running."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._invoker.close()

    async def _throttled(self, activation: Activation, payload: Mapping[str, Json]) -> Outcome:
        with self._throttle.running(activation.action.namespace):
            return await self._run(activation, payload, _Ran())

    async def _run(self, activation: Activation, payload: Json | Mapping[str, Json], ran: _Ran) -> Outcome:
        action = activation.action
        if action.components:
            return await self._run_sequence(activation, payload, ran)
        ran.actions += 1
        if not isinstance(payload, Mapping):
            return await self._invoker.invoke(activation, payload)
        value, activation.environment = action.arguments(payload)
        return await self._invoker.invoke(activation, value)

    async def _run_sequence(self, activation: Activation, payload: Json | Mapping[str, Json], ran: _Ran) -> Outcome:
        """Each component on the result of the one before, up to the first that fails; the log is the components' ids.

        A sequence's own parameters reach the first one, but for those that state its components.
        """
        activation.started = round(time.time() * 1000)
        value: Any = dict(payload) if isinstance(payload, Mapping) else payload
        outcome = Outcome(Status.APPLICATION_ERROR, {"error": messages.SEQUENCE_EMPTY})
        for component in activation.action.components:
            if ran.actions >= self._sequence_length:
                outcome = Outcome(Status.APPLICATION_ERROR, {"error": messages.SEQUENCE_TOO_LONG})
                break
            try:
                resolved = self._catalogue.resolve(EntityId.parse(component))
            except LookupError:
                outcome = Outcome(Status.APPLICATION_ERROR, {"error": messages.SEQUENCE_COMPONENT_MISSING})
                break
            action = self._catalogue.runnable(resolved.entity)
            part = Activation(action, activation.transaction, cause=activation.id, binding=resolved.binding)
            outcome = await self._run(part, value, ran)
            activation.parts.append(part.id)
            if outcome.status is not Status.SUCCESS:
                break
            value = outcome.result
        activation.outcome = outcome
        activation.ended = round(time.time() * 1000)
        self._ended(activation)
        return outcome

    def _ended(self, activation: Activation) -> None:
        outcome, action = activation.outcome, activation.action
        if outcome is not None:
            path = "/".join(part for part in (action.package, action.name) if part)
            written = activation_records.record(activation, outcome)
            summary = activation_records.summary(written)
            self._catalogue.store.put_activation(activation.id, path, written, summary)
        self._on_end(activation)

    def _task(self, work: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
