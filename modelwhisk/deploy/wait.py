"""Waits until a deployed model answers: a real call, and where that fails the platform's reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from shlex import quote

import requests

from modelwhisk.deploy.diagnosis import diagnose, failure_of
from modelwhisk.deploy.failure import Failure, NotAnswering
from modelwhisk.openwhisk import Action, Activation, NamespaceLimits, NotFound, OpenWhisk, OpenWhiskError, TimedOut

# Every model of the first family has it; another one's 404 is an answer just as well.
PROBE_PATH = "/model/metadata"
# What a cold start may take besides /init and /run: the pull of an image of some GB.
_PULL_SECONDS = 120.0
# A record is written after the container's log was read, which takes the platform a moment.
_RECORD_SECONDS = 5.0
# A new action may not be known to all controllers at once (their caches are told by a message bus).
_UNKNOWN_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
# So that an answer that comes with the deadline isn't lost.
_GRACE_SECONDS = 2.0
_ACTIVATION_ID = "x-openwhisk-activation-id"


@dataclass(frozen=True)
class Ready:
    """The model answered: after how many `seconds`, with which HTTP `status`, and (if cold) ms of loading."""

    seconds: float
    status: int
    init_milliseconds: int | None


def patience_for(action: Action) -> float:
    """Seconds that a first answer may take: /init and /run have the action's timeout each, and the image is pulled."""
    return _PULL_SECONDS + 2 * (action.limits.timeout or 60_000) / 1000


def wait_until_ready(
    whisk: OpenWhisk,
    action: Action,
    bounds: NamespaceLimits,
    patience: float,
    tell: Callable[[str], None] = lambda text: None,
) -> Ready:
    """Calls the model until it answers, and raises Failure (exit status 3) where it won't within `patience` seconds.

    A model's own 4xx is an answer. `tell` is given what is waited for.
    """
    started = time.monotonic()
    waiting = _Waiting(whisk, action, bounds, started + patience, tell)
    status, activation = waiting.web() if action.web != "no" else waiting.plain()
    return Ready(time.monotonic() - started, status, activation.init_time if activation else None)


class _Waiting:
    def __init__(
        self,
        whisk: OpenWhisk,
        action: Action,
        bounds: NamespaceLimits,
        deadline: float,
        tell: Callable[[str], None],
    ) -> None:
        self._whisk = whisk
        self._action = action
        self._bounds = bounds
        self._started = time.monotonic()
        self._deadline = deadline
        self._tell = tell

    def web(self) -> tuple[int, Activation | None]:
        """Asks for the metadata by the public URL."""
        while True:
            self._tell("waiting for the first answer")
            response = self._get()
            activation_id = response.headers.get(_ACTIVATION_ID)
            if response.status_code == 202:
                return self._late(activation_id)
            if activation_id is not None:
                activation = self._record(activation_id, _RECORD_SECONDS)
                if activation is None:
                    self._judge_response(response)
                    return response.status_code, None
                return self._judge(activation, response.status_code), activation
            self._wait_after(response)

    def plain(self) -> tuple[int, Activation | None]:
        """Invokes the action without parameters: a model that finds some missing has answered."""
        while True:
            self._tell("waiting for the first answer")
            try:
                invocation = self._whisk.invoke(self._action.full_name, seconds=self._left() + _GRACE_SECONDS)
            except TimedOut as problem:
                raise self._too_late() from problem
            except OpenWhiskError as problem:
                if problem.retry_after is None or problem.retry_after > self._left():
                    raise
                self._tell(problem.message)
                time.sleep(problem.retry_after)
                continue
            activation = invocation.activation
            if not invocation.done or activation is None:
                return self._late(invocation.activation_id)
            # A blocking answer has no log yet.
            return self._judge(self._record(activation.id, _RECORD_SECONDS) or activation, 200), activation

    def _get(self) -> requests.Response:
        try:
            return self._whisk.get_web(self._action, PROBE_PATH, self._left() + _GRACE_SECONDS)
        except TimedOut as problem:
            raise self._too_late() from problem

    def _late(self, activation_id: str | None) -> tuple[int, Activation | None]:
        """The platform waits for 60 s only; what became of the call is in its record."""
        self._tell("the platform didn't wait longer; waiting for the activation's record")
        activation = self._record(activation_id, self._left()) if activation_id else None
        if activation is None:
            raise self._too_late()
        return self._judge(activation, 200), activation

    def _record(self, activation_id: str, patience: float) -> Activation | None:
        try:
            return self._whisk.activation(activation_id, patience)
        except NotFound:
            return None

    def _judge(self, activation: Activation, status: int) -> int:
        """The HTTP status that the model answered with; raises Failure where it didn't, or with a 5xx."""
        if activation.success:
            return status
        error = activation.result.get("error") if isinstance(activation.result, dict) else None
        if activation.status == "application error" and isinstance(error, dict):
            model_status = error.get("statusCode")
            if not isinstance(model_status, int) or model_status < 500:
                return model_status if isinstance(model_status, int) else status
        raise diagnose(self._action, activation, self._bounds)

    def _judge_response(self, response: requests.Response) -> None:
        """Where there is no record (some platforms keep none), the response must do."""
        if response.status_code >= 500 or b"There was an error processing your request" in response.content:
            raise failure_of(self._action, f"it answered {response.status_code}: {_words(response)}", self._bounds)

    def _wait_after(self, response: requests.Response) -> None:
        """Waits after a response that the platform gave by itself, or raises Failure where waiting doesn't help."""
        status = response.status_code
        waited = time.monotonic() - self._started
        if status == 401:
            raise Failure(f"The platform refuses {response.url} (401).", "The action asks for another secret or key.")
        if status not in (404, 429, 502, 503, 504) or (status == 404 and waited > _UNKNOWN_SECONDS):
            raise NotAnswering(f"{response.url} answered {status}: {_words(response)}")
        if self._left() <= 0:
            raise self._too_late()
        if status == 429:
            self._tell("the namespace's quota is used up; waiting for the next minute")
        time.sleep(min(5 * _PAUSE_SECONDS if status == 429 else _PAUSE_SECONDS, self._left()))

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0)

    def _too_late(self) -> NotAnswering:
        waited = time.monotonic() - self._started
        path = self._action.path
        return NotAnswering(
            f"{path} didn't answer within {waited:.0f} s.",
            f"It may still be starting: `modelwhisk status {quote(path)}` tells; --wait SECONDS waits longer.",
        )


def _words(response: requests.Response) -> str:
    """How the response begins, as the UTF-8 that it should be, since a model may name any charset."""
    return response.content[:200].decode("utf-8", "replace")
