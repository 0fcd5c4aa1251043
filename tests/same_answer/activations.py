"""The messages that a container gets from the platform, and the containers as nobody else makes them."""

from __future__ import annotations

import base64
import json
from typing import Any

from exchange import MULTIPART, Case
from requests_to_models import body_of, part

TIGHT = {
    "read_only": True,
    "tmpfs": {"/tmp": "size=32m"},  # the model's own Werkzeug puts files of more than 500 kB there
    "user": "12345",
    "mem_limit": "512m",
    "memswap_limit": "512m",
    "pids_limit": 1024,
    "cap_drop": ["ALL"],
}
WEB = {
    "__ow_method": "post",
    "__ow_path": "",
    "__ow_query": "",
    "__ow_headers": {"content-type": MULTIPART[1]},
    "__ow_body": base64.b64encode(body_of([part()])).decode(),
}


def web(**changes: Any) -> bytes:
    return message({**WEB, **changes})


def message(value: Any, **more: Any) -> bytes:
    return json.dumps({"value": value, **more}).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST's bytes as the platform's client writes them."""
    fields = ["Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 172.17.0.2:8080", *fields]).encode() + b"\r\n\r\n" + body


def activation(case: Case) -> bytes:
    """The /run message of a case, as `--web raw` has it."""
    path, _, query = case.target.partition("?")
    return web(
        __ow_method=case.method.lower(),
        __ow_path=path,
        __ow_query=query,
        __ow_headers={name.lower(): value for name, value in case.headers},
        __ow_body=base64.b64encode(case.body or b"").decode(),
    )
