"""What became of an activation, read from a container's replies; pure.

Source: common/scala/.../core/entity/ActivationResult.scala; the contract, A5 to A8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modelwhisk.local import messages, spray_json
from modelwhisk.local.spray_json import Json, JsonError

MAX_RESULT = 1_048_576  # bytes of the reply's body
TRUNCATED_RESULT = 1_048_576  # bytes of a larger one that are shown


class Status(Enum):
    """The platform's four kinds of end."""

    SUCCESS = "success"
    APPLICATION_ERROR = "application error"
    DEVELOPER_ERROR = "action developer error"
    WHISK_ERROR = "whisk internal error"


class Failure(Enum):
    """Why a call to a container got no reply."""

    CONNECTION = "connection"
    NO_RESPONSE = "no response"
    TIMEOUT = "timeout"
    MEMORY = "memory"


@dataclass(frozen=True)
class ContainerReply:
    """A container's HTTP reply; `full_length` (bytes) is set where `text` is only the beginning of it."""

    status: int
    text: str
    full_length: int | None = None

    @property
    def ok(self) -> bool:
        """Whether it is a whole 200."""
        return self.status == 200 and self.full_length is None

    @property
    def shutting_down(self) -> bool:
        """Whether the container asks for the activation to go elsewhere (503)."""
        return self.status == 503


@dataclass(frozen=True)
class Outcome:
    """An activation's end: `result` is the action's value, or `{"error": …}`.

    `size` is that of the container's reply in characters, where there was one; `timed_out` tells of the action's limit.
    """

    status: Status
    result: Json
    size: int | None = None
    timed_out: bool = False

    @property
    def keeps_container(self) -> bool:
        """Whether the platform goes on using the container."""
        return self.status in (Status.SUCCESS, Status.APPLICATION_ERROR)


def developer_error(error: Json, size: int | None = None, *, timed_out: bool = False) -> Outcome:
    """The action didn't do what the contract asks."""
    return Outcome(Status.DEVELOPER_ERROR, {"error": error}, size, timed_out)


def whisk_error(error: Json) -> Outcome:
    """The platform itself failed."""
    return Outcome(Status.WHISK_ERROR, {"error": error})


def of_init(reply: ContainerReply | Failure) -> Outcome:
    """The end of an activation whose `/init` did not succeed."""
    if isinstance(reply, Failure):
        return developer_error(messages.MEMORY_EXHAUSTED if reply is Failure.MEMORY else messages.ABNORMAL_INIT)
    if reply.full_length is not None:
        return developer_error(messages.truncated(reply.text, reply.full_length, MAX_RESULT), reply.full_length)
    return developer_error(_stated_error(_parsed(reply.text), messages.invalid_init(reply.text)), len(reply.text))


def of_run(reply: ContainerReply | Failure) -> Outcome:
    """The end of an activation, from the reply to its `/run`."""
    if isinstance(reply, Failure):
        return developer_error(messages.MEMORY_EXHAUSTED if reply is Failure.MEMORY else messages.ABNORMAL_RUN)
    if reply.full_length is not None:
        text = messages.truncated(reply.text, reply.full_length, MAX_RESULT)
        return Outcome(Status.APPLICATION_ERROR, {"error": text}, reply.full_length)
    value, size = _parsed(reply.text), len(reply.text)
    if reply.status != 200 or not isinstance(value, (dict, list)):
        return developer_error(_stated_error(value, messages.invalid_run(reply.text)), size)
    if isinstance(value, dict) and "error" in value:
        return Outcome(Status.APPLICATION_ERROR, {"error": value["error"]}, size)
    return Outcome(Status.SUCCESS, value, size)


def _parsed(text: str) -> Json:
    try:
        return spray_json.parse(text)
    except JsonError:
        return None


def _stated_error(value: Json, default: str) -> Json:
    return value["error"] if isinstance(value, dict) and "error" in value else default
