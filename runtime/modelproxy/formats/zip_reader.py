"""Unpacks a zip that somebody sent, into a folder of its own: everything is checked before anything is written.

What is refused could write elsewhere (absolute names, ``..``, backslashes, links, devices), fill the container (bombs,
absurd counts) or isn't whole (encrypted, cut off, bad checksums, names twice). APPNOTE.TXT 6.3 is the format.
"""

import os
import re
import shutil
import stat
import zipfile
import zlib
from io import BytesIO

# The platform takes 48 MB of code (whisk.exec-size-limit); packages' files have some 3 kB in a zip.
MAX_ENTRIES = 20000
# Packages have some ten. What is compared for each level of a path is as long as the path.
MAX_LEVELS = 100
# What OpenWhisk's largest standard container has as memory, of which /tmp may be a part.
MAX_UNPACKED = 512 * 1024 * 1024
# Code and weights shrink to a third or so, text to a tenth. Small archives may do as they like.
MAX_RATIO = 100
SMALL = 16 * 1024 * 1024
FOLDER = 4096  # bytes that one takes; an entry of some hundred may lie below as many as there are levels

_ENTRY = b"PK\x01\x02"  # begins an entry of the central directory (section 4.3.12)
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # general purpose flags (section 4.4.4)
_DRIVE = re.compile(r"[A-Za-z]:")
# What zipfile and zlib raise for archives that aren't whole; and a folder that is full, or a name too long for it.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, IndexError, OverflowError, ValueError)
_TROUBLE = _BROKEN + (NotImplementedError, OSError, RuntimeError)


class BadZip(Exception):
    """The archive is refused; the text says why."""


def unpack(archive, folder, links_left_out=""):
    """Writes what ``archive`` (bytes) holds under ``folder``, which must exist and be empty. Raises ``BadZip``, after
    which the folder may hold a part.

    links_left_out   top folder in which symbolic links aren't refused but left out, as ``virtualenv``: these lead to
                     the interpreter that made it.
    Returns the number of links that were left out.
    """
    if archive.count(_ENTRY) > MAX_ENTRIES:  # counted first: each costs zipfile half a kilobyte
        raise BadZip("the zip has more than %d entries" % MAX_ENTRIES)
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            entries, links = _checked(opened.infolist(), len(archive), links_left_out)
            for path, info in entries:
                _write(opened, info, os.path.join(os.fsencode(folder), *[part.encode("utf-8") for part in path]))
            return links
    except _TROUBLE as error:
        raise BadZip("the zip can't be unpacked: %s" % (error or type(error).__name__)) from None


def _checked(infos, size, links_left_out):
    """(path as a tuple of names, ZipInfo) of each entry that is to be written, and the number of links left out."""
    entries, links, unpacked = [], 0, 0
    for info in infos:
        path = _path(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind == stat.S_IFLNK and len(path) > 1 and path[0] == links_left_out:
            links += 1
            continue
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadZip("%r in the zip is a %s" % (info.filename, "link" if kind == stat.S_IFLNK else "special file"))
        if info.flag_bits & _ENCRYPTED:
            raise BadZip("%r in the zip is encrypted" % info.filename)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadZip("%r in the zip is compressed by another method than deflate" % info.filename)
        unpacked += info.file_size
        if path:
            entries.append((path, info))
    unpacked += FOLDER * _folders(entries)
    if unpacked > MAX_UNPACKED:
        raise BadZip("the zip unpacks to %d bytes, more than %d" % (unpacked, MAX_UNPACKED))
    if unpacked > max(SMALL, MAX_RATIO * size):
        raise BadZip("the zip of %d bytes unpacks to %d, more than %d times as much" % (size, unpacked, MAX_RATIO))
    return entries, links


def _path(info):
    name = info.orig_filename  # zipfile cuts ``filename`` at a NUL
    parts = tuple([part for part in name.split("/") if part not in ("", ".")])
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts or _DRIVE.match(name):
        raise BadZip("the name %r in the zip leads out of its folder" % name)
    if len(parts) > MAX_LEVELS:
        raise BadZip("the zip has a file %d folders deep" % (len(parts) - 1))
    return parts


def _is_folder(info):
    return info.orig_filename.endswith("/") or stat.S_IFMT(info.external_attr >> 16) == stat.S_IFDIR


def _folders(entries):
    """How many there will be. Raises ``BadZip`` where something comes twice."""
    files, folders = set(), set()
    for path, info in entries:
        if not _is_folder(info):
            if path in files:
                raise BadZip("the zip has %r twice" % "/".join(path))
            files.add(path)
    for path, info in entries:
        above = [path[:length] for length in range(1, len(path) + _is_folder(info))]
        if not files.isdisjoint(above):
            raise BadZip("the zip has %r as a file and as a folder" % "/".join(path))
        folders.update(above)
        if len(folders) > MAX_ENTRIES:
            raise BadZip("the zip has more than %d folders" % MAX_ENTRIES)
    return len(folders)


def _write(opened, info, path):
    if _is_folder(info):
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with opened.open(info) as source, open(path, "xb") as target:  # never over what is there
        shutil.copyfileobj(source, target, 1 << 18)
        if target.tell() != info.file_size:
            raise BadZip("%r in the zip hasn't the size that it says" % info.filename)
    if info.external_attr >> 16 & 0o111:
        os.chmod(path, 0o700)
