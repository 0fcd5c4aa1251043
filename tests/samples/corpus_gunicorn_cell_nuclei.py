"""Calls of models/gunicorn-cell-nuclei, whose usual server is its own start.sh, with ``PORT`` in the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calls import Call, multipart

FOLDER = Path(__file__).parents[2] / "models" / "gunicorn-cell-nuclei"
# start.sh calls gunicorn by name: this Python's is meant.
USUAL = ["{python}", "-c", "import os, sys; os.environ['PATH'] = os.path.dirname(sys.executable) + ':' + "
         "os.environ['PATH']; os.execvp('bash', ['bash', 'start.sh'])"]  # fmt: skip

ONE: dict[str, float] = json.loads((FOLDER / "samples" / "one.json").read_text())
HELD_OUT = (FOLDER / "samples" / "held-out.csv").read_bytes()
LINES = HELD_OUT.splitlines(keepends=True)
JSON = {"Content-Type": "application/json"}


def sample(line: int) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in zip(LINES[0].decode().split(","), LINES[line].decode().split(","), strict=True)
        if name.strip() != "truth"
    }


def as_json(name: str, document: Any, path: str = "/predict", *, cooked: bool = True, plain: bool = False) -> Call:
    body = json.dumps(document).encode()
    where = {"path": path} if path else {"usual_path": "/predict"}
    return Call(name, "POST", headers=JSON, body=body, cooked=cooked, plain=document if plain else None, **where)


def as_form(name: str, fields: dict[str, Any]) -> Call:
    headers, body = multipart(fields)
    return Call(name, "POST", "/predict", headers, body)


def as_csv(name: str, body: bytes) -> Call:
    return Call(name, "POST", "/predict.csv", {"Content-Type": "text/csv; charset=utf-8"}, body)


CALLS = [
    Call("health", path="/"),
    Call("head of health", "HEAD", "/"),
    Call("features", path="/features"),
    Call("features with a query", path="/features?a=1&b=%20c"),
    Call("openapi", path="/openapi.json"),
    Call("nowhere", path="/nowhere"),
    Call("an escaped path", path="/no%2Fwhere%20"),
    Call("predict by GET", path="/predict"),
    Call("predict by PUT", "PUT", "/predict", JSON, b"{}"),
    Call("health by POST", "POST", "/features", JSON, b"{}"),
    as_json("the sample", ONE),
    as_json("the sample at the bare URL", ONE, "", plain=True),
    *(as_json(f"held-out sample {line}", sample(line), "", plain=True) for line in range(2, 12)),
    as_json("all features zero", dict.fromkeys(ONE, 0), plain=True),
    as_json("numbers as text", {name: str(value) for name, value in ONE.items()}, plain=True),
    as_json("one more field", {**ONE, "name": "J\u00fcrgen"}, plain=True),
    as_json("nothing", {}, cooked=False),
    as_json("a missing feature", {name: value for name, value in ONE.items() if name != "area"}, plain=True),
    as_json("a text that is no number", {**ONE, "area": "large"}, plain=True),
    as_json("null", {**ONE, "area": None}, plain=True),
    as_json("a negative number", {**ONE, "area": -1}, plain=True),
    as_json("a huge number", {**ONE, "area": 1e300}, cooked=False),
    as_json("a list", [sample(line) for line in range(1, 40)], cooked=False),
    as_json("an empty list", [], cooked=False),
    as_json("too long a list", [ONE] * 1001, cooked=False),
    as_json("a list of what is none", [ONE, 3], cooked=False),
    # Under JSON's bare type the platform itself refuses it.
    Call("no JSON", "POST", "/predict", {"Content-Type": "application/x.sample+json"}, b'{"radius": ', cooked=False),
    Call("no body", "POST", "/predict"),
    Call("text", "POST", "/predict", {"Content-Type": "text/plain"}, b"radius=3"),
    as_form("a file", {"file": ("held-out.csv", HELD_OUT, "text/csv")}),
    as_form("a file with a BOM", {"file": ("a.csv", b"\xef\xbb\xbf" + HELD_OUT, "text/csv")}),
    as_form("a form without the file", {"name": "value"}),
    as_form("a file that is a picture", {"file": ("a.png", b"\x89PNG\r\n\x1a\n\xff\xfe", "image/png")}),
    as_form("a file with names only", {"file": ("a.csv", LINES[0], "text/csv")}),
    as_csv("a table", HELD_OUT),
    as_csv("a short line", LINES[0] + b"1,2\n"),
    as_csv("an empty table", b""),
]
