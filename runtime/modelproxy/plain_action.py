"""A call that is no web request (``wsk action invoke -p text hello``, a trigger, a sequence) ↔ the model's HTTP API.

Pure functions. Parameters become the model's own inputs as its Swagger describes them; its JSON becomes the result.
"""

import binascii
import json
import os
import re

from . import web_action
from .messages import BadValue, Request, error_response, kind_of
from .percent import form_encoded, quoted_path, unquoted_bytes

# What a part is called when the caller gave bare base64: several models refuse a part whose type isn't a picture's.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
    (b"RIFF", "audio/wav", "wav"),
)
_LONGEST_NAME = 1000  # characters; in a form it stands twice in each of the parts
_MOST_PARTS = 1000  # as those who read forms take them
# spray-json refuses a number of more than a hundred characters (JsonParserSettings.scala, maxNumberCharacters).
_LONG_NUMBER = re.compile(rb"[-+.0-9eE]{101}")
# Parameters are bounded: a group takes memory for each time that it matches.
_DATA_URL = re.compile(r"data:([^,;]*(?:;[^,;=]+=[^,;]*){0,100})(;base64)?,", re.IGNORECASE)
_SURE_DATA_URL = re.compile(
    r"data:(?:;base64|[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[^,;]*){0,100}(?:;base64)?),", re.ASCII | re.IGNORECASE
)


class Inputs:
    """How a model wants its inputs: ``method``, ``path``, ``form`` ("json", "multipart", "urlencoded" or "query"),
    names of its ``files`` and of the parameters that go into the ``query``."""

    __slots__ = ("files", "form", "method", "path", "query")

    def __init__(self, method, path, form, files=(), query=()):
        self.method = method
        self.path = path
        self.form = form
        self.files = frozenset(files)
        self.query = frozenset(query)


def inputs_of_swagger(document, path):
    """The inputs of ``path`` from a Swagger 2 document (bytes), or None where it doesn't describe them."""
    try:
        document = json.loads(document)
        operations = document["paths"][path]
        method = "post" if "post" in operations and not _is_stub(operations) else "get"
        fields = operations.get("parameters", []) + operations[method].get("parameters", [])
        places = [(field["name"], field["in"], field.get("type")) for field in fields]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    files = [name for name, place, kind in places if place == "formData" and kind == "file"]
    query = [name for name, place, _ in places if place == "query"]
    if any(place == "body" for _, place, _ in places):
        form = "json"
    elif files:
        form = "multipart"
    elif any(place == "formData" for _, place, _ in places):
        form = "urlencoded"
    elif method == "get" or query:
        form = "query"
    else:
        form = "json"
    return Inputs(method.upper(), path, form, files, query)


def _is_stub(operations):
    """True where POST is maxfw's own PredictAPI.post, which every model that predicts on GET inherits (the Audio Sample
    Generator): it raises NotImplementedError."""
    return "get" in operations and operations["post"].get("summary") == "To be implemented"


def request(value, inputs, mount="", activation=None, default_path=""):
    """The request that hands ``value`` (an object or an array) to the model. Raises ``BadValue``.

    Without a description of the inputs (None) they go to ``default_path``, whose query, if it has one, is always sent:
    as a form where the value of any parameter is a ``data:`` URL, or a list of nothing but such, which are its files
    then and all else is text; as a JSON body otherwise. A URL counts only with a media type or ``;base64``: "data:, …"
    may be somebody's text.
    """
    path, _, default_query = default_path.partition("?")
    default = inputs is None
    inputs = inputs or _guessed_inputs(value, path)
    headers = [("host", "localhost")]
    query = ""
    if type(value) is list:
        if inputs.form != "json":
            raise BadValue("The model takes named parameters (an object), not an array.")
        body = json.dumps(value).encode("ascii")
    elif type(value) is not dict:
        raise BadValue("The value of an activation must be an object or an array, this one is %s." % kind_of(value))
    else:
        in_query = inputs.query if inputs.form != "query" else frozenset(value)
        query = form_encoded({key: item for key, item in value.items() if key in in_query})
        body = _body({key: item for key, item in value.items() if key not in in_query}, inputs, headers)
    if inputs.form == "json":
        headers.append(("content-type", "application/json"))
    query = "&".join(part for part in (default_query, query) if part)
    return Request(inputs.method, quoted_path(inputs.path), query, headers, body, mount, "http", activation, default)


def _guessed_inputs(value, path):
    files = []
    for name, item in value.items() if type(value) is dict else ():
        several = item if type(item) is list and item else [item]
        if all(isinstance(one, str) and _SURE_DATA_URL.match(one) for one in several):
            files.append(name)
    return Inputs("POST", path, "multipart" if files else "json", files)


def _body(fields, inputs, headers):
    if inputs.form == "json":
        return json.dumps(fields).encode("ascii")
    if inputs.form == "urlencoded":
        headers.append(("content-type", "application/x-www-form-urlencoded"))
        return form_encoded(fields).encode("ascii")
    if inputs.form == "multipart":
        boundary = binascii.b2a_hex(os.urandom(16))
        headers.append(("content-type", "multipart/form-data; boundary=" + boundary.decode("ascii")))
        return _multipart(fields, inputs.files, boundary)
    return b""


def _multipart(fields, files, boundary):
    parts = []
    for name, given in fields.items():
        if len(name) > _LONGEST_NAME:
            raise _bad_input(name[:80], "… has a name of more than %d characters." % _LONGEST_NAME)
        several = given if name in files and type(given) is list else [given]
        if len(parts) + len(several) > _MOST_PARTS:
            raise BadValue("The inputs make a form of more than %d parts." % _MOST_PARTS)
        parts += [_part(name, item, name in files, boundary) for item in several]
    return b"".join(parts) + b"--" + boundary + b"--\r\n"


def _part(name, item, is_file, boundary):
    """RFC 7578, names escaped as browsers do (WHATWG HTML, multipart/form-data encoding)."""
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode("utf-8", "replace")
    head = b'--%s\r\nContent-Disposition: form-data; name="%s"' % (boundary, quoted)
    if is_file:
        content, media_type, suffix = _file(name, item)
        head += b'; filename="%s.%s"\r\nContent-Type: %s' % (
            quoted,
            suffix.encode("ascii"),
            media_type.encode("ascii"),
        )
    else:
        text = item if isinstance(item, str) else json.dumps(item)
        content = text.encode("utf-8", "replace")
    return head + b"\r\n\r\n" + content + b"\r\n"


def _file(name, item):
    """Content, media type and file name's ending of a file given as base64 or as a ``data:`` URL."""
    if not isinstance(item, str):
        raise _bad_input(name, " is a file: give it as base64 text or as a data: URL.")
    url = _DATA_URL.match(item)
    if url and not url.group(2):
        content = unquoted_bytes(item[url.end() :])
    else:
        content = _base64(name, item[url.end() :] if url else item)
    media_type, suffix = "application/octet-stream", "bin"
    for signature, known, ending in _SIGNATURES:
        if content.startswith(signature):
            media_type, suffix = known, ending
    if url and re.match(r"[\w.+-]+/[\w.+-]+\Z", url.group(1).split(";")[0], re.ASCII):
        media_type = url.group(1).split(";")[0]
        suffix = suffix if suffix != "bin" else re.sub(r"\W.*", "", media_type.partition("/")[2])
    return content, media_type, suffix


def _base64(name, text):
    text = "".join(text.split())
    if re.match(r"[A-Za-z0-9+/_-]*={0,2}\Z", text) and len(text.rstrip("=")) % 4 != 1:
        text = text.rstrip("=").replace("-", "+").replace("_", "/")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4))
    raise _bad_input(name, " is a file: what was given is neither base64 text nor a data: URL.")


def _bad_input(name, what):
    return BadValue("The input %r%s" % (name, what), "An input%s" % what)


def encode(response, request, limit):
    """The result of a plain call: the model's own object or array, or ``{statusCode, headers, body}`` for what else.

    A 4xx or 5xx goes under ``error``, as does what wouldn't fit into ``limit`` bytes.
    """
    if 200 <= response.status <= 299 and len(response.body) <= limit and _is_result(response):
        result = web_action.escaped_mark(response.body)
        if len(result) <= limit:
            return web_action.Outcome((result,), response, [])
    outcome = web_action.encode(response, request, limit)
    if 400 <= outcome.response.status <= 499:
        parts = (b'{"error":',) + outcome.parts + (b"}",)
        outcome = web_action.Outcome(parts, outcome.response, outcome.notes)
        if outcome.size > limit:
            short = error_response(500, "The model's answer doesn't fit into the platform's result.", limit=limit)
            return web_action.encode(short, request, limit)
    return outcome


def _is_result(response):
    """True where the platform can read the body itself and won't take it for a failure (contract A7)."""
    is_json = response.header("content-type").lower().startswith("application/json")
    if not is_json or _LONG_NUMBER.search(response.body):
        return False
    try:
        text = response.body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    if web_action.is_too_deep(text):
        return False
    return type(value) is list or (type(value) is dict and "error" not in value)


def _refuse(constant):
    raise ValueError(constant)  # NaN and infinities, which JSON hasn't
