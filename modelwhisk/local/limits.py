"""The limits of a platform and of an action, and what the platform says where they are passed; pure.

Source: common/scala/.../core/entity/{TimeLimit,MemoryLimit,LogLimit,IntraConcurrencyLimit,Limits}.scala; the contract,
part D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from modelwhisk.local.parameters import Malformed
from modelwhisk.local.spray_json import MAX_NUMBER_CHARACTERS, Json

MEGABYTE = 1_048_576


class LimitPassed(ValueError):
    """A limit that an action asks for is beyond the platform's; the message is what the client is told."""


@dataclass(frozen=True)
class PlatformLimits:
    """What the platform allows; the defaults are those of the recorded server. Times are in milliseconds.

    Memory and logs are in MB; `payload`, `parameters` and `code` in bytes.
    """

    min_timeout: int = 100
    max_timeout: int = 300_000
    min_memory: int = 128
    max_memory: int = 6144
    min_logs: int = 0
    max_logs: int = 10
    min_concurrency: int = 1
    max_concurrency: int = 1
    invocations_per_minute: int = 100_000
    concurrent_invocations: int = 1000
    fires_per_minute: int = 60
    sequence_length: int = 50
    payload: int = MEGABYTE
    parameters: int = MEGABYTE
    code: int = 48 * MEGABYTE

    def namespace_view(self) -> dict[str, Json]:
        """What `GET /namespaces/_/limits` answers."""
        return {
            "invocationsPerMinute": self.invocations_per_minute,
            "concurrentInvocations": self.concurrent_invocations,
            "firesPerMinute": self.fires_per_minute,
            "minActionMemory": self.min_memory,
            "maxActionMemory": self.max_memory,
            "minActionLogs": self.min_logs,
            "maxActionLogs": self.max_logs,
            "minActionTimeout": self.min_timeout,
            "maxActionTimeout": self.max_timeout,
            "minActionConcurrency": self.min_concurrency,
            "maxActionConcurrency": self.max_concurrency,
            "maxParameterSize": f"{self.parameters} B",
            "maxActionInstances": self.concurrent_invocations,
        }

    def system_view(self) -> dict[str, Json]:
        """What `GET /` answers (Controller.scala, `info`)."""
        bounds: dict[str, Json] = {
            "min_action_duration": self.min_timeout,
            "max_action_duration": self.max_timeout,
            "min_action_memory": self.min_memory * MEGABYTE,
            "max_action_memory": self.max_memory * MEGABYTE,
            "min_action_logs": self.min_logs * MEGABYTE,
            "max_action_logs": self.max_logs * MEGABYTE,
        }
        return {
            "actions_per_minute": self.invocations_per_minute,
            "triggers_per_minute": self.fires_per_minute,
            "concurrent_actions": self.concurrent_invocations,
            "sequence_length": self.sequence_length,
            **bounds,
            **{f"default_{name}": value for name, value in bounds.items()},
        }


@dataclass(frozen=True)
class ActionLimits:
    """An action's limits; milliseconds, MB, MB, calls that a container gets at a time, containers at a time."""

    timeout: int = 60_000
    memory: int = 256
    logs: int = 10
    concurrency: int = 1
    instances: int | None = None

    def to_json(self) -> dict[str, Json]:
        """The object that clients get."""
        written: dict[str, Json] = {
            "timeout": self.timeout,
            "memory": self.memory,
            "logs": self.logs,
            "concurrency": self.concurrency,
        }
        return written if self.instances is None else {**written, "instances": self.instances}

    def changed(self, asked: Mapping[str, int]) -> ActionLimits:
        """These limits with those that a request states."""
        return replace(self, **asked)


# What the errors call each limit, in the order in which a request's are read.
_NAMES = {
    "timeout": "time limit",
    "memory": "memory limit",
    "logs": "log limit",
    "concurrency": "intra concurrency limit",
    "instances": "instance concurrency limit",
}
_MALFORMED = {"timeout": "time", "memory": "memory", "logs": "log", "concurrency": "concurrency"}


def read_limits(document: Json) -> dict[str, int]:
    """The limits that a request states, unchecked; raises `Malformed`."""
    if not isinstance(document, dict):
        raise Malformed("Object expected in field 'timeout'")
    asked = {
        field: _whole(field, document[field]) for field in _NAMES if field in document and document[field] is not None
    }
    if asked.get("instances", 0) < 0:
        raise Malformed("requirement failed: Action container concurrency must be greater than or equal to 0.")
    return asked


def _whole(field: str, value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise Malformed(f"{_MALFORMED.get(field, 'instance concurrency')} limit malformed")
    number = Decimal(value)
    if number.adjusted() > MAX_NUMBER_CHARACTERS + 32:
        return 0  # what is below: none of the last 32 bits is set in what ends with 32 zeros, not written out for that
    if number != int(number):
        raise Malformed(f"requirement failed: {_NAMES[field]} must be whole number")
    return (int(number) + 2**31) % 2**32 - 2**31  # a JVM's `intValue`


def check_limits(asked: Mapping[str, int], allowed: PlatformLimits) -> None:
    """Raises `LimitPassed` with the platform's words for the first limit that isn't within bounds.

    The words are those of `require`; the order is that of Actions.scala, `checkActionLimits`.
    """
    if "memory" in asked:
        _check("memory size {} MB", asked["memory"], allowed.min_memory, allowed.max_memory, "MB")
    if "timeout" in asked:
        _check("duration {} milliseconds", asked["timeout"], allowed.min_timeout, allowed.max_timeout, "milliseconds")
    if "logs" in asked:
        _check("log size {} MB", asked["logs"], allowed.min_logs, allowed.max_logs, "MB")
    if "concurrency" in asked:
        _check("concurrency {}", asked["concurrency"], allowed.min_concurrency, allowed.max_concurrency, "")
    if asked.get("instances", 0) > allowed.concurrent_invocations:
        raise LimitPassed(
            f"Max action instance concurrency must not exceed your namespace concurrency of "
            f"{allowed.concurrent_invocations}."
        )


def _check(what: str, value: int, least: int, most: int, unit: str) -> None:
    after = f" {unit}" if unit else ""
    if value > most:
        raise LimitPassed(f"requirement failed: {what.format(value)} exceeds allowed threshold of {most}{after}")
    if value < least:
        raise LimitPassed(f"requirement failed: {what.format(value)} below allowed threshold of {least}{after}")
