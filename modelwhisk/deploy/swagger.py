"""What a model wants, from its Swagger 2 document: method, path, fields, files, query, and samples of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Form = Literal["json", "multipart", "urlencoded", "none"]

_DEFAULT_PATH = "/model/predict"
# A schema may refer to itself.
_DEPTH = 6


@dataclass(frozen=True)
class Field:
    """One input with a sample value; what isn't `required` can be left out, with a `default` it is worth showing."""

    name: str
    sample: Any
    required: bool
    default: bool = False
    description: str = ""


@dataclass(frozen=True)
class Operation:
    """The model's main call. `path` is empty where it is what answers without one; `body` is a sample of the JSON."""

    method: str
    path: str
    form: Form
    files: tuple[Field, ...] = ()
    fields: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    body: Any = None
    produces: str = ""


def main_operation(document: Mapping[str, Any]) -> Operation | None:
    """The model's prediction: `/model/predict`, else the only path that ends so; None where there is no such."""
    try:
        return _operation(document)
    except (AttributeError, IndexError, KeyError, TypeError):  # it may be any JSON
        return None


def _operation(document: Mapping[str, Any]) -> Operation | None:
    paths = document["paths"]
    candidates = [path for path in paths if path.rstrip("/").endswith("predict")]
    path = _DEFAULT_PATH if _DEFAULT_PATH in paths else candidates[0]
    method = "post" if "post" in paths[path] else "get"
    described = paths[path][method]
    definitions = document.get("definitions", {})
    parameters = [*paths[path].get("parameters", []), *described.get("parameters", [])]
    places: dict[str, list[Field]] = {"file": [], "formData": [], "query": []}
    body, has_body = None, False
    for parameter in parameters:
        if parameter["in"] == "body":
            body, has_body = sample_of(parameter.get("schema", {}), definitions), True
            continue
        kind = "file" if parameter.get("type") == "file" else parameter["in"]
        places.setdefault(kind, []).append(_field(parameter, definitions))
    form: Form = "none"
    if has_body:
        form = "json"
    elif places["file"] or "multipart/form-data" in described.get("consumes", []):
        form = "multipart"
    elif places["formData"]:
        form = "urlencoded"
    return Operation(
        method=method.upper(),
        path="" if path == _DEFAULT_PATH else path,
        form=form,
        files=tuple(places["file"]),
        fields=tuple(places["formData"]),
        query=tuple(places["query"]),
        body=body,
        produces=next(iter(described.get("produces", [])), ""),
    )


def _field(parameter: Mapping[str, Any], definitions: Mapping[str, Any]) -> Field:
    return Field(
        name=parameter["name"],
        sample=sample_of(parameter, definitions),
        required=bool(parameter.get("required", False)),
        default="default" in parameter,
        description=parameter.get("description", ""),
    )


def sample_of(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that fits a schema: its example, default or first choice, else one made up for its type."""
    if "$ref" in schema:
        schema = definitions.get(schema["$ref"].rpartition("/")[2], {})
    for key in ("example", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if depth >= _DEPTH:
        return [] if kind == "array" else {} if kind == "object" else None
    if kind == "array":
        return [sample_of(schema.get("items", {}), definitions, depth + 1)]
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = schema.get("required") or list(properties)
        return {name: sample_of(properties[name], definitions, depth + 1) for name in wanted if name in properties}
    return _scalar(kind, schema)


def _scalar(kind: str, schema: Mapping[str, Any]) -> Any:
    if kind == "integer":
        return int(schema.get("minimum", 1))
    if kind == "number":
        return schema.get("minimum", 0.5)
    if kind == "boolean":
        return True
    return "I wish you a good morning, and a good day."
