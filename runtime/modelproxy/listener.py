"""The port, opened before anything else is imported: the platform waits for it with every container that it starts."""

import _socket


def listen(port, backlog=128):
    """A socket that listens on all addresses: the platform connects from outside the container."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener
