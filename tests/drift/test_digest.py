"""The digest of a model's files, of a folder and of what the docker engine hands over."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelwhisk import adapter
from modelwhisk.drift import digest


@pytest.mark.parametrize("length", [1, 511, 512, 100_000])
def test_an_archive_in_pieces_has_the_folder_s_digest(tmp_path: Path, length: int) -> None:
    (tmp_path / "app" / "deep").mkdir(parents=True)
    (tmp_path / "app" / "main.py").write_text("print()")
    (tmp_path / "app" / "deep" / "model.onnx").write_bytes(bytes(20_000))
    for folder in ("deep/venv", "."):  # the working directory counts, whatever it is
        (tmp_path / "app" / folder).mkdir(exist_ok=True)
        (tmp_path / "app" / folder / "pyvenv.cfg").touch()
    (tmp_path / "app" / "deep" / "venv" / "six.py").touch()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(tmp_path / "app", "app")
    content = stream.getvalue()
    pieces = (content[at : at + length] for at in range(0, len(content), length))
    found = digest.of_archive(part for piece in pieces for part in (piece, b""))
    assert found == digest.of_folder(tmp_path / "app")
    assert set(found.files) == {"main.py", "deep/model.onnx", "pyvenv.cfg"}


def test_links_count_as_what_they_lead_to(tmp_path: Path) -> None:
    """As in the image; there a reference without them was refused as another model's."""
    folder = tmp_path / "app"
    for name in ("snapshot", "blobs", ".hidden", "deep/er"):
        (folder / name).mkdir(parents=True)
    (folder / "blobs" / "1").write_text("weights")
    (folder / ".hidden" / "2").write_text("hidden")
    (tmp_path / "outside").write_text("outside")
    (folder / "hard").hardlink_to(folder / "blobs" / "1")
    for name, target in {
        "snapshot/model.bin": "../blobs/1",
        "snapshot/again": "./model.bin",
        "from hidden": ".hidden/2",
        "to a folder": "blobs",
        "through a folder": "to a folder/1",
        "up and down": "to a folder/../blobs/1",
        "out": "../outside",
        "absolute": str(folder / "blobs" / "1"),
        "absolute and out": str(tmp_path / "outside"),
        "back": "../app/blobs/1",
        "dangling": "nothing/here",
        "circle": "circle",
        "deep/er/x": "../../hard",
        ".left out": "blobs/1",
    }.items():
        (folder / name).symlink_to(target)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, "app")
    image = Around(1_000)
    found = digest.of_archive([stream.getvalue()], str(folder), image)
    assert found == digest.of_folder(folder)
    assert len(found.files) == 12
    assert set(image.asked) == {"through a folder", "up and down", "out", "absolute and out", "back", "circle"}
    assert image.read == ["outside"]  # once, whatever leads there


@dataclass
class Around:
    """The image that has a folder: this machine."""

    size: int
    asked: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def end_of(self, path: str) -> str | None:
        self.asked.append(Path(path).name)
        return str(Path(path).resolve()) if Path(path).exists() else None

    def tar_of(self, path: str) -> list[bytes]:
        self.read.append(Path(path).name)
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(path, "x")
        return [file.getvalue()]


def test_no_more_is_read_for_links_than_the_image_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file by a thousand names, each of which was read: 260 kB of a layer took three quarters of an hour."""
    monkeypatch.setattr(digest, "_OF_A_TAR", 100)
    (tmp_path / "app").mkdir()
    (tmp_path / "0").write_bytes(bytes(500_000))
    for number in range(5):
        (tmp_path / "app" / str(number)).symlink_to(f"../{number}")
        if number:
            (tmp_path / str(number)).hardlink_to(tmp_path / "0")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(tmp_path / "app", "app")
    image = Around(1_000_000)
    with pytest.raises(ValueError, match="they are more than 1,100,000 bytes"):
        digest.of_archive([stream.getvalue()], str(tmp_path / "app"), image)
    assert len(image.read) == 3


def test_links_that_lead_out_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "_MOST_ASKED", 3)
    entries = []
    for number in range(4):
        entry = tarfile.TarInfo(f"app/{number}")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../" + "a/" * (number * 40) + "x"
        entries.append(entry.tobuf(tarfile.PAX_FORMAT))
    assert digest.of_archive([*entries[:3], bytes(1_024)]).files == {}
    with pytest.raises(ValueError, match="more than 3 links lead out of their folder"):
        digest.of_archive([*entries, bytes(1_024)])


def zeros(size: int) -> Iterator[bytes]:
    """The archive of a file of zeros."""
    entry = tarfile.TarInfo("app/model.bin")
    entry.size = size
    yield entry.tobuf()
    for _ in range(size // 1_048_576):
        yield bytes(1_048_576)
    yield bytes(1_024)


def test_nothing_of_an_archive_is_kept() -> None:
    """A layer of a megabyte filled a gigabyte of /tmp, which may be memory."""
    tracemalloc.start()
    try:
        assert set(digest.of_archive(zeros(64 * 1_048_576)).files) == {"model.bin"}
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_an_archive_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "_MOST", 10 * 1_048_576)
    with pytest.raises(ValueError, match="they are more than 10,485,760 bytes"):
        digest.of_archive(zeros(1024**4))


def empty_files(count: int, folders: list[str]) -> Iterator[bytes]:
    """The archive of files of a folder."""
    for number in range(count):
        yield tarfile.TarInfo("/".join(["app", *folders, f"f{number:06}"])).tobuf(tarfile.PAX_FORMAT)
    yield bytes(1_024)


def test_many_deep_files_take_no_more_than_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer of 800 kB took 200 MB, and each part of each path was compared with all the rules."""
    part, asked = adapter.part("drift.model_files"), []
    counts = part.is_model_file
    monkeypatch.setattr(part, "is_model_file", lambda parts: asked.extend(parts) or counts(parts))
    tracemalloc.start()
    try:
        found = digest.of_archive(empty_files(1_000, ["d" * 250] * 15))
        assert tracemalloc.get_traced_memory()[1] < 7_000_000
    finally:
        tracemalloc.stop()
    assert len(found.files) == 1_000
    assert len(asked) == 1_001


def test_the_names_of_an_archive_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "_MOST_NAMES", 1_000_000)
    with pytest.raises(ValueError, match="their names are more than 1,000,000 bytes"):
        digest.of_archive(empty_files(10_000, []))
    with pytest.raises(ValueError, match="more than 100 folders within each other"):
        digest.of_archive(empty_files(1, ["d"] * 101))
    assert digest.of_archive(empty_files(9, ["d"] * 100)).files


def test_an_image_whose_folder_is_a_file_has_none() -> None:
    assert digest.of_archive([tarfile.TarInfo("passwd").tobuf(), bytes(1_024)]).files == {}
