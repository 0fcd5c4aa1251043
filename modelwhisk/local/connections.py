"""All connections of a platform at once: how many there may be, what they may hold, and who makes room for others."""

from __future__ import annotations

import asyncio
import os

from modelwhisk.local.server import Connection, Handler

_MOST = 1_024  # pekko.http.server.max-connections
_MOST_HELD = 268_435_456  # bytes of requests that are read or wait for their answers, together


class Connections:
    """Serves connections, of which the one that has been silent for longest is left where there are too many.

    Who comes first would else shut out the others, and take the files that calls of containers need: a process may
    open 1,024 of them on most systems. None is left while its request is answered.
    """

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._most = _MOST
        if hasattr(os, "sysconf") and (files := os.sysconf("SC_OPEN_MAX")) > 0:  # below 0 without a limit
            self._most = min(_MOST, files // 2)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
        """Answers a client's requests until either side is done, or it has to make room."""
        connection = Connection(reader, writer, handler, self._make_room)
        self._open.add(connection)
        self._make_room()
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)

    def _make_room(self) -> None:
        while len(self._open) > self._most:
            self._leave_one_of(self._open)
        while sum(connection.held for connection in self._open) > _MOST_HELD:
            self._leave_one_of({connection for connection in self._open if connection.held})

    def _leave_one_of(self, connections: set[Connection]) -> None:
        """The newest is among them, so that there is one which isn't being answered."""
        silent = {one.silent_since: one for one in connections if one.silent_since is not None}
        left = silent[min(silent)]
        self._open.remove(left)
        left.leave()
