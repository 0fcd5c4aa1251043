"""A plain invocation through the REST API, waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from modelwhisk.client.answers import Reply, reply_of_result
from modelwhisk.client.encoding import MAX_REQUEST
from modelwhisk.client.endpoint import Endpoint, is_url, resolve
from modelwhisk.client.errors import ClientError, TooLarge
from modelwhisk.client.exchange import Policy, Sleep, follow
from modelwhisk.client.transport import OnSleep, SyncTransport
from modelwhisk.openwhisk import Invocation, OpenWhisk, OpenWhiskError


def invoke(name: str, parameters: Mapping[str, Any], platform: OpenWhisk, policy: Policy, on_sleep: OnSleep) -> Reply:
    """The action's result as a reply; a 202 is followed, a 429 waited out.

    Raises `TooLarge` before anything is sent, `NotReady`, and `OpenWhiskError` where the platform refuses.
    """
    _check_size(parameters)
    start = time.perf_counter()
    invocation = _patient(_action_of(name, platform), parameters, platform, policy, on_sleep)
    seconds = time.perf_counter() - start
    if not invocation.done:
        unfinished = Reply(202, httpx.Headers(), b"", invocation.activation_id, seconds)
        transport = SyncTransport(on_sleep=on_sleep)
        try:
            return transport.run(follow(unfinished, policy, Endpoint("", platform=platform).lookup))
        finally:
            transport.close()
    reply = reply_of_result(invocation.result, invocation.activation_id, failed=not invocation.success)
    record = invocation.activation
    return replace(reply, seconds=seconds, cold=record.init_time is not None if record else None)


def _action_of(name: str, platform: OpenWhisk) -> str:
    if not is_url(name):
        return name
    action = resolve(name, platform).action
    if action is None:
        raise ClientError(f"{name} is no web action of {platform.settings.host}: give the action's name")
    return action


def _check_size(parameters: Mapping[str, Any]) -> None:
    sizes = {name: len(json.dumps(value)) for name, value in parameters.items()}
    size = len(json.dumps(dict(parameters)))
    if size > MAX_REQUEST:
        raise TooLarge(max(sizes, key=lambda name: sizes[name]), size, MAX_REQUEST)


def _patient(
    action: str, parameters: Mapping[str, Any], platform: OpenWhisk, policy: Policy, on_sleep: OnSleep
) -> Invocation:
    """Invokes, and waits as told where the platform is busy; what its answers take counts as waiting, too."""
    end = time.monotonic() + policy.patience
    while True:
        try:
            return platform.invoke(action, parameters)
        except OpenWhiskError as problem:
            seconds = problem.retry_after
            if seconds is None or time.monotonic() + seconds > end:
                raise
        on_sleep(Sleep(seconds, "the platform asks to wait (429)"))
        time.sleep(seconds)
