"""The action function-diabetes-progression: measures in every form in which a web action takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from calls import Call

USUAL = ["{python}", "{here}/openwhisk_python_reference.py", "main.py", "{port}"]

SAMPLES = Path(__file__).parents[2] / "models" / "function-diabetes-progression" / "samples"
ONE: dict[str, Any] = json.loads((SAMPLES / "one.json").read_text())
TABLE = (SAMPLES / "held-out.csv").read_bytes()
OTHER = {**ONE, "age": 24, "bmi": 19.5, "sex": 1}
AS_JSON = {"Content-Type": "application/json"}
AS_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AS_CSV = {"Content-Type": "text/csv"}


def same(one: bytes, other: bytes) -> bool:
    """The platform indents JSON that an action returns as an object."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def posted(name: str, value: Any, path: str = "", **more: Any) -> Call:
    return Call(name, "POST", path, AS_JSON, json.dumps(value).encode(), **more)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ONE.items() if key != name}


def query(values: dict[str, Any]) -> str:
    return "/?" + urlencode(values)


CALLS = [
    Call("what it takes"),
    Call("what it takes, with another query", path="/?verbose="),
    posted("json", ONE, plain=ONE),
    posted("json, another", OTHER, plain=OTHER),
    posted("numbers as text", {name: str(value) for name, value in ONE.items()}),
    posted("with another field", {**ONE, "name": "Zoë ☃"}),
    Call("json in another encoding of the type", "POST", "", {"Content-Type": "application/json; charset=utf-8"},
         json.dumps(ONE, ensure_ascii=False).encode()),
    posted("a list", [ONE, OTHER]),
    posted("put", ONE, plain=None),
    Call("a query", path=query(ONE)),
    Call("a query and a body", "POST", query({"age": 30, "bmi": 20}), AS_JSON,
         json.dumps({**without("bmi"), "age": 40}).encode()),
    Call("a query by POST without a body", "POST", query(ONE)),
    Call("a form", "POST", "", AS_FORM, urlencode(ONE).encode()),
    Call("a form with plus and escapes", "POST", "", AS_FORM, urlencode({**ONE, "note": "a b&c=ü+"}).encode()),
    Call("PUT", "PUT", "", AS_JSON, json.dumps(ONE).encode()),
    Call("PATCH", "PATCH", "", AS_JSON, json.dumps(ONE).encode()),
    posted("missing", without("hdl"), plain=without("hdl")),
    posted("nothing", {}),
    posted("no number", {**ONE, "age": "old"}, plain={**ONE, "age": "old"}),
    posted("null", {**ONE, "age": None}),
    posted("a list as a number", {**ONE, "age": [1]}),
    posted("out of range", {**ONE, "bmi": 500, "hdl": -1}),
    Call("nan", path=query({**ONE, "bmi": "nan"})),
    posted("an empty list", []),
    posted("a list with a bad one", [ONE, without("age")]),
    posted("a list of numbers", [1, 2]),
    posted("a number", 5),
    posted("a text", "hello"),
    Call("another type", "POST", "", {"Content-Type": "text/plain"}, b"age=5"),
    Call("a picture", "POST", "", {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n"),
    Call("bytes without a type", "POST", "", {}, b"\x00\x01"),
    Call("chart", path="/chart" + query(ONE)[1:]),
    posted("chart of a body", OTHER, "/chart"),
    Call("chart of nothing", path="/chart"),
    Call("table", "POST", "/table", AS_CSV, TABLE),
    Call("table in a charset", "POST", "/table", {"Content-Type": "text/csv; charset=utf-8"},
         b"name," + TABLE.splitlines()[0] + "\nZoë ☃,".encode() + TABLE.splitlines()[1]),
    Call("table that is empty", "POST", "/table", AS_CSV, b""),
    Call("table without a column", "POST", "/table", AS_CSV, b"age,sex\n50,1\n"),
    Call("table with a bad line", "POST", "/table", AS_CSV, b"\n".join(TABLE.splitlines()[:3]) + b"\nx\n"),
    Call("table as JSON", "POST", "/table", AS_JSON, b"[1]"),
    Call("table by GET", path="/table"),
    Call("docs", path="/docs"),
    Call("nothing back", path="/ping"),
    Call("nowhere", path="/no/such%20path?a=1"),
    Call("a slash at the end", path="/chart" + query(ONE)),
    Call("accept", "POST", "", {**AS_JSON, "Accept": "application/json, */*;q=0.1"}, json.dumps(ONE).encode()),
]  # fmt: skip
