"""Drift references, names and results made to harm whoever shows them or reports by them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelwhisk.cli import main

pytest.importorskip("matplotlib", reason="needs the extra [drift]")
np = pytest.importorskip("numpy")
references = pytest.importorskip("drift_references")
Image = pytest.importorskip("PIL.Image")

STEERING = "\x1b]0;title\x07\x9b31m\x85\u202e"
MARKUP = "<img src=x onerror=alert(1)>\"'&{{7*7}}</style></script><script>alert(1)</script>"


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(main, ["drift", *map(str, arguments)], color=True)


def vectors(count: int = 120) -> Any:
    return np.random.default_rng(0).normal(size=(count, 512)).astype("<f4")


def steers(text: str) -> bool:
    return re.search("[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e]|\x1b[^\\[]", text) is not None


HOSTILE: dict[str, dict[str, Any]] = {
    "texts": {
        "thresholds": [{"quantile": 0.99, "distance": 1.0}],
        "made": STEERING,
        "model": {"name": STEERING, "digest": STEERING, "files": {}},
        "index": {"library": STEERING, "recall@3": STEERING},
        "embedding": {"kind": "onnx-layer", "layer": STEERING, "model": STEERING},
    },
    "a member's name": {"extra": {STEERING + ".npy": b"x"}},
    "nothing of what is shown": {"thresholds": None, "model": {"digest": 5, "files": {}, "name": []}, "made": {}},
    "a threshold of 400 digits": {"threshold": {"distance": 10**400, "quantile": 0.99}},
    "other thresholds of 400 digits": {"thresholds": [{"distance": 10**400, "quantile": 10**400}]},
    "a threshold of no quantile": {"threshold": {"distance": 1.0}},
    "a threshold of many quantiles": {"threshold": {"distance": 1.0, "quantile": [0.99]}},
    "a calibration of nothing": {"calibration": [{}]},
    "a calibration of texts": {"calibration": [{"quantile": 0.99, "inputs": "x", "beyond": "y"}]},
    "a calibration of 400 digits": {"calibration": [{"quantile": 0.99, "inputs": 1, "beyond": 10**400}]},
    "a calibration that is a text": {"calibration": "abc"},
    "a validation that is a number": {"validation": 5},
}
RESULTS = "".join(
    json.dumps({"input": {"text": f"t{i}"}, "status": 200, "ms": 1, "drift": f"distance={i / 10}, threshold=1"}) + "\n"
    for i in range(40)
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("command", ["show", "show --json", "report", "report --json -"])
def test_a_reference_steers_no_terminal_and_ends_no_command(name: str, command: str, tmp_path: Path) -> None:
    path = references.write(tmp_path / "r.drift", vectors(), **HOSTILE[name])
    (tmp_path / "new.txt").write_text("text\n")
    (tmp_path / "new.jsonl").write_text(RESULTS)
    new = {"report": ["-o", tmp_path / "page.html", tmp_path / "new.txt"], "report --json -": [tmp_path / "new.jsonl"]}
    done = run(*command.split(), path, *new.get(command, []))
    assert done.exit_code in (0, 1, 3)
    assert isinstance(done.exception, (SystemExit, type(None)))
    assert not steers(done.output)


@pytest.mark.parametrize("levels", [1, 700, 900])
def test_a_reference_takes_no_more_to_be_shown_than_it_is_long(levels: int, tmp_path: Path) -> None:
    """By its indentation each number of 700 levels had 700 characters."""
    made: Any = [1] * 5_000
    for _ in range(levels - 1):
        made = [made]
    path = references.write(tmp_path / "r.drift", vectors(), made=made)
    shown = run("show", "--json", path)
    if levels > 800:
        assert (shown.exit_code, "nested more than 800" in shown.output) == (1, True)
    else:
        assert json.loads(shown.output)["made"] == made
    assert len(shown.output) < 100_000


def pictures(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)).save(
            folder / name, "PNG"
        )
    return folder


def test_no_name_of_an_input_or_of_the_training_is_markup(tmp_path: Path) -> None:
    hostile = MARKUP.replace("/", "\u2215")
    names = "".join(json.dumps(MARKUP, ensure_ascii=False) + "\n" for _ in range(120)).encode()
    model = {"name": MARKUP, "digest": MARKUP, "files": {}}
    path = references.write(tmp_path / "r.drift", vectors(), extra={"names.txt": names}, model=model, made=MARKUP)
    folder = pictures(tmp_path / "new", *(f"{number}{hostile}.png" for number in range(25)))
    done = run("report", path, folder, "-o", tmp_path / "report.html")
    assert done.exit_code in (0, 3, 4), done.output
    page = (tmp_path / "report.html").read_text()
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") > 10
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "{{7*7}}</style>" not in page
    assert set(re.findall(r"<img src=\"(.{5})", page)) == {"data:"}
    assert "default-src 'none'" in page


def test_half_a_surrogate_pair_ends_no_report(tmp_path: Path) -> None:
    path = references.write(tmp_path / "r.drift", vectors())
    (tmp_path / "new.jsonl").write_text(RESULTS.replace('"t39"', '"\\ud800"'))
    done = run("report", path, tmp_path / "new.jsonl", "-o", tmp_path / "page.html", "--json", tmp_path / "page.json")
    assert done.exit_code == 3, done.output
    assert "\\ud800" in (tmp_path / "page.html").read_text()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("count", [119, 120])
def test_each_training_input_has_its_own_name_whatever_characters_are_in_it(count: int, tmp_path: Path) -> None:
    names = [f"a\u2028b\x85c\u2029{number}" for number in range(count)]
    text = "".join(json.dumps(name, ensure_ascii=False) + "\n" for name in names).encode()
    path = references.write(tmp_path / "r.drift", vectors(), extra={"names.txt": text})
    done = run("report", path, pictures(tmp_path / "new", "a.png", "b.png"), "--json", tmp_path / "r.json")
    if count < 120:
        assert done.exit_code == 1
        assert "names of" in done.output
    else:
        told = json.loads((tmp_path / "r.json").read_text())
        assert {near["name"] for item in told["inputs"] for near in item["neighbours"]} <= set(names)


def test_no_settings_for_charts_of_the_folder_that_one_stands_in_count(tmp_path: Path) -> None:
    """A stranger's inputs came with a `matplotlibrc`, by which TeX read the user's files into the page."""
    path = references.write(tmp_path / "r.drift", vectors())
    stranger, programs = tmp_path / "stranger", tmp_path / "bin"
    stranger.mkdir()
    programs.mkdir()
    (stranger / "new.jsonl").write_text(RESULTS)
    (stranger / "matplotlibrc").write_text(
        "text.usetex: True\ntext.latex.preamble: \\input{/etc/passwd}\nno.such.setting: 1\n"
    )
    latex = programs / "latex"
    latex.write_text(f'#!/bin/sh\ncat -- *.tex >>"{tmp_path}/told"\nexit 1\n')
    latex.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "modelwhisk", "drift", "report", str(path), "new.jsonl", "-o", "page.html"],
        cwd=stranger,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (tmp_path / "told").exists()
    assert done.returncode == 3, done.stderr
    assert "no.such.setting" not in done.stderr
    assert "<svg" in (stranger / "page.html").read_text()


def test_charts_are_drawn_as_ours_whatever_a_program_has_set(tmp_path: Path) -> None:
    import matplotlib as mpl

    path = references.write(tmp_path / "r.drift", vectors())
    (tmp_path / "new.jsonl").write_text(RESULTS)
    with mpl.rc_context({"text.usetex": True, "text.latex.preamble": r"\input{/etc/passwd}"}):
        done = run("report", path, tmp_path / "new.jsonl", "-o", tmp_path / "page.html")
    assert done.exit_code == 3, done.output
