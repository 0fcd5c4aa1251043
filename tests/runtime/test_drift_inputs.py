import base64
import json

import pytest
from modelproxy.drift.inputs import NoInput, input_of, picture_in
from modelproxy.formats import msgpack, multipart
from modelproxy.messages import Request

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
B64 = base64.b64encode(PNG).decode("ascii")


def request(body, kind=""):
    return Request("POST", "/", headers=[("content-type", kind)] if kind else [], body=body)


def form(*parts):
    boundary, body = multipart.write([multipart.Part(*part) for part in parts])
    return request(body, "multipart/form-data; boundary=" + boundary)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request(PNG, "image/png"), PNG),
        (request(PNG), PNG),
        (request(b"text", "text/plain"), b"text"),
        (request(b'{"a": [1]}', "application/json; charset=utf-8"), {"a": [1]}),
        (request(b"[1]", "application/vnd.x+json"), [1]),
        (request(msgpack.pack({"a": b"x"}), "application/msgpack"), {"a": b"x"}),
        (request(b"a=1&&b=%C3%A4+x&c", "application/x-www-form-urlencoded"), {"a": "1", "b": "\xe4 x", "c": ""}),
        (form(("text", b"1"), ("image", PNG, "p.png", "image/png"), ("second", b"2", "q")), PNG),
        (form(("text", b"\xc3\xa4"), ("empty", b"", "")), {"text": "\xe4", "empty": ""}),
    ],
)
def test_what_a_request_gives(asked, wanted):
    assert input_of(asked, asked.body) == wanted


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (request(b""), "no body"),
        (request(b"{", "application/json"), "isn't what its Content-Type says"),
        (request(b"[" * 100000, "application/json"), "isn't what"),
        (request(b"9" * 1000000, "application/json"), "isn't what"),  # for which old Pythons took hours
        (request(b"\xff", "application/json"), "isn't what"),
        (request(b"\xc1", "application/msgpack"), "isn't what"),
        (request(b"x", "multipart/form-data"), "isn't what"),
        (request(b"--b--\r\n", "multipart/form-data; boundary=b"), "isn't what"),
    ],
)
def test_what_gives_nothing(asked, why):
    with pytest.raises(NoInput, match=why):
        input_of(asked, asked.body)


@pytest.mark.parametrize(
    "asked",
    [
        request(b"{", "application/SECRET+json"),
        request(
            b'--b\r\nContent-Disposition: form-data; name="SECRET\r\n\r\n1\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        request(b"x", "multipart/form-data; boundary=SECRET"),
    ],
)
def test_nothing_that_was_sent_is_repeated(asked):
    with pytest.raises(NoInput) as refused:
        input_of(asked, asked.body)
    assert "secret" not in str(refused.value).lower()


@pytest.mark.parametrize(
    "value",
    [
        PNG,
        bytearray(PNG),
        B64,
        B64.rstrip("="),
        "data:image/png;base64," + B64,
        {"image": B64},
        {"text": "no", "instances": [{"b64": B64}]},
        {"inputs": [[PNG]]},
        ["data:broken", "/9j/" + "A" * 1 + "==", {"x": {"y": B64}}],
        {"x": base64.urlsafe_b64encode(b"\xff\xd8\xff" + bytes(9)).decode("ascii"), "y": 1}["x"],
    ],
)
def test_pictures_in_values(value):
    assert picture_in(value) in (PNG, b"\xff\xd8\xff" + bytes(9))


@pytest.mark.parametrize(
    "value", [{}, [], "text", 7, None, {"a": {"b": {"c": {"d": {"e": B64}}}}}, ["Qk quite a text"]]
)
def test_values_without_a_picture(value):
    with pytest.raises(NoInput, match="no picture"):
        picture_in(value)


def test_what_json_says_is_read_as_it_is():
    asked = request(json.dumps({"n": 1e300}).encode(), "application/json")
    assert input_of(asked, asked.body) == {"n": 1e300}
