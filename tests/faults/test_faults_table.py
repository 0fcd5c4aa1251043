"""README.md here has every fault with its promise, and the test that it names for it is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| `(test_\w+\.py)` `(test_\w+)` \|")


def test_each_row_has_its_test_and_each_test_its_row() -> None:
    lines = [line for line in (HERE / "README.md").read_text().splitlines() if line.startswith("|")][2:]
    rows = [ROW.fullmatch(line) for line in lines]
    assert None not in rows
    named = [(row[3], row[4]) for row in rows if row]
    there = [
        (path.name, name)
        for path in HERE.glob("test_*.py")
        if path.name != Path(__file__).name
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    ]
    assert sorted(named) == sorted(there)
