"""What all commands that talk to an OpenWhisk have in common: which one, JSON or text, how errors come out."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from modelwhisk.deploy.failure import Failure
from modelwhisk.openwhisk import OpenWhisk, OpenWhiskError
from modelwhisk.shown_text import Console, json_shown

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--host", "--apihost", metavar="HOST", help="OpenWhisk's address. Else WHISK_APIHOST, ~/.wskprops."),
    click.option("-u", "--auth", metavar="KEY", help="Key, uuid:secret. Else WHISK_AUTH, ~/.wskprops."),
    click.option("--namespace", metavar="NAME", help="Namespace. Else the key's own."),
    click.option("-i", "--insecure", is_flag=True, default=None, help="Don't check the host's certificate."),
    click.option("--json", "as_json", is_flag=True, help="JSON on stdout, for machines."),
)


def platform_command(command: Command) -> Command:
    """Gives a command the options of a connection, and `whisk` (a client) and `as_json` as arguments.

    What the platform refuses ends the command with status 1; with `--json` stdout tells it as an object with `error`,
    `advice` and `status`.
    """

    @functools.wraps(command)
    def wrapped(*, host: str, auth: str, namespace: str, insecure: bool, as_json: bool, **arguments: Any) -> Any:
        try:
            with OpenWhisk.connect(host, auth, namespace, insecure) as whisk:
                return command(whisk=whisk, as_json=as_json, **arguments)
        except OpenWhiskError as problem:
            _fail(_failure_of(problem), as_json, problem)
        except Failure as failure:
            _fail(failure, as_json, failure)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def _fail(failure: Failure, as_json: bool, cause: Exception) -> None:
    if as_json:
        write_json(failure.to_json())
        raise click.exceptions.Exit(failure.exit_code) from cause
    raise failure from cause


def _failure_of(problem: OpenWhiskError) -> Failure:
    number = f" ({problem.status})" if problem.status is not None else ""
    return Failure(problem.message + number, problem.advice, status=problem.status)


def write_json(value: Any) -> None:
    """One object on stdout, and nothing else."""
    click.echo(json_shown(value, indent=2))


def console(*, stderr: bool = False) -> Console:
    """A console for tables and lines; where it is no terminal nothing is cut off or wrapped.

    Colours go where the output is no terminal, or `NO_COLOR` is set.
    """
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 1000)
