"""`modelwhisk delete`: takes an action, a version or a model with all its versions away."""

from __future__ import annotations

import click

from modelwhisk.deploy import names
from modelwhisk.deploy.connection import platform_command, write_json
from modelwhisk.deploy.failure import Failure
from modelwhisk.openwhisk import OpenWhisk
from modelwhisk.shown_text import shown


@click.command()
@click.argument("name")
@click.option("--version", metavar="VERSION", help="Only this version of NAME.")
@click.option("--all", "everything", is_flag=True, help="All versions of NAME, and its package.")
@platform_command
def delete(*, whisk: OpenWhisk, as_json: bool, name: str, version: str | None, everything: bool) -> None:
    """Delete a model's action; its URL ends with it, and the image stays where it is."""
    if everything and version:
        raise click.UsageError("--all and --version don't go together.")
    deleted = _delete_package(whisk, name) if everything else _delete_action(whisk, name, version)
    if as_json:
        write_json({"deleted": deleted})
    else:
        for path in deleted:
            click.echo(shown(f"deleted {path}"))


def _delete_action(whisk: OpenWhisk, name: str, version: str | None) -> list[str]:
    path = names.action_path(name, version)
    if names.find_action(whisk, path) is None:
        names.require_free(whisk, path)
        raise Failure(f"There is no action {path}.", "`modelwhisk list` shows what is there.", status=404)
    whisk.delete_action(path)
    package = path.rpartition("/")[0]
    # An empty package answers nothing, and would stand in the way of a plain action.
    if version and not whisk.list_actions(package):
        whisk.delete_package(package)
    return [path]


def _delete_package(whisk: OpenWhisk, name: str) -> list[str]:
    if names.find_package(whisk, name) is None:
        if names.find_action(whisk, name) is None:
            raise Failure(f"There is no {name}.", "`modelwhisk list` shows what is there.", status=404)
        return _delete_action(whisk, name, None)
    deleted = [whisk.delete_action(action.path).path for action in whisk.list_actions(name)]
    whisk.delete_package(name)
    return deleted or [name]
