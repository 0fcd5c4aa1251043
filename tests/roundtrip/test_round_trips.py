"""Client → platform → proxy → application, and back: what arrives is what was sent, or a loss written down here.

The platform's part is the emulator's, which the recorded vectors hold to the real one; the proxy's is what the image
runs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from modelwhisk.local import media_types as platform_types
from modelwhisk.local.actions import Action, web_annotations
from modelwhisk.local.http_messages import HttpRequest, HttpResponse
from modelwhisk.local.outcome import ContainerReply, Status, of_run
from modelwhisk.local.web_actions import Invocation, route

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime"))

from modelproxy import media_types, web_action
from modelproxy.messages import Request, Response
from modelproxy.wsgi_gateway import call

ACTION = Action("hello", SimpleNamespace(), annotations=web_annotations("raw"))  # type: ignore[arg-type]
LIMIT = 1_048_576


def invoked(request: HttpRequest) -> Invocation:
    """The invocation that the platform makes of a request; skips what the platform answers by itself."""
    routed = route(request, lambda *_: ACTION, {}, "transaction")
    assume(isinstance(routed, Invocation))
    assert isinstance(routed, Invocation)
    return routed


# --- requests -----------------------------------------------------------------------------------------------------

TOKEN = st.text("!#$&'*+-.^_`|~09AZaz", min_size=1, max_size=10)
VALUES = st.text("".join(map(chr, range(0x20, 0x7F))), max_size=20).map(str.strip)
PARAMETERS = st.sampled_from(["", "; charset=utf-8", "; charset=iso-8859-1", "; profile=x", "; boundary=abc"])
KNOWN = sorted(media_types.OPEN_CHARSET | media_types.ALWAYS_UTF8 | media_types.BINARY)
TYPES = st.one_of(
    st.sampled_from(KNOWN),
    st.sampled_from(
        ["application/hal+json", "application/x-own", "text/x-own", "text/javascript", "multipart/mixed", "a/b"]
    ),
)
CONTENT_TYPES = st.one_of(st.none(), st.builds(str.__add__, TYPES, PARAMETERS))
TEXTS = st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
BODIES = st.one_of(
    st.binary(max_size=60), TEXTS, st.just(b""), st.sampled_from([b"{}", b"[1]", b'{"a": 1}', b"true", b"abcd"])
)
SEGMENTS = st.lists(st.text("azAZ09-._~!$&'()*+,;=:@", min_size=1, max_size=6), max_size=4)
ESCAPES = st.binary(max_size=4).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw))
QUERIES = st.text("azAZ09-._~!$'()*+,;:@/?&=", max_size=20)


@st.composite
def requests(draw: Any) -> HttpRequest:
    segments = [segment + draw(ESCAPES) for segment in draw(SEGMENTS)]
    path = "".join("/" + segment for segment in segments)
    query = draw(QUERIES)
    headers = [("Host", "whisk.example")] + [
        ("X-" + name, value) for name, value in draw(st.lists(st.tuples(TOKEN, VALUES), max_size=4))
    ]
    content_type = draw(CONTENT_TYPES)
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    body = draw(st.one_of(st.none(), BODIES))
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]))
    target = "/api/v1/web/guest/default/hello" + path + ("?" + query if query else "")
    return HttpRequest(method, target, tuple(headers), body)


class Seen:
    """A WSGI application that remembers what it got."""

    def __init__(self) -> None:
        self.environ: dict[str, Any] = {}
        self.body = b""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environ, self.body = environ, environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]


def is_lossy_text(content_type: str, body: bytes) -> bool:
    """Loss: the platform decodes every text as UTF-8 and puts U+FFFD for what isn't."""
    parsed = media_types.parse(content_type)
    if parsed is None or not parsed.arrives_as_text:
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


@settings(max_examples=1000, deadline=None)
@given(requests())
def test_a_request_reaches_the_application_as_it_was_sent(sent: HttpRequest) -> None:
    value = json.loads(json.dumps(invoked(sent).value))
    seen = Seen()
    request = web_action.decode(value, "/api/v1/web/guest/default/hello", default_path="/model/predict")
    call(seen, request)
    path, _, query = sent.target.removeprefix("/api/v1/web/guest/default/hello").partition("?")
    environ = seen.environ
    assert environ["REQUEST_METHOD"] == sent.method
    assert environ["SCRIPT_NAME"] == "/api/v1/web/guest/default/hello"
    # Losses: the platform resolves dot segments and decodes a path as UTF-8.
    expected_path = unquote_to_bytes(path) if path else b"/model/predict"
    if b"/." not in expected_path and _is_utf8(expected_path):
        assert environ["PATH_INFO"].encode("latin-1") == expected_path
    # Loss: the platform writes the query anew, with the same meaning.
    assert parse_qsl(environ["QUERY_STRING"], keep_blank_values=True) == parse_qsl(query, keep_blank_values=True)
    stated = sent.header("content-type") or ""
    if not is_lossy_text(stated, sent.body or b""):
        assert seen.body == (sent.body or b"")
    # Losses: of repeated headers the last stays; names with an underscore stay out of the environ.
    last = {name.lower(): value for name, value in sent.headers}
    for name, text in last.items():
        if name.startswith("x-") and "_" not in name:
            key = "HTTP_" + name.upper().replace("-", "_")
            if sum(("HTTP_" + other.upper().replace("-", "_")) == key for other in last) == 1:
                assert environ[key] == text
    if stated and sent.body:
        wanted = platform_types.parse_content_type(stated)
        if wanted is not None:
            assert environ["CONTENT_TYPE"].lower() == str(wanted).lower()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=500, deadline=None)
@given(
    requests(),
    st.dictionaries(
        st.text(max_size=5), st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=3), max_size=3
    ),
)
def test_a_cooked_request_never_fails_and_keeps_every_parameter(sent: HttpRequest, defaults: dict[str, Any]) -> None:
    action = Action("hello", SimpleNamespace(), annotations={"web-export": True})  # type: ignore[arg-type]
    routed = route(sent, lambda *_: action, {}, "transaction")
    assume(isinstance(routed, Invocation))
    assert isinstance(routed, Invocation)
    defaults = {name: value for name, value in defaults.items() if name not in web_action.RESERVED}
    value = json.loads(json.dumps({**defaults, **json.loads(json.dumps(routed.value, default=float))}))
    request = web_action.decode(value)
    parameters = {key: item for key, item in value.items() if key not in web_action.RESERVED}
    texts = {
        key: item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))
        for key, item in parameters.items()
    }
    found = dict(parse_qsl(request.query, keep_blank_values=True))
    if not found and parameters:
        body = request.body.decode("utf-8")
        found = json.loads(body) if body.startswith("{") else dict(parse_qsl(body, keep_blank_values=True))
        texts = parameters if body.startswith("{") else texts
    assert {_plain(key): _plain(item) for key, item in found.items()} == {
        _plain(key): _plain(item) for key, item in texts.items()
    }


def _plain(item: Any) -> Any:
    return item.encode("utf-8", "replace").decode("utf-8") if isinstance(item, str) else item


# --- responses ----------------------------------------------------------------------------------------------------

LATIN = st.text("".join(map(chr, range(256))), max_size=20)
HEADER_NAMES = st.one_of(
    TOKEN,
    LATIN,
    st.sampled_from(
        [
            "Set-Cookie",
            "Connection",
            "Content-Length",
            "Transfer-Encoding",
            "Date",
            "ETag",
            "Location",
            "Access-Control-Allow-Origin",
            "Content-Encoding",
            "Content-Disposition",
            "Vary",
            "Upgrade",
        ]
    ),
)
HEADER_VALUES = st.one_of(VALUES, LATIN, st.sampled_from(["gzip", "identity", "a=b; Path=/", "*", "close"]))
STATED = st.one_of(
    st.none(), st.builds(str.__add__, TYPES, PARAMETERS), LATIN, st.sampled_from(["", "text/html;", "image", "text/*"])
)


@st.composite
def responses(draw: Any) -> Response:
    headers = draw(st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=4))
    stated = draw(STATED)
    if stated is not None:
        headers.insert(
            draw(st.integers(0, len(headers))), (draw(st.sampled_from(["Content-Type", "content-type"])), stated)
        )
    status = draw(
        st.one_of(st.sampled_from([200, 201, 204, 205, 206, 302, 304, 400, 404, 500, 503]), st.integers(-1, 999))
    )
    return Response(status, headers, draw(st.one_of(BODIES, st.binary(min_size=100, max_size=3000))))


@dataclass(frozen=True)
class Client:
    """How a client asked, and what it got."""

    response: HttpResponse
    failed: bool


def through(response: Response, method: str = "POST", limit: int = LIMIT, accept_encoding: str = "") -> Client:
    asked = HttpRequest(method, "/api/v1/web/guest/default/hello", (("Host", "x"),))
    invocation = route(asked, lambda *_: ACTION, {}, "transaction")
    assert isinstance(invocation, Invocation)
    request = Request(method, "/model/predict", headers=[("accept-encoding", accept_encoding)])
    result = web_action.encode(response, request, limit).result
    assert len(result) <= max(limit, 2000)
    outcome = of_run(ContainerReply(200, result.decode("utf-8")))
    assert outcome.status in (Status.SUCCESS, Status.APPLICATION_ERROR)
    answer = invocation.complete(outcome, "id")
    assert not answer.resets
    return Client(answer, outcome.status is Status.APPLICATION_ERROR)


def own_error(client: Client) -> bool:
    """True where the platform answered in the model's stead."""
    return b'"code":' in client.response.body and client.response.status in (400, 406, 500)


@settings(max_examples=3000, deadline=None)
@given(responses(), st.sampled_from(["POST", "GET", "HEAD"]))
@example(Response(205, [("Content-Type", "text/plain")], b""), "POST")
@example(Response(200, [("Content-Type", "application/json")], b"true"), "POST")
@example(Response(200, [("Content-Type", "application/json")], b"abcd"), "POST")
@example(Response(200, [("Content-Type", "application/json")], b'"\xff"'), "POST")
@example(Response(200, [("Content-Type", "text/html"), ("Content-Encoding", "gzip")], b"\x1f\x8b"), "POST")
def test_a_response_reaches_the_client_as_the_application_sent_it(sent: Response, method: str) -> None:
    client = through(sent, method)
    got = client.response
    assert not own_error(client)
    if not 200 <= sent.status <= 599:
        assert got.status == 502
        return
    # Loss: a client of the platform waits in vain for the end of a 205; a 204 says nearly the same.
    assert got.status == (204 if sent.status == 205 else sent.status)
    assert client.failed is (sent.status >= 500)
    if sent.status in (204, 205, 304) or method == "HEAD":
        assert got.body == b""
        return
    parsed = media_types.parse(sent.header("content-type"))
    coding = any(name.lower() == "content-encoding" and value not in ("", "identity") for name, value in sent.headers)
    if parsed is not None and parsed.charset.lower() not in ("", "utf-8") and parsed.form != media_types.BYTES:
        # Loss: text in another charset arrives in UTF-8.
        assert got.body in (sent.body, sent.body.decode("latin-1").encode("utf-8"))
    elif not coding:
        assert got.body == sent.body
    if sent.body:
        assert got.content_type is not None
        if parsed is not None and str(got.content_type) != "application/octet-stream":
            wanted = platform_types.parse_content_type(parsed.rendered())
            assert wanted is not None
            assert str(got.content_type.media_type) == str(wanted.media_type)


@settings(max_examples=500, deadline=None)
@given(responses(), st.integers(700, 3000), st.sampled_from(["", "gzip", "*", "br"]))
def test_whatever_its_size_a_response_arrives_or_is_explained(sent: Response, limit: int, accept_encoding: str) -> None:
    client = through(sent, limit=limit, accept_encoding=accept_encoding)
    assert not own_error(client)


@pytest.mark.parametrize("size", [786_200, 786_431, 786_432, 800_000])
def test_at_the_platform_s_limit(size: int) -> None:
    client = through(Response(200, [("Content-Type", "image/png")], bytes(size)))
    if client.response.status == 200:
        assert len(client.response.body) == size
    else:
        assert json.loads(client.response.body)["limit"] == LIMIT
    assert (client.response.status == 200) is (size < 786_400)
