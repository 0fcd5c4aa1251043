"""Where a model's action is: a plain action NAME, or NAME/VERSION in a package of that name."""

from __future__ import annotations

import re
from collections.abc import Callable
from shlex import quote
from typing import TypeVar

from modelwhisk.deploy.failure import Failure
from modelwhisk.openwhisk import Action, OpenWhisk, OpenWhiskError, Package

# The action that answers a package's callers who choose no version.
DEFAULT_VERSION = "default"

# core/entity/EntityPath.scala, `EntityName.REGEX`
_NAME = re.compile(r"\w|\w[\w@ .-]{0,254}[\w@.-]", re.ASCII)

Entity = TypeVar("Entity")


def action_path(name: str, version: str | None = None) -> str:
    """`name` or `name/version`; raises Failure for a name that the platform doesn't take."""
    path = f"{name}/{version}" if version else name
    parts = path.removeprefix("/").split("/")
    if version and "/" in name:
        raise Failure(f"{name} names a package already.", "A model with versions has the package for itself: NAME.")
    if len(parts) > (3 if path.startswith("/") else 2) or not all(_NAME.fullmatch(part) for part in parts):
        raise Failure(
            f"{path!r} can't be a name of an action.",
            "Names are letters, digits, and _ @ . - or spaces between them; [PACKAGE/]NAME.",
        )
    return path


def find_action(whisk: OpenWhisk, path: str) -> Action | None:
    """The action, or None where there is none: neither of that name nor in a package of that name."""
    return _find(whisk.find_action, path)


def find_package(whisk: OpenWhisk, name: str) -> Package | None:
    """The package, or None where there is none of that name."""
    return _find(whisk.find_package, name)


def _find(find: Callable[[str], Entity | None], name: str) -> Entity | None:
    try:
        return find(name)
    except OpenWhiskError as problem:
        # Actions and packages share their names, and asking for one as the other is a conflict:
        # "Resource by this name exists but is not in this collection." (core/controller, ApiUtils.scala)
        if problem.status == 409:
            return None
        raise


def require_free(whisk: OpenWhisk, path: str) -> None:
    """Raises Failure where a package stands in the way of a plain action, or a plain action in that of a package."""
    package, slash, _ = path.rpartition("/")
    if slash and not package.startswith("/"):
        _require_no_action(whisk, package)
    elif not slash and find_package(whisk, path) is not None:
        versions = ", ".join(sorted(action.name for action in whisk.list_actions(path))) or "none yet"
        raise Failure(
            f"{path} is a package, with the versions {versions}.",
            f"Deploy one of them with --version, or delete it all: `modelwhisk delete {quote(path)} --all`.",
        )


def _require_no_action(whisk: OpenWhisk, package: str) -> None:
    if find_action(whisk, package) is not None:
        raise Failure(
            f"There is a plain action {package}, which stands in the way of a package of that name.",
            f"Delete it first (`modelwhisk delete {quote(package)}`; its URL ends with it), or choose another name.",
        )


def require_action(whisk: OpenWhisk, path: str) -> Action:
    """The action; raises Failure where it isn't there, with what is there under that name."""
    found = find_action(whisk, path)
    if found is not None:
        return found
    if "/" not in path and find_package(whisk, path) is not None:
        # A package answers under its own name where it has a default.
        default = find_action(whisk, f"{path}/{DEFAULT_VERSION}")
        if default is not None:
            return default
        versions = ", ".join(sorted(action.path for action in whisk.list_actions(path)))
        raise Failure(
            f"{path} has versions and no default.",
            f"Name one of {versions}." if versions else f"It is empty: `modelwhisk delete {quote(path)} --all`.",
        )
    raise Failure(f"There is no action {path}.", "`modelwhisk list` shows what is there.", status=404)
