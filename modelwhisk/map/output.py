"""Results on stdout: as they come, or each held back until those before it are out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from modelwhisk.map.inputs import Row
from modelwhisk.map.results import COLUMNS, Format, Line


class Output:
    """Stands in for `Results` where nothing is kept."""

    def __init__(self, form: Format, *, ordered: bool) -> None:
        self._form = form
        self._ordered = ordered
        self._places: dict[tuple[str, int], int] = {}
        self._held: dict[int, Line] = {}
        self._next = 0
        if form == "csv":
            self._write((",".join(COLUMNS) + "\n").encode())

    def expect(self, rows: Sequence[Row]) -> None:
        """Tells the order."""
        self._places = {(row.key, row.occurrence): place for place, row in enumerate(rows)}

    def append(self, line: Line, row: Row) -> None:
        """Writes a result, or keeps it until it is its turn."""
        if not self._ordered:
            self._write(line.render(self._form))
            return
        self._held[self._places[row.key, row.occurrence]] = line
        while self._next in self._held:
            self._write(self._held.pop(self._next).render(self._form))
            self._next += 1

    def put_in_order(self, rows: Sequence[Row]) -> None:
        """They are."""

    def close(self) -> None:
        """Writes what is still held, where a run ended early."""
        for place in sorted(self._held):
            self._write(self._held[place].render(self._form))
        self._held.clear()

    def _write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
