"""The properties that hold for every exchange; driven by test_round_trips.py and, a million times, by long_run.py.

Drawing costs several times what checking does. So requests and answers are drawn by fours, and each of the four
requests is answered with each of the four answers; an example is one request with one answer.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import losses
from http_grammar import ACCEPT_ENCODINGS, DEFAULTS, LARGE_BODIES, Answer, answers, requests
from hypothesis import strategies as st
from journey import COOKED, RAW, Application, Received, Refused, travel

from modelwhisk.local.http_messages import HttpRequest


def a_raw_exchange(sent: HttpRequest, answer: Answer, bound: Mapping[str, Any], custom_options: bool) -> None:
    """Through an action with ``--web raw``; what is bound to it has no part in the request."""
    application = Application(answer)
    try:
        received = travel(sent, application, _annotations(RAW, custom_options), bound, keep_cors=custom_options)
    except Refused as refused:
        _check_refusal(sent, refused, raw=True, custom_options=custom_options)
        return
    _check_head(sent, application.environ)
    assert losses.same_query(application.environ["QUERY_STRING"], losses.query_of(sent))
    assert application.body == losses.expected_raw_body(sent)
    _check_answer(sent, answer, received, keep_cors=custom_options)


def a_cooked_exchange(sent: HttpRequest, answer: Answer, bound: Mapping[str, Any], custom_options: bool) -> None:
    """Through an action with ``--web true``, where body and query arrive as parameters and become a request again."""
    application = Application(answer)
    try:
        received = travel(sent, application, _annotations(COOKED, custom_options), bound, keep_cors=custom_options)
    except Refused as refused:
        _check_refusal(sent, refused, raw=False, custom_options=custom_options)
        return
    _check_head(sent, application.environ)
    _check_parameters(sent, bound, application)
    _check_answer(sent, answer, received, keep_cors=custom_options)


def an_answer_of_any_size(answer: Answer, body: bytes, limit: int, accept_encoding: str) -> None:
    """However small the platform's limit, an answer arrives whole, or as an error that says why it doesn't."""
    headers = tuple(pair for pair in answer.headers if pair[0].lower() != "content-length")
    answer = Answer(answer.status, headers, (body,))
    accept = (("Accept-Encoding", accept_encoding),) if accept_encoding else ()
    sent = HttpRequest("POST", "/api/v1/web/guest/default/hello", (("Host", "x"), *accept))
    application = Application(answer)
    received = travel(sent, application, RAW, limit=limit)
    if received.status == 500 and b'"limit"' in received.body:
        told = json.loads(received.body)
        assert told["limit"] == limit < told["size"]
        assert received.failed
    elif received.values("content-encoding")[-1:] == ["gzip"] and not losses.coding_of(answer):
        assert gzip.decompress(received.body) == losses.expected_body(answer)[1]
        assert "gzip" in accept_encoding or accept_encoding == "*"
        assert "Accept-Encoding" in received.values("vary")
    else:
        _check_answer(sent, answer, received, keep_cors=True)


PROPERTIES: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {
    "raw": (a_raw_exchange, (requests(), answers(), DEFAULTS, st.booleans())),
    "cooked": (a_cooked_exchange, (requests(), answers(), DEFAULTS, st.booleans())),
    "size": (an_answer_of_any_size, (answers(), LARGE_BODIES, st.integers(700, 3000), ACCEPT_ENCODINGS)),
}
"""By name: the property, and the strategies of its arguments; the first two are drawn by fours."""

SIXTEEN = 4 * 4


def by_fours(name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """The arguments of sixteen examples of a property."""
    first, second, *others = PROPERTIES[name][1]
    return st.tuples(st.tuples(*[first] * 4), st.tuples(*[second] * 4), *others)


def check_sixteen(name: str, drawn: tuple[Any, ...]) -> None:
    """Checks each of the sixteen."""
    for pair in itertools.product(*drawn[:2]):
        PROPERTIES[name][0](*pair, *drawn[2:])


def _annotations(kind: Mapping[str, Any], custom_options: bool) -> dict[str, Any]:
    return {**kind, "web-custom-options": custom_options}


def _check_refusal(sent: HttpRequest, refused: Refused, *, raw: bool, custom_options: bool) -> None:
    assert losses.refusal_is_the_platform_s(sent, refused.response, raw=raw, custom_options=custom_options)


# --- what the application saw -------------------------------------------------------------------------------------


def _check_head(sent: HttpRequest, environ: Mapping[str, Any]) -> None:
    assert environ["REQUEST_METHOD"] == sent.method
    assert environ["SCRIPT_NAME"] == "/api/v1/web/guest/default/hello"
    assert environ["PATH_INFO"] == losses.expected_path(sent)
    assert {name: value for name, value in environ.items() if name.startswith("HTTP_")} == losses.expected_headers(sent)
    assert environ.get("CONTENT_TYPE") == losses.expected_content_type(sent)
    forwarded = environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower()
    assert environ["wsgi.url_scheme"] == ("https" if forwarded == "https" else "http")


def _check_parameters(sent: HttpRequest, bound: Mapping[str, Any], application: Application) -> None:
    query, body = application.environ["QUERY_STRING"], application.body
    parameters, other_body = losses.parameters_of(sent, bound)
    parsed = losses.request_type(sent)
    is_json = parsed is not None and parsed.media_type.is_json
    is_form = parsed is not None and str(parsed.media_type) == "application/x-www-form-urlencoded"
    if other_body is ... and sent.method not in ("GET", "HEAD") and (is_json or is_form):
        assert query == ""
        found = json.loads(body) if is_json else dict(parse_qsl(body.decode("ascii"), keep_blank_values=True))
        assert _plain(found) == _plain(parameters if is_json else _as_texts(parameters))
        return
    assert dict(parse_qsl(query, keep_blank_values=True)) == _plain(_as_texts(parameters))
    if other_body is ...:
        assert body == b""
    elif is_json:
        assert _plain(json.loads(body)) == _plain(other_body)
    else:
        assert body == other_body


def _as_texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in parameters.items()
    }


def _plain(value: Any) -> Any:
    """Without lone surrogates, for which there is no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_plain(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


# --- what the client got ------------------------------------------------------------------------------------------


def _check_answer(sent: HttpRequest, answer: Answer, received: Received, *, keep_cors: bool) -> None:
    if _check_negotiation(sent, answer, received):
        return
    status = losses.expected_status(answer)
    assert received.status == status
    assert received.failed is (status >= 500)
    undone = False
    if sent.method == "HEAD" or status in (204, 304):
        assert received.body == b""
    elif status == 502 and int(answer.status[:3]) != 502:
        assert "can't be relayed" in json.loads(received.body)["error"]
    elif answer.body:
        content_type, body, undone = losses.expected_body(answer)
        assert received.body == body
        assert received.values("content-type") == ([content_type] if body else [])
    else:
        assert received.body == b""
    if status != 502:
        _check_headers(answer, received, keep_cors=keep_cors, undone=undone)


def _check_negotiation(sent: HttpRequest, answer: Answer, received: Received) -> bool:
    """Whether the answer wasn't what the client accepts. The log says so then, and only then, where the proxy can know:
    of repeated headers it sees one, and what it makes of Accept-Charset is the platform's own."""
    refused = received.status == 406 and losses.is_platform_s_own(received)
    names = [name.lower() for name, _ in sent.headers]
    if names.count("accept") < 2 and "accept-charset" not in names:
        assert any("the platform answers 406" in note for note in received.notes) is refused
    return refused


def _check_headers(answer: Answer, received: Received, *, keep_cors: bool, undone: bool) -> None:
    expected = losses.relayed_headers(answer, keep_cors=keep_cors)
    if undone:
        del expected["content-encoding"]
    added = {"x-request-id": ["transaction"], "x-openwhisk-activation-id": ["activation"]}
    got: dict[str, list[str]] = {}
    for name, value in received.headers:
        if name not in ("content-type", "content-length", "date", "server", "connection"):
            got.setdefault(name, []).append(value)
    for name, values in added.items():
        assert got.pop(name) == values + expected.pop(name, [])
    if not keep_cors:
        assert all(len(got.pop(name)) == 1 for name in losses.CORS)
    assert got == expected
