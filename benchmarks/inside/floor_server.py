"""The least that a server can do: accept, read, run, reply, close, one after another. ``floor_server.py PORT``."""

import os
import socket
import sys

import floor
from cases import init_value


def main(port):
    floor.keep_memory()
    sys.path.insert(1, os.getcwd())
    from api import app

    os.environ.update(init_value()["env"])

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(16)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve(connection, app)


def serve(connection, app):
    data = connection.recv(65536)
    if not data:
        return  # the driver, asking whether the port is open
    head, _, start = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    body = bytearray(length)
    body[: len(start)] = start
    filled = len(start)
    with memoryview(body) as view:
        while filled < length:
            filled += connection.recv_into(view[filled:])
    result = floor.run(app, body) if b"/run " in head else b"{}"
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(result) + result
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
