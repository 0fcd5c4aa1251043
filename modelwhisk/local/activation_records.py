"""An activation as the platform keeps it and shows it to clients; pure.

Source: common/scala/.../core/entity/WhiskActivation.scala, core/invoker/.../containerpool/ContainerProxy.scala
(`constructWhiskActivation`). Log lines are those of the recorded server (DockerCliLogStore.scala), which doesn't name
the stream of stdout's; it loses stderr's, which are shown here with their stream, as other log stores show all lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from modelwhisk.local import messages
from modelwhisk.local.invoker import Activation
from modelwhisk.local.limits import MEGABYTE
from modelwhisk.local.logs import LogLine
from modelwhisk.local.outcome import Outcome, Status
from modelwhisk.local.parameters import Parameters
from modelwhisk.local.spray_json import Json, utf_8

_STATUS_CODES = {status: code for code, status in enumerate(Status)}


def record(activation: Activation, outcome: Outcome, *, logs: bool = True) -> dict[str, Json]:
    """The whole record, without the lines of its log where they aren't there yet; a sequence's are its parts' ids."""
    action = activation.action
    lines = log_lines(activation.logs, action.logs * MEGABYTE) if logs else []
    written: dict[str, Json] = {
        "activationId": activation.id,
        "annotations": _annotations(activation, outcome),
        "start": activation.started,
        "end": activation.ended,
        "duration": activation.ended - activation.started,
        "logs": [*activation.parts, *lines],
        "name": action.name,
        "namespace": action.namespace,
        "publish": False,
        "response": response(outcome),
        "subject": action.namespace,
        "version": action.version,
    }
    return written if activation.cause is None else {**written, "cause": activation.cause}


def response(outcome: Outcome) -> dict[str, Json]:
    """How it ended, as clients are shown it."""
    shown: dict[str, Json] = {
        "result": outcome.result,
        "status": outcome.status.value,
        "success": outcome.status is Status.SUCCESS,
    }
    return shown if outcome.size is None else {**shown, "size": outcome.size}


def summary(written: Mapping[str, Json]) -> dict[str, Json]:
    """The short form of a record in lists."""
    kept = {
        name: written[name]
        for name in ("activationId", "annotations", "start", "end", "duration", "name", "namespace", "publish",
                     "version", "cause")
        if name in written
    }  # fmt: skip
    shown = written["response"]
    assert isinstance(shown, dict)
    return {**kept, "statusCode": _STATUS_CODES[Status(shown["status"])]}


def log_lines(lines: Iterable[LogLine], limit: int) -> list[str]:
    """Lines as clients are shown them, cut where they pass `limit` bytes; none at all where that is 0."""
    shown: list[str] = []
    length = 0
    if limit == 0:
        return shown
    for line in lines:
        if line.text == messages.LOG_WARNING:  # not that log store's; nothing is missing here
            continue
        length += len(utf_8(line.text))
        if length > limit:
            return [*shown, _shown(LogLine("stderr", messages.logs_truncated(limit)))]
        shown.append(_shown(line))
    return shown


def _shown(line: LogLine) -> str:
    seconds, nanoseconds = divmod(line.time, 1_000_000_000)
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"
    stream = "" if line.stream == "stdout" else "stderr: "
    return f"{stamp} {stream}{line.text}"


def _annotations(activation: Activation, outcome: Outcome) -> list[Json]:
    action = activation.action
    values: dict[str, Json] = {
        "limits": action.limits,
        "path": action.path[1:],
        "kind": action.kind,
        "timeout": outcome.timed_out,
    }
    if activation.cause is not None:
        values["causedBy"] = "sequence"
    if activation.init_time is not None:
        values["initTime"] = round(activation.init_time)
    values["waitTime"] = max(0, activation.started - round(activation.start))
    if activation.binding is not None:
        values["binding"] = activation.binding
    return Parameters.of(values).to_json()
