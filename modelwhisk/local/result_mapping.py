"""An action's result as the HTTP response that the web client gets; pure.

Source: core/controller/.../WebActions.scala (`resultAsHttp` and its neighbours); the contract, section C.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from decimal import Decimal

from modelwhisk.charsets import codec
from modelwhisk.local import messages
from modelwhisk.local.executables import looks_like_base64
from modelwhisk.local.grammar import Mismatch, field_value
from modelwhisk.local.http_messages import Headers, HttpResponse, Rejected, error, json_response, negotiated
from modelwhisk.local.media_types import (
    HTML,
    JSON,
    PLAIN_TEXT,
    SVG,
    UTF_8,
    ContentType,
    Kind,
    MediaType,
    parse_content_type,
)
from modelwhisk.local.negotiation import Preferences
from modelwhisk.local.spray_json import MAX_PRETTY, Json, TooLong, number_text, pretty, utf_8, utf_16_order

_BASE64 = re.compile(r"([A-Za-z0-9+/]*)(={0,2})")
_INTEGER = re.compile(r"[+-]?[0-9]+")


class _Invalid(ValueError):
    """The result can't be shown; the message is what the client is told."""


def respond(preferences: Preferences, extension: str, projection: Json, transaction: str) -> HttpResponse:
    """The response for a successful result, or for the value of a failed one's `error`; the extension is one of
    `EXTENSIONS`.

    Raises `Rejected` where the client doesn't accept the type of what came out.
    """
    try:
        return EXTENSIONS[extension](preferences, projection)
    except _Invalid as problem:
        return error(400, str(problem), transaction)
    except _Missing:
        return error(404, messages.PROPERTY_NOT_FOUND, transaction)
    except TooLong:
        return error(500, messages.too_long_indented(MAX_PRETTY), transaction)


class _Missing(LookupError):
    """The result lacks the field that the extension shows."""


def _as_http(preferences: Preferences, result: Json) -> HttpResponse:
    if not isinstance(result, dict):
        raise _Invalid(messages.invalid_media("message/http"))
    headers = _headers(result.get("headers", {}))
    stated = next((value for name, value in headers if name.lower() == "content-type"), None)
    kept = tuple((name, value) for name, value in headers if name.lower() != "content-type")
    status = _status(result["statusCode"]) if "statusCode" in result else None
    body = result.get("body")
    if body is None or body == "":
        return HttpResponse(204 if status is None else status, kept)
    content_type, data = _text_body(stated, body) if isinstance(body, str) else _json_body(stated, body)
    return negotiated(preferences, HttpResponse(200 if status is None else status, kept, content_type, data))


def _headers(value: Json) -> Headers:
    if not isinstance(value, dict):
        raise _Invalid(messages.invalid_media("message/http"))
    return tuple((name, text) for name in sorted(value, key=utf_16_order) for text in _header_texts(value[name]))


def _header_texts(value: Json) -> list[str]:
    """The values of a header: one, or those of a list, whose items may be lists as well, as deep as JSON goes."""
    texts: list[str] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += reversed(item)
        elif item is None or isinstance(item, dict):
            raise _Invalid(messages.invalid_media("message/http"))
        else:
            texts.append(item if isinstance(item, str) else _scalar_text(item))
    return texts


def _scalar_text(value: bool | Decimal | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)


def _status(value: Json) -> int:
    """A status code, given as a whole number or its digits."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = Decimal(value)
    number = value if isinstance(value, (Decimal, int)) and not isinstance(value, bool) else 0
    if 100 <= number <= 599 and number == int(number):
        return int(number)
    raise _Invalid(messages.invalid_media("message/http"))


def _stated_type(stated: str | None, default: ContentType) -> ContentType:
    if stated is None:
        return default
    try:
        content_type = parse_content_type(field_value(stated))
    except Mismatch:
        content_type = None
    if content_type is None:
        raise _Invalid(messages.UNKNOWN_CONTENT_TYPE)
    return content_type


def _text_body(stated: str | None, text: str) -> tuple[ContentType, bytes]:
    media = _stated_type(stated, HTML).media_type
    content_type = ContentType(media, UTF_8 if media.kind is Kind.OPEN_CHARSET else None)
    if media.binary or (media.is_json and looks_like_base64(text)):
        return content_type, _base64_decoded(text)
    return content_type, utf_8(text)


def _json_body(stated: str | None, value: Json) -> tuple[ContentType, bytes]:
    try:
        media = _stated_type(stated, JSON).media_type
    except _Invalid:
        raise _Invalid(messages.CONTENT_TYPE_MISMATCH) from None
    if not media.is_json:
        raise _Invalid(messages.CONTENT_TYPE_MISMATCH)
    if media.main == "multipart":  # the library makes no fixed-charset type of it, which counts as an invalid result
        raise _Invalid(messages.invalid_media("message/http"))
    return ContentType(MediaType(media.main, media.sub, Kind.FIXED_UTF_8)), utf_8(pretty(value))


def _base64_decoded(text: str) -> bytes:
    """What Java's basic decoder makes of `text`: standard alphabet, one line, padding right or missing."""
    match = _BASE64.fullmatch(text)
    if match is None:
        raise _Invalid(messages.CONTENT_TYPE_MISMATCH)
    digits, padding = match.groups()
    missing = -len(digits) % 4
    if missing == 3 or (padding and len(padding) != missing):
        raise _Invalid(messages.CONTENT_TYPE_MISMATCH)
    return base64.b64decode(digits + "=" * missing)


def _as_json(preferences: Preferences, result: Json) -> HttpResponse:
    if not isinstance(result, (dict, list)):
        raise _Invalid(messages.invalid_media("application/json"))
    return negotiated(preferences, json_response(200, result))


def _as_text(preferences: Preferences, result: Json) -> HttpResponse:
    value = _field(result, "text")
    if isinstance(value, (dict, list)):
        text = pretty(value)
    elif isinstance(value, str):
        text = value
    else:
        text = "null" if value is None else _scalar_text(value)
    charset = preferences.best_charset()
    if not preferences.accepts_type(PLAIN_TEXT.media_type) or charset is None:
        raise Rejected(406, messages.unacceptable(str(PLAIN_TEXT.media_type)))
    used, data = _encoded(text, charset)
    return HttpResponse(200, (), ContentType(PLAIN_TEXT.media_type, used), data)


def _encoded(text: str, charset: str) -> tuple[str, bytes]:
    """`text` in the charset that the client prefers, in UTF-8 where there is no such charset."""
    known = codec(charset)
    if charset == UTF_8 or known is None:
        return UTF_8, utf_8(text)
    return charset, text.encode(known, "replace")


def _field(result: Json, name: str) -> Json:
    if not isinstance(result, dict):
        return result
    for key in ("body", name):
        if key in result:
            return result[key]
    raise _Missing(name)


def _as_markup(name: str, content_type: ContentType) -> Callable[[Preferences, Json], HttpResponse]:
    def transcode(preferences: Preferences, result: Json) -> HttpResponse:
        try:
            value = _field(result, name)
        except _Missing:
            value = None
        if not isinstance(value, str):
            raise _Invalid(messages.invalid_media(content_type.media_type.essence))
        return negotiated(preferences, HttpResponse(200, (), content_type, utf_8(value)))

    return transcode


EXTENSIONS: dict[str, Callable[[Preferences, Json], HttpResponse]] = {
    ".http": _as_http,
    ".json": _as_json,
    ".html": _as_markup("html", HTML),
    ".svg": _as_markup("svg", SVG),
    ".text": _as_text,
}
"""What may follow an action's name in a web URL, in the order in which the platform tries them."""
