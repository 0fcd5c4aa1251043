"""Unpacks a model's zip, and refuses one that could do harm or could not be meant.

Runs with the Python of the base image (3.6 or later, standard library alone) while the image is built.
"""

import os
import shutil
import stat
import zipfile
import zlib

MOST_ENTRIES = 50000
# Packages have some ten. What is done for each level of a path takes as long as the path, makedirs calls itself.
MOST_LEVELS = 100
MOST_BYTES = 4 * 1024**3
# Weights shrink to a half, text to a tenth. What grows a hundredfold and is large besides is a bomb.
HARMLESS_BYTES = 100 * 1024**2
MOST_GROWTH = 100


class Refused(Exception):
    """The text says what is wrong with the zip."""


def unpack(archive, folder, is_excluded):
    """Unpacks the file ``archive`` into ``folder``, less the names for which ``is_excluded(name)`` is true; where all
    of it lies in one folder, that folder's content. Raises ``Refused``."""
    try:
        with zipfile.ZipFile(archive) as source:
            entries = _entries_of(source, is_excluded)
            _check_size(entries, os.path.getsize(archive))
            top = _common_folder(entries)
            for path in sorted(entries):
                _unpack_entry(source, entries[path], os.path.join(folder, *path[len(top) :]))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Refused("it can't be unpacked: {}".format(error)) from None
    except OSError as error:  # such as a name that is too long, or one that is a file and a folder
        raise Refused("it can't be unpacked: {}".format(error)) from None


def _entries_of(source, is_excluded):
    """The files and folders to unpack, by the parts of their paths."""
    infos = source.infolist()
    if len(infos) > MOST_ENTRIES:
        raise Refused("it has {} entries; {} are allowed".format(len(infos), MOST_ENTRIES))
    found = {}
    for info in infos:
        path = _path_of(info)
        if not path or any(map(is_excluded, path)):
            continue
        _check_kind(info)
        if path in found and not info.is_dir():
            raise Refused("it has {!r} twice".format(info.filename))
        found.setdefault(path, info)
    environments = {path[:-1] for path in found if path[-1] == "pyvenv.cfg" and path[-2:-1] != ("virtualenv",)} - {()}
    if not environments:
        return found
    return {path: info for path, info in found.items() if not _lies_in(environments, path)}


def _lies_in(folders, path):
    return any(path[:n] in folders for n in range(1, len(path) + 1))


def _path_of(info):
    """The parts of an entry's path. Some programs on Windows write backslashes."""
    name = info.filename.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
        raise Refused("its entry {!r} would lie outside the folder that it is unpacked into".format(info.filename))
    if len(parts) > MOST_LEVELS:
        raise Refused("its entry {!r}... lies {} folders deep".format(info.filename[:100], len(parts) - 1))
    return parts


def _check_kind(info):
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise Refused("its entry {!r} is a link; zip the file itself".format(info.filename))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("its entry {!r} is neither a file nor a folder".format(info.filename))
    if info.flag_bits & 1:
        raise Refused("its entry {!r} is encrypted".format(info.filename))


def _check_size(entries, packed):
    total = sum(info.file_size for info in entries.values())
    if total > MOST_BYTES:
        raise Refused("unpacked it would be {} MB; {} are allowed".format(total // 10**6, MOST_BYTES // 10**6))
    if total > HARMLESS_BYTES and total > MOST_GROWTH * packed:
        raise Refused("{} bytes would become {}, which no model's zip does".format(packed, total))


def _common_folder(entries):
    """The one folder that all lies in, () where there is more than that."""
    tops = {path[:1] for path in entries}
    if len(tops) != 1 or any(len(path) == 1 and not info.is_dir() for path, info in entries.items()):
        return ()
    return tops.pop()


def _unpack_entry(source, info, target):
    if info.is_dir() or info.filename.endswith("\\"):
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with source.open(info) as packed, open(target, "xb") as file:
        shutil.copyfileobj(packed, file, 1024 * 1024)
    os.chmod(target, 0o755 if (info.external_attr >> 16) & 0o100 else 0o644)
