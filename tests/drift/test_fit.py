"""`modelwhisk drift fit` and `show` from the command line, with the general embedding, which needs no model to run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from modelwhisk import adapter
from modelwhisk.cli import main
from modelwhisk.drift.command import drift

opened = adapter.part("drift.reference")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "app.py").write_text("# a model")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "digits.drift"


def fit(model: Path, inputs: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["drift", "fit", str(model), str(inputs), "-o", str(out), *options])


def test_a_reference_of_pictures(model: Path, digit_pictures: Path, out: Path) -> None:
    done = fit(model, digit_pictures, out, "--no-damping")
    assert done.exit_code == 0, done.output
    assert "150 x 512" in done.output
    assert "the general embedding of pictures" in done.output
    assert "calibration" in done.output
    reference = opened.Reference(out)
    assert reference.declaration == {"kind": "picture", "version": 1}
    assert list(reference.files) == ["app.py"]
    first = adapter.part("drift.picture").embedding((digit_pictures / "000.png").read_bytes())
    np.testing.assert_array_equal(reference.array("vectors.npy")[0], first)
    assert reference.content("thumbnails/0.jpg")[:3] == b"\xff\xd8\xff"
    assert sorted(path.name for path in out.parent.iterdir()) == ["digits.drift", "model"]
    shown = CliRunner().invoke(drift, ["show", str(out)])
    assert (shown.exit_code, "150 x 512" in shown.output, "are what was written" in shown.output) == (0, True, True)
    told = json.loads(CliRunner().invoke(drift, ["show", str(out), "--json"]).output)
    assert told["threshold"] == {"quantile": 0.99, "distance": reference.threshold}


def test_inputs_that_fail_are_listed_and_tried_again(
    model: Path, digit_pictures: Path, out: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(digit_pictures, pictures)
    good = (pictures / "007.png").read_bytes()
    (pictures / "007.png").write_bytes(good[: len(good) // 2])
    (pictures / "copy.png").write_bytes((pictures / "003.png").read_bytes())
    done = fit(model, pictures, out, "--embedding", "picture")
    assert done.exit_code == 1
    assert "inputs failed: 1" in done.output
    assert "007.png: it is no picture" in done.output.replace("\n", "")
    assert "copy.png" in done.output
    assert opened.Reference(out).count == 149
    assert opened.Reference(out).about["inputs"] == {"count": 150, "failed": 1}
    (pictures / "007.png").write_bytes(good)
    done = fit(model, pictures, out, "--embedding", "picture", "--resume")
    assert done.exit_code == 0, done.output
    reference = opened.Reference(out)
    assert reference.count == 150
    names = [json.loads(line) for line in reference.content("names.txt").splitlines()]
    assert names == sorted(names)  # as the inputs were given, whenever they came in
    assert not out.with_name("digits.drift.partial").exists()


def test_the_share_of_validation_inputs_beyond_is_told(
    model: Path, digit_pictures: Path, out: Path, tmp_path: Path
) -> None:
    validation = tmp_path / "validation"
    validation.mkdir()
    for number in range(20):
        shutil.move(shutil.copy(digit_pictures / f"{number:03}.png", tmp_path), validation)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    from PIL import Image

    Image.fromarray(noise).save(validation / "noise.png")
    done = fit(model, digit_pictures, out, "--validation", str(validation))
    assert done.exit_code == 0, done.output
    told = {entry["quantile"]: entry for entry in opened.Reference(out).about["validation"]}
    assert told[0.99] == {"quantile": 0.99, "inputs": 21, "beyond": 1}
    assert "More of the validation inputs" in done.output


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--embedding", "layer"], 2, "there are onnx-layer, function, method, answer, picture"),
        (["--embedding", "function:nothing"], 2, "module:function"),
        (["--embedding", "picture:1"], 2, "takes nothing after the colon"),
        (["--by", "label"], 2, "--by goes with"),
        (["--resume", "--overwrite"], 2, "give one of them"),
        (["--quantile", "0.9999"], 1, "needs 9999 inputs at least"),
        (["--quantile", "1"], 2, "not in the range"),
    ],
)
def test_what_cannot_be_is_refused(
    model: Path, digit_pictures: Path, out: Path, *, options: list[str], status: int, words: str
) -> None:
    done = fit(model, digit_pictures, out, *options)
    assert (done.exit_code, words in " ".join(done.output.split())) == (status, True), done.output
    assert not out.exists()


def test_no_input_and_one_input_are_refused(model: Path, digit_pictures: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no inputs" in fit(model, tmp_path / "empty", out).output
    done = fit(model, digit_pictures / "001.png", out)
    assert done.exit_code == 1
    assert "needs more than 3 inputs" in " ".join(done.output.split())
    assert not out.exists()


def test_what_is_there_is_not_replaced_unasked(model: Path, digit_pictures: Path, out: Path) -> None:
    out.write_text("something else")
    done = fit(model, digit_pictures, out)
    assert (done.exit_code, "--overwrite" in done.output, out.read_text()) == (1, True, "something else")
    assert fit(model, digit_pictures, out, "--overwrite").exit_code == 0
    opened.Reference(out)


def test_a_damaged_reference_is_not_shown(model: Path, digit_pictures: Path, out: Path) -> None:
    fit(model, digit_pictures, out)
    content = bytearray(out.read_bytes())
    content[opened.Reference(out).place("vectors.npy")[0] + 5000] ^= 1
    out.write_bytes(content)
    shown = CliRunner().invoke(drift, ["show", str(out)])
    assert (shown.exit_code, "checksum differs" in shown.output) == (1, True)


# --- ended half-way -------------------------------------------------------------------------------------------------

# The embedding of a picture, slowed down so that there is a half-way.
_SLOW = """
import sys, time
from modelwhisk import adapter
picture = adapter.part("drift.picture")
fast = picture.embedding
def embedding(content):
    time.sleep(0.02)
    return fast(content)
picture.embedding = embedding
from modelwhisk.cli import main
main()
"""


def started(model: Path, inputs: Path, out: Path) -> subprocess.Popen[bytes]:
    arguments = ["drift", "fit", model, inputs, "-o", out, "--embedding", "picture", "--jobs", "2"]
    process = subprocess.Popen([sys.executable, "-c", _SLOW, *map(str, arguments)], stderr=subprocess.PIPE)
    journal = out.with_name(f"{out.name}.partial") / "journal"
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b'"crc"') < 20:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_ended_goes_on(
    model: Path, digit_pictures: Path, out: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = started(model, digit_pictures, out)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), said
    assert not out.exists()
    journal = out.with_name(f"{out.name}.partial") / "journal"
    done_before = journal.read_bytes().count(b'"crc"')
    assert 20 <= done_before < 150
    refused = fit(model, digit_pictures, out, "--embedding", "picture")
    assert "--resume" in refused.output
    embedded = []
    picture = adapter.part("drift.picture")
    with pytest.MonkeyPatch.context() as patched:
        real = picture.embedding
        patched.setattr(picture, "embedding", lambda content: embedded.append(1) or real(content))
        done = fit(model, digit_pictures, out, "--embedding", "picture", "--resume")
    assert done.exit_code == 0, done.output
    assert 150 - done_before <= len(embedded) <= 151 - done_before  # a torn last line may be one more
    assert fit(model, digit_pictures, tmp_path / "whole", "--embedding", "picture").exit_code == 0
    ended, whole = opened.Reference(out), opened.Reference(tmp_path / "whole")
    assert ended.about["members"] == whole.about["members"]
