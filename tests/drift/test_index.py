"""The index finds what comparing with all vectors finds, where it lies in the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bed
import numpy as np
import pytest

from modelwhisk import adapter
from modelwhisk.drift import index
from modelwhisk.drift.neighbours import nearest, unit_rows
from modelwhisk.drift.reference import Choices, Training, make

library = index.library_of_index()
opened = adapter.part("drift.reference")

ABOUT = {"embedding": {"kind": "picture"}, "model": {"digest": "sha256:" + "0" * 64, "files": {}, "name": "model"}}


def curved(count: int, seed: int) -> Any:
    """Points of a curved sheet in many dimensions, as embeddings of alike inputs are."""
    fixed, random = np.random.default_rng(5), np.random.default_rng(seed)
    sheet = random.normal(size=(count, 6)) @ fixed.normal(size=(6, 96))
    return (np.maximum(sheet, 0) * 100 + random.normal(size=(count, 96))).astype(np.float32)


@pytest.mark.parametrize("metric", ["l2", "l1", "cosine"])
def test_fresh_inputs_find_their_nearest(tmp_path: Path, metric: str) -> None:
    path = tmp_path / "reference"
    vectors, fresh = curved(2000, 1), curved(150, 2)
    choices = Choices(metric=metric, index="usearch", damping=False)
    make(path, Training(vectors, [""] * len(vectors)), ABOUT, choices)
    reference = opened.Reference(path)
    about = reference.index
    assert about["recall@3"] >= 0.99
    axes, mean = reference.array(about["axes"]), reference.array("mean.npy")
    graph = library.Index(ndim=len(axes), metric="l2sq", dtype="f16")
    graph.view(reference.view(about["member"]))
    graph.expansion_search = about["parameters"]["expansion_search"]
    fresh = unit_rows(fresh) if metric == "cosine" else fresh
    _, truth = nearest(reference.array("vectors.npy"), fresh, 3, metric)
    points = ((fresh - mean) @ axes.T).astype(np.float16)
    found = [graph.search(point, about["parameters"]["candidates"]).keys for point in points]
    assert np.mean([len(set(near) & set(far)) / 3 for near, far in zip(truth, found, strict=True)]) >= 0.98
    assert len(graph) == len(vectors)
    reference.verify()


def test_small_references_have_none_unless_it_is_asked_for(tmp_path: Path) -> None:
    for wanted, has in (("auto", False), ("none", False), ("usearch", True)):
        make(tmp_path / wanted, Training(curved(300, 1), [""] * 300), ABOUT, Choices(index=wanted))
        assert (opened.Reference(tmp_path / wanted).index is not None) == has


def test_an_index_that_finds_too_little_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_EFFORTS", (1,))
    noise = np.random.default_rng(0).normal(size=(1500, 200)).astype(np.float32)
    with pytest.raises(index.IndexTooPoor, match="--index none"):
        make(tmp_path / "reference", Training(noise, [""] * 1500), ABOUT, Choices(index="usearch"))
    assert list(tmp_path.iterdir()) == []


def test_whoever_may_write_beside_the_reference_gets_no_file_into_it_or_written_over(tmp_path: Path) -> None:
    """The folder in which the index was built was exchanged for one with a link by its name."""
    key, shared = tmp_path / "key", tmp_path / "shared"
    key.write_bytes(b"the user's own")
    shared.mkdir()

    def exchange(name: str, part: float) -> None:
        for place in [path for path in shared.iterdir() if path.is_dir() and name == "index"]:
            place.rename(tmp_path / f"{place.name}-{part}")
            place.mkdir()
            (place / index.MEMBER).symlink_to(key)

    path = shared / "reference"
    make(path, Training(curved(300, 1), [""] * 300), ABOUT, Choices(index="usearch"), exchange)
    assert key.read_bytes() == b"the user's own"
    assert b"the user's own" not in path.read_bytes()
    assert list(shared.iterdir()) == [path]


def test_without_usearch_an_automatic_index_is_none_and_a_wanted_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "PAYS_FROM", 100)
    monkeypatch.setattr(index.importlib, "import_module", _missing)
    said = []
    training = Training(curved(300, 1), [""] * 300)
    make(tmp_path / "reference", training, ABOUT, step=lambda name, part: said.append(name))
    assert any("usearch is not installed" in text for text in said)
    with pytest.raises(index.IndexMissing, match="pip install"):
        make(tmp_path / "reference", training, ABOUT, Choices(index="usearch"))


def _missing(name: str) -> Any:
    raise ImportError(name)


@pytest.mark.parametrize(
    "loads", ["modelwhisk.drift.index.library_of_index", "modelproxy.drift.index_search._index_class"]
)
def test_onnxruntime_can_be_imported_after_the_index(loads: str) -> None:
    """usearch 2.26, imported first, makes onnxruntime's import end the process with SIGSEGV."""
    module, _, function = loads.rpartition(".")
    program = f"import {module} as module; module.{function}(); import onnxruntime, usearch; print(usearch.__version__)"
    environment = os.environ | {"PYTHONPATH": str(bed.CHECKOUT / "runtime")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
