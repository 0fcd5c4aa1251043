"""A web activation's value → the request of the client, against what a running platform sent (requests.jsonl)."""

import base64
import json
import re
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest
from hypothesis import given, strategies
from modelproxy import web_action
from modelproxy.messages import BadValue
from modelproxy.web_action import request as request_module

import vectors

ROWS = [row for row in vectors.rows("requests.jsonl") if "value" in row]
LOST = ("latin-1 text, declared", "utf-16 text, declared")  # the platform decodes every text as UTF-8


def bodies_of(rows):
    return [pytest.param(row, id="%s %s" % (row["mode"], row["name"])) for row in rows]


def sent_body(row):
    body = vectors.decoded(row["request"]["body"])
    if any(name.lower() == "transfer-encoding" for name, _ in row["request"]["headers"]):
        body = body.split(b"\r\n")[1]
    return body


@pytest.mark.parametrize("row", bodies_of(ROWS))
def test_line_and_headers_are_the_client_s(row):
    request = web_action.decode(row["value"], default_path="/model/predict")
    path, _, query = row["request"]["path"].partition("?")
    path = path[len(".http") :] if path.startswith(".http") else path
    assert request.method == row["request"]["method"]
    assert request.default is (path == "")
    if path:
        normal = {"/a/../b": "/b", "/%ff": "/%EF%BF%BD"}.get(path, path)  # the platform's own doing
        assert unquote_to_bytes(request.path) == unquote_to_bytes(normal)
        assert request.path == normal
    else:
        assert request.path == "/model/predict"
    assert dict(request.headers) == row["value"]["__ow_headers"]
    if row["mode"] == "raw":
        assert parse_qsl(request.query, keep_blank_values=True) == parse_qsl(query, keep_blank_values=True)


@pytest.mark.parametrize("row", bodies_of([row for row in ROWS if row["mode"] == "raw"]))
def test_raw_body_is_the_client_s_to_the_byte(row):
    body = sent_body(row)
    if row["name"] in LOST:
        body = row["value"]["__ow_body"].encode("utf-8")
    assert web_action.decode(row["value"]).body == body


@pytest.mark.parametrize("row", bodies_of([row for row in ROWS if row["mode"] == "cooked"]))
def test_cooked_body_and_query_hold_every_parameter_and_default(row):
    value = row["value"]
    request = web_action.decode(value)
    parameters = {key: item for key, item in value.items() if key not in web_action.RESERVED}
    content_type = value["__ow_headers"].get("content-type", "")
    as_strings = {
        key: item if isinstance(item, str) else json.dumps(item, separators=(",", ":"))
        for key, item in parameters.items()
    }
    in_body = "__ow_body" not in value and request.method not in ("GET", "HEAD")
    bare_json = content_type == "application/json" or content_type.endswith("+json") or "+json; charset" in content_type
    if in_body and bare_json:
        assert json.loads(request.body.decode("utf-8")) == parameters
        assert request.query == ""
    elif in_body and content_type == "application/x-www-form-urlencoded":
        assert dict(parse_qsl(request.body.decode("ascii"), keep_blank_values=True)) == as_strings
        assert request.query == ""
    else:
        assert dict(parse_qsl(request.query, keep_blank_values=True)) == as_strings
        if "__ow_body" in value and bare_json:
            assert json.loads(request.body.decode("utf-8")) == value["__ow_body"]
        elif "__ow_body" in value and row["name"] not in LOST:
            assert request.body == sent_body(row)
        elif "__ow_body" not in value:
            assert request.body == b""


def value_of(**changes):
    value = {"__ow_method": "post", "__ow_headers": {}, "__ow_path": "", "__ow_query": "", "__ow_body": ""}
    value.update(changes)
    return value


def raw(content_type, body):
    return value_of(__ow_headers={"content-type": content_type}, __ow_body=body)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (value_of(__ow_method="po st"), "^__ow_method is 'PO ST', which is no HTTP method$"),
        (value_of(__ow_method=None), "no HTTP method"),
        (value_of(__ow_method=3), "the platform sends a string"),
        (value_of(__ow_headers=[1]), r"^__ow_headers is \[1\]; the platform sends an object$"),
        (value_of(__ow_headers={"a b": "c"}), "no HTTP header"),
        (value_of(__ow_headers={"a": "b\r\nc: d"}), "no HTTP header"),
        (value_of(__ow_path=["/x"]), "the platform sends a string"),
        (value_of(__ow_query={"a": 1}), "the platform sends a string"),
        (value_of(__ow_method=3, __ow_path=3), "the platform sends a string"),
        (value_of(__ow_method=3, __ow_path=3, __ow_query=3), "the platform sends a string"),
        (value_of(__ow_headers={"x": "a" * 8193}), "'x' of more than 8192 characters"),
        (value_of(__ow_headers={"Content-Type": "a" * 1025}), "'content-type' of more than 1024 characters"),
        (value_of(__ow_headers={"if-none-match": '"a,' * 342}), "'if-none-match' of more than 1024 characters"),
        (value_of(__ow_headers={"host": "a", "Host": "b"}), "the header 'host' more than once"),
        (value_of(__ow_headers={"host": "\u00e9"}), "has the host '\u00e9', which can be none"),
        (value_of(__ow_headers={"Host": "a." * 131}), "the host .*can be none"),
        (raw("image/png", "not base64!"), "isn't base64"),
        (raw("image/png", "YWJj\nZGVm"), "isn't base64"),
        (raw("image/png", "YQ==YQ=="), "isn't base64"),
        (raw("image/png", "YQ=====A"), "isn't base64"),
        (raw("image/png", "AAAA===="), "isn't base64"),
        (raw("image/png", "AAAA-_8="), "isn't base64"),
        (raw("image/png", "caf\u00e9"), "isn't base64"),
        (raw("image/png", "AAAAA"), "isn't base64"),
        (raw("image/png", "AAAAA=="), "isn't base64"),  # the fuzzer's
        (raw("image/png", "AAAAA="), "isn't base64"),
    ],
)
def test_what_cannot_come_from_the_platform_is_refused_with_a_reason(value, problem):
    with pytest.raises(BadValue, match=problem):
        web_action.decode(value)


def test_headers_may_be_as_long_as_the_platform_takes_them():
    known = web_action.decode(value_of(__ow_headers={"content-type": "a" * 1024, "x": "b" * 7168}))
    assert known.names == ("content-type", "x")  # at once
    longer = web_action.decode(value_of(__ow_headers={"X": "b" * 8192, "y": "c"}))
    assert (longer.headers, longer.names) == ([("x", "b" * 8192), ("y", "c")], None)


def test_a_method_may_be_any_token_up_to_a_length():
    longest = "-".join(["PROPFIND"] * 4) + "!#$%&"
    assert len(longest) == 40
    assert web_action.decode(value_of(__ow_method=longest.lower())).method == longest
    with pytest.raises(BadValue, match="no HTTP method"):
        web_action.decode(value_of(__ow_method=longest + "X"))


def test_liberal_where_nothing_can_go_wrong():
    request = web_action.decode(value_of(__ow_path="x y", __ow_headers={"X-A": 3, "x-b": "\u2744"}, __ow_body={"a": 1}))
    assert request.path == "/x%20y"
    assert request.headers == [("x-a", "3"), ("x-b", "\u00e2\u009d\u0084".encode("latin-1").decode("latin-1"))]
    assert json.loads(request.body.decode("utf-8")) == {"a": 1}
    assert web_action.decode(raw("image/png", "YWI")).body == b"ab"
    assert web_action.decode(raw("text/plain", "\ud800")).body == b"?"
    assert web_action.decode(value_of(__ow_body=None, __ow_query=None)).body == b""


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ({"a": "b", "c": ""}, [("a", "b"), ("c", "")]),
        ({}, []),
        ({"a": "b", "C": "d"}, [("a", "b"), ("c", "d")]),
        ({"a": 1, "b": None, "c": "d"}, [("a", "1"), ("b", "null"), ("c", "d")]),
        ({"a": "caf\u00e9"}, [("a", "caf\u00e9")]),
        ({"a": "\u2744"}, [("a", "\u00e2\u009d\u0084")]),
        ({"a": "b\tc"}, [("a", "b\tc")]),
    ],
)
def test_headers_have_names_in_lower_case_and_a_character_for_each_byte(given, headers):
    request = web_action.decode(value_of(__ow_headers=given))
    for _ in range(2):
        assert list(request.headers) == headers
    for name, value in headers:
        assert request.header(name) == value
    assert request.header("x-none") == ""


@pytest.mark.parametrize("character", "\x00\n\r\x1f\x7f")
def test_no_header_has_a_control_character(character):
    value = dict(raw("image/png", ""), __ow_headers={"x-a": "a", "x-b": "b" + character})
    with pytest.raises(BadValue, match="no HTTP header"):
        web_action.decode(value)


@pytest.mark.parametrize("character", "\t ~\x80\xff")
def test_all_others_are_taken(character):
    value = dict(raw("image/png", ""), __ow_headers={"x-a": "a", "x-b": "b" + character + "c"})
    assert web_action.decode(value).header("x-b") == "b" + character + "c"


def test_header_names_with_capitals_are_written_small():
    request = web_action.decode(value_of(__ow_headers={"X-A": "b", "X-Forwarded-Proto": "https"}))
    assert list(request.headers) == [("x-a", "b"), ("x-forwarded-proto", "https")]
    assert request.scheme == "https"


def test_parameters_beside_a_type_that_has_no_fields_are_the_query():
    value = {"__ow_method": "post", "__ow_headers": {"content-type": "text/plain"}, "__ow_path": "", "a": "b"}
    request = web_action.decode(value)
    assert (request.query, request.body) == ("a=b", b"")


def test_default_path_may_carry_a_query():
    request = web_action.decode(value_of(__ow_query="b=2"), default_path="/p?a=1")
    assert (request.path, request.query, request.default) == ("/p", "a=1&b=2", True)
    assert web_action.decode(value_of(), default_path="/p?a=1").query == "a=1"
    assert web_action.decode(value_of(__ow_path="/q"), default_path="/p?a=1").query == ""


def test_a_query_has_what_a_server_lets_into_one():
    request = web_action.decode(value_of(__ow_query="a=%20&b=\u0142 \xe9\ud800\r\nc:d"), default_path="/p?\u0142")
    assert request.query == "%C5%82&a=%20&b=%C5%82%20%C3%A9?%0D%0Ac:d"


@pytest.mark.parametrize(
    ("forwarded", "host_scheme", "scheme"),
    [
        ("", "http", "http"),
        ("", "https", "https"),
        ("https", "http", "https"),
        ("HTTP, https", "https", "http"),
        ("gopher", "https", "https"),
    ],
)
def test_scheme(forwarded, host_scheme, scheme):
    headers = {"x-forwarded-proto": forwarded} if forwarded else {}
    assert web_action.decode(value_of(__ow_headers=headers), scheme_of_host=host_scheme).scheme == scheme


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/guest/hello", "/api/v1/web/guest/default/hello"),
        ("/guest/pkg/hello", "/api/v1/web/guest/pkg/hello"),
        ("/a b@c.de_dev/caf\u00e9", "/api/v1/web/a%20b@c.de_dev/default/caf%C3%A9"),
        ("hello", ""),
        ("", ""),
        (None, ""),
        ("/a//b", ""),
        ("/a/b/c/d", ""),
    ],
)
def test_public_path(name, path):
    assert web_action.public_path(name) == path


def test_what_counts_as_a_web_activation():
    assert web_action.is_web(value_of())
    assert not web_action.is_web({"__ow_method": "get"})
    assert not web_action.is_web({"__ow_headers": {}})
    assert not web_action.is_web([value_of()])
    assert not web_action.is_web(None)


def test_whole_base64_is_never_looked_at_letter_by_letter(monkeypatch):
    """Which takes longer than to decode it."""
    monkeypatch.setattr(request_module, "_BASE64", None)
    for length in range(1, 30):
        body = bytes(range(length))
        assert web_action.decode(raw("image/png", base64.b64encode(body).decode("ascii"))).body == body


@given(strategies.text(alphabet="AbQ9+/==\n-", max_size=13))
def test_base64_is_taken_where_all_of_it_is_base64(text):
    digits = text.rstrip("=")
    if re.match(r"[AbQ9+/]*={0,2}\Z", text) and len(digits) % 4 != 1:
        expected = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
        assert web_action.decode(raw("image/png", text)).body == expected
    else:
        with pytest.raises(BadValue):
            web_action.decode(raw("image/png", text))


def test_base64_of_every_length_with_and_without_padding():
    for length in range(13):
        body = bytes(range(length))
        text = base64.b64encode(body).decode("ascii")
        assert web_action.decode(raw("image/png", text)).body == body
        assert web_action.decode(raw("image/png", text.rstrip("="))).body == body
