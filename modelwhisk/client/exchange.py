"""One call from its request to its answer: what to send, when to wait, what may be repeated; no I/O.

`exchange` yields `Step`s and is sent what came of each, so that the sync and the async client differ only in who
carries them out (`transport`).
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import httpx

from modelwhisk.client.answers import Reply, reply_of_response, reply_of_result
from modelwhisk.client.errors import NotReady, Unreachable

_GATEWAY = frozenset({502, 503, 504})
_LONGEST_WAIT = 30.0  # seconds between two attempts
_LONGEST_POLL = 5.0
_LONGEST_202 = 1_024  # bytes of the platform's own
_SPREAD = 0.25  # seconds
# The rate is counted by the minute (core/entitlement/RateThrottler.scala), calls in flight end sooner.
_RATE_WAIT = 10.0
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_CHANCE = random.Random()  # noqa: S311 only spreads retries


@dataclass(frozen=True)
class Policy:
    """What is done about failures that may pass.

    `attempts` is how often a request is sent at most, `statuses` which failures make it be sent again; `repeats` allows
    that for a POST, which the model may have run. A refused connection and a 429 never ran and are always tried again,
    the latter for `patience` seconds in all. `polling` is how many seconds a 202 is followed. `first_wait` seconds is
    doubled with each attempt.
    """

    attempts: int = 3
    statuses: frozenset[int] = _GATEWAY
    repeats: bool = False
    patience: float = 120.0
    polling: float = 600.0
    first_wait: float = 0.5

    def wait(self, attempt: int, chance: random.Random) -> float:
        """Seconds to wait after `attempt` (from 1) failed: with jitter, so that many don't come back together."""
        return float(min(self.first_wait * 2 ** min(attempt - 1, 16), _LONGEST_WAIT)) * chance.uniform(0.5, 1.0)


EVERY_FAILURE = frozenset(range(500, 600))  # what `map` sends again


class Record(Protocol):
    """An activation's record, as `modelwhisk.openwhisk.Activation` is."""

    @property
    def success(self) -> bool: ...
    @property
    def result(self) -> Any: ...
    @property
    def init_time(self) -> int | None: ...


@dataclass(frozen=True)
class Send:
    """Send the request; comes back as `Sent`."""

    request: httpx.Request


@dataclass(frozen=True)
class Sleep:
    """Let `seconds` pass; `reason` is for people."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class Ask:
    """Call a function that blocks; comes back with what it returns, or raises what it raises."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Sent:
    """What came of `Send`, and how many seconds it took."""

    response: httpx.Response | None
    failure: httpx.RequestError | None
    seconds: float


Step = Send | Sleep | Ask
T = TypeVar("T")
Steps = Generator[Step, Any, T]
Lookup = Callable[[str], Record | None]


def exchange(
    request: httpx.Request, policy: Policy, lookup: Lookup | None, chance: random.Random = _CHANCE
) -> Steps[Reply]:
    """Sends `request` until there is an answer, or nothing more can be done.

    `lookup` finds the record of an activation that is over, or None, and is itself None where it can't be asked.
    Returns the reply, whatever its status; raises `Unreachable` where there was none and `NotReady` for a 202 that
    can't be followed.
    """
    repeatable = policy.repeats or request.method in ("GET", "HEAD")
    attempt = sent_times = 0
    throttled = 0.0
    while True:
        sent: Sent = yield Send(request)
        sent_times += 1
        if sent.response is not None and sent.response.status_code == 429:
            throttled += sent.seconds  # an answer may take its time, too
            told = _told(sent.response)
            # Told to all at once, it had better not be done by all at once.
            seconds = policy.wait(sent_times - attempt, chance) if told is None else told + chance.uniform(0, _SPREAD)
            if throttled + seconds > policy.patience:
                return reply_of_response(sent.response, sent.seconds, sent_times)
            throttled += seconds
            del sent  # an answer of any size, while another is waited for
            yield Sleep(seconds, "the platform asks to wait (429)")
            continue
        attempt += 1
        if not _may_pass(sent, policy, repeatable) or attempt >= policy.attempts:
            return (yield from _concluded(sent, sent_times, policy, lookup))
        reason = _reason(sent)
        del sent
        yield Sleep(policy.wait(attempt, chance), reason)


def _may_pass(sent: Sent, policy: Policy, repeatable: bool) -> bool:
    if sent.failure is not None:
        # Nothing went out where there was no connection: that is safe whatever the method.
        return isinstance(sent.failure, httpx.ConnectError) or repeatable
    assert sent.response is not None
    return repeatable and sent.response.status_code in policy.statuses


def _concluded(sent: Sent, sent_times: int, policy: Policy, lookup: Lookup | None) -> Steps[Reply]:
    if sent.response is None:
        assert sent.failure is not None
        raise Unreachable(f"no answer: {_reason(sent)}") from sent.failure
    reply = reply_of_response(sent.response, sent.seconds, sent_times)
    # A model may answer 202 of its own accord; the platform's says that it isn't ready (the contract, C1).
    of_the_platform = reply.is_json and len(reply.body) < _LONGEST_202 and b"Response not yet ready" in reply.body
    return (yield from follow(reply, policy, lookup)) if reply.status == 202 and of_the_platform else reply


def follow(reply: Reply, policy: Policy, lookup: Lookup | None) -> Steps[Reply]:
    """Waits for the activation of a 202 to end; its answer takes the reply's place."""
    if reply.activation is None:
        raise NotReady(202, "the platform stopped waiting and named no activation to follow")
    if lookup is None:
        advice = "the platform stopped waiting; set its host and key (WHISK_APIHOST, WHISK_AUTH) to have it followed"
        raise NotReady(202, advice, reply.activation)
    waited, asking, pause = 0.0, 0.0, policy.first_wait
    while waited + asking < policy.polling:
        began = time.monotonic()
        record: Record | None = yield Ask(partial(lookup, reply.activation))
        asking += time.monotonic() - began
        if record is not None:
            answer = reply_of_result(record.result, reply.activation, failed=not record.success)
            cold = record.init_time is not None
            return replace(answer, seconds=reply.seconds + waited, attempts=reply.attempts, cold=cold)
        yield Sleep(pause, "the model isn't ready")
        waited += pause
        pause = min(pause * 1.5, _LONGEST_POLL)
    raise NotReady(202, f"the activation hasn't ended within {policy.polling:.0f} s", reply.activation)


def _told(response: httpx.Response) -> float | None:
    """Seconds that `Retry-After` asks for, or the platform's own message implies."""
    text = response.headers.get("retry-after", "")
    if _SECONDS.fullmatch(text):  # `float` takes "nan", too, which no patience is shorter than
        return float(text)
    try:
        date = parsedate_to_datetime(response.headers.get("date", ""))
        return max((parsedate_to_datetime(text) - date).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return _RATE_WAIT if b"last minute" in response.content else None


def _reason(sent: Sent) -> str:
    if sent.response is not None:
        return f"answered {sent.response.status_code}"
    failure = sent.failure
    kind = {
        httpx.ConnectTimeout: "the connection took too long",
        httpx.ReadTimeout: "the answer took too long",
        httpx.ConnectError: "the connection was refused",
        httpx.DecodingError: "the answer can't be read",
    }.get(type(failure), "the connection broke")  # type: ignore[arg-type]
    return f"{kind} ({failure})" if str(failure) else kind
