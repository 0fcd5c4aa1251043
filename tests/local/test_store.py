"""What outlives a platform, and what can't be read."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from little_containers import LittleFactory, reply
from rest_client import BLACK_BOX, a_desk, echo

from modelwhisk.local import Action, executables, spray_json, store, watcher
from modelwhisk.local.store import FILE, Store, StoreProblem, Window


def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    def seen(desk: Any) -> list[Any]:
        paths = ("actions", "packages", "activations?docs=true", "actions/box/x", "packages/bound", "actions/seq")
        return [desk.ask("GET", path).json for path in paths]

    with a_desk(data=tmp_path / "new" / "folder") as desk:
        desk.ask("PUT", "packages/box", {"parameters": [{"key": "p", "value": 1.50}]})
        desk.ask("PUT", "packages/bound", {"binding": {"namespace": "_", "name": "box"}})
        desk.create("box/x", exec={**BLACK_BOX, "code": "code", "main": "m"}, limits={"instances": 3})
        desk.create("seq", exec={"kind": "sequence", "components": ["/_/box/x"]})
        desk.create("gone")
        desk.ask("DELETE", "actions/gone")
        done = desk.record(desk.invoke("box/x", value={"big": 10**20, "text": "é😀"}))
        before = seen(desk)
    with a_desk(data=tmp_path / "new" / "folder") as desk:
        assert seen(desk) == before
        assert desk.ask("GET", f"activations/{done['activationId']}").json == done
        assert desk.create("box/x").json["version"] == "0.0.2"
        assert desk.invoke("bound/x").json == {"p": 1.5}


def test_actions_of_the_platforms_own_are_kept_and_changed(tmp_path: Path) -> None:
    def version(**fields: Any) -> str:
        action = Action("own", LittleFactory(echo), **fields)
        with a_desk(data=tmp_path, actions=(action,)) as desk:
            return str(desk.ask("GET", "actions/own").json["version"])

    assert [version(), version(), version(memory=300), version(memory=300)] == ["0.0.1", "0.0.1", "0.0.2", "0.0.2"]


def test_data_that_can_not_be_used(tmp_path: Path) -> None:
    first = Store(tmp_path)
    with pytest.raises(StoreProblem, match="another modelwhisk is using it"):
        Store(tmp_path)
    first.close()
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreProblem, match="schema 99"):
        Store(tmp_path)
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StoreProblem, match="not a database"):
        Store(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreProblem):
        Store(tmp_path / "file")


def test_other_users_of_the_machine_can_not_read_it(tmp_path: Path) -> None:
    def modes(folder: Path) -> set[tuple[str, int]]:
        return {(path.name, stat.S_IMODE(path.stat().st_mode)) for path in (folder, *folder.iterdir())}

    before = os.umask(0o022)
    try:
        folder = tmp_path / "new" / "data"
        kept = Store(folder)
        kept.put_activation("1", "a", {"namespace": "guest", "start": 1}, {"id": 1})
        private = {("data", 0o700), (FILE, 0o600), (f"{FILE}-wal", 0o600)}
        assert modes(folder) == private
        for path in folder.iterdir():  # as a platform of an earlier version leaves them where it crashes
            path.with_name(f"{path.name}.copy").write_bytes(path.read_bytes())
        kept.close()
        for path in folder.glob("*.copy"):
            path.rename(path.with_suffix(""))
            path.with_suffix("").chmod(0o644)
        again = Store(folder)
        assert again.activation("guest", "1") is not None
        assert modes(folder) == private
        again.close()
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal"])
@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_nothing_is_kept_or_changed_through_a_link(
    tmp_path: Path, name: str, make: Callable[[Path, Path], None]
) -> None:
    """Of another user's, who may write where the data is and knows the names."""
    victim = tmp_path / "victim"
    victim.touch(0o644)
    (tmp_path / "data").mkdir()
    make(victim, tmp_path / "data" / name)
    with pytest.raises(StoreProblem, match=f"{name} is a link or another user's"):
        Store(tmp_path / "data")
    assert (victim.stat().st_size, stat.S_IMODE(victim.stat().st_mode)) == (0, 0o644)


def test_a_folder_is_not_taken_in_which_others_may_make_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite took theirs for its own, and they read in it what was kept."""
    for mode in (0o777, 0o1777):
        tmp_path.chmod(mode)
        with pytest.raises(StoreProblem, match="anybody may write to the folder; name one of your own"):
            Store(tmp_path)
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    me = os.geteuid()
    if me == 0:
        os.chown(theirs, 1001, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    for folder in (theirs, theirs / "data"):
        with pytest.raises(StoreProblem, match="belongs to another user"):
            Store(folder)
    assert not list(tmp_path.rglob(f"{FILE}*"))


def test_a_folder_is_not_taken_that_others_may_exchange(tmp_path: Path) -> None:
    """For one of theirs, between two looks at it: what was kept came into their database."""
    folder = tmp_path / "shared" / "project" / "data"
    folder.mkdir(parents=True, mode=0o700)
    (tmp_path / "shared").chmod(0o777)
    for given in (folder, folder.parent / "new", folder.parent):
        with pytest.raises(StoreProblem, match=f"anybody may write to {tmp_path}/shared, .* name one elsewhere"):
            Store(given)
    assert not list(tmp_path.rglob(f"{FILE}*"))
    (tmp_path / "shared").chmod(0o1777)
    Store(folder).close()


def test_a_file_of_another_user_s_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).touch()
    monkeypatch.setattr(store, "_user", lambda: os.geteuid() + 1)
    with pytest.raises(StoreProblem, match="another user's"):
        Store(tmp_path)


def test_what_is_as_deep_as_json_goes_is_read_again() -> None:
    deepest = spray_json.parse('{"a":' + "[" * 998 + "]" * 998 + "}")
    written = {"namespace": "guest", "start": 1, "response": {"result": deepest}}
    kept = Store()
    kept.put_activation("1", "a", written, {})
    again = kept.activation("guest", "1")
    assert again is not None
    assert spray_json.compact(again) == spray_json.compact({**written, "start": Decimal(1)})
    kept.close()


def test_halves_of_surrogate_pairs_cost_no_record(tmp_path: Path) -> None:
    """A result, an error and a parameter may have them, the file can't: they are kept as clients are shown them."""
    half = '{"text": "\\ud800x"}'
    with a_desk(lambda path, message: reply(half if path == "/run" else "{}"), data=tmp_path) as desk:
        made = desk.ask("PUT", "actions/a", {"exec": BLACK_BOX, "parameters": [{"key": "p", "value": "\ud800"}]})
        assert made.status == 200
        done = desk.record(desk.invoke())
        assert done["response"]["result"] == {"text": "?x"}
    with a_desk(data=tmp_path) as desk:
        assert desk.ask("GET", f"activations/{done['activationId']}").json == done
        assert desk.ask("GET", "actions/a").json == made.json


def test_a_list_reads_each_action_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose code may be 48 MB: neither a list nor its length reads it again, and it is looked at for base64 once."""
    asked: list[Any] = []

    def counted(work: Any) -> Any:
        return lambda given: (asked.append(given), work(given))[1]

    with a_desk(data=tmp_path) as desk:
        for name in ("a", "b"):
            desk.create(name, exec={**BLACK_BOX, "code": name * 8})
    with a_desk(data=tmp_path) as desk:
        monkeypatch.setattr(store, "_entity", counted(store._entity))
        monkeypatch.setattr(executables, "looks_like_base64", counted(executables.looks_like_base64))
        first = desk.ask("GET", "actions").json
        assert [item["exec"] for item in first] == [{"binary": True}] * 2
        assert len(asked) == 4
        assert desk.ask("GET", "actions").json == first
        assert desk.ask("GET", "actions?count=true").json == {"actions": 2}
        assert len(asked) == 4


def test_the_oldest_activations_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_KEPT_BYTES", 2000)
    kept = Store()
    for number in range(10):
        written = {"namespace": "guest", "start": number, "text": "x" * 400}
        kept.put_activation(f"{number}", "a", written, {"id": number})
    left = [json.loads(summary)["id"] for summary in kept.activations("guest", None, Window(), docs=False)]
    assert left == [9, 8, 7, 6]
    kept.put_activation("10", "a", {"namespace": "guest", "start": 0, "text": "x" * 1400}, {"id": 10})
    left = [json.loads(summary)["id"] for summary in kept.activations("guest", None, Window(), docs=False)]
    assert left == [9, 10], "no more goes than must, and what was written last stays, whenever its run began"
    for number in (11, 12):
        kept.put_activation(
            f"{number}", "a", {"namespace": "guest", "start": 0, "text": "\U0001f600" * 200}, {"id": number}
        )
    kept.put_activation("13", "a", {"namespace": "guest", "start": 0}, {"id": 13, "name": "x" * 300})
    left = [json.loads(summary)["id"] for summary in kept.activations("guest", None, Window(), docs=False)]
    assert left == [13, 12], "what is kept is counted in bytes, with what lists show of it"
    kept.close()


def test_what_a_watcher_sees(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "__pycache__").mkdir()
    before = watcher.state(tmp_path)
    (tmp_path / "__pycache__" / "a.pyc").write_text("1")
    assert watcher.difference(before, watcher.state(tmp_path)) is None
    (tmp_path / "a.py").write_text("12")
    assert watcher.difference(before, watcher.state(tmp_path)) == str(tmp_path / "a.py")
    (tmp_path / "a.py").unlink()
    assert watcher.difference(before, watcher.state(tmp_path)) == str(tmp_path / "a.py")
