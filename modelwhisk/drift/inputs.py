"""The inputs that are named on the command line: files of pictures or sounds, and files with many inputs in them."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwhisk.client.files import content_of
from modelwhisk.map.inputs import BadInputs, Text, all_in, format_of, key_of, matching, read
from modelwhisk.nested_json import loads

SOLE = ""  # the field of an input that names none: the model's only one, or its whole body
_TABLES = (".jsonl", ".ndjson", ".csv", ".tsv", ".txt")
_ARRAY = re.compile(r"(.+\.npz):(\w+)")
_LONGEST_EXAMPLE = 200  # characters
_LONGEST_HEADER = 250  # characters of an array's header, which numpy reads as source of Python, and writes in 118
_HARMLESS, _MOST_TIMES = 100_000_000, 100  # bytes that arrays may fill in any case; else how many times their file
_OF_A_ROW, _OF_A_CELL = 300, 100  # bytes at least that an input takes, and what it holds of each array
_OF_A_NUMBER, _OF_A_TEXT = 40, 100  # bytes at most of each number of a row's list, and of a text beside its characters
_NUMBERS, _MOST_OF_A_NUMBER = "biuf", 8  # kinds of numbers that JSON has, and bytes of the longest


@dataclass(frozen=True)
class Pixels:
    """A picture that is a row of an array, as data sets of pictures have them; it travels as a PNG."""

    array: Any
    row: int
    name: str

    def read(self) -> bytes:
        """The PNG."""
        from PIL import Image  # noqa: PLC0415 (slow to import, and seldom needed)

        stream = io.BytesIO()
        Image.fromarray(self.array[self.row]).save(stream, "PNG")
        return stream.getvalue()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Cells:
    """Another row of an array. As a list of Python's it takes ten times the memory, and more."""

    array: Any
    row: int


@dataclass(frozen=True)
class Given:
    """An input. `name` is what it is known by: a file's path, or a path and the number of the input in it.

    What it `holds` is by field; `SOLE` is the one of an input that is a file or a bare value.
    """

    name: str
    holds: Mapping[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        """What it holds; rows of arrays are lists, made when they are asked for."""
        return {
            name: value.array[value.row].tolist() if isinstance(value, Cells) else value
            for name, value in self.holds.items()
        }

    @property
    def file(self) -> Path | Pixels | None:
        """The file that it is, where it is one."""
        return next((value for value in self.holds.values() if isinstance(value, (Path, Pixels))), None)

    def content(self) -> bytes:
        """What is in its file; raises `OSError`."""
        file = self.file
        assert file is not None
        return file.read() if isinstance(file, Pixels) else content_of(file)

    @property
    def example(self) -> str:
        """What it says, shortened, where it is no file."""
        values = self.values
        others = [value for value in values.values() if not isinstance(value, (Path, Pixels))]
        text = others[0] if len(others) == 1 and isinstance(others[0], str) else key_of(values)
        return " ".join(str(text).split())[:_LONGEST_EXAMPLE]


def read_inputs(arguments: Sequence[str], constants: Mapping[str, Any] | None = None) -> list[Given]:
    """All inputs in files, folders (and the folders in them) and patterns; `constants` go with each.

    `.jsonl` has an input a line, `.txt` a text, `.csv` and `.tsv` a row with its fields in the head, `.npz` the rows of
    its arrays, or of one (`FILE.npz:NAME`), where bytes of 2 or 3 dimensions are pictures; every other file is itself
    an input. One that is named twice counts once. Raises `BadInputs`.
    """
    found: dict[str, Given] = {}
    for path, array in _files(arguments):
        for given in _inputs_in(path, array):
            found.setdefault(given.name, Given(given.name, {**(constants or {}), **given.holds}))
    if not found:
        raise BadInputs(f"there are no inputs in {', '.join(arguments)}")
    return list(found.values())


def without_copies(inputs: Sequence[Given]) -> tuple[list[Given], list[tuple[Given, Given]]]:
    """The inputs less those files that have the very bytes of one before them, and each of these with that one.

    A copy would be its original's nearest neighbour, and make what is near look nearer than fresh inputs ever are.
    Texts and numbers that come twice stay: fresh ones will come twice as often.
    """
    sizes = Counter(_size(given) for given in inputs)
    first: dict[bytes, Given] = {}
    kept, copies = [], []
    for given in inputs:
        size = _size(given)
        if size is None or sizes[size] == 1:
            kept.append(given)
            continue
        original = first.setdefault(hashlib.sha256(_raw(given)).digest(), given)
        if original is given:
            kept.append(given)
        else:
            copies.append((given, original))
    return kept, copies


def _size(given: Given) -> int | None:
    """Bytes of what its file or pixels are, None where it is no file."""
    file = given.file
    if isinstance(file, Pixels):
        return int(file.array[file.row].nbytes)
    return file.stat().st_size if file is not None and file.is_file() else None


def _raw(given: Given) -> bytes:
    return bytes(given.file.array[given.file.row].tobytes()) if isinstance(given.file, Pixels) else given.content()


def _files(arguments: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Each file, and the name of the array that is meant where one is."""
    for argument in arguments:
        if Path(argument).is_dir():
            yield from ((path, "") for path in all_in(Path(argument)))
        elif (named := _ARRAY.fullmatch(argument)) and not Path(argument).exists():
            yield from ((path, named[2]) for path in matching("inputs", named[1]))
        else:
            yield from ((path, "") for path in matching("inputs", argument))


def _inputs_in(path: Path, array: str) -> Iterator[Given]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        yield from _rows_of_arrays(path, array)
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


def _rows_of_arrays(path: Path, only: str) -> Iterator[Given]:
    arrays = _arrays_in(path, only)
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1:
        lengths = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise BadInputs(
            f"{path}: its arrays must have a row for each input, equally many: {lengths}. One alone is named after a "
            f"colon: {path}:NAME"
        )
    count = counts.pop()
    rows = {name: array for name, array in arrays.items() if not _are_pictures(array)}
    longest = sum(array.size // max(count, 1) * _bytes_of_one(array.dtype) for array in rows.values())
    if (size := count * (_OF_A_ROW + len(arrays) * _OF_A_CELL) + longest) > _most(path):
        raise BadInputs(f"{path}: its {count:,} rows would fill {size:,} bytes, more than {_MOST_TIMES} times the file")
    _refuse_no_text(path, rows)
    for row in range(count):
        name = f"{path}:{row + 1}"
        holds = {key: Cells(array, row) if key in rows else Pixels(array, row, name) for key, array in arrays.items()}
        yield Given(name, holds if len(holds) > 1 else {SOLE: next(iter(holds.values()))})


def _arrays_in(path: Path, only: str) -> dict[str, Any]:
    """The arrays by name, or the one that is named, of numbers or texts all of them."""
    import numpy as np  # noqa: PLC0415 (only here, where the rest needs none)

    try:
        with path.open("rb") as file:  # which numpy leaves open where it raises
            archive = np.load(file, allow_pickle=False, max_header_size=_LONGEST_HEADER)
            if isinstance(archive, np.ndarray):
                raise BadInputs(f"{path} is no file of plain arrays: it is a single one (.npy)")
            if only and only not in archive.files:
                raise BadInputs(f"{path} has no array {only}, only {', '.join(archive.files)}")
            names = [only] if only else archive.files
            _refuse_bomb(path, names)
            arrays = {name: archive[name] for name in names}
    except BadInputs:
        raise
    except Exception as problem:  # of a broken file, or of one made for it, zipfile and numpy raise anything
        said = str(problem).partition("\n")[0]  # and then what a caller of numpy's might do
        raise BadInputs(f"{path} is no file of plain arrays: {said}") from problem
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # the bytes of what isn't one
            raise BadInputs(f"{path} is no file of plain arrays: it has something else")
        if not _is_plain(array.dtype):
            raise BadInputs(f"{path}: {name} is of the type {array.dtype!s:.100}, and neither numbers nor texts")
    return arrays


def _refuse_bomb(path: Path, names: Sequence[str]) -> None:
    """Looks at what the arrays would fill before they are read: deflate makes a thousandfold of zeros."""
    with zipfile.ZipFile(path) as archive:  # in which names may come twice, with the ending and without
        size = sum(item.file_size for item in archive.infolist() if item.filename.removesuffix(".npy") in names)
    if size > _most(path):
        raise BadInputs(f"{path}: its arrays would fill {size:,} bytes, more than {_MOST_TIMES} times the file")


def _is_plain(dtype: Any) -> bool:
    """Whether its elements are such as JSON has."""
    return dtype.kind == "U" or (dtype.kind in _NUMBERS and dtype.itemsize <= _MOST_OF_A_NUMBER)


def _are_pictures(array: Any) -> bool:
    """Whether rows are grey pictures, or ones in colour, as Pillow takes them."""
    return array.dtype == "uint8" and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (3, 4)))


def _bytes_of_one(dtype: Any) -> int:
    """Bytes of memory at most that an element takes in a list of Python's."""
    return _OF_A_TEXT + int(dtype.itemsize) if dtype.kind == "U" else _OF_A_NUMBER


def _most(path: Path) -> int:
    """Bytes that what is in a file may fill."""
    return max(_HARMLESS, _MOST_TIMES * path.stat().st_size)


def _refuse_no_text(path: Path, arrays: Mapping[str, Any]) -> None:
    """Python raises no `ValueError` where it is given numbers that no character has."""
    for name, array in arrays.items():
        try:
            for row in array if array.dtype.kind == "U" else ():
                row.tolist()
        except (ValueError, SystemError) as problem:
            raise BadInputs(f"{path}: {name} has texts of what are no characters: {problem}") from problem


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
        return loads(value)
    except ValueError:
        return str(value)
