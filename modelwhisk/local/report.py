"""What `modelwhisk local` prints: where the actions are, and a line for each call with its container's log."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from modelwhisk.local import spray_json
from modelwhisk.local.actions import Action
from modelwhisk.local.invoker import Activation
from modelwhisk.local.outcome import Status
from modelwhisk.local.platform import Exchange
from modelwhisk.shown_text import Console


class Report(ABC):
    """Told of what happens on the platform."""

    @abstractmethod
    def serving(self, action: Action, url: str) -> None:
        """An action can be called at `url`."""

    @abstractmethod
    def api(self, url: str, key: str | None) -> None:
        """The REST API is at `url`, for whoever has `key`; None stands for one that isn't to be told."""

    @abstractmethod
    def reloading(self, folder: Path, changed: Path) -> None:
        """A file of a model has changed: its processes end, and the next call starts new ones."""

    @abstractmethod
    def exchange(self, exchange: Exchange) -> None:
        """A request was answered."""

    @abstractmethod
    def activation(self, activation: Activation) -> None:
        """An activation has ended, and its log is there."""

    @abstractmethod
    def removed(self, processes: Sequence[int], containers: Sequence[str]) -> None:
        """Leftovers of a run that crashed were removed."""

    @abstractmethod
    def stopping(self) -> None:
        """The platform removes its containers and ends."""


def _error(activation: Activation) -> str | None:
    """What the platform has as the error of an activation that wasn't successful."""
    if activation.outcome is None or activation.outcome.status is Status.SUCCESS:
        return None
    error = activation.outcome.result["error"] if isinstance(activation.outcome.result, dict) else None
    return error if isinstance(error, str) else spray_json.compact(error)


def _path(exchange: Exchange) -> str:
    return exchange.request.target.partition("?")[0]


class TextReport(Report):
    """For people; the colours go where the output is no terminal, or `NO_COLOR` is set."""

    def __init__(self, secret: str | None = None) -> None:
        self._console = Console(soft_wrap=True)
        self._secret = secret

    def serving(self, action: Action, url: str) -> None:
        self._console.print(Text.assemble((action.name, "bold"), "  ", (url, "cyan")))
        if self._secret:
            self._console.print(f"  with the header X-Require-Whisk-Auth: {self._secret}")

    def api(self, url: str, key: str | None) -> None:
        self._console.print("for wsk and other clients of the REST API:", style="dim")
        self._console.print(f"  wsk property set --apihost {url} --auth {key or 'KEY'}", style="dim")
        if key is None:
            self._console.print("  where KEY is what --auth or MODELWHISK_LOCAL_AUTH has", style="dim")

    def reloading(self, folder: Path, changed: Path) -> None:
        self._console.print(f"{changed.relative_to(folder)} has changed: {folder.name} is restarted", style="yellow")

    def exchange(self, exchange: Exchange) -> None:
        colour = "green" if exchange.status < 400 else "yellow" if exchange.status < 500 else "red"
        line = Text.assemble(
            (time.strftime("%H:%M:%S "), "dim"),
            f"{exchange.request.method:7} {_path(exchange)} ",
            (str(exchange.status), colour),
            f" {exchange.milliseconds:.0f} ms",
        )
        if exchange.activation is not None:
            line.append(f"  {_timing(exchange.activation)}", "dim")
        self._console.print(line)

    def activation(self, activation: Activation) -> None:
        # At once and as they are, or a long log or error keeps the platform from its other calls.
        self._console.write_lines(f"  {activation.container} {log.text}" for log in activation.logs)
        if activation.outcome is None:
            self._console.print(f"  {activation.container} answered 503: the platform drops such a call", style="red")
        elif not activation.outcome.keeps_container:
            self._console.write_lines([f"  {activation.outcome.status.value}: {_error(activation)}"], "red")

    def removed(self, processes: Sequence[int], containers: Sequence[str]) -> None:
        if processes or containers:
            what = ", ".join([*(f"process {number}" for number in processes), *containers])
            self._console.print(f"removed what an earlier run left behind: {what}", style="yellow")

    def stopping(self) -> None:
        self._console.print("stopping: containers are removed", style="dim")


def _timing(activation: Activation) -> str:
    start = f"cold, init {activation.init_time:.0f} ms, " if activation.init_time is not None else ""
    run = f"run {activation.run_time:.0f} ms, " if activation.run_time is not None else ""
    status = activation.outcome.status.value if activation.outcome else "no answer yet"
    return f"{start}{run}{status}, {activation.id}"


class JsonReport(Report):
    """For machines: an `event` with its fields on each line of stdout."""

    def _write(self, event: str, **fields: Any) -> None:
        sys.stdout.write(json.dumps({"event": event, "time": round(time.time(), 3), **fields}) + "\n")
        sys.stdout.flush()

    def serving(self, action: Action, url: str) -> None:
        secret = action.annotations.get("require-whisk-auth")
        self._write("serving", action=action.path, url=url, **({"secret": secret} if secret else {}))

    def api(self, url: str, key: str | None) -> None:
        self._write("api", url=url, auth=key)

    def reloading(self, folder: Path, changed: Path) -> None:
        self._write("reloading", folder=str(folder), changed=str(changed))

    def exchange(self, exchange: Exchange) -> None:
        self._write(
            "exchange",
            method=exchange.request.method,
            path=_path(exchange),
            status=exchange.status,
            milliseconds=round(exchange.milliseconds, 1),
            activation=exchange.activation.id if exchange.activation else None,
        )

    def activation(self, activation: Activation) -> None:
        self._write(
            "activation",
            id=activation.id,
            action=activation.action.path,
            container=activation.container,
            status=activation.outcome.status.value if activation.outcome else None,
            error=_error(activation),
            init_milliseconds=activation.init_time,
            run_milliseconds=activation.run_time,
            logs=[{"stream": line.stream, "text": line.text} for line in activation.logs],
        )

    def removed(self, processes: Sequence[int], containers: Sequence[str]) -> None:
        if processes or containers:
            self._write("removed", processes=list(processes), containers=list(containers))

    def stopping(self) -> None:
        self._write("stopping")
