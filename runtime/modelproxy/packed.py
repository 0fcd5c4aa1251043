"""Imports the proxy's modules from the archives that an image has in place of files.

All hosts together take less room so than MAX's alone would unpacked, and a start opens one file instead of twenty. A
checkout has no archives. ``scripts/build/install.py`` makes them, grouped by ``group_of``.
"""

import marshal
import os
import sys

PREFIX = "modelproxy."
CORE = "core"
HOSTS = "hosts"
DRIFT = "drift"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packed")
# What is imported before the port is open, and so isn't packed.
UNPACKED = frozenset(("", "start", "listener", "settings", "log", "packed"))
_ModuleSpec = type(__spec__)  # that of importlib.machinery, which nobody else needs here


def group_of(name):
    """The archive of a module: "core" has what every model needs and MAX's host, "hosts" the other hosts, "drift" what
    compares inputs with a reference."""
    parts = name[len(PREFIX) :].split(".")
    if parts[0] == "drift":
        return DRIFT
    if parts[0] == "formats" or (parts[0] == "hosts" and parts[1:] not in ([], ["choice"], ["max"])):
        return HOSTS
    return CORE


class Archives:
    """A finder and loader of modules (PEP 451) that reads an archive when the first of its modules is wanted.

    An archive is a byte that tells how it is compressed, and the marshalled list of (name, whether it is a package,
    marshalled code) of its modules.
    """

    def __init__(self, folder):
        self._folder = folder
        self._modules = {}
        self._taken = set()

    def find_spec(self, name, path=None, target=None):
        if not name.startswith(PREFIX):
            return None
        group = group_of(name)
        if group not in self._taken:
            self._taken.add(group)
            self._take(group)
        found = self._modules.get(name)
        return None if found is None else _ModuleSpec(name, self, is_package=found[0])

    def create_module(self, spec):
        """None, for a module of the usual kind."""

    def exec_module(self, module):
        _, code = self._modules.pop(module.__name__)
        exec(marshal.loads(code), module.__dict__)  # noqa: S302 - written by the build of this image

    def _take(self, group):
        try:
            with open(os.path.join(self._folder, group), "rb") as archive:
                content = archive.read()
        except FileNotFoundError:
            return
        modules = marshal.loads(_decompressed(content[:1], content[1:]))  # noqa: S302 - likewise
        self._modules.update((name, (package, code)) for name, package, code in modules)


def _decompressed(how, content):
    if how == b"z":
        import zlib

        return zlib.decompress(content)
    if how == b"b":
        import _bz2  # bz2 itself imports threading, for files

        return _bz2.BZ2Decompressor().decompress(content)
    if how == b"x":
        import lzma

        return lzma.decompress(content)
    return content


def install():
    """Lets imports find what is packed, after all else; in a checkout nothing is."""
    if os.path.isdir(FOLDER):
        sys.meta_path.append(Archives(FOLDER))
