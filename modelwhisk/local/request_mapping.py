"""An HTTP request as the `value` that a web action's `/run` gets; pure.

Source: core/controller/.../WebActions.scala (`Context`, `extractEntityAndProcessRequest`); the contract, B2 and B3.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from modelwhisk.local import messages, spray_json
from modelwhisk.local.header_models import normalise
from modelwhisk.local.http_messages import Headers, HttpRequest
from modelwhisk.local.media_types import FORM, OCTETS, ContentType, parse_content_type
from modelwhisk.local.spray_json import Json, JsonError
from modelwhisk.local.uri import IllegalUri, Query, parse_query

RESERVED = frozenset({"__ow_method", "__ow_headers", "__ow_path", "__ow_user", "__ow_query", "__ow_body"})

_NEVER_SHOWN = frozenset({"content-length", "transfer-encoding", "x-ow-extra-logging", "timeout-access"})


class MalformedBody(ValueError):
    """The body of the request does not parse; the message is what the client is told."""


class ParametersNotAllowed(ValueError):
    """The request sets parameters that are the platform's, or final."""


@dataclass(frozen=True)
class Entity:
    """A body with its type; `content_type` is None where the message has neither a body nor a type."""

    content_type: ContentType | None
    data: bytes


def entity_of(request: HttpRequest) -> Entity:
    """The entity of `request`: a body without a type that parses counts as octets."""
    stated = request.header("content-type")
    content_type = parse_content_type(stated.strip()) if stated is not None else None
    chunked = request.header("transfer-encoding") is not None
    if content_type is None and (request.body or chunked):
        content_type = OCTETS
    return Entity(content_type, request.body or b"")


def headers_of(headers: Headers, entity: Entity) -> dict[str, str]:
    """`__ow_headers`: lower-case names, of repeated headers the last value (of Connection the first), values as the
    platform's HTTP library writes them again."""
    kept: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        text = value.replace("\t", " ").strip(" ")
        if lower in _NEVER_SHOWN or (lower == "connection" and lower in kept):
            continue
        if lower == "content-type" and parse_content_type(text) is not None:
            continue
        kept[lower] = text
    shown = {name: normalise(name, text) for name, text in kept.items()}
    if entity.content_type is not None:
        shown["content-type"] = str(entity.content_type)
    return shown


def action_value(
    request: HttpRequest,
    path: str,
    query: Query,
    *,
    raw: bool,
    user: str | None = None,
    immutable: frozenset[str] = frozenset(),
) -> dict[str, Json]:
    """What the platform adds to an action's parameters for a web request.

    `path` is what followed the action's name, `user` the namespace of a caller with valid credentials, `immutable` the
    action's final parameters. Raises `MalformedBody` and `ParametersNotAllowed`, neither of them where `raw` is true.
    """
    entity = entity_of(request)
    value: dict[str, Json] = {
        "__ow_method": request.method.lower(),
        "__ow_headers": dict(headers_of(request.headers, entity)),
        "__ow_path": path,
    }
    if user is not None:
        value["__ow_user"] = user
    if raw:
        return value | {"__ow_query": str(query), "__ow_body": _boxed_body(entity)}
    from_query = query.last_values()
    from_body = _merged_body(entity)
    fields = from_body if isinstance(from_body, dict) else {}
    if (RESERVED | immutable) & (from_query.keys() | fields.keys()):
        raise ParametersNotAllowed(messages.PARAMETERS_NOT_ALLOWED)
    if isinstance(from_body, (_Absent, dict)):
        return value | from_query | fields
    return value | from_query | {"__ow_body": from_body}


class _Absent:
    """No body at all, which is not the same as the JSON value null."""


def _merged_body(entity: Entity) -> Json | _Absent:
    if entity.content_type is None:
        return _Absent()
    media = entity.content_type.media_type
    if media.is_json:
        return _parsed_json(entity.data) if entity.data else _Absent()
    if media == FORM.media_type:
        return _parsed_form(entity.data)
    return _boxed_body(entity)


def _parsed_json(data: bytes) -> Json:
    try:
        return spray_json.parse(data)
    except JsonError as problem:
        raise MalformedBody(messages.malformed(str(problem))) from problem


def _parsed_form(data: bytes) -> dict[str, Json]:
    try:
        return dict(parse_query(data.decode("utf-8", "replace")).last_values())
    except IllegalUri as problem:  # unlike JSON's, this error is passed on as it is
        raise MalformedBody(f"{problem.summary}: {problem.detail}") from problem


def _boxed_body(entity: Entity) -> str:
    if entity.content_type is None:
        return ""
    media = entity.content_type.media_type
    if media.binary or str(media) == "application/json":
        return base64.b64encode(entity.data).decode("ascii")
    return entity.data.decode("utf-8", "replace")
