"""`drift fit` with models that run: the samples as processes of this machine, what they are asked, what comes of it."""

from __future__ import annotations

import json
import re
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from modelwhisk import adapter
from modelwhisk.cli import main
from modelwhisk.drift.declaration import candidates, what_there_is

opened = adapter.part("drift.reference")

MODELS = Path(__file__).resolve().parents[2] / "models"
DIGITS = MODELS / "onnx-digits"


def fit(model: Path, inputs: object, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["drift", "fit", str(model), str(inputs), "-o", str(out), *options])


def test_an_inner_layer_of_an_onnx_model_is_found_and_is_what_the_model_computes(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [interfaces]")
    out = tmp_path / "digits.drift"
    training = DIGITS / "samples" / "training.npz"
    before = (DIGITS / "digits.onnx").read_bytes()
    with np.load(training) as archive:
        pictures = archive["images"][:120]
    np.savez(tmp_path / "some.npz", images=pictures)
    done = fit(DIGITS, tmp_path / "some.npz", out, "--jobs", "2", "--no-damping")
    assert done.exit_code == 0, done.output
    assert (DIGITS / "digits.onnx").read_bytes() == before
    reference = opened.Reference(out)
    layer = reference.declaration["layer"]
    assert layer, "the layer that was found is in the reference"
    assert "digits.onnx" in reference.files
    # The same layer as the last output of the same graph, computed apart.
    content = adapter.part("drift.onnx_graph").output_added(before, layer)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    inputs = pictures[:, None].astype("f4") / 255
    wanted = session.run([layer], {"image": inputs})[0].reshape(len(pictures), -1)
    np.testing.assert_allclose(reference.array("vectors.npy"), wanted, rtol=1e-4, atol=1e-5)


def test_a_vector_in_the_answer_of_a_model_of_texts(tmp_path: Path) -> None:
    pytest.importorskip("flask_restx", reason="needs the extra [samples]")
    sentences = (MODELS / "max-language-identifier" / "samples" / "prose.tsv").read_text("utf-8").splitlines()
    texts = [line.split("\t")[-1] for line in sentences][:40]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
    model = MODELS / "max-language-identifier"
    undeclared = fit(model, tmp_path / "texts.jsonl", tmp_path / "reference", "--jobs", "1")
    assert undeclared.exit_code == 2
    proposed = re.search(r"--embedding '(answer:/predictions/0/[^']*\*[^']*)' --by (\w+)", undeclared.output)
    assert proposed is not None, undeclared.output
    options = ["--embedding", proposed[1], "--by", proposed[2]]
    done = fit(model, tmp_path / "texts.jsonl", tmp_path / "reference", *options, "--quantile", "0.95", "--jobs", "1")
    assert done.exit_code == 0, done.output
    reference = opened.Reference(tmp_path / "reference")
    assert reference.declaration["kind"] == "answer"
    assert reference.count == len(texts)
    examples = [json.loads(line) for line in reference.content("examples.jsonl").splitlines()]
    assert examples[0] == " ".join(texts[0].split())[:200]


MODEL_WITH_EMBED = """
class Predictor:
    def predict(self, json):
        return {"sum": sum(json["numbers"])}

    def embed(self, json):
        if json["numbers"][0] == 13:
            raise ValueError("unlucky")
        return [float("nan")] * 2 if json["numbers"][0] == 14 else json["numbers"]
"""


@pytest.fixture
def predictor(tmp_path: Path) -> Path:
    folder = tmp_path / "predictor"
    folder.mkdir()
    (folder / "predictor.py").write_text(MODEL_WITH_EMBED)
    return folder


def test_a_method_embed_is_found_and_what_it_fails_for_is_told(predictor: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"numbers": [number, number % 7]}) for number in range(30)]
    lines.append(json.dumps({"numbers": [1, 2, 3]}))
    (tmp_path / "numbers.jsonl").write_text("\n".join(lines))
    options = ("--quantile", "0.9", "--jobs", "1", "--no-damping")
    done = fit(predictor, tmp_path / "numbers.jsonl", tmp_path / "reference", *options)
    assert done.exit_code == 1, done.output
    reference = opened.Reference(tmp_path / "reference")
    assert reference.declaration == {"kind": "method", "name": "embed"}
    assert reference.count == 28
    assert reference.array("vectors.npy")[5].tolist() == [5, 5]
    said = " ".join(done.output.split())
    assert "inputs failed: 3" in said
    assert "unlucky" in said
    assert "infinite or none (NaN)" in said
    assert "has 3 numbers, those before it 2" in said


def test_a_model_that_does_not_load_is_told_with_its_last_words(predictor: Path, tmp_path: Path) -> None:
    (predictor / "predictor.py").write_text(
        "class Predictor:\n    def __init__(self):\n        raise OSError('no disk')\n"
    )
    (tmp_path / "numbers.jsonl").write_text("[1]\n[2]\n")
    done = fit(predictor, tmp_path / "numbers.jsonl", tmp_path / "reference", "--embedding", "answer:/x")
    assert done.exit_code == 1
    assert "no disk" in done.output


def test_nothing_runs_on_when_it_has_ended(predictor: Path, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text("\n".join(json.dumps({"numbers": [n, 1]}) for n in range(12)))
    marked = predictor.with_name("predictor-of-this-test")
    shutil.copytree(predictor, marked)
    done = fit(marked, tmp_path / "numbers.jsonl", tmp_path / "reference", "--quantile", "0.9", "--jobs", "2")
    assert done.exit_code == 0, done.output
    left = [
        process for process in Path("/proc").glob("[0-9]*") if (cwd := _cwd(process)) is not None and cwd == str(marked)
    ]
    assert left == []


def _cwd(process: Path) -> str | None:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return None


def test_vectors_in_an_answer_are_found() -> None:
    answer = {
        "status": "ok",
        "predictions": [{"label": "b", "id": 1, "p": 0.9}, {"label": "a", "id": 2, "p": 0.1}],
        "faces": [{"box": [1, 2, 3, 4], "embedding/x": [0.5, 0.5]}],
        "rows": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        "flags": [True, False],
        "one": [1],
    }
    assert [(one.pointer, one.count, one.by) for one in candidates(answer)] == [
        ("/predictions/*/id", 2, "label"),
        ("/predictions/*/p", 2, "label"),
        ("/faces/0/box", 4, None),
        ("/faces/0/embedding~1x", 2, None),
        ("/rows", 3, None),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"K" * 50_000: {f"{at:x}": [1, 2] for at in range(5_000)}},
        {"K" * 400: {f"{at:x}": [1, 2] for at in range(5_000)}},
        {"rows": [{"n" * 100_000: at, "l" * 100_000: f"{at}"} for at in range(2)]},
        {f"{at:x}" * 200: [1, 2] for at in range(1_000)},
    ],
    ids=["long key", "many", "label", "long keys"],
)
def test_of_an_answer_no_more_is_suggested_than_can_be_read(answer: object) -> None:
    """Each vector's pointer has the keys above it: 134 kB became 360 MB."""
    tracemalloc.start()
    try:
        said = what_there_is(answer)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "--embedding function" in said
    assert len(said) < 20_000
    assert peak < 2_000_000
    assert ("and more of" in said) == (said.count("--embedding answer") == 20)
