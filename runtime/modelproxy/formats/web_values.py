"""What the platform does around a web action, where there is no platform: an HTTP request → the ``value`` that
``--web true`` makes of it, and the result → an HTTP response.

Pure functions, ``web_action`` the other way round; the rules are WebActions.scala's (openwhisk-contract.md, B and C).
"""

import binascii
import json
import re

from .. import http1, media_types
from ..messages import BadValue, Response, error_response
from ..percent import form_text
from ..web_action import RESERVED
from . import json_text

_NEVER_SHOWN = frozenset(("content-length", "transfer-encoding"))
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")  # of more than 4300 digits int() fails, or takes minutes
_HTTP_KEYS = frozenset(("statusCode", "headers", "body", "error"))

NOT_ALLOWED = "Request defines parameters that are not allowed (e.g., reserved properties)."
INVALID = "Response is not valid 'message/http'."
UNKNOWN_TYPE = "Response did not specify a known content-type."
MISMATCH = "Response type in header did not match generated content type."
INTERNAL = "There was an internal server error."


def value_of(request):
    """The ``value`` of a ``Request``. Raises ``BadValue`` where the platform would refuse the request.

    The root is the action's bare URL, whose ``__ow_path`` is "".
    """
    headers = {name: value for name, value in request.headers if name not in _NEVER_SHOWN}  # the last one counts
    parsed = media_types.parse(headers.get("content-type", ""))
    if parsed is not None:
        headers["content-type"] = _shown(parsed)
    elif request.body:
        headers["content-type"] = "application/octet-stream"
    value = {
        "__ow_method": request.method.lower(),
        "__ow_headers": headers,
        "__ow_path": "" if request.path == "/" else request.path,
    }
    query, body = _fields(request.query), _body(request.body, parsed)
    parameters = dict(query, **body) if type(body) is dict else query
    if not RESERVED.isdisjoint(parameters):
        raise BadValue(NOT_ALLOWED)
    value.update(parameters)
    if type(body) is not dict:
        value["__ow_body"] = body[0]
    return value


def _shown(parsed):
    """A Content-Type as the platform writes it: a charset only where the type may have several."""
    charset = parsed.charset if parsed.charset.lower().startswith("windows") else parsed.charset.upper()
    fixed = parsed.name in media_types.ALWAYS_UTF8 or parsed.form == media_types.BYTES
    return parsed.name + parsed.parameters + ("; charset=" + charset if charset and not fixed else "")


def _body(body, parsed):
    """The fields of a body that has some, else a tuple of what ``__ow_body`` is."""
    if parsed is None:
        return (_base64(body),) if body else {}
    if parsed.is_json:
        if not body:
            return {}
        try:
            given = json_text.loads(body.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise BadValue("The request content was malformed: %s" % error) from None
        return given if type(given) is dict else (given,)
    if parsed.name == "application/x-www-form-urlencoded" and not parsed.parameters:
        return _fields(body.decode("utf-8", "replace"))
    return (body.decode("utf-8", "replace") if parsed.arrives_as_text else _base64(body),)


def _fields(encoded):
    # Not a list, which takes ninety times what many empty ones are.
    pairs = (part.partition("=") for part in encoded.split("&")) if encoded else ()
    return {form_text(name): form_text(text) for name, _, text in pairs}


def _base64(body):
    return binascii.b2a_base64(body, newline=False).decode("ascii")


def _refuse(constant):
    raise ValueError("%s is no JSON" % constant)


class _Invalid(Exception):
    """The platform shows the client this sentence in place of such a result."""


def response_of(result):
    """The ``Response`` that a client of the platform gets for a result, an object or an array as JSON has them.

    A result that says nothing of HTTP is answered whole, as the platform does for a URL that ends in ``.json``.
    """
    if type(result) is list:
        return error_response(500, INTERNAL)
    if result and _HTTP_KEYS.isdisjoint(result):
        return Response(200, [("Content-Type", "application/json")], _text(result))
    try:
        return _response(result.get("error", result))
    except _Invalid as error:
        return error_response(400, str(error))


def _response(result):
    if type(result) is not dict:
        raise _Invalid(INVALID)
    headers = _headers(result.get("headers", {}))
    stated = next((value for name, value in headers if name.lower() == "content-type"), None)
    headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
    status = _status(result["statusCode"]) if "statusCode" in result else None
    body = result.get("body") if status not in (204, 205, 304) else None
    if body is None or body == "":
        return Response(204 if status is None else status, headers, b"")
    media_type, content = _string(stated, body) if isinstance(body, str) else _json(stated, body)
    return Response(200 if status is None else status, headers + [("Content-Type", media_type)], content)


def _headers(given):
    if type(given) is not dict:
        raise _Invalid(INVALID)
    return [(name, text) for name in given for text in _texts(given[name]) if http1.is_field(name, text)]


def _texts(value):
    if isinstance(value, str):
        return [value]
    if type(value) is list:
        return [text for item in value for text in _texts(item)]
    if value is None or type(value) is dict:
        raise _Invalid(INVALID)
    return [json.dumps(value)]


def _status(value):
    if isinstance(value, str) and _WHOLE.match(value):
        value = int(value)
    if type(value) in (int, float) and 200 <= value <= 599 and value == int(value):
        return int(value)
    raise _Invalid(INVALID)  # 1xx, which breaks the platform's own answer, too


def _string(stated, text):
    parsed = media_types.parse("text/html; charset=UTF-8" if stated is None else stated)
    if parsed is None:
        raise _Invalid(UNKNOWN_TYPE)
    if parsed.form == media_types.BYTES:
        return parsed.rendered(), _from_base64(text)
    if parsed.is_json and _looks_like_base64(text.strip()):
        return parsed.rendered(), _from_base64(text)
    declared = "; charset=UTF-8" if parsed.name in media_types.OPEN_CHARSET else ""
    return parsed.rendered() + declared, text.encode("utf-8", "replace")


def _looks_like_base64(text):
    return bool(text) and len(text) % 4 == 0 and _BASE64.match(text)


def _from_base64(text):
    digits = text.rstrip("=")
    if not _BASE64.match(text) or len(digits) % 4 == 1 or len(text) - len(digits) not in (0, -len(digits) % 4):
        raise _Invalid(MISMATCH)
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def _json(stated, value):
    parsed = media_types.parse("application/json" if stated is None else stated)
    if parsed is None or not parsed.is_json:
        raise _Invalid(MISMATCH)
    return parsed.name, _text(value)


def _text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
