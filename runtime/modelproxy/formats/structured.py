"""JSON or MessagePack: which of them a body is in, and which a client would rather have. Pure."""

import contextlib

from . import json_text, msgpack

_JSON = "application/json"


class Unparsable(Exception):
    """A body without a value; the text is for the client."""


class Empty(Unparsable):
    """There is no body at all."""


def value_of(request):
    """The value that a request's body holds by its Content-Type; without one JSON is tried. Raises ``Unparsable``."""
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if not request.body:
        raise Empty("The body is empty; the model wants JSON or MessagePack.")
    if kind in msgpack.MEDIA_TYPES:
        title, parse = "MessagePack", msgpack.unpack
    elif kind in ("", _JSON) or kind.endswith("+json"):
        title, parse = "JSON", json_text.loads
    else:
        raise Unparsable(
            "The model wants JSON or MessagePack, this body is %s: send it with the Content-Type application/json or "
            "application/msgpack." % kind[:80]
        )
    try:
        return parse(request.body)
    except RecursionError:
        raise Unparsable("The body is nested too deeply.") from None
    except ValueError as error:
        raise Unparsable("The body isn't %s: %s." % (title, error)) from None


def preferred(request):
    """application/json, or the name for MessagePack to which the client's Accept gives more weight, or which it names
    before it."""
    chosen, best = _JSON, 0.0
    for part in request.header("accept").lower().split(","):
        name, _, parameters = part.partition(";")
        name = name.strip()
        if name == _JSON or name in msgpack.MEDIA_TYPES:
            weight = _weight(parameters)
            if weight > best:
                chosen, best = name, weight
    return chosen


def _weight(parameters):
    """The ``q`` of RFC 9110, section 12.4.2; what can't be read counts as 1."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            with contextlib.suppress(ValueError):
                return float(value)
    return 1.0
