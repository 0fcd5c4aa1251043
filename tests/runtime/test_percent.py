import tracemalloc
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy.drift import inputs as drift
from modelproxy.formats import web_values
from modelproxy.formats.flask_like import Params
from modelproxy.hosts.deployment import inputs as deployment
from modelproxy.hosts.deployment.specification import Side
from modelproxy.messages import Request
from modelproxy.percent import (
    form_encoded,
    form_text,
    is_host,
    mount_point,
    quoted_path,
    quoted_query,
    unquoted,
    unquoted_bytes,
)


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_a_form_reads_back(parameters):
    parameters = {clean(key): clean(value) for key, value in parameters.items()}
    assert (
        dict(parse_qsl(form_encoded(parameters), keep_blank_values=True, strict_parsing=bool(parameters))) == parameters
    )


def clean(text):
    return text.encode("utf-8", "replace").decode("utf-8")


def test_values_that_are_no_strings_are_json():
    assert form_encoded({"a": [1, {"b": None}], "c": True, "d": 1.5}) == "a=%5B1%2C%7B%22b%22%3Anull%7D%5D&c=true&d=1.5"


@given(st.text())
def test_a_quoted_path_stands_in_a_url_and_quoting_it_again_changes_nothing(path):
    quoted = quoted_path(path)
    assert all("\x21" <= character <= "\x7e" for character in quoted)
    assert "?" not in quoted
    assert "#" not in quoted
    assert quoted_path(quoted) == quoted


@given(st.text(st.sampled_from("a/~*%(\u00e9\U0001f600?\ud800 ")))
def test_runs_are_escaped_as_single_characters_are(text):
    raw = clean(text).encode("utf-8")
    assert quoted_path(text.replace("%", "")) == quote(raw.replace(b"%", b""), safe="!$%&'()*+,-./:;=@_~")
    assert form_encoded({"a": text}) == "a=" + quote_plus(raw, safe="~")
    assert unquoted("x" + quote(raw, safe="")) == "x" + raw.decode("latin-1")


def test_escapes_stay_and_a_lone_percent_is_escaped():
    assert quoted_path("/a%2Fb/%zz/caf\u00e9?#") == "/a%2Fb/%25zz/caf%C3%A9%3F%23"


@given(st.binary())
def test_unquoted_is_one_character_for_each_byte(raw):
    path = "".join("%%%02x" % byte for byte in raw)
    assert unquoted(path).encode("latin-1") == raw == unquote_to_bytes(path) == unquoted_bytes(path)


@given(st.text(st.sampled_from("a4F%%%\u00e9\U0001f600")))
def test_of_text_with_escapes_all_else_is_utf_8(text):
    assert unquoted_bytes(text) == unquote_to_bytes(text)
    assert form_text("+" + text) == unquote_plus("+" + text)


def test_half_a_surrogate_pair_is_no_failure():
    assert unquoted_bytes("\ud800%41") == b"\xed\xa0\x80A"
    assert unquoted("/plain") == "/plain"


@pytest.mark.parametrize(
    ("path", "mount"),
    [("", ""), ("/", ""), ("a", "/a"), ("/a/", "/a"), ("//a/b//", "/a/b"), ("/caf\u00e9 x", "/caf%C3%A9%20x")],
)
def test_a_mount_point_that_someone_wrote(path, mount):
    assert mount_point(path) == mount


def test_a_query_keeps_all_that_can_stand_in_a_request_line():
    assert quoted_query('a=%20&\u00e9=#|"<> \x7f\ud800') == 'a=%20&%C3%A9=#|"<>%20%7F?'


@pytest.mark.parametrize("host", ["", "a", "a_b.example:8080", "[::1]:80", "[v1.a:b]", "192.0.2.1", "%41", "a" * 260])
def test_hosts(host):
    assert is_host(host)


@pytest.mark.parametrize("host", ["a b", "a/b", "u@h", "\u00e9", "a\n", "a?", "a#", '"', "a" * 261])
def test_what_is_no_host(host):
    assert not is_host(host)


def form(text):
    return Request(
        "POST", "/", "", [("content-type", "application/x-www-form-urlencoded")], b"a=" + text.encode("ascii")
    )


def of_deployment(text):
    deployment.read(form(text), Side())


def of_drift(text):
    drift.input_of(form(text), form(text).body)


def of_function(text):
    web_values.value_of(form(text))


@pytest.mark.parametrize(
    ("convert", "text"),
    [
        *[(lambda text: form_encoded({"a": text}), text) for text in ("(", "(a", "((a", "((aa", "\u00e9", "%")],
        *[(quoted_path, text) for text in ("\u00e9", "?", "?a", "??aa", "%", "%gg")],
        *[(quoted_query, text) for text in (" ", " aa", "\u00e9")],
        *[(unquoted, text) for text in ("%e9", "%e9a", "%e9%e9aa")],
        *[(door, text) for door in (of_deployment, of_drift, of_function, Params) for text in ("%", "%c3%a9aa")],
    ],
)
def test_memory_is_in_proportion_whatever_is_to_be_escaped(convert, text):
    text *= 98304 // len(text)
    tracemalloc.start()
    try:
        convert(text)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 45 * len(text)
