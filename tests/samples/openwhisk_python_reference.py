"""An OpenWhisk Python action as its users know it, without containers: `openwhisk_python_reference.py FILE PORT`.

The runtime's part is read from apache/openwhisk-runtime-python's launcher.py: the file is run as the module `main__`,
`main` gets the value, an exception becomes `{"error": its text}`. The platform's part, a `--web true` action at the
root of a server, is that of `modelwhisk.local`, which is checked against records of a running OpenWhisk.
"""

from __future__ import annotations

import json
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

from modelwhisk.local import spray_json
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, Rejected, render
from modelwhisk.local.outcome import ContainerReply, Status, of_run
from modelwhisk.local.request_mapping import MalformedBody, ParametersNotAllowed, action_value
from modelwhisk.local.result_mapping import respond
from modelwhisk.local.uri import parse_target, render_path


def imported(file: str) -> ModuleType:
    module = ModuleType("main__")
    module.__file__ = str(Path(file).resolve())
    sys.modules["main__"] = module
    sys.path.insert(0, str(Path(module.__file__).parent))
    exec(compile(Path(file).read_bytes(), file, "exec"), vars(module))
    return module


def run(action: ModuleType, value: Any) -> ContainerReply:
    try:
        result = action.main(value)
    except Exception as problem:
        traceback.print_exc()
        result = {"error": str(problem)}
    return ContainerReply(200, json.dumps(result, ensure_ascii=False))


def answer(action: ModuleType, request: HttpRequest) -> HttpResponse:
    target = parse_target(request.target)
    path = render_path(target.segments)
    try:
        value = action_value(request, "" if path == "/" else path, target.query, raw=False)
    except MalformedBody as problem:
        return Rejected(400, str(problem)).response("-")
    except ParametersNotAllowed as problem:
        return HttpResponse(400, (), None, str(problem).encode())
    outcome = of_run(run(action, json.loads(spray_json.compact(value))))
    assert isinstance(outcome.result, dict)
    shown = outcome.result if outcome.status is Status.SUCCESS else outcome.result["error"]
    try:
        return respond(request.preferences, ".http", shown, "-")
    except Rejected as rejection:
        return rejection.response("-")


def handler(action: ModuleType) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = self.headers.get("Content-Length")
            body = None if length is None else self.rfile.read(int(length))
            request = HttpRequest(self.command, self.path, tuple(self.headers.items()), body)
            self.close_connection = True
            self.wfile.write(render(answer(action, request), connection="close", with_body=self.command != "HEAD"))

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    return Handler


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler(imported(sys.argv[1]))).serve_forever()
