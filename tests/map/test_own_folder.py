"""Which folders and files are taken for what commands write, beside other users of the machine."""

from __future__ import annotations

import asyncio
import io
import os
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from modelwhisk import own_path
from modelwhisk.client.answers import Binary, Reply
from modelwhisk.drift.store import Store
from modelwhisk.invoke import output
from modelwhisk.map.inputs import rows_of
from modelwhisk.map.results import Results
from modelwhisk.map.runner import Runner
from modelwhisk.own_file import write
from modelwhisk.own_folder import OwnFolder
from modelwhisk.own_path import planted, walked
from modelwhisk.shown_text import Console

ROOT, ME, OTHER = 0, 1000, 1001
SLASH = (ROOT, 0o40755)
STICKY = (ROOT, 0o41777)


@pytest.mark.parametrize(
    ("what", "levels", "at"),
    [
        ("one's own, in /tmp", [(ME, 0o40755), STICKY, SLASH], None),
        ("another's, in /tmp", [(OTHER, 0o40777), STICKY, SLASH], 0),
        ("another's, where all may rename too", [(OTHER, 0o40755), (ROOT, 0o40777), SLASH], 0),
        ("made in another's of /tmp", [(ME, 0o40755), (OTHER, 0o40777), STICKY, SLASH], 1),
        ("another's in another's of /tmp", [(OTHER, 0o40777), (OTHER, 0o40755), STICKY, SLASH], 1),
        ("another's in one's own that all may write to", [(OTHER, 0o40755), (ME, 0o40777), SLASH], 0),
        ("root's, in /tmp, as containers make it", [(ROOT, 0o40777), STICKY, SLASH], None),
        ("a colleague's, in a project of the group's", [(OTHER, 0o42775), (OTHER, 0o42775), SLASH], None),
        ("in a colleague's home", [(OTHER, 0o40775), (OTHER, 0o40711), (ROOT, 0o40755), SLASH], None),
        ("mounted into a container, of its host's user", [(OTHER, 0o40755), SLASH], None),
    ],
)
@pytest.mark.parametrize("user", [ME, ROOT])
def test_a_folder_that_others_may_have_planted(
    what: str, levels: list[tuple[int, int]], at: int | None, user: int
) -> None:
    if user == ROOT and ME in [owner for owner, _ in levels]:
        levels = [(ROOT if owner == ME else owner, mode) for owner, mode in levels]
    found = [SimpleNamespace(st_uid=owner, st_mode=mode) for owner, mode in levels]
    levels_planted = [level for level, pair in enumerate(pairwise(found)) if planted(user, *pair)]
    assert (levels_planted or [None])[0] == at, what


def becomes_another_s(path, monkeypatch):
    """By its owner where we may change that, else by who we are."""
    me = os.geteuid()
    if me == ROOT:
        os.chown(path, OTHER, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)


def other_s_folder(path, monkeypatch):
    """A folder as another user would make it where anybody may."""
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o1777)
    path.mkdir()
    path.chmod(0o777)
    becomes_another_s(path, monkeypatch)


def map_into(path):
    asyncio.run(Runner(None, None, path, 1).run(rows_of([{"n": 1}]), print))  # nothing is sent, nor could be


def collect_into(path):
    Store(path, {"model": "sha256:0"}, resume=False)


@pytest.mark.parametrize("take", [OwnFolder, map_into, collect_into])
def test_another_s_folder_is_refused_with_what_to_do(tmp_path, monkeypatch, take):
    path = tmp_path / "shared" / "results.files"
    other_s_folder(path, monkeypatch)
    with pytest.raises(PermissionError, match=f"belongs to another user .* make one in {path.parent}; name a folder"):
        take(path)
    assert not list(path.iterdir())


def test_the_folder_that_is_another_s_is_named(tmp_path, monkeypatch):
    """Also where the one that is asked for is in it, and only made now."""
    path = tmp_path / "shared" / "run"
    other_s_folder(path, monkeypatch)
    with pytest.raises(PermissionError) as caught:
        OwnFolder(path / "a" / "results.files")
    assert caught.value.filename == str(path)


def test_one_s_own_and_a_project_s_are_taken(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    project.chmod(0o2775)
    with OwnFolder(project / "results.files") as folder:
        folder.put("answer", b"theirs")
    assert (project / "results.files" / "answer").read_bytes() == b"theirs"
    if os.geteuid() == ROOT:  # a colleague's
        os.chown(project / "results.files", OTHER, -1)
        with OwnFolder(project / "results.files") as folder:
            folder.put("answer", b"anew")


def invoke_into(path):
    reply = Reply(200, httpx.Headers({"content-type": "text/plain"}), b"private")
    output.write(reply, str(path), None, Console(file=io.StringIO()))


def save_into(path):
    Binary(b"private").save(path)


def write_results_into(path):
    Results(path, "jsonl", anew=True).close()


FILES = pytest.mark.parametrize("take", [invoke_into, save_into, write_results_into])


@FILES
def test_another_s_file_where_anybody_may_make_one_is_refused(tmp_path, monkeypatch, take):
    """It was empty, and its owner read the answer."""
    tmp_path.chmod(0o1777)
    path = tmp_path / "answer"
    path.write_bytes(b"theirs")
    path.chmod(0o666)
    becomes_another_s(path, monkeypatch)
    with pytest.raises(PermissionError):  # ours, or that of a system with fs.protected_regular
        take(path)
    assert path.read_bytes() == b"theirs"


@FILES
def test_a_file_in_another_s_folder_where_anybody_may_make_one_is_refused(tmp_path, monkeypatch, take):
    other_s_folder(tmp_path / "shared" / "results", monkeypatch)
    with pytest.raises(PermissionError, match=r"belongs to another user .*; name a folder of your own") as caught:
        take(tmp_path / "shared" / "results" / "answer")
    assert caught.value.filename == str(tmp_path / "shared" / "results")


@FILES
@pytest.mark.parametrize("there", [True, False])
def test_no_file_is_written_through_another_s_link(tmp_path, monkeypatch, take, there):
    mine = tmp_path / "mine"
    if there:
        mine.write_bytes(b"mine")
    (tmp_path / "answer").symlink_to(mine)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(PermissionError, match="it is a link"):
        take(tmp_path / "answer")
    assert (mine.read_bytes() if mine.exists() else None) == (b"mine" if there else None)


@FILES
@pytest.mark.parametrize("given", ["renamed", "as a second name"])
@pytest.mark.parametrize("inner", ["", "answer"])
def test_one_s_own_link_is_not_followed_by_a_name_that_anybody_may_have_given_it(tmp_path, take, given, inner):
    """In a folder that isn't sticky, and where the system lets others make hard links, of any that they see."""
    mine, shared = tmp_path / "mine", tmp_path / "shared"
    mine.mkdir()
    (mine / "answer").write_bytes(b"mine")
    shared.mkdir()
    (shared / "data").symlink_to(mine if inner else mine / "answer")
    if given == "renamed":
        shared.chmod(0o777)
        (shared / "data").rename(shared / "link")
    else:
        shared.chmod(0o1777)
        os.link(shared / "data", shared / "link", follow_symlinks=False)
    with pytest.raises(PermissionError, match="it is a link"):
        take(shared / "link" / inner)
    assert (mine / "answer").read_bytes() == b"mine"
    shared.chmod(0o755)
    take(shared / "link" / inner)
    assert (mine / "answer").read_bytes() != b"mine"


@FILES
def test_no_file_has_another_name_where_anybody_may_give_one(tmp_path, take):
    mine, shared = tmp_path / "mine", tmp_path / "shared"
    mine.write_bytes(b"mine")
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "answer").hardlink_to(mine)
    with pytest.raises(PermissionError, match="it is a link"):
        take(shared / "answer")
    assert mine.read_bytes() == b"mine"
    shared.chmod(0o755)  # one's own, of a backup, say
    take(shared / "answer")
    assert mine.read_bytes() != b"mine"


@pytest.mark.parametrize("take", [invoke_into, save_into])
def test_a_file_is_written_through_one_s_own_link_and_over_what_was_there(tmp_path, take):
    mine = tmp_path / "mine"
    mine.write_bytes(b"longer than what is written")
    mine.chmod(0o600)
    (tmp_path / "answer").symlink_to(mine)
    take(tmp_path / "answer")
    assert (mine.read_bytes(), mine.stat().st_mode & 0o777) == (b"private", 0o600)


def test_the_system_s_links_lead_to_what_is_open(tmp_path, monkeypatch):
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    reading, writing = os.pipe()
    write(Path(f"/dev/fd/{writing}"), b"whole")
    os.close(writing)
    assert os.read(reading, 100) == b"whole"
    os.close(reading)
    write(Path("/dev/null"), b"nothing")


def test_what_can_not_be_made_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError) as caught:
        write(tmp_path / "nowhere" / "answer", b"")
    assert str(caught.value) == f"[Errno 2] No such file or directory: '{tmp_path}/nowhere'"
    tmp_path.joinpath("folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write(tmp_path / "folder", b"")
    assert str(caught.value) == f"[Errno 21] Is a directory: '{tmp_path}/folder'"
    monkeypatch.setattr(os, "geteuid", lambda: ME)
    with pytest.raises(PermissionError, match="link to what is open already, and a file is needed"):
        write_results_into(Path("/dev/stdout"))


def led(path, *, into=False, make=None):
    """Where a path leads, when the folder that it came to is that indeed."""
    folder, place = walked(path, into=into, make=make)
    found = os.fstat(folder)
    os.close(folder)
    assert os.path.samestat(found, (place if into else place.parent).stat())
    return place


@pytest.mark.parametrize("by_descriptor", [True, False])  # of a link, or by its name, as on macOS
def test_where_a_path_leads(tmp_path, monkeypatch, by_descriptor):
    if not by_descriptor:
        monkeypatch.setattr(own_path, "NAME_ONLY", 0)
    (tmp_path / "disk" / "results").mkdir(parents=True)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to(tmp_path / "disk" / ".." / "c")
    (tmp_path / "c").symlink_to("disk/results")
    (tmp_path / "loop").symlink_to("loop")
    results = tmp_path / "disk" / "results"
    assert led(results) == led(tmp_path / "a") == led(tmp_path / "a", into=True) == results
    assert led(tmp_path / "a" / "new") == led(tmp_path / "disk" / ".." / "c" / "new") == results / "new"
    assert led(tmp_path / "a" / ".." / "x" / ".." / "y" / "z", make=0o777) == tmp_path / "disk" / "y" / "z"
    assert led(tmp_path.joinpath(*["disk", ".."] * 50), into=True) == tmp_path
    assert led(Path("/"), into=True) == led(Path("/.."), into=True) == Path("/")
    monkeypatch.chdir(tmp_path)
    assert led(Path("c"), into=True) == results
    assert led(Path("c/x"), into=True, make=0o700) == results / "x"
    assert (results / "x").stat().st_mode & 0o777 == 0o700
    with pytest.raises(OSError, match="symbolic links"):
        led(tmp_path / "loop")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        led(tmp_path / "file" / "x", make=0o777)
    with pytest.raises(IsADirectoryError):
        led(Path("/"))


@pytest.mark.skipif(os.geteuid() != ROOT, reason="makes links of another user")
def test_a_path_leads_through_no_link_of_another_s(tmp_path):
    mine, shared, project = tmp_path / "mine", tmp_path / "shared", tmp_path / "project"
    for folder in (mine, shared, project):
        folder.mkdir()
    shared.chmod(0o1777)
    for folder in (shared, project):
        (folder / "theirs").symlink_to(mine)
        os.chown(folder / "theirs", OTHER, -1, follow_symlinks=False)
    (tmp_path / "own").symlink_to(project / "theirs")
    for path in (project / "theirs", tmp_path / "own", shared / "theirs", shared / "theirs" / "answer"):
        with pytest.raises(PermissionError, match="it is a link"):
            walked(path, into=False)
    write(project / "theirs" / "answer", b"a colleague's link, where nobody else may make one")
    (shared / "own").symlink_to(mine)
    write(shared / "own" / "answer", b"anew")
    assert (mine / "answer").read_bytes() == b"anew"


@pytest.mark.skipif(os.geteuid() != ROOT, reason="makes links of another user")
@pytest.mark.parametrize("owner", [OTHER, ROOT])
@pytest.mark.parametrize("take", [invoke_into, save_into, write_results_into, OwnFolder])
def test_a_path_leads_through_no_link_in_another_s_folder(tmp_path, take, owner):
    """Its owner put there what led into one's own, where nobody else had made anything."""
    mine, theirs = tmp_path / "mine", tmp_path / "shared" / "theirs"
    mine.mkdir()
    (mine / "answer").write_bytes(b"mine")
    theirs.mkdir(parents=True)
    theirs.parent.chmod(0o1777)
    (theirs / "today").symlink_to(mine)
    (tmp_path / "own").symlink_to(theirs / "today")
    os.chown(theirs, OTHER, -1)
    os.chown(theirs / "today", owner, -1, follow_symlinks=False)
    for path in (theirs / "today" / "answer", tmp_path / "own" / "answer", tmp_path / "own" / "new"):
        with pytest.raises(PermissionError, match="belongs to another user"):
            take(path)
    assert [(file.name, file.read_bytes()) for file in mine.iterdir()] == [("answer", b"mine")]


@pytest.mark.parametrize("take", [invoke_into, save_into, write_results_into, OwnFolder])
def test_a_path_leads_through_no_folder_that_may_become_a_link(tmp_path, monkeypatch, take):
    """Another's, in which they put a link in a folder's place once it was looked at."""
    mine, theirs = tmp_path / "mine", tmp_path / "shared" / "theirs"
    mine.mkdir()
    (mine / "answer").write_bytes(b"mine")
    other_s_folder(theirs, monkeypatch)
    (theirs / "today").mkdir()
    look = os.open

    def looked_at(name, flags, *given, **more):
        if name == "answer" and not os.path.islink(theirs / "today"):
            (theirs / "today").rmdir()
            (theirs / "today").symlink_to(mine)
        return look(name, flags, *given, **more)

    monkeypatch.setattr(os, "open", looked_at)
    with pytest.raises(PermissionError, match="belongs to another user") as caught:
        take(theirs / "today" / "answer")
    assert caught.value.filename == str(theirs)
    assert (mine / "answer").read_bytes() == b"mine"


@pytest.mark.parametrize("take", [invoke_into, save_into])
def test_nobody_waits_for_who_reads_another_s_pipe(tmp_path, monkeypatch, take):
    tmp_path.chmod(0o1777)
    os.mkfifo(tmp_path / "answer")
    me = os.geteuid()
    if me == ROOT:
        os.chown(tmp_path / "answer", OTHER, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        take(tmp_path / "answer")


def test_what_is_in_the_way_is_named(tmp_path, monkeypatch):
    """Another's, who may have known the name of a file on its way; where it is sticky only they remove it."""
    tmp_path.chmod(0o1777)
    (tmp_path / ".answer.part").touch()
    becomes_another_s(tmp_path / ".answer.part", monkeypatch)

    def refused(path, **given):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", refused)
    with pytest.raises(PermissionError, match=r"belongs to another user, .*; name one of your own") as caught:
        write_results_into(tmp_path / "answer")
    assert caught.value.filename == str(tmp_path / ".answer.part")
