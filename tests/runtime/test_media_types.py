import pytest
from modelproxy import media_types
from modelproxy.media_types import BYTES, JSON, TEXT, parse


@pytest.mark.parametrize(
    ("header", "form", "rendered", "arrives_as_text"),
    [
        ("text/html", TEXT, "text/html", True),
        ("TEXT/HTML; charset=ISO-8859-1", TEXT, "text/html", True),
        ("text/html;", TEXT, "text/html", True),
        ("text/plain; format=flowed ; charset=utf-8", TEXT, "text/plain; format=flowed", True),
        ("text/event-stream; charset=utf-8", TEXT, "text/event-stream", True),
        ("application/javascript", TEXT, "application/javascript", True),
        ("text/javascript", BYTES, "text/javascript", False),
        ("text/javascript; charset=utf-8", TEXT, "text/javascript; charset=UTF-8", True),
        ("application/json", JSON, "application/json", False),
        ('application/json; Charset="UTF-8"', JSON, "application/json", False),
        ("application/json; profile=x", TEXT, "application/json; profile=x", True),
        ("application/problem+json", JSON, "application/problem+json", True),
        ("application/hal+json", BYTES, "application/hal+json", False),
        ("application/hal+json; charset=utf-8", JSON, "application/hal+json; charset=UTF-8", True),
        ("application/x-www-form-urlencoded", TEXT, "application/x-www-form-urlencoded", True),
        ("application/foo", BYTES, "application/foo", False),
        ("application/foo; charset=latin1; a=b", TEXT, "application/foo; a=b; charset=UTF-8", True),
        ("image/png; charset=utf-8", BYTES, "image/png", False),
        ("image/svg+xml", BYTES, "image/svg+xml", False),
        ('multipart/form-data; boundary="a b"', BYTES, 'multipart/form-data; boundary="a b"', False),
        ("text/*", BYTES, "text/*", False),
        ("text \t/html", TEXT, "text/html", True),
        ('text/plain; format = flowed;charset\t= "utf-8"', TEXT, "text/plain; format=flowed", True),
        ("text/*; charset=utf-8", TEXT, "text/*; charset=UTF-8", True),
        ("multipart/x-own; charset=utf-8", BYTES, "multipart/x-own; charset=UTF-8", False),
    ],
)
def test_forms(header, form, rendered, arrives_as_text):
    parsed = parse(header)
    assert (parsed.form, parsed.arrives_as_text) == (form, arrives_as_text)
    if form != BYTES or "multipart/x-own" not in header:
        assert parsed.rendered() == rendered


@pytest.mark.parametrize(
    "header",
    [
        "",
        "image",
        "xyzbar",
        "not a type",
        "text/",
        "text/ html",
        "multipart/*",
        "multipart /*",
        "Multipart/*; a=b",
        "a/b; c",
        'a/b; c="',
        "a/b; c=\x00",
        "a/b; c=" + "d" * 65530,  # one character too many
    ],
)
def test_what_the_platform_cannot_read(header):
    assert parse(header) is None


@pytest.mark.parametrize(
    ("header", "is_json"),
    [
        ("application/json", True),
        ("application/json; charset=x", True),
        ("application/json; profile=x", False),
        ("application/ld+json", True),
        ("text/json", False),
    ],
)
def test_json_of_a_cooked_action(header, is_json):
    assert parse(header).is_json is is_json


def test_a_header_may_be_as_long_as_all_of_a_web_server_s():
    """An expression keeps some 300 bytes for each of its repetitions."""
    assert parse("a/b; c=" + "d" * 65529).parameters == "; c=" + "d" * 65529
    assert len(media_types.ranges("*" + ",*" * 32767 + " ")) == 32768
    assert media_types.ranges("*" + ",*" * 32768) is None


def test_no_type_stands_in_two_tables():
    tables = [media_types.OPEN_CHARSET, media_types.ALWAYS_UTF8, media_types.BINARY]
    assert sum(map(len, tables)) == len(frozenset().union(*tables))
