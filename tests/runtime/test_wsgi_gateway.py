"""PEP 3333: the environ that an application gets, and every way in which it may answer."""

import io
import sys
from wsgiref.validate import validator

import pytest
from modelproxy.messages import Request
from modelproxy.wsgi_gateway import BadApplication, call, environ_of


def request(**changes):
    made = dict(method="POST", path="/a%20b/caf%C3%A9", query="x=1&x=2", body=b"hello", mount="/api/v1/web/g/default/n")
    made["headers"] = [("host", "h.example:8443"), ("content-type", "text/plain"), ("x-fields", "{a}")]
    made.update(changes)
    return Request(**made)


def test_environ():
    environ = environ_of(request(scheme="https", activation={"activation_id": "i"}))
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/api/v1/web/g/default/n",
        "PATH_INFO": "/a b/caf\u00c3\u00a9",
        "QUERY_STRING": "x=1&x=2",
        "REQUEST_URI": "/api/v1/web/g/default/n/a%20b/caf%C3%A9?x=1&x=2",
        "SERVER_NAME": "h.example",
        "SERVER_PORT": "8443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/plain",
        "HTTP_X_FIELDS": "{a}",
        "HTTP_HOST": "h.example:8443",
        "wsgi.url_scheme": "https",
        "wsgi.multithread": False,
        "wsgi.input_terminated": True,
    }
    assert {key: environ[key] for key in expected} == expected
    assert environ["wsgi.input"].read() == b"hello"
    assert environ["wsgi.errors"] is sys.stderr
    assert environ["openwhisk.activation"] == {"activation_id": "i"}
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "openwhisk.activation" not in environ_of(request())
    assert environ_of(request(query=""), multithread=True)["wsgi.multithread"] is True


@pytest.mark.parametrize(
    ("host", "scheme", "expected"),
    [
        ("", "http", ("localhost", "80")),
        ("a", "https", ("a", "443")),
        ("a:1", "http", ("a", "1")),
        (":1", "http", ("localhost", "1")),
        ("[::1]", "http", ("[::1]", "80")),
        ("[::1]:8", "http", ("[::1]", "8")),
        ("a:b", "http", ("a:b", "80")),
    ],
)
def test_host_and_port(host, scheme, expected):
    environ = environ_of(request(headers=[("host", host)], scheme=scheme))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == expected


def test_headers_that_stay_out_and_those_that_join():
    headers = [
        ("x_under", "1"),
        ("x-under", "2"),
        ("proxy", "evil"),
        ("accept-encoding", "gzip"),
        ("connection", "close"),
        ("content-length", "99"),
        ("te", "x"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-a", "1"),
        ("x-a", "2"),
    ]
    environ = environ_of(request(headers=headers))
    ours = {key: value for key, value in environ.items() if key.startswith("HTTP_")}
    assert ours == {"HTTP_X_UNDER": "2", "HTTP_COOKIE": "a=1; b=2", "HTTP_X_A": "1, 2"}
    assert environ["CONTENT_LENGTH"] == "5"


class Body:
    def __init__(self, chunks, failure=None, failure_at_close=None):
        self.chunks = chunks
        self.failure = failure
        self.failure_at_close = failure_at_close
        self.closed = 0

    def __iter__(self):
        for chunk in self.chunks:
            yield chunk
        if self.failure:
            raise self.failure

    def close(self):
        self.closed += 1
        if self.failure_at_close:
            raise self.failure_at_close


def application(body, status="200 OK", headers=(), written=()):
    def app(environ, start_response):
        write = start_response(status, list(headers))
        for chunk in written:
            write(chunk)
        return body

    return app


def test_the_answer_is_gathered_and_the_body_closed():
    body = Body([b"c", b"", b"d"])
    response = call(application(body, "201 Created", [("X-A", "1"), ("X-A", "2")], [b"a", b"b"]), request())
    assert (response.status, response.headers, response.body) == (201, [("X-A", "1"), ("X-A", "2")], b"abcd")
    assert body.closed == 1


def test_an_application_that_starts_only_when_it_is_read():
    def late(environ, start_response):
        start_response("202 Accepted", [])
        yield b"x"

    assert call(late, request()).status == 202


def test_an_application_that_starts_over_because_of_an_error():
    def app(environ, start_response):
        start_response("200 OK", [("X-A", "1")])
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Oops", [], sys.exc_info())
        return [b"sorry"]

    response = call(app, request())
    assert (response.status, response.headers, response.body) == (500, [], b"sorry")


def test_what_breaks_the_interface_is_said():
    def twice(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    for app, problem in (
        (twice, "twice"),
        (lambda environ, start: [b"x"], "without calling"),
        (application([], "OK"), "status line"),
        (application([], "2000"), "status line"),
        (application([], "20"), "status line"),
        (application([], "\u0662\u0660\u0660 OK"), "status line"),
    ):
        with pytest.raises(BadApplication, match=problem):
            call(app, request())
    with pytest.raises(TypeError):
        call(application(["text"]), request())


@pytest.mark.parametrize("failure", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
def test_what_the_application_raises_passes_and_the_body_is_closed(failure):
    body = Body([b"x"], failure)
    with pytest.raises(type(failure)):
        call(application(body), request())
    assert body.closed == 1


@pytest.mark.parametrize("failure", [ValueError("at the close"), SystemExit(1)])
def test_what_fails_at_the_close_does_not_cost_the_answer(failure, capsys):
    assert call(application(Body([b"x"], None, failure)), request()).body == b"x"
    assert type(failure).__name__ in capsys.readouterr()[1]


def test_the_environ_is_what_the_reference_validator_wants():
    def app(environ, start_response):
        environ["wsgi.input"].read(5)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    errors, sys.stderr = sys.stderr, io.StringIO()
    try:
        assert call(validator(app), request(method="POST", headers=[("host", "a")])).body == b"x"
    finally:
        sys.stderr = errors
