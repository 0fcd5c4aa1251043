"""Zips that somebody sends: unpacked whole, or refused with nothing written outside and nothing left to run."""

import contextlib
import io
import os
import stat
import struct
import warnings
import zipfile

import pytest
from modelproxy.formats import zip_reader
from modelproxy.formats.zip_reader import BadZip, unpack


def entry(name, mode=0, **fields):
    info = zipfile.ZipInfo("x", (2018, 1, 1, 0, 0, 0))
    info.filename = info.orig_filename = name
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode << 16
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def zipped(*members):
    """A zip of (name or ZipInfo, content) pairs."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # names that come twice
        for name, content in members:
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else entry(name), content)
    return file.getvalue()


def tree(folder):
    found = {}
    for above, _, names in os.walk(str(folder)):
        for name in names:
            path = os.path.join(above, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, str(folder))] = file.read()
    return found


def refused(archive, folder, match):
    inside = folder / "in" / "side"
    inside.mkdir(parents=True)
    with pytest.raises(BadZip, match=match) as caught:
        unpack(archive, str(inside))
    assert "%" not in str(caught.value)
    return tree(folder)


def patched(archive, before, after, count=2):
    """The archive with a name, of the same length, changed where zipfile wouldn't write it."""
    assert archive.count(before) == count
    return archive.replace(before, after)


def test_files_folders_and_what_may_be_run(tmp_path):
    archive = zipped(
        ("__main__.py", b"print()"),
        ("a/b/", b""),
        ("a/b/c.bin", b"\x00" * 1000),
        ("./d//e.txt", b"e"),
        ("./", b""),
        (entry("f", stat.S_IFDIR | 0o755), b""),
        (entry("run", stat.S_IFREG | 0o755), b"#!"),
        (entry("plain", stat.S_IFREG | 0o644), b""),
        (entry("others", stat.S_IFREG | 0o601), b""),
        (entry("stored", compress_type=zipfile.ZIP_STORED), b"as it is"),
        ("\u96ea/\u2603.txt", b"snow"),
        ("a/..b/...", b"no parent"),
    )
    assert unpack(archive, str(tmp_path)) == 0
    files = tree(tmp_path)
    assert files.pop(os.path.join("\u96ea", "\u2603.txt")) == b"snow"
    assert files == {
        "__main__.py": b"print()",
        "a/b/c.bin": b"\x00" * 1000,
        "d/e.txt": b"e",
        "run": b"#!",
        "plain": b"",
        "others": b"",
        "stored": b"as it is",
        "a/..b/...": b"no parent",
    }
    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "f").is_dir()
    assert os.stat(str(tmp_path / "run")).st_mode & 0o100
    assert os.stat(str(tmp_path / "others")).st_mode & 0o100
    assert not os.stat(str(tmp_path / "plain")).st_mode & 0o111


def test_an_empty_zip(tmp_path):
    assert unpack(zipped(), str(tmp_path)) == 0
    assert tree(tmp_path) == {}


def test_what_may_be_run_is_never_run_as_somebody_else(tmp_path):
    unpack(zipped((entry("a", stat.S_IFREG | 0o6777), b"")), str(tmp_path))
    assert stat.S_IMODE(os.stat(str(tmp_path / "a")).st_mode) == 0o700


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "..", "a/..", "/etc/x", "//x", "..\\x", "a\\b", "C:/x", "c:x", "C:\\x", "\\\\host\\share\\x"],
)
def test_names_that_lead_out_of_the_folder(name, tmp_path):
    archive = zipped(("good", b"1"), (name, b"2"))
    assert refused(archive, tmp_path, "leads out of its folder") == {}


def test_a_name_with_a_nul(tmp_path):
    archive = patched(zipped(("good", b"1"), ("badZname", b"2")), b"badZname", b"bad\0name")
    assert refused(archive, tmp_path, "leads out") == {}


def test_what_lies_too_deep(tmp_path):
    assert refused(zipped(("a/" * 32000 + "a", b"x")), tmp_path, "has a file 32000 folders deep") == {}
    (tmp_path / "out").mkdir()
    unpack(zipped(("a/" * 99 + "a", b"x")), str(tmp_path / "out"))
    assert tree(tmp_path / "out") == {"a/" * 99 + "a": b"x"}


@pytest.mark.parametrize(
    ("kind", "match"),
    [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "special"), (stat.S_IFCHR, "special"), (stat.S_IFSOCK, "special")],
)
def test_links_and_special_files(kind, match, tmp_path):
    archive = zipped((entry("a", kind | 0o777), b"/etc/passwd"), ("a/b", b"2"))
    assert refused(archive, tmp_path, match) == {}


def test_links_of_a_virtualenv_are_left_out_and_no_others(tmp_path):
    link = stat.S_IFLNK | 0o777
    links = [(entry("virtualenv/" + name, link), b"/usr/bin/python") for name in ("python", "bin/python")]
    archive = zipped(("virtualenv/lib/a.py", b"1"), *links)
    assert unpack(archive, str(tmp_path), "virtualenv") == 2
    assert tree(tmp_path) == {"virtualenv/lib/a.py": b"1"}
    for name in ("virtualenv", "other/virtualenv", "virtualenv/../a"):
        with pytest.raises(BadZip):
            unpack(zipped((entry(name, link), b"/")), str(tmp_path), "virtualenv")


@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("a/b", "a//b")])
def test_a_name_that_comes_twice(names, tmp_path):
    assert refused(zipped(*[(name, b"1") for name in names]), tmp_path, "twice") == {}


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/"), ("a/b", "a/b/c/d")])
def test_a_file_that_is_a_folder_too(names, tmp_path):
    assert refused(zipped(*[(name, b"") for name in names]), tmp_path, "as a file and as a folder") == {}


def test_a_folder_may_come_twice(tmp_path):
    unpack(zipped(("a/", b""), ("a/", b""), ("a/b", b"")), str(tmp_path))
    assert tree(tmp_path) == {"a/b": b""}


# --- bombs --------------------------------------------------------------------------------------------------------


def test_too_many_entries_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_reader, "MAX_ENTRIES", 3)
    unpack(zipped(*[(str(number), b"") for number in range(3)]), str(tmp_path))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(BadZip, match="more than 3 entries"):
        unpack(zip_of_four, str(tmp_path))


zip_of_four = zipped(*[(str(number), b"") for number in range(4)])


def test_what_shrinks_a_thousandfold_may_be_small_but_not_large(tmp_path):
    small = zipped(("zeros", bytes(zip_reader.SMALL)))
    unpack(small, str(tmp_path))
    assert (tmp_path / "zeros").stat().st_size == zip_reader.SMALL
    assert refused(zipped(("zeros", bytes(zip_reader.SMALL + 1))), tmp_path / "x", "100 times as much") == {}


def test_what_shrinks_a_hundredfold_may_be_large(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_reader, "SMALL", 0)
    archive = zipped(("a", b"x" * 100))
    most = zip_reader.MAX_RATIO * len(archive)
    refused(with_size(archive, most), tmp_path / "most", "^((?!times as much).)*$")
    assert refused(with_size(archive, most + 1), tmp_path / "more", "100 times as much") == {}


def test_the_limits():
    assert (zip_reader.MAX_ENTRIES, zip_reader.MAX_UNPACKED) == (20000, 512 << 20)
    assert (zip_reader.MAX_RATIO, zip_reader.SMALL) == (100, 16 << 20)


def test_what_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_reader, "MAX_UNPACKED", 1000)
    unpack(zipped(("a", os.urandom(500)), ("b", os.urandom(500))), str(tmp_path))
    archive = zipped(("a", os.urandom(500)), ("b", os.urandom(501)))
    assert refused(archive, tmp_path / "x", "unpacks to 1001 bytes, more than 1000") == {}


def test_folders_take_room_too(tmp_path, monkeypatch):
    """Each once, whether it has an entry of its own or not."""
    assert zip_reader.FOLDER == 4096
    archive = zipped(("a/b/x", b"1"), ("a/b/", b""), ("a/c/y", b"2"), ("z", b"3"))
    monkeypatch.setattr(zip_reader, "MAX_UNPACKED", 3 * 4096 + 3)
    unpack(archive, str(tmp_path))
    monkeypatch.setattr(zip_reader, "MAX_UNPACKED", 3 * 4096 + 2)
    assert refused(archive, tmp_path / "in", "unpacks to 12291 bytes, more than 12290") == {}


def test_too_many_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_reader, "MAX_ENTRIES", 4)
    unpack(zipped(("a/b/c/d/x", b"1")), str(tmp_path))
    assert refused(zipped(("a/b/c/d/e/x", b"1")), tmp_path / "in", "the zip has more than 4 folders$") == {}


def test_few_entries_make_few_folders(tmp_path):
    """50,000 of them, of 240 kB."""
    deep = [("%x/%sf" % (number, "a/" * 98), b"") for number in range(500)]
    assert refused(zipped(*deep), tmp_path / "in", "more than 20000 folders") == {}
    assert refused(zipped(*deep[:100]), tmp_path / "less", "more than 100 times as much") == {}
    unpack(zipped(*deep[:10]), str(tmp_path))


def test_a_path_of_many_levels(tmp_path):
    assert zip_reader.MAX_LEVELS == 100
    unpack(zipped(("a/" * 99 + "b", b"1")), str(tmp_path))
    assert (tmp_path / ("a/" * 99) / "b").read_bytes() == b"1"
    assert refused(zipped(("a/" * 100 + "b", b"1")), tmp_path / "x", "a file 100 folders deep") == {}


def with_size(archive, size):
    """The archive of one file, whose entry in the central directory says another size."""
    start = archive.index(b"PK\x01\x02") + 24
    return archive[:start] + struct.pack("<I", size) + archive[start + 4 :]


@pytest.mark.parametrize("size", [0, 10, 99, 101, 2000])
def test_a_size_that_is_a_lie(size, tmp_path):
    left = refused(with_size(zipped(("a", b"x" * 100)), size), tmp_path, "zip")
    assert all(len(content) <= min(size, 100) for content in left.values())


# --- what isn't whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_encrypted_entries(flag, tmp_path):
    archive = bytearray(zipped(("a", b"1")))
    flags = archive.index(b"PK\x01\x02") + 8
    archive[flags] |= flag & 0xFF
    archive[flags + 1] |= flag >> 8
    assert refused(bytes(archive), tmp_path, "^'a' in the zip is encrypted$") == {}


def test_other_methods_than_deflate(tmp_path):
    archive = zipped((entry("a", compress_type=zipfile.ZIP_BZIP2), b"1" * 100))
    assert refused(archive, tmp_path, "another method than deflate") == {}


def test_a_bad_checksum(tmp_path):
    archive = bytearray(zipped((entry("a", compress_type=zipfile.ZIP_STORED), b"content")))
    archive[archive.index(b"content")] ^= 1
    refused(bytes(archive), tmp_path, "Bad CRC-32")


@pytest.mark.parametrize("damage", ["cut", "head", "tail", "text", "nothing", "local", "offset"])
def test_damaged_archives(damage, tmp_path):
    archive = zipped(("a", os.urandom(1000)), ("b", os.urandom(1000)))
    damaged = {
        "cut": archive[:-40],
        "head": archive[1200:],
        "tail": archive[:1200],
        "text": b"PK, this is no zip",
        "nothing": b"",
        "local": archive.replace(b"PK\x03\x04", b"PK\x03\x05"),
        "offset": archive.replace(b"PK\x01\x02", b"PK\x01\x03", 1),
    }[damage]
    assert refused(damaged, tmp_path, "the zip can't be unpacked: .") == {}


def test_damage_anywhere_is_refused_or_harmless(tmp_path):
    """Each byte changed in turn: nothing but ``BadZip`` comes out, and nothing is written outside."""
    archive = zipped(("a/b.txt", b"some content, some content"), (entry("c", stat.S_IFREG | 0o755), b"#!"))
    for position in range(len(archive)):
        changed = bytearray(archive)
        changed[position] ^= 0x5A
        inside = tmp_path / str(position) / "in"
        inside.mkdir(parents=True)
        with contextlib.suppress(BadZip):
            unpack(bytes(changed), str(inside))
        assert os.listdir(str(tmp_path / str(position))) == ["in"]


def test_a_name_that_no_file_can_have(tmp_path):
    refused(zipped(("a" * 300, b"1")), tmp_path, "File name too long")


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(BadZip, match="File exists"):
        unpack(zipped(("a", b"after")), str(tmp_path))
    assert tree(tmp_path) == {"a": b"before"}


def test_a_zip_that_was_streamed(tmp_path):
    """Sizes follow the data there (section 4.4.4, bit 3)."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.content = b""

        def writable(self):
            return True

        def write(self, data):
            self.content += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"1" * 100)
    unpack(pipe.content, str(tmp_path))
    assert tree(tmp_path) == {"a": b"1" * 100}
