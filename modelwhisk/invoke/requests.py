"""What a command line asks to be sent: `-F`, `-d`, `-q`, `-p` and `-H`, as a request or as inputs by name."""

from __future__ import annotations

import base64
import json
import mimetypes
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from modelwhisk.client import Field, FilePart, InputError, Interface
from modelwhisk.client.checking import parse_text
from modelwhisk.client.encoding import check_size
from modelwhisk.client.files import file_part
from modelwhisk.nested_json import loads

Shrink = Callable[[FilePart, int], FilePart]


@dataclass(frozen=True)
class Asked:
    """The options of a call, read: files and texts of a form, query, inputs by name, a body with its type, headers."""

    form: tuple[tuple[str, FilePart | str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    body_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_literal(self) -> bool:
        """Whether the options alone say what the request is, as curl's do."""
        return (bool(self.form) or self.body is not None) and not self.inputs

    def by_name(self) -> dict[str, Any]:
        """The inputs by name, as texts and files; those of a JSON body as they are.

        Raises `InputError` for a body that is no JSON object.
        """
        values: dict[str, Any] = {}
        if self.body is not None:
            values.update(_json_object(self.body))
        values.update([*self.query, *self.inputs, *self.form])
        return values

    def typed(self, interface: Interface) -> dict[str, Any]:
        """The inputs by name as the model's fields take them."""
        texts = {name for name, _ in (*self.query, *self.inputs, *self.form)}
        result = {}
        for name, value in self.by_name().items():
            known = interface.input(name)
            readable = known is not None and isinstance(value, str) and name in texts
            result[name] = _from_text(known, value) if readable and known is not None else value
        return result

    def parameters(self) -> dict[str, Any]:
        """The inputs as the parameters of a plain invocation: files as data URLs, texts as JSON where they parse."""
        values = self.by_name()
        texts = {name for name, _ in (*self.query, *self.inputs)}
        return {
            name: _data_url(value) if isinstance(value, FilePart) else _json_or_text(value) if name in texts else value
            for name, value in values.items()
        }


def read_options(
    form: Sequence[str], data: str | None, query: Sequence[str], inputs: Sequence[str], headers: Sequence[str]
) -> Asked:
    """Reads the options and the files that they name, `-` from stdin.

    Raises ValueError for one that is malformed, `InputError` for a file that can't be read.
    """
    if form and data is not None:
        raise ValueError("-F and -d are two ways to send a body: use one")
    body, body_type = _body(data) if data is not None else (None, "")
    return Asked(
        form=tuple(_form_item(item) for item in form),
        query=tuple(_pair(item, "-q") for item in query),
        inputs=tuple(_pair(item, "-p") for item in inputs),
        body=body,
        body_type=body_type,
        headers=parse_headers(headers),
    )


def parse_headers(items: Sequence[str]) -> dict[str, str]:
    """Headers from `Name: value` items; raises ValueError for one that isn't."""
    headers = {}
    for item in items:
        name, colon, value = item.partition(":")
        if not colon or not name.strip() or any(character in item for character in "\r\n"):
            raise ValueError(f"{item!r} is not a header, NAME: VALUE")
        headers[name.strip()] = value.strip()
    return headers


def literal_request(asked: Asked, method: str | None, url: str, limit: int | None) -> httpx.Request:
    """The request just as the options say it; raises `TooLarge`."""
    target = httpx.URL(url)
    if asked.query:
        target = target.copy_merge_params(_grouped(asked.query))
    headers = {"Accept": "*/*", **asked.headers}
    has_body = bool(asked.form) or asked.body is not None
    method = method or ("POST" if has_body else "GET")
    if asked.form:
        parts: list[Any] = [
            (name, (value.name, value.content, value.media_type) if isinstance(value, FilePart) else (None, value))
            for name, value in asked.form
        ]
        request = httpx.Request(method, target, files=parts, headers=headers)
    elif asked.body is not None:
        stated = any(name.lower() == "content-type" for name in headers)
        typed = headers if stated else {"Content-Type": asked.body_type, **headers}
        request = httpx.Request(method, target, content=asked.body, headers=typed)
    else:
        request = httpx.Request(method, target, headers=headers)
    request.read()
    named = [(Field(name), value) for name, value in asked.form]
    check_size(request, named or [(Field("-d"), "")], limit)
    return request


def shrunk(asked: Asked, shrink: Shrink, limit: int | None) -> Asked:
    """The same with its pictures scaled down so that they fit together with what else is sent."""
    if limit is None:
        return asked
    files = [value for _, value in asked.form if isinstance(value, FilePart)]
    overhead = len(literal_request(asked, "POST", "http://localhost/", None).content) - sum(
        len(part.content) for part in files
    )
    room = (limit - overhead) // max(1, len(files))
    form = tuple((name, shrink(value, room) if isinstance(value, FilePart) else value) for name, value in asked.form)
    return replace(asked, form=form)


def _form_item(item: str) -> tuple[str, FilePart | str]:
    name, text = _pair(item, "-F")
    if not text.startswith("@"):
        return name, text
    path, _, media_type = text[1:].partition(";type=")
    part = file_part(name, sys.stdin.buffer.read() if path == "-" else Path(path))
    return name, replace(part, media_type=media_type) if media_type else part


def _pair(item: str, option: str) -> tuple[str, str]:
    name, equals, text = item.partition("=")
    if not equals or not name:
        raise ValueError(f"{option} {item!r} is not NAME=VALUE")
    return name, text


def _body(data: str) -> tuple[bytes, str]:
    """The body that `-d` names, and its type."""
    if data in ("-", "@-"):
        content, name = sys.stdin.buffer.read(), ""
    elif data.startswith("@"):
        content, name = file_part("-d", Path(data[1:])).content, data[1:]
    else:
        content, name = data.encode(), ""
    try:
        json.loads(content)
        return content, "application/json"
    except RecursionError:  # it is sent as it is
        return content, "application/json"
    except ValueError as problem:
        guessed = mimetypes.guess_type(Path(name).name)[0]
        if guessed is None or guessed == "application/json":
            if not name and not data.startswith(("-", "@")):
                raise InputError("-d", f"is no JSON: {problem}") from problem
            return content, file_part("-d", content).media_type
        return content, guessed


def _from_text(known: Field, text: str) -> Any:
    if known.kind == "file":  # to the model; whoever wrote a text may not know that
        raise InputError(known.name, f"is a file: give it as -F {known.name}=@PATH")
    return parse_text(known, text)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = loads(body)
    except ValueError as problem:
        raise InputError("-d", f"is no JSON: {problem}") from problem
    if not isinstance(value, dict):
        raise InputError("-d", "is no JSON object, which named inputs are")
    return value


def _json_or_text(text: Any) -> Any:
    try:
        return loads(text)
    except (TypeError, ValueError):
        return text


def _data_url(part: FilePart) -> str:
    return f"data:{part.media_type};base64,{base64.b64encode(part.content).decode()}"


def _grouped(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped
