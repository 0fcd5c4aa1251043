"""Reads a specification file into an `Interface`; pure.

Fields are those of UbiOps deployments: `[{"name": "img", "id": "0000", "data_type": {"value": "file"}}, …]`, the type
also as bare text. Such a list is the inputs; an object has `inputs` and `outputs` (or `input_fields`, `output_fields`),
and may have `input_type` and `output_type` (`structured` or `plain`), `method` and `path`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelwhisk.client.errors import InterfaceError
from modelwhisk.client.interface import PLAIN, Field, Form, Interface, Kind

# UbiOps' data types, and the two more that Swagger has.
_KINDS: dict[str, Kind] = {
    "int": "integer",
    "double": "number",
    "string": "string",
    "bool": "boolean",
    "dict": "object",
    "file": "file",
    "blob": "file",
    "any": "any",
}
_ARRAY = "array_"


def interface_of(document: object, path: str | None = None) -> Interface:
    """The interface that a specification describes; raises `InterfaceError` that names what is wrong in it."""
    if isinstance(document, list):
        document = {"inputs": document}
    if not isinstance(document, Mapping):
        raise InterfaceError("a specification is a list of fields, or an object with inputs and outputs")
    inputs = _fields(document, "input")
    whole = document.get("input_type") == "plain"
    form = _form(inputs)
    return Interface(
        method=str(document.get("method", "POST")).upper(),
        path=path or str(document.get("path", "")),
        form=form,
        inputs=tuple(replace(field, place="json" if form == "json" else "form") for field in inputs),
        outputs=_fields(document, "output"),
        whole_body=whole,
        title=str(document.get("name", "")),
        version=str(document.get("version", "")),
    )


def is_specification(document: object) -> bool:
    """Whether `document` is one, rather than Swagger or OpenAPI."""
    return not (isinstance(document, Mapping) and "paths" in document)


def _form(inputs: tuple[Field, ...]) -> Form:
    files = any("file" in (field.kind, field.items.kind if field.items else "") for field in inputs)
    return "multipart" if files else "json"


def _fields(document: Mapping[str, Any], side: str) -> tuple[Field, ...]:
    if document.get(f"{side}_type") == "plain":
        return (Field(PLAIN, "string", required=side == "input"),)
    items = document.get(f"{side}s", document.get(f"{side}_fields", ()))
    if not isinstance(items, (list, tuple)):
        raise InterfaceError(f"the specification's {side}s are no list")
    fields = tuple(_field(item, side, position) for position, item in enumerate(items, start=1))
    times = Counter(field.name for field in fields)
    twice = next((name for name, count in times.items() if count > 1), None)
    if twice is not None:
        raise InterfaceError(f"the specification has two {side}s called {twice}")
    return fields


def _field(item: object, side: str, position: int) -> Field:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or not item["name"]:
        raise InterfaceError(f"the specification's {side} {position} has no name")
    stated = item.get("data_type", "any")
    name = stated.get("value") if isinstance(stated, Mapping) else stated
    element = name.removeprefix(_ARRAY) if isinstance(name, str) else ""
    kind = _KINDS.get(element)
    if kind is None:
        raise InterfaceError(f"the specification's {side} {item['name']} has the unknown data type {name!r}")
    field = Field(
        name=item["name"],
        kind=kind,
        required=item.get("required", side == "input") is True,
        description=str(item.get("description", "")),
        id=str(item.get("id", "")),
        repeated=True,
    )
    return replace(field, kind="array", items=replace(field, repeated=False)) if element != name else field
