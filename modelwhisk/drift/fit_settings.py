"""The settings of `drift fit` that the command's options make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwhisk.drift import declaration
from modelwhisk.drift.embedding import Asking
from modelwhisk.drift.fit import Settings
from modelwhisk.drift.inputs import read_inputs
from modelwhisk.drift.model_choice import choose
from modelwhisk.drift.reference import Choices
from modelwhisk.map.command import split_forms

# Each copy of a model needs its memory; more than a few are asked for by name.
_MOST_COPIES = 4
_CALLS = 8


def settings_of(options: Mapping[str, Any], environment: Mapping[str, str], processors: int) -> Settings:
    """The settings; raises `ValueError` where the options say what can't be."""
    if options["resume"] and options["overwrite"]:
        raise ValueError("--resume goes on, --overwrite begins anew: give one of them")
    declared = declaration.parse(options["embedding"], options["by"]) if options["embedding"] else None
    if declared is None and options["by"] is not None:
        raise ValueError("--by goes with --embedding answer:/POINTER")
    model = choose(options["model"], python=options["python"], environment=environment, memory=options["memory"])
    _, constants = split_forms((), options["parameters"])
    inputs = read_inputs(options["inputs"], constants)
    names = {given.name for given in inputs}
    validation = read_inputs(options["validation"], constants) if options["validation"] else []
    if shared := [given.name for given in validation if given.name in names]:
        raise ValueError(f"{shared[0]} is a training input and a validation input; {len(shared)} are both")
    return Settings(
        model=model,
        inputs=inputs,
        out=options["out"],
        declared=declared,
        validation=validation,
        asking=Asking(options["field"], options["path"], options["specification"]),
        choices=Choices(
            **{name: options[name] for name in ("metric", "neighbours", "quantile", "half", "damping", "index")},
            jobs=options["jobs"] or (_CALLS if model.local is None else min(_MOST_COPIES, processors)),
        ),
        resume=options["resume"],
        overwrite=options["overwrite"],
    )
