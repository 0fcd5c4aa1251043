"""What came back: the reply as it was, and as the Python value that a caller wants; pure."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote

import httpx

from modelwhisk import own_file
from modelwhisk.charsets import codec
from modelwhisk.client.answer_names import name_in_folder
from modelwhisk.client.errors import ModelError
from modelwhisk.content_coding import inflated
from modelwhisk.local.executables import looks_like_base64
from modelwhisk.local.media_types import parse_content_type

ACTIVATION_HEADER = "x-openwhisk-activation-id"
_LONGEST_MESSAGE = 500  # characters
_LONGEST_HEADER = 8_192  # characters that a parameter is looked for in, which takes the square of their number
_LONGEST_NAME, _LONGEST_ENDING = 200, 20  # bytes of a file's name; most systems have 255, for what we add, too
_LONGEST_PAGE = 16_384  # bytes of an error that are looked at for its message
_LONGEST_ERROR = 1_048_576  # bytes of one whose JSON is read for it
_LONGEST_GARBLED = 1_048_576  # bytes of a text that may not be in its charset: most decoders take 0.2 us for each such
_ACTIVATION = re.compile(r"[0-9A-Za-z-]{1,64}")
_DURATION = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
# What of a page isn't shown. No character is looked at from two places: a tag holds no other, a script without an end
# goes as far as the page, as in a browser.
_MARKUP = re.compile(
    r"<(script|style|title)(?=[\s/>]).*?(?:</\1\s*>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE | re.ASCII
)


class Binary(bytes):
    """A picture, a sound or another file that a model made: bytes that know their media type and file name."""

    content_type: str
    file_name: str

    def __new__(cls, content: bytes, content_type: str = "", file_name: str = "") -> Binary:
        made = super().__new__(cls, content)
        made.content_type = content_type
        made.file_name = file_name
        return made

    def __reduce__(self) -> tuple[type[Binary], tuple[bytes, str, str]]:
        return Binary, (bytes(self), self.content_type, self.file_name)

    def __repr__(self) -> str:
        return f"<{len(self)} bytes of {self.content_type or 'an unknown type'}>"

    def save(self, path: str | Path) -> Path:
        """Writes the bytes to `path`; where that is a folder under their own name, or one like it where that is taken,
        and only with the ending of pictures, sound, tables and the like, since a model chose it. Returns the file's
        path."""
        path = Path(path)
        if path.is_dir():
            return write_unused(path / name_in_folder(self.file_name, self.content_type), self)
        own_file.write(path, self)
        return path


def write_unused(path: Path, content: bytes) -> Path:
    """Writes a file at `path`, or at the first of `name-2`, `name-3` … where none is, and returns where; over no file,
    though it came just now."""
    candidate, number = path, 2
    while True:
        if not candidate.exists() and not candidate.is_symlink():
            with contextlib.suppress(FileExistsError):
                own_file.write_new(candidate, content)
                return candidate
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


Answer = Any  # what JSON can hold, `Binary` or text


@dataclass(frozen=True)
class Reply:
    """An answer as it came, with its activation's id, what it took (`seconds`, `attempts`) and whether it was a cold
    start, where that is known. `timing` has the milliseconds of each phase in `Server-Timing`."""

    status: int
    headers: httpx.Headers
    body: bytes
    activation: str | None = None
    seconds: float = 0.0
    attempts: int = 1
    cold: bool | None = None
    timing: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it is no failure (2xx or 3xx)."""
        return 200 <= self.status < 400

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the type says JSON."""
        return self.content_type == "application/json" or self.content_type.endswith("+json")

    @property
    def is_text(self) -> bool:
        """Whether the type says text that isn't JSON."""
        return self.content_type.startswith("text/") or self.content_type.endswith(("/xml", "+xml", "/yaml"))

    @property
    def file_name(self) -> str:
        """The name that the answer gives itself, without folders; "" where it gives none."""
        return file_name_of(self.headers.get("content-disposition", ""))

    def value(self) -> Answer:
        """The answer as Python has it: JSON's value, text, or `Binary`; None where it is empty."""
        if self.is_json:
            try:
                return json.loads(self.body) if self.body else None
            except (ValueError, RecursionError) as problem:
                raise ModelError(
                    self.status, f"no JSON, though it says so: {problem}", self.activation, self.body
                ) from (problem)
        if self.is_text:
            charset = _parameter(self.headers.get("content-type", ""), "charset")
            try:
                return _text(self.body, charset)
            except UnicodeError as problem:
                told = f"a long text that isn't in {charset}, though it says so"
                raise ModelError(self.status, told, self.activation, self.body) from problem
        if not self.body and not self.content_type:
            return None
        return Binary(self.body, self.content_type, self.file_name)

    def checked(self) -> Answer:
        """The value of an answer that is no failure; raises `ModelError` with the model's own message."""
        if not self.ok:
            raise ModelError(self.status, self.message(), self.activation, self.body)
        return self.value()

    def message(self) -> str:
        """What a failure says of itself, in one line."""
        text = self.body[:_LONGEST_PAGE].decode("utf-8", "replace")
        if self.is_json and len(self.body) <= _LONGEST_ERROR:
            with contextlib.suppress(ValueError, RecursionError):
                text = _stated(json.loads(self.body)) or text
        elif self.content_type == "text/html":
            text = _MARKUP.sub(" ", text)
        return " ".join(text.split())[:_LONGEST_MESSAGE] or "no message"


def reply_of_response(response: httpx.Response, seconds: float = 0.0, attempts: int = 1) -> Reply:
    """The reply that a response read to its end is."""
    timing = timing_of(response.headers.get("server-timing", ""))
    return Reply(
        status=response.status_code,
        headers=response.headers,
        body=response.content,
        activation=_identity(response.headers.get(ACTIVATION_HEADER, "")),
        seconds=seconds,
        attempts=attempts,
        timing=timing,
    )


def _identity(text: str) -> str | None:
    """An activation's id as it is shown, asked for and written to files; None where it is none."""
    return text if _ACTIVATION.fullmatch(text) else None


def reply_of_result(result: Any, activation: str, *, failed: bool = False) -> Reply:
    """The reply that the platform would have made of an activation's result (the contract, C1 and C2).

    Raises `ModelError` for one that is nested too deeply to be written again.
    """
    status = 502 if failed or (isinstance(result, Mapping) and "error" in result) else 200
    try:
        return _reply_of(result, activation, status)
    except RecursionError as problem:
        raise ModelError(status, "its result is nested too deeply to be written", activation) from problem


def _reply_of(result: Any, activation: str, status: int) -> Reply:
    projection = result.get("error", result) if isinstance(result, Mapping) else result
    if isinstance(projection, Mapping) and ("statusCode" in projection or "body" in projection):
        return _web_reply(projection, activation)
    return Reply(status, httpx.Headers({"content-type": "application/json"}), _json(result), activation)


def _web_reply(projection: Mapping[str, Any], activation: str) -> Reply:
    body = projection.get("body")
    stated = projection.get("headers")
    pairs = [
        (str(name).encode("utf-8", "replace"), str(item).encode("utf-8", "replace"))
        for name, value in (stated.items() if isinstance(stated, Mapping) else ())
        for item in (value if isinstance(value, list) else [value])
    ]
    headers = httpx.Headers(pairs)
    if isinstance(body, str):
        headers.setdefault("content-type", "text/html; charset=UTF-8")
        content = _decoded(body, headers["content-type"])
    else:
        content = b"" if body is None else _json(body)
        headers.setdefault("content-type", "application/json")
    if headers.get("content-encoding") == "gzip":
        content = inflated(content)
        del headers["content-encoding"]
    try:
        status = int(projection.get("statusCode", 200 if content else 204))
    except (TypeError, ValueError, OverflowError):
        status = 400
    if not 100 <= status <= 599:  # the platform's bounds
        status = 400
    timing = timing_of(headers.get("server-timing", ""))
    return Reply(status, headers, content, activation, timing=timing)


def _json(value: Any) -> bytes:
    """As the platform writes it: half of a pair of surrogates becomes a question mark."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _decoded(body: str, content_type: str) -> bytes:
    known = parse_content_type(content_type)
    json_in_base64 = known is not None and known.media_type.is_json and looks_like_base64(body)
    if known is not None and (known.media_type.binary or json_in_base64):
        try:
            return base64.b64decode(body, validate=True)
        except ValueError:
            pass
    return body.encode("utf-8", "replace")


def timing_of(header: str) -> dict[str, float]:
    """The milliseconds of each metric in a `Server-Timing` header."""
    timing = {}
    for metric in header.split(","):
        name, *parameters = (part.strip() for part in metric.split(";"))
        stated = [text.strip('"') for key, _, text in (item.partition("=") for item in parameters) if key == "dur"]
        if name and stated and _DURATION.fullmatch(stated[0]):
            timing[name] = float(stated[0])
    return timing


def file_name_of(disposition: str) -> str:
    """The file name in a `Content-Disposition` (RFC 6266), without folders and what hides a file, and cut to what any
    file system takes; "" without one."""
    name = unquote(_parameter(disposition, "filename"))
    name = PureWindowsPath(PurePosixPath(name).name).name
    name = "".join(filter(str.isprintable, name)).lstrip(".-")
    ending = ending_of(name)
    stem = name.removesuffix(ending).encode()[: _LONGEST_NAME - len(ending.encode())]
    return stem.decode(errors="ignore") + ending


def ending_of(name: str) -> str:
    """The ending of a file's name, with its point; "" for what is too long for one."""
    ending = PurePosixPath(name).suffix
    return ending if len(ending.encode()) <= _LONGEST_ENDING else ""


def _parameter(header: str, name: str) -> str:
    """A parameter of a header (RFC 2231); "" where there is none that can be read."""
    if len(header) > _LONGEST_HEADER:
        return ""
    message = Message()
    message["header"] = header
    try:
        value = message.get_param(name, "", "header")
    except ValueError:  # a part's number of thousands of digits
        return ""
    if isinstance(value, tuple):
        charset, _, encoded = value
        value = _text(encoded.encode("raw-unicode-escape"), charset or "")
    return value.strip()


def _text(content: bytes, charset: str) -> str:
    """The text, in UTF-8 where there is no such charset. What isn't in its charset is replaced; in a long text that
    isn't in UTF-8 it is a `UnicodeError`."""
    known = codec(charset) or "utf-8"
    strict = known not in ("utf-8", "ascii") and len(content) > _LONGEST_GARBLED
    return content.decode(known, "strict" if strict else "replace")


def _stated(value: Any) -> str:
    """The message in an error's JSON: maxfw's, restx's with a text for each field, or the platform's."""
    if not isinstance(value, Mapping):
        return ""
    message = value.get("message") or value.get("error") or value.get("detail") or ""
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    errors = value.get("errors")
    if isinstance(errors, Mapping):
        text += " (" + "; ".join(f"{name}: {problem}" for name, problem in errors.items()) + ")"
    return text
