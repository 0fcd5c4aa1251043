import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelproxy.formats import multipart
from modelproxy.formats.multipart import Part

# Browsers escape only the quotation mark and line breaks, so a text that looks escaped can't be told from one that is.
NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="%\0"), max_size=12).filter(
    lambda text: '\\"' not in text
)
PARTS = st.lists(
    st.builds(
        Part, NAMES, st.binary(max_size=60), st.one_of(st.none(), NAMES), st.sampled_from(["", "text/plain; charset=x"])
    ),
    max_size=5,
)


def plain(parts):
    return [(part.name, part.content, part.file_name, part.content_type) for part in parts]


def form(*lines):
    return b"\r\n".join(lines)


@settings(max_examples=40)
@given(PARTS)
def test_what_is_written_is_read_again(parts):
    boundary, body = multipart.write(parts)
    content_type = "multipart/form-data; boundary=%s" % boundary
    assert plain(multipart.read(body, multipart.boundary_of(content_type))) == plain(parts)
    assert len(boundary) == 32  # which no content has by chance


@settings(max_examples=40)
@given(st.binary(max_size=80))
def test_any_content_survives_a_boundary_that_it_nearly_has(content):
    content = b"\r\n--x" + content + b"\r\n--xy\r\n--"
    body = multipart.write([Part("a", content), Part("b", b"")], "xx")[1]
    if b"\r\n--xx" not in content:
        assert plain(multipart.read(body, "xx")) == [("a", content, None, ""), ("b", b"", None, "")]


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([b"\r\n", b"--b", b"--", b"--b--", b" ", b"Content-Disposition: form-data; name=a", b"x"]))
)
def test_any_bytes_are_parts_or_a_value_error(pieces):
    with contextlib.suppress(ValueError):
        multipart.read(b"".join(pieces), "b")


def test_a_form_as_curl_and_browsers_send_it():
    body = form(
        b"a preamble that nobody reads",
        b"--b  ",
        b'content-disposition: form-data; name="text"',
        b"",
        b"two",
        b"lines",
        b"--b",
        b'Content-Disposition: form-data; name="img"; filename="C:\\dir\\digit 7.png"',
        b"Content-Type: image/png",
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"--b--",
        b"an epilogue",
    )
    assert plain(multipart.read(body, "b")) == [
        ("text", b"two\r\nlines", None, ""),
        ("img", b"\x89PNG\r\n\x1a\n", "C:\\dir\\digit 7.png", "image/png"),
    ]


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        (b'filename="%22a%22%0d%0A.png"', '"a"\r\n.png'),
        (b'filename="a\\"b.png"', 'a"b.png'),
        (b'filename="a\\"b\\""', 'a"b"'),
        (b'filename="C:\\"', "C:\\"),
        (b"filename=plain.png", "plain.png"),
        (b'filename="a; b=c.png" ; ', "a; b=c.png"),
        ('filename="ü.png"'.encode(), "ü.png"),
        (b'filename="\xfc.png"', "ü.png"),
        (b"filename*=utf-8''%E2%82%AC.png", "\u20ac.png"),
        (b"filename*=latin-1'x'%FC; filename=b.png", "b.png"),
        (b'filename="100%.png"', "100%.png"),
        (b'filename=""', ""),
        (b"size=3", None),
    ],
)
def test_the_file_name_of_each_sender(parameter, name):
    body = form(b"--b", b"Content-Disposition: form-data; name=a; " + parameter, b"", b"", b"--b--", b"")
    assert multipart.read(body, "b")[0].file_name == name


def test_names_are_escaped_as_browsers_do():
    body = multipart.write([Part('a"\r\nb', b"", "c\r.png")], "b")[1]
    assert b'; name="a%22%0D%0Ab"; filename="c%0D.png"\r\n' in body


def test_there_may_be_spaces_before_a_semicolon():
    body = form(b"--b", b"Content-Disposition: form-data ; name=a ; filename=b", b"", b"", b"--b--", b"")
    assert plain(multipart.read(body, "b")) == [("a", b"", "b", "")]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b""], "closing boundary"),
        ([b"--b"], "closing boundary"),
        ([b"--b", b"Content-Disposition: form-data; name=a", b"", b"x", b"--b"], "closing boundary"),
        ([b"--b", b"Content-Disposition: form-data; name=a", b"", b"x"], "closing boundary"),
        ([b"--b\nContent-Disposition: form-data; name=a\n\nx\n--b--"], "closing boundary"),
        ([b"--b", b"", b"x", b"--b--"], "no headers"),
        ([b"--b", b"--b--"], "no end of its headers"),
        ([b"--b", b"Content-Disposition: form-data; name=a", b"--b--"], "no end of its headers"),
        ([b"--b", b"X: " + b"x" * 9000, b"", b"", b"--b--"], "no end of its headers"),
        ([b"--b", b"Content-Disposition form-data; name=a", b"", b"", b"--b--"], "malformed header"),
        ([b"--b", b"X: a", b" b", b"", b"", b"--b--"], "malformed header"),
        ([b"--b", b"Content-Type: text/plain", b"", b"", b"--b--"], "no Content-Disposition"),
        ([b"--b", b"Content-Disposition: attachment; name=a", b"", b"", b"--b--"], "no Content-Disposition"),
        ([b"--b", b"Content-Disposition: form-data", b"", b"", b"--b--"], "no Content-Disposition"),
        ([b"--b", b"Content-Disposition: form-data; name", b"", b"", b"--b--"], "can't be understood"),
        (
            [b"--b", b'Content-Disposition: form-data; name="a', b"", b"", b"--b--"],
            "^the header 'form-data; name=\"a' can't be understood$",
        ),
        (
            [
                b"--b",
                b"Content-Disposition: form-data; name=a",
                b"Content-Transfer-Encoding: base64",
                b"",
                b"",
                b"--b--",
            ],
            "Content-Transfer-Encoding",
        ),
    ],
)
def test_malformed_forms_are_refused_with_a_reason(lines, why):
    with pytest.raises(ValueError, match=why):
        multipart.read(form(*lines), "b")


def test_the_headers_of_a_part_may_be_as_large_as_the_limit():
    head = b"Content-Disposition: form-data; name=a\r\nX: "
    head += b"x" * (multipart.MAX_HEAD - len(head) - 4)
    assert multipart.MAX_HEAD == 8192
    assert multipart.read(form(b"--b", head, b"", b"content", b"--b--"), "b")[0].content == b"content"
    with pytest.raises(ValueError, match="more than 8192 bytes of them"):
        multipart.read(form(b"--b", head + b"x", b"", b"content", b"--b--"), "b")


def test_a_form_of_too_many_parts_is_refused():
    parts = [Part("a", b"")] * (multipart.MAX_PARTS + 1)
    with pytest.raises(ValueError, match="more than 1000 parts"):
        multipart.read(multipart.write(parts, "b")[1], "b")
    assert len(multipart.read(multipart.write(parts[1:], "b")[1], "b")) == multipart.MAX_PARTS


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('multipart/form-data; charset=utf-8; boundary="a b"', "a b"),
        ("Multipart/Form-Data;BOUNDARY=----WebKit'()+_,-./:=?x", None),
        ('multipart/form-data; boundary="----WebKit\'()+_,-./:=?x"', "----WebKit'()+_,-./:=?x"),
        ("multipart/form-data; boundary=%s" % ("x" * 70), "x" * 70),
        ("multipart/form-data; boundary=%s" % ("x" * 71), None),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary="a "', None),
        ("", None),
    ],
)
def test_the_boundary_in_a_content_type(content_type, boundary):
    if boundary is None:
        with pytest.raises(ValueError, match=r"boundary|understood"):
            multipart.boundary_of(content_type)
    else:
        assert multipart.boundary_of(content_type) == boundary


def test_a_content_type_longer_than_the_head_of_a_part_is_refused():
    content_type = "multipart/form-data; boundary=b; c="
    assert multipart.boundary_of(content_type + "d" * (8192 - len(content_type))) == "b"
    with pytest.raises(ValueError, match="has more than 8192 characters"):
        multipart.boundary_of(content_type + "d" * (8193 - len(content_type)))


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n--b" * 200000,
        b"\r\n--b " + b" " * 1000000,
        b"--b\r\n" * 200000,
        b"--b\r\nContent-Disposition: form-data; name=" + b'"\\"' * 2000 + b"\r\n\r\n\r\n--b--",
        b"--b\r\nA: " + b" \t" * 3900 + b"x\r\n\r\n\r\n--b--",
        b"--b\r\nContent-Disposition: form-data" + b"; a=b" * 1500 + b"\r\n\r\n\r\n--b--",
    ],
)
def test_no_body_takes_long(body):
    began = time.process_time()  # not the clock on the wall: the machine may be busy with others
    with pytest.raises(ValueError, match="form"):
        multipart.read(body, "b")
    assert time.process_time() - began < 2
