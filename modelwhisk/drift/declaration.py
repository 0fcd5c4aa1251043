"""Which embedding stands for an input: as it was asked for, else as the model's files and the inputs suggest."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelwhisk import adapter
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.local_model import choice_of_host

Declaration = dict[str, Any]

_METHOD = "embed"
_CLASSES = {"predictor": "Predictor", "deployment": "Deployment"}
_FEWEST = 2  # numbers that make a vector
_EVERY = "*"


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
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 (slow to import, and needed only here)

    try:
        with Image.open(io.BytesIO(given.content())) as picture:
            picture.verify()
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return False
    return True


def candidates(answer: Any) -> dict[str, int]:
    """The vectors in a model's answer: how many numbers each has, by JSON pointer."""
    return dict(_vectors_in(answer, ""))


def _vectors_in(value: Any, pointer: str) -> Iterator[tuple[str, int]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _vectors_in(part, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        if _is_vector(value) or all(map(_is_vector, value)):
            yield pointer, len(value if _is_vector(value) else value[0])
        elif len(value) >= _FEWEST and all(isinstance(part, Mapping) for part in value):
            for name, part in value[0].items():
                if _is_number(part) and all(_is_number(other.get(name)) for other in value):
                    yield f"{pointer}/{_EVERY}/{name.replace('~', '~0').replace('/', '~1')}", len(value)
        else:
            yield from _vectors_in(value[0], f"{pointer}/0")


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= _FEWEST and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def what_there_is(answer: Any) -> str:
    """The ways to declare an embedding that are open, for people."""
    lines = ["say with --embedding what stands for an input:"]
    lines += [
        f"  answer:{pointer}   {count} numbers of the model's answer" for pointer, count in candidates(answer).items()
    ]
    lines += [
        "  function:MODULE:FUNCTION   a function of the model's own that takes the input and returns numbers",
        "  method:NAME   a method of its Predictor or Deployment",
        "  onnx-layer:NAME   a tensor within its ONNX file",
        "  picture   the general embedding, for inputs that are pictures",
    ]
    return "\n".join(lines)
