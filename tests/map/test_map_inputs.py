"""Inputs from patterns and files, without any network."""

from __future__ import annotations

import io
import os
from collections import Counter

import pytest

from modelwhisk.client.errors import InputError
from modelwhisk.client.interface import Field, Interface
from modelwhisk.map.inputs import BadInputs, Row, Text, all_in, from_patterns, matching, read, rows_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.png", "deep/c.png", "x.txt", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["a.png", "b.png"]),
        ("**/*.png", ["a.png", "b.png", "deep/c.png"]),
        ("", ["a.png", "b.png", "x.txt"]),
        ("x.txt", ["x.txt"]),
    ],
)
def test_patterns(folder, pattern, found):
    assert matching("image", f"{folder}/{pattern}") == [folder / name for name in found]


@pytest.mark.parametrize("pattern", ["*.jpg", "nothing", "deep/nothing/"])
def test_no_match_is_an_error(folder, pattern):
    with pytest.raises(BadInputs, match="image: no file matches"):
        matching("image", f"{folder}/{pattern}")


@pytest.mark.parametrize(
    ("pattern", "left_out"), [("", ["out.png"]), ("*.png", ["out.png"]), ("**/*.png", ["out.png"])]
)
def test_no_link_in_a_folder_leads_out_of_it(folder, tmp_path_factory, capsys, pattern, left_out):
    """A link in a stranger's folder sent the file of one's own to which it led."""
    secret = tmp_path_factory.mktemp("secret") / "key.png"
    secret.write_text("secret")
    (folder / "out.png").symlink_to(secret)
    (folder / "linked").symlink_to(secret.parent)
    (folder / "in.png").symlink_to("deep/c.png")
    found = matching("image", f"{folder}/{pattern}")
    assert folder / "in.png" in found
    assert not [path for path in found if path.read_text() == "secret"]
    assert (
        f"out of {folder}: {', '.join(str(folder / name) for name in left_out)}; name them" in capsys.readouterr().err
    )
    # What is named itself is the user's word, and so is the folder.
    assert matching("image", str(folder / "out.png")) == [folder / "out.png"]
    capsys.readouterr()
    assert matching("image", f"{folder}/linked") == [folder / "linked" / "key.png"]
    assert f"{folder}/linked is a link to {secret.parent}, of which 1 files are taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    "pattern", ["stranger/photos", "stranger/photos/*", "stranger/photos/deep/**", "stranger/photos/d*/*", "stranger/x"]
)
def test_where_a_link_on_the_way_leads_is_told(folder, tmp_path, capsys, monkeypatch, pattern):
    """A stranger's for a folder sent all of the user's own to which it led, without a word."""
    mine = tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "deep" / "key").touch()
    (mine / "key").touch()
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "photos").symlink_to(mine)
    (tmp_path / "stranger" / "x").mkdir()
    (tmp_path / "stranger" / "x" / "key").touch()
    monkeypatch.chdir(tmp_path)
    (found,) = matching("image", pattern)
    assert found.name == "key"
    told = capsys.readouterr().err
    if "photos" in pattern:
        assert told == f"stranger/photos is a link to {mine}, of which 1 files are taken\n"
    else:
        assert told == ""


def test_links_that_lead_round_in_circles_have_an_end(folder, capsys):
    """Four of them have 4^40 paths, each of which was kept."""
    for name in "wxyz":
        (folder / name).symlink_to(".")
    (folder / "deep" / "up").symlink_to("..")
    every = [folder / "a.png", folder / "b.png", folder / "deep" / "c.png"]
    for pattern in ("**/*.png", "**/**/*.png"):
        found = matching("image", f"{folder}/{pattern}")
        assert {path.resolve() for path in found} == set(every), pattern
        assert "not entered, since they are links: " in capsys.readouterr().err
    assert matching("image", f"{folder}/**/c.png") == every[2:]
    assert set(every) <= set(matching("image", f"{folder}/**"))


@pytest.mark.parametrize("pattern", ["**/*.png", "**/**", "**/[[]*/**/*.png"])
def test_no_folder_is_listed_for_each_beside_it(tmp_path, monkeypatch, pattern):
    """Where names have brackets, as of 4,000 in half a megabyte of zip, it took the square of their number."""
    for number in range(20):
        (tmp_path / f"[{number}]" / "[x]" / "[x]").mkdir(parents=True)
        (tmp_path / f"[{number}]" / "[x]" / "a.png").touch()
    listings = Counter()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listings.update([str(path)]) or scandir(path))
    assert matching("image", f"{tmp_path}/{pattern}") == sorted(tmp_path.glob("*/*/a.png"))
    assert len(listings) >= 60
    assert max(listings.values()) <= 5  # for a pattern of two `**`


def test_folders_too_deep_in_each_other_are_refused(tmp_path):
    """A thousand in each other ended the command with a traceback, and took 25 ms for each file in the last of them."""
    deepest = tmp_path
    for _ in range(100):
        deepest /= "a"
    deepest.mkdir(parents=True)
    (deepest / "x.png").touch()
    assert matching("image", f"{tmp_path}/**/*.png") == all_in(tmp_path) == [deepest / "x.png"]
    (deepest / "a").mkdir()
    with pytest.raises(BadInputs, match="has folders more than 100 deep in each other"):
        matching("image", f"{tmp_path}/**/*.png")
    with pytest.raises(BadInputs, match="has folders more than 100 deep in each other"):
        all_in(tmp_path)


def test_a_folder_of_nothing_but_links_out_of_it_has_no_files(tmp_path, tmp_path_factory, capsys, monkeypatch):
    (tmp_path / "\x1b]0;x.png").symlink_to(tmp_path_factory.getbasetemp() / "key")
    (tmp_path_factory.getbasetemp() / "key").touch()
    monkeypatch.chdir(tmp_path)
    for pattern in (".", "*.png", "**/*.png"):
        with pytest.raises(BadInputs, match="no file matches"):
            matching("image", pattern)
    told = capsys.readouterr().err
    assert told.count("left out") == 3
    assert "\x1b" not in told


def test_files_of_two_fields_go_together(folder):
    both = from_patterns({"image": f"{folder}/*.png", "mask": f"{folder}/*.png"})
    assert both == [{"image": folder / name, "mask": folder / name} for name in ("a.png", "b.png")]
    one = from_patterns({"image": f"{folder}/*.png", "style": f"{folder}/x.txt"})
    assert [item["style"] for item in one] == [folder / "x.txt"] * 2
    with pytest.raises(BadInputs, match="3 for image, 2 for mask"):
        from_patterns({"image": f"{folder}/**/*.png", "mask": f"{folder}/*.png"})


def inputs(text, form, field="text"):
    return list(read(io.StringIO(text), form, field))


def test_no_text_becomes_a_file_because_the_model_calls_it_one(folder):
    """A model got each file that one of a stranger's lines named."""
    inputs = (Field("text", kind="file"), Field("more", kind="array", items=Field("more", kind="file")))
    interface = Interface("POST", "/", "multipart", inputs)
    path = str(folder / "a.png")
    for values in ({"text": Text(path)}, {"text": path}, {"more": [path]}, {"more": Text(path)}):
        (row,) = rows_of([values])
        with pytest.raises(InputError, match=r"is a file to this model: .*only with --paths"):
            row.typed(interface)
        expected = [folder / "a.png"] if "more" in values else folder / "a.png"
        assert list(row.typed(interface, paths=True).values()) == [expected]
    (row,) = rows_of([{"text": folder / "a.png", "more": [b"bytes"]}])
    assert row.typed(interface) == row.values


def test_lines():
    assert inputs("one\n\ntwo\r\nthree", "lines") == [{"text": "one"}, {"text": "two"}, {"text": "three"}]


def test_json_lines():
    assert inputs('{"n": 1, "x": [2]}\n"bare"\n', "jsonl") == [{"n": 1, "x": [2]}, {"text": "bare"}]
    with pytest.raises(BadInputs, match="line 2 is no JSON"):
        inputs("{}\n{", "jsonl")
    for levels in (801, 985, 5_000):
        with pytest.raises(BadInputs, match="line 2: it is nested more than 800 levels deep"):
            inputs("{}\n" + "[" * levels + "]" * levels, "jsonl")


def test_results_are_inputs_again():
    deep = "[" * 800 + "]" * 800  # as deep as an answer in a line may be
    assert inputs(f'{{"input": {{"n": 1}}, "status": 200, "answer": {deep}}}\n', "jsonl") == [{"n": 1}]
    assert inputs('{"input": {"n": 1}, "status": 200, "answer": 1}\n', "jsonl") == [{"n": 1}]


def test_table():
    assert inputs('n,note\n1,"two\nlines"\n2,\n', "csv") == [{"n": "1", "note": "two\nlines"}, {"n": "2"}]
    assert inputs("n\tnote\n1\tx, y\n", "tsv") == [{"n": "1", "note": "x, y"}]
    for text in ("n,note\n1\n", "n,note\n1,2,3\n"):
        with pytest.raises(BadInputs, match="line 2 has not as many cells"):
            inputs(text, "csv")


def test_texts_become_what_their_fields_take():
    fields = (
        Field("n", "integer"),
        Field("f", "number"),
        Field("on", "boolean"),
        Field("texts", "array", items=Field("texts", "string")),
        Field("s", "string"),
        Field("o", "object"),
    )
    interface = Interface("POST", "/", "json", fields)
    given = {"n": "5", "f": "0.5", "on": "true", "texts": "one, two", "s": "5", "o": '{"a": 1}'}
    row = rows_of([{name: Text(value) for name, value in given.items()}])[0]
    assert row.typed(interface) == {"n": 5, "f": 0.5, "on": True, "texts": ["one, two"], "s": "5", "o": {"a": 1}}


def test_the_same_input_twice_is_two_rows():
    first, second, other = rows_of([{"n": 1, "m": 2}, {"m": 2, "n": 1}, {"n": 2}])
    assert first.key == second.key != other.key
    assert (first.occurrence, second.occurrence) == (0, 1)
    assert len({first.label, second.label, other.label}) == 3


def test_a_file_s_name_steers_no_terminal_by_its_answer_s(tmp_path):
    """A stranger's, out of a tar; the cell of a CSV with the name of the answer's file was as it is."""
    label = Row({"image": tmp_path / "a\x1b]0;steered\x07\x9b2J\u202eb \udcff.png"}, "1").label
    assert label.startswith("a_]0;steered__2J_b \udcff-")
