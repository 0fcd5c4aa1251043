"""Activations over REST: actions invoked, and what is known of their activations.

Source: core/controller/.../Actions.scala (`activate`, `doInvoke`) and Activations.scala.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from modelwhisk.local import activation_records, messages
from modelwhisk.local.activations import Activations
from modelwhisk.local.catalogue import Catalogue
from modelwhisk.local.http_messages import Headers, HttpRequest, HttpResponse, Rejected
from modelwhisk.local.invoker import Activation
from modelwhisk.local.limits import PlatformLimits
from modelwhisk.local.names import EntityId
from modelwhisk.local.outcome import Outcome, Status
from modelwhisk.local.rest_answers import Terminated, document, documents, json_object, not_found
from modelwhisk.local.rest_routes import Parameters, Route, check_activation_id
from modelwhisk.local.spray_json import Json
from modelwhisk.local.store import Store, Window
from modelwhisk.local.uri import Target
from modelwhisk.peer import Peer

_log = logging.getLogger(__name__)

_STATUSES = {
    Status.SUCCESS: 200,
    Status.APPLICATION_ERROR: 502,
    Status.DEVELOPER_ERROR: 502,
    Status.WHISK_ERROR: 500,
}


@dataclass(frozen=True)
class Ask:
    """A request on its way through the API; `on_start` is told of the activation that it takes, if it does.

    `peer` is who sent it, None where that was this process.
    """

    request: HttpRequest
    target: Target
    transaction: str
    on_start: Callable[[Activation], None]
    peer: Peer | None = None


@dataclass(frozen=True)
class InvocationApi:
    """Runs actions; `wait` is in seconds, the longest for which a client is kept waiting."""

    catalogue: Catalogue
    activations: Activations
    limits: PlatformLimits
    wait: float

    async def invoke(self, id: EntityId, ask: Ask, query: Parameters) -> HttpResponse:
        """Runs an action, and answers at once or with its result."""
        length = len(ask.request.body or b"")
        if length > self.limits.payload:
            raise Terminated(413, messages.too_large(length, self.limits.payload))
        blocking, result = query.flag("blocking"), query.flag("result")
        patience = query.milliseconds("timeout", max(1, round(self.wait * 1000))) / 1000
        payload = json_object(ask.request)
        resolved = self.catalogue.resolve(id)
        action = self.catalogue.runnable(resolved.entity)
        if action.immutable_parameters() & payload.keys():
            raise Terminated(400, messages.PARAMETERS_NOT_ALLOWED)
        activation = Activation(action, ask.transaction, binding=resolved.binding)
        ask.on_start(activation)
        running = self.activations.start(activation, payload)
        if blocking:
            # Only waited for: the action goes on when its client has gone, or waited long enough.
            await asyncio.wait({running}, timeout=patience)
        headers: Headers = (("x-openwhisk-activation-id", activation.id),)
        if not blocking or not running.done():
            return document(202, {"activationId": activation.id}, headers)
        if (problem := running.exception()) is not None:
            _log.error("an activation of %s failed in the platform itself", action.path, exc_info=problem)
            raise Terminated(500, messages.INTERNAL_ERROR)
        outcome = running.result()
        return document(_STATUSES[outcome.status], _answer(activation, outcome, result=result), headers)


def _answer(activation: Activation, outcome: Outcome, *, result: bool) -> Json:
    """The result alone where it is asked for, or is an array; else the record, whose log isn't there yet."""
    if result or isinstance(outcome.result, list):
        return outcome.result
    return activation_records.record(activation, outcome, logs=False)


@dataclass(frozen=True)
class ActivationsApi:
    """The records of a store."""

    store: Store

    def list(self, namespace: str, query: Parameters) -> HttpResponse:
        """A namespace's activations."""
        window = Window(query.skip(), query.limit(), query.epoch("since"), query.epoch("upto"))
        count, docs, name = query.flag("count"), query.flag("docs"), query.action_name("name")
        if count and docs:
            raise Terminated(400, messages.DOCS_WITH_COUNT)
        if count:
            return document(200, {"activations": self.store.count_activations(namespace, name, window)})
        return documents(self.store.activations(namespace, name, window, docs=docs))

    def show(self, route: Route) -> HttpResponse:
        """An activation, its result or its log."""
        id, *part = route.rest
        check_activation_id(id)
        if part not in ([], [""], ["result"], ["logs"]):
            raise Rejected(404, messages.NO_ROUTE)
        written = self.store.activation(route.namespace, id)
        if written is None:
            raise not_found()
        if part == ["result"]:
            return document(200, written["response"])
        return document(200, {"logs": written["logs"]} if part == ["logs"] else written)
