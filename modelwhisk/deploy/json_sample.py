"""A JSON body to try a model with, made up from its description, Swagger 2 or OpenAPI 3. Pure."""

from __future__ import annotations

import json
import math
from typing import Any

from modelwhisk.client.references import Object, References
from modelwhisk.client.swagger import bound_of

# A schema may refer to others many times, and these to more.
_DEPTH = 8
_VALUES = 200  # in one body
_LENGTH_OF_A_VALUE = 100  # characters, by which examples are counted
_TEXT = "I wish you a good morning, and a good day."


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
        self._references = References(document)
        self._left = _VALUES
        self._open: list[Object] = []  # the schemas that a value is being made up for

    def sample(self, schema: Object, depth: int = 0) -> Any:
        """A value that fits: the schema's example, default or first choice, else one made up for its type. Lists and
        objects are empty within themselves, and once there are enough values."""
        schema = self._references.resolved(schema)
        self._left -= 1
        for key in ("example", "default"):
            if schema.get(key) is not None and self._left > 0:
                return self._counted(schema[key])
        if schema.get("enum") and self._left > 0:
            return self._counted(schema["enum"][0])
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if kind not in ("array", "object"):
            return scalar(kind, bound_of(schema.get("minimum")))
        if depth >= _DEPTH or self._left <= 0 or self._goes_in_circles(schema):
            return {} if kind == "object" else []
        self._open.append(schema)
        try:
            return self._list(schema, depth + 1) if kind == "array" else self._object(schema, depth + 1)
        finally:
            self._open.pop()

    def _list(self, schema: Object, depth: int) -> list[Any]:
        items = schema.get("items", {})
        return [] if self._goes_in_circles(items) else [self.sample(items, depth)]

    def _object(self, schema: Object, depth: int) -> dict[str, Any]:
        """With the properties that must be there, or all where none must; but for these, no object within itself."""
        properties = schema.get("properties", {})
        wanted = dict.fromkeys(schema.get("required") or ()) or [
            name for name, item in properties.items() if not self._goes_in_circles(item)
        ]
        return {name: self.sample(properties[name], depth) for name in wanted if name in properties}

    def _goes_in_circles(self, schema: Object) -> bool:
        """Whether a value of it would be within another of it, without end."""
        resolved = self._references.resolved(schema)
        return any(resolved is one for one in self._open)

    def _counted(self, value: Any) -> Any:
        self._left -= len(json.dumps(value)) // _LENGTH_OF_A_VALUE
        return value


def scalar(kind: str, minimum: float | None) -> Any:
    """A value of a simple type, no less than `minimum`."""
    if kind == "integer":
        return math.ceil(minimum or 1)
    if kind == "number":
        return minimum if minimum is not None else 0.5
    return True if kind == "boolean" else _TEXT
