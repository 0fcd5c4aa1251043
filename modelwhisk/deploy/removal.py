"""`modelwhisk delete`: takes an action, a version or a model with all its versions away."""

from __future__ import annotations

import click

from modelwhisk.deploy import names
from modelwhisk.deploy.connection import platform_command, write_json
from modelwhisk.deploy.failure import Failure
from modelwhisk.openwhisk import OpenWhisk, Package


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
            click.echo(f"deleted {path}")


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
    package = names.find_package(whisk, name)
    if package is None:
        if names.find_action(whisk, name) is None:
            raise Failure(f"There is no {name}.", "`modelwhisk list` shows what is there.", status=404)
        return _delete_action(whisk, name, None)
    # A binding lists the actions of the package that it stands for: they stay, and it alone goes.
    paths = [] if package.binding else _own_actions(whisk, name, package)
    for path in paths:
        whisk.delete_action(path)
    whisk.delete_package(name)
    return paths or [name]


def _own_actions(whisk: OpenWhisk, name: str, package: Package) -> list[str]:
    """The paths of a package's actions; raises Failure, before any is deleted, where one that is listed isn't in it."""
    actions = whisk.list_actions(name)
    for action in actions:
        if (action.namespace, action.package) != (package.namespace, package.name):
            raise Failure(
                f"The platform lists {action.full_name} among the actions of {name}.",
                "Nothing was deleted. `modelwhisk delete NAME/VERSION` deletes one at a time.",
            )
    return [names.action_path(f"{name}/{action.name}") for action in actions]
