"""What was collected is there after any end, and nothing that is torn is taken for whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelwhisk.drift.store import OtherRun, Store, StoreInUse

ABOUT = {"embedding": {"kind": "picture"}, "model": {"digest": "sha256:0"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "reference.partial"


def filled(folder: Path) -> Path:
    store = Store(folder, ABOUT, resume=False)
    for number in range(5):
        store.add(f"input {number}", np.full(3, number, "f4"))
    store.fail("input 5", "400: no picture")
    store.close()
    return folder


def held(folder: Path) -> tuple[dict[str, int], Any]:
    store = Store(folder, ABOUT, resume=True)
    rows, vectors = dict(store.rows), np.array(store.vectors())
    store.close()
    return rows, vectors


@pytest.mark.parametrize("name", ["journal", "vectors"])
@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_nothing_is_collected_through_a_link(folder: Path, name: str, make: Callable[[Path, Path], None]) -> None:
    """Another user of the machine can tell beforehand where a run collects; what it had there was emptied."""
    victim = folder.with_name("victim")
    folder.mkdir()
    victim.write_text("mine")
    make(victim, folder / name)
    with pytest.raises(PermissionError, match="it is a link"):
        Store(folder, ABOUT, resume=False)
    assert victim.read_text() == "mine"


def test_nothing_is_collected_in_a_folder_behind_another_s_link(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = folder.with_name("mine")
    mine.mkdir()
    (mine / "journal").write_text("mine")
    folder.symlink_to(mine)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(PermissionError, match="it is a link"):
        Store(folder, ABOUT, resume=False)
    assert (mine / "journal").read_text() == "mine"


def test_nothing_is_collected_nor_removed_behind_one_s_own_link(folder: Path) -> None:
    """An archive's link is one's own once it is unpacked; all that it led to was deleted in the end."""
    mine = folder.with_name("mine")
    mine.mkdir()
    (mine / "journal").write_text("mine")
    folder.symlink_to(mine)
    with pytest.raises(PermissionError, match="it is a link"):
        Store(folder, ABOUT, resume=False)
    assert (mine / "journal").read_text() == "mine"


def test_what_else_is_in_the_folder_stays(folder: Path) -> None:
    filled(folder)
    (folder / "notes").write_text("mine")
    Store(folder, ABOUT, resume=True).remove()
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_all_is_there_when_it_is_opened_again(folder: Path) -> None:
    filled(folder)
    store = Store(folder, ABOUT, resume=True)
    assert store.rows == {f"input {number}": number for number in range(5)}
    assert store.failures == {"input 5": "400: no picture"}
    store.add("input 5", np.full(3, 5, "f4"))
    assert store.vectors().tolist() == [[number] * 3 for number in range(6)]
    store.close()
    assert held(folder)[0]["input 5"] == 5
    store = Store(folder, ABOUT, resume=True)
    assert store.failures == {}
    store.remove()
    assert not folder.exists()


@pytest.mark.parametrize("cut", [1, 20, 45, 70, 100])
def test_a_torn_journal_keeps_its_whole_lines(folder: Path, cut: int) -> None:
    journal = filled(folder) / "journal"
    content = journal.read_bytes()
    journal.write_bytes(content[:-cut])
    rows, vectors = held(folder)
    whole = content[:-cut].count(b'"crc"', 0, content[:-cut].rfind(b"\n") + 1)
    assert list(rows.values()) == list(range(whole))
    assert vectors.tolist() == [[number] * 3 for number in range(whole)]


@pytest.mark.parametrize(
    "line",
    [
        b"\0\0\0\0",
        b"[]",
        b"7",
        b"[" * 100_000,
        b"{}",
        b'{"name": "b", "row": 5}',
        b'{"name": "b", "row": 5, "numbers": -3, "crc": 0}',
        b'{"name": "b", "row": 5, "numbers": 1e99, "crc": 0}',
        b'{"name": "b", "row": 5, "numbers": "3", "crc": 0}',
        b'{"name": ["b"], "row": 0, "numbers": 3, "crc": 0}',
        b'{"name": {}, "failed": "no"}',
        b'{"name": "b", "failed": 7}',
        b'{"declared": []}',
    ],
)
def test_what_follows_a_line_that_is_none_is_dropped(folder: Path, line: bytes) -> None:
    """As after a power cut, which leaves zeros where a file has grown."""
    journal = filled(folder) / "journal"
    content = journal.read_bytes()
    journal.write_bytes(content + line + b"\n" + content.splitlines(keepends=True)[1])
    assert list(held(folder)[0].values()) == [0, 1, 2, 3, 4]
    assert journal.read_bytes() == content


def test_a_row_that_the_disk_lost_is_dropped_with_all_after_it(folder: Path) -> None:
    vectors = filled(folder) / "vectors"
    content = bytearray(vectors.read_bytes())
    content[3 * 12 + 2] ^= 255
    vectors.write_bytes(content)
    assert list(held(folder)[0].values()) == [0, 1, 2]
    vectors.write_bytes(content[:20])
    assert list(held(folder)[0].values()) == [0]


def test_a_row_without_its_line_is_written_over(folder: Path) -> None:
    with (filled(folder) / "vectors").open("ab") as stream:
        stream.write(b"half a row")
    store = Store(folder, ABOUT, resume=True)
    store.add("input 6", np.full(3, 6, "f4"))
    assert store.vectors()[-1].tolist() == [6, 6, 6]
    store.close()


def test_vectors_of_another_length_are_refused(folder: Path) -> None:
    store = Store(folder, ABOUT, resume=False)
    store.add("a", np.zeros(3, "f4"))
    with pytest.raises(ValueError, match="4 numbers, those before it 3"):
        store.add("b", np.zeros(4, "f4"))
    assert len(store.vectors()) == 1
    store.close()


def test_another_model_or_embedding_is_refused(folder: Path) -> None:
    filled(folder)
    with pytest.raises(OtherRun, match="another model"):
        Store(folder, {**ABOUT, "model": {"digest": "sha256:1"}}, resume=True)
    store = Store(folder, {**ABOUT, "model": {"digest": "sha256:1"}}, resume=False)
    assert store.rows == {}
    store.close()


def test_two_at_a_time_are_refused(folder: Path) -> None:
    store = Store(folder, ABOUT, resume=False)
    with pytest.raises(StoreInUse, match="or a program that reads its journal has locked it"):
        Store(folder, ABOUT, resume=True)
    store.close()
