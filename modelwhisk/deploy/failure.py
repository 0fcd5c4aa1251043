"""How a command fails: one message, what to do about it, the model's log, an exit status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click
from rich.text import Text

from modelwhisk.shown_text import Console


class Failure(click.ClickException):
    """What went wrong, as people and machines are told it.

    `log` are the last lines of the model's own, `activation` the id that has the rest. Exit status 1: the platform
    refused, or can't be reached.
    """

    def __init__(
        self,
        message: str,
        advice: str = "",
        *,
        log: Sequence[str] = (),
        activation: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.advice = advice
        self.log = tuple(log)
        self.activation = activation
        self.status = status

    def show(self, file: IO[Any] | None = None) -> None:
        console = Console(file=file, stderr=file is None, soft_wrap=True)
        console.print(Text.assemble(("Error: ", "bold red"), self.message))
        for line in self.advice.splitlines():
            console.print(Text(f"  {line}"))
        if self.log:
            console.print(Text("The log:", "bold"))
            console.write_lines((f"  {line}" for line in self.log), "dim")
        if self.activation:
            console.print(Text(f"Activation {self.activation}", "dim"))

    def to_json(self) -> dict[str, Any]:
        fields = {
            "error": self.message,
            "advice": self.advice,
            "status": self.status,
            "log": list(self.log),
            "activation": self.activation,
        }
        return {key: value for key, value in fields.items() if value}


class NotAnswering(Failure):
    """The action is there, but the model in it doesn't answer: exit status 3."""

    exit_code = 3
