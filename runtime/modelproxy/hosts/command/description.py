"""What a server says of its own inputs, in a Swagger 2 or OpenAPI 3 document."""

import json

from ...plain_action import inputs_of_swagger
from ..openapi import inputs_of_openapi

# The path that predicts, for one who names none, in this order; else the only one that takes POST.
_PREDICTING = ("/inference", "/predict", "/model/predict", "/")


def inputs_of(document, path):
    """The ``Inputs`` of ``path``, for ``/`` those of the path that predicts; None where nothing describes it.

    document   function of a path: the body of a document of the server's, b"" where it has none.
    """
    for place, reader in (("/swagger.json", inputs_of_swagger), ("/openapi.json", inputs_of_openapi)):
        body = document(place)
        posts = _posts(body)
        if posts is not None:
            path = _predicting(posts) if path == "/" else path
            return reader(body, path) if path else None
    return None


def _predicting(posts):
    for known in _PREDICTING:
        if known in posts:
            return known
    return posts[0] if len(posts) == 1 else None


def _posts(body):
    """The paths of a document that take POST, None where it is no such document."""
    try:
        return [path for path, operations in json.loads(body.decode("utf-8"))["paths"].items() if "post" in operations]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
