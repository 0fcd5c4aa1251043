"""What is written is what the adapter, numpy and any zip program read; nothing else is taken for it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwhisk import adapter
from modelwhisk.drift.reference import Choices, Made, TooFew, Training, make
from modelwhisk.drift.writer import ReferenceWriter

opened = adapter.part("drift.reference")

ABOUT = {"embedding": {"kind": "picture"}, "model": {"digest": "sha256:" + "0" * 64, "files": {}, "name": "model"}}


def vectors_of(count: int, dimensions: int, seed: int = 0) -> Any:
    """Vectors that differ more in some directions than in others, as embeddings do."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, dimensions)) * np.geomspace(1, 0.1, dimensions) + 2).astype(np.float32)


def made(path: Path, vectors: Any, **choices: Any) -> Made:
    names = [f"input-{row}.png" for row in range(len(vectors))]
    return make(path, Training(vectors, names), ABOUT, Choices(**choices))


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(120, 400),
    dimensions=st.integers(1, 40),
    metric=st.sampled_from(["l2", "l1", "cosine"]),
    half=st.booleans(),
    neighbours=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_what_is_written_is_read_back(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    dimensions: int,
    metric: str,
    half: bool,
    neighbours: int,
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("drift") / "reference"
    vectors = vectors_of(count, dimensions, seed)
    about = made(path, vectors, metric=metric, half=half, neighbours=neighbours, damping=False).about
    reference = opened.Reference(path)
    assert (reference.metric, reference.neighbours) == (metric, neighbours)
    assert (reference.count, reference.dimensions) == vectors.shape
    assert reference.threshold == about["threshold"]["distance"]
    stored = reference.array("vectors.npy")
    wanted = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if metric == "cosine" else vectors
    # Half precision has steps of 6e-8 near 0.
    np.testing.assert_allclose(stored, wanted, rtol=2e-3 if half else 1e-6, atol=6e-8 if half else 0)
    np.testing.assert_allclose(reference.array("mean.npy"), stored.astype("f8").mean(axis=0), rtol=1e-5, atol=1e-6)
    names = [json.loads(line) for line in reference.content("names.txt").decode().splitlines()]
    assert names == [f"input-{row}.png" for row in range(count)]
    reference.verify()


def test_members_lie_at_multiples_of_64_bytes_and_any_zip_program_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "reference"
    made(path, vectors_of(300, 12))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        with archive.open("vectors.npy") as member:
            assert np.load(io.BytesIO(member.read()), allow_pickle=False).shape == (300, 12)
    reference = opened.Reference(path)
    assert all(reference.place(name)[0] % 64 == 0 for name in reference.names())
    whole = np.memmap(path, np.uint8, "r")
    offset, size = reference.place("mean.npy")
    assert bytes(whole[offset : offset + size]) == reference.content("mean.npy")


def test_what_the_search_skips_by_is_a_lower_bound_of_each_distance(tmp_path: Path) -> None:
    path = tmp_path / "reference"
    vectors = vectors_of(400, 60)
    made(path, vectors, half=True)
    reference = opened.Reference(path)
    axes, rows = reference.array("axes.npy"), reference.array("leading.npy")
    assert axes.shape == (30, 60)
    np.testing.assert_allclose(axes @ axes.T, np.eye(30), atol=1e-5)
    centred = reference.array("vectors.npy").astype("f4") - reference.array("mean.npy")
    np.testing.assert_allclose(rows[:, :30], centred @ axes.T, atol=1e-5)
    np.testing.assert_allclose(rows[:, 31], (centred**2).sum(axis=1) / 2, rtol=1e-5)
    bounds = np.linalg.norm(rows[:, None, :31] - rows[None, :, :31], axis=2)
    distances = np.linalg.norm(centred[:, None] - centred[None], axis=2)
    assert (bounds <= distances + 1e-4).all()
    assert np.median(bounds[distances > 0] / distances[distances > 0]) > 0.8  # or it would skip nothing


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_small_references_and_l1_have_nothing_to_skip_by(tmp_path: Path, metric: str) -> None:
    path = tmp_path / "reference"
    made(path, vectors_of(255 if metric == "l2" else 300, 8), metric=metric)
    assert not opened.Reference(path).has("leading.npy")


def test_examples_and_thumbnails_go_with_the_vectors(tmp_path: Path) -> None:
    path = tmp_path / "reference"
    training = Training(vectors_of(150, 4), ["ä"] * 150, ["one\nline"] * 150, {3: b"jpeg"})
    make(path, training, ABOUT)
    reference = opened.Reference(path)
    assert reference.content("thumbnails/3.jpg") == b"jpeg"
    assert json.loads(reference.content("examples.jsonl").splitlines()[149]) == "one\nline"
    assert reference.content("names.txt").splitlines()[0] == '"ä"'.encode()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "words"), [(1, "there is 1"), (3, "there are 3"), (50, "needs 99 inputs at least")])
def test_too_few_inputs_are_refused_and_nothing_is_left(tmp_path: Path, count: int, words: str) -> None:
    path = tmp_path / "reference"
    path.write_bytes(b"what was there")
    with pytest.raises(TooFew, match=words):
        made(path, vectors_of(count, 4))
    assert path.read_bytes() == b"what was there"
    assert [entry.name for entry in tmp_path.iterdir()] == ["reference"]


def test_the_quantile_that_is_proposed_for_few_inputs_is_taken(tmp_path: Path) -> None:
    with pytest.raises(TooFew, match=r"--quantile 0\.98"):
        made(tmp_path / "reference", vectors_of(50, 4))
    about = made(tmp_path / "reference", vectors_of(50, 4), quantile=0.98).about
    assert about["threshold"]["distance"] == max(entry["distance"] for entry in about["thresholds"])


@pytest.mark.parametrize("damage", ["cut", "vectors", "description"])
def test_a_damaged_reference_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "reference"
    made(path, vectors_of(200, 8))
    content = bytearray(path.read_bytes())
    at = opened.Reference(path).place("vectors.npy" if damage == "vectors" else "reference.json")[0] + 600
    if damage == "cut":
        del content[-100:]
    else:
        content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(opened.Refused):
        opened.Reference(path)


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def blocks() -> Any:
        yield np.zeros((5, 3))
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"), ReferenceWriter(tmp_path / "reference") as writer:
        writer.add_array("vectors.npy", "<f4", (10, 3), blocks())
    assert list(tmp_path.iterdir()) == []


def test_what_was_private_stays_so_and_one_s_own_link_leads_to_it(tmp_path: Path) -> None:
    """It has pictures and texts of the training inputs."""
    (tmp_path / "disk").mkdir()
    path, link = tmp_path / "disk" / "digits.drift", tmp_path / "digits.drift"
    path.touch(0o600)
    link.symlink_to(path)
    with ReferenceWriter(link) as writer:
        writer.add("names.txt", [b"a"])
        writer.finish({})
    assert link.is_symlink()
    assert path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    with ReferenceWriter(link) as writer:  # not finished
        writer.add("names.txt", [b"b"])
    assert b"names.txt" in path.read_bytes()
    assert list(path.parent.iterdir()) == [path]


def test_rows_that_were_not_announced_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shape"), ReferenceWriter(tmp_path / "reference") as writer:
        writer.add_array("vectors.npy", "<f4", (10, 3), [np.zeros((5, 3))])
