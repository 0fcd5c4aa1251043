"""The pure modules: what the recordings don't show of the platform's HTTP and JSON libraries."""

from __future__ import annotations

import base64
import encodings
import json
import math
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwhisk.local import request_mapping, spray_json
from modelwhisk.local.executables import looks_like_base64
from modelwhisk.local.grammar import Mismatch, Scanner
from modelwhisk.local.header_models import normalise
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, Rejected, render
from modelwhisk.local.limits import read_limits
from modelwhisk.local.media_types import PLAIN_TEXT, parse_content_type
from modelwhisk.local.negotiation import Preferences
from modelwhisk.local.request_mapping import MalformedBody, ParametersNotAllowed, action_value
from modelwhisk.local.result_mapping import EXTENSIONS, respond
from modelwhisk.local.spray_json import Json, JsonError
from modelwhisk.local.spray_json_input import Input
from modelwhisk.local.spray_json_parser import explain
from modelwhisk.local.uri import IllegalUri, Query, normalise_reference, parse_query, parse_target, render_path

# U+FFFF marks the end of the input in the platform's parser, which therefore refuses it.
texts = st.text(st.characters(exclude_characters="\uffff", exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("header", "written"),
    [
        ("TEXT/Plain ; Charset=utf8", "text/plain; charset=UTF-8"),
        ("text/plain; charset=us-ascii; charset=latin1", "text/plain; charset=ISO-8859-1"),
        ("text/plain; charset=x-Mine", "text/plain; charset=x-Mine"),
        ("application/json; charset=utf-16", "application/json"),
        ("application/excel; charset=utf-8", "application/excel"),
        ("application/x-y; charset=UTF-8; b=2; a=\"1 2\"", 'application/x-y; a="1 2"; b=2; charset=UTF-8'),
        ("multipart/form-data; boundary=\"a b\"", 'multipart/form-data; boundary="a b"'),
        ("image/*", "image/*"),
        ("text/html; a=\"x\\\"y\"", 'text/html; a="x\\"y"'),
        ("text /html", "text/html"),
    ],
)  # fmt: skip
def test_content_types_are_written_as_the_library_writes_them(header: str, written: str) -> None:
    assert str(parse_content_type(header)) == written


@pytest.mark.parametrize(
    "header", ["", "text", "text/", " text/html", "text/ html", "text/html;", "a/b; c", "multipart/*"]
)
def test_what_is_no_content_type(header: str) -> None:
    assert parse_content_type(header) is None


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a/./b", "/a/b"),
        ("/a/..", "/"),
        ("/../../a", "/a"),
        ("/a//../b", "/a//b"),
        ("/%2e%2e/x", "/x"),
        ("/a/%2E", "/a/"),
        ("/%7Ea%c3%a9", "/~a%C3%A9"),
        ("/a;b=c", "/a;b=c"),
        ("http://h:1/a?b", "/a"),
    ],
)
def test_paths(path: str, shown: str) -> None:
    assert render_path(parse_target(path).segments) == shown


@pytest.mark.parametrize(
    "target", ['/a"b', "/a[b", "/a|b", "/a^b", "/%", "/%4", "/%4g", "/a?b|c", "/a?%", "*", "", "/é"]
)
def test_targets_that_are_refused(target: str) -> None:
    with pytest.raises(IllegalUri, match="Illegal request-target: "):
        parse_target(target)


@given(st.lists(st.tuples(st.text(), st.none() | st.text()), min_size=1))
def test_a_query_reads_as_it_was_written(pairs: list[tuple[str, str | None]]) -> None:
    query = Query(tuple((key.encode("utf-8", "replace").decode(), value) for key, value in pairs))
    written = str(query)
    if written:
        assert str(parse_query(written)) == written
        assert parse_query(written).last_values().keys() == query.last_values().keys()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("ab=xé", "'+', query-char, pct-encoded, '&' or 'EOI' (line 1, column 5)"),
        ("aé=x", "'+', query-char, pct-encoded, '=', '&' or 'EOI' (line 1, column 2)"),
        ("a=%zz", "HEXDIG (line 1, column 4)"),
        ("a=%4", "HEXDIG (line 1, column 5)"),
        ("a=#", "part, '&' or 'EOI' (line 1, column 3)"),
    ],
)
def test_forms_that_are_refused(form: str, expected: str) -> None:
    with pytest.raises(IllegalUri) as caught:
        parse_query(form)
    assert caught.value.summary.endswith(f"expected {expected}")


@given(json_values)
def test_json_reads_as_it_was_written(value: Any) -> None:
    for written in (spray_json.pretty(value), spray_json.compact(value)):
        assert json.loads(written) == value
        assert spray_json.parse(written) == value


@given(json_values)
def test_the_slow_parser_reads_what_the_quick_one_does(value: Any) -> None:
    data = spray_json.utf_8(json.dumps(value, ensure_ascii=False))
    assert explain(data, 1000, 100) == spray_json.parse(data)


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\u0123eE+-.tfn \n').map(str.encode))
def test_both_parsers_refuse_the_same(data: bytes) -> None:
    try:
        quick = spray_json.parse(data)
    except JsonError:
        with pytest.raises(ValueError, match=r"."):
            json.loads(data.decode("utf-8", "strict"), parse_constant=_refuse)
    else:
        assert explain(data, 1000, 100) == quick


def _refuse(name: str) -> Any:
    raise ValueError(name)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1.50", "1.50"), ("1E5", "1E+5"), ("1e-7", "1E-7"), ("0.000001", "0.000001"), ("-0.0", "0.0"), ("-0", "0"),
        ("12345678901234567890.5", "12345678901234567890.5"), ("1e400", "1E+400"), ("100", "100"), ("0e3", "0E+3"),
    ],
)  # fmt: skip
def test_numbers_keep_their_form(text: str, written: str) -> None:
    assert spray_json.compact(spray_json.parse(text)) == written


@pytest.mark.parametrize(("text", "is_"), [("4294967297", 1), ("-1e99999999", 0), ("1e300", 0), ("3e31", -(2**31))])
def test_a_limit_is_the_low_bits_of_its_number_however_large(text: str, is_: int) -> None:
    class Counted(Decimal):
        """A number that says how many digits are asked of it: of a hundred million, Python would work for hours."""

        def __int__(self) -> int:
            assert self.adjusted() < 1000, "written out"
            return super().__int__()

    value = spray_json.parse(text)
    assert isinstance(value, Decimal)
    assert read_limits({"timeout": Counted(value)}) == {"timeout": is_}


@pytest.mark.parametrize("text", ["[" + "{}," * 5000 + "[]]", json.dumps('{["\\' * 5000), '{"a\\"[{": ' + '"[" }'])
def test_json_that_is_long_and_not_deep_is_read_quickly(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As source code is, of which an action may have 48 MB: step by step it takes a minute."""
    monkeypatch.setattr(spray_json, "explain", lambda *given: pytest.fail("read step by step"))
    assert spray_json.parse(text) == json.loads(text)


@pytest.mark.parametrize("inner", ["", '"]"', '"\\"]"', "{}"])
def test_levels_are_counted_whatever_is_between_them(inner: str) -> None:
    before = f"[{inner}," if inner else "["
    deepest = before * 998 + "[]" + "]" * 998
    assert spray_json.compact(spray_json.parse(deepest)) == deepest
    with pytest.raises(JsonError, match="nested too deeply"):
        spray_json.parse(f"[[{deepest}]]")


BAD_UTF_8 = [b"\xff", b"\xe2", b"\xe2\x82", b"\xf0\x9f", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbf\xbf"]
PIECES = [
    *(bytes([byte]) for byte in b'{}[]",:\\u019-+.eE \n\t\x00\x7f'), b"true", b"nul", b'"":',
    b"\\u0041", b"\\ud83d", b"\\n",
    *(text.encode() for text in ("é", "€", "😀", "\x85", "a" * 70, "é" * 60, "😀" * 1030, "é" * 2100)), *BAD_UTF_8,
]  # fmt: skip


def explained(data: bytes | str) -> str:
    try:
        return f"value {explain(data, 1000, 100)!r}"
    except JsonError as problem:
        return str(problem)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.sampled_from([b"", b'"', b'["', b'{"a":']))
def test_many_characters_at_once_are_what_they_are_one_by_one(data: bytes, head: bytes) -> None:
    for given_data in (head + data, (head + data).decode("utf-8", "replace"), (head + data).decode("latin-1")):
        quick = explained(given_data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Input, "run", lambda *given: "")
            assert explained(given_data) == quick


@pytest.mark.parametrize(
    "text",
    [
        '"' + "a" * 100_000, '"' + "é" * 50_000, '"' + "😀" * 25_000, " " * 100_000, "\n" * 100_000 + "x",
        "1" * 100_000, "1." + "1" * 100_000, '"\x7f' + "a" * 100_000, "x" * 100_000, "{}" + "y" * 100_000,
        '["", ' + "\n" * 100_000 + "]",
    ],
    ids=lambda text: repr(text[:5]),
)  # fmt: skip
@pytest.mark.parametrize("as_bytes", [True, False])
def test_json_that_is_long_and_bad_is_not_read_character_by_character(
    text: str, as_bytes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    def counted(step: Any) -> Any:
        def take(given: Any) -> Any:
            steps.append(1)
            return step(given)

        return take

    for name in ("next", "next_utf_8"):
        monkeypatch.setattr(Input, name, counted(getattr(Input, name)))
    with pytest.raises(JsonError):
        spray_json.parse(text.encode() if as_bytes else text)
    assert len(steps) < 10_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # The place is counted in bytes, the line in Java's characters.
        (
            '["é",\n"😀\x7f", x',
            "character 'x' at input index 16 (line 2, position 11), expected JSON Value:\n\"😀?\", x",
        ),
        ("[1\n2\n3]", "character '2' at input index 3 (line 2, position 1), expected ']':\n2"),
        ("[1,\n", "end-of-input at input index 4 (line 2, position 1), expected JSON Value:\n"),
        ("trux", "character 'x' at input index 0 (line 1, position 1), expected JSON Value:\ntrux"),
    ],
)
def test_an_error_names_the_line_and_the_place_in_it(data: str, message: str) -> None:
    with pytest.raises(JsonError) as caught:
        spray_json.parse(data.encode())
    assert str(caught.value).startswith(f"Unexpected {message}\n")


@pytest.mark.parametrize(
    ("value", "counts"), [("0", 1), ('""', 1), ("[]", 2), ('{"a":"b"}', 2), ('{"a":[]}', 3), (r'",[{\\\"["', 1)]
)
def test_more_values_than_any_entity_has_are_not_read(value: str, counts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 48 MB that are nothing else, 1.3 GB were made in a minute in which nobody was answered."""
    monkeypatch.setattr(spray_json, "MOST_VALUES", 1200)
    most = 1200 // counts
    assert spray_json.parse(f"[{','.join([value] * most)}]") == [json.loads(value)] * most
    for text in (f"[{','.join([value] * (most + 1))}]", '["' + "," * 1200 + '"' + '""' * 2400 + "]"):
        with pytest.raises(JsonError, match="no more than 1200 values"):
            spray_json.parse(text)


TOO_DEEP = "[" * 1000 + "]" * 1000


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("x", "Expecting value: line 2 column 1 (char "), ("NaN", "NaN is no number"),
        ("1" * 101, "A number has more than 100 characters"), ("1e9999999999999999999", "beyond all numbers"),
        ('"\uffff"', "It has the character U+FFFF"), (TOO_DEEP, "It has 1000 levels or more"),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
@pytest.mark.parametrize("as_bytes", [True, False])
def test_only_what_is_short_is_read_step_by_step(
    bad: str, reason: str, as_bytes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds a megabyte were all others' time, or that of all whose bodies were long, whoever sent it had gone."""
    read: list[int] = []

    def counted(data: bytes | str, *limits: int) -> Any:
        read.append(len(data))
        return explain(data, *limits)

    monkeypatch.setattr(spray_json, "explain", counted)
    for length in (16_384, 16_385):
        text = f"[{' ' * (length - len(bad.encode() if as_bytes else bad) - 4)},\n{bad}]".replace("[ ", "[0", 1)
        with pytest.raises(JsonError) as caught:
            spray_json.parse(text.encode() if as_bytes else text)
        assert (reason in str(caught.value)) == (length == 16_385)
    assert read == [16_384]


def test_what_is_long_and_deeper_than_python_goes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def loads(*given: Any, **named: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr(json, "loads", loads)
    deep = "[" * 999 + "]" * 999
    assert spray_json.compact(spray_json.parse(deep)) == deep
    with pytest.raises(JsonError, match="It has too many levels"):
        spray_json.parse(deep + " " * 16_384)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.sampled_from([b"", b'"', b'["', b'{"a":']))
def test_what_is_long_has_the_same_value(data: bytes, head: bytes) -> None:
    for whole in (head + data, head + data + b'"', head + data + b'"]'):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spray_json, "MOST_EXPLAINED", -1)
            try:
                long = f"value {spray_json.parse(whole)!r}"
            except JsonError:
                long = "refused"
        is_value = explained(whole).startswith("value ") and whole.decode("utf-8", "ignore").encode() == whole
        assert (explained(whole) if is_value else "refused") == long


def test_long_json_is_utf_8() -> None:
    for length in (16_384, 16_385):
        text = b'"\xff' + b"x" * (length - 3) + b'"'
        if length == 16_384:
            assert spray_json.parse(text) == "\ufffd" + "x" * (length - 3)
        else:
            with pytest.raises(JsonError, match="can't decode byte 0xff in position 1"):
                spray_json.parse(text)


@pytest.mark.parametrize(
    ("text", "message"), [("[" * 1000 + "]" * 2000, "'\\]' at input index 2000"), ("[" * 2000, "nested too deeply")]
)
def test_levels_of_what_is_no_json(text: str, message: str) -> None:
    with pytest.raises(JsonError, match=message):
        spray_json.parse(text)


def test_limits_of_json() -> None:
    deepest = "[" * 1000 + "]" * 1000
    assert spray_json.compact(spray_json.parse("[" * 999 + "]" * 999)) == "[" * 999 + "]" * 999
    with pytest.raises(JsonError, match="nested too deeply"):
        spray_json.parse(f"[{deepest}]")
    with pytest.raises(JsonError, match="Number too long"):
        spray_json.parse("1" * 101)
    assert spray_json.parse("1" * 100) == Decimal("1" * 100)
    assert spray_json.parse('"\\ud83d\\ude00"') == "\U0001f600"
    assert spray_json.utf_8("\ud800x") == b"?x"
    assert spray_json.compact({"\U0001f600": 1, "\uffee": 2}) == '{"\U0001f600":1,"\uffee":2}', "by UTF-16 code unit"


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("user-agent", "a/1  (b;  c (d))   e", "a/1 (b;  c  (d)) e"),
        ("accept", "*;q=.2, text/HTML;level=1;q=0.5", "*/*;q=0.2, text/html; level=1;q=0.5"),
        ("accept", "text/*;q=2", "text/*;q=2"),
        ("accept-encoding", "GZIP;q=1.0, x;q=0", "gzip, x;q=0.0"),
        ("accept-language", "de-DE ,en;q=0.123", "de-DE, en;q=0.123"),
        ("authorization", "basic dXNlcg==", "Basic dXNlcjo="),
        ("authorization", "BEARER abc=", "Bearer abc="),
        ("authorization", 'Digest b="x y", a=1', 'Digest a=1,b="x y"'),
        ("authorization", "Basic !!!", "Basic !!!"),
        ("cookie", 'a="1"; bad; c=2', "a=1; c=2"),
        ("cookie", "bad", "bad"),
        ("date", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("date", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("date", "Mon, 06 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT"),
        ("range", "bytes=0-9,-5, 7-", "bytes=0-9, -5, 7-"),
        ("range", "bytes=9-0", "bytes=9-0"),
        ("range", f"bytes={'9' * 5000}-", f"bytes={'9' * 18}-"),
        ("age", "9" * 5000, "2147483647"),
        ("age", "0" * 5000 + "7", "7"),
        ("if-none-match", 'W/"a",  "b"', 'W/"a", "b"'),
        ("cache-control", 'private="a, b", max-stale, x="y z"', 'private="a,b", max-stale, x="y z"'),
        ("x-forwarded-for", "1.2.3.4,2001:db8::1, unknown", "1.2.3.4, 2001:db8:0:0:0:0:0:1, unknown"),
        ("x-forwarded-for", "1.2.3.4:80", "1.2.3.4:80"),
        ("x-forwarded-host", "A.example:8080", "a.example"),
        ("x-forwarded-proto", "HTTPS", "https"),
        ("x-real-ip", "::1", "0:0:0:0:0:0:0:1"),
        ("host", "Example.COM:080", "example.com:80"),
        ("origin", "null", "null"),
        ("origin", "HTTP://Example.com:80", "http://example.com:80"),
        ("referer", "HTTPS://Example.com:443/a/../b?c", "https://example.com/b?c"),
        ("referer", "https://example.com/#x", "https://example.com/#x"),
        ("content-disposition", "attachment; filename=a.png; x=1", 'attachment; filename="a.png"; x="1"'),
        ("te", "Trailers, x", "trailers, x"),
        ("x-anything", " as it is ", " as it is "),
    ],
)
def test_header_values_are_written_as_the_library_writes_them(name: str, value: str, written: str) -> None:
    assert normalise(name, value) == written


def test_little_work_is_made_of_headers_that_are_long_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a header that is repeated the one that is shown is read, and no attempt that fails copies what is left."""
    read: list[tuple[str, str]] = []

    def counted(name: str, value: str) -> str:
        read.append((name, value))
        return normalise(name, value)

    monkeypatch.setattr(request_mapping, "normalise", counted)
    headers = [("Accept", f"a/{number}") for number in range(60)] + [("Connection", "a"), ("Connection", "b")]
    shown = request_mapping.headers_of(tuple(headers), request_mapping.entity_of(HttpRequest("GET", "/")))
    assert shown == {"accept": "a/59", "connection": "a"}
    assert read == [("accept", "a/59"), ("connection", "a")]
    for attempt in (Scanner.quoted_string, Scanner.end, lambda scanner: scanner.expect(";")):
        with pytest.raises(Mismatch) as caught:
            attempt(Scanner("a" * 8000))
        assert len(str(caught.value)) < 100


def value_of(request: HttpRequest, *, raw: bool = False, query: str = "", **options: Any) -> dict[str, Any]:
    return action_value(request, "", parse_query(query), raw=raw, **options)


def post(body: bytes, content_type: str) -> HttpRequest:
    return HttpRequest("POST", "/", (("Host", "h"), ("Content-Type", content_type)), body)


def test_final_parameters_and_reserved_ones_are_not_the_requests() -> None:
    for query, immutable in (("__ow_method=x", ()), ("a=1", ("a",))):
        with pytest.raises(ParametersNotAllowed):
            value_of(HttpRequest("GET", "/"), query=query, immutable=frozenset(immutable))
        assert (
            value_of(HttpRequest("GET", "/"), query=query, immutable=frozenset(immutable), raw=True)["__ow_query"]
            == query
        )
    with pytest.raises(ParametersNotAllowed):
        value_of(post(b'{"a": 1}', "application/json"), immutable=frozenset("a"))


def test_a_body_of_another_json_type_counts_as_json_only_without_parameters() -> None:
    assert value_of(post(b'{"a": 1}', "application/x+json"))["a"] == 1
    assert value_of(post(b'{"a": 1}', "application/json; v=1"))["__ow_body"] == '{"a": 1}'
    with pytest.raises(MalformedBody, match="The request content was malformed:"):
        value_of(post(b"{", "application/x+json"))


def test_the_caller_is_named() -> None:
    assert value_of(HttpRequest("GET", "/"), user="guest")["__ow_user"] == "guest"
    assert "__ow_user" not in value_of(HttpRequest("GET", "/"))


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.binary(max_size=50) | st.none(),
    st.sampled_from(
        [
            "image/png",
            "text/plain",
            "application/json",
            "application/hal+json",
            "x/y; charset=utf-8",
            "bad",
            "application/zip",
        ]
    ),
)
def test_raw_keeps_every_byte_of_what_is_binary(method: str, body: bytes | None, content_type: str) -> None:
    value = value_of(HttpRequest(method, "/", (("Content-Type", content_type),), body), raw=True)
    if content_type in ("text/plain", "x/y; charset=utf-8"):
        assert value["__ow_body"] == (body or b"").decode("utf-8", "replace")
    else:
        assert base64.b64decode(value["__ow_body"]) == (body or b"")


def response_of(result: Any, extension: str = ".http", **headers: str) -> HttpResponse:
    preferences = Preferences.of([(name.replace("_", "-"), value) for name, value in headers.items()])
    return respond(preferences, extension, spray_json.parse(json.dumps(result)), "tid")


@pytest.mark.parametrize("status", [600, 99.5, 200.5, 1e300, "2e2", "", " 200", None, {}])
def test_statuses_that_are_none(status: Any) -> None:
    assert response_of({"statusCode": status, "body": "x"}).status == 400


@pytest.mark.parametrize(("status", "is_"), [("+200", 200), (2e2, 200), ("0200", 200), (599.0, 599)])
def test_statuses_that_are_some(status: Any, is_: int) -> None:
    assert response_of({"statusCode": status, "body": "x"}).status == is_


@pytest.mark.parametrize("text", ["YQ=", "YQ===", "Y", "YWJj\n", "YW-j", "YQ==YQ==", "=", "a=bc"])
def test_what_java_does_not_decode(text: str) -> None:
    response = response_of({"body": text, "headers": {"content-type": "image/png"}})
    assert (response.status, b"did not match" in response.body) == (400, True)


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("", False), (" ", False), ("=", False), ("====", False), ("A", False), ("AA==", True), ("AAA=", True),
        ("AAAA", True), ("AAAAA===", False), ("AAAAAA==", True), ("AA=A", False), (" \x00AA==\n", True),
        ("\xa0AAAA", False), ("AAAA\u00e9AAA", False), ("AA-_", False), ("AAAA\nAAA", False),
    ],
)  # fmt: skip
def test_what_the_platform_takes_for_base64(text: str, is_: bool) -> None:
    assert looks_like_base64(text) is is_


def test_code_of_any_length_takes_its_own_memory() -> None:
    code = "A" * 4_000_000
    for text in (code, code[:-1] + "!"):
        tracemalloc.start()
        looks_like_base64(text)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 2 * len(text)


@given(st.binary(min_size=1))
def test_binary_results_come_out_as_they_went_in(data: bytes) -> None:
    body = base64.b64encode(data).decode()
    for text in (body, body.rstrip("=")):
        assert response_of({"body": text, "headers": {"content-type": "image/png"}}).body == data


@given(json_values, st.sampled_from(sorted(EXTENSIONS)))
def test_any_result_makes_a_response(result: Any, extension: str) -> None:
    for value in (result, {"body": result}, {"headers": result, "body": "x"}, {"statusCode": result}):
        response = response_of(value, extension)
        assert 100 <= response.status <= 599
        assert render(response, connection=None, with_body=True).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("extension", [".http", ".json", ".text"])
def test_no_result_grows_without_bound_by_its_indentation(extension: str) -> None:
    """The platform writes 1800 blanks before each key that is 900 levels deep."""
    deep: Json = {f"{number:x}": number for number in range(10_000)}
    for _ in range(900):
        deep = {"a": deep}
    result: Json = deep if extension == ".json" else {"body": deep}
    response = respond(Preferences(), extension, result, "tid")
    assert response.status == 500
    assert json.loads(response.body)["error"] == (
        "The result has more than 16777216 characters when it is indented: the local platform sends no more of one."
    )
    shallow = {"body": {f"{number:x}": 1 for number in range(10_000)}}
    assert response_of(shallow).status == 200


def test_text_comes_in_the_charset_that_the_client_prefers() -> None:
    response = response_of({"body": "é雪"}, ".text", accept_charset="iso-8859-1, utf-8;q=0.5")
    assert (str(response.content_type), response.body) == ("text/plain; charset=ISO-8859-1", b"\xe9?")
    for unknown in ("no-such", "undefined", "punycode", "idna", "zlib", "unicode_escape", "u" * 60_000):
        response = response_of({"body": "é"}, ".text", accept_charset=unknown)
        assert (response.content_type, response.body) == (PLAIN_TEXT, "é".encode())
    assert "u" * 60_000 not in encodings._cache, "which keeps what it doesn't know"
    with pytest.raises(Rejected, match=r"text/plain$"):
        response_of({"body": "é"}, ".text", accept="image/*")


def test_json_and_html_need_utf_8() -> None:
    for result in ({"body": "x"}, {"body": {}}):
        with pytest.raises(Rejected):
            response_of(result, accept_charset="iso-8859-1")
        assert response_of(result, accept_charset="iso-8859-1, *;q=0.1").status == 200


def test_the_most_specific_range_decides() -> None:
    png = {"body": "AAAA", "headers": {"content-type": "image/png; a=b"}}
    assert response_of(png, accept="image/*;q=0, image/png").status == 200
    assert response_of(png, accept="image/png;a=b, image/png;q=0").status == 200
    for accept in ("image/png;q=0, */*", "image/png;a=c", "image/gif", "image/png;q=0.0"):
        with pytest.raises(Rejected):
            response_of(png, accept=accept)
    assert response_of(png, accept="nonsense").status == 200, "a header that doesn't parse is not looked at"


def test_204_is_negotiated_and_loses_its_body() -> None:
    response = response_of({"statusCode": 204, "body": "x"})
    assert (response.body, response.content_type) == (b"", None)
    with pytest.raises(Rejected):
        response_of({"statusCode": 204, "body": "x"}, accept="image/png")


def test_header_values_are_written_as_java_writes_numbers() -> None:
    response = response_of({"headers": {"b": 1.50, "a": [True, ["x", 2]]}})
    assert response.headers == (("a", "true"), ("a", "x"), ("a", "2"), ("b", "1.5"))


def test_values_of_a_header_come_in_order_however_deep_their_lists_are() -> None:
    deep: Json = "last"
    for number in range(900):
        deep = [Decimal(number), deep]
    response = respond(Preferences(), ".http", {"headers": {"a": deep}}, "tid")
    assert response.headers == tuple(("a", text) for text in [*map(str, reversed(range(900))), "last"])


def test_rendering_cuts_characters_and_leaves_out_broken_fields() -> None:
    response = HttpResponse(444, (("x-a", "é雪"), ("x-b", "a\nb"), ("x-c", "\u010a"), ("Server", "mine"), ("", "v")))
    written = render(response, connection="close", with_body=True)
    head, _, _ = written.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 444 "
    assert lines[1:3] == [b"x-a: \xe9\xea", b": v"]
    assert lines[-2:] == [b"Connection: close", b"Content-Length: 0"]
    assert b"mine" not in written


@pytest.mark.parametrize(
    "name", ["Transfer-Encoding", "\u0154ransfer-Encoding", "Transfer-Encoding ", "\x00Transfer-\u0145ncoding:x"]
)
def test_no_header_of_a_model_s_frames_its_answer_anew(name: str) -> None:
    """Cut to their low bytes names were written that had been none of ours: an image sent a second answer with its own,
    which a client took for that of the next action that it asked."""
    response = HttpResponse(200, ((name, "chunked"),), None, b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    written = render(response, connection=None, with_body=True)
    assert b"chunked" not in written
    assert b"Content-Length: 24" in written


def test_references_are_normalised() -> None:
    assert normalise_reference("/a%2fb?c") == "/a%2Fb?c"
    assert normalise_reference("http://[::1]:8080/") == "http://[::1]:8080/"


def test_weights_are_rounded_to_three_digits() -> None:
    assert normalise("accept", "a/b;q=0.12345") == "a/b;q=0.123"
    assert not math.isnan(Preferences.of([("accept", "a/b;q=x")]).media_ranges[0].q)
