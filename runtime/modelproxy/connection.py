"""One connection: its socket, what is done with it at the moment, and how long it is waited for."""

import _socket
import select
from time import monotonic

SLOWEST_BYTES_PER_SECOND = 4096.0
SILENT_SECONDS = 1.0  # of a client, for which it is taken neither for idle nor for slow


class Connection:
    """``since`` is the ``monotonic()`` time at which it began what it does, or to wait; ``moved`` how many bytes came
    or went meanwhile, and ``last`` when one did last; ``expires`` when patience ends;
    ``kept`` the length of an answer of which ``out`` has the rest."""

    __slots__ = (
        "ahead",
        "descriptor",
        "expires",
        "keep",
        "kept",
        "last",
        "moved",
        "out",
        "peer",
        "reader",
        "since",
        "socket",
        "state",
    )

    READING, WRITING, LINGERING = range(3)

    def __init__(self, socket, peer, reader, patience):
        self.socket = socket
        self.peer = peer  # its IP address
        self.descriptor = socket.fileno()
        self.reader = reader
        self.state = self.READING
        self.out = None  # pieces still to be written; in LINGERING the number of bytes thrown away
        self.keep = False
        self.ahead = False  # whether its client sent more than will be read
        self.begin(patience)

    def begin(self, patience):
        """For the next request, its answer, or a wait: so many seconds, and what ``extend`` adds."""
        self.since = self.last = monotonic()
        self.moved = 0
        self.expires = self.since + patience

    def extend(self, count, most):
        """More time for each byte that came or went, ``most`` seconds from now at most, so that a trickle can't hold a
        connection for ever."""
        now = monotonic()
        if count:
            self.moved += count
            self.last = now
        more = count / SLOWEST_BYTES_PER_SECOND
        self.expires = min(self.expires + more, now + most)

    def spared_by(self, now):
        """Larger for who makes room for others sooner: for who is idle, then for who is slowest.

        Who has just come, or just been answered, isn't idle: else those who trickle would outlast all who have yet to
        speak. A second's bytes are counted beforehand, so that who has just begun isn't taken for slow. Who sent many
        bytes and is silent since is as slow as who never sent any in that time."""
        silent = now - self.last - SILENT_SECONDS
        idle = silent > 0 and self.state == self.READING and self.reader.idle
        slow = (now - self.since) / (SLOWEST_BYTES_PER_SECOND + self.moved)
        return idle, max(slow, silent / SLOWEST_BYTES_PER_SECOND)

    def keep_rest(self, pieces, sent):
        """Keeps what of pieces is still to be written once so many of their bytes are."""
        self.out = []
        for piece in pieces:
            if sent < len(piece):
                self.out.append(memoryview(piece)[sent:])
            sent = max(0, sent - len(piece))

    def is_gone(self):
        """True where the client has reset the connection. Who has closed it can't be told from who only sends no more,
        and may read the answer."""
        poll = select.poll()
        poll.register(self.descriptor, 0)  # a hang-up and an error are told of unasked
        return bool(poll.poll(0))

    def has_sent_more(self):
        """True where something has come after the request that is answered: its client didn't wait for the answer, or
        sends no more."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return not self.reader.idle or bool(poll.poll(0))

    def hang_up(self):
        """Closes the socket, and the connection too where a process that the model forked meanwhile has a copy."""
        try:
            self.socket.shutdown(_socket.SHUT_WR)
        except OSError:
            pass  # the client was quicker
        self.socket.close()
