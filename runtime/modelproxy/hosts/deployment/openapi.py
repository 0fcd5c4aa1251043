"""The specifications as an OpenAPI 3.0 document, which tells any client how to call. Pure."""

from .specification import FILES

_SCHEMAS = {
    "int": {"type": "integer"},
    "double": {"type": "number"},
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "dict": {"type": "object"},
    "any": {},
}


def document(specification, mount):
    """For a deployment that is seen at ``mount``."""
    operation = {
        "operationId": "request",
        "summary": "One request to the deployment.",
        "requestBody": {"required": True, "content": _content(specification.input)},
        "responses": {
            "200": {"description": "The output.", "content": _answers(specification.output)},
            "400": {"description": "The input isn't what the deployment takes; `error` says why, `field` where."},
            "500": {"description": "The deployment failed, or returned what it shouldn't."},
        },
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": specification.deployment, "version": specification.version},
        "servers": [{"url": mount or "/"}],
        "paths": {"/": {"post": operation}},
    }


def _content(side):
    if side.is_plain:
        return {"application/json": {"schema": {"type": "string"}}, "text/plain": {"schema": {"type": "string"}}}
    if any(field.is_file for field in side.fields or ()):
        encoded = _object(side, {"type": "string", "description": "base64 text, or a data: URL"})
        files = {"type": "string", "format": "binary"}
        return {"multipart/form-data": {"schema": _object(side, files)}, "application/json": {"schema": encoded}}
    return {"application/json": {"schema": _object(side, {})}}


def _answers(side):
    if side.is_plain:
        return {"text/plain": {"schema": {"type": "string"}}}
    fields = side.fields or ()
    if len(fields) == 1 and fields[0].data_type in FILES:
        return {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": _object(side, {"type": "string", "description": "a data: URL"})}}


def _object(side, file):
    if side.fields is None:
        return {"type": "object"}
    return {
        "type": "object",
        "properties": {field.name: _schema(field, file) for field in side.fields},
        "required": [field.name for field in side.fields if field.required],
    }


def _schema(field, file):
    schema = dict(file if field.is_file else _SCHEMAS[field.element])
    if field.is_array:
        schema = {"type": "array", "items": schema}
    if field.description:
        schema["description"] = field.description
    if field.default is not None:
        schema["default"] = field.default
    return schema
