"""The plain records of a request and a response, and the bytes that the HTTP library sends for a response."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import cached_property
from http import HTTPStatus

from modelwhisk.local import messages
from modelwhisk.local.media_types import JSON, PLAIN_TEXT, ContentType
from modelwhisk.local.negotiation import Preferences
from modelwhisk.local.spray_json import Json, compact, pretty, utf_8

Headers = tuple[tuple[str, str], ...]

# Phrases in which pekko-http differs from Python's table (scaladsl/model/StatusCode.scala).
_PHRASES = {
    302: "Found",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    418: "I'm a teapot",
    420: "Enhance Your Calm",
    422: "Unprocessable Content",
    449: "Retry With",
    450: "Blocked by Windows Parental Controls",
    509: "Bandwidth Limit Exceeded",
    598: "Network read timeout error",
    599: "Network connect timeout error",
}
_WITHOUT_BODY = frozenset({204, 205, 304})
_OWN_HEADERS = frozenset({b"content-type", b"content-length", b"transfer-encoding", b"date", b"server", b"connection"})
_NO_TOKEN = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]")  # RFC 9110 section 5.6.2


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came: raw target, header fields in order, whole body (None: the message has none at all)."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes | None = None
    version: str = "1.1"

    def header(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @cached_property
    def preferences(self) -> Preferences:
        """What the client accepts."""
        return Preferences.of(self.headers)


@dataclass(frozen=True)
class HttpResponse:
    """A response: header fields in order, without those that belong to the message itself."""

    status: int
    headers: Headers = ()
    content_type: ContentType | None = None
    body: bytes = b""

    def with_headers(self, headers: Sequence[tuple[str, str]]) -> HttpResponse:
        """The response with `headers` before its own."""
        return replace(self, headers=(*headers, *self.headers))

    @property
    def allows_body(self) -> bool:
        """Whether a message of this status has a body, if only an empty one."""
        return self.status >= 200 and self.status not in _WITHOUT_BODY

    @property
    def resets(self) -> bool:
        """Whether the client gets no usable message of this status.

        After an interim 100, and a 205 that says nothing about its length, clients wait for the rest, which never
        comes: the platform's idle timeout resets the connection.
        """
        return self.status in (100, 205)


class Rejected(Exception):
    """The routing layer refuses the request: its error carries none of the headers that the route would have added."""

    def __init__(self, status: int, message: str, headers: Headers = ()) -> None:
        self.status = status
        self.message = message
        self.headers = headers
        super().__init__(message)

    def response(self, transaction: str) -> HttpResponse:
        """What the client is told: the fields of every error, on one line."""
        body = utf_8(compact({"error": self.message, "code": transaction}))
        return HttpResponse(self.status, self.headers, JSON, body)


def negotiated(preferences: Preferences, response: HttpResponse) -> HttpResponse:
    """`response`, or `Rejected` with 406 if the client doesn't accept its type; errors are sent to everyone.

    Only statuses below 400 are negotiated (pekko-http, scaladsl/marshalling/PredefinedToResponseMarshallers.scala).
    """
    content_type = response.content_type
    if response.status < 400 and content_type is not None and not preferences.accepts(content_type):
        raise Rejected(406, messages.unacceptable(str(content_type)))
    if not response.allows_body:
        return replace(response, content_type=None, body=b"")
    return response


def json_response(status: int, value: Json, headers: Headers = ()) -> HttpResponse:
    """A pretty-printed JSON response."""
    return HttpResponse(status, headers, JSON, utf_8(pretty(value)))


def error(status: int, message: str, transaction: str) -> HttpResponse:
    """An error that the controller states, with the id of the transaction as its code."""
    return json_response(status, {"error": message, "code": transaction})


def plain(status: int, message: str) -> HttpResponse:
    """An error that the HTTP library states."""
    return HttpResponse(status, (), PLAIN_TEXT, utf_8(message))


def render(response: HttpResponse, *, connection: str | None, with_body: bool) -> bytes:
    """The bytes of a response; `connection` is the value of its Connection header, if it has one.

    Characters are cut to their low byte, and a header field with a line end in it is left out: both as in
    impl/util/Rendering.scala. Order: impl/engine/rendering/HttpResponseRendererFactory.scala.
    """
    head = bytearray(f"HTTP/1.1 {response.status} {_phrase(response.status)}\r\n".encode("ascii"))
    for name, value in response.headers:
        line = _low_bytes(f"{name}: {value}")
        # As it is written, and whatever a client leaves out of it: a second framing makes of the body another's answer.
        written = _NO_TOKEN.sub(b"", line.partition(b":")[0]).lower()
        if written not in _OWN_HEADERS and b"\r" not in line and b"\n" not in line:
            head += line + b"\r\n"
    own = [("Server", "modelwhisk"), ("Date", formatdate(usegmt=True))]
    if connection is not None:
        own.append(("Connection", connection))
    if response.content_type is not None:
        own.append(("Content-Type", str(response.content_type)))
    if response.allows_body:
        own.append(("Content-Length", str(len(response.body))))
    head += "".join(f"{name}: {value}\r\n" for name, value in own).encode("latin-1", "replace") + b"\r\n"
    return bytes(head) + (response.body if with_body else b"")


def _phrase(status: int) -> str:
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _low_bytes(text: str) -> bytes:
    if text.isascii():
        return text.encode("ascii")
    return text.encode("utf-16-le", "surrogatepass")[::2]
