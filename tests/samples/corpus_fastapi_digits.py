"""Requests to models/fastapi-digits and to `uvicorn server:app`."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

from calls import Call, multipart
from PIL import Image

USUAL = ["{python}", "-m", "uvicorn", "server:app", "--port", "{port}", "--log-level", "warning"]

DIGIT = (Path(__file__).parents[2] / "assets" / "digit-7.png").read_bytes()
JSON = {"Content-Type": "application/json"}
SEVEN = [[0.0] * 8, [9.0] * 8, *([0, 0, 0, 0, 0, 12, 12, 0] for _ in range(3)), *([0, 0, 0, 12, 12, 0, 0, 0],) * 3]


def picture(kind: str, mode: str = "L", size: tuple[int, int] = (128, 128)) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(DIGIT)).convert(mode).resize(size).save(file, kind)
    return file.getvalue()


def blank() -> bytes:
    file = io.BytesIO()
    Image.new("L", (20, 20), 255).save(file, "PNG")
    return file.getvalue()


def predict(name: str, content: bytes = DIGIT, kind: str = "image/png", file: str = "image.png", **more) -> Call:
    """A picture sent to the bare URL."""
    fields = more.pop("fields", {})
    headers, body = multipart({"image": (file, content, kind), **fields})
    return Call(name, "POST", headers={**headers, **more.pop("headers", {})}, body=body, usual_path="/predict", **more)


def batch(name: str, *files: tuple[str, bytes], query: str = "") -> Call:
    parts = b"".join(
        b'--batch\r\nContent-Disposition: form-data; name="images"; filename="%s"\r\n\r\n%s\r\n'
        % (file.encode(), content)
        for file, content in files
    )
    headers = {"Content-Type": "multipart/form-data; boundary=batch"}
    return Call(name, "POST", "/predict/batch" + query, headers, parts + b"--batch--\r\n")


def pixels(name: str, value: object, query: str = "", **more) -> Call:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Call(name, "POST", "/predict/pixels" + query, more.pop("headers", JSON), body, **more)


def plain(content: bytes, **fields: str) -> dict[str, str]:
    return {"image": base64.b64encode(content).decode(), **fields}


CALLS = [
    predict("picture", plain=plain(DIGIT)),
    predict("named path", path="/predict"),
    predict("top as a field", fields={"top": "5"}, plain=plain(DIGIT, top="5")),
    predict("all guesses", fields={"top": "10"}),
    predict("top is no number", fields={"top": "many"}, plain=plain(DIGIT, top="many")),
    predict("top is too much", fields={"top": "11"}),
    predict("top is empty", fields={"top": ""}),
    predict("a field that is not asked for", fields={"colour": "blue"}),
    predict("JPEG", picture("JPEG"), "image/jpeg", "seven.jpg"),
    predict("GIF", picture("GIF"), "image/gif", "seven.gif"),
    predict("colours with transparency", picture("PNG", "RGBA")),
    predict("large upload", picture("BMP", "RGB", (400, 400)), "image/bmp", "large.bmp"),
    predict("a type that does not fit", kind="text/plain", file="image.png"),
    predict("file name with other letters", file="sieben \u4e03.png"),
    predict("blank picture", blank(), plain=plain(blank())),
    predict("no picture", b"seven, written out", file="image.bin", plain=plain(b"seven, written out")),
    predict("broken picture", DIGIT[:200]),
    predict("empty file", b""),
    Call("no file", "POST", headers=multipart({"top": "3"})[0], body=multipart({"top": "3"})[1], usual_path="/predict"),
    Call("text in place of the file", "POST", "/predict", *multipart({"image": "seven"})),
    Call("form without a boundary", "POST", "/predict", {"Content-Type": "multipart/form-data"}, b"--b--\r\n"),
    Call(
        "form cut off",
        "POST",
        "/predict",
        multipart({"image": ("a.png", DIGIT, "image/png")})[0],
        b"--b0undary\r\nCont",
    ),
    Call("JSON in place of a form", "POST", "/predict", JSON, b'{"image": "seven"}'),
    Call("nothing at all", "POST", "/predict"),
    batch("batch of two", ("one.png", DIGIT), ("two.png", picture("PNG", "RGB"))),
    batch("batch with two guesses", ("one.png", DIGIT), query="?top=2"),
    batch("batch with a bad file", ("one.png", DIGIT), ("two.txt", b"text")),
    batch("batch that is too large", *((f"{number}.png", b"") for number in range(17))),
    batch("empty batch"),
    pixels("pixels", {"pixels": SEVEN}),
    pixels("pixels with one guess", {"pixels": SEVEN}, "?top=1", cooked=False),
    pixels("pixels with a bad top", {"pixels": SEVEN}, "?top=x", cooked=False),
    pixels("pixels twice top", {"pixels": SEVEN}, "?top=1&top=2", cooked=False),
    pixels("too few pixels", {"pixels": [[1.0]]}),
    pixels("pixels out of range", {"pixels": [[17] * 8] * 8}),
    pixels("pixels of text", {"pixels": [["a"] * 8] * 8}),
    pixels("no pixels", {}),
    pixels("an array in place of an object", [SEVEN]),
    pixels("no JSON", b"{pixels", cooked=False),
    pixels("JSON under another type", {"pixels": SEVEN}, headers={"Content-Type": "application/vnd.digit+json"}),
    pixels("JSON without a type", {"pixels": SEVEN}, headers={}),
    Call("labels", path="/labels"),
    Call("label", path="/labels/7"),
    Call("label that is unknown", path="/labels/12"),
    Call("label that is no number", path="/labels/seven"),
    Call("health", path="/health"),
    Call("health with a query", path="/health?x=1&y=%20"),
    Call("health by HEAD", "HEAD", "/health"),
    Call("health by DELETE", "DELETE", "/health"),
    Call("redirect to the path without a slash", path="/health/"),
    Call("nothing there", path="/nothing"),
    Call("encoded path", path="/labels/%37"),
    Call("GET of predict", path="/predict"),
    Call("documentation", path="/docs"),
    Call("OpenAPI document", path="/openapi.json"),
    Call("ReDoc", path="/redoc"),
]


def same(one: bytes, other: bytes) -> bool:
    """The document names the server that it is seen at, where that isn't the root."""
    try:
        first, second = json.loads(one), json.loads(other)
        first.pop("servers", None)
        second.pop("servers", None)
    except (ValueError, AttributeError, TypeError):
        return False
    return bool(first == second)
