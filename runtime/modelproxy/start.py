"""Opens the port, before anything that takes time is imported (design, decision 1)."""

import os

from . import log, packed
from .listener import listen
from .settings import Settings


def main():
    """Serves until SIGTERM, which ends the process with status 0, as does 1 a model that can't be loaded in web mode.
    Returns 1 where the port can't be had, 2 for bad settings.
    """
    # Freeing one large block makes glibc keep later ones of its size instead of giving each back to the kernel, which
    # halves the time of a large answer (mallopt(3), M_MMAP_THRESHOLD: the threshold is dynamic).
    bytearray(4 * 1024 * 1024)
    _open_the_standard_streams()
    try:
        settings = Settings(os.environ)
    except ValueError as error:
        log.line("%s." % error)
        return 2
    try:
        listener = listen(settings.address, settings.port)
    except (OSError, OverflowError) as error:  # a port beyond 65535
        log.line("can't listen on port %d of %s: %s" % (settings.port, settings.address, error))
        return 1
    log.line("listening on %s:%d" % listener.getsockname())
    packed.install()
    from .serving import serve

    return serve(settings, listener)


def _open_the_standard_streams():
    """Where one is closed (``>&-``) a socket would get its number, and a client the log."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
