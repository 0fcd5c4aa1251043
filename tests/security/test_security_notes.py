"""SECURITY.md names a test for each hole and each promise: they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTES = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", NOTES)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[f"{Path(file).stem}-{test}" for file, test in NAMED])
def test_a_named_test_is_there(file: str, test: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^def {test}\(" if test else r"^def test_", text, re.M)


def rows(heading: str) -> list[str]:
    section = NOTES.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:] if section else []


@pytest.mark.parametrize("heading", ["What is promised", "Holes of others, tried on ours", "What was tried"])
def test_each_row_names_a_test(heading: str) -> None:
    assert len(rows(heading)) > 10
    assert [row for row in rows(heading) if "`tests/" not in row] == []
