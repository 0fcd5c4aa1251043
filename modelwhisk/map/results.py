"""The file of results: one whole line for each input that was answered, safe against a kill at any time.

Lines are written as answers come, each with one write at the end of the file; what order they shall have is brought
about when all are there. So an interrupted run has lost nothing that was answered but what was on its way.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from modelwhisk.map.inputs import Row
from modelwhisk.nested_json import TooDeep, is_too_deep, loads
from modelwhisk.own_file import own_file
from modelwhisk.shown_text import json_shown, shown

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Format = Literal["jsonl", "csv"]
COLUMNS = ("input", "status", "ms", "attempts", "activation", "cold", "answer", "file", "error", "drift", "sent_files")
_OLDER_COLUMNS = COLUMNS[:-1]
_JSON_COLUMNS = frozenset({"input", "answer", "sent_files"})
_MOST_CELL = 2**31 - 1  # characters of a cell: an answer may be long, and the module's default is 128 KiB
_CALCULATED = ("=", "+", "-", "@", "\t", "\r")  # a table calculates what begins so, and an error may be a model's words
_BEYOND = 1e15  # milliseconds, or whatever a number in a line counts
_PASSING = frozenset({None, 202, 429})  # statuses that another try may change, beside 5xx


class ResultsInUse(Exception):
    """Another run writes the same file."""


@dataclass(frozen=True)
class Line:
    """One result as it is kept: what is None is left out. `drift` is the answer's `Model-Drift`; `sent_files` names the
    inputs that were files, whose paths are their values: any other text that is a path is a text.
    """

    input: Any
    status: int | None
    ms: float | None = None
    attempts: int = 1
    activation: str | None = None
    cold: bool | None = None
    answer: Any = None
    file: str | None = None
    error: str | None = None
    drift: str | None = None
    sent_files: list[str] | None = None

    @property
    def key(self) -> str:
        """The key of the row that it is the result of."""
        return json.dumps(self.input, sort_keys=True, ensure_ascii=False)

    @property
    def ok(self) -> bool:
        """Whether the input was answered as it should."""
        return self.error is None

    @property
    def may_pass(self) -> bool:
        """Whether another try may end otherwise."""
        return not self.ok and (self.status in _PASSING or (self.status or 0) >= 500)

    def render(self, form: Format, columns: Sequence[str] = COLUMNS) -> bytes:
        """The line as it is in the file, with its end; `columns` are those of a table's head."""
        values = {name: getattr(self, name) for name in COLUMNS}
        if form == "jsonl":
            kept = {name: value for name, value in values.items() if value is not None or name in ("input", "status")}
            if self.ok and self.file is None:
                kept["answer"] = self.answer
            return json_shown(kept).encode() + b"\n"
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerow(_cell(name, values[name]) for name in columns)
        return stream.getvalue().encode("utf-8", "surrogatepass")  # of the name of a file of ours


def _cell(name: str, value: Any) -> str:
    """A cell without line ends, so that each row is one line, and a torn one can be told; in a model's words nothing
    that steers a terminal or that UTF-8 doesn't have.
    """
    if value is None:
        return ""
    if name in _JSON_COLUMNS or isinstance(value, bool):
        return json_shown(value)
    text = " ".join(str(value).splitlines())
    if name == "file":
        return f"./{text}" if text.startswith(_CALCULATED) else text
    text = shown(text)
    return f"error: {text}" if text.startswith(_CALCULATED) else text


def parse_line(data: bytes, form: Format) -> Line | None:
    """The result in a line, None where it is none of ours."""
    try:
        text = data.decode("utf-8", "surrogatepass")
        if form == "jsonl":
            return _of_object(json.loads(text))
        csv.field_size_limit(_MOST_CELL)
        row = next(csv.reader([text], strict=True))
        cells = dict(zip(COLUMNS, [*row, ""] if len(row) == len(_OLDER_COLUMNS) else row, strict=True))
        line = Line(
            input=loads(cells["input"]),
            status=int(cells["status"]) if cells["status"] else None,
            ms=float(cells["ms"]) if cells["ms"] else None,
            attempts=int(cells["attempts"]),
            activation=cells["activation"] or None,
            cold=json.loads(cells["cold"]) if cells["cold"] else None,
            answer=json.loads(cells["answer"]) if cells["answer"] else None,
            file=cells["file"] or None,
            error=cells["error"] or None,
            drift=cells["drift"] or None,
            sent_files=json.loads(cells["sent_files"]) if cells["sent_files"] else None,
        )
        return _in_bounds(line)
    except (ValueError, TypeError, KeyError, StopIteration, RecursionError, csv.Error):
        return None


# Of what isn't any JSON; None stands for what is left out.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "status": int,
    "ms": (int, float),
    "attempts": int,
    "activation": str,
    "cold": bool,
    "file": str,
    "error": str,
    "drift": str,
}


def _of_object(value: Any) -> Line | None:
    line = Line(**{name: value[name] for name in COLUMNS if name in value}) if "input" in value else None
    if line is not None:
        if is_too_deep(line.input):  # which has a key
            raise TooDeep
        for name, types in _TYPES.items():
            found = getattr(line, name)
            if found is not None and (not isinstance(found, types) or (isinstance(found, bool) and types is not bool)):
                raise ValueError(f"{name} is a {type(found).__name__}")
        _in_bounds(line)
    return line


def _in_bounds(line: Line) -> Line:
    """The line, whose numbers are some that can be counted with; raises `ValueError` for others, NaN among them, and
    for names that are none.
    """
    for number in (line.status, line.ms, line.attempts):
        if number is not None and not 0 <= number < _BEYOND:
            raise ValueError("no number of ours")
    names = line.sent_files
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("no names of ours")
    return line


class Results:
    """The file at `path`, held against other runs until it is closed.

    Opened, a torn last line is gone. Raises `ResultsInUse` where another run has it open, OSError where it can't be.
    """

    def __init__(self, path: Path, form: Format, *, anew: bool = False) -> None:
        self.form = form
        with contextlib.ExitStack() as stack:
            self._own = stack.enter_context(own_file(path, make=True))
            self.path = self._own.path  # a link goes on leading to the file when it is replaced
            self._file = self._own.open(os.O_RDWR | os.O_APPEND)
            stack.callback(lambda: os.close(self._file))
            self._lock(self._file)
            if anew:
                os.ftruncate(self._file, 0)
            self.repaired = self._repair()
            self._own.remove_part()
            if form == "csv" and os.fstat(self._file).st_size == 0:
                self._write((",".join(COLUMNS) + "\n").encode())
            self._columns = self._head()
            self._held = stack.pop_all()

    def _lock(self, file: int) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                # A lock is for reading, too: whoever may read the file can hold it.
                raise ResultsInUse(
                    f"another run writes {self.path}, or a program that reads it has locked it"
                ) from problem

    def _repair(self) -> bool:
        """Cuts off what follows the last line's end; tells whether there was something."""
        size = os.fstat(self._file).st_size
        end = size
        while end > 0:
            start = max(0, end - 65_536)
            os.lseek(self._file, start, os.SEEK_SET)
            found = os.read(self._file, end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._file, end)
        return end < size

    def _head(self) -> Sequence[str]:
        """The columns that all rows have."""
        if self.form != "csv":
            return COLUMNS
        with self._read() as file:
            return _OLDER_COLUMNS if file.readline().rstrip() == ",".join(_OLDER_COLUMNS).encode() else COLUMNS

    def append(self, line: Line, _row: Row | None = None) -> None:
        """Adds a whole line; it is the system's when this returns, whatever becomes of us."""
        self._write(line.render(self.form, self._columns))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def lines(self) -> Iterator[Line]:
        """The results that are there; lines that are none of ours are left out."""
        for data in self._raw():
            if (line := parse_line(data, self.form)) is not None:
                yield line

    def _raw(self) -> Iterator[bytes]:
        with self._read() as file:
            if self.form == "csv":
                file.readline()
            yield from file

    def _read(self) -> BinaryIO:
        """What is in the file, from its beginning; where one is in it, all that read and write it are."""
        os.lseek(self._file, 0, os.SEEK_SET)
        return open(os.dup(self._file), "rb")

    def forget_failed(self) -> int:
        """Removes the lines that another try may change; returns how many."""
        kept: list[tuple[int, int]] = []
        forgotten = 0
        position = self._head_size()
        for data in self._raw():
            line = parse_line(data, self.form)
            if line is not None and line.may_pass:
                forgotten += 1
            else:
                kept.append((position, len(data)))
            position += len(data)
        if forgotten:
            self._rewrite(kept)
        return forgotten

    def put_in_order(self, rows: Sequence[Row]) -> None:
        """Gives the lines the order of their rows; what belongs to none comes last."""
        places: defaultdict[str, deque[int]] = defaultdict(deque)
        for place, row in enumerate(rows):
            places[row.key].append(place)
        order: list[tuple[int, int, int]] = []
        position = self._head_size()
        for data in self._raw():
            line = parse_line(data, self.form)
            waiting = places.get(line.key) if line is not None else None
            order.append((waiting.popleft() if waiting else len(rows), position, len(data)))
            position += len(data)
        ordered = sorted(order)
        if ordered != order:
            self._rewrite([(position, length) for _, position, length in ordered])

    def _head_size(self) -> int:
        if self.form != "csv":
            return 0
        with self._read() as file:
            return len(file.readline())

    def _rewrite(self, pieces: Sequence[tuple[int, int]]) -> None:
        """Replaces the file at once by one that has only these pieces (position and length), in their order."""
        pieces = [(0, self._head_size()), *pieces]
        with self._own.anew(os.O_APPEND) as target:
            with self._read() as source:
                for position, length in pieces:
                    source.seek(position)
                    target.write(source.read(length))
            target.flush()
            os.fsync(target.fileno())
            self._lock(target.fileno())
            replaced = os.dup(target.fileno())  # not opened by its name, by which another's may be there then
        os.close(self._file)
        self._file = replaced

    def close(self) -> None:
        """Gives the file back; its lines are on the disk then."""
        with contextlib.suppress(OSError):  # a pipe has no disk
            os.fsync(self._file)
        self._held.close()
