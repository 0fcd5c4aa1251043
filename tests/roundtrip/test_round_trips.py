"""Client → platform → proxy → application, and back: what arrives is what was sent, or a loss that losses.py names.

Every counterexample that was met on the way is a test of its own below, or beside the part that was mended.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from http_grammar import WEB_PATH, Answer
from hypothesis import given, settings
from hypothesis import strategies as st
from journey import LIMIT, RAW, Application, travel
from long_run import one_round, rounds
from round_trip_properties import (
    PROPERTIES,
    SIXTEEN,
    a_cooked_exchange,
    a_raw_exchange,
    an_answer_of_any_size,
    by_fours,
    check_sixteen,
)

from modelwhisk.local.http_messages import HttpRequest

# Of the charset unicode_escape, which Python decodes and will refuse one day: an application's own matter.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")

OK = Answer("200 OK", (("Content-Type", "text/plain"),), (b"ok",))


@pytest.mark.parametrize(("name", "count"), [("raw", 3200), ("cooked", 3200), ("size", 640)])
def test_exchanges(name: str, count: int) -> None:
    @settings(max_examples=count // SIXTEEN)
    @given(by_fours(name))
    def exchanges(drawn: tuple[Any, ...]) -> None:
        check_sixteen(name, drawn)

    exchanges()


def asked(
    method: str = "POST", path: str = "", headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None
) -> HttpRequest:
    return HttpRequest(method, WEB_PATH + path, (("Host", "whisk.example"), *headers), body)


def answered(body: bytes, content_type: str | None = None, status: int = 200, **headers: str) -> Answer:
    stated = () if content_type is None else (("Content-Type", content_type),)
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(f"{status} Reason", stated + named, (body,))


# --- counterexamples ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["text/*; charset=utf-8", "!/*; charset=latin1", "text/*", "multipart/*"])
def test_a_range_as_the_type_of_a_request(content_type: str) -> None:
    """The proxy took it for no type and its text for base64: 400."""
    sent = asked(headers=(("Content-Type", content_type),), body=b"caf\xc3\xa9")
    a_raw_exchange(sent, OK, {}, True)
    a_cooked_exchange(sent, OK, {}, True)


@pytest.mark.parametrize("content_type", ["! /!", "text /html", "text/plain; charset = latin1", "a/b;c\t= d"])
def test_blanks_in_a_type_that_the_platform_forgives(content_type: str) -> None:
    """The proxy took it for no type: an answer of octets, and 400 for a request of text."""
    sent = asked(headers=(("Content-Type", content_type),), body=b"caf\xc3\xa9")
    a_raw_exchange(sent, answered(b"x", content_type), {}, True)
    a_cooked_exchange(sent, answered(b"x", content_type), {}, True)


def test_a_header_called_406_foretells_nothing() -> None:
    a_raw_exchange(asked(), Answer("200 Reason", (("406", "\0"),), (b"",)), {}, True)


@pytest.mark.parametrize(
    "accept",
    [
        "text /html;q = 0.5",
        "text/html;level\t= 1",
        "* / *",
        "*/* ;q=0",
        "image /*",
        "gzip, br;q=0",
        "text/html;q=2",
        "*/png",
        "text/html;level=1",
        "image/png;q=x",
        ",!/!",
        "a/b,",
        "a/b,,b/c",
    ],
)
def test_an_accept_header_is_read_as_the_platform_reads_it(accept: str) -> None:
    """The log foretold a 406 that didn't come, or not one that did."""
    a_raw_exchange(asked(headers=(("Accept", accept),)), answered(b"x", "text/html"), {}, True)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_large_body_under_a_status_that_has_none(status: int) -> None:
    """It was compressed, or answered as too large."""
    for accept_encoding in ("", "gzip"):
        an_answer_of_any_size(answered(b"", "application/json", status), bytes(2801), 700, accept_encoding)


@pytest.mark.parametrize("content_type", ["application/json; charset=latin-1", "application/json; charset=utf-16"])
def test_a_large_json_in_another_charset(content_type: str) -> None:
    """It was compressed as it was, and then called UTF-8."""
    text = json.dumps(["caf\u00e9"] * 500, ensure_ascii=False)
    body = text.encode(content_type.partition("=")[2])
    an_answer_of_any_size(answered(b"", content_type), body, 3000, "gzip")


def test_a_compressed_text_of_several_members() -> None:
    """All but the first were lost."""
    body = gzip.compress(b"one, ") + gzip.compress(b"two")
    a_raw_exchange(asked(), answered(body, "text/plain", Content_Encoding="gzip"), {}, True)


@pytest.mark.parametrize(
    "answer",
    [
        answered(gzip.compress(b""), "application/x-www-form-urlencoded", Content_Encoding="!"),
        answered(gzip.compress(b"") + bytes(8), "text/html;", Content_Encoding="gzip"),
        answered(b"+", "!/!; charset=utf-7"),
        answered(b"+", "application/json; charset=utf-7"),
        answered(b"\xff\xfe", "text/plain; charset=utf-16"),
    ],
)
def test_a_text_that_comes_to_nothing(answer: Answer) -> None:
    """The property wanted its type back, which the platform gives to no empty body."""
    a_raw_exchange(asked(), answer, {}, False)
    a_cooked_exchange(asked(), answer, {}, False)


def test_a_codec_that_is_no_charset() -> None:
    """The property read U+0080 in it, where the proxy sends a byte."""
    a_raw_exchange(asked(), answered(b"\x80", "application/json; charset=unicode_escape"), {}, False)


@pytest.mark.parametrize("values", [("",), ("", ""), ("db;dur=1", "cache")])
def test_server_timing_in_several_lines(values: tuple[str, ...]) -> None:
    """The property wanted as many back, and an empty one."""
    answer = Answer("200 Reason", tuple(("Server-Timing", value) for value in values), (b"",))
    a_raw_exchange(asked(), answer, {}, False)


def test_a_second_host_that_is_none_is_the_client_s_fault() -> None:
    """The platform lets it through beside one that is, and hands on the last; RFC 9112 section 3.2 wants a 400."""
    sent = HttpRequest("GET", WEB_PATH, (("Host", "whisk.example"), ("Host", "*/*")), None)
    with pytest.raises(AssertionError, match="the host '\\*/\\*', which can be none"):
        a_raw_exchange(sent, answered(b"x"), {}, False)


# --- beside the properties ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"true", b"abcd", b'"\xff"', b"1234", b'"a"', b"", b"\xef\xbf\xbf", b"\x1f\x8b"])
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "image/png", "a/b", "text/plain; charset=x"])
def test_bodies_that_look_like_something_else(body: bytes, content_type: str) -> None:
    for coding in ({}, {"Content_Encoding": "gzip"}):
        a_raw_exchange(asked(), answered(body, content_type, **coding), {}, True)


@pytest.mark.parametrize("size", [786_200, 786_431, 786_432, 800_000])
def test_at_the_platform_s_limit(size: int) -> None:
    received = travel(asked(), Application(answered(bytes(size), "image/png")), RAW)
    if received.status == 200:
        assert len(received.body) == size
    else:
        assert json.loads(received.body)["limit"] == LIMIT
    assert (received.status == 200) is (size < 786_400)


def test_a_long_run_has_all_the_examples_that_it_was_asked_for_and_can_be_repeated() -> None:
    work = rounds(20_010, 7)
    assert sum(count for _, count, _ in work) == 20_010
    assert work == rounds(20_010, 7) != rounds(20_010, 8)
    for name in PROPERTIES:
        _, seed, passed, report = one_round((name, 48, 1))
        assert (seed, report) == (1, "")
        assert passed >= 48


def test_a_long_run_reports_a_counterexample(monkeypatch: pytest.MonkeyPatch) -> None:
    def never_both_ten(one: int, other: int) -> None:
        assert (one, other) != (10, 10)

    monkeypatch.setitem(PROPERTIES, "ten", (never_both_ten, (st.integers(0, 10), st.integers(10, 20))))
    assert "!= (10, 10)" in one_round(("ten", 2000, 1))[3]
