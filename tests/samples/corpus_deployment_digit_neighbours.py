"""Requests to models/deployment-digit-neighbours: a file in by each way, types, names and ids, a drawn file out."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from calls import Call, multipart

USUAL = ["{python}", "{here}/ubiops_reference.py", "{port}"]

_ASSETS = Path(__file__).parents[2] / "assets"
_SEVEN = (_ASSETS / "digit-7.png").read_bytes()
_BASE64 = base64.b64encode(_SEVEN).decode()
_JSON = {"Content-Type": "application/json"}
_GOOD: dict[str, Any] = {"image": _BASE64, "neighbours": 5, "zoom": 1.0}


def same(one: bytes, other: bytes) -> bool:
    """Both say the same in JSON; of an error, the sentence is each one's own."""
    try:
        first, second = json.loads(one), json.loads(other)
    except ValueError:
        return False
    if isinstance(first, dict) and isinstance(second, dict) and "error" in first and "error" in second:
        fields = {value["field"] for value in (first, second) if "field" in value}
        return len(fields) < 2
    return bool(first == second)


def _form(name: str, cut: int | None = None, **changes: Any) -> Call:
    fields = {"image": ("digit-7.png", _SEVEN, "image/png"), "neighbours": "5", "zoom": "1", **changes}
    headers, body = multipart({key: value for key, value in fields.items() if value is not None})
    return Call(name, "POST", "", headers, body[:cut])


def _json(name: str, value: Any = None, plain: bool = True, cooked: bool = True, **changes: Any) -> Call:
    if value is None:
        value = {key: item for key, item in {**_GOOD, **changes}.items() if item is not None}
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Call(name, "POST", "", _JSON, body, cooked, value if plain and isinstance(value, dict) else None)


def _digit(number: int) -> Call:
    content = (_ASSETS / f"digit-{number}.png").read_bytes()
    return _form(f"picture of a {number}", image=(f"digit-{number}.png", content, "image/png"), neighbours="3")


def _blank() -> bytes:
    return base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsVL7AwAAAABJRU5ErkJggg=="
    )


CALLS = [
    *(_digit(number) for number in range(10)),
    _form("zoomed", zoom="2.5"),
    _form("one neighbour, by ids", **{"neighbours": None, "0001": "1"}),
    _form("a file name with a path", image=("../../a b.png", _SEVEN, "image/png")),
    _form("base64 in a form", image=_BASE64),
    _form("a data URL in a form", image=f"data:image/png;base64,{_BASE64}"),
    _json("base64 in JSON"),
    _json("a data URL in JSON", image=f"data:image/png;base64,{_BASE64}"),
    _json("ids in JSON", {"0000": _BASE64, "0001": 2, "0002": 1}),
    _json("a whole number for a double", zoom=2),
    _json("several requests", [_GOOD, {**_GOOD, "neighbours": 2}], cooked=False),
    _json("no request at all", [], plain=False, cooked=False),
    Call(
        "a form of texts",
        "POST",
        "",
        {"Content-Type": "application/x-www-form-urlencoded"},
        f"image={_BASE64.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}&neighbours=3&zoom=.5".encode(),
    ),
    Call("what it takes", "GET", "/"),
    Call("only its headers", "HEAD", "/"),
    # What is refused.
    _form("a file is missing", image=None),
    _form("a text is no whole number", neighbours="five"),
    _form("a text is no number", zoom="large"),
    _form("an unknown field in a form", colour="red"),
    _form("a form cut off in its file", cut=400),
    _json("a field is missing", zoom=None),
    _json("a field is null", {**_GOOD, "zoom": None}, plain=False),
    _json("a text for a whole number", neighbours="5"),
    _json("a fraction for a whole number", neighbours=5.5),
    _json("true for a whole number", neighbours=True),
    _json("a list for a number", zoom=[1]),
    _json("a number for a file", image=7),
    _json("nothing for a file", image=""),
    _json("text that is no base64", image="what is this?"),
    _json("an unknown field", colour="red"),
    _json("a name and its id", **{"0001": 5}),
    _json("JSON cut off", b'{"image": ', cooked=False),
    _json("a text alone", b'"seven"', cooked=False),
    Call("a picture alone", "POST", "", {"Content-Type": "image/png"}, _SEVEN),
    Call("nothing at all", "POST", "", _JSON),
    # What the deployment itself refuses.
    _json("too many neighbours", neighbours=26),
    _json("no neighbours", neighbours=0),
    _form("a file that is no picture", image=("a.png", b"not a picture", "image/png")),
    _form("a blank picture", image=("a.png", _blank(), "image/png")),
    # Other paths and methods.
    Call("a path that isn't there", "POST", "/model/predict", _JSON, json.dumps(_GOOD).encode()),
    Call("a method that isn't taken", "DELETE", "/"),
    Call("another method", "PUT", "/", _JSON, b"{}"),
]
