"""Finds WSGI and ASGI applications in a folder, by reading its source (see ``source``). The rules:

1. ``app`` or ``application`` in app.py, main.py, server.py, wsgi.py or asgi.py; beside Django's manage.py also in
   ``<project>/wsgi.py``, else in ``<project>/asgi.py``.
2. Where there is none of these a factory: ``create_app`` or ``make_app``, which needs no arguments, in the same files.
3. Where there is none either, 1 and 2 in a package ``app`` and its ``app/main.py``.

A file that only imports its application counts for less than the one that makes it, if that is among them; one that
wraps another file's application, in middleware for instance, for more. What is left are different applications.
"""

import os
import re

from .kinds import ASGI, NEITHER, UNKNOWN, WSGI, takes
from .source import Reader

FILES = ("app.py", "main.py", "server.py", "wsgi.py", "asgi.py")
_NAMES = ("app", "application")
_FACTORIES = ("create_app", "make_app")
_TARGET = re.compile(r"([\w.]+):(\w+)((?:\.\w+)*)(\(.*\))?\Z")


class _Candidate:
    __slots__ = ("found", "is_made_here", "target")

    def __init__(self, module, name, found, called=""):
        self.found = found
        self.is_made_here = found.maker is not None and found.maker[0] == module
        self.target = "%s:%s%s%s" % (module, name, called, found.attribute)


def found_in(folder):
    """The applications of a folder: a list of (kind, ``module:attribute``), kind "wsgi" or "asgi". One whose kind can't
    be told is there as both."""
    reader = Reader(folder)
    modules = [file[:-3] for file in FILES if os.path.isfile(os.path.join(folder, file))] + _projects(folder)
    candidates = _in_modules(reader, modules)
    if not candidates:
        package = os.path.join(folder, "app")
        files = (("app", "__init__.py"), ("app.main", "main.py"))
        candidates = _in_modules(reader, [name for name, file in files if os.path.isfile(os.path.join(package, file))])
    return [
        (kind, candidate.target)
        for candidate in _different(candidates)
        for kind in ((WSGI, ASGI) if candidate.found.kind == UNKNOWN else (candidate.found.kind,))
    ]


def found_in_file(folder, file):
    """The same for one file, named by its path within the folder."""
    module = file[:-3].replace("/", ".")
    candidates = _in_modules(Reader(folder), [module])
    return [(candidate.found.kind, candidate.target) for candidate in candidates if candidate.found.kind != UNKNOWN]


def broken_in(folder):
    """The first file that isn't Python, so that only its import can say what is wrong, or None."""
    reader = Reader(folder)
    for file in (*FILES, "__main__.py"):
        if os.path.isfile(os.path.join(folder, file)):
            reader.module(file[:-3])
            if reader.broken:
                return file
    return None


def defines(folder, file, name):
    """True where ``file`` has a function ``name`` at its top level that can be called with one argument."""
    reader = Reader(folder)
    scope = reader.module(file[:-3].replace("/", "."))
    function = scope and reader.function(scope, name)
    return bool(function) and takes(function.args, 1)


def binds(folder, file, name):
    """True where ``file`` gives ``name`` a value at its top level, or isn't Python: its import will say why."""
    scope = Reader(folder).module(file[:-3].replace("/", "."))
    return scope is None or bool(scope.bound(name) or scope.stars)


def kind_of(folder, target):
    """ "wsgi" or "asgi" for ``module:attribute`` or ``module:factory()``, None where that can't be told."""
    reader = Reader(folder)
    match = _TARGET.match(target)
    scope = reader.module(match.group(1)) if match else None
    if scope is None:
        return None
    found = None if match.group(4) else reader.application(scope, match.group(2))
    if found is None or not found.is_application:
        found = reader.returned(scope, match.group(2), match.group(4) not in (None, "()"))
    return found.kind if found.is_application else None


def _projects(folder):
    """The modules of Django's projects."""
    if not os.path.isfile(os.path.join(folder, "manage.py")):
        return []
    for file in ("wsgi", "asgi"):
        found = [
            name for name in sorted(os.listdir(folder)) if os.path.isfile(os.path.join(folder, name, file + ".py"))
        ]
        if found:
            return ["%s.%s" % (name, file) for name in found]
    return []


def _in_modules(reader, modules):
    candidates = []
    for names, is_called in ((_NAMES, False), (_FACTORIES, True)):
        for module in modules if not candidates else ():
            candidates += _in_module(reader, module, names, is_called)
    return candidates


def _in_module(reader, module, names, is_called):
    """A list of one candidate or none: what a module makes comes before what it imports, and what is known for an
    application before what isn't."""
    scope = reader.module(module)
    candidates = []
    for name in names if scope is not None else ():
        found = reader.returned(scope, name) if is_called else reader.application(scope, name)
        if found is not None and found.kind != NEITHER:
            candidates.append(_Candidate(module, name, found, "()" if is_called else ""))
        elif found is not None and not is_called and reader.returned(scope, name).kind != NEITHER:
            candidates.append(_Candidate(module, name, reader.returned(scope, name), "()"))
    candidates.sort(key=lambda candidate: (candidate.found.kind == UNKNOWN, not candidate.is_made_here))
    return candidates[:1]


def _different(candidates):
    """Without those that only import what another makes, and without those that another wraps."""
    makers = {candidate.found.maker for candidate in candidates if candidate.is_made_here}
    wrapped = {maker for one in candidates for maker in one.found.wraps if maker != one.found.maker}
    kept = []
    for candidate in candidates:
        maker = candidate.found.maker
        if maker not in wrapped and (candidate.is_made_here or maker is None or maker not in makers):
            kept.append(candidate)
            makers.add(maker)
    return kept
