"""Reads a model's own description, Swagger 2 or OpenAPI 3, into an `Interface`; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from modelwhisk.client.choices import Choices
from modelwhisk.client.errors import InterfaceError, listed
from modelwhisk.client.interface import PLAIN, Field, Form, Interface, Kind, Place
from modelwhisk.client.references import Object, References

_PREDICT_PATHS = ("/model/predict", "/predict", "/inference", "/v1/predict")
_KINDS = frozenset({"file", "string", "integer", "number", "boolean", "array", "object"})
_MOST_LEVELS = 20  # of arrays of arrays: a schema may be one of itself

_BEYOND = 1e300  # what is no number that a bound may be; NaN isn't less


def interface_of(document: object, path: str | None = None) -> Interface:
    """The interface that `document` describes for `path`, or for predictions where it is None.

    Raises `InterfaceError` where it describes none, or several and none by a usual name.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("paths"), Mapping):
        raise InterfaceError("the description is neither Swagger 2 nor OpenAPI 3")
    path = path or _predict_path(document["paths"])
    shared = document["paths"].get(path)
    if not isinstance(shared, Mapping):
        raise InterfaceError(f"the description has no path {path}, only {_listed(document['paths'])}")
    method = "post" if "post" in shared else "get" if "get" in shared else ""
    if not method:
        raise InterfaceError(f"{path} has neither POST nor GET in the description")
    try:
        return _Reader(document).read(path, method, shared)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise InterfaceError(f"the description of {path} is malformed: {problem!r}") from problem


def _predict_path(paths: Object) -> str:
    for path in _PREDICT_PATHS:
        if path in paths:
            return path
    posts = [path for path, operations in paths.items() if isinstance(operations, Mapping) and "post" in operations]
    if len(posts) == 1:
        return str(posts[0])
    raise InterfaceError(f"the description doesn't say which path predicts; choose one: {_listed(paths)}")


def _listed(paths: Object) -> str:
    return listed(sorted(map(str, paths))) if paths else "none at all"


def bound_of(value: object) -> float | None:
    """A bound that can be compared with; None for what a description has instead of one."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _BEYOND
    return cast(float, value) if is_one else None


class _Reader:
    def __init__(self, document: Object) -> None:
        self._document = document
        self._references = References(document)
        # By schema and depth. Many may refer to one, whose choices may be many.
        self._fields: dict[tuple[int, int], tuple[Object, Field]] = {}

    def read(self, path: str, method: str, shared: Object) -> Interface:
        operation = shared[method]
        stated = (*shared.get("parameters", ()), *operation.get("parameters", ()))
        # A name stands once in each place; what the operation says of it counts (OpenAPI 3.0.3, "Operation Object").
        parameters = {(one.get("in"), one.get("name")): one for one in map(self._references.resolved, stated)}
        inputs, form, whole = self._parameters(parameters.values())
        if "requestBody" in operation:  # OpenAPI 3
            body_inputs, form, whole = self._request_body(self._references.resolved(operation["requestBody"]))
            inputs += body_inputs
        consumes = operation.get("consumes") or ()
        if form == "urlencoded" and "multipart/form-data" in consumes:
            form = "multipart"
        outputs, produces = self._outputs(operation)
        information = self._document.get("info", {})
        return Interface(
            method=method.upper(),
            path=path,
            form=form,
            inputs=tuple(inputs),
            outputs=outputs,
            produces=produces,
            whole_body=whole,
            title=str(information.get("title", "")),
            version=str(information.get("version", "")),
        )

    def _parameters(self, parameters: Iterable[Object]) -> tuple[list[Field], Form, bool]:
        inputs: list[Field] = []
        form: Form = "query"
        whole = False
        for parameter in parameters:
            place = parameter.get("in")
            if place == "body":
                form = "json"
                body, whole = self._body(parameter.get("schema", {}), bool(parameter.get("required")))
                inputs += body
            elif place == "formData":
                form = "multipart" if parameter.get("type") == "file" or form == "multipart" else "urlencoded"
                inputs.append(self._field(parameter, "form"))
            elif place == "query":
                inputs.append(self._field({**parameter.get("schema", {}), **parameter}, "query"))
        return inputs, form, whole

    def _field(self, parameter: Object, place: Place) -> Field:
        field = self._schema(str(parameter["name"]), parameter, required=parameter.get("required") is True)
        repeated = parameter.get("collectionFormat") == "multi" or (
            "schema" in parameter and parameter.get("explode", True) is not False
        )
        return replace(field, place=place, repeated=repeated)

    def _body(self, schema: Object, required: bool) -> tuple[list[Field], bool]:
        """The fields of a JSON body, and whether it is one value rather than an object."""
        schema = self._references.resolved(schema)
        if schema.get("properties"):
            return list(self._properties(schema)), False
        return [self._schema(PLAIN, schema, required=required)], True

    def _properties(self, schema: Object) -> Iterator[Field]:
        stated = schema.get("required")
        needed = {name for name in stated if isinstance(name, str)} if isinstance(stated, list) else set()
        for name, item in schema.get("properties", {}).items():
            yield self._schema(str(name), item, required=name in needed)

    def _schema(self, name: str, schema: Object, *, required: bool = False, depth: int = 0) -> Field:
        schema = self._references.resolved(schema)
        known = id(schema), depth
        if known not in self._fields:
            self._fields[known] = schema, self._made(schema, depth)
        return replace(self._fields[known][1], name=name, required=required)

    def _made(self, schema: Object, depth: int) -> Field:
        kind = schema.get("type", "object" if "properties" in schema else "any")
        if isinstance(kind, list):  # OpenAPI 3.1 and JSON Schema: ["string", "null"]
            kind = next((item for item in kind if item != "null"), "any")
        if kind == "string" and (schema.get("format") == "binary" or "contentMediaType" in schema):
            kind = "file"
        items = schema.get("items") if kind == "array" and depth < _MOST_LEVELS else None
        return Field(
            name=PLAIN,
            kind=cast(Kind, kind) if kind in _KINDS else "any",
            description=str(schema.get("description", "")),
            default=schema.get("default"),
            choices=Choices(schema.get("enum", ())),
            minimum=bound_of(schema.get("minimum")),
            maximum=bound_of(schema.get("maximum")),
            items=self._schema(PLAIN, items, depth=depth + 1) if isinstance(items, Mapping) else None,
        )

    def _request_body(self, body: Object) -> tuple[list[Field], Form, bool]:
        content = body.get("content", {})
        forms: tuple[tuple[str, Form], ...] = (
            ("multipart/form-data", "multipart"),
            ("application/x-www-form-urlencoded", "urlencoded"),
            ("application/json", "json"),
        )
        for media_type, form in forms:
            if media_type in content:
                schema = content[media_type].get("schema", {})
                if form == "json":
                    fields, whole = self._body(schema, bool(body.get("required")))
                    return fields, form, whole
                # OpenAPI 3.0.3, "Special Considerations for multipart Content": an array is a part for each element.
                fields = [
                    replace(field, place="form", repeated=True)
                    for field in self._properties(self._references.resolved(schema))
                ]
                return fields, form, False
        raise InterfaceError(f"predictions take {listed(content) if content else 'no known type'}, which has no fields")

    def _outputs(self, operation: Object) -> tuple[tuple[Field, ...], tuple[str, ...]]:
        responses = operation.get("responses", {})
        response = self._references.resolved(
            responses.get("200") or responses.get(200) or responses.get("default") or {}
        )
        content = response.get("content", {})
        produces = tuple(operation.get("produces") or content or ())
        first: Object = next(iter(content.values()), {})
        schema = self._references.resolved(response.get("schema") or first.get("schema", {}))
        if schema.get("properties"):
            return tuple(self._properties(schema)), produces
        if schema:
            return (self._schema(PLAIN, schema),), produces
        binary = bool(produces) and not any("json" in item or item == "*/*" for item in produces)
        return ((Field(PLAIN, "file", description=", ".join(produces)),) if binary else ()), produces
