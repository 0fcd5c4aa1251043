"""Holes that were found in other adapters, runtimes and packagers, tried on ours; SECURITY.md has the table."""

from __future__ import annotations

import base64
import json
import os
import pickle
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from proxy_process import MARKER, Proxy

from modelwhisk.local.actions import Action, web_annotations
from modelwhisk.local.http_messages import HttpRequest, HttpResponse
from modelwhisk.local.web_actions import route

ECHO = """
import json
import os

def app(environ, start_response):
    kept = {key: value for key, value in environ.items() if isinstance(value, str)}
    kept["body"] = environ["wsgi.input"].read().decode("latin-1")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(kept).encode()]
"""


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def folder_with(tmp_path: Path, name: str, text: str) -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path


def test_no_key_of_an_event_selects_code(tmp_path: Path) -> None:
    """serverless-wsgi runs what an event brings under `_serverless-wsgi`."""
    command = f"touch {tmp_path}/pwned"
    code = f"import os; os.system({command!r})"
    events: list[dict[str, Any]] = [
        {"_serverless-wsgi": {"command": kind, "data": data}} for kind, data in (("exec", code), ("command", command))
    ]
    names = (
        "code",
        "exec",
        "eval",
        "command",
        "main",
        "env",
        "handler",
        "binary",
        "target",
        "__import__",
        "host",
        "path",
    )
    events += [{name: code} for name in names]
    events += [{"__ow_method": "get", "__ow_headers": {}, "env": {"MODELPROXY_TARGET": "os:system"}, **events[0]}]
    with Proxy(folder_with(tmp_path, "app.py", ECHO)) as proxy:
        for event in events:
            beside = {**event, "code": code, "env": {"MODELPROXY_HOST": "function"}}
            assert proxy.run(event, **beside)[0] == 200
        assert proxy.post("/init", {"value": {"code": code, "main": "main", "binary": False}})[0] in (400, 403)
    assert not (tmp_path / "pwned").exists()
    proxy.close()


def test_a_model_can_not_replace_itself(tmp_path: Path) -> None:
    """CVE-2018-11756, CVE-2018-11757: code that an action runs calls /init again."""
    source = """
import json, os, threading, urllib.request
def main(params):
    body = json.dumps({"value": {"code": "def main(p): return {'evil': 1}", "main": "main"}}).encode()
    request = urllib.request.Request("http://127.0.0.1:%s/init" % params["port"], body, method="POST")
    def ask():
        try:
            urllib.request.urlopen(request, timeout=5)
        except Exception as error:
            print("told", error)
    threading.Thread(target=ask).start()
    return {"good": 1}
"""
    with Proxy(
        folder_with(tmp_path, "main.py", "def main(params):\n    return {}\n"), MODELPROXY_INIT_CODE="accept"
    ) as proxy:
        assert proxy.init(code=source, main="main") == (200, {"ok": True})
        for _ in range(3):
            assert proxy.run({"port": proxy.port}) == (200, {"good": 1})
        assert proxy.init(code="def main(p): return {'evil': 1}")[0] == 403
        assert proxy.run({"port": proxy.port}) == (200, {"good": 1})
    proxy.close()


def test_what_a_web_caller_forges_is_not_the_proxy_s_word(tmp_path: Path) -> None:
    """`X_Forwarded_For`, `Proxy:` (httpoxy), CGI's own names, reserved parameters."""
    forged = {
        "x_forwarded_for": "1.2.3.4",
        "proxy": "http://evil.example",
        "content_length": "5",
        "remote_addr": "6.6.6.6",
        "remote-addr": "6.6.6.6",
        "script-name": "/evil",
        "transfer-encoding": "chunked",
        "content-length": "999999",
    }
    with Proxy(folder_with(tmp_path, "app.py", ECHO)) as proxy:
        status, _, body = proxy.web("POST", "/a", body=b"hello", headers=forged)
        seen = json.loads(body)
    assert status == 200
    assert (seen["body"], seen["CONTENT_LENGTH"], seen["REMOTE_ADDR"]) == ("hello", "5", "127.0.0.1")
    assert not {"HTTP_PROXY", "HTTP_X_FORWARDED_FOR", "HTTP_TRANSFER_ENCODING"} & set(seen)
    assert (seen["SCRIPT_NAME"], seen.get("HTTP_SCRIPT_NAME")) == ("", "/evil")
    proxy.close()


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/python-pickle", "application/x-pickle", ""])
def test_nothing_of_a_request_is_unpickled(tmp_path: Path, kind: str) -> None:
    """BentoML CVE-2024-2912, CVE-2025-27520."""
    predictor = "class Predictor:\n    def predict(self, json):\n        return str(type(json))\n"
    content = pickle.dumps(Evil(tmp_path / "pwned"))
    with Proxy(folder_with(tmp_path, "predictor.py", predictor)) as proxy:
        headers = {"content-type": kind} if kind else {}
        assert proxy.web("POST", "", body=content, headers=headers)[0] == 400
        proxy.run({"json": base64.b64encode(content).decode()})
    assert not (tmp_path / "pwned").exists()
    proxy.close()


def test_no_input_is_fetched_from_where_it_says(tmp_path: Path) -> None:
    """cog fetches any URL that an input names."""
    asked = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.5)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        deployment = (
            "class Deployment:\n    def __init__(self, b, c): pass\n    def request(self, data): return {'a': 'b'}\n"
        )
        fields = {"input_fields": [{"name": "image", "data_type": "file"}]}
        (tmp_path / "deployment.json").write_text(json.dumps({"input_type": "structured", **fields}))

        def accept() -> None:
            try:
                asked.append(listener.accept()[0].close())
            except TimeoutError:
                return

        with Proxy(folder_with(tmp_path, "deployment.py", deployment)) as proxy:
            proxy.init()
            waiting = threading.Thread(target=accept)
            waiting.start()
            for value in (url, "file:///etc/passwd", "ubiops-file://x"):
                proxy.run({"image": value})
                body = json.dumps({"image": value}).encode()
                assert proxy.web("POST", "", body=body, headers={"content-type": "application/json"})[0] == 400
            waiting.join()
    assert not asked
    proxy.close()


def test_a_caller_s_word_ends_no_activation_s_log(tmp_path: Path) -> None:
    """The platform looks for its marker anywhere in a line."""
    word = MARKER.strip()
    with Proxy(folder_with(tmp_path, "app.py", ECHO)) as proxy:
        for path in (f"/{word}", f"/a\n{word}\n"):
            proxy.web("GET", path, activation_id=word)
        proxy.run({"__ow_method": word, "__ow_headers": {}})
        proxy.exchange("GET", f"/{word}")
    assert (proxy.out.count(word), proxy.err.count(word)) == (3, 3)
    proxy.close()


@pytest.mark.parametrize("name", ["__ow_user", "__ow_method", "__ow_headers", "__ow_path", "__ow_body", "__ow_query"])
def test_reserved_names_are_no_parameters_of_a_web_call(name: str, tmp_path: Path) -> None:
    """Neither on the local platform nor where a function is served without one."""
    request = HttpRequest("POST", f"/api/v1/web/guest/default/a?{name}=x", (("Host", "127.0.0.1"),))
    action = Action("a", SimpleNamespace(), annotations=web_annotations("true"))  # type: ignore[arg-type]
    answer = route(request, lambda *_: action, {}, "transaction")
    assert isinstance(answer, HttpResponse)
    assert (answer.status, b"not allowed" in answer.body) == (400, True)
    folder = folder_with(tmp_path, "main.py", "def main(params):\n    return params\n")
    with Proxy(folder, MODELPROXY_MODE="web") as proxy:
        assert proxy.exchange("GET", f"/?{name}=x")[0] == 400
        body = json.dumps({name: "x"}).encode()
        assert proxy.exchange("POST", "/", body, [("Content-Type", "application/json")])[0] == 400
    proxy.close()
