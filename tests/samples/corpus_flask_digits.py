"""Requests to models/flask-digits and to `gunicorn app:app`."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from calls import Call, multipart
from PIL import Image

USUAL = ["{python}", "-m", "gunicorn", "app:app", "--bind", "127.0.0.1:{port}", "--log-level", "warning"]

DIGIT = (Path(__file__).parents[2] / "assets" / "digit-7.png").read_bytes()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def picture(kind: str, mode: str = "L", size: tuple[int, int] = (128, 128)) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(DIGIT)).convert(mode).resize(size).save(file, kind)
    return file.getvalue()


def blank() -> bytes:
    file = io.BytesIO()
    Image.new("L", (20, 20), 255).save(file, "PNG")
    return file.getvalue()


def infer(name: str, content: bytes = DIGIT, kind: str = "image/png", file: str = "image.png", **more: Any) -> Call:
    """A picture sent to the bare URL, or to ``path``."""
    headers, body = multipart({"image": (file, content, kind), **more.pop("fields", {})})
    headers = {**headers, **more.pop("headers", {})}
    return Call(name, "POST", headers=headers, body=body, usual_path="/inference", **more)


def raw(name: str, body: bytes, headers: dict[str, str], **more: Any) -> Call:
    return Call(name, "POST", "/inference", headers, body, **more)


def plain(content: bytes, kind: str = "image/png", **fields: Any) -> dict[str, Any]:
    return {"image": f"data:{kind};base64,{base64.b64encode(content).decode()}", **fields}


CALLS = [
    infer("picture", plain=plain(DIGIT)),
    infer("named path", path="/inference"),
    infer("top as a field", fields={"top": "5"}, plain=plain(DIGIT, top="5")),
    infer("top as a number", fields={"top": "2"}, plain=plain(DIGIT, top=2)),
    infer("top in the query", path="/inference?top=1", cooked=False),
    infer("top in both", path="/inference?top=1", fields={"top": "2"}, cooked=False),
    infer("all guesses", fields={"top": "10"}),
    infer("top is no number", fields={"top": "many"}, plain=plain(DIGIT, top="many")),
    infer("top is nought", fields={"top": "0"}),
    infer("top is too much", fields={"top": "11"}),
    infer("top is empty", fields={"top": ""}),
    infer("top is negative", fields={"top": "-1"}),
    infer("a field that is not asked for", fields={"colour": "blue"}),
    infer("JPEG", picture("JPEG"), "image/jpeg", "image.jpg", plain=plain(picture("JPEG"), "image/jpeg")),
    infer("GIF", picture("GIF"), "image/gif", "seven.gif"),
    infer("colours with transparency", picture("PNG", "RGBA")),
    infer("large upload", picture("BMP", "RGB", (500, 500)), "image/bmp", "large.bmp"),
    infer("a type that does not fit", kind="text/plain", file="image.png"),
    infer("no type at all", kind=""),
    infer("file name with other letters", file="sieben \u4e03.png"),
    infer("file name with a path", file="../../seven.png"),
    infer("blank picture", blank(), plain=plain(blank())),
    infer("no picture", b"seven, written out", file="image.plain", plain=plain(b"seven, written out", "text/plain")),
    infer("broken picture", DIGIT[:200]),
    infer("empty file", b""),
    infer("accept and language", headers={"Accept": "application/json", "Accept-Language": "de"}),
    raw("no file", *reversed(multipart({"top": "3"})), plain={"text": "seven"}),
    raw("file under another name", *reversed(multipart({"file": ("a.png", DIGIT, "image/png")}))),
    raw("text in place of the file", *reversed(multipart({"image": "seven"}))),
    raw("form without a boundary", b"--b--\r\n", {"Content-Type": "multipart/form-data"}),
    raw("form cut off", b"--b0undary\r\nCont", multipart({})[0]),
    raw("urlencoded form", b"image=seven&top=2", FORM),
    raw("JSON in place of a form", b'{"image": "seven"}', JSON),
    raw("picture in place of a form", DIGIT, {"Content-Type": "image/png"}),
    Call("nothing at all", "POST", "/inference"),
    Call("health", path="/"),
    Call("health with a query", path="/?x=1&y=%20"),
    Call("health by HEAD", "HEAD", "/"),
    Call("health by POST", "POST", "/"),
    Call("health by PUT", "PUT", "/"),
    Call("labels", path="/labels"),
    Call("labels by DELETE", "DELETE", "/labels"),
    Call("GET of inference", path="/inference"),
    Call("GET of the bare URL", usual_path="/inference"),
    Call("nothing there", path="/nothing"),
    Call("encoded path", path="/l%61bels"),
    Call("path with a slash too many", path="/labels/"),
    Call("path with other letters", path="/%E4%B8%83"),
]
