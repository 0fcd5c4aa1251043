"""Images whose command is a server of another kind each, wrapped by the project's Dockerfile."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import build_image

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "same_answer"))

# Pure Python, so this Python's serve any; a build needs no network then.
PACKAGES = ("anyio", "click", "gunicorn", "h11", "idna", "packaging", "starlette", "typing_extensions", "uvicorn")

WSGI = """
import os

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exit":
        os._exit(3)
    body = environ["wsgi.input"].read() or path.encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""

ASGI = """
import os
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

async def answer(request):
    if request.url.path == "/exit":
        os._exit(3)
    body = await request.body() or request.url.path.encode()
    async def pieces():
        for place in range(0, len(body), 5):
            yield body[place : place + 5]
    return StreamingResponse(pieces(), media_type="text/plain")

app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
"""

GO = """
package main

import ("fmt"; "io"; "net/http"; "os")

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/exit" { os.Exit(3) }
		body, _ := io.ReadAll(r.Body)
		if len(body) == 0 { body = []byte(r.URL.Path) }
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		w.Write(body)
	})
	fmt.Println(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
"""

# The whole of a little server; "%s" is what else it does at its start.
PLAIN = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
%s
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/exit":
            os._exit(3)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        self.path = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.do_GET()
HTTPServer(("", int(os.environ.get("OWN_PORT") or os.environ["PORT"])), Handler).serve_forever()
"""
DAEMON = "if os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)"
ORPHANS = """
for _ in range(3):
    if not os.fork():
        if not os.fork():
            time.sleep(0.3)
        os._exit(0)
    os.wait()
"""

# name → (ENTRYPOINT, CMD)
COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "gunicorn": (["python", "-m", "gunicorn"], ["-b", "0.0.0.0:80", "--workers", "2", "wsgi:app"]),
    "uvicorn": ([], ["/bin/sh", "-c", "python -m uvicorn --host 0.0.0.0 --port 5000 asgi:app"]),
    "go": (["/model/server"], []),
    "daemon": (["python", "daemon.py"], []),
    "orphans": (["python", "orphans.py"], []),
}


@pytest.fixture(scope="session")
def served(
    base_image: Callable[[str], str], wrapped_image: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """`served("gunicorn")`: the wrapped image of a model that this command serves."""

    @functools.cache
    def bare() -> str:
        context = tmp_path_factory.mktemp("commands")
        model = context / "model"
        model.mkdir()
        programs = {"wsgi": WSGI, "asgi": ASGI, "daemon": PLAIN % DAEMON, "orphans": PLAIN % ORPHANS}
        for name, text in programs.items():
            # Not a name in which an application is looked for.
            (model / f"{name}.py").write_text(text)
        for package in PACKAGES:
            copy_package(package, context / "packages")
        if shutil.which("go"):
            build_go(model / "server", context)
        (context / "Dockerfile").write_text(
            f"FROM {base_image('python:3.11')}\n"
            "COPY packages/ /usr/local/lib/python3.11/site-packages/\nCOPY model/ /model/\nWORKDIR /model\n"
        )
        return build_image("modelwhisk-test/commands:latest", context)

    def make(name: str) -> str:
        if name == "go" and not shutil.which("go"):
            pytest.skip("no Go here")
        entrypoint, command = COMMANDS[name]
        variables = {"BASE_ENTRYPOINT": json.dumps(entrypoint), "BASE_CMD": json.dumps(command), "HOST": "command"}
        return wrapped_image(image=bare(), **{f"MODELPROXY_{key}": value for key, value in variables.items()})

    return make


def copy_package(name: str, target: Path) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    source = Path(spec.origin)
    target.mkdir(exist_ok=True)
    if source.name == "__init__.py":
        shutil.copytree(source.parent, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def build_go(target: Path, folder: Path) -> None:
    (folder / "server.go").write_text(GO)
    environ = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", target, folder / "server.go"], check=True, env=environ, timeout=300)
