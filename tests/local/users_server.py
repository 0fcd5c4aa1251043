"""A server of any user's, on a port of the loopback, which tells what came to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

OTHER = 4321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes sockets of another user")

# Answers all that comes to it, and tells how much that was.
SERVER = """
import os, socket, sys
if len(sys.argv) > 1:
    os.setuid(int(sys.argv[1]))
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection = server.accept()[0]
    data = connection.recv(65536)
    while b"content-length: 8" in data.lower() and not data.endswith(b"an input"):
        data += connection.recv(65536)
    print(len(data), data, flush=True)
    if data:
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    connection.close()
"""


@contextmanager
def listening(id: int | None = None) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """An address at which that user answers all; once the block has ended, the list has what came there."""
    command = [sys.executable, "-c", SERVER, *([] if id is None else [str(id)])]
    came: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield ("127.0.0.1", int(server.stdout.readline())), came
        finally:
            server.terminate()
            came += server.stdout.read().splitlines()
