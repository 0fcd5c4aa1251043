"""An OpenAPI 3.0 or 3.1 document → the inputs of one path (spec.openapis.org/oas). Pure.

A file is ``format: binary`` in 3.0 and ``contentMediaType: application/octet-stream`` in 3.1.
"""

import json
import re

from ..plain_action import Inputs, inputs_of_swagger

_METHODS = ("post", "put", "patch", "get")  # the first that a path has is the one that predicts
_DEEPEST = 8  # levels of $ref, allOf and the like; a document may refer to itself
_TEMPLATE = re.compile(r"\{[^{}/]*\}")


def inputs_of_openapi(document, path):
    """The inputs of ``path`` from an OpenAPI 3 document (bytes), or None where it doesn't describe them."""
    try:
        document = json.loads(document.decode("utf-8"))
        if "swagger" in document:
            return inputs_of_swagger(json.dumps(document), path)
        return _inputs(document, path)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _inputs(document, path):
    operations = _resolved(document, _operations(document["paths"], path))
    method = next((method for method in _METHODS if method in operations), None)
    if method is None:
        return None
    operation = operations[method]
    parameters = operations.get("parameters", []) + operation.get("parameters", [])
    parameters = [_resolved(document, parameter) for parameter in parameters]
    query = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    if "requestBody" not in operation:
        return Inputs(method.upper(), path, "query" if method == "get" or query else "json", (), query)
    content = _resolved(document, operation["requestBody"])["content"]
    bodies = {kind.partition(";")[0].strip().lower(): body.get("schema", {}) for kind, body in content.items()}
    files = list(_files(document, bodies.get("multipart/form-data", {})))
    form = _form(bodies, files)
    return Inputs(method.upper(), path, form, files if form == "multipart" else (), query) if form else None


def _operations(paths, path):
    if path in paths:
        return paths[path]
    for template in paths:
        pairs = zip(template.split("/"), path.split("/"))
        if template.count("/") == path.count("/") and all(_fits(segment, text) for segment, text in pairs):
            return paths[template]
    raise KeyError(path)


def _fits(segment, text):
    """Whether a template's segment stands for ``text``, each parameter for a character or more. An expression of two
    parameters would take hours for a long path."""
    first, *others = _TEMPLATE.split(segment)
    if not others or not text.startswith(first):
        return text == first and not others
    at = len(first)
    for literal in others[:-1]:
        found = text.find(literal, at + 1)
        if found < 0:
            return False
        at = found + len(literal)
    return text.endswith(others[-1]) and len(text) - len(others[-1]) > at


def _form(bodies, files):
    """How to send, of what the model takes: a form that has files, JSON, another form; None for what is neither."""
    if files:
        return "multipart"
    if any(kind in ("application/json", "*/*", "application/*") or kind.endswith("+json") for kind in bodies):
        return "json"
    if "application/x-www-form-urlencoded" in bodies:
        return "urlencoded"
    return "multipart" if "multipart/form-data" in bodies else None


def _files(document, schema):
    """Names of the file fields of a form."""
    for part in _parts(document, schema):
        for name, field in part.get("properties", {}).items():
            if any(_is_file(kind) for kind in _kinds(document, field)):
                yield name


def _kinds(document, field):
    """What a field may be, an array's items among it."""
    for kind in _parts(document, field):
        yield kind
        if "items" in kind:
            yield from _parts(document, kind["items"])


def _is_file(kind):
    if "string" not in (kind.get("type") or "string"):  # in 3.1 a list of types, too
        return False
    media_type = kind.get("contentMediaType", "application/json")  # which is how pydantic declares JSON in a text field
    return kind.get("format") == "binary" or (media_type != "application/json" and "contentEncoding" not in kind)


def _parts(document, schema, depth=0):
    """A schema and those that it is made of or may be, ``$ref`` resolved."""
    schema = _resolved(document, schema)
    yield schema
    if depth < _DEEPEST:
        for key in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(key, ()):
                yield from _parts(document, part, depth + 1)


def _resolved(document, thing):
    """What a ``{"$ref": "#/…"}`` stands for (RFC 6901), and anything else as it is."""
    for _ in range(_DEEPEST):
        if "$ref" not in thing:
            return thing
        found = document
        place, _, pointer = thing["$ref"].partition("#/")
        for key in pointer.split("/") if not place else ():
            found = found[key.replace("~1", "/").replace("~0", "~")]
        if place:
            raise KeyError(place)  # another document
        thing = found
    raise RecursionError("a $ref leads back to itself")
