"""The inputs that are named on the command line: files of pictures or sounds, and files with many inputs in them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwhisk.map.inputs import BadInputs, Text, format_of, key_of, matching, read

SOLE = ""  # the field of an input that names none: the model's only one, or its whole body
_TABLES = (".jsonl", ".ndjson", ".csv", ".tsv", ".txt")
_LONGEST_EXAMPLE = 200  # characters


@dataclass(frozen=True)
class Given:
    """An input. `name` is what it is known by: a file's path, or a path and the number of the input in it.

    `values` are by field; `SOLE` is the one of an input that is a file or a bare value.
    """

    name: str
    values: Mapping[str, Any]

    @property
    def file(self) -> Path | None:
        """The file that it is, where it is one."""
        return next((value for value in self.values.values() if isinstance(value, Path)), None)

    @property
    def example(self) -> str:
        """What it says, shortened, where it is no file."""
        values = [value for value in self.values.values() if not isinstance(value, Path)]
        text = values[0] if len(values) == 1 and isinstance(values[0], str) else key_of(self.values)
        return " ".join(str(text).split())[:_LONGEST_EXAMPLE]


def read_inputs(arguments: Sequence[str], constants: Mapping[str, Any] | None = None) -> list[Given]:
    """All inputs in files, folders (and the folders in them) and patterns; `constants` go with each.

    `.jsonl` has an input a line, `.txt` a text, `.csv` and `.tsv` a row with its fields in the head, `.npz` the rows of
    its arrays; every other file is itself an input. A file that is named twice counts once. Raises `BadInputs`.
    """
    found: dict[str, Given] = {}
    for path in _files(arguments):
        for given in _inputs_in(path):
            found.setdefault(given.name, Given(given.name, {**(constants or {}), **given.values}))
    if not found:
        raise BadInputs(f"there are no inputs in {', '.join(arguments)}")
    return list(found.values())


def without_copies(inputs: Sequence[Given]) -> tuple[list[Given], list[tuple[Given, Given]]]:
    """The inputs less those files that have the very bytes of one before them, and each of these with that one.

    A copy would be its original's nearest neighbour, and make what is near look nearer than fresh inputs ever are.
    Texts and numbers that come twice stay: fresh ones will come twice as often.
    """
    sizes = Counter(given.file.stat().st_size for given in inputs if given.file is not None and given.file.is_file())
    first: dict[bytes, Given] = {}
    kept, copies = [], []
    for given in inputs:
        if given.file is None or not given.file.is_file() or sizes[given.file.stat().st_size] == 1:
            kept.append(given)
            continue
        original = first.setdefault(hashlib.sha256(given.file.read_bytes()).digest(), given)
        if original is given:
            kept.append(given)
        else:
            copies.append((given, original))
    return kept, copies


def _files(arguments: Sequence[str]) -> Iterator[Path]:
    for argument in arguments:
        if Path(argument).is_dir():
            inside = [path.relative_to(argument) for path in Path(argument).rglob("*") if path.is_file()]
            shown = [path for path in inside if not any(part.startswith(".") for part in path.parts)]
            yield from (Path(argument) / path for path in sorted(shown))
        else:
            yield from matching("inputs", argument)


def _inputs_in(path: Path) -> Iterator[Given]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        yield from _rows_of_arrays(path)
    elif suffix in _TABLES:
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                for number, values in enumerate(read(stream, format_of(path.name), SOLE), start=1):
                    yield Given(f"{path}:{number}", values)
        except UnicodeDecodeError as problem:
            raise BadInputs(f"{path} is no UTF-8: {problem}") from problem
        except BadInputs as problem:
            raise BadInputs(f"{path}: {problem}") from problem
    else:
        yield Given(str(path), {SOLE: path})


def _rows_of_arrays(path: Path) -> Iterator[Given]:
    import numpy as np  # noqa: PLC0415 (only here, where the rest needs none)

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as problem:
        raise BadInputs(f"{path} is no file of plain arrays: {problem}") from problem
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1:
        lengths = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise BadInputs(f"{path}: its arrays must have a row for each input, equally many: {lengths}")
    for row in range(counts.pop()):
        values = {name: array[row].tolist() for name, array in arrays.items()}
        yield Given(f"{path}:{row + 1}", values if len(values) > 1 else {SOLE: next(iter(values.values()))})


def plain(values: Mapping[str, Any]) -> Any:
    """Values as the JSON body of a model that doesn't say what it takes: the sole one itself, else an object."""
    read_values = {name: _said(value) for name, value in values.items()}
    return (
        read_values[SOLE]
        if set(read_values) == {SOLE}
        else {name: value for name, value in read_values.items() if name != SOLE}
    )


def _said(value: Any) -> Any:
    if not isinstance(value, Text):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return str(value)
