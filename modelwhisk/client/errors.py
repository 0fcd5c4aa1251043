"""What can go wrong between a call and the model's answer."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

# What a model's description says, it may say at any length: an error is written for each input. In characters.
_LONGEST_NAME, _LONGEST_PROBLEM = 200, 4_000
_MOST_LISTED, _LONGEST_LISTED = 20, 100


def cut(text: str, most: int = _LONGEST_PROBLEM) -> str:
    """The text, of `most` characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def listed(things: Collection[object]) -> str:
    """A model's inputs or choices as an error lists them: the first twenty."""
    shown = ", ".join(cut(str(thing), _LONGEST_LISTED) for thing in islice(things, _MOST_LISTED))
    more = len(things) - _MOST_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown or "none"


class ClientError(Exception):
    """Any failure of a call through this package."""


class InputError(ClientError, ValueError):
    """An input isn't what the model takes; nothing was sent. `field` is its name."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{cut(field, _LONGEST_NAME)}: {cut(problem, _LONGEST_PROBLEM)}")
        self.field = field


class TooLarge(InputError):
    """The request wouldn't fit into what the platform takes; `size` and `limit` are in bytes."""

    def __init__(self, field: str, size: int, limit: int) -> None:
        problem = f"the request would be {size:,} bytes with it, and the platform takes {limit:,} at most"
        super().__init__(field, problem)
        self.size = size
        self.limit = limit


class InterfaceError(ClientError):
    """What inputs the model takes can't be learnt: no description, or one that says nothing of predictions."""


class NoDescription(InterfaceError):
    """The model has no description at all, where others have one."""


class Unreachable(ClientError):
    """No answer came: the connection was refused, broke or took too long."""


class ModelError(ClientError):
    """The model or the platform answered with a failure.

    `status` is the HTTP status, `message` what the model or the platform said, `activation` the activation's id where
    there was one, `body` the answer's own bytes.
    """

    def __init__(self, status: int, message: str, activation: str | None = None, body: bytes = b"") -> None:
        super().__init__(f"{status}: {message}" + (f" (activation {activation})" if activation else ""))
        self.status = status
        self.message = message
        self.activation = activation
        self.body = body


class NotReady(ModelError):
    """The platform stopped waiting (202) and the answer can't be had; `message` says why."""
