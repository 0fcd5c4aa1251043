"""From training inputs to the exit status of a scheduled job: fit, an action that watches, its calls, the report."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("onnxruntime", reason="needs the extra [interfaces]")
pytest.importorskip("matplotlib", reason="needs the extra [drift]")

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))

from digit_pictures import MODELS
from running_platform import running

from modelwhisk.cli import main
from modelwhisk.local import Action
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.process_container import ProcessFactory

MODEL = MODELS / "onnx-digits"
SAMPLES = MODEL / "samples"


def command(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["drift", *map(str, arguments)])


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fit") / "digits.drift"
    done = command("fit", MODEL, f"{SAMPLES / 'training.npz'}:images", "-o", path, "--jobs", 2)
    assert done.exit_code == 0, done.output
    return path


def pictures(*, turned: bool) -> list[bytes]:
    """PNG files of 30 digits that the model wasn't trained on, upright or lying."""
    import io

    with np.load(MODELS / "max-digit-classifier" / "samples" / "held-out.npz") as data:
        grids = data["images"][:30]
    made = []
    for grid in grids:
        paper = Image.new("L", (128, 128), 255)
        ink = Image.fromarray((255 - grid * (255 / 16)).astype(np.uint8))
        paper.paste(ink.resize((96, 96), Image.Resampling.BICUBIC), (16, 16))
        stream = io.BytesIO()
        paper.rotate(90 if turned else 0).save(stream, "PNG")
        made.append(stream.getvalue())
    return made


@pytest.mark.parametrize(("turned", "status", "drifted"), [(False, 0, "?0"), (True, 3, "?1")])
def test_the_calls_of_an_action_are_reported_on(
    tmp_path: Path, reference: Path, *, turned: bool, status: int, drifted: str
) -> None:
    action = Action("digits", ProcessFactory(MODEL, environment={"MODELPROXY_DRIFT": str(reference)}))
    with running(action, credentials={GUEST_KEY: "guest"}) as platform:
        url = f"{platform.url}/api/v1/web/guest/default/digits"
        answers = [httpx.post(url, files={"image": content}, timeout=60) for content in pictures(turned=turned)]
        known = ["--host", platform.url, "-u", GUEST_KEY, "--json", tmp_path / "report.json"]
        done = command("report", reference, "--activations", "digits", "--since", "1h", *known)
    told = [answer.headers["model-drift"] for answer in answers]
    assert sum(f"drifted={drifted}" in header for header in told) >= 28
    assert done.exit_code == status, done.output
    numbers = json.loads((tmp_path / "report.json").read_text())
    exact = sorted(float(header.partition('exact="')[2].partition('"')[0]) for header in told)
    assert sorted(item["distance"] for item in numbers["inputs"]) == pytest.approx(exact, rel=1e-5)
    assert all(item["time"] and item["activation"] for item in numbers["inputs"])


def test_the_model_itself_measures_inputs_that_nobody_has(tmp_path: Path, reference: Path) -> None:
    for number, content in enumerate(pictures(turned=False)):
        (tmp_path / f"{number}.png").write_bytes(content)
    done = command("report", reference, tmp_path, "--model", MODEL, "--field", "image")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("arguments", [(), ("--model",)])
def test_another_model_and_none_are_refused(tmp_path: Path, reference: Path, arguments: tuple[str, ...]) -> None:
    other = tmp_path / "other-digits"
    shutil.copytree(MODEL, other, ignore=shutil.ignore_patterns("samples", "training"))
    with (other / "digits.onnx").open("ab") as file:
        file.write(b"\x1a\x00")  # an empty producer's name, which changes nothing but the file
    done = command(
        "report", reference, f"{SAMPLES / 'held-out.npz'}:images", *arguments, *([other] if arguments else [])
    )
    assert done.exit_code == 1, done.output
    said = "other-digits isn't the model that" if arguments else "give the model with --model"
    assert said in done.stderr
    assert ("digits.onnx differ" in done.stderr) == bool(arguments)
