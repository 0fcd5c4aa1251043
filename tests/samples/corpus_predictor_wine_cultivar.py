"""Requests to models/predictor-wine-cultivar."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgpack
from calls import Call, multipart

FOLDER = Path(__file__).parents[2] / "models" / "predictor-wine-cultivar"
USUAL = ["{python}", "{here}/openbayes_serving_reference.py", "{port}"]

WINES: list[dict[str, float]] = json.loads((FOLDER / "samples" / "wines.json").read_text())["wines"]
BAROLO = WINES[0]
JSON = {"Content-Type": "application/json"}


def post(name: str, value: Any, query: str = "", **more: Any) -> Call:
    """JSON with a query can't be carried by `--web true`, where both arrive in one dictionary."""
    if not query and isinstance(value, dict):
        more.setdefault("plain", value)
    headers = {**JSON, **more.pop("headers", {})}
    path = f"/{query}" if query else ""
    return Call(name, "POST", path, headers, json.dumps(value).encode(), cooked=not query, usual_path="/", **more)


def packed(name: str, value: Any, kind: str = "application/msgpack", query: str = "", **headers: str) -> Call:
    body = value if isinstance(value, bytes) else msgpack.packb(value)
    return Call(name, "POST", f"/{query}", {"Content-Type": kind, **headers}, body)


def refused(name: str, body: bytes, kind: str | None = "application/json") -> Call:
    """The platform itself refuses what claims to be JSON and isn't, for `--web true`."""
    headers = {"Content-Type": kind} if kind else {}
    return Call(name, "POST", "/", headers, body, cooked="json" not in (kind or ""))


CALLS = [
    post("the samples", {"wines": WINES}),
    post("one wine", {"wines": [BAROLO]}),
    post("no wine", {"wines": []}),
    post("many wines", {"wines": WINES * 40}),
    post("whole numbers", {"wines": [{name: round(number) for name, number in BAROLO.items()}]}),
    post("numbers as text", {"wines": [{name: str(number) for name, number in BAROLO.items()}]}),
    post("a field that is unknown", {"wines": [{**BAROLO, "vintage": 1986}]}),
    post("a field that is missing", {"wines": [{**BAROLO}, {k: v for k, v in BAROLO.items() if k != "hue"}]}),
    post("a field that is no number", {"wines": [{**BAROLO, "hue": "deep"}, BAROLO]}),
    post("a field that is null", {"wines": [{**BAROLO, "hue": None}]}),
    post("an empty wine", {"wines": [{}]}),
    post("text beyond ASCII", {"wines": [{**BAROLO, "hue": "granat \u96ea"}]}),
    post("a parameter that is unknown", {"wines": [BAROLO], "more": [1, {"a": None}]}),
    post("a list", [BAROLO, WINES[2]]),
    post("an empty list", []),
    post("as csv", {"wines": WINES}, "?as=csv"),
    post("as csv with a wine that fails", {"wines": [{}, BAROLO]}, "?as=csv"),
    post("as bytes", {"wines": WINES}, "?as=float32"),
    post("as the first of two", {"wines": WINES}, "?as=csv&as=float32"),
    post("as something else", {"wines": [BAROLO]}, "?as=%E9%9B%AA+b&other"),
    post("JSON is accepted", {"wines": [BAROLO]}, headers={"Accept": "application/json"}),
    post("MessagePack is accepted", {"wines": WINES}, headers={"Accept": "application/msgpack"}, plain=None),
    post("MessagePack under an old name", {"wines": WINES}, headers={"Accept": "application/x-msgpack"}, plain=None),
    post("JSON is preferred", {"wines": [BAROLO]}, headers={"Accept": "application/msgpack;q=0.1, application/json"}),
    packed("packed", {"wines": WINES}),
    packed("packed as x-msgpack", {"wines": WINES}, "application/x-msgpack"),
    packed("packed as vnd.msgpack", {"wines": WINES}, "application/vnd.msgpack"),
    packed("packed both ways", {"wines": WINES}, Accept="application/msgpack"),
    packed("packed, and a query", {"wines": WINES}, query="?as=csv"),
    packed("packed single floats", b"\x91\x8d" + msgpack.packb(BAROLO, use_single_float=True)[1:]),
    packed("packed badly", b"\x82\xa1a"),
    packed("packed twice", msgpack.packb({"wines": []}) * 2),
    refused("an empty body", b""),
    refused("half of a body", b'{"wines": [{"alco'),
    refused("not UTF-8", b'{"wines": "\xff"}'),
    refused("plain text", b"wines", "text/plain"),
    refused("bytes", b"\x00\xff" * 100, "application/octet-stream"),
    Call("a form", "POST", "/", *multipart({"wines": "[]", "file": ("a.json", b"{}", "application/json")})),
    post("no wines at all", {"bottles": 3}),
    post("wines that are a number", {"wines": 3}),
    post("a wine that is a number", {"wines": [13.2]}),
    post("null", None),
    Call("the service works", "GET", "/"),
    Call("the service works, at the bare URL", "GET", "", usual_path="/"),
    Call("a page that isn't there", "GET", "/labels"),
    Call("a path that isn't there", "POST", "/predict", JSON, b'{"wines": []}'),
    Call("another method", "PUT", "/", JSON, b'{"wines": []}'),
]


def same(one: bytes, other: bytes) -> bool:
    """The text of an error and of the greeting is each server's own; spaces in JSON mean nothing."""
    with contextlib.suppress(ValueError):
        first, second = json.loads(one), json.loads(other)
        for name in ("error", "message"):
            if all(isinstance(value, dict) and list(value) == [name] for value in (first, second)):
                return True
        return bool(first == second)
    return False
