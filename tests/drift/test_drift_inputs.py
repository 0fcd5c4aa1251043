"""Which inputs there are, from what is named on the command line."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modelwhisk.client.files import MOST_OF_A_FILE
from modelwhisk.drift.inputs import SOLE, Given, plain, read_inputs, without_copies
from modelwhisk.map.inputs import BadInputs, Text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "class-b").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("class-b/2.png", "1.png", ".hidden/3.png", ".DS_Store"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_a_folder_is_all_files_in_it_but_hidden_ones(folder: Path) -> None:
    assert [given.name for given in read_inputs([str(folder)])] == [
        str(folder / "1.png"),
        str(folder / "class-b/2.png"),
    ]


def test_no_link_in_a_folder_leads_out_of_it(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text("one's own")
    (folder / "class-b" / "x.txt").symlink_to(secret)
    (folder / "class-b" / "y.png").symlink_to("../1.png")
    assert [given.name for given in read_inputs([str(folder)])] == [
        str(folder / name) for name in ("1.png", "class-b/2.png", "class-b/y.png")
    ]
    assert f"out of {folder}: {folder}/class-b/x.txt; name them" in capsys.readouterr().err
    assert [given.example for given in read_inputs([str(folder / "class-b" / "x.txt")])] == ["one's own"]


def test_no_file_is_read_that_is_larger_than_any_input(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    os.truncate(tmp_path / "a.png", MOST_OF_A_FILE + 1)
    (given,) = read_inputs([str(tmp_path / "a.png")])
    with pytest.raises(OSError, match="it has 268,435,457 bytes, of 268,435,456 that are taken"):
        given.content()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((1, 101_000_000), np.uint8)}, "would fill 101,000,128 bytes, more than 100 times the file"),
        ({"x": np.zeros(980_000, np.uint8)}, "its 980,000 rows would fill 392,000,040 bytes, more than"),
        (  # a row for each two bytes of the file, of sixty numbers
            {"x": np.random.default_rng(0).integers(0, 256, (450_000, 60)).astype(np.uint8) * (np.arange(60) == 0)},
            "its 450,000 rows would fill 180,002,400 bytes, more than",
        ),
        ({"x": np.full((1, 1_000_000), "\u4e00")}, "its 1 rows would fill 104,000,400 bytes, more than"),
    ],
)
def test_no_file_of_arrays_is_a_bomb(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    """Of 8 kB came a million inputs, of a megabyte 68 GB."""
    np.savez_compressed(tmp_path / "a.npz", small=np.zeros(3), **arrays)
    with pytest.raises(BadInputs, match=words):
        read_inputs([f"{tmp_path / 'a.npz'}:x"])
    assert len(read_inputs([f"{tmp_path / 'a.npz'}:small"])) == 3


def test_rows_become_lists_when_they_are_asked_for(tmp_path: Path) -> None:
    """All of them took a gigabyte for 144 kB of file, in which their numbers and texts had 8 bytes each."""
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((10, 100_000)))
    tracemalloc.start()
    try:
        inputs = read_inputs([str(tmp_path / "a.npz")])
        assert tracemalloc.get_traced_memory()[0] < 10_000_000  # of which the array has 8
    finally:
        tracemalloc.stop()
    assert [given.values for given in inputs] == [{SOLE: [0.0] * 100_000}] * 10


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(99, [(f"field{number}", "i1") for number in range(3)]),
        np.zeros(3, [("a", "i1", (1000,))]),
        np.array([b"bytes"]),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.zeros(3, complex),
        pytest.param(
            np.zeros(3, np.longdouble), marks=pytest.mark.skipif(np.dtype("g").itemsize == 8, reason="it is a float")
        ),
    ],
    ids=lambda array: array.dtype.kind,
)
def test_arrays_of_what_json_has_not_are_refused(tmp_path: Path, array: Any) -> None:
    """These ended the command with a traceback, and a row of records became many values that nobody had counted."""
    np.savez_compressed(tmp_path / "a.npz", x=array)
    with pytest.raises(BadInputs, match=r"x is of the type .*, and neither numbers nor texts"):
        read_inputs([str(tmp_path / "a.npz")])


@pytest.mark.parametrize(
    ("types", "words"),
    [("i1", "there are no inputs"), ("i1," * 99, r"is no file of plain arrays: Header info[^\n]*$")],
    ids=["short", "long"],
)
def test_headers_of_arrays_are_as_short_as_numpy_s_own(tmp_path: Path, types: str, words: str) -> None:
    """They are read as source of Python: a megabyte of 5,100 empty arrays with headers of 10 kB took half a minute."""
    head = f"{{'descr': '{types}', 'fortran_order': False, 'shape': (0,), }}\n".encode()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    with pytest.raises(BadInputs, match=words):
        read_inputs([str(tmp_path / "a.npz")])


def test_arrays_of_many_dimensions_have_headers_that_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 1_000, *[1] * 20), "U1", "F"))
    assert len(read_inputs([str(tmp_path / "a.npz")])) == 2


@pytest.mark.parametrize("names", [("x", "x.npy"), ("x.npy", "x"), ("x.npy", "x.npy")])
def test_no_second_array_of_a_name_hides_a_bomb(tmp_path: Path, names: tuple[str, str]) -> None:
    """The member without the ending is read where there is one, and its size was that of the other."""
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # of the name that comes twice
        for name, size in zip(names, (101_000_000, 3), strict=True):
            stream = io.BytesIO()
            np.save(stream, np.zeros((1, size), np.uint8))
            archive.writestr(name, stream.getvalue())
    with pytest.raises(BadInputs, match=r"would fill 101,000,2\d\d bytes"):
        read_inputs([str(tmp_path / "a.npz")])


def test_a_file_of_arrays_has_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    with pytest.raises(BadInputs, match="is no file of plain arrays"):
        read_inputs([str(tmp_path / "a.npz")])


def test_a_single_array_by_such_a_name_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(BadInputs, match=r"is no file of plain arrays: it is a single one \(\.npy\)"):
        read_inputs([str(tmp_path / "a.npz")])


def test_texts_of_what_are_no_characters_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.frombuffer((0x110000).to_bytes(4, sys.byteorder), "U1"))
    with pytest.raises(BadInputs, match="x has texts of what are no characters"):
        read_inputs([str(tmp_path / "a.npz")])


@pytest.mark.parametrize("byte", range(0, 300, 7))
def test_no_broken_file_of_arrays_ends_it_otherwise(tmp_path: Path, byte: int) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(30.0))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[byte % len(content)] ^= 0x15
    (tmp_path / "a.npz").write_bytes(content)
    with contextlib.suppress(BadInputs):  # where it is broken
        assert len(read_inputs([str(tmp_path / "a.npz")])) == 30


def test_a_file_that_is_named_twice_counts_once(folder: Path) -> None:
    arguments = [str(folder / "1.png"), str(folder), str(folder / "**/*.png")]
    assert len(read_inputs(arguments)) == 2


@pytest.mark.parametrize(
    ("name", "content", "values"),
    [
        ("a.jsonl", '{"text": ["x"]}\n\n[1, 2]\n"word"\n', [{"text": ["x"]}, {SOLE: [1, 2]}, {SOLE: "word"}]),
        ("a.txt", "one\n\ntwo words\n", [{SOLE: "one"}, {SOLE: "two words"}]),
        ("a.csv", "age,name\n1,ann\n2,bob\n", [{"age": "1", "name": "ann"}, {"age": "2", "name": "bob"}]),
    ],
)
def test_files_with_many_inputs(tmp_path: Path, name: str, content: str, values: list[object]) -> None:
    (tmp_path / name).write_text(content)
    found = read_inputs([str(tmp_path / name)], {"model": "x"})
    assert [dict(given.values) for given in found] == [{"model": "x", **value} for value in values]  # type: ignore[dict-item]
    assert [given.name for given in found] == [f"{tmp_path / name}:{number + 1}" for number in range(len(values))]


def test_rows_of_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", image=np.arange(8.0).reshape(2, 2, 2))
    np.savez(tmp_path / "two.npz", a=np.arange(2), b=np.arange(4).reshape(2, 2))
    one, two = (read_inputs([str(tmp_path / name)]) for name in ("one.npz", "two.npz"))
    assert [given.values for given in one] == [{SOLE: [[0, 1], [2, 3]]}, {SOLE: [[4, 5], [6, 7]]}]
    assert [given.values for given in two] == [{"a": 0, "b": [0, 1]}, {"a": 1, "b": [2, 3]}]


def test_bytes_in_arrays_are_pictures(tmp_path: Path) -> None:
    grey = np.arange(2 * 5 * 4, dtype=np.uint8).reshape(2, 5, 4)
    np.savez(tmp_path / "set.npz", images=grey, colours=np.stack([grey] * 3, axis=3), digits=np.arange(2, dtype="u1"))
    for name, array in (("images", grey), ("colours", np.stack([grey] * 3, axis=3))):
        found = read_inputs([f"{tmp_path / 'set.npz'}:{name}"])
        assert [given.name for given in found] == [f"{tmp_path / 'set.npz'}:{row}" for row in (1, 2)]
        with Image.open(io.BytesIO(found[1].content())) as picture:
            assert (np.asarray(picture) == array[1]).all()
    whole = read_inputs([str(tmp_path / "set.npz")])
    assert whole[1].values["digits"] == 1
    with pytest.raises(BadInputs, match="no array labels, only images, colours, digits"):
        read_inputs([f"{tmp_path / 'set.npz'}:labels"])


def test_arrays_that_are_no_rows_and_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "uneven.npz", a=np.arange(2), b=np.arange(3))
    np.savez(tmp_path / "objects.npz", a=np.array([{}, {}]))
    with pytest.raises(BadInputs, match=r"equally many: a \(2,\), b \(3,\)"):
        read_inputs([str(tmp_path / "uneven.npz")])
    with pytest.raises(BadInputs, match="no file of plain arrays"):
        read_inputs([str(tmp_path / "objects.npz")])


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "there are no inputs"), (b"{", "line 1 is no JSON"), (b"\xff", "no UTF-8")]
)
def test_files_without_inputs_are_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(BadInputs, match=words) as refused:
        read_inputs([str(tmp_path / "a.jsonl")])
    assert "a.jsonl" in str(refused.value)


def test_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputs, match="no file matches"):
        read_inputs([str(tmp_path / "*.png")])


def test_files_of_the_same_bytes_count_once_and_texts_stay(tmp_path: Path) -> None:
    for name, content in (("a", b"same"), ("b", b"same"), ("c", b"diff"), ("d", b"other")):
        (tmp_path / name).write_bytes(content)
    texts = [Given("t:1", {SOLE: "same"}), Given("t:2", {SOLE: "same"})]
    kept, copies = without_copies([*read_inputs([str(tmp_path)]), *texts])
    assert [Path(given.name).name for given in kept] == ["a", "c", "d", "t:1", "t:2"]
    assert [(Path(one.name).name, Path(other.name).name) for one, other in copies] == [("b", "a")]
    images = np.array([[[1, 1]], [[0, 0]], [[1, 1]]], np.uint8)
    np.savez(tmp_path / "set.npz", images=images)
    kept, copies = without_copies(read_inputs([str(tmp_path / "set.npz")]))
    assert ([given.file.row for given in kept], len(copies)) == ([0, 1], 1)  # type: ignore[union-attr]


def test_values_as_a_body_of_json() -> None:
    assert plain({SOLE: [1, 2]}) == [1, 2]
    assert plain({"age": Text("3"), "name": Text("ann"), "on": Text("true")}) == {"age": 3, "name": "ann", "on": True}


def test_an_example_is_one_short_line() -> None:
    assert Given("a:1", {SOLE: "two\nlines " + "x" * 500}).example == ("two lines " + "x" * 500)[:200]
    assert Given("a:2", {"a": 1, "b": [2]}).example == '{"a": 1, "b": [2]}'


@pytest.mark.parametrize("rows", [10**12, 10**30])
def test_arrays_that_tell_of_more_than_there_is(tmp_path: Path, rows: int) -> None:
    head = repr({"descr": "<f8", "fortran_order": False, "shape": (rows,)}).encode()
    with zipfile.ZipFile(tmp_path / "big.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64))
    with pytest.raises(BadInputs, match="no file of plain arrays"):
        read_inputs([str(tmp_path / "big.npz")])
