"""The ``value`` of a web activation → the HTTP request that the client sent. Pure."""

import binascii
import json
import re

from .. import base64_codec, media_types
from ..messages import LONGEST_VALUE, SHORT_VALUE, BadValue, Request, too_long
from ..percent import form_encoded, is_host, quoted_path, quoted_query
from ..remembered import remembered, size_of_texts

RESERVED = frozenset(("__ow_method", "__ow_headers", "__ow_path", "__ow_user", "__ow_query", "__ow_body"))

_SCHEMES = ("http", "https")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_LONGEST_METHOD = 40
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110 section 5.5
_VISIBLE = bytes(range(32, 127))
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")


def is_web(value):
    """True where ``value`` is that of a web activation (design: both keys, anything else is plain parameters)."""
    return type(value) is dict and "__ow_method" in value and "__ow_headers" in value


def decode(value, mount="", scheme_of_host="http", default_path="/", activation=None):
    """The HTTP request that the client sent, as far as the platform kept it.

    mount            the action's public path.
    scheme_of_host   "http" or "https" where no X-Forwarded-Proto says otherwise.
    default_path     path, perhaps with a query, of a request that names none.
    Raises ``BadValue`` where the value can't come from the platform.
    """
    method, path, query = value["__ow_method"], value.get("__ow_path", ""), value.get("__ow_query", "")
    if not type(method) is type(path) is type(query) is str:
        method, path, query = [_text(value, key) for key in ("__ow_method", "__ow_path", "__ow_query")]
    method = _method(method)
    headers, names = _headers(value["__ow_headers"])
    named = headers if names else dict(headers)
    host = named.get("host", "")
    if not is_host(host):
        raise BadValue("__ow_headers has the host %r, which can be none" % host[:80])
    parsed = media_types.parse(named.get("content-type", ""))
    if "__ow_query" in value:
        body = _raw_body(value, parsed)
    else:
        query, body = _cooked(value, method, parsed)
    default = not path
    if default:
        path, _, default_query = default_path.partition("?")
        query = default_query + "&" + query if default_query and query else default_query or query
    elif path[0] != "/":
        path = "/" + path
    scheme = named.get("x-forwarded-proto", "")
    if scheme not in _SCHEMES:
        scheme = scheme.split(",")[0].strip().lower()
        if scheme not in _SCHEMES:
            scheme = scheme_of_host
    query = query and quoted_query(query)
    request = Request(method, quoted_path(path), query, headers, body, mount, scheme, activation, default)
    request.names = names
    return request


@remembered(32)
def _method(given):
    method = given.upper()
    if not is_method(method):
        raise BadValue("__ow_method is %r, which is no HTTP method" % method[:80])
    return method


def is_method(text):
    """Whether it is a token (RFC 9110 section 9.1), and not longer than any method there is."""
    return len(text) <= _LONGEST_METHOD and _TOKEN.match(text) is not None


def public_path(action_name):
    """``/ns/name`` or ``/ns/package/name`` → the path of the web action, "" for anything else."""
    return _public_path(action_name) if isinstance(action_name, str) else ""


@remembered(8)
def _public_path(action_name):
    parts = action_name.strip("/").split("/")
    if len(parts) not in (2, 3) or not all(parts):
        return ""
    package = parts[1] if len(parts) == 3 else "default"
    return quoted_path("/api/v1/web/%s/%s/%s" % (parts[0], package, parts[-1]))


def _text(value, key):
    text = value.get(key)
    if type(text) is str:
        return text
    if text is None:
        return ""
    raise BadValue("%s is %s; the platform sends a string" % (key, json.dumps(text)[:80]))


def _headers(given):
    """Header names in lower case and values as WSGI wants them: one character for each byte (PEP 3333). The given dict
    itself and its names where it has them so, as the platform's do, else a list of pairs and None.
    """
    if not isinstance(given, dict):
        raise BadValue("__ow_headers is %s; the platform sends an object" % json.dumps(given)[:80])
    try:  # true of nearly all that the platform sends, and seen at once, since looking at each costs much more
        values = "".join(given.values()).encode("ascii")
        names = None
        if len(values) <= LONGEST_VALUE and not values.translate(None, _VISIBLE):
            names = _well_formed(tuple(given))
        if names and (len(values) <= SHORT_VALUE or not too_long(given.items())):
            return given, names
    except (TypeError, ValueError):  # a value is no string, or has other characters, which may be right too
        pass
    headers, seen = [], set()
    for name, value in given.items():
        if not isinstance(value, str):
            value = json.dumps(value)
        if not _FIELD_VALUE.match(value):
            value = value.encode("utf-8", "replace").decode("latin-1")
        if not _TOKEN.match(name) or not _FIELD_VALUE.match(value):
            raise BadValue("__ow_headers has %r: %r, which is no HTTP header" % (name[:80], value[:80]))
        name = name.lower()
        if name in seen:  # of one header in many spellings a server makes one that is longer than any may be
            raise BadValue("__ow_headers has the header %r more than once" % name)
        seen.add(name)
        headers.append((name, value))
    long = too_long(headers)
    if long:
        raise BadValue("__ow_headers has " + long)
    return headers, None


@remembered(64, 3000, size_of_texts)  # most requests have the names of others
def _well_formed(names):
    """Header names that are well formed and have no capitals, None in place of others. Equal ones are one object, which
    makes them quick to look up."""
    return names if all(_TOKEN.match(name) and name == name.lower() for name in names) else None


def _raw_body(value, parsed):
    body = value.get("__ow_body")
    if not body:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode("utf-8")
    if parsed is not None and parsed.arrives_as_text:
        return body.encode("utf-8", "replace")
    try:
        # What isn't in the alphabet is skipped, so the length tells whether all of it was base64.
        decoded = base64_codec.decode(body)
        if (len(decoded) + 2) // 3 * 4 == len(body):
            return decoded
    except (ValueError, binascii.Error):
        pass
    return _from_other_base64(body)


def _from_other_base64(body):
    """Of what the platform doesn't send, but people may: without its padding."""
    digits = body.rstrip("=")
    if _BASE64.match(body) and len(digits) % 4 != 1:
        return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))
    raise BadValue("__ow_body isn't base64, though the platform sends it so for this content type")


def _cooked(value, method, parsed):
    """Query and body of a ``--web true`` activation, where both arrive as parameters (design, fixed points)."""
    parameters = {key: item for key, item in value.items() if key not in RESERVED}
    is_json = parsed is not None and parsed.is_json
    if "__ow_body" not in value:
        if method not in ("GET", "HEAD") and parsed is not None:
            if is_json:
                return "", json.dumps(parameters).encode("ascii")
            if parsed.name == "application/x-www-form-urlencoded" and not parsed.parameters:
                return "", form_encoded(parameters).encode("ascii")
        return form_encoded(parameters), b""
    body = value["__ow_body"]
    if is_json:
        return form_encoded(parameters), json.dumps(body).encode("ascii")
    return form_encoded(parameters), _raw_body(value, parsed)
