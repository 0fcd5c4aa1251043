"""The working directory that a request has for itself, gone after it."""

import binascii
import os

from ... import log
from ...messages import BadValue

# Where uploads lie: not in the working directory itself, from which a Python program that is started there imports.
FILES = ".files"
# The first that can be written to; a container with a read-only root often has the last.
PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - in it each request makes a directory of its own, 0700


class NoPlace(BadValue):
    """A file can't be stored, since nothing here can be written to."""

    def __init__(self, name, error):
        BadValue.__init__(
            self,
            "The file %s can't be stored: %s. Give the container a writable /tmp with enough room." % (name, error),
            "A file can't be stored: %s." % (error.strerror or error),
        )


class Workspace:
    """A context: within it the process is in ``path``, afterwards in ``home`` again, whatever has become of it.

    Where no directory can be made (a container with a read-only root) ``path`` is "", and the process stays where it
    is: most deployments need none.

    enters   False where the process must stay where it is.
    """

    def __init__(self, home, enters=True):
        self._home = home
        self._enters = enters
        self._count = 0
        self.path = ""

    def __enter__(self):
        name = "request-" + binascii.b2a_hex(os.urandom(8)).decode("ascii")
        for place in (os.environ.get("TMPDIR") or PLACES[0],) + PLACES + (self._home,):
            path = os.path.join(os.path.realpath(place), name)
            try:
                os.mkdir(path, 0o700)
            except OSError:
                continue
            self.path = path
            if self._enters:
                os.chdir(path)
            break
        return self

    def __exit__(self, *_):
        try:
            if self._enters:
                os.chdir(self._home)
        except OSError:
            os.chdir("/")
        if self.path:
            _remove(self.path)

    def store(self, file):
        """The path of a file with the content of ``file`` and its name. Raises ``NoPlace``."""
        folder = os.path.join(self.path, FILES, str(self._count))
        self._count += 1
        try:
            if not self.path:
                raise OSError("no directory for temporary files can be written to")
            os.makedirs(folder, 0o700)
            try:
                os.fsencode(file.name)
                path = os.path.join(folder, file.name)
            except UnicodeEncodeError:  # the C locale of Python 3.6
                path = os.path.join(folder, file.name.encode("ascii", "replace").decode("ascii").replace("?", "_"))
            with open(path, "wb") as stored:
                stored.write(file.content)
        except OSError as error:
            raise NoPlace(file.name, error) from None
        return path


def _remove(path):
    import shutil

    shutil.rmtree(path, ignore_errors=True)
    try:
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)  # what the deployment put in its place
        elif os.path.isdir(path):
            _open_up(path)
            shutil.rmtree(path)
    except OSError as error:
        log.line("the directory of a request can't be removed: %s" % error)


def _open_up(path):
    """Lets the owner remove what is in directories that were made read-only."""
    os.chmod(path, 0o700)
    for folder, names, _ in os.walk(path):
        for name in names:
            if not os.path.islink(os.path.join(folder, name)):
                os.chmod(os.path.join(folder, name), 0o700)
