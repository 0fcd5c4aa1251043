"""`modelwhisk drift report`: retrain or not, and why, as a page, as JSON and as an exit status."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelwhisk import own_file
from modelwhisk.own_path import is_stream
from modelwhisk.shown_text import Console, json_shown, shown

if TYPE_CHECKING:
    from modelwhisk.drift.comparison import Comparison
    from modelwhisk.drift.observations import Observations

_STATUS_HELP = """
Exit status: 0 no drift, 3 drift, 4 too few inputs to tell, 1 something can't be read or reached, 2 wrong usage.
"""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Since(click.ParamType[timedelta]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", str(value).strip())
        if not match or not float(match[1]):
            self.fail(f"{value!r} is no time; give one as 90m, 24h or 7d", param, ctx)
        return timedelta(**{_UNITS[match[2]]: float(match[1])})


@click.command(epilog=_STATUS_HELP)
@click.argument("reference", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", metavar="NEW", nargs=-1)
@click.option("--model", help="The model's folder, image or action, where the embedding comes out of it.")
@click.option(
    "--validation", multiple=True, metavar="INPUTS", help="Fresh inputs of the training's source, to compare with."
)
@click.option("--activations", metavar="ACTION", help="Report on the calls of a deployed action instead of NEW.")
@click.option("--since", type=_Since(), default="24h", show_default=True, help="Only calls since then: 90m, 7d.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the page goes.")
@click.option("--json", "json_out", metavar="FILE", help="Where all numbers go as JSON; - for stdout.")
@click.option("--bound", type=click.FloatRange(0, 1, max_open=True), help="Retrain where surely more drifted.")
@click.option("--by-time", is_flag=True, help="Files came when they were last modified.")
@click.option("--field", help="The input that files or lines are for, where the model has several.")
@click.option("--path", help="The path that predicts, where the model's description leaves it open.")
@click.option("--python", default=sys.executable, help="The Python that runs the model's folder.")
@click.option("-e", "--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable for the model.")
@click.option("--memory", default=2048, show_default=True, metavar="MB", help="Memory of a model's container.")
@click.option("-j", "--jobs", type=click.IntRange(1, 64), help="Copies of the model, or calls at a time.")
@click.option("--host", "--apihost", metavar="HOST", help="OpenWhisk's address. Else WHISK_APIHOST, ~/.wskprops.")
@click.option("-u", "--auth", metavar="KEY", help="Key, uuid:secret. Else WHISK_AUTH, ~/.wskprops.")
@click.option("--namespace", metavar="NAME", help="Namespace. Else the key's own.")
@click.option("-i", "--insecure", is_flag=True, default=None, help="Don't check the host's certificate.")
def report(**options: Any) -> None:
    """Tell whether new inputs are like those that the model was trained on.

    \b
    modelwhisk drift report digits.drift november/ --validation held-out/ -o report.html
    modelwhisk drift report digits.drift results.jsonl -o report.html
    modelwhisk drift report digits.drift --activations digits --since 24h -o report.html

    FILE is a reference of modelwhisk drift fit. NEW are files, folders and patterns of inputs, as fit takes them, or a
    file of results of modelwhisk map, whose answers carried Model-Drift.

    The first line says whether to retrain. It does where more inputs than chance explains, and surely more than
    --bound (5 %, or twice what is expected), are farther away than the reference's threshold.
    """
    _check_usage(options)
    try:
        from modelwhisk.drift.plotting import import_matplotlib  # noqa: PLC0415

        import_matplotlib()
        from modelwhisk.drift import page  # noqa: PLC0415 (imports numpy, scipy and matplotlib)
    except ImportError as problem:
        raise click.ClickException(
            f"{problem.name} isn't installed; pip install 'modelwhisk[drift]' brings what reports need"
        ) from problem
    reference = _opened(options["reference"])
    comparison = _compared(reference, options)
    if options["out"] is not None:
        _write(options["out"], page.render(comparison, reference))
    if options["json_out"] is not None:
        text = json_shown(page.as_json(comparison, reference), indent=1, allow_nan=False) + "\n"
        if options["json_out"] == "-":
            click.echo(text, nl=False)
        else:
            _write(Path(options["json_out"]), text)
    _tell(comparison, options)
    raise click.exceptions.Exit(comparison.verdict.exit_status)


def _check_usage(options: Mapping[str, Any]) -> None:
    if bool(options["new"]) == bool(options["activations"]):
        raise click.UsageError("give either new inputs or --activations ACTION")
    for item in options["variables"]:
        if "=" not in item:
            raise click.UsageError(f"{item!r} is not NAME=VALUE")


def _opened(path: Path) -> Any:
    """The reference, all of it checked."""
    from modelwhisk import adapter  # noqa: PLC0415
    from modelwhisk.drift.thresholds import check_told  # noqa: PLC0415

    module = adapter.part("drift.reference")
    try:
        reference = module.Reference(str(path), check=False)
        reference.verify()
        check_told(reference.about)
    except module.Refused as problem:
        raise click.ClickException(str(problem)) from problem
    except ValueError as problem:
        raise click.ClickException(f"{path} is no reference that can be reported by: {problem}") from problem
    except OSError as problem:
        raise click.ClickException(f"{path} can't be read: {problem.strerror or problem}") from problem
    return reference


def _compared(reference: Any, options: Mapping[str, Any]) -> Comparison:
    import numpy as np  # noqa: PLC0415

    from modelwhisk.drift.comparison import Settings, compare  # noqa: PLC0415
    from modelwhisk.drift.local_model import NoModel  # noqa: PLC0415
    from modelwhisk.drift.new_inputs import Interrupted  # noqa: PLC0415
    from modelwhisk.drift.observations import training_distances  # noqa: PLC0415
    from modelwhisk.map.inputs import BadInputs  # noqa: PLC0415
    from modelwhisk.openwhisk import OpenWhiskError  # noqa: PLC0415

    try:
        new = _new(reference, options)
        validation = _observed(reference, options["validation"], options) if options["validation"] else None
        training = training_distances(reference, np.random.default_rng(0))
        return compare(reference, training, new, validation, Settings(options["bound"]))
    except BadInputs as problem:
        raise click.UsageError(str(problem)) from problem
    except (ValueError, OverflowError, NoModel, OpenWhiskError) as problem:  # a time beyond all calendars, say
        raise click.ClickException(str(problem)) from problem
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        raise click.ClickException(f"{where}{problem.strerror or problem}") from problem
    except Interrupted:
        raise click.exceptions.Exit(130) from None


def _new(reference: Any, options: Mapping[str, Any]) -> Observations:
    from modelwhisk.drift import told  # noqa: PLC0415
    from modelwhisk.openwhisk import OpenWhisk  # noqa: PLC0415

    if not options["activations"]:
        return _observed(reference, options["new"], options)
    with OpenWhisk.connect(options["host"], options["auth"], options["namespace"], options["insecure"]) as whisk:
        found = told.of_activations(whisk, options["activations"], options["since"], reference)
    _require(found, "was the action built with --drift, and called since?")
    return found


def _observed(reference: Any, arguments: Sequence[str], options: Mapping[str, Any]) -> Observations:
    """Inputs with their distances, as their results tell them or as the model gives them now."""
    from modelwhisk.drift import told  # noqa: PLC0415
    from modelwhisk.drift.embedding import Asking  # noqa: PLC0415
    from modelwhisk.drift.inputs import read_inputs  # noqa: PLC0415
    from modelwhisk.drift.model_choice import choose  # noqa: PLC0415
    from modelwhisk.drift.new_inputs import How, embedded  # noqa: PLC0415

    source = ", ".join(arguments)
    if len(arguments) == 1 and told.is_results(Path(arguments[0])):
        found = told.of_results(Path(arguments[0]), reference)
        _require(found, "was the action built with --drift? Else give the inputs themselves, and --model")
        return found
    model = None
    if options["model"] is not None:
        variables = dict(item.split("=", 1) for item in options["variables"])
        model = choose(options["model"], python=options["python"], environment=variables, memory=options["memory"])
    jobs = options["jobs"] or max(1, (os.cpu_count() or 2) - 1)
    how = How(model, Asking(options["field"], options["path"]), jobs, options["by_time"])
    found = embedded(read_inputs(arguments), source, reference, how, Console(stderr=True))
    _require(found, "is it the right model, and are these its inputs?")
    return found


def _require(found: Observations, advice: str) -> None:
    if not found.items:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in found.skipped.items()) or "there are none"
        raise ValueError(f"no input of {found.source} has a distance ({reasons}): {advice}")


def _write(path: Path, text: str) -> None:
    try:
        content = text.encode("utf-8", "backslashreplace")  # half of a surrogate pair has no bytes
        if is_stream(path):
            own_file.write(path, content)
            return
        with own_file.own_file(path) as file:
            there = file.found()
            if there is None or stat.S_ISREG(there.st_mode):
                with file.anew() as page:  # whole, or what was there before
                    page.write(content)
            else:  # a pipe, say: nothing that a file could take the place of
                file.write(content)
    except OSError as problem:
        where = "" if problem.filename in (None, str(path)) else f"{problem.filename}: "
        raise click.ClickException(f"{path} can't be written: {where}{problem.strerror}") from problem


def _tell(comparison: Comparison, options: Mapping[str, Any]) -> None:
    """What a person or a job's log needs: the sentence, what was left out, where the page is."""
    to_stderr = options["json_out"] == "-"
    click.echo(comparison.verdict.sentence, err=to_stderr)
    for reason, count in comparison.new.skipped.items():
        click.echo(shown(f"{count} left out: {reason}"), err=True)
    if options["out"] is not None:
        click.echo(f"The report is in {options['out']}", err=to_stderr)
