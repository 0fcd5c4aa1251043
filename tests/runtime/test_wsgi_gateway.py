"""PEP 3333: the environ that an application gets, and every way in which it may answer."""

import io
import sys
from wsgiref.validate import validator

import pytest
from modelproxy import wsgi_gateway
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


def test_what_an_application_does_to_its_environ_is_gone_with_it():
    first = environ_of(request())
    kept = dict(first)
    first.clear()
    first.update({"PATH_INFO": "/other", "mine": "1"})
    second = environ_of(request())
    assert dict(second, **{"wsgi.input": None}) == dict(kept, **{"wsgi.input": None})
    assert second["wsgi.input"] is not kept["wsgi.input"]


def test_requests_to_one_path_differ_in_all_that_is_theirs():
    post = environ_of(request(query="", body=b""))
    other = environ_of(request(body=b"longer body", query="y", headers=[("x-a", "1")]))
    get = environ_of(request(method="GET", body=b"", scheme="https"))
    target = "/api/v1/web/g/default/n/a%20b/caf%C3%A9"
    assert [(each["REQUEST_URI"], each["RAW_URI"], each["QUERY_STRING"]) for each in (post, other)] == [
        (target, target, ""),
        (target + "?y", target + "?y", "y"),
    ]
    assert [each.get("CONTENT_LENGTH") for each in (post, other, get)] == ["0", "11", None]
    assert [each["wsgi.url_scheme"] for each in (post, get)] == ["http", "https"]
    assert ("HTTP_X_A" in post, "HTTP_X_A" in other, other["SERVER_NAME"]) == (False, True, "localhost")


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


def test_headers_whose_names_are_known_to_be_well_formed_give_the_same():
    headers = {"x_under": "1", "x-under": "2", "proxy": "evil", "te": "x", "content-length": "99", "host": "h:1"}
    at_once = request(headers=headers)
    at_once.names = tuple(headers)
    environs = [environ_of(each) for each in (at_once, request(headers=list(headers.items())))]
    for environ in environs:
        assert environ.pop("wsgi.input").read() == b"hello"
    assert environs[0] == environs[1]
    assert [key for key in environs[0] if key is None or "UNDER" in key] == ["HTTP_X_UNDER"]


@pytest.mark.parametrize(
    ("method", "body", "headers", "expected"),
    [
        ("GET", b"", [], None),
        ("DELETE", b"", [], None),
        ("GET", b"", [("content-length", "0")], "0"),
        ("GET", b"abc", [], "3"),
        ("POST", b"", [], "0"),
    ],
)
def test_a_length_is_there_as_on_the_wire(method, body, headers, expected):
    environ = environ_of(request(method=method, body=body, headers=headers))
    assert environ.get("CONTENT_LENGTH") == expected


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


@pytest.mark.parametrize("failure", [ValueError("x"), SystemExit(1), KeyboardInterrupt()])
def test_what_the_application_raises_passes_and_the_body_is_closed(failure):
    body = Body([b"x"], failure)
    with pytest.raises(type(failure)):
        call(application(body), request())
    assert body.closed == 1


@pytest.mark.parametrize("failure", [ValueError("at the close"), SystemExit(1)])
def test_what_fails_at_the_close_does_not_cost_the_answer(failure, capfd):
    assert call(application(Body([b"x"], None, failure)), request()).body == b"x"
    assert type(failure).__name__ in capfd.readouterr()[1]


def test_what_fails_at_the_close_ends_no_log_and_needs_no_stream_of_the_model_s(capfd, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    failure = ValueError("x\nXXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\nmodelproxy: forged")
    assert call(application(Body([b"x"], None, failure)), request()).body == b"x"
    said = capfd.readouterr()[1]
    assert "ValueError: x\n    XXX-THE-END-OF-A-WHISK-ACTIVATION-XXX\n    modelproxy: forged\n" in said


# --- PEP 3333 to the letter: each application as it is, and between wsgiref's validator and us ----------------------


def raised(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


def starting(*chunks, **options):
    """A generator that starts when it is first read."""

    def app(environ, start_response):
        start_response(options.get("status", "200 OK"), options.get("headers", [("Content-Type", "text/plain")]))
        for chunk in chunks:
            yield chunk

    return app


def starting_over(*chunks, **options):
    """Begins with ``chunks``, fails, and starts over as PEP 3333 (Error Handling) shows."""

    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-First", "1")])
        try:
            for chunk in chunks:
                if options.get("by_write"):
                    write(chunk)
                else:
                    yield chunk
            raise KeyError("the first failure")
        except KeyError:
            start_response("500 Oops", [("Content-Type", "text/html")], options.get("exc_info", sys.exc_info()))
        yield b"sorry"

    return app


def writing(*chunks, **options):
    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")] + options.get("headers", []))
        for chunk in chunks:
            write(chunk)
        return [b"end"]

    return app


class Iterator:
    """An iterator that is no generator and has no close."""

    def __init__(self, environ, start_response):
        self._left = [b"a", b"b"]
        start_response("200 OK", [("Content-Type", "text/plain")])

    def __iter__(self):
        return self

    def __next__(self):
        if self._left:
            return self._left.pop(0)
        raise StopIteration


def of_length(length, *chunks, **options):
    return starting(*chunks, headers=[("Content-Type", "text/plain"), ("Content-Length", length)], **options)


WELL_BEHAVED = {
    "list": (application([b"a", b"b"], headers=[("Content-Type", "text/plain")]), 200, b"ab"),
    "tuple": (application((b"a",), headers=[("Content-Type", "text/plain")]), 200, b"a"),
    "generator": (starting(b"a", b"", b"b"), 200, b"ab"),
    "iterator": (Iterator, 200, b"ab"),
    "nothing": (starting(), 200, b""),
    "write": (writing(b"a", b"", b"b"), 200, b"abend"),
    "no content": (starting(status="204 No Content", headers=[]), 204, b""),
    "not modified": (starting(status="304 Not Modified", headers=[("ETag", "x")]), 304, b""),
    "length": (of_length("2", b"a", b"b"), 200, b"ab"),
    "started over": (starting_over(), 500, b"sorry"),
    "started over after empty pieces": (starting_over(b"", b""), 500, b"sorry"),
    "started with exc_info at once": (
        lambda environ, start: start("500 X", [("Content-Type", "text/plain")], raised(KeyError())) and [b"x"],
        500,
        b"x",
    ),
}


@pytest.mark.parametrize("name", sorted(WELL_BEHAVED))
@pytest.mark.parametrize("around", [validator, lambda app: app])
def test_well_behaved_applications(name, around, monkeypatch):
    app, status, body = WELL_BEHAVED[name]
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    response = call(around(app), request(method="POST", headers=[("host", "a")]))
    assert (response.status, response.body) == (status, body)


ILL_BEHAVED = {
    "text": (application(["text"]), "body has a str"),
    "text midway": (starting(b"x", "text"), "body has a str"),
    "numbers": (application([1]), "body has a int"),
    "bytes alone": (application(b"abc"), "returned a bytes instead of an iterable"),
    "text alone": (application("abc"), "returned a str instead of an iterable"),
    "None": (application(None), "returned a NoneType"),
    "never started": (lambda environ, start: [], "without calling start_response"),
    "started too late": (
        lambda environ, start: (start("200 OK", []) and b"" if x else b"x" for x in (0, 1)),
        "without",
    ),
    "status as bytes": (application([], b"200 OK"), "status line is b'200 OK'"),
    "status as a number": (application([], 200), "status line is 200"),
    "status below 100": (application([], "099 X"), "status line"),
    "header value as a number": (application([], headers=[("Content-Length", 3)]), "isn't a tuple of two str"),
    "header name as bytes": (application([], headers=[(b"A", "b")]), "isn't a tuple of two str"),
    "header as a list": (application([], headers=[["A", "b"]]), "isn't a tuple of two str"),
    "header of three": (application([], headers=[("A", "b", "c")]), "isn't a tuple of two str"),
    "headers as a dict": (lambda environ, start: start("200 OK", {"A": "b"}) or [], "headers are a dict"),
    "length too large": (of_length("9", b"a"), "ends 8 bytes before its Content-Length"),
    "length of nothing": (of_length("9"), "ends 9 bytes before its Content-Length"),
    "length is no number": (of_length("x", b"a"), "Content-Length is 'x'"),
    "length is negative": (of_length("-1", b"a"), "Content-Length is '-1'"),
    "two lengths": (starting(headers=[("Content-Length", "1"), ("content-length", "2")]), "must be one number"),
    "written beyond the length": (writing(b"abc", headers=[("Content-Length", "2")]), "more than the Content-Length"),
    "text written": (writing("abc"), "body has a str"),
    "started again with no error": (starting_over(b"x", exc_info=(None, None, None)), "called again after the body"),
}


@pytest.mark.parametrize("name", sorted(ILL_BEHAVED))
def test_ill_behaved_applications(name, monkeypatch):
    app, problem = ILL_BEHAVED[name]
    with pytest.raises(BadApplication, match=problem):
        call(app, request())
    # The validator finds most of it first; whoever does, there is no answer.
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises((BadApplication, AssertionError, TypeError)):
        call(validator(app), request(method="POST", headers=[("host", "a")]))


@pytest.mark.parametrize("by_write", [True, False])
def test_who_has_begun_the_body_cannot_start_over(by_write):
    with pytest.raises(KeyError, match="the first failure"):
        call(starting_over(b"half an ans", by_write=by_write), request())


def test_a_body_longer_than_its_length_is_cut_there_and_closed():
    def pieces():
        while True:
            yield b"abc"

    body = Body(pieces())
    response = call(application(body, headers=[("Content-Length", "7")]), request())
    assert (response.body, body.closed) == (b"abcabca", 1)
    body = Body([b"abc", b"", b""])
    assert call(application(body, headers=[("Content-Length", "3")]), request()).body == b"abc"
    assert call(application([b"abc"], headers=[("Content-Length", "0")]), request()).body == b""


@pytest.mark.parametrize("by_write", [True, False])
def test_a_body_without_a_length_has_an_end(monkeypatch, by_write):
    """A camera's pictures, or events."""
    monkeypatch.setattr(wsgi_gateway, "MOST_UNANNOUNCED", 90)
    left = []

    def app(environ, start_response):
        write = start_response("200 OK", [])
        try:
            while True:
                if by_write:
                    write(b"frame")
                yield b"" if by_write else b"frame"
        finally:
            left.append(True)

    with pytest.raises(BadApplication, match="neither a length nor an end"):
        call(app, request())
    assert left
    assert call(application([b"frame", b"frame"]), request()).body == b"frameframe"
    assert call(of_length("15", b"frame", b"frame", b"frame"), request()).body == b"frame" * 3


def test_what_follows_the_last_piece_is_run():
    done = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "1")])
        yield b"x"
        done.append(True)

    assert call(app, request()).body == b"x"
    assert done


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 None")])
def test_a_length_without_a_body(method, status):
    response = call(of_length("99", status=status), request(method=method))
    assert (response.header("content-length"), response.body) == ("99", b"")


def test_a_buffer_that_is_used_again():
    def app(environ, start_response):
        start_response("200 OK", [])
        buffer = bytearray(b"a")
        yield buffer
        buffer[0] = ord("b")
        yield memoryview(buffer)

    assert call(app, request()).body == b"ab"


def test_names_of_headers_are_known_again_however_many_there_were():
    for _ in range(2):
        for number in range(600):
            environ = environ_of(request(headers=[("x-%d" % number, "1"), ("proxy", "x"), ("content-type", "a/b")]))
            assert [key for key in environ if key.startswith("HTTP_")] == ["HTTP_X_%d" % number]
            assert environ["CONTENT_TYPE"] == "a/b"


class Text(str):
    """A str of a kind of its own, as some frameworks have."""


def test_kinds_of_str_become_str():
    def app(environ, start_response):
        start_response(Text("200 OK"), [(Text("X-A"), Text("1")), ("Content-Length", Text("1"))])
        return [b"x"]

    headers = call(app, request()).headers
    assert headers == [("X-A", "1"), ("Content-Length", "1")]
    assert {type(text) for pair in headers for text in pair} == {str}


def test_headers_are_those_of_the_start():
    headers = [("X-A", "1")]

    def app(environ, start_response):
        start_response("200 OK", headers)
        headers.append((b"late", None))
        return [b""]

    assert call(app, request()).headers == [("X-A", "1")]


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
