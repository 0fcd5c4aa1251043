"""Which embedding stands for an input: as it was asked for, else as the model's files and the inputs suggest."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from modelwhisk import adapter
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.local_model import choice_of_host

Declaration = dict[str, Any]

_METHOD = "embed"
_CLASSES = {"predictor": "Predictor", "deployment": "Deployment"}
_FEWEST = 2  # numbers that make a vector
_MOST_SHOWN = 20  # vectors of an answer
_LONGEST_POINTER = 500  # characters of one that somebody would paste
_SIDE = 64  # of the pictures that the general embedding looks at


class NotDeclared(ValueError):
    """It isn't clear which embedding to take; the text lists what there is."""


def parse(text: str, by: str | None = None) -> Declaration:
    """What `--embedding` says: KIND, or KIND:DETAIL. Raises `ValueError`."""
    kind, _, detail = text.partition(":")
    written: Declaration = {"kind": kind}
    field = {"onnx-layer": "layer", "function": "target", "method": "name", "answer": "pointer"}.get(kind)
    if detail and field is None:
        raise ValueError(f"--embedding {kind} takes nothing after the colon")
    if detail and field is not None:
        written[field] = detail
    if by is not None:
        if kind != "answer":
            raise ValueError("--by goes with --embedding answer:/POINTER")
        written["by"] = by
    return dict(adapter.part("drift.declaration").checked(written))


def found(folder: Path | None, inputs: Sequence[Given]) -> Declaration | None:
    """The embedding that model and inputs have without being asked, None where that isn't clear."""
    if folder is not None:
        host = choice_of_host(folder)
        if _has_inner_layer(folder):
            return parse("onnx-layer")
        if host in _CLASSES and _has_method(folder, _CLASSES[host]):
            return parse("method")
    if all(given.file is not None for given in inputs) and _is_picture(inputs[0]):
        return parse("picture")
    return None


def _has_inner_layer(folder: Path) -> bool:
    """Whether there is one ONNX file, with a layer before its outputs that is found."""
    inside = [path.relative_to(folder) for path in folder.rglob("*.onnx")]
    files = [folder / path for path in inside if not any(part.startswith(".") for part in path.parts)]
    if len(files) != 1:
        return False
    try:
        return bool(adapter.part("drift.onnx_graph").Graph(files[0].read_bytes()).layer())
    except (OSError, ValueError):  # no model that can be read, or none with an inner layer
        return False


def _has_method(folder: Path, name: str) -> bool:
    """Whether a class of that name, in whichever of the places where it may be, has a method `embed`."""
    for path in (folder / f"{name.lower()}.py", folder / "deployment_package" / f"{name.lower()}.py"):
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return any(isinstance(part, ast.FunctionDef) and part.name == _METHOD for part in node.body)
    return False


def _is_picture(given: Given) -> bool:
    try:
        with adapter.part("formats.picture_file").opened(given.content(), side=_SIDE) as picture:
            picture.verify()
    except Exception:  # Pillow raises anything on what is no picture
        return False
    return True


@dataclass(frozen=True)
class Candidate:
    """A vector in a model's answer: its JSON pointer, how many numbers it has, and where it is of elements the key by
    which they can be put in order."""

    pointer: str
    count: int
    by: str | None = None

    @property
    def options(self) -> str:
        """How it is declared on the command line."""
        # The model's own words, in what is there to be pasted into a shell.
        order = [] if self.by is None else ["--by", self.by]
        return shlex.join(["--embedding", f"answer:{self.pointer}", *order])


def candidates(value: Any, pointer: str = "") -> Iterator[Candidate]:
    """The vectors in a model's answer, less those below a long pointer: each has all that is above it in its own."""
    if len(pointer) > _LONGEST_POINTER:
        return
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from candidates(part, f"{pointer}/{_escaped(name)}")
    elif isinstance(value, list) and value:
        if _is_vector(value) or all(map(_is_vector, value)):
            yield Candidate(pointer, len(value if _is_vector(value) else value[0]))
        elif len(value) >= _FEWEST and all(isinstance(part, Mapping) for part in value):
            yield from _of_elements(value, pointer)
        else:
            yield from candidates(value[0], f"{pointer}/0")


def _of_elements(elements: Sequence[Mapping[str, Any]], pointer: str) -> Iterator[Candidate]:
    """A number of each element, as a classifier's probabilities come with their labels."""
    labels = [
        name
        for name in elements[0]
        if all(isinstance(one.get(name), str) for one in elements)
        and len({one[name] for one in elements}) == len(elements)
    ]
    for name in elements[0]:
        if all(_is_number(one.get(name)) for one in elements):
            yield Candidate(f"{pointer}/*/{_escaped(name)}", len(elements), labels[0] if labels else None)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= _FEWEST and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def what_there_is(answer: Any) -> str:
    """The ways to declare an embedding that are open, for people."""
    short = (one for one in candidates(answer) if len(one.pointer) + len(one.by or "") <= _LONGEST_POINTER)
    found = list(islice(short, _MOST_SHOWN + 1))
    lines = ["say what stands for an input:"]
    lines += [f"  {one.options}   {one.count} numbers of the model's answer" for one in found[:_MOST_SHOWN]]
    lines += ["  and more of the model's answer"] if len(found) > _MOST_SHOWN else []
    lines += [
        "  --embedding function:MODULE:FUNCTION   numbers that a function of the model's own makes of an input",
        "  --embedding method:NAME   numbers that a method of its Predictor or Deployment makes of it",
        "  --embedding onnx-layer:NAME   a tensor within its ONNX file",
        "  --embedding picture   the general embedding, for inputs that are pictures",
    ]
    return "\n".join(lines)
