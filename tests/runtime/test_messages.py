import json

import pytest
from modelproxy import messages
from modelproxy.messages import HOP_BY_HOP, Request, Response, Result, error_response


def test_a_request_says_what_it_was_told_and_nothing_more():
    request = Request("POST", "/a")
    assert [getattr(request, name) for name in ("query", "body", "mount", "scheme")] == ["", b"", "", "http"]
    assert (list(request.headers), request.activation, request.default) == ([], None, False)


@pytest.mark.parametrize(
    ("headers", "value"),
    [([], ""), ([("a", "1")], "1"), ([("a", "1"), ("b", "2"), ("a", "3")], "3"), ([("b", "2")], "")],
)
def test_the_last_of_a_request_s_headers(headers, value):
    assert Request("GET", "/", headers=headers).header("a") == value


@pytest.mark.parametrize(
    ("headers", "value"),
    [([], ""), ([("A", "1")], "1"), ([("b", "2"), ("a", "3"), ("A", "4")], "3"), ([("b", "2")], "")],
)
def test_the_first_of_a_response_s_headers(headers, value):
    assert Response(200, headers, b"").header("a") == value


def test_a_result_that_says_nothing_else_is_a_success():
    result = Result(b"{}")
    assert (result.status, result.shown, result.body) == (200, 200, b"{}")


def test_an_error():
    response = error_response(418, "no tea", limit=3, again=None)
    assert (response.status, response.headers) == (418, [("Content-Type", "application/json")])
    assert response.body == b'{"again": null, "error": "no tea", "limit": 3}'
    assert json.loads(error_response(400, "\u00e9").body.decode("ascii")) == {"error": "\u00e9"}


def test_headers_of_a_connection_are_written_small():
    assert all(name == name.lower() for name in HOP_BY_HOP)


def test_how_long_an_answer_may_be_that_does_not_say_so():
    assert messages.MOST_UNANNOUNCED == 64 * 1024 * 1024


def test_how_long_a_header_may_be():
    assert (messages.LONGEST_VALUE, messages.SHORT_VALUE) == (8192, 1024)
    at_most = [("x", "a" * 8192), ("if-range", "b" * 8000), ("x", ""), ("content-type", "c" * 1024)]
    assert messages.too_long(at_most) == ""
    for name, most in ("x", 8192), ("content-type", 1024):
        assert messages.too_long(at_most + [(name, "d")]) == "%r of more than %d characters" % (name, most)


def test_how_long_a_header_may_be_with_a_row_of_blanks():
    row = "\t " * 50
    assert messages.too_long([("cookie", row + "a" * 924), ("accept", row[1:] + "b" * 8000)]) == ""
    assert messages.too_long([("cookie", row + "a" * 925)]) == "'cookie' of more than 1024 characters"
    assert messages.too_long([("cookie", "a" * 924), ("cookie", row + "b")]) == "'cookie' of more than 1024 characters"
