"""`modelwhisk map`: a model over many inputs, in parallel, on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from modelwhisk.map.inputs import BadInputs, Row, Text, format_of, from_patterns, read, rows_of

_STATUS_HELP = """
Exit status: 0 all succeeded, 1 some failed or nothing could be sent, 2 wrong usage, 130 interrupted.
"""


@click.command("map", epilog=_STATUS_HELP)
@click.argument("model", metavar="NAME_OR_URL")
@click.option(
    "-F",
    "--form",
    "forms",
    multiple=True,
    metavar="FIELD=@PATTERN",
    help="Files for an input, one call each: a pattern (quoted; ** for folders within), a folder or a file. Without @ "
    "a text that goes with each.",
)
@click.option("-q", "-p", "--param", "parameters", multiple=True, metavar="FIELD=VALUE", help="Goes with each input.")
@click.option(
    "-i",
    "--inputs",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Inputs from a file, - for stdin: lines of text, JSON lines (.jsonl) or a table with a head (.csv, .tsv).",
)
@click.option("--inputs-format", type=click.Choice(["lines", "jsonl", "csv", "tsv"]), help="If the name doesn't say.")
@click.option("--field", help="The input that lines are for, where the model needs several.")
@click.option("--paths", is_flag=True, help="Texts in rows, which you trust, name the files that are sent.")
@click.option("-j", "--jobs", default=8, show_default=True, type=click.IntRange(1, 1000), help="Calls at a time.")
@click.option("-o", "--out", default="-", metavar="FILE", help="Where results go: .jsonl or .csv; stdout by default.")
@click.option("--out-format", type=click.Choice(["jsonl", "csv"]), help="If the name doesn't say; default jsonl.")
@click.option("--files", type=click.Path(file_okay=False, path_type=Path), help="Folder for answers that are files.")
@click.option("--unordered", is_flag=True, help="Results in the order of the answers, not of the inputs.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted run left; nothing is done twice.")
@click.option("--retry-failed", is_flag=True, help="With --resume: also what failed and may end otherwise now.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@click.option("--attempts", default=6, show_default=True, type=click.IntRange(1), help="Tries of each input at most.")
@click.option("--patience", default=600.0, show_default=True, metavar="S", help="How long an input waits on 429s.")
@click.option("--timeout", default=330.0, show_default=True, metavar="S", help="How long an answer may take.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header for each request.")
@click.option("--specification", type=click.Path(exists=True), help="The model's inputs, where it has no Swagger.")
@click.option("--path", help="The path that predicts, where the description leaves it open.")
@click.option("--limit", type=click.IntRange(1), metavar="BYTES", help="What the platform takes, if not 1 MiB.")
@click.option("--memory", type=int, metavar="MB", help="The action's memory limit, to estimate GB-seconds.")
@click.option("--shrink", is_flag=True, help="Scale pictures down that are too large for the platform.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one line of JSON, on stderr.")
def map_command(**options: Any) -> None:
    """Run a model over many inputs, in parallel, and keep one line for each.

    \b
    modelwhisk map digits -F image=@'photos/*.jpg' --jobs 50 --out results.jsonl
    modelwhisk map language -i sentences.txt --out results.csv
    modelwhisk map digits -i cases.jsonl --paths --out results.jsonl --resume

    A line has the input, the status, the latency in ms, and the answer, the file of an answer that isn't text, or the
    error. What may pass (429, 5xx, timeouts, broken connections) is tried again with growing waits. Lines are written
    as answers come and put in order at the end, so that after an interruption of any kind --resume goes on.
    """
    from modelwhisk.map.session import Session, settings_of  # noqa: PLC0415 (imports the HTTP libraries)

    try:
        settings = settings_of(options, rows_given(options))
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    sys.exit(Session(settings).run())


def rows_given(options: dict[str, Any]) -> list[Row]:
    """The inputs that the options name; lines without a field have the name "" until the model is asked.

    Raises `ValueError`.
    """
    patterns, constants = split_forms(options["forms"], options["parameters"])
    if options["inputs"] is not None:
        if patterns:
            raise BadInputs("give inputs either as files with -F or in a file with --inputs")
        items = _read_file(options)
    elif patterns:
        items = from_patterns(patterns)
    else:
        raise BadInputs("give inputs: -F FIELD=@PATTERN or --inputs FILE")
    return rows_of({**constants, **item} for item in items)


def _read_file(options: dict[str, Any]) -> list[dict[str, Any]]:
    name = options["inputs"]
    form = options["inputs_format"] or format_of(name)
    field = options["field"] or ""
    if name == "-":
        return list(read(sys.stdin, form, field))
    try:
        with open(name, encoding="utf-8-sig", newline="") as stream:
            return list(read(stream, form, field))
    except UnicodeDecodeError as problem:
        raise BadInputs(f"{name} is no UTF-8: {problem}") from problem
    except OSError as problem:
        raise BadInputs(f"{name} can't be read: {problem.strerror}") from problem


def split_forms(forms: tuple[str, ...], parameters: tuple[str, ...]) -> tuple[dict[str, str], dict[str, Any]]:
    """The patterns of files by field, and the texts that go with each input."""
    patterns: dict[str, str] = {}
    constants: dict[str, Any] = {}
    for item in (*forms, *parameters):
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise BadInputs(f"{item!r} is not FIELD=VALUE")
        if name in patterns or name in constants:
            raise BadInputs(f"{name} is given twice")
        if item in forms and text.startswith("@"):
            patterns[name] = text[1:]
        else:
            constants[name] = Text(text)
    return patterns, constants
