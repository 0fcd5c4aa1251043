"""One connection: its socket, what is done with it at the moment, and how long it is waited for."""

import _socket
from time import monotonic

SLOWEST_BYTES_PER_SECOND = 4096.0


class Connection:
    """``expires`` is the ``monotonic()`` time at which patience ends, ``heard`` when bytes came last."""

    __slots__ = ("descriptor", "expires", "heard", "keep", "out", "peer", "reader", "socket", "state")

    READING, WRITING, LINGERING = range(3)

    def __init__(self, socket, peer, reader, expires):
        self.socket = socket
        self.peer = peer  # its IP address
        self.descriptor = socket.fileno()
        self.reader = reader
        self.state = self.READING
        self.out = None  # pieces still to be written; in LINGERING the number of bytes thrown away
        self.keep = False
        self.expires = expires
        self.heard = monotonic()

    def extend(self, count, most):
        """More time for each byte that came or went, ``most`` seconds from now at most, so that a trickle can't hold a
        connection for ever."""
        more = count / SLOWEST_BYTES_PER_SECOND
        self.expires = min(self.expires + more, monotonic() + most)

    def keep_rest(self, pieces, sent):
        """Keeps what of pieces is still to be written once so many of their bytes are."""
        self.out = []
        for piece in pieces:
            if sent < len(piece):
                self.out.append(memoryview(piece)[sent:])
            sent = max(0, sent - len(piece))

    def hang_up(self):
        """Closes the socket, and the connection too where a process that the model forked meanwhile has a copy."""
        try:
            self.socket.shutdown(_socket.SHUT_WR)
        except OSError:
            pass  # the client was quicker
        self.socket.close()
