"""A canary for each secret, and where it must not be found: logs, command lines, images, summaries."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from bed import run
from proxy_process import Proxy
from world import World, run_build

import models
from modelwhisk.client import Client, ClientError
from modelwhisk.openwhisk import OpenWhisk, Settings

CANARY = "canary-4f1d9a"
MARKED = f"https://user:{CANARY}@index.example/simple"


def commands() -> str:
    """The command lines of all processes here."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collects command lines for as long as the block lasts."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen.append(commands())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
    assert seen


# --- the proxy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_activation_s_secrets_are_not_logged(tmp_path: Path, form: str) -> None:
    """The key, the query, the body, headers: of calls that succeed, fail, are refused and are no web calls."""
    headers = {"authorization": f"Bearer {CANARY}", "cookie": CANARY, "x-require-whisk-auth": CANARY}
    known: dict[str, Any] = {"api_key": CANARY, "activation_id": "a" * 32, "namespace": "n", "action_name": "/n/a"}
    with Proxy(models.write(tmp_path), MODELPROXY_LOG=form) as proxy:
        proxy.init(env={"__OW_API_KEY": CANARY, "SECRET": CANARY})
        for path in ("/model/metadata", "/model/nowhere", ""):
            proxy.web("POST", path, f"token={CANARY}", CANARY.encode(), headers, **known)
        proxy.run({"text": CANARY}, **known)
        proxy.run({CANARY: "data:image/png;base64,!"}, **known)
        proxy.run(CANARY, **known)
        proxy.post("/run", json.dumps(CANARY).encode())
        proxy.post("/run", json.dumps({"value": CANARY, **known}).encode()[:-1])
        proxy.exchange("POST", f"/nowhere?{CANARY}", CANARY.encode(), [("Authorization", CANARY)])
    assert "activation" in proxy.out
    assert CANARY not in proxy.out
    assert CANARY not in proxy.err
    proxy.close()


def test_a_web_server_s_secrets_are_not_logged(tmp_path: Path) -> None:
    with Proxy(models.write(tmp_path), MODELPROXY_MODE="web") as proxy:
        for method, path in (("GET", "/model/metadata"), ("POST", "/model/predict"), ("GET", "/nowhere")):
            proxy.exchange(method, f"{path}?token={CANARY}", CANARY.encode(), [("Authorization", f"Bearer {CANARY}")])
    assert "GET /model/metadata" in proxy.out
    assert CANARY not in proxy.out
    assert CANARY not in proxy.err
    proxy.close()


# --- build.sh ---------------------------------------------------------------------------------------------------------


def test_passwords_of_indexes_proxies_and_registries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world.folder / "m"
    folder.mkdir()
    (folder / "app.py").write_text("app = 1")
    for secret in (".env", "id_rsa", "key.pem", ".netrc"):
        (folder / secret).write_text(CANARY)
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    world.publish("python:3.13-slim")
    contexts = []

    def build(args: list[str], own: Any = world.docker.build) -> Any:
        files = [path for path in Path(args[-1]).rglob("*") if path.is_file()]
        contexts.append(b"".join(path.read_bytes() for path in files))
        return own(args)

    monkeypatch.setattr(world.docker, "build", build)
    monkeypatch.setattr(world.docker, "aws", lambda args: CANARY if "get-login-password" in args else "")
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTPS_PROXY", "http_proxy")
    with watched() as seen:
        done = world.build(
            "--no-test", "--registry", registry, "--verbose", str(folder), SUMMARY="s.json", USERNAME="",
            SOURCE_URL=MARKED, **dict.fromkeys(names, MARKED),
        )  # fmt: skip
    assert done.status == 0, done.stderr
    assert world.docker.password.strip() == CANARY, "it went through a pipe"
    assert contexts
    for where in (done.stdout, done.stderr, (world.folder / "s.json").read_text(), str(done.calls), *seen):
        assert CANARY not in where
    assert CANARY.encode() not in contexts[0]


@pytest.mark.docker
def test_an_image_of_a_folder_has_no_password_of_an_index(base_image: Any, tmp_path: Path) -> None:
    """Neither in its history nor in its settings nor in any layer that it has and its base hasn't."""
    folder = tmp_path / "secrets-image"
    folder.mkdir()
    (folder / "main.py").write_text("def main(params):\n    return {}\n")
    (folder / "requirements.txt").write_text("numpy\n")  # which the base has, so that no index is asked
    (folder / ".env").write_text(CANARY)
    base = base_image("python:3.11")
    arguments = ("--local", "--no-push", "--no-test", "--username", "modelwhisk-test", "--base", base, str(folder))
    with watched() as seen:
        done = run_build(*arguments, "--verbose", PIP_INDEX_URL=MARKED, HTTPS_PROXY=MARKED, PIP_NO_INDEX="1")
    assert done.status == 0, done.stderr
    image = "modelwhisk-test/secrets-image:latest"
    told = run("docker", "history", "--no-trunc", image) + run("docker", "image", "inspect", image)
    for where in (done.stdout, done.stderr, told, *seen):
        assert CANARY not in where
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
        assert saved.stdout is not None
        rest = b""
        while piece := saved.stdout.read(1 << 22):
            assert CANARY.encode() not in rest + piece
            rest = piece[-len(CANARY) :]
    assert saved.returncode == 0


# --- the tool ---------------------------------------------------------------------------------------------------------


class Slow(BaseHTTPRequestHandler):
    """An OpenWhisk that takes its time and then refuses."""

    keys: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.keys.append(self.headers.get("Authorization", ""))
        threading.Event().wait(0.3)
        body = b'{"error": "no"}'
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("environment", ("list",)),
        ("file", ("deploy", "a", "me/a:1")),
        ("file", ("invoke", "a", "-d", "{}")),
        ("file", ("logs", "a")),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else part,
)
def test_the_key_of_a_namespace(tmp_path: Path, where: str, words: tuple[str, ...]) -> None:
    """It is sent, and seen nowhere else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server, watched() as seen:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        Slow.keys.clear()
        host = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / ".wskprops").write_text(f"APIHOST={host}\nAUTH=user:{CANARY}\n" if where == "file" else "")
        given = {} if where == "file" else {"WHISK_APIHOST": host, "WHISK_AUTH": f"user:{CANARY}"}
        done = subprocess.run(
            [sys.executable, "-m", "modelwhisk", *words],
            env={**os.environ, "HOME": str(tmp_path), **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        server.shutdown()
    assert Slow.keys
    assert all(Slow.keys)
    for said in (done.stdout, done.stderr, *seen):
        assert CANARY not in said


class Shared(BaseHTTPRequestHandler):
    """An OpenWhisk with an action, of the namespace that its package is named after, that asks callers for a key."""

    keys: ClassVar[list[str | None]] = []  # that reach the action

    def do_GET(self) -> None:
        annotations = [{"key": "web-export", "value": True}, {"key": "require-whisk-auth", "value": True}]
        answer: object = {}
        if self.path == "/api/v1/namespaces":
            answer = ["guest", "team"]
        elif "/actions/" in self.path:
            namespace = self.path.split("/")[4]
            answer = {"name": "model", "namespace": f"{namespace}/shared", "annotations": annotations}
        else:
            self.keys.append(self.headers.get("Authorization"))
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_no_action_of_another_s_namespace_gets_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform hands all headers of a web call to the action, which would be a password in a stranger's hands."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shared) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setattr(Shared, "keys", [])
        host = f"http://127.0.0.1:{server.server_address[1]}"
        key = "Basic " + base64.b64encode(f"user:{CANARY}".encode()).decode()
        client = Client(host, f"user:{CANARY}")
        for own in ("guest", "team"):
            client.model(f"/{own}/shared/model").status()
        with pytest.raises(ClientError, match="evil is another's namespace"):
            client.model("/evil/shared/model", specification=[{"name": "x"}])(x="1")
        assert Shared.keys == [key, key]
        client.model("/evil/shared/model", headers={"authorization": "Basic mine"}).status()
        assert Shared.keys.pop() == "Basic mine"
        with OpenWhisk(Settings(host, f"user:{CANARY}", namespace="evil")) as whisk:
            for name in ("/team/shared/model", "shared/model"):
                whisk.get_web(whisk.get_action(name))
        assert Shared.keys == [key, key, key, None]
        server.shutdown()
