"""What a request gives the model: bytes of a picture or file, or a value. Pure."""

import re

from ..formats import data_url, json_text, msgpack, multipart
from ..percent import form_text

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
# Of pictures, as they look in base64: PNG, JPEG, GIF, RIFF (WebP), BMP, TIFF.
_BEGINS = ("iVBORw0KGgo", "/9j/", "_9j_", "R0lGOD", "UklGR", "Qk", "SUkqA", "TU0AK")


class NoInput(ValueError):
    """The request gives the model nothing that could be compared; the text says why."""


def input_of(request, body):
    """Bytes of the body, or of the file that a form brings; or the value of a body in JSON or MessagePack; or the
    fields of a form without a file. ``body`` is the request's, without a Content-Encoding. Raises ``NoInput``."""
    if not body:
        raise NoInput("the request has no body")
    kind = request.header("content-type").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            return _of_form(request, body)
        if kind == "application/x-www-form-urlencoded":
            return _of_pairs(body)
        if kind in msgpack.MEDIA_TYPES:
            return msgpack.unpack(body)
        if kind == "application/json" or kind.endswith("+json"):
            return json_text.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # This is logged: neither the type nor the error's text, which may repeat what was sent.
        raise NoInput("the body isn't what its Content-Type says") from None
    return body


def picture_in(value):
    """The bytes of the picture that an input is or holds: a file itself, or base64 or a ``data:`` URL within a value.
    Raises ``NoInput``."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    for text in _texts(value, 0):
        if isinstance(text, (bytes, bytearray)):
            return bytes(text)
        if data_url.is_data_url(text):
            try:
                return data_url.read(text).content
            except ValueError:
                continue
        if text.startswith(_BEGINS) and _BASE64.match(text):
            try:
                return data_url.read_base64(text)
            except ValueError:
                continue
    raise NoInput("there is no picture in the input")


def _texts(value, depth):
    if isinstance(value, (str, bytes, bytearray)):
        yield value
    elif depth < 4:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _texts(inner, depth + 1)


def _of_form(request, body):
    parts = multipart.read(body, multipart.boundary_of(request.header("content-type")))
    for part in parts:
        if part.file_name is not None and part.content:
            return part.content
    if not parts:
        raise ValueError
    return {part.name: part.content.decode("utf-8", "replace") for part in parts}


def _of_pairs(body):
    pairs = (pair.partition("=") for pair in body.decode("utf-8", "replace").split("&") if pair)
    return {form_text(name): form_text(text) for name, _, text in pairs}
