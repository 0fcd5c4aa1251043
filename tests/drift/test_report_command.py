"""`modelwhisk drift report` on the command line: pictures in, a sentence, a page, JSON and an exit status out."""

from __future__ import annotations

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("matplotlib", reason="needs the extra [drift]")

from digit_pictures import digit_files, reference_of

from modelwhisk.cli import main
from modelwhisk.map.results import Line


@dataclass(frozen=True)
class Digits:
    """A reference of 240 digits, 80 more for validation, 40 more as they are and inverted."""

    reference: Path
    validation: Path
    usual: Path
    inverted: Path


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    folder = tmp_path_factory.mktemp("digits")
    reference = reference_of(folder / "digits.drift", digit_files(folder / "training", 0, 240))
    digit_files(folder / "validation", 240, 320)
    digit_files(folder / "usual", 320, 360)
    digit_files(folder / "inverted", 320, 360, inverted=True)
    return Digits(reference, folder / "validation", folder / "usual", folder / "inverted")


def report(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["drift", "report", *map(str, arguments)])


def test_usual_inputs_are_no_drift(digits: Digits, tmp_path: Path) -> None:
    done = report(digits.reference, digits.usual, "--validation", digits.validation, "--json", tmp_path / "r.json")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("No need to retrain: ")
    numbers = json.loads((tmp_path / "r.json").read_text())
    assert numbers["verdict"] == "none"
    assert {name: group["count"] for name, group in numbers["distances"].items()} == {
        "training": 240,
        "validation": 80,
        "new": 40,
    }
    assert set(numbers["tests"]) == {"share", "distances", "mix"}
    assert len(numbers["inputs"]) == 40


def test_a_report_that_was_private_stays_so(digits: Digits, tmp_path: Path) -> None:
    page, numbers = tmp_path / "report.html", tmp_path / "report.json"
    page.touch(0o600)
    report(digits.reference, digits.usual, "-o", page, "--json", numbers)
    assert "<html" in page.read_text("utf-8")
    assert page.stat().st_mode & 0o777 == 0o600
    assert numbers.stat().st_mode & 0o777 == 0o666 & ~umask()


def test_a_report_is_written_through_no_link_of_another_s_and_through_one_s_own(digits: Digits, tmp_path: Path) -> None:
    victim, behind = tmp_path / "victim", tmp_path / "behind.html"
    victim.write_text("mine")
    (tmp_path / ".behind.html.part").symlink_to(victim)
    (tmp_path / "report.html").symlink_to(behind)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        piped = pool.submit(pipe.read_text, "utf-8")
        report(digits.reference, digits.usual, "-o", tmp_path / "report.html", "--json", pipe)
        assert len(json.loads(piped.result(60))["inputs"]) == 40
    assert "<html" in behind.read_text("utf-8")
    assert (tmp_path / "report.html").is_symlink()
    assert pipe.is_fifo()
    assert victim.read_text() == "mine"


def test_a_report_goes_through_no_link_of_another_s(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "report.html").symlink_to(victim)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    done = report(digits.reference, digits.usual, "-o", tmp_path / "report.html")
    assert done.exit_code == 1
    assert "it is a link" in done.output
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("option", ["-o", "--json"])
@pytest.mark.parametrize("what", ["pipe", "link to a device"])
def test_a_report_goes_into_nothing_of_another_s(
    what: str, option: str, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to a disk had the page over its beginning, the owner of a pipe read it."""
    tmp_path.chmod(0o1777)
    out = tmp_path / "report"
    if what == "pipe":
        os.mkfifo(out)
    else:
        out.symlink_to("/dev/null")
    me = os.geteuid()
    if me == 0:
        os.chown(out, 1001, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    done = report(digits.reference, digits.usual, option, out)
    assert done.exit_code == 1
    assert "it is a link" in done.output or "belongs to another user" in done.output


@pytest.mark.parametrize("name", ["/dev/null", "/dev/fd/{}"])
def test_a_report_goes_into_what_is_open(
    name: str, digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is a file, and the system's links to it are root's."""
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with (tmp_path / "report.html").open("wb") as file:
        done = report(digits.reference, digits.usual, "-o", name.format(file.fileno()))
    assert done.exit_code == 0, done.output
    assert ("<html" in (tmp_path / "report.html").read_text("utf-8")) == (name != "/dev/null")


def umask() -> int:
    """The process's own, which can't be read but by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_inverted_inputs_are_drift_and_the_farthest_are_shown_beside_their_nearest(
    digits: Digits, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    done = report(digits.reference, digits.inverted, "-o", page, "--json", "-", "--by-time")
    assert done.exit_code == 3, done.output
    assert "Retrain: 40 of the 40 new inputs" in done.stderr
    numbers = json.loads(done.stdout)
    assert numbers["share"]["above"] == 40
    worst = max(numbers["inputs"], key=lambda item: item["distance"])
    assert len(worst["neighbours"]) == 3
    assert worst["distance"] == pytest.approx(sum(item["distance"] for item in worst["neighbours"]) / 3)
    seen = Seen(page.read_text())
    assert seen.texts["h1"] == [numbers["sentence"]]
    pictures = [attributes for tag, attributes in seen.elements if tag == "img"]
    assert len(pictures) == 12 * (1 + 3)
    assert all(picture["alt"] and picture["src"].startswith("data:image/png;base64,") for picture in pictures)


class Seen(HTMLParser):
    """The elements of a page with their attributes, and the texts of some."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.texts: dict[str, list[str]] = {"h1": [], "caption": [], "blockquote": []}
        self._within = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        if self._within in self.texts:
            self.texts[self._within].append(data)

    def handle_endtag(self, _tag: str) -> None:
        self._within = ""


def test_the_page_has_all_in_itself_and_can_be_heard(digits: Digits, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    report(digits.reference, digits.inverted, "--validation", digits.validation, "-o", page)
    text = page.read_text()
    assert not re.search(r"https?:|@import|url\((?!#)|<script|javascript:", text, re.IGNORECASE)
    seen = Seen(text)
    links = [value for _, attributes in seen.elements for name, value in attributes.items() if name in ("src", "href")]
    assert all(value.startswith(("data:", "#")) for value in links)
    identities = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert {value[1:] for value in links if value.startswith("#")} <= set(identities)
    figures = [attributes for tag, attributes in seen.elements if tag == "figure"]
    assert len(figures) == 2
    assert all(figure["aria-labelledby"] in identities for figure in figures)
    assert sum(tag == "table" for tag, _ in seen.elements) == sum(tag == "caption" for tag, _ in seen.elements) == 3


def test_what_inputs_are_called_and_say_stays_text(digits: Digits, tmp_path: Path) -> None:
    evil = '<img src=x onerror="alert(1)">{{ 7 * 7 }}'
    lines = [
        Line({"text": evil}, 200, activation="<b>", drift="distance=9") for _ in range(30)
    ]  # fmt: skip
    results = tmp_path / "<script>.jsonl"
    results.write_bytes(b"".join(line.render("jsonl") for line in lines))
    page = tmp_path / "report.html"
    done = report(digits.reference, results, "-o", page)
    assert done.exit_code == 3, done.output
    seen = Seen(page.read_text())
    assert seen.texts["blockquote"] == [evil] * 12
    assert not [tag for tag, _ in seen.elements if tag in ("script", "img", "b")]
    assert "29 of 30 inputs are repeats" in page.read_text()


def test_distances_as_far_as_can_be_are_drawn_and_farther_ones_left_out(digits: Digits, tmp_path: Path) -> None:
    """They ended the report with a traceback, without page or verdict."""
    told = ["0", "3.4e38"] * 20 + ["1.7e308"]
    lines = [Line({"text": "a"}, 200, drift=f"distance={distance}").render("jsonl") for distance in told]
    (tmp_path / "told.jsonl").write_bytes(b"".join(lines))
    done = report(digits.reference, tmp_path / "told.jsonl", "-o", tmp_path / "report.html")
    assert done.exit_code == 3, done.output
    assert "20 of the 40 new inputs" in done.stdout
    assert "1 left out: " in done.stderr
    assert (tmp_path / "report.html").read_text().count("<svg") == 2


def test_a_broken_picture_is_left_out_and_counted(digits: Digits, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    shutil.copytree(digits.usual, folder)
    (folder / "torn.png").write_bytes((folder / "320.png").read_bytes()[:60])
    done = report(digits.reference, folder)
    assert done.exit_code == 0, done.output
    assert "1 left out: " in done.stderr


def test_too_few_inputs_are_told_so(digits: Digits) -> None:
    done = report(digits.reference, *sorted(digits.usual.iterdir())[:6])
    assert done.exit_code == 4
    assert "too few to rule drift out" in done.stdout


def test_validation_that_is_none_is_told_so(digits: Digits) -> None:
    done = report(digits.reference, digits.usual, "--validation", digits.inverted)
    assert done.exit_code == 4
    assert "of the validation inputs themselves" in done.stdout


def torn(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("change", "said"), [(torn, "it is cut off"), (flipped, "checksum differs"), (lambda _: b"", "cut off")]
)
def test_a_damaged_reference_is_refused(digits: Digits, tmp_path: Path, change: Any, said: str) -> None:
    damaged = tmp_path / "damaged.drift"
    damaged.write_bytes(change(digits.reference.read_bytes()))
    done = report(damaged, digits.usual, "-o", tmp_path / "report.html")
    assert done.exit_code == 1, done.output
    assert said in done.stderr
    assert "damaged.drift" in done.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "give either new inputs or --activations"),
        (("new", "--activations", "digits"), 2, "give either new inputs or --activations"),
        (("missing",), 2, "no file matches missing"),
        (("empty",), 2, "there are no inputs in empty"),
        (("empty.png",), 1, "no input of empty.png has a distance"),
        (("untold.jsonl",), 1, "1 x without Model-Drift"),
        (("other.jsonl",), 1, "distances by another reference"),
        (("new", "--since", "yesterday"), 2, "give one as 90m, 24h or 7d"),
        (("new", "--bound", "1"), 2, "--bound"),
        (("new", "--model", "./nowhere"), 1, "there is no folder ./nowhere"),
        (("new", "-o", "no/such/folder/r.html"), 1, "no/such/folder/r.html can't be written"),
    ],
)
def test_what_cannot_be_done_is_said(
    digits: Digits, inputs_here: None, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = report(digits.reference, *arguments)
    assert (done.exit_code, said in done.output) == (status, True), done.output


@pytest.fixture
def inputs_here(digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink(digits.usual, "new")
    Path("empty").mkdir()
    Path("empty.png").write_bytes(b"")
    Path("untold.jsonl").write_bytes(Line({"image": "a.png"}, 200, answer=1).render("jsonl"))
    Path("other.jsonl").write_bytes(Line({}, 200, drift="distance=1; threshold=77").render("jsonl"))
