"""Which inputs there are: from patterns of files, and from files of lines, JSON or a table."""

from __future__ import annotations

import contextlib
import csv
import glob
import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import click

from modelwhisk.client import Field, InputError, Interface
from modelwhisk.client.checking import parse_text
from modelwhisk.client.errors import listed
from modelwhisk.nested_json import TooDeep, is_too_deep
from modelwhisk.shown_text import shown

Format = Literal["lines", "jsonl", "csv", "tsv"]
_FORMATS: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_DIGEST = 10  # characters that tell the files of two inputs apart
_LONGEST_STEM = 200  # bytes; most systems' names have 255, for an ending and what we add, too
_DEEPEST = 100  # folders in each other
_MAX_CELL = 16_777_216  # characters of one cell of a table; the module's default is 128 KiB


class BadInputs(ValueError):
    """The inputs can't be told; the message says what is wrong with them."""


class Text(str):
    """A value that is still text, and becomes what its field takes."""


@dataclass(frozen=True)
class Row:
    """One input. `key` is what it is known by in the results, `occurrence` counts those of the same key from 0."""

    values: Mapping[str, Any]
    key: str
    occurrence: int = 0

    @property
    def label(self) -> str:
        """A name for a file of its answer: its first file's, and what tells it from others of that name. Nothing in it
        steers a terminal on which results are shown."""
        path = next((str(value) for value in self.values.values() if isinstance(value, Path)), "answer")
        told = f"{self.key}\n{self.occurrence}".encode("utf-8", "surrogatepass")  # of a name that is no UTF-8
        bytes_kept = "\udc80", "\udcff"  # of a name that is no UTF-8
        stem = "".join(
            one if one.isprintable() or bytes_kept[0] <= one <= bytes_kept[1] else "_" for one in Path(path).stem
        )
        while len(os.fsencode(stem)) > _LONGEST_STEM:
            stem = stem[:-1]
        return f"{stem}-{hashlib.sha256(told).hexdigest()[:_DIGEST]}"

    def typed(self, interface: Interface, *, paths: bool = False) -> dict[str, Any]:
        """The values as the model's fields take them; with `paths`, texts for files name them. Raises `InputError`."""
        result = {}
        for name, value in self.values.items():
            field = interface.input(name)
            known = parse_text(field, str(value)) if field and isinstance(value, Text) else value
            result[name] = _with_files(field, known, paths=paths) if field else known
        return result


def _with_files(field: Field, value: Any, *, paths: bool) -> Any:
    """Paths in the place of the texts that are for files."""
    if field.items and isinstance(value, list):
        return [_with_files(field.items, item, paths=paths) for item in value]
    if field.kind != "file" or not isinstance(value, str):
        return value
    if not paths:
        text = f"is a file to this model: map takes a text, as {value!r:.60}, for a path only with --paths"
        raise InputError(field.name, text)
    return Path(value)


def key_of(values: Mapping[str, Any]) -> str:
    """What an input is known by: its values as JSON, whatever their order."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)


def rows_of(items: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows for inputs by name; the same input twice is two rows."""
    seen: Counter[str] = Counter()
    rows = []
    for values in items:
        key = key_of(values)
        rows.append(Row(values, key, seen[key]))
        seen[key] += 1
    return rows


def matching(name: str, pattern: str) -> list[Path]:
    """The files that `pattern` matches, sorted by name; a folder is all files in it. Raises `BadInputs` for none."""
    if Path(pattern).is_dir():
        paths = within(Path(pattern), (path for path in Path(pattern).iterdir() if not path.name.startswith(".")))
    elif glob.has_magic(pattern) and not Path(pattern).exists():
        with _links_told() as links:
            paths = within(_folder_of(pattern), _globbed(pattern, links))
    else:
        paths = [Path(pattern)] if Path(pattern).is_file() else []
    if not paths:
        raise BadInputs(f"{name}: no file matches {pattern}")
    return paths


def _folder_of(pattern: str) -> Path:
    """The folder that a pattern is looked for in."""
    return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))


def _globbed(pattern: str, links: list[Path]) -> set[Path]:
    """What `glob` finds, but with `**` through no link to a folder, since four that lead to where they are have no end;
    these are added to `links`.
    """
    parts = Path(pattern).parts
    if "**" not in parts:
        return set(map(Path, glob.glob(pattern)))
    if parts[-1] == "**":
        parts = (*parts, "*")
    at = [position for position, part in enumerate(parts) if part == "**"]
    found = set(map(Path, glob.glob(str(Path(*parts[: at[0]])))))
    for begin, end in itertools.pairwise((*at, len(parts))):
        rest = str(Path(*parts[begin + 1 : end]))
        # Below a folder that is known: a name in a pattern is matched with all beside it, though it is escaped.
        found = {folder / name for folder in _folders_in(found, links) for name in glob.glob(rest, root_dir=folder)}
    return found


def all_in(folder: Path) -> list[Path]:
    """The files in a folder and in those within it, sorted, but hidden ones. Raises `BadInputs` for ones too deep."""
    with _links_told() as links:
        folders = _folders_in({folder}, links)
        return within(folder, (path for one in folders for path in one.iterdir() if not path.name.startswith(".")))


def _folders_in(tops: set[Path], links: list[Path]) -> set[Path]:
    """The folders and those within them, each once, but hidden ones and links, which are added to `links`. Raises
    `BadInputs` for one that is too deep: where a file leads takes the square of its depth to find out.
    """
    found: set[Path] = set()
    for top in tops:
        for name, inner, _ in os.walk(top):
            folder = Path(name)
            if folder in found:
                inner.clear()
                continue
            found.add(folder)
            inner[:] = [one for one in inner if not one.startswith(".")]
            links += (path for path in (folder / one for one in inner) if path.is_symlink())
            if inner and len(folder.parts) - len(top.parts) >= _DEEPEST:
                raise BadInputs(f"{top} has folders more than {_DEEPEST} deep in each other, which none of inputs has")
    return found


@contextlib.contextmanager
def _links_told() -> Iterator[list[Path]]:
    """A list of links to folders, which stderr is told of."""
    links: list[Path] = []
    yield links
    if links:
        named = listed(sorted(set(links)))
        click.echo(shown(f"not entered, since they are links: {named}; name them if you mean them"), err=True)


def within(folder: Path, found: Iterable[Path]) -> list[Path]:
    """The files that were found in a folder, sorted; without those that are elsewhere. Stderr tells of these, and where
    the folder itself is elsewhere.

    In a stranger's folder a link may lead to any file of one's own, which would go to the model.
    """
    root = folder.resolve()
    inside: list[Path] = []
    outside: list[Path] = []
    for path in sorted(path for path in set(found) if path.is_file()):
        (inside if path.resolve().is_relative_to(root) else outside).append(path)
    if outside:
        way = "name them one by one, or copy the folder with cp -RL, if you mean them"
        click.echo(shown(f"left out, since links lead to them out of {folder}: {listed(outside)}; {way}"), err=True)
    if inside and (link := _link_on_the_way(folder)):
        click.echo(shown(f"{link} is a link to {link.resolve()}, of which {len(inside)} files are taken"), err=True)
    return inside


def _link_on_the_way(folder: Path) -> Path | None:
    """The first link through which a folder is reached, but for the system's own in the root, as /tmp may be."""
    links = (path for path in (*reversed(folder.parents), folder) if path.is_symlink())
    return next((link for link in links if link.parent != Path(link.anchor or "/")), None)


def from_patterns(patterns: Mapping[str, str]) -> list[dict[str, Any]]:
    """One input for each file; the files of several patterns go together in their order.

    Raises `BadInputs` where they are not equally many; one file alone goes with each of the others.
    """
    found = {name: matching(name, pattern) for name, pattern in patterns.items()}
    count = max(map(len, found.values()))
    uneven = {name: len(paths) for name, paths in found.items() if len(paths) not in (1, count)}
    if uneven:
        counts = ", ".join(f"{len(paths)} for {name}" for name, paths in found.items())
        raise BadInputs(f"files of several fields go together one by one, but there are {counts}")
    return [
        {name: paths[position if len(paths) > 1 else 0] for name, paths in found.items()} for position in range(count)
    ]


def format_of(name: str) -> Format:
    """The format that a file's name says; lines for any other."""
    return _FORMATS.get(Path(name).suffix.lower(), "lines")


def read(stream: TextIO, form: Format, field: str | None) -> Iterator[dict[str, Any]]:
    """The inputs in a file: each line of text for `field`, each line's JSON object, or each row of a table by its head.

    A line of JSON that is no object is a value for `field`, too. Empty lines are no inputs. Raises `BadInputs` with the
    number of the line that is wrong.
    """
    if form in ("csv", "tsv"):
        yield from _table(stream, "," if form == "csv" else "\t")
        return
    for number, line in enumerate(stream, start=1):
        text = line.rstrip("\r\n")
        if text.strip():
            yield _of_json(text, number, field) if form == "jsonl" else {_needed(field): Text(text)}


def _of_json(text: str, number: int, field: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError as problem:
        raise BadInputs(f"line {number}: {TooDeep()}") from problem
    except ValueError as problem:
        raise BadInputs(f"line {number} is no JSON: {problem}") from problem
    # A line of `map`'s own results stands for its input.
    if isinstance(value, dict) and isinstance(value.get("input"), dict) and "status" in value:
        value = value["input"]
    if is_too_deep(value):
        raise BadInputs(f"line {number}: {TooDeep()}")
    return value if isinstance(value, dict) else {_needed(field): value}


def _needed(field: str | None) -> str:
    if field is None:
        raise BadInputs("say with --field which input the lines are for")
    return field


def _table(stream: TextIO, delimiter: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(_MAX_CELL)
    reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise BadInputs(f"line {reader.line_num} has not as many cells as the first")
            yield {name: Text(value) for name, value in row.items() if value != ""}
    except csv.Error as problem:
        raise BadInputs(f"line {reader.line_num}: {problem}") from problem
