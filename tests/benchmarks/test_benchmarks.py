"""The benchmark compares like with like: all its sides answer alike, and its report can be read."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import page, report
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.groups import drift_detection, in_process

CHECKOUT = Path(__file__).resolve().parents[2]
INSIDE = CHECKOUT / "benchmarks" / "inside"
SIDES = ["app", "floor", "ours", "naive", "apig-wsgi", "starlette", "mangum", "ours+pybase64"]


@pytest.mark.skipif(importlib.util.find_spec("flask") is None, reason="needs the extra [samples], for Flask")
def test_every_side_answers_every_case_alike_and_is_timed(tmp_path: Path) -> None:
    results = tmp_path / "times.json"
    done = subprocess.run(
        [sys.executable, INSIDE / "in_process.py", CHECKOUT / "runtime", results, "2"],
        cwd=CHECKOUT / "benchmarks" / "model",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]  # it ends with 1 where two sides differ
    times = json.loads(results.read_text())
    assert set(in_process.BARS) < set(times)
    assert {tuple(sides) for sides in times.values()} == {tuple(SIDES)}
    assert all(len(calls) >= 2 for sides in times.values() for calls in sides.values())


def test_added_cost_is_less_the_application_in_the_same_round() -> None:
    row = in_process.row("200 B JSON in", {"app": [1, 2, 3], "ours": [2, 3, 4], "naive": [6, 7, 8], "floor": [2, 3, 4]})
    assert row.series["ours"].values == (1, 1, 1)
    assert row.ratios == {"ours/floor": 1, "ours/naive": 0.2}
    assert [str(bar) for bar in row.bars] == [
        "ours/floor 1.00, wanted ≤ 1.5: met",
        "ours/naive 0.20, wanted ≤ 0.35: met",
    ]


def test_mangum_is_measured_by_its_own_application() -> None:
    times = {"app": [1], "ours": [2], "naive": [3], "floor": [2], "starlette": [10], "mangum": [14]}
    row = in_process.row(
        "20 kB upload in", {name: [float(value) for value in values] for name, values in times.items()}
    )
    assert row.series["starlette"].values == (10,)
    assert row.series["mangum"].values == (4,)
    assert row.ratios["ours/mangum"] == 0.25


def test_quantiles_lie_between_measurements() -> None:
    series = Series.of([3, 1, 2, 4])
    assert (series.p50, series.quantile(0), series.quantile(1)) == (2.5, 1, 4)
    assert Series.of([7]).p99 == 7


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(2, False, True), (2.1, False, False), (2, True, True), (1.9, True, False)]
)
def test_a_bar_is_met_on_its_limit_and_on_one_side_of_it(value: float, at_least: bool, met: bool) -> None:
    assert Bar("ratio", value, 2, at_least=at_least).met is met


def test_the_report_shows_each_figure_and_each_missed_bar() -> None:
    fast, slow = Series.of([50e-6, 60e-6]), Series.of([0.002, 0.003])
    table = Table(
        "group",
        "3.11",
        "A title",
        "A note.",
        (
            Row("fast", {"ours": fast, "naive": slow}, {"ours/naive": 0.02}, (Bar("ours/naive", 0.02, 0.4),)),
            Row("heavy", {"ours": Series.of([12.5])}, {}, (Bar("more", 12.5, 3, " MB"),), "MB"),
        ),
    )
    out = io.StringIO()
    report.show(table, out)
    report.verdict([table], out)
    assert out.getvalue().splitlines() == [
        "",
        "A title (Python 3.11)",
        "group              ours           naive  ours/naive    bars",
        "fast         55 / 60 µs  2.50 / 2.99 ms        0.02     met",
        "heavy  12.50 / 12.50 MB                              MISSED",
        "A note.",
        "",
        "Bars",
        "  Python 3.11, group, fast: ours/naive 0.02, wanted ≤ 0.4: met",
        "  Python 3.11, group, heavy: more 12.50 MB, wanted ≤ 3 MB: MISSED",
        "1 of 2 bars met",
    ]
    assert json.loads(json.dumps(report.as_json([table])))["tables"][0]["rows"][1]["bars"][0]["met"] is False


def test_the_heading_says_on_which_machine() -> None:
    out = io.StringIO()
    report.heading(out, precedence=False)
    assert "CPUs" in out.getvalue()
    assert "driver: Python" in out.getvalue()


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("faiss", "sklearn", "usearch")),
    reason="needs the extra [bench]",
)
def test_the_searches_of_a_small_reference_find_the_same(tmp_path: Path) -> None:
    from benchmarks.groups import drift_search

    table = drift_search.measure(tmp_path, 5, size=600)
    rows = {row.name: row for row in table.rows}
    assert set(rows["query"].series) == {"numpy", "FAISS flat", "ours, numpy", "ours"}
    assert rows["query"].ratios["recall@3"] >= 0.9
    assert all(len(series.values) >= 5 for series in rows["query"].series.values())
    assert len(rows["added, of 600"].bars) == 2
    assert len(list(table.bars())) == 5


def test_the_page_needs_nothing_else_and_shows_each_figure() -> None:
    fast, slow = Series.of([50e-6, 60e-6]), Series.of([0.002, 0.003])
    bars = (Bar("ours/naive", 0.02, 0.4), Bar("ours/floor", 1.7, 1.5))
    rows = (
        Row("a <fast> one", {"ours": fast, "naive": slow}, {"ours/naive": 0.02}, bars),
        Row("heavy", {"ours": Series.of([12.5])}, {}, (), "MB"),
    )
    drawn = page.rendered([Table("group", "3.11", "A title", "A note.", rows)])
    assert "a &lt;fast&gt; one: ours/naive 0.02, wanted \u2264 0.4: met" in drawn
    assert "<li class='missed'>Python 3.11, group, a &lt;fast&gt; one: ours/floor 1.70" in drawn
    assert "<td>55 / 60 \u00b5s</td><td>2.50 / 2.99 ms</td><td>0.02</td>" in drawn
    assert "<td>12.50 / 12.50 MB</td>" in drawn
    assert drawn.count("<svg") == 1
    assert not re.search(r"<(script|link|img|iframe)|url\(", drawn.replace("url(#", ""))


def test_a_table_without_times_has_no_plot() -> None:
    rows = (Row("heavy", {"ours": Series.of([12.5])}, {}, (), "MB"),)
    assert "<svg" not in page.rendered([Table("group", "", "A title", "", rows)])


def detection_results(validation_share: float) -> dict[str, object]:
    def of(name: str) -> dict[str, object]:
        kinds = {"validation": {"share": validation_share, "auc": None}, "inverted": {"share": 0.5, "auc": 0.9}}
        return {name: {"single": {"ours, l2": kinds}}}

    digits = {**of("inner layer (flat)"), **of("picture")}
    texts = {**of("scores of the languages"), **of("letters and pairs")}
    return {"digits": {"embeddings": digits}, "texts": {"embeddings": texts}}


@pytest.mark.parametrize(("share", "met"), [(0.01, True), (0.0, True), (0.02, True), (0.021, False)])
def test_thresholds_are_held_to_the_stated_share(share: float, met: bool) -> None:
    table = drift_detection.table_of(detection_results(share))
    assert [row.name for row in table.rows][:2] == ["digits: validation", "digits: inverted"]
    assert [bar.met for bar in table.rows[0].bars] == [met, met]
    assert [bar.met for bar in table.rows[1].bars] == [False]  # 0.9 is no detection of what picture must see
    assert table.rows[1].ratios["% picture"] == 50
