"""The digest of a model's files, of a folder and of what the docker engine hands over."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelwhisk.drift import digest


@pytest.mark.parametrize("length", [1, 511, 512, 100_000])
def test_an_archive_in_pieces_has_the_folder_s_digest(tmp_path: Path, length: int) -> None:
    (tmp_path / "app" / "deep").mkdir(parents=True)
    (tmp_path / "app" / "main.py").write_text("print()")
    (tmp_path / "app" / "deep" / "model.onnx").write_bytes(bytes(20_000))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(tmp_path / "app", "app")
    content = stream.getvalue()
    pieces = (content[at : at + length] for at in range(0, len(content), length))
    found = digest.of_archive(part for piece in pieces for part in (piece, b""))
    assert found == digest.of_folder(tmp_path / "app")
    assert set(found.files) == {"main.py", "deep/model.onnx"}


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
