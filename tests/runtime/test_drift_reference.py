import struct
import zipfile

import numpy
import pytest
from modelproxy.drift import reference as references_read
from modelproxy.drift.reference import Reference, Refused

import drift_references as references

VECTORS = numpy.arange(40, dtype="<f4").reshape(8, 5) / 7


@pytest.mark.parametrize("kind", ["<f4", "<f2"])
def test_all_that_was_written_is_there_again(tmp_path, kind):
    vectors = VECTORS.astype(kind)
    read = Reference(references.write(tmp_path / "r", vectors, neighbours=2))
    assert read.declaration == {"kind": "picture", "version": 1}
    assert (read.metric, read.neighbours, read.dimensions, read.count, read.threshold) == ("l2", 2, 5, 8, 1.0)
    assert read.digest == "sha256:" + "0" * 64 and read.files == {} and read.index is None
    found = read.array("vectors.npy")
    assert found.dtype == numpy.dtype(kind) and (found == vectors).all()
    assert not found.flags.writeable
    assert read.content("names.txt").splitlines()[3] == b'"3"' and read.has("names.txt") and not read.has("axes.npy")
    assert sorted(read.names()) == ["mean.npy", "names.txt", "vectors.npy"]
    offset, size = read.place("names.txt")
    with open(read.path, "rb") as file:
        assert file.read()[offset : offset + size] == read.content("names.txt")


def test_arrays_lie_where_they_can_be_mapped(tmp_path):
    read = Reference(references.write(tmp_path / "r", VECTORS))
    assert read.place("vectors.npy")[0] % 4 == 0
    assert numpy.load(read.path)["vectors"].shape == (8, 5)  # any program that knows zips of arrays can read it


REFUSED = {
    "empty": (numpy.zeros((0, 5), "<f4"), {}, "count is 0"),
    "no embedding": (VECTORS, {"embedding": None}, "must be a JSON object"),
    "another metric": (VECTORS, {"metric": "hamming"}, "hamming"),
    "no neighbours": (VECTORS, {"neighbours": 0}, "neighbours"),
    "count": (VECTORS, {"count": 9}, "8 x 5, but 9 x 5"),
    "dimensions": (VECTORS, {"dimensions": 4}, "8 x 5, but 8 x 4"),
    "threshold": (VECTORS, {"threshold": {"distance": float("nan")}}, "threshold is nan"),
    "threshold is text": (VECTORS, {"threshold": {"distance": "1"}}, "threshold is '1'"),
    "no threshold": (VECTORS, {"threshold": {}}, "lacks what belongs there: KeyError\\('distance'"),
    "model": (VECTORS, {"model": None}, "lacks what belongs there"),
    "format": (VECTORS, {"format": "other"}, "another format"),
    "version": (VECTORS, {"version": 2}, "version 2, and version 1 is understood"),
    "double": (VECTORS.astype("<f8"), {}, "type <f8"),
    "whole numbers": (VECTORS.astype("<i4"), {}, "no array of numbers"),
    "Fortran": (numpy.asfortranarray(VECTORS), {}, "no array of numbers"),
    "objects": (numpy.zeros((8, 5), "<f4"), {"extra": {"vectors.npy": b"\x80\x04N."}}, "no magic"),
    "a threshold beyond all floats": (VECTORS, {"threshold": {"distance": 10**400}}, "must be a distance"),
    "files in a list": (VECTORS, {"model": {"digest": "", "files": [["a.onnx", "0"]]}}, "no digests by their paths"),
    "files without digests": (VECTORS, {"model": {"digest": "", "files": {"a.onnx": []}}}, "no digests by their paths"),
    "an index that is a text": (VECTORS, {"index": "usearch"}, "its index isn't described"),
    "NaN": (VECTORS * numpy.float32("nan"), {}, "infinite or none"),
    "infinite": (VECTORS + numpy.float32("inf"), {}, "infinite or none"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cant_be_compared_with_is_refused(tmp_path, name):
    vectors, changes, why = REFUSED[name]
    path = references.write(tmp_path / "r", vectors, **changes)
    with pytest.raises(Refused, match=why) as refused:
        Reference(path)
    assert path in str(refused.value)


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    path = tmp_path / "r"
    references.write(path, VECTORS)
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(Refused, match=r"cut off|checksum differs"):
            Reference(str(path))


def test_a_byte_changed_anywhere_is_refused(tmp_path):
    path = tmp_path / "r"
    references.write(path, VECTORS)
    whole = path.read_bytes()
    with zipfile.ZipFile(str(path)) as archive:
        last = archive.infolist()[-1]
    data_end = last.header_offset + 30 + len(last.filename) + len(last.extra) + last.file_size
    untold = 0
    for at in range(0, data_end, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        try:
            read = Reference(str(path))
        except Refused:
            continue
        untold += 1  # a date or the padding between members, which nobody reads
        assert (read.array("vectors.npy") == VECTORS).all() and read.threshold == 1.0
    assert untold < data_end / 7 / 2


def tampered(members, description, **how):
    def write(path):
        return references.write_members(path, description, members, **how)

    return write


GOOD, ABOUT = references.members_of(VECTORS), references.about(VECTORS)


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (tampered(GOOD, ABOUT, comment=b""), "its reference.json isn't what was written"),
        (tampered(GOOD, ABOUT, comment=b"sha256:" + b"0" * 64), "its reference.json isn't what was written"),
        (tampered(GOOD, ABOUT, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (tampered(GOOD, dict(ABOUT, members={})), "no vectors.npy"),
        (tampered(GOOD, dict(ABOUT, members={"x": {"size": 1, "sha256": ""}})), "its x is missing"),
        (tampered(GOOD, dict(ABOUT, members={"mean.npy": {"size": 1, "sha256": ""}})), "bytes instead of 1"),
        (
            tampered(
                GOOD,
                dict(ABOUT, members={"vectors.npy": {"size": len(GOOD["vectors.npy"]), "sha256": "0" * 64}}),
            ),
            "its vectors.npy isn't what was written",
        ),
        (tampered(dict(GOOD, **{"vectors.npy": GOOD["vectors.npy"][:-4]}), ABOUT), "no array of numbers"),
        (tampered(dict(GOOD, **{"vectors.npy": b"\x93NUMPY\x02\x00"}), ABOUT), "no array of numbers"),
        (tampered(dict(GOOD, **{"vectors.npy": b""}), ABOUT), "no array of numbers"),
    ],
)
def test_what_was_changed_is_refused(tmp_path, write, why):
    with pytest.raises(Refused, match=why):
        Reference(write(tmp_path / "r"))


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"


@pytest.mark.parametrize(
    "header",
    [
        "-" * 1000000 + "1",  # each of these took Python's own parser, or a product, all memory or hours
        "(" * 100000 + ")" * 100000,
        HEADER % ("(" + "9" * 4000 + ", 8)"),
        HEADER % ("(" + ", ".join(["999999999999999999"] * 20000) + ")"),
        HEADER % "(-2, -20)",
        HEADER % "(True, 40)",
        HEADER % "(40.0, 1)",
        HEADER % "(0, 999999999999999999)",
        (HEADER % "(8, 5)").replace("<f4", "<f1"),
        (HEADER % "(8, 5)").replace("<f4", "|O"),
        (HEADER % "(8, 5)").replace("'<f4'", "[('a', '<f4')]"),
        (HEADER % "(8, 5)") + "#",
    ],
)
@pytest.mark.parametrize("name", ["vectors.npy", "mean.npy"])
def test_a_hostile_array_s_header_is_refused_at_once(tmp_path, name, header):
    content = b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header.encode() + bytes(160)
    with pytest.raises(Refused, match="its %s is no array" % name):
        Reference(references.write(tmp_path / "r", VECTORS, extra={name: content}))


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[]", b"[" * 100000])
def test_a_description_that_is_none(tmp_path, text):
    import hashlib

    path = str(tmp_path / "r")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("reference.json", text)
        archive.comment = b"sha256:" + hashlib.sha256(text).hexdigest().encode("ascii")
    with pytest.raises(Refused, match=r"isn't JSON|another format"):
        Reference(path)


def test_other_files_are_told_apart(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(str(path), "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(Refused, match="a zip of something else"):
        Reference(str(path))
    with pytest.raises(FileNotFoundError):
        Reference(str(tmp_path / "nothing"))


def test_a_member_said_to_lie_elsewhere(tmp_path):
    path = tmp_path / "r"
    references.write(path, VECTORS)
    whole = path.read_bytes()
    central = whole.index(b"PK\x01\x02")
    for offset in (len(whole) - 40, 7):
        path.write_bytes(whole[: central + 42] + struct.pack("<I", offset) + whole[central + 46 :])
        with pytest.raises(Refused):
            Reference(str(path))


def test_large_ones_are_checked_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(references_read, "SOON_CHECKED", 100)
    listed = {"vectors.npy": {"size": len(GOOD["vectors.npy"]), "sha256": "0" * 64}}
    path = references.write_members(tmp_path / "r", dict(ABOUT, members=listed), GOOD)
    read = Reference(path)
    with pytest.raises(Refused, match="checksum differs"):
        read.verify()


def test_without_numpy_the_checksums_are_what_there_is(tmp_path, monkeypatch):
    path = references.write(tmp_path / "r", VECTORS * numpy.float32("nan"))
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    assert Reference(path).count == 8
