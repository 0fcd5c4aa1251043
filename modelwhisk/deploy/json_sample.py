"""A JSON body to try a model with, made up from its description, Swagger 2 or OpenAPI 3. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# A schema may refer to itself, and by each of its properties.
_DEPTH = 8
_VALUES = 200  # in one body
_LENGTH_OF_A_VALUE = 100  # characters, by which examples are counted
_TEXT = "I wish you a good morning, and a good day."

Object = Mapping[str, Any]


def sample_body(document: Object, path: str, method: str) -> Any:
    """A body that `method` at `path` takes; `{}` where the description doesn't tell."""
    try:
        operation = document["paths"][path][method.lower()]
        return _Sampler(document).sample(_body_schema(document, path, operation))
    except (AttributeError, KeyError, TypeError, ValueError):  # it may be any JSON
        return {}


def _body_schema(document: Object, path: str, operation: Object) -> Object:
    if "requestBody" in operation:
        schema: Object = operation["requestBody"]["content"]["application/json"]["schema"]
        return schema
    parameters = [*document["paths"][path].get("parameters", ()), *operation.get("parameters", ())]
    return next(parameter["schema"] for parameter in parameters if parameter.get("in") == "body")


class _Sampler:
    def __init__(self, document: Object) -> None:
        self._document = document
        self._left = _VALUES

    def sample(self, schema: Object, depth: int = 0) -> Any:
        """A value that fits: the schema's example, default or first choice, else one made up for its type; `{}` once
        there are enough."""
        schema = self._resolved(schema)
        self._left -= 1
        if self._left < 0:
            return {}
        for key in ("example", "default"):
            if schema.get(key) is not None:
                self._left -= len(json.dumps(schema[key])) // _LENGTH_OF_A_VALUE
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if depth < _DEPTH and kind == "array":
            return [self.sample(schema.get("items", {}), depth + 1)]
        if depth < _DEPTH and kind == "object":
            properties = schema.get("properties", {})
            wanted = schema.get("required") or properties
            return {name: self.sample(properties[name], depth + 1) for name in wanted if name in properties}
        return {} if kind == "object" else [] if kind == "array" else scalar(kind, schema.get("minimum"))

    def _resolved(self, schema: Object) -> Object:
        for _ in range(_DEPTH):
            if len(schema.get("allOf", ())) == 1:
                schema = schema["allOf"][0]
            if "$ref" not in schema:
                break
            found: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


def scalar(kind: str, minimum: float | None) -> Any:
    """A value of a simple type, no less than `minimum`."""
    if kind == "integer":
        return int(minimum or 1)
    if kind == "number":
        return minimum if minimum is not None else 0.5
    return True if kind == "boolean" else _TEXT
