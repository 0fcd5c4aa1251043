"""The plain web server's part of a request, with a host in place of a model."""

import json
import types

import pytest
from modelproxy.http1 import parse_head
from modelproxy.jobs import Job
from modelproxy.messages import Response
from modelproxy.settings import Settings
from modelproxy.web_server import WebServer


class Host:
    def __init__(self, response=None, error=None):
        self.response = response or Response(200, [("Content-Type", "text/plain")], b"hello")
        self.error = error
        self.request = None

    def load(self):
        pass

    def handle(self, request):
        self.request = request
        if self.error is not None:
            raise self.error
        return self.response


class Served:
    def __init__(self, host=None, **environ):
        self.host = host or Host()
        self.web = WebServer(Settings(environ), self.host)
        self.replies = []
        self.dropped = []

    def drop(self, connection):
        self.dropped.append(connection)

    def reply(self, connection, head, reply):
        self.replies.append(reply)

    def ask(self, line=b"GET / HTTP/1.1", *fields):
        job = Job(self, None, parse_head(b"\r\n".join((line, b"Host: x") + fields)), b"")
        self.web.admit(job)
        self.web.perform(job)
        return self.replies.pop()


def head(line):
    return parse_head(line + b"\r\nHost: x")


def test_health_before_and_after_the_model_is_loaded():
    served = Served()
    assert served.web.refuse(head(b"GET /healthz HTTP/1.1")).status == 503
    served.web.load()
    assert served.web.refuse(head(b"HEAD /healthz?x HTTP/1.1")).status == 200
    assert served.web.refuse(head(b"POST /healthz HTTP/1.1")) is None
    assert Served(MODELPROXY_HEALTH_PATH="/alive").web.refuse(head(b"GET /healthz HTTP/1.1")) is None


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b?x=1", "/a%20b", "x=1"),
        (b"http://h/a?b", "/a", "b"),
        (b"HTTPS://h", "/", ""),
        (b"http://h?x=/admin", "/", "x=/admin"),
        (b"http://h/?", "/", ""),
        (b"*", "/", ""),
    ],
)
def test_targets(target, path, query):
    served = Served()
    served.ask(b"GET %s HTTP/1.1" % target)
    assert (served.host.request.path, served.host.request.query) == (path, query)
    assert served.host.request.activation is None


def test_the_host_of_an_absolute_target_counts():
    for target, host in ((b"http://other:81/p", "other:81"), (b"/p", "x")):
        served = Served()
        served.ask(b"GET %s HTTP/1.1" % target)
        assert served.host.request.headers == [("host", host)]


@pytest.mark.parametrize(
    "target", [b"a", b"ftp://h/", b"h:80", b"/a#b", b"http://h#/admin", b"http:///a", b"*a", b"http://u@h/"]
)
def test_targets_that_are_no_path(target):
    assert Served().web.refuse(head(b"GET %s HTTP/1.1" % target)).status == 400


@pytest.mark.parametrize(("proto", "scheme"), [(b"https", "https"), (b"http, https", "http"), (b"x", "http")])
def test_scheme(proto, scheme):
    served = Served()
    served.ask(b"GET / HTTP/1.1", b"X-Forwarded-Proto: " + proto, b"Expect: 100-continue")
    assert served.host.request.scheme == scheme
    assert "expect" not in dict(served.host.request.headers)


def test_an_answer_keeps_its_headers_but_those_of_the_connection():
    own = [
        ("X-A", "1"),
        ("x-a", "2"),
        ("Connection", "x"),
        ("Content-Length", "9"),
        ("Bad Name", "x"),
        ("Date", "then"),
    ]
    reply = Served(Host(Response(200, own, b"hello"))).ask()
    assert (reply.status, reply.headers, reply.body) == (200, [("X-A", "1"), ("x-a", "2"), ("Date", "then")], b"hello")
    assert Served().ask().headers[-1][0] == "Date"
    assert Served().ask().headers[-1][1].endswith(" GMT")


@pytest.mark.parametrize(("status", "has_length"), [(200, True), (204, False), (304, False), (404, True)])
def test_which_answers_have_a_length(status, has_length):
    reply = Served(Host(Response(status, [], b"x"))).ask()
    assert (reply.length, reply.body) == (has_length, b"x" if has_length else b"")


def test_head_keeps_the_length_that_the_application_tells():
    reply = Served(Host(Response(200, [("Content-Length", "31")], b""))).ask(b"HEAD / HTTP/1.1")
    assert ("Content-Length", "31") in reply.headers
    assert reply.length is False
    assert Served(Host(Response(200, [], b"abc"))).ask(b"HEAD / HTTP/1.1").length is True


@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit(1), SyntaxError("secret", ("a.txt", 1, 1, b"x"))])
def test_a_model_that_fails(error, capfd):
    reply = Served(Host(error=error)).ask()
    assert reply.status == 500
    assert type(error).__name__ in json.loads(reply.body.decode("ascii"))["error"]
    assert b"secret" not in reply.body
    out, err = capfd.readouterr()
    assert "Traceback" in err
    assert " 500 " in out


def test_an_answer_that_can_not_be_written(capfd):
    reply = Served(Host(Response(200, [("Retry-After", 10)], b""))).ask()
    assert reply.status == 500
    assert "Traceback" in capfd.readouterr()[1]


def test_of_a_long_path_the_log_has_the_beginning(capfd):
    for length, left_out in ((2000, ""), (2001, "[and_1_characters_more]")):
        path = b"/" + b"x" * (length - 1)
        Served().ask(b"GET %s HTTP/1.1" % path)
        assert capfd.readouterr()[0].split(" ")[2] == path.decode("ascii")[:2000] + left_out


def test_who_asks_is_known():
    served = Served()
    known = types.SimpleNamespace(peer="192.0.2.7", is_gone=lambda: False)
    job = Job(served, known, head(b"GET / HTTP/1.1"), b"")
    served.web.perform(job)
    assert served.host.request.peer == "192.0.2.7"


@pytest.mark.parametrize(
    ("gone", "waited", "predicted"), [(False, 0, True), (True, 0, True), (False, 1, True), (True, 1, False)]
)
def test_a_request_that_waited_is_dropped_where_its_client_has_gone(capfd, gone, waited, predicted):
    """Of one that didn't wait it isn't asked: its client was there just now."""
    served = Served()
    known = types.SimpleNamespace(peer="192.0.2.7", is_gone=lambda: gone)
    job = Job(served, known, head(b"GET /a%20b HTTP/1.1"), b"")
    job.arrived += -60 if waited else 60  # so that no pause of this test's makes it wait
    served.web.perform(job)
    assert (served.host.request is not None) == predicted
    assert (len(served.replies), served.dropped) == ((1, []) if predicted else (0, [known]))
    assert job.answered
    assert ("GET /a%20b isn't asked of the model" in capfd.readouterr()[0]) != predicted


def test_a_status_that_no_client_understands():
    assert Served(Host(Response(101, [], b""))).ask().status == 502


def test_what_was_answered_already_is_not_answered_again(capfd):
    served = Served()
    job = Job(served, None, head(b"GET / HTTP/1.1"), b"")
    assert job.claim()
    served.web.admit(job)
    served.web.perform(job)
    assert served.replies == []
    assert " 200 " in capfd.readouterr()[0]


def test_there_is_no_deadline():
    with pytest.raises(AssertionError):
        Served().web.overdue(None)
