"""What is started, and with which environment."""

import _socket
import os
import re
import sys

from .. import Unloadable

OPENBAYES_PORT = 80
USUAL_PORT = 8000

_FOR_THE_SHELL = re.compile(r".*[$&|;<>()`*?~\n]|\s*\w+=", re.DOTALL)


def is_script(target):
    """True for a ``start.sh``, of which OpenBayes wants that its server listens on port 80."""
    return target.endswith(".sh") and os.path.isfile(target)


def words_of(target, base_command):
    """The words of the command: of a file, of a command line, else of the model's own image. Raises ``Unloadable``."""
    if not target.strip():
        if not base_command:
            raise Unloadable(
                "there is no command to start: the model's image has neither ENTRYPOINT nor CMD, the folder has no "
                "start.sh. Set MODELPROXY_TARGET to a command line"
            )
        return list(base_command)
    if os.path.isfile(target):
        return _words_of_file(target)
    if _FOR_THE_SHELL.match(target):
        return ["/bin/sh", "-c", target]
    import shlex

    try:
        return shlex.split(target)
    except ValueError as error:
        raise Unloadable("MODELPROXY_TARGET is %r, which is no command line: %s" % (target, error)) from None


def _words_of_file(path):
    """As ``bash start.sh`` does it, which needs no executable bit; but another interpreter's script is left to that."""
    with open(path, "rb") as file:
        start = file.read(256)
    if start.startswith(b"\x7fELF"):
        return [os.path.abspath(path)]
    first = os.fsdecode(start).split("\n")[0].strip()
    if first.startswith("#!"):
        return first[2:].split(None, 1) + [path]
    if path.endswith(".py"):
        return [sys.executable, path]
    return ["/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh", path]


def environment(port):
    """The child's environment: ours, with ``PORT``."""
    environ = dict(os.environ, PORT=str(port))
    if sys.prefix != sys.base_prefix:
        # A virtual environment that nobody has activated (`modelwhisk local` without docker): its gunicorn is meant.
        folder = os.path.dirname(sys.executable)
        path = environ.get("PATH", os.defpath)
        if folder not in path.split(os.pathsep):
            environ["PATH"] = folder + os.pathsep + path
    return environ


def port_to_offer(own, script):
    """The ``PORT`` for the child: the image's, unless that is our own; else one that is free. Where ours is any port
    (0), several models run on one machine without containers, and the usual ones may be another's in a moment."""
    if own == 0:
        return _bound(0)
    told = os.environ.get("PORT", "")
    if told.isdecimal() and int(told) not in (0, own):
        return int(told)
    usual = OPENBAYES_PORT if script else USUAL_PORT
    return usual if own != usual and _bound(usual) else _bound(0)


def _bound(port):
    """A port that can be listened on, 0 where this one can't; for 0 any."""
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    try:
        socket.bind(("0.0.0.0", port))
        return socket.getsockname()[1]
    except OSError:
        return 0
    finally:
        socket.close()
