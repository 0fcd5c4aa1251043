"""What the handlers of the REST API have in common: bodies in, documents and errors out; pure.

Source: core/controller/.../{ApiUtils,RestAPIs}.scala, common/scala/.../http/ErrorResponse.scala and pekko-http's
MarshallingDirectives.scala.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelwhisk.local import messages, spray_json
from modelwhisk.local.http_messages import Headers, HttpRequest, HttpResponse, Rejected
from modelwhisk.local.media_types import JSON
from modelwhisk.local.request_mapping import entity_of
from modelwhisk.local.spray_json import Json, JsonError, compact, utf_8

ALLOWED_HEADERS = "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent"
CORS: Headers = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
    ("Access-Control-Allow-Methods", "GET, DELETE, POST, PUT, HEAD"),
)
CHALLENGE: Headers = (("WWW-Authenticate", 'Basic realm="OpenWhisk secure realm",charset=UTF-8'),)


class Terminated(Exception):
    """A handler ends the request with an error; unlike a `Rejected` one it is the API's own answer."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)

    def response(self, transaction: str) -> HttpResponse:
        """What the client is told."""
        return document(self.status, {"error": self.message, "code": transaction})


def document(status: int, value: Json, headers: Headers = ()) -> HttpResponse:
    """A document of the API, on one line."""
    return HttpResponse(status, headers, JSON, utf_8(compact(value)))


def documents(written: Iterable[str]) -> HttpResponse:
    """A list of documents that are JSON already."""
    return HttpResponse(200, (), JSON, f"[{','.join(written)}]".encode())


def not_found() -> Terminated:
    """What isn't there."""
    return Terminated(404, messages.NOT_FOUND)


def json_body(request: HttpRequest) -> Json:
    """The document that a request brings; raises `Rejected`."""
    entity = _json_entity(request)
    if not entity:
        raise Rejected(400, messages.ENTITY_EXPECTED)
    return _parsed(entity)


def json_object(request: HttpRequest) -> dict[str, Json]:
    """The object that a request brings, an empty one where it has no body; raises `Rejected`."""
    entity = _json_entity(request)
    value = _parsed(entity) if entity else {}
    if not isinstance(value, dict):
        raise Rejected(400, messages.malformed("JSON object expected"))
    return value


def _json_entity(request: HttpRequest) -> bytes:
    entity = entity_of(request)
    stated = entity.content_type
    if stated is not None and str(stated).partition(";")[0] != "application/json":
        raise Rejected(415, messages.unsupported_content_type(str(stated)))
    return entity.data


def _parsed(data: bytes) -> Json:
    try:
        return spray_json.parse(data)
    except JsonError as problem:
        raise Rejected(400, messages.malformed(str(problem))) from problem
