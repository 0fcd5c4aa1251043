"""`modelwhisk logs`: what a model printed, call by call, and with -f as calls are made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from time import sleep as pause

import click
from rich.text import Text

from modelwhisk.deploy import names
from modelwhisk.deploy.connection import console, platform_command
from modelwhisk.deploy.diagnosis import error_text, log_lines
from modelwhisk.openwhisk import Activation, NotFound, OpenWhisk
from modelwhisk.shown_text import Console, json_shown

_PAUSE_SECONDS = 2.0
# A list has the latest first by the start of a call, and a record comes when it is over: so many are looked through
# for those that are new.
_WINDOW = 100


@click.command()
@click.argument("name", required=False)
@click.option("--version", metavar="VERSION", help="Of NAME's versions, this one.")
@click.option("--activation", metavar="ID", help="Of one call only.")
@click.option("-f", "--follow", is_flag=True, help="Go on with the calls to come, until Ctrl-C.")
@click.option("-n", "--last", default=5, show_default=True, type=click.IntRange(0, 200), help="Calls to begin with.")
@platform_command
def logs(
    *,
    whisk: OpenWhisk,
    as_json: bool,
    name: str | None,
    version: str | None,
    activation: str | None,
    follow: bool,
    last: int,
) -> None:
    """Show what a model printed at its last calls; with --json one object a line."""
    if activation is not None:
        _show([whisk.activation(activation)], as_json)
        return
    if name is None:
        raise click.UsageError("give the NAME of a model, or --activation ID.")
    path = names.require_action(whisk, names.action_path(name, version)).path
    seen = whisk.list_activations(path, limit=_WINDOW)
    _show(_records(whisk, seen[:last][::-1]), as_json)
    if follow:
        try:
            _follow(whisk, path, {item.id for item in seen}, as_json)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


def _follow(whisk: OpenWhisk, path: str, seen: set[str], as_json: bool) -> None:
    while True:
        pause(_PAUSE_SECONDS)
        latest = whisk.list_activations(path, limit=_WINDOW)
        _show(_records(whisk, [item for item in reversed(latest) if item.id not in seen]), as_json)
        # What is no longer in the window doesn't come back.
        seen = {item.id for item in latest} | (seen if not latest else set())


def _records(whisk: OpenWhisk, listed: list[Activation]) -> Iterator[Activation]:
    """Whole records, the earliest first: a list of whole ones could be of any size."""
    for item in listed:
        try:
            yield whisk.activation(item.id)
        except NotFound:  # expired since it was listed
            continue


def _show(activations: Iterator[Activation] | list[Activation], as_json: bool) -> None:
    out = console()
    for activation in activations:
        if as_json:
            click.echo(json_shown(_facts(activation)))
        else:
            _print(out, activation)


def _facts(activation: Activation) -> dict[str, object]:
    return {
        "id": activation.id,
        "start": activation.start,
        "status": activation.status,
        "duration": activation.duration,
        "error": error_text(activation.result) or None,
        "logs": log_lines(activation.logs),
    }


def _print(out: Console, activation: Activation) -> None:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(activation.start / 1000))
    cold = f", cold: {activation.init_time} ms of loading" if activation.init_time is not None else ""
    heading = Text.assemble(
        (when, "bold"),
        "  ",
        (activation.status or "unknown", "green" if activation.success else "red"),
        f"  {activation.duration} ms{cold}  ",
        (activation.id, "dim"),
    )
    out.print(heading, soft_wrap=True)
    error = error_text(activation.result)
    if error:
        out.write_lines([f"  {error}"], "red")
    out.write_lines(f"  {line}" for line in log_lines(activation.logs))
