"""``python runtime`` as a process in a model's folder, spoken to as the platform's invoker speaks."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

RUNTIME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "runtime")
MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"


COMMAND = [sys.executable, RUNTIME]


class Proxy:
    """A running proxy. ``out`` and ``err`` are what it wrote so far; ``stop`` ends it and returns its exit status."""

    def __init__(self, folder, **environ):
        self._files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MODELPROXY_", "__OW_"))}
        inherited.pop("PORT", None)
        environ.setdefault("MODELPROXY_PORT", "0")
        self.process = subprocess.Popen(
            COMMAND,
            cwd=str(folder),
            env=dict(inherited, **environ),
            stdin=subprocess.DEVNULL,
            stdout=self._files[0],
            stderr=self._files[1],
        )
        self.port = self._port()

    def _port(self):
        end = time.time() + 20
        while "listening on" not in self.out:
            assert self.process.poll() is None and time.time() < end, self.out + self.err
            time.sleep(0.01)
        return int(self.out.partition("listening on ")[2].splitlines()[0].rpartition(":")[2])

    def _written(self, index):
        file = self._files[index]
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode("utf-8", "replace")

    @property
    def out(self):
        return self._written(0)

    @property
    def err(self):
        return self._written(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(20)
        return status

    def close(self):
        for file in self._files:
            file.close()

    # --- as a client ----------------------------------------------------------------------------------------------

    def exchange(self, method, target, body=b"", headers=(), timeout=30):
        """Status, headers (lower-case names) and body of one request on a connection of its own."""
        lines = [
            "%s %s HTTP/1.1" % (method, target),
            "Host: 127.0.0.1:%d" % self.port,
            "Content-Length: %d" % len(body),
        ]
        lines += ["%s: %s" % pair for pair in headers] + ["Connection: close", "", ""]
        try:
            answer = self._answer("\r\n".join(lines).encode("latin-1") + body, timeout)
        except ConnectionRefusedError:
            raise  # nothing was said yet
        except ConnectionError as error:  # a process that has ended, perhaps: it says why
            said = "%s; exit status %s\n%s%s" % (error.strerror, self.process.poll(), self.out, self.err)
            raise type(error)(error.errno, said) from None
        head, _, content = answer.partition(b"\r\n\r\n")
        first, _, rest = head.decode("latin-1").partition("\r\n")
        fields = [line.partition(": ") for line in rest.split("\r\n")]
        return int(first.split()[1]), [(name.lower(), value) for name, _, value in fields], content

    def _answer(self, wire, timeout):
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(wire)
            answer = b""
            while True:
                piece = connection.recv(1 << 20)
                if not piece:
                    return answer
                answer += piece

    def post(self, path, message, timeout=30):
        body = message if isinstance(message, bytes) else json.dumps(message).encode("utf-8")
        status, headers, content = self.exchange("POST", path, body, [("Content-Type", "application/json")], timeout)
        assert dict(headers)["content-length"] == str(len(content))
        return status, json.loads(content.decode("utf-8"))

    def init(self, **value):
        return self.post("/init", {"value": value})

    def run(self, value, timeout=30, **message):
        return self.post("/run", dict(message, value=value), timeout)

    def web(self, method="GET", path="", query="", body=b"", headers=None, **message):
        """A raw web activation: what the client sees of it as (status, headers with lower-case names, body)."""
        value = {
            "__ow_method": method.lower(),
            "__ow_path": path,
            "__ow_query": query,
            "__ow_headers": dict({"host": "h.example"}, **(headers or {})),
            "__ow_body": base64.b64encode(body).decode("ascii"),
        }
        status, result = self.run(value, **message)
        assert status == 200
        return seen_by_client(result)


def seen_by_client(result):
    """What the platform makes of a result; these tests only use the types that it has in its table."""
    result = result.get("error", result)
    headers = {name.lower(): value for name, value in result["headers"].items()}
    body, kind = result["body"], headers.get("content-type", "")
    text = kind.startswith("text/") or (kind.startswith("application/json") and body[:1] in ("{", "["))
    return result["statusCode"], headers, body.encode("utf-8") if text else base64.b64decode(body)
