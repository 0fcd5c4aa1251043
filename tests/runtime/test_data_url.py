import base64
import contextlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelproxy.formats import data_url


@settings(max_examples=40)
@given(st.binary(max_size=300), st.sampled_from(["image/png", "application/octet-stream", "text/csv"]))
def test_what_is_written_is_read_again(content, media_type):
    text = data_url.write(content, media_type)
    assert data_url.is_data_url(text)
    assert "\n" not in text
    url = data_url.read(text)
    assert (url.content, url.media_type, url.parameters) == (content, media_type, {})


@settings(max_examples=40)
@given(st.binary(max_size=100), st.booleans(), st.booleans())
def test_base64_is_read_in_both_alphabets_with_and_without_padding_and_line_breaks(content, for_urls, bare):
    text = (base64.urlsafe_b64encode if for_urls else base64.encodebytes)(content).decode("ascii")
    assert data_url.read_base64(text.strip().rstrip("=") if bare else text) == content


@pytest.mark.parametrize("text", ["a", "abcde", "ab*d", "ab=d", "a===", "ab===", "====", "äbcd", "YWJj=\x00"])
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(ValueError, match="base64"):
        data_url.read_base64(text)


# RFC 2397, sections 3 and 4.
@pytest.mark.parametrize(
    ("text", "media_type", "parameters", "content"),
    [
        ("data:,A%20brief%20note", "text/plain", {"charset": "US-ASCII"}, b"A brief note"),
        ("data:;charset=utf-8,%c3%bc", "text/plain", {"charset": "utf-8"}, "ü".encode()),
        ("data:text/plain;charset=iso-8859-7,%be%fg%be", "text/plain", {"charset": "iso-8859-7"}, b"\xbe%fg\xbe"),
        ("DATA:Image/GIF;BASE64,R0lG", "image/gif", {}, b"GIF"),
        ("data:image/png;name=a%20b.png;base64,AAEC", "image/png", {"name": "a b.png"}, b"\0\1\2"),
        ("data:image/png;base64,AA%45C", "image/png", {}, b"\0\1\2"),
        ("data:a/b,x;base64,y", "a/b", {}, b"x;base64,y"),
        ("data:,", "text/plain", {"charset": "US-ASCII"}, b""),
        ("data:a/b,\u20ac", "a/b", {}, "\u20ac".encode("utf-8")),
    ],
)
def test_urls_of_each_form_are_read(text, media_type, parameters, content):
    url = data_url.read(text)
    assert (url.media_type, url.parameters, url.content) == (media_type, parameters, content)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("data:image/png;base64", "comma"),
        ("data:image/png;what,x", "^the parameter 'what' of the data: URL has no value$"),
        ("data:image,x", "^'image' is no media type$"),
        ("data:image/png\r\n,x", None),
        ("data:image/png;base64,a", "length"),
    ],
)
def test_what_is_no_url_is_refused(text, why):
    if why is None:
        assert data_url.read(text).media_type == "image/png"  # line breaks around it say nothing
    else:
        with pytest.raises(ValueError, match=why):
            data_url.read(text)


@contextlib.contextmanager
def little_is_made_of(text):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 8 * len(text) + 100000  # pytest's pattern among it
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", [",", ";base64,"])
def test_parameters_are_bounded(ending):
    """They took 20 times their length."""
    parameters = [";%x=" % number for number in range(150000)]
    assert len(data_url.read("data:a/b" + "".join(parameters[:100]) + ending).parameters) == 100
    for count in (101, 102, 150000):
        text = "data:a/b" + "".join(parameters[:count]) + ending
        with little_is_made_of(text), pytest.raises(ValueError, match="more than 100 parameters"):
            data_url.read(text)


@pytest.mark.parametrize(("head", "length"), [("data:a/b,", 300000), ("data:a/b;base64,", 225000)])
def test_escapes_take_no_object_each(head, length):
    text = head + "%41" * 300000
    with little_is_made_of(text):
        assert len(data_url.read(text).content) == length
