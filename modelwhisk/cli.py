"""The command line: one group, to which each part of the tool adds its commands."""

from __future__ import annotations

from typing import Any

import click

from modelwhisk import __version__
from modelwhisk.deploy.command import deploy
from modelwhisk.deploy.listing import list_actions, status, url
from modelwhisk.deploy.logs import logs
from modelwhisk.deploy.removal import delete
from modelwhisk.drift.command import drift
from modelwhisk.invoke.command import invoke
from modelwhisk.local.command import local
from modelwhisk.map.command import map_command
from modelwhisk.shown_text import shown


class _Group(click.Group):
    """Its commands' errors may repeat what is in files and answers, which mustn't steer the terminal."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as problem:
            vars(problem).update(message=shown(problem.message))  # declared final
            raise


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelwhisk")
def main() -> None:
    """Turns any packaged Python model into an OpenWhisk web action, unchanged."""


main.add_command(local)
main.add_command(deploy)
main.add_command(list_actions)
main.add_command(status)
main.add_command(url)
main.add_command(invoke)
main.add_command(map_command)
main.add_command(drift)
main.add_command(logs)
main.add_command(delete)
