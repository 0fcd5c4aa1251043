"""Checked inputs as the HTTP request that carries them; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from modelwhisk.client.checking import Inputs
from modelwhisk.client.errors import InterfaceError, TooLarge
from modelwhisk.client.files import FilePart
from modelwhisk.client.interface import Field, Interface

MAX_REQUEST = 1_048_576  # bytes of a body that the platform takes by default (the contract, B6)

Pair = tuple[str, str]


def request(
    interface: Interface,
    address: str,
    inputs: Inputs,
    headers: Mapping[str, str] | None = None,
    limit: int | None = MAX_REQUEST,
) -> httpx.Request:
    """The request for the model at `address`; raises `TooLarge` where its body is over `limit` bytes, and
    `InterfaceError` for a path that leads elsewhere."""
    query = _pairs(item for item in inputs if item[0].place == "query")
    rest = [item for item in inputs if item[0].place != "query"]
    url = url_below(address, interface.path)
    if query:
        url = url.copy_merge_params(_grouped(query))
    # What the platform makes of an answer depends on Accept: it refuses, with 406, a type that isn't in it.
    asked = {"Accept": "*/*", **(headers or {})}
    if interface.form == "multipart":
        built = _multipart(interface.method, url, rest, asked)
    elif interface.form == "urlencoded":
        built = httpx.Request(interface.method, url, data=_grouped(_pairs(rest)), headers=asked)
    elif interface.form == "json":
        content = _json(_json_body(interface, rest))
        built = httpx.Request(
            interface.method, url, content=content, headers={"Content-Type": "application/json", **asked}
        )
    else:
        built = httpx.Request(interface.method, url, headers=asked)
    built.read()
    check_size(built, rest, limit)
    return built


def url_below(address: str, path: str) -> httpx.URL:
    """The URL of `path` below `address`; raises `InterfaceError` where it is none, or is one of others."""
    here = httpx.URL(address)
    try:
        url = httpx.URL(address.rstrip("/") + path)
    except (httpx.InvalidURL, UnicodeError) as problem:
        raise InterfaceError(f"{path!r} makes no URL: {problem}") from problem
    same = (url.scheme, url.userinfo, url.netloc) == (here.scheme, here.userinfo, here.netloc)
    if not same or not f"{url.path}/".startswith(here.path.rstrip("/") + "/"):
        raise InterfaceError(f"{path!r} leads away from {address}")
    return url


def check_size(built: httpx.Request, inputs: Inputs, limit: int | None) -> None:
    """Raises `TooLarge`, which names the largest input, where the body is over `limit` bytes."""
    size = len(built.content)
    if limit is None or size <= limit:
        return
    largest = max(inputs, key=lambda item: _weight(item[1]), default=None)
    raise TooLarge(largest[0].name if largest else "the request", size, limit)


def form_text(value: Any) -> str:
    """A value as a form or a query has it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _multipart(method: str, url: httpx.URL, inputs: Inputs, headers: Mapping[str, str]) -> httpx.Request:
    files = [
        (field.name, (part.name, part.content, part.media_type))
        for field, value in inputs
        for part in (value if isinstance(value, list) else [value])
        if isinstance(part, FilePart)
    ]
    texts = _pairs((field, value) for field, value in inputs if not _has_files(value))
    # Texts as parts without a name, so that the form stays multipart where no file is given.
    parts: list[Any] = [(name, (None, text.encode())) for name, text in texts]
    return httpx.Request(method, url, files=parts + files, headers=dict(headers))


def _has_files(value: Any) -> bool:
    return isinstance(value, FilePart) or (
        isinstance(value, list) and bool(value) and all(isinstance(item, FilePart) for item in value)
    )


def _pairs(inputs: Iterable[tuple[Field, Any]]) -> list[Pair]:
    pairs: list[Pair] = []
    for field, value in inputs:
        if field.kind == "array" and isinstance(value, list):
            texts = [form_text(item) for item in value]
            pairs += [(field.name, text) for text in (texts if field.repeated else [",".join(texts)])]
        else:
            pairs.append((field.name, form_text(value)))
    return pairs


def _grouped(pairs: list[Pair]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _json_body(interface: Interface, inputs: Inputs) -> Any:
    if interface.whole_body:
        return inputs[0][1] if inputs else None
    return {field.name: value for field, value in inputs}


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON has an escape for
        return json.dumps(value, allow_nan=False).encode()


def _weight(value: Any) -> int:
    if isinstance(value, FilePart):
        return len(value.content)
    if isinstance(value, list) and value and isinstance(value[0], FilePart):
        return sum(map(_weight, value))
    return len(form_text(value))
