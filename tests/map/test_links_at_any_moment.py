"""Another user's link that comes at any moment of what a command does by a path: before each of its calls in turn."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from modelwhisk.client.answers import Binary
from modelwhisk.drift import report_command
from modelwhisk.drift.store import Store
from modelwhisk.drift.writer import ReferenceWriter
from modelwhisk.local.store import Store as Platform
from modelwhisk.map.results import Line, Results
from modelwhisk.own_folder import OwnFolder

OTHER = 1001
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes links of another user")

Take = Callable[[Path], object]


def save(path: Path) -> None:
    Binary(b"private").save(path)


def results(path: Path) -> None:
    Results(path, "jsonl", anew=True).close()


def results_again(path: Path) -> None:
    """As `--resume --retry-failed` does."""
    written = Results(path, "jsonl")
    with contextlib.closing(written):
        written.append(Line({"n": 1}, 503, error="503"))
        written.forget_failed()
        written.append(Line({"n": 1}, 200, answer="the model's words"))


def put(path: Path) -> None:
    with OwnFolder(path.parent) as folder:
        folder.put(path.name, b"the model's")


def report(path: Path) -> None:
    report_command._write(path, "page")


def fit(path: Path) -> None:
    with ReferenceWriter(path) as writer:
        writer.add("names.txt", [b"a"])
        writer.finish({})


def collect(path: Path) -> None:
    Store(path.parent, {"model": "sha256:0"}, resume=False).close()


def keep(path: Path) -> None:
    Platform(path.parent).close()


def planted(place: Path, target: Path) -> None:
    """Puts another's link there, whatever is there."""
    link = target.parent.parent / "link"
    link.symlink_to(target)
    os.chown(link, OTHER, -1, follow_symlinks=False)
    link.rename(place)


def moments(take: Take, path: Path, comes: Callable[[], None]) -> Iterator[None]:
    """Does it again and again: each time another one of its calls has `comes` before it."""
    for moment in count(1):
        called = 0

        def between(_frame: object, event: str, _what: object, moment: int = moment) -> None:
            nonlocal called
            if event == "c_call":
                called += 1
                if called == moment:
                    comes()

        sys.setprofile(between)
        try:
            with contextlib.suppress(Exception):  # as a rule it is refused
                take(path)
        finally:
            sys.setprofile(None)
        yield
        if called < moment:
            return


def emptied(folder: Path, *, mode: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(mode)


@pytest.mark.parametrize(
    ("take", "name"),
    [
        (save, "answer"),
        (results, "answer"),
        (results_again, "answer"),
        (report, "answer"),
        (fit, "answer"),
        (results, "new/answer"),
        (put, "new/answer"),
        (put, "new/folder/answer"),
        (collect, "new/journal"),
        (keep, "new/folder/answer"),
    ],
)
def test_nothing_is_written_through_a_link_that_comes_at_any_moment(tmp_path: Path, take: Take, name: str) -> None:
    """Where anybody may make one, as in /tmp, and only its owner removes it."""
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    mine.mkdir()
    (mine / "answer").write_bytes(b"mine")
    (mine / "folder").mkdir()
    place = shared / Path(name).parts[0]
    target = mine if "/" in name else mine / "answer"

    def comes() -> None:
        if not os.path.lexists(place):
            planted(place, target)

    emptied(shared, mode=0o1777)
    for _ in moments(take, shared / name, comes):
        assert sorted(str(found.relative_to(mine)) for found in mine.rglob("*")) == ["answer", "folder"]
        assert (mine / "answer").read_bytes() == b"mine"
        emptied(shared, mode=0o1777)


@pytest.mark.parametrize("name", ["answer", ".answer.part", ".answer.ordering"])
@pytest.mark.parametrize("take", [save, results_again, report, fit])
def test_nothing_is_written_through_a_link_that_takes_a_file_s_place(tmp_path: Path, take: Take, name: str) -> None:
    """Where anybody may rename what is there, too."""
    shared, mine = tmp_path / "shared", tmp_path / "mine" / "answer"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    mine.chmod(0o600)
    emptied(shared, mode=0o777)
    for _ in moments(take, shared / "answer", lambda: planted(shared / name, mine)):
        assert (mine.read_bytes(), mine.stat().st_mode & 0o777) == (b"mine", 0o600)
        emptied(shared, mode=0o777)
