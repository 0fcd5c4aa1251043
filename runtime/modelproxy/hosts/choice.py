"""Which host serves a folder: the rules, applied by looking at its files. Nothing of the model is run or imported.

The rules, in order; the first two need no more than a name, and MAX images must not pay for the others:

1. ``max``         app.py beside a folder api/, unless app.py shows that it is something else.
2. ``command``     start.sh, which OpenBayes runs instead of all else (model-interfaces.md, section 4).
3. Of these exactly one, else the candidates are listed and nothing is guessed:
   ``predictor``   predictor.py with a class Predictor
   ``deployment``  deployment.py, or deployment_package/deployment.py, with a class Deployment
   ``wsgi``, ``asgi``  an application (see ``applications``)
   ``function``    __main__.py or main.py with a function main that takes one argument, and no application
4. A file of these that isn't Python or has no such class: its host, whose error says more than this one could.
5. ``onnx``        one *.onnx, and no Python file.
6. ``command``     the command of the model's image, unless it is only an interpreter or a shell.
"""

import os
import re

from . import Unloadable

NAMES = ("max", "wsgi", "asgi", "predictor", "deployment", "function", "onnx", "command")
_CLASSES = (
    ("predictor", "predictor.py", "Predictor"),
    ("deployment", "deployment.py", "Deployment"),
    ("deployment", "deployment_package/deployment.py", "Deployment"),
)
_OTHER_FRAMEWORK = re.compile(
    rb"^[ \t]*(?:from|import)[ \t]+(?:blacksheep|bottle|django|falcon|fastapi|litestar|quart|sanic|starlette)\b", re.M
)
_IDLE_COMMANDS = frozenset(("bash", "sh", "ash", "dash", "zsh", "ipython", "ipython3", "pypy", "pypy3"))
_IS_IDLE_PYTHON = re.compile(r"python[0-9.]*\Z")
_CALL = re.compile(r"[\w./]+:[\w.]+\(.*\)\Z", re.DOTALL)
_SHELL_FORM = re.compile(r"(?:.*/)?(?:ba|a|da)?sh\Z")


class Choice:
    """``name`` of the host, its ``target`` ("" for the host's own default), and the ``reason`` to log."""

    __slots__ = ("name", "reason", "target")

    def __init__(self, name, target, reason):
        self.name = name
        self.target = target
        self.reason = reason

    def __str__(self):
        return "%s (%s)" % (self.name, self.reason)


def choose(settings, folder):
    """The ``Choice`` for ``folder``; the settings have the last word. Raises ``Unloadable``."""
    if settings.host:
        if settings.host not in NAMES:
            raise Unloadable("MODELPROXY_HOST is %r; this proxy has: %s" % (settings.host, ", ".join(NAMES)))
        return Choice(settings.host, settings.target or _target_for(settings.host, folder), "MODELPROXY_HOST says so")
    if settings.init_code == "accept":  # which no other host can take
        target = settings.target or _target_for("function", folder)
        return Choice("function", target, "MODELPROXY_INIT_CODE is accept")
    if settings.target:
        return _for_target(settings.target, folder)
    found = _certain(folder) or _likely(folder) or _faulty(folder) or _last_resort(folder, settings.base_command)
    if not found:
        raise Unloadable(
            "found no model in %s: looked for app.py beside a folder api/ (max), start.sh (command), predictor.py, "
            "deployment.py, an application in app.py, main.py, server.py, wsgi.py or asgi.py (wsgi, asgi), a main.py "
            "or __main__.py with a function main(params) (function), a lone *.onnx (onnx). Start the proxy in the "
            "model's folder, or set MODELPROXY_HOST and MODELPROXY_TARGET" % folder
        )
    return _only(found, folder)


def _only(found, folder):
    if len(found) > 1:
        raise Unloadable(
            "%s could be served in more than one way: %s. Set MODELPROXY_HOST to one of the names, and "
            "MODELPROXY_TARGET where there is more than one of a name"
            % (folder, "; ".join(str(choice) for choice in found))
        )
    return found[0]


def _has(folder, name):
    return os.path.isfile(os.path.join(folder, name))


def _certain(folder):
    if _is_max(folder):
        return [Choice("max", "app.py", "found app.py beside a folder api/")]
    if _has(folder, "start.sh"):
        return [Choice("command", "start.sh", "found start.sh")]
    return []


def _is_max(folder):
    """Every MAX image has app.py and api/; those before maxfw have core/ and config.py as well (max-models.md (c))."""
    if not _has(folder, "app.py") or not os.path.isdir(os.path.join(folder, "api")):
        return False
    with open(os.path.join(folder, "app.py"), "rb") as source:
        text = source.read()
    if b"maxfw" in text:
        return True
    if _OTHER_FRAMEWORK.search(text):
        return False
    return b"flask" not in text.lower() or _has(folder, "config.py") or os.path.isdir(os.path.join(folder, "core"))


def _likely(folder):
    from . import applications

    found = []
    for name, file, wanted in _CLASSES:
        if _has(folder, file) and applications.binds(folder, file, wanted) and name not in [one.name for one in found]:
            found.append(Choice(name, file, "found %s" % file))
    found += [Choice(kind, target, "found %s" % target) for kind, target in applications.found_in(folder)]
    with_applications = {choice.target.partition(":")[0] + ".py" for choice in found}
    return found + [choice for choice in _functions(folder) if choice.target not in with_applications]


def _functions(folder):
    from . import applications

    for file in ("__main__.py", "main.py"):
        if _has(folder, file) and applications.defines(folder, file, "main"):
            return [Choice("function", file, "found main() in %s" % file)]
    return []


def _faulty(folder):
    from . import applications

    for name, file, wanted in _CLASSES:
        if _has(folder, file):
            return [Choice(name, file, "found %s, though no class %s in it" % (file, wanted))]
    file = applications.broken_in(folder)
    if file is None:
        return []
    reason = "found %s, which isn't Python" % file
    return [Choice("function", file, reason) if file == "__main__.py" else Choice("wsgi", file[:-3] + ":app", reason)]


def _last_resort(folder, base_command):
    names = os.listdir(folder)
    models = sorted(name for name in names if name.endswith(".onnx"))
    if models and not any(name.endswith(".py") for name in names):
        return [Choice("onnx", name, "found %s and no Python file" % name) for name in models]
    if base_command and not _is_idle(base_command):
        return [Choice("command", "", "found nothing else, and the image starts %s" % base_command[0])]
    return []


def _is_idle(command):
    """True for a command that serves nothing, behind whatever starts it: python:3.11 starts ``python3``, debian
    ``bash``, others ``tini -- bash`` or, in the shell form, ``/bin/sh -c bash``."""
    if len(command) > 1 and command[1] == "-c" and _SHELL_FORM.match(command[0]):
        command = " ".join(command[2:]).split()
    program = os.path.basename(command[-1]) if command else "sh"
    return program in _IDLE_COMMANDS or _IS_IDLE_PYTHON.match(program) is not None


def _target_for(name, folder):
    """What to load for a host that is named, where the folder shows it; else its own default."""
    if name == "max":
        return ""
    if name == "function":
        found = _functions(folder)
    elif name in ("wsgi", "asgi"):
        from . import applications

        pairs = applications.found_in(folder)
        targets = [target for kind, target in pairs if kind == name] or [target for _, target in pairs]
        found = [Choice(name, target, "found %s" % target) for target in targets]
        if not found:
            file = applications.broken_in(folder)
            return "" if file is None else file[:-3] + ":app"
    else:
        found = [choice for choice in _certain(folder) + _likely(folder) if choice.name == name]
    return _only(found, folder).target if found else ""


def _for_target(target, folder):
    """The choice for MODELPROXY_TARGET without a MODELPROXY_HOST."""
    reason = "MODELPROXY_TARGET is %s" % target
    file, _, _ = target.partition(":")
    if target.endswith(".onnx"):
        return Choice("onnx", target, reason)
    if target.endswith(".sh") or (len(target.split()) > 1 and not _CALL.match(target)):
        return Choice("command", target, reason)
    if os.path.basename(target) in ("predictor.py", "deployment.py"):
        return Choice(os.path.basename(target)[:-3], target, reason)
    if target.endswith(".zip"):
        return Choice("function", target, reason)
    rule = _for_file if file.endswith(".py") else _for_attribute
    found = rule(target, file, folder, reason)
    if found is not None:
        return found
    raise Unloadable("MODELPROXY_TARGET is %r, which doesn't tell how to serve it: set MODELPROXY_HOST too" % target)


def _for_file(target, file, folder, reason):
    from . import applications

    if _is_max(folder):
        return Choice("max", target, "found app.py beside a folder api/")
    name = target[len(file) + 1 :]
    if name:
        kind = applications.kind_of(folder, "%s:%s" % (file[:-3].replace("/", "."), name))
        if kind is not None:
            return Choice(kind, target, reason)
    else:
        for kind, found in applications.found_in_file(folder, file):
            return Choice(kind, found, reason)
    return Choice("function", target, reason) if applications.defines(folder, file, name or "main") else None


def _for_attribute(target, module, folder, reason):
    from . import applications

    kind = applications.kind_of(folder, target) if target != module else None
    return None if kind is None else Choice(kind, target, reason)
