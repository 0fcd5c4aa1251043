"""`modelwhisk local` against web pages and other machines: its REST API, whose key everybody knows, and its models."""

from __future__ import annotations

import base64
import hmac
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelwhisk.local import Action, credentials, web_actions, web_annotations
from modelwhisk.local.credentials import GUEST_KEY, caller_of
from modelwhisk.local.http_messages import HttpRequest, HttpResponse
from modelwhisk.local.images import NoContainers
from modelwhisk.local.local_hosts import is_own
from modelwhisk.local.web_actions import route

KEY = base64.b64encode(GUEST_KEY.encode()).decode()
API = "/api/v1/namespaces/_/actions"
MODEL = """
def main(params):
    return {"body": "<script>1</script>", "headers": {"content-type": "text/html"}}
"""


class Served:
    """`modelwhisk local FOLDER` as a process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "modelwhisk", "local", f"m={folder}", "--port", "0", "--log-json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = json.loads(self.process.stdout.readline())
        while line["event"] != "serving":
            line = json.loads(self.process.stdout.readline())
        self.url: str = line["url"]
        self.port = int(re.search(r":(\d+)/", self.url)[1])  # type: ignore[index]

    def ask(self, wire: str) -> int:
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.sendall(wire.replace("\n", "\r\n").encode())
            return int(connection.recv(4096).split()[1])

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("model")
    (folder / "main.py").write_text(MODEL)
    process = Served(folder)
    yield process
    process.close()


def sent(line: str, *headers: str, host: str = "{host}", key: bool = True, body: str = "") -> str:
    """A request, in which the served platform's host and port are still to be filled in."""
    lines = [f"{line} HTTP/1.1", f"Host: {host}", *([f"Authorization: Basic {KEY}"] if key else []), *headers]
    return "\n".join([*lines, f"Content-Length: {len(body)}", "", body])


FOREIGN = "Origin: https://page.example"
# What a page's script or form can send without asking first (fetch.spec.whatwg.org, CORS-safelisted), with the key in
# the URL, which a form's navigation turns into Authorization; what it can send after asking; a name that was rebound.
PAGES = {
    "a simple POST": sent(f"POST {API}/m?blocking=true", FOREIGN, "Content-Type: text/plain", body="[]"),
    "a form": sent(f"POST {API}/m", "Origin: null", "Content-Type: application/x-www-form-urlencoded", body="a=1"),
    "no key": sent(f"POST {API}/m", FOREIGN, key=False),
    "a PUT after a preflight": sent(f"PUT {API}/evil", FOREIGN, "Content-Type: application/json", body="[]"),
    "a page that the model itself answered": sent(f"DELETE {API}/m", "Origin: http://{host}"),
    "the same without Origin": sent(f"GET {API}", "Sec-Fetch-Site: same-origin"),
    "another server of this machine's": sent(f"GET {API}", "Origin: http://localhost:8888"),
    "a rebound name": sent(f"GET {API}", host="page.example:3233"),
    "a rebound name that begins well": sent(f"GET {API}", host="127.0.0.1.page.example"),
    "a user's part": sent(f"GET {API}", host="127.0.0.1@page.example"),
    "two hosts": sent(f"GET {API}", "Host: page.example"),
}


@pytest.mark.parametrize("page", PAGES)
def test_no_page_drives_the_rest_api(served: Served, page: str) -> None:
    wire = PAGES[page].format(host=f"127.0.0.1:{served.port}")
    assert served.ask(wire) in (400, 403)
    assert served.ask(f"GET {API}/m HTTP/1.1\nHost: localhost\nAuthorization: Basic {KEY}\n\n") == 200
    assert served.ask(f"GET {API}/evil HTTP/1.1\nHost: localhost\nAuthorization: Basic {KEY}\n\n") == 404


def test_only_the_loopback_listens(served: Served) -> None:
    """The platform's port, and those of the models' processes, which answer nobody else."""
    with urllib.request.urlopen(served.url, timeout=60) as answer:
        assert answer.status == 200
    tree = {served.process.pid}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent in tree:
            tree.add(int(status.parent.name))
    held = {
        link.readlink().name
        for pid in tree
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and str(link.readlink()).startswith("socket:")
    }
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                listening.append(fields[1].split(":")[0])
    assert len(listening) == 2
    assert set(listening) == {"0100007F"}


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "0.0.0.0", "192.168.1.5"])
@pytest.mark.parametrize("host", ["page.example", "localhost.page.example", "", "127.0.0.1@page.example", "[::1", "0"])
def test_names_that_are_not_this_machine(bind: str, host: str) -> None:
    assert not is_own(HttpRequest("GET", API, (("Host", host),)), bind)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """What is compared in constant time."""
    pairs: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        pairs.append((one, other))
        return hmac.compare_digest(one, other)

    for module in (credentials, web_actions):
        monkeypatch.setattr(module, "hmac", type("", (), {"compare_digest": staticmethod(compare)}))
    return pairs


def test_a_web_action_s_secret_is_compared_in_constant_time(compared: list[tuple[bytes, bytes]]) -> None:
    action = Action("a", NoContainers(), annotations=web_annotations("secure", "s3cret"))
    for presented, status in (("s3cret", None), ("s3creT", 401), ("", 401)):
        compared.clear()
        request = HttpRequest("GET", action.web_path, (("X-Require-Whisk-Auth", presented),))
        routed = route(request, lambda *key: action, {}, "tid")
        assert (routed.status if isinstance(routed, HttpResponse) else None) == status
        assert compared == [(presented.encode(), b"s3cret")]


def test_keys_are_compared_in_constant_time(compared: list[tuple[bytes, bytes]]) -> None:
    known = {"a:1": "one", "b:2": "two", "c:3": "three"}
    for key, namespace in (("a:1", "one"), ("c:3", "three"), ("x", None), ("", None)):
        compared.clear()
        token = base64.b64encode(key.encode()).decode()
        request = HttpRequest("GET", API, (("Authorization", f"Basic {token}"),))
        assert caller_of(request, known).namespace == namespace
        assert [other for _, other in compared] == [text.encode() for text in known], "all, whichever fits"
