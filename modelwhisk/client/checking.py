"""Checks inputs against an interface before anything is sent; pure but for reading the files that are named."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from modelwhisk.client.errors import InputError, listed
from modelwhisk.client.files import FilePart, file_part
from modelwhisk.client.interface import Field, Interface
from modelwhisk.nested_json import loads

_ARTICLES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "True or False",
    "array": "a list",
    "object": "a dict",
}
_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


Inputs = list[tuple[Field, Any]]


def check(interface: Interface, values: Mapping[str, Any], most: int | None = None) -> Inputs:
    """What is to be sent for each field, files as `FilePart`; raises `InputError` that names the field, and `TooLarge`
    for a `Path` to more than `most` bytes."""
    given: dict[str, tuple[Field, Any]] = {}
    for name, value in values.items():
        field = interface.input(name)
        if field is None:
            raise InputError(name, _unknown(name, interface))
        if field.name in given:
            raise InputError(name, f"was given twice, also by its {'id' if name == field.name else 'name'}")
        if value is not None or field.required:
            given[field.name] = (field, value)
    for field in interface.inputs:
        if field.required and field.name not in given:
            raise InputError(field.name, f"is missing, and the model needs it: {_wanted(field)}")
    return [(field, _checked(field, value, most)) for field, value in given.values()]


def parse_text(field: Field, text: str) -> Any:
    """The value that a text from a command line or a table stands for; left as it is where it stands for none.

    A bare text for an array is its only element.
    """
    if field.kind == "array":
        return _parse_array(field, text)
    if field.kind == "boolean":
        return _TRUTH.get(text.strip().lower(), text)
    if field.kind in ("integer", "number", "object", "any"):
        return _parse_json(text)
    return text


def _parse_array(field: Field, text: str) -> Any:
    if text.lstrip().startswith("["):
        value = _parse_json(text)
        if isinstance(value, list):
            return value
    return [parse_text(field.items, text) if field.items else text]


def _parse_json(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _unknown(name: str, interface: Interface) -> str:
    names = [field.name for field in interface.inputs]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f"the model has no such input{hint} Its inputs: {listed(interface.inputs)}"


def _wanted(field: Field) -> str:
    return "a file" if field.kind == "file" else _ARTICLES.get(field.kind, "a value")


def _checked(field: Field, value: Any, most: int | None, where: str = "") -> Any:
    name = where or field.name
    if field.kind == "file":
        return file_part(name, value, most)
    value = _plain(value)
    if not _fits(field, value):
        given = "a file" if isinstance(value, FilePart) else f"{value!r:.60} ({type(value).__name__})"
        raise InputError(name, f"must be {_wanted(field)}, not {given}")
    if field.kind == "array":
        element = field.items or Field(name)
        return [_checked(element, item, most, f"{name}[{position}]") for position, item in enumerate(value)]
    _check_range(field, name, value)
    _check_json(name, value)
    return value


def _plain(value: Any) -> Any:
    """numpy's scalars and arrays as Python's own, tuples as lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _fits(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return field.kind in ("boolean", "any")
    types: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "integer": Integral,
        "number": Real,
        "boolean": bool,
        "array": list,
        "object": Mapping,
    }
    return isinstance(value, types.get(field.kind, object))


def _check_range(field: Field, name: str, value: Any) -> None:
    if field.choices and value not in field.choices:
        raise InputError(name, f"must be one of {listed(field.choices)}, not {value!r:.60}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise InputError(name, f"must be a finite number, not {value}")
        if field.minimum is not None and value < field.minimum:
            raise InputError(name, f"must be at least {field.minimum}, not {value}")
        if field.maximum is not None and value > field.maximum:
            raise InputError(name, f"must be at most {field.maximum}, not {value}")


def _check_json(name: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise InputError(name, f"can't be written as JSON: {problem}") from problem
