"""What an activation that failed says about the model, and what to do: the platform's messages, with advice. Pure.

Sources: common/scala/src/main/scala/org/apache/openwhisk/http/ErrorResponse.scala (`Messages`), and what follows for a
wrapped model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote

from modelwhisk.deploy.failure import NotAnswering
from modelwhisk.nested_json import is_too_deep
from modelwhisk.openwhisk import Action, Activation, NamespaceLimits

# Of a long log it is the end that tells: Python's tracebacks end with the error.
_LOG_LINES = 20

_ON_A_DESK = "`modelwhisk local {image}` shows on this machine how it starts."
# The first that matches; {more_memory} and {more_time} are worked out from the action's limits.
_ADVICE = (
    (
        r"Failed to pull container image",
        "Check the name (`docker pull {image}`), that it was pushed (build.sh does it), and that the platform may read "
        "it: a private registry needs the platform's administrator.",
    ),
    (
        r"executable file not found",
        "The image has no program to start. Wrap the model with build.sh and deploy what it printed.",
    ),
    (r"exhausted its memory", "The model needs more than {memory} MB: {more_memory}"),
    (
        r"exceeded its time limits of \d+ milliseconds during init",
        "Loading the model took longer than {timeout} ms: {more_time} If it isn't slow, the image may not be wrapped "
        "(build.sh), so that nothing answers on port 8080.",
    ),
    (r"exceeded its time limits|time limit|ran out of time", "A call took longer than {timeout} ms: {more_time}"),
    (
        r"did not initialize and exited|failed during initialization|[Cc]annot (start|initialize)",
        "The model didn't load; its log says why. If it ends without an error, it may have run out of memory: "
        "{more_memory} " + _ON_A_DESK,
    ),
    (
        r"Failed to provision resources|no invokers|not available",
        "The platform has no room for a container of {memory} MB; try again, give less (-m), or ask its administrator.",
    ),
    (
        r"did not produce a valid|exited unexpectedly",
        "The model's process ended or answered nonsense; its log says why. " + _ON_A_DESK,
    ),
)
_NOT_WRAPPED = (
    "The image isn't wrapped: it serves its own web page, as its log says, and OpenWhisk's calls find nobody on port "
    "8080. Wrap it with build.sh, and deploy what that prints."
)
_OTHERWISE = "The model's log says why. " + _ON_A_DESK


def diagnose(action: Action, activation: Activation, bounds: NamespaceLimits) -> NotAnswering:
    """The failure that an activation of `action` stands for, in the platform's words, with advice and the log."""
    message = error_text(activation.result) or activation.status
    return failure_of(action, message, bounds, log=log_lines(activation.logs), activation=activation.id)


def failure_of(
    action: Action, message: str, bounds: NamespaceLimits, *, log: Sequence[str] = (), activation: str = ""
) -> NotAnswering:
    """The failure for the platform's message about `action`."""
    advice = next((text for pattern, text in _ADVICE if re.search(pattern, message)), _OTHERWISE)
    if _serves_by_itself(log):
        advice = _NOT_WRAPPED
    # A line of the platform's about missing logs is none of the model's.
    own = [line for line in log if not line.startswith("The action did not initialize or run as expected. Log data")]
    return NotAnswering(
        f"{action.path} doesn't answer: {message}",
        advice.format(
            image=quote(action.image or "IMAGE"),
            memory=action.limits.memory,
            timeout=action.limits.timeout,
            more_memory=_more(action, "memory", "-m", action.limits.memory, bounds.max_memory),
            more_time=_more(action, "timeout", "-t", action.limits.timeout, bounds.max_timeout),
        ),
        log=own[-_LOG_LINES:],
        activation=activation,
    )


def _serves_by_itself(log: Sequence[str]) -> bool:
    """Whether a web server, and not the proxy, has the image's port: Flask, uvicorn and gunicorn say so."""
    return any(re.search(r"(Running|running|Listening) (on|at):? \(?https?://", line) for line in log)


def _more(action: Action, what: str, option: str, now: int | None, most: int | None) -> str:
    """The command that gives the action twice as much, or that there is no more."""
    if now is None:
        return f"give more with {option}."
    if most is not None and now >= most:
        return f"{now} is the most {what} that this platform allows, so ask its administrator for more."
    return f"`modelwhisk deploy {quote(action.path)} {option} {min(now * 2, most or now * 2)}` gives it more."


def error_text(result: object) -> str:
    """The message in a failed activation's result: `{"error": text}`, or of an HTTP response its status and body."""
    error = result.get("error") if isinstance(result, dict) else None
    if isinstance(error, str):
        return error
    if isinstance(error, dict) and isinstance(error.get("statusCode"), (int, str)):
        return f"the model answered {error['statusCode']}"
    if is_too_deep(error):
        return "its error is nested too deeply to be shown"
    return "" if error is None else str(error)


def log_lines(lines: Sequence[str]) -> list[str]:
    """The text of log lines, without the `2026-11-21T09:36:34.965974237Z stdout: ` that the platform stores."""
    return [re.sub(r"^\d{4}-\d\d-\d\dT[\d:.]+Z (stdout: |stderr: )?", "", line).rstrip() for line in lines]
