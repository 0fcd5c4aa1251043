"""Little servers of many kinds, and the commands that images start them by."""

from __future__ import annotations

import shutil

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
# What can be had on this machine.
NAMES = [name for name in COMMANDS if name != "go" or shutil.which("go")]
