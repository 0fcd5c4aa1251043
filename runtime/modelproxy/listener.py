"""The port, opened before anything else is imported: the platform waits for it with every container that it starts."""

import _socket


def listen(address, port, backlog=128):
    """A socket that listens on an IPv4 address. Raises ``OSError``, ``OverflowError`` for a port beyond 65535."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)  # which its connections inherit (tcp(7))
    listener.bind((address, port))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener
