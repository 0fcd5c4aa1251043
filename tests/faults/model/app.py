"""A model that does what it is told to, by its path: each a fault that a real one has had."""

import ctypes
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time

time.sleep(float(os.environ.get("LOADING_SECONDS", "0")))
CALLS = []
LEAKED = []
LOCK = threading.Lock()


def sleep(seconds):
    time.sleep(float(seconds))


def deadlock(_):
    LOCK.acquire()
    LOCK.acquire()


def leak(megabytes):
    block = bytearray(int(megabytes) << 20)
    block[::4096] = b"x" * len(block[::4096])  # so that the kernel has to give all of it
    LEAKED.append(block)


def fork(_):
    child = os.fork()
    if not child:
        raise SystemExit(3)  # out of the prediction, in the child
    os.waitpid(child, 0)


def directory(_):
    os.chdir("/")


def environment(_):
    os.environ.clear()
    os.environ["__OW_ACTIVATION_ID"] = "another"
    os.environ["PATH"] = "/nowhere"


def handlers(_):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)


def patched(_):
    class Broken:
        def __init__(self, *arguments, **keywords):
            raise OSError("patched by the model")

    socket.socket = socket.create_connection = socket.SocketType = Broken
    select.poll = select.select = time.sleep = threading.Thread.start = threading.Lock = None


def write_logs(megabytes):
    line = "x" * 1023
    for _ in range(int(megabytes) << 10):
        print(line)


def fill(megabytes):
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * (int(megabytes) << 20))


def leave(status):
    os._exit(int(status))


def crash(_):
    ctypes.string_at(0)


def streams(_):
    sys.stdout.close()
    sys.stderr.close()


ALL = (sleep, deadlock, leak, fork, directory, environment, handlers, patched, write_logs, fill, leave, crash, streams)
BY_NAME = {function.__name__: function for function in ALL}


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    name, _, argument = environ["PATH_INFO"].strip("/").partition("/")
    CALLS.append(name)
    if name == "large":
        start_response("200 OK", [("Content-Type", "image/png")])
        return [b"x" * int(argument)]
    if name in BY_NAME:
        BY_NAME[name](argument)
    answer = {"calls": len(CALLS), "pid": os.getpid(), "read": len(body), "id": os.environ.get("__OW_ACTIVATION_ID")}
    text = json.dumps(answer)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [text.encode("ascii")]
