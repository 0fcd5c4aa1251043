"""The end of an activation: what is concluded at once is what would be concluded step by step."""

import json

import pytest
from hypothesis import example, given, strategies
from modelproxy import activation as activation_module
from modelproxy import log, web_action
from modelproxy.activation import Activation
from modelproxy.messages import Request, Response
from modelproxy.settings import Settings

JSON = ("Content-Type", "application/json")
# Only part of what is said by these decides how it is concluded; the rest is there to be told alike.
REQUESTS = strategies.builds(
    Request,
    method=strategies.sampled_from(["POST", "GET", "HEAD"]),
    path=strategies.sampled_from(["/model/predict", "/a%20b", "/caf\u00e9", "/a\n", "/" + "b" * 2100])
    | strategies.just("/" + log.MARKER.decode().strip()),
    headers=strategies.sampled_from(
        [{}, {"accept": "*/*"}, {"accept": ""}, {"accept": "image/png"}, {"accept-encoding": "gzip"}]
    )
    | strategies.just([("accept", "*/*")]),
    body=strategies.sampled_from([b"", b"12345"]),
)
HEADERS = strategies.sampled_from(
    [
        ("Content-Length", "5"),
        ("content-length", "5"),
        ("Content-Encoding", "gzip"),
        ("Server-Timing", "db;dur=2"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-A", "1"),
        ("x-a", '2"%s%'),
        ("X Bad", "1"),
    ]
)
TYPES = strategies.sampled_from(
    ["application/json", "text/plain", "text/html; charset=latin-1", "application/json; charset=utf-16", "image/png"]
    + ["", "no type", "application/x+json; charset=utf-8", "multipart/mixed; boundary=%d"]
)
BODIES = strategies.sampled_from(
    [b'{"a": 1}', b" [1, 2]", b"", b"true", b"caf\xe9", b"caf\xc3\xa9\xef\xbf\xbf", b"\x00\xff"]
    + [b"x" * 65535, b"x" * 65536, b'["%s"]' % (b"y" * 400)]
)
SETTINGS = strategies.sampled_from(
    [{}, {"MODELPROXY_CORS": "app"}, {"MODELPROXY_LOG": "json"}, {"MODELPROXY_RESULT_LIMIT": "500"}]
)


def ended(request, response, environ, identity="i"):
    """What an activation's end gives: the reply's status and body, what was written to which stream."""
    written, activation = [], Activation(bytearray(json.dumps({"activation_id": identity}).encode("ascii")), "")
    activation.request = request
    activation.arrived, activation.started, activation.decoded, activation.answered = 0.5, 1.0, 1.25, 3.0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(activation_module, "monotonic", lambda: 3.5)
        patched.setattr(log, "write", lambda descriptor, data: written.append((descriptor, data)))
        reply = activation.conclude(response, Settings(environ))
    return reply.status, reply.headers, b"".join(reply.pieces), written


def ended_step_by_step(*given):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Activation, "_conclude_at_once", lambda *_: None)
        return ended(*given)


@given(
    REQUESTS,
    strategies.sampled_from([200, 200, 200, 201, 204, 404, 500, 700]),
    strategies.lists(HEADERS, max_size=4),
    TYPES,
    BODIES,
    SETTINGS,
    strategies.booleans(),
    strategies.sampled_from(["i", "caf\u00e9", "a\nb"]),
)
@example(Request("POST", "/p", headers={}), 200, [("x-a", "%")], "application/json", b'{"a": 1}', {}, False, "i")
@example(Request("POST", "/p", headers={}), 200, [("X Bad", "1")], "application/json", b'{"a": 1}', {}, False, "i")
@example(Request("POST", "/p", headers={}), 200, [("Server-Timing", "a")], "application/json", b"[]", {}, False, "i")
@example(Request("POST", "/p", headers={}), 200, [("Content-Encoding", "gzip")], "text/plain", b"a", {}, False, "i")
def test_what_is_concluded_at_once_is_what_would_be_step_by_step(
    request, status, headers, content_type, body, environ, has_drift, identity
):
    if content_type:
        headers = headers + [("Content-Type", content_type)]
    ways = []
    for way in (ended, ended_step_by_step):
        told = Drift() if has_drift else None
        ways.append(way(request, Response(status, headers, body, told), environ, identity))
    assert ways[0] == ways[1]


class Drift:
    """As ``drift.verdict`` tells it in a log."""

    def __init__(self):
        self.fields = {"distance": 0.5}

    def __str__(self):
        return "distance=0.5"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", b'{"a": 1}'), ("image/png", b"\x89PNG"), ("text/html; charset=utf-8", b"<p>"), ("", b"")],
)
def test_usual_answers_are_concluded_at_once(content_type, body, monkeypatch):
    """Else the comparison would compare one way with itself."""

    def refuse(*_):
        raise AssertionError("step by step")

    request = Request("POST", "/p", headers={"accept": "*/*"}, body=b"12345")
    response = Response(200, [("Content-Type", content_type)], body)
    expected = ended(request, response, {})
    monkeypatch.setattr(web_action, "encode", refuse)
    if not body:
        with pytest.raises(AssertionError):
            ended(request, response, {})
        return
    assert ended(request, response, {}) == expected
    assert expected[3] == [
        (
            1,
            b"modelproxy: POST /p 200 in=5 out=%d ms=3000.000 wait=500.000 decode=250.000 model=1750.000 "
            b"encode=500.000 activation=i\n%b" % (len(body), log.MARKER),
        ),
        (2, log.MARKER),
    ]
