"""`modelwhisk drift`: the group of commands, `fit`, `show` and `report`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from modelwhisk.drift.report_command import report
from modelwhisk.local.command import read_env_file

_STATUS_HELP = """
Exit status: 0 done, 1 some inputs failed or no reference could be made, 2 wrong usage, 130 interrupted.
"""
_NEEDS = "modelwhisk drift needs {}, which isn't installed: pip install 'modelwhisk[drift]'"


@click.group()
def drift() -> None:
    """Know when inputs are unlike those that a model was trained on."""


@drift.command("fit", epilog=_STATUS_HELP)
@click.argument("model", metavar="MODEL")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUTS...")
@click.option(
    "-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="The reference."
)
@click.option(
    "--embedding",
    metavar="KIND[:DETAIL]",
    help="What stands for an input: onnx-layer[:NAME], function:MODULE:FUNCTION, method[:NAME], answer:/JSON/POINTER, "
    "picture. Found where model and inputs leave no doubt.",
)
@click.option("--by", metavar="KEY", help="With answer:/a/*/b: the key by which elements are sorted first.")
@click.option("--metric", type=click.Choice(["l2", "l1", "cosine"]), default="l2", show_default=True)
@click.option("--neighbours", type=click.IntRange(1, 100), default=3, show_default=True, help="Nearest that count.")
@click.option(
    "--quantile",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
    help="Which part of fresh inputs of the same source isn't to count as drifted.",
)
@click.option(
    "--damping/--no-damping",
    default=None,
    help="Directions in which the inputs themselves differ much count less, so that others are seen. By default for up "
    "to 5,000 inputs, since searches take longer, and where there are a third more inputs than numbers; never with l1.",
)
@click.option("--half", is_flag=True, help="Keep vectors in half precision: half the size.")
@click.option(
    "--index",
    type=click.Choice(["auto", "none", "usearch"]),
    default="auto",
    show_default=True,
    help="A nearest-neighbour index; auto: where there are 10,000 inputs or more.",
)
@click.option(
    "--validation",
    multiple=True,
    metavar="INPUTS",
    help="Inputs that the model wasn't trained on: how many of them are beyond the threshold is told.",
)
@click.option("-j", "--jobs", type=click.IntRange(1, 1000), help="Copies of the model, or calls at a time.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted run left; what failed is tried again.")
@click.option("--overwrite", is_flag=True, help="Replace a reference that is there.")
@click.option("--field", help="The model's input that files or bare values are for, where it has several.")
@click.option("-p", "--param", "parameters", multiple=True, metavar="FIELD=VALUE", help="Goes with each input.")
@click.option("--path", help="The path that predicts, where the model's description leaves it open.")
@click.option("--specification", type=click.Path(exists=True), help="The model's inputs, where it has no Swagger.")
@click.option("--memory", default=2048, show_default=True, metavar="MB", help="Memory limit of an image's container.")
@click.option("--python", default=sys.executable, show_default="this one", help="Interpreter for a folder.")
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="NAME=value lines for the model's environment.",
)
def fit(**options: Any) -> None:
    """Make the reference that drift is measured by, from the inputs that a model was trained on.

    \b
    modelwhisk drift fit models/onnx-digits training-pictures/ -o digits.drift
    modelwhisk drift fit me/sentences:1.2 sentences.jsonl -o sentences.drift --embedding answer:/predictions/0

    MODEL is a model's folder, an image that build.sh made, or the name of a deployed action. INPUTS are files,
    folders and patterns; .jsonl, .csv, .tsv, .txt and .npz have many inputs in them. Each input is sent to the model,
    and what an inner layer (or whatever else is declared) makes of it is kept. Nothing of the model is changed.

    An input counts as drifted when the mean distance to its nearest training inputs is larger than that of nearly all
    training inputs to the others. An interrupted run goes on with --resume.
    """
    try:
        from modelwhisk.drift.fit import Fit  # noqa: PLC0415 (imports numpy and the HTTP libraries)
        from modelwhisk.drift.fit_settings import settings_of  # noqa: PLC0415
    except ModuleNotFoundError as problem:
        raise click.ClickException(_NEEDS.format(problem.name)) from problem
    try:
        environment = read_env_file(options["env_file"]) if options["env_file"] else {}
        settings = settings_of(options, environment, os.cpu_count() or 1)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    sys.exit(Fit(settings).run())


@drift.command("show")
@click.argument("reference", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="What the file says of itself, as JSON.")
def show(reference: Path, as_json: bool) -> None:
    """Tell what is in a reference, and whether it is what was written: all checksums are compared."""
    try:
        from modelwhisk.drift.showing import show_reference  # noqa: PLC0415 (imports numpy)
    except ModuleNotFoundError as problem:
        raise click.ClickException(_NEEDS.format(problem.name)) from problem
    sys.exit(show_reference(reference, as_json=as_json))


drift.add_command(report)
