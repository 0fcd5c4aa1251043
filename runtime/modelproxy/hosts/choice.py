"""Which host serves a folder: the rules, applied by looking at its files. Nothing of the model is run or imported.

The rules, in order; the first two need no more than a name, and MAX images must not pay for the others:

1. ``max``         app.py beside a folder api/.
2. ``command``     start.sh, which OpenBayes runs instead of all else (model-interfaces.md, section 4).
3. Of these exactly one, else the candidates are listed and nothing is guessed:
   ``predictor``   predictor.py
   ``deployment``  deployment.py, or deployment_package/deployment.py
   ``wsgi``, ``asgi``  an application in app.py, main.py, server.py, wsgi.py or asgi.py (see ``applications``)
   ``function``    __main__.py or main.py with a function main at its top level
4. ``onnx``        one *.onnx, and no Python file.
5. ``command``     the command of the model's image, unless it is only an interpreter or a shell.
"""

import os

from . import Unloadable

NAMES = ("max", "wsgi", "asgi", "predictor", "deployment", "function", "onnx", "command")
_IDLE_COMMANDS = frozenset(("bash", "sh", "ash", "dash", "zsh", "ipython", "pypy3"))


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
    found = _certain(folder) or _likely(folder) or _last_resort(folder, settings.base_command)
    if len(found) > 1:
        raise Unloadable(
            "%s could be served in more than one way: %s. Set MODELPROXY_HOST to one of the names, and MODELPROXY_TARGET "
            "where there is more than one of a name" % (folder, "; ".join(str(choice) for choice in found))
        )
    if not found:
        raise Unloadable(
            "found no model in %s: looked for app.py beside a folder api/ (max), start.sh (command), predictor.py, "
            "deployment.py, an application in app.py, main.py, server.py, wsgi.py or asgi.py (wsgi, asgi), a main.py or "
            "__main__.py with a function main (function), a lone *.onnx (onnx). Start the proxy in the model's folder, or "
            "set MODELPROXY_HOST" % folder
        )
    return found[0]


def _has(folder, name):
    return os.path.isfile(os.path.join(folder, name))


def _certain(folder):
    # Every MAX image has these (max-models.md (c)); those before maxfw have core/ and api/ as well.
    if _has(folder, "app.py") and os.path.isdir(os.path.join(folder, "api")):
        return [Choice("max", "app.py", "found app.py beside a folder api/")]
    if _has(folder, "start.sh"):
        return [Choice("command", "start.sh", "found start.sh")]
    return []


def _likely(folder):
    from . import applications

    found = []
    if _has(folder, "predictor.py"):
        found.append(Choice("predictor", "predictor.py", "found predictor.py"))
    for file in ("deployment.py", "deployment_package/deployment.py"):
        if _has(folder, file):
            found.append(Choice("deployment", file, "found %s" % file))
            break
    found += [Choice(kind, target, "found %s" % target) for kind, target in applications.found_in(folder)]
    with_applications = {choice.target.partition(":")[0] + ".py" for choice in found}
    for file in ("__main__.py", "main.py"):
        if file not in with_applications and _has(folder, file) and applications.defines(folder, file, "main"):
            found.append(Choice("function", file, "found main() in %s" % file))
            break
    return found


def _last_resort(folder, base_command):
    names = os.listdir(folder)
    models = sorted(name for name in names if name.endswith(".onnx"))
    if models and not any(name.endswith(".py") for name in names):
        return [Choice("onnx", name, "found %s and no Python file" % name) for name in models]
    if base_command and not _is_idle(base_command):
        return [Choice("command", "", "found nothing else, and the image starts %s" % base_command[0])]
    return []


def _is_idle(command):
    """True for a command that serves nothing: python:3.11 starts ``python3``, debian ``bash``."""
    if command[:2] in (["/bin/sh", "-c"], ["/bin/bash", "-c"], ["sh", "-c"], ["bash", "-c"]):
        return not any(word.strip() for word in command[2:])
    program = os.path.basename(command[0])
    return len(command) == 1 and (program in _IDLE_COMMANDS or program.startswith("python"))


def _target_for(name, folder):
    """What to load for a host that is named, where the folder shows it; else its own default."""
    found = [choice for choice in _certain(folder) + _likely(folder) if choice.name == name]
    return found[0].target if len(found) == 1 else ""


def _for_target(target, folder):
    """The choice for MODELPROXY_TARGET without a MODELPROXY_HOST."""
    from . import applications

    reason = "MODELPROXY_TARGET is %s" % target
    file = os.path.basename(target)
    if target.endswith(".onnx"):
        return Choice("onnx", target, reason)
    if target.endswith(".sh"):
        return Choice("command", target, reason)
    if file in ("predictor.py", "deployment.py"):
        return Choice(file[:-3], target, reason)
    if ":" in target and ".py:" not in target:
        kind = applications.kind_of(folder, target)
        if kind is not None:
            return Choice(kind, target, reason)
    for choice in _certain(folder):
        return Choice(choice.name, target, choice.reason)
    raise Unloadable("MODELPROXY_TARGET is %r, which doesn't tell how to serve it: set MODELPROXY_HOST too" % target)
