"""The command line: one group, to which each part of the tool adds its commands."""

from __future__ import annotations

import click

from modelwhisk import __version__
from modelwhisk.local.command import local


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelwhisk")
def main() -> None:
    """Turns any packaged Python model into an OpenWhisk web action, unchanged."""


main.add_command(local)
