"""Distances that actions told: in headers, in logs, in `map`'s results, in a platform's records."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelwhisk.drift import told
from modelwhisk.drift.header import Told, of_header, of_headers, of_log
from modelwhisk.drift.observations import came_at
from modelwhisk.map.results import Line, parse_line
from modelwhisk.openwhisk import Activation, NotFound, OpenWhiskError

STAMP = "2026-11-26T22:00:00Z stdout: "
REFERENCE = SimpleNamespace(path="digits.drift", threshold=1.2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("distance=0.831; threshold=1.2; drifted=?0", Told(0.831, 1.2)),
        ('distance=0.831; threshold=1.2; drifted=?0; exact="0.83123456"', Told(0.83123456, 1.2)),
        ("distance=0.831, threshold=1.2, drifted=?0", Told(0.831, 1.2)),
        ("distance=12", Told(12, None)),
        ("drifted=?0", None),
        ("distance=?1; threshold=1.2", None),
        ("distance=-1", None),
        ("distance=1e999", None),
        ("distance=3.4e38", Told(3.4e38, None)),
        ("distance=1e300", None),
        ("distance=nan", None),
        ("", None),
        ("distance", None),
    ],
)
def test_the_header_is_read_or_left(text: str, found: Told | None) -> None:
    assert of_header(text) == found
    assert of_headers({"content-type": "x", "Model-Drift": text}) == found


@pytest.mark.parametrize("headers", [None, [], {}, {"model-drift": None}, {"model-drifts": "distance=1"}])
def test_other_headers_tell_nothing(headers: object) -> None:
    assert of_headers(headers) is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (STAMP + "modelproxy: POST / 200 in=1 drift=0.5 drifted=0 threshold=1.2 share=0 of=9", Told(0.5, 1.2)),
        (STAMP + '{"activation": "a", "drift": {"distance": 0.5, "threshold": 1.2}}', Told(0.5, 1.2)),
        ('{"activation": "a", "drift": null}', None),
        ('{"activation": "a", "drift": {"distance": true}}', None),
        ('{"activation": "a", "drift": {"distance": 1' + "0" * 400 + "}}", None),
        ("stdout: a model's own drift=0.5", None),
        # A caller's word in a path, which has no blanks.
        (STAMP + "modelproxy: GET /drift=9 404 in=0 out=1 ms=0.1 drift=none activation=a", None),
        (STAMP + "modelproxy: GET /drift=9;threshold=9 200 in=0 drift=0.5 drifted=0 threshold=1.2", Told(0.5, 1.2)),
        ('{"drift":' * 100_000, None),
        ('{"drift": ', None),
        ("", None),
    ],
)  # fmt: skip
def test_the_log_is_read_where_it_is_the_proxys(line: str, found: Told | None) -> None:
    assert of_log(["first", line, "modelproxy: last"]) == found


@pytest.mark.parametrize("line", ["modelproxy: " * 50_000, "modelproxy: a b 1 drift=1 " * 20_000])
def test_no_log_line_or_header_takes_more_time_than_its_length(line: str) -> None:
    """Each took minutes; the test's own time limit tells."""
    of_log([line])
    assert of_header("a" * 200_000) is None


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_results_keep_what_the_answer_told(form: str, tmp_path: Path) -> None:
    told = "distance=0.5; threshold=1.2; drifted=?0"
    line = Line({"image": "a.png"}, 200, drift=told, answer={"n": 1}, sent_files=["image"])
    assert parse_line(line.render(form), form) == line


def results(path: Path, *lines: Line) -> Path:
    path.write_bytes(b"".join(line.render("jsonl") for line in lines))
    return path


def header(distance: float) -> str:
    return f"distance={distance}; threshold=1.2; drifted=?{int(distance > 1.2)}"


def test_inputs_come_from_results(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    path = results(
        tmp_path / "results.jsonl",
        Line({"image": "a.png"}, 200, activation="1" * 32, drift=header(0.5), sent_files=["image"]),
        Line({"text": "hello", "top": "3"}, 200, drift=header(2)),
        Line({"text": "hello"}, 500, error="500: broken"),
        Line({"text": "hello"}, 200, answer=1),
    )
    assert told.is_results(path)
    found = told.of_results(path, REFERENCE)
    assert [(item.distance, item.file, item.text) for item in found.items] == [
        (0.5, tmp_path / "a.png", ""),
        (2, None, '{"text": "hello", "top": "3"}'),
    ]
    assert found.items[0].where == "1" * 32
    assert found.skipped == {"failed": 1, "without Model-Drift": 1}


@pytest.mark.parametrize("sent", [None, [], ["image"], ["other"]])
def test_a_text_that_was_sent_as_one_is_no_file_though_it_is_a_path(sent: list[str] | None, tmp_path: Path) -> None:
    """A stranger's text put a picture of the user's into the page."""
    private = tmp_path / "private.png"
    private.write_bytes(b"")
    line = Line({"text": str(private), "image": 5}, 200, drift=header(2), sent_files=sent)
    (item,) = told.of_results(results(tmp_path / "results.jsonl", line), REFERENCE).items
    assert (item.file, item.name) == (None, line.key)


def test_results_as_a_table_are_results_too(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(b"input,status,ms\n")
    assert told.is_results(path)
    path.write_bytes(b"text,language\nhello,en\n")
    assert not told.is_results(path)


@pytest.mark.parametrize("content", [b'{"text": "hello"}\n', b"not JSON\n", b"", b'{"input": {}}\n'])
def test_inputs_are_no_results(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "inputs.jsonl"
    path.write_bytes(content)
    assert not told.is_results(path)


def test_distances_by_another_reference_are_refused(tmp_path: Path) -> None:
    path = results(tmp_path / "results.jsonl", Line({}, 200, drift="distance=1; threshold=7; drifted=?0"))
    with pytest.raises(told.OtherReference, match=r"its threshold is 7, that of digits\.drift 1\.2"):
        told.of_results(path, REFERENCE)


class LittlePlatform:
    """Has the records of `count` calls, one a second, of which `gone` expired since they were listed."""

    def __init__(self, count: int, gone: int = -1) -> None:
        self._records = [self._record(number) for number in range(count)][::-1]
        self._gone = gone

    def _record(self, number: int) -> Activation:
        headers = {"Model-Drift": header(number / 100)} if number % 2 else {}
        value = {
            "activationId": f"{number:032x}", "name": "digits", "namespace": "guest", "start": 10**12 + number * 1000,
            "response": {"status": "success", "result": {"statusCode": 200, "headers": headers}},
            "annotations": [{"key": "path", "value": "guest/models/digits" if number != 3 else "guest/digits"}],
        }  # fmt: skip
        return Activation.from_json(value)

    def list_activations(self, name: str, *, limit: int, since: int, upto: int | None) -> list[Activation]:
        assert name == "digits"
        upto = 10**15 if upto is None else upto
        return [record for record in self._records if since <= record.start <= upto][:limit]

    def activation(self, identity: str) -> Activation:
        if int(identity, 16) == self._gone:
            raise NotFound("expired")
        return next(record for record in self._records if record.id == identity)


def test_all_calls_of_the_action_are_looked_through_and_those_of_others_left() -> None:
    found = told.of_activations(LittlePlatform(450, gone=5), "models/digits", timedelta(days=365 * 60), REFERENCE)
    told_ones = [number for number in range(1, 450, 2) if number not in (3, 5)]
    assert [item.distance for item in found.items] == [number / 100 for number in told_ones]
    assert found.skipped == {"without Model-Drift": 225}
    assert found.items[0].time is not None
    assert found.items[0].time.timestamp() == 10**9 + 1


@pytest.mark.parametrize("start", [253_402_300_799_000, 0])
def test_a_time_that_can_be_none_costs_no_more_than_itself(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No axis could be drawn to the year 9999: the report ended with a traceback, and told no verdict."""
    platform = LittlePlatform(3)
    one = platform.activation(f"{1:032x}")
    monkeypatch.setattr(platform, "activation", lambda identity: replace(one, start=start))
    items = told.of_activations(platform, "models/digits", timedelta(days=365 * 60), REFERENCE).items
    assert [(item.name, item.time, item.distance) for item in items] == [(one.id, None, 0.01)] * 3


def test_a_clock_that_is_ahead_and_one_of_another_age() -> None:
    now = time.time()
    assert came_at(now + 3600) == datetime.fromtimestamp(now + 3600, timezone.utc)
    assert [came_at(seconds) for seconds in (now + 10**6, 1e18, float("inf"), -1.0)] == [None] * 4


def test_a_list_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_MOST_LISTED", 1_000)

    class Endless(LittlePlatform):
        settings = SimpleNamespace(host="https://endless.example")
        listed = 0

        def list_activations(self, name: str, *, limit: int, since: int, upto: int | None) -> list[Activation]:
            assert self.listed <= 1_000, "asked again"
            self.listed += limit
            return [self._record(number) for number in range(self.listed - limit, self.listed)]

    with pytest.raises(OpenWhiskError, match="lists more than 1,000 calls"):
        told.of_activations(Endless(0), "others/digits", timedelta(days=1), REFERENCE)


def test_only_calls_since_then_are_asked_for() -> None:
    assert told.of_activations(LittlePlatform(10), "models/digits", timedelta(hours=1), REFERENCE).items == []


def test_a_log_stands_in_for_headers_that_were_not_kept() -> None:
    lines = [STAMP + json.dumps({"drift": {"distance": 0.25, "threshold": 1.2}})]
    assert of_log(lines) == Told(0.25, 1.2)
