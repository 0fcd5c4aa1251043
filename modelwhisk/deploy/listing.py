"""`modelwhisk list`, `status` and `url`: what is deployed, how it does, where it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from shlex import quote
from typing import Any

import click
from rich.text import Text

from modelwhisk.deploy import names
from modelwhisk.deploy.apply import limits_of
from modelwhisk.deploy.connection import console, platform_command, write_json
from modelwhisk.deploy.failure import Failure
from modelwhisk.deploy.wait import patience_for, wait_until_ready
from modelwhisk.openwhisk import Action, Activation, NotFound, OpenWhisk
from modelwhisk.shown_text import Table

# Lists don't tell images; so many are asked for at a time.
_REQUESTS = 8


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Actions that are no docker images, too.")
@platform_command
def list_actions(*, whisk: OpenWhisk, as_json: bool, everything: bool) -> None:
    """List the models that are deployed."""
    listed = [action for action in whisk.list_actions() if everything or action.kind == "blackbox"]
    with ThreadPoolExecutor(_REQUESTS) as pool:
        told = [facts for facts in pool.map(lambda action: _told(whisk, action), listed) if facts is not None]
    actions = sorted(told, key=lambda facts: str(facts["name"]))
    if as_json:
        write_json(actions)
        return
    if not actions:
        console(stderr=True).print("Nothing is deployed. `modelwhisk deploy NAME IMAGE` does it.")
        return
    table = _table("name", "image", "web", "memory>", "timeout>", "version", "updated")
    for facts in actions:
        limits = facts["limits"]
        table.add_row(
            Text(facts["name"], "bold"),
            facts["image"] or facts["kind"],
            facts["web"],
            f"{limits.get('memory')} MB",
            f"{limits.get('timeout', 0) / 1000:g} s",
            facts["version"],
            _ago(facts["updated"]),
        )
    console().print(table)


def _told(whisk: OpenWhisk, action: Action) -> dict[str, Any] | None:
    """What is shown of an action; the whole of each may be a megabyte."""
    try:
        return _facts(whisk, whisk.get_action(action.full_name))
    except NotFound:  # deleted since it was listed
        return None


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left", overflow="fold")
    return table


def _facts(whisk: OpenWhisk, action: Action) -> dict[str, Any]:
    return {
        "name": action.path,
        "namespace": action.namespace,
        "image": action.image,
        "kind": action.kind,
        "web": action.web,
        "url": whisk.web_url(action.full_name) if action.web != "no" else None,
        "limits": action.limits.to_json(),
        "version": action.version,
        "updated": action.updated,
    }


def _ago(epoch_ms: int) -> str:
    seconds = max(time.time() - epoch_ms / 1000, 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


@click.command()
@click.argument("name")
@click.option("--version", metavar="VERSION", help="Of NAME's versions, this one.")
@click.option("-n", "--last", default=10, show_default=True, type=click.IntRange(1, 200), help="Activations to show.")
@click.option("--check", is_flag=True, help="Call the model, and fail with status 3 where it doesn't answer.")
@platform_command
def status(*, whisk: OpenWhisk, as_json: bool, name: str, version: str | None, last: int, check: bool) -> None:
    """Show how a model is deployed, and how its last calls went."""
    action = names.require_action(whisk, names.action_path(name, version))
    ready = wait_until_ready(whisk, action, limits_of(whisk), patience_for(action)) if check else None
    activations = whisk.list_activations(action.path, limit=last)
    if as_json:
        facts = _facts(whisk, action)
        if ready is not None:
            facts["seconds"] = round(ready.seconds, 3)
        write_json({**facts, "activations": [_activation_facts(item) for item in activations]})
        return
    _print_action(whisk, action)
    if ready is not None:
        console().print(Text(f"{'answers':<10}after {ready.seconds:.1f} s", "green"))
    _print_activations(activations)


def _activation_facts(activation: Activation) -> dict[str, Any]:
    return {
        "id": activation.id,
        "start": activation.start,
        "status": activation.status,
        "version": activation.version,
        "duration": activation.duration,
        "init": activation.init_time,
        "wait": activation.wait_time,
    }


def _print_action(whisk: OpenWhisk, action: Action) -> None:
    out, limits = console(), action.limits
    rows = {
        "name": action.full_name,
        "image": action.image or action.kind,
        "version": f"{action.version}, {_ago(action.updated)}",
        "web": action.web,
        "limits": f"{limits.memory} MB, {(limits.timeout or 0) / 1000:g} s, {limits.concurrency or 1} at a time, "
        f"{limits.logs} MB of log",
        "parameters": ", ".join(item.key + (" (init)" if item.init else "") for item in action.parameters) or "none",
    }
    if action.web != "no":
        rows["URL"] = whisk.web_url(action.full_name)
    for key, value in rows.items():
        out.print(Text.assemble((f"{key:<12}", "dim"), value), soft_wrap=True)


def _print_activations(activations: Sequence[Activation]) -> None:
    out = console()
    out.print()
    if not activations:
        out.print("It wasn't called yet, or the platform keeps no records.")
        return
    table = _table("call", "when", "result", "version", "took>", "loading>")
    for activation in activations:
        table.add_row(
            activation.id,
            _ago(activation.start),
            Text(activation.status or "unknown", "green" if activation.success else "red"),
            activation.version,
            f"{activation.duration} ms" if activation.duration is not None else "",
            _loading(activation),
        )
    out.print(table)
    failed = sum(not activation.success for activation in activations)
    if failed:
        out.print(f"{failed} of {len(activations)} failed: `modelwhisk logs` tells why.")


def _loading(activation: Activation) -> str:
    if activation.init_time is not None:
        return f"{activation.init_time} ms"
    return "warm" if activation.success else ""  # what failed at the start was not warm, but has no time of it either


@click.command()
@click.argument("name")
@click.option("--version", metavar="VERSION", help="Of NAME's versions, this one.")
@platform_command
def url(*, whisk: OpenWhisk, as_json: bool, name: str, version: str | None) -> None:
    """Print the URL of a model, and nothing else: curl -F image=@x.jpg "$(modelwhisk url NAME)"."""
    action = names.require_action(whisk, names.action_path(name, version))
    if action.web == "no":
        command = f"modelwhisk deploy {quote(action.path)} --web raw"
        raise Failure(f"{action.path} is no web action.", f"`{command}` makes it one.")
    address = whisk.web_url(action.full_name)
    if as_json:
        secret = {"secret": action.secret} if action.secret is not None else {}
        write_json({"name": action.path, "url": address, **secret})
    else:
        click.echo(address)
