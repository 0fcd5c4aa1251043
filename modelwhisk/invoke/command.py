"""`modelwhisk invoke`: one call of a model on the command line."""

from __future__ import annotations

import sys
from typing import Any

import click

_EPILOG = """
Exit status: 0 answered (2xx, 3xx), 1 no answer or no such action, 2 wrong usage or inputs (nothing was sent), 3 not
ready and not to be followed, 4 a 4xx, 5 a 5xx.
"""


@click.command(epilog=_EPILOG)
@click.argument("model", metavar="NAME_OR_URL")
@click.option(
    "-F",
    "--form",
    multiple=True,
    metavar="NAME=@FILE|TEXT",
    help="A field of a form: a file (@- is stdin; ;type=MEDIA/TYPE after its name) or a text.",
)
@click.option("-q", "--query", multiple=True, metavar="NAME=TEXT", help="A parameter of the query.")
@click.option("-d", "--data", metavar="JSON|@FILE|-", help="The body: JSON, a file, or stdin.")
@click.option(
    "-p",
    "--param",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input of the model, sent as its Swagger says, and checked; a file goes by -F.",
)
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header.")
@click.option("-X", "--request", "method", metavar="METHOD", help="The method; else as the options or the model say.")
@click.option(
    "-o",
    "--out",
    metavar="FILE|FOLDER",
    help="Where the answer goes; in a folder under its own name, where that ends as data do.",
)
@click.option("--plain", is_flag=True, help="A plain invocation through the REST API, not by the web URL.")
@click.option("--check", is_flag=True, help="Check -F, -q and -d against the model's Swagger, too.")
@click.option("--shrink", is_flag=True, help="Scale pictures down that are too large for the platform (needs Pillow).")
@click.option("--limit", type=click.IntRange(1), metavar="BYTES", help="What the platform takes, if not 1 MiB.")
@click.option("--retry", is_flag=True, help="Send again after 502, 503, 504, timeouts and broken connections.")
@click.option("--patience", default=120.0, show_default=True, metavar="S", help="How long to wait on 429s.")
@click.option("--wait", "polling", default=600.0, show_default=True, metavar="S", help="How long to follow a 202.")
@click.option("--timeout", default=330.0, show_default=True, metavar="S", help="How long an answer may take.")
@click.option("-v", "--verbose", is_flag=True, help="Status, times and activation, on stderr.")
def invoke(**options: Any) -> None:
    """Call a model by its web URL, or by the name of its action.

    \b
    modelwhisk invoke digits -F image=@digit.png -q top=1
    modelwhisk invoke digits -F image=@digit.png -p top=1
    modelwhisk invoke language -d '{"text": ["Guten Tag"]}'
    modelwhisk invoke https://host/api/v1/web/guest/default/restorer -F image=@- -o . < noisy.png

    JSON is shown in colours on a terminal, pictures where the terminal can; other files are written under their own
    names. In a pipe the answer's bytes are untouched.
    """
    from modelwhisk.invoke.session import run  # noqa: PLC0415 (imports the HTTP libraries)

    sys.exit(run(options))
