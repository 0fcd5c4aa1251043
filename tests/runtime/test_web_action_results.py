"""The model's response → the result, by the platform's rules (responses.jsonl shows what each of them does)."""

import base64
import encodings
import gzip
import json
import zlib

import pytest
from modelproxy import web_action
from modelproxy.messages import Request, Response
from modelproxy.web_action import result as result_module


def encode(body=b"", content_type=None, status=200, headers=(), method="POST", asked=(), **options):
    headers = list(headers) + ([("Content-Type", content_type)] if content_type else [])
    outcome = web_action.encode(Response(status, headers, body), Request(method, "/", headers=list(asked)), **options)
    return json.loads(outcome.result.decode("utf-8")), outcome


def test_the_character_that_ends_the_platforms_reading_is_escaped():
    for content_type in ("text/html", "application/json"):
        _, outcome = encode(b'["\xef\xbf\xbf", "abc", "def", "ghi jkl"]', content_type)
        assert b"\xef\xbf\xbf" not in outcome.result
        assert json.loads(outcome.result.decode("utf-8"))["body"].startswith('["\uffff"')


def b64(body):
    return base64.b64encode(body).decode("ascii")


@pytest.mark.parametrize(
    ("content_type", "body", "sent_type", "sent"),
    [
        ("text/html; charset=utf-8", b'caf\xc3\xa9 "\\\n\x01\x7f', "text/html", 'caf\u00e9 "\\\n\x01\x7f'),
        ("text/html; charset=iso-8859-1", b"caf\xe9", "text/html", "caf\u00e9"),
        ("text/plain; charset=utf-16", "\u96ea".encode("utf-16"), "text/plain", "\u96ea"),
        ("text/plain; charset=no-such", b"abc", "text/plain", "abc"),
        ("text/plain; charset=punycode", b"abc-", "text/plain", "abc-"),  # takes the square of its length
        ("text/plain; charset=utf-7", b"+2AA-", "text/plain", "+2AA-"),
        ("application/foo; charset=latin-1", b"\xe9", "application/foo; charset=UTF-8", "\u00e9"),
        ("text/csv", b"YWJj", "text/csv", "YWJj"),
        ("text/html;", b"x", "text/html", "x"),
        ("application/json", b' {"a":1.50}', "application/json", ' {"a":1.50}'),
        ("application/json", b"[1]", "application/json", "[1]"),
        (
            "application/json; charset=utf-8",
            b'{"a": "caf\xc3\xa9 au lait"}',
            "application/json",
            '{"a": "caf\u00e9 au lait"}',
        ),
        (
            "application/json; charset=latin-1",
            b'{"a": "caf\xe9 au lait"}',
            "application/json",
            '{"a": "caf\u00e9 au lait"}',
        ),
        ("application/javascript", b'a="\xef\xbf\xbf"', "application/javascript", 'a="\uffff"'),
        ("application/json", b"true", "application/json", b64(b"true")),
        ("application/json", b"1234\n", "application/json", b64(b"1234\n")),
        ("application/json", b'"abcd"', "application/json", b64(b'"abcd"')),
        ("application/json", b'{"\xff": 1}', "application/json", b64(b'{"\xff": 1}')),
        ("application/json; charset=ascii", b'{"\xff": 1}', "application/json", b64(b'{"\xff": 1}')),
        ("application/json", b'["","","",""]', "application/json", b64(b'["","","",""]')),
        ("application/json; profile=x", b"true", "application/json; profile=x", "true"),
        ("application/problem+json", b'{"a":1}', "application/problem+json", '{"a":1}'),
        ("application/hal+json", b'{"a":1}', "application/hal+json", b64(b'{"a":1}')),
        ("application/hal+json; charset=utf-8", b"1234", "application/hal+json; charset=UTF-8", b64(b"1234")),
        ("image/png; charset=utf-8", b"\x89PNG", "image/png", b64(b"\x89PNG")),
        ("audio/wav", b"RIFF", "audio/wav", b64(b"RIFF")),
        ("text/javascript", b"a=1", "text/javascript", b64(b"a=1")),
    ],
)
def test_body_by_content_type(content_type, body, sent_type, sent):
    result, outcome = encode(body, content_type)
    assert result == {"statusCode": 200, "headers": {"Content-Type": sent_type}, "body": sent}
    assert outcome.notes == []


@pytest.mark.parametrize(
    ("content_type", "body", "note"),
    [
        ("text/plain", b"caf\xe9", "the body isn't text in the charset of 'text/plain'"),
        ("text/plain; charset=utf-8", b"\xff", "the body isn't text in the charset of 'text/plain; charset=utf-8'"),
        ("text/plain; charset=utf-16", b"\xff", "the body isn't text in the charset of 'text/plain; charset=utf-16'"),
        ("text/plain; charset=rot13", b"\xff", "the body isn't text in the charset of 'text/plain; charset=rot13'"),
        ("image", b"x", "the content type 'image' isn't well formed"),
        ("multipart/*", b"x", "the content type 'multipart/*' isn't well formed"),
        (None, b"x", "the model sent a body without a content type"),
    ],
)
def test_what_the_platform_cannot_carry_becomes_octets_and_is_noted(content_type, body, note):
    result, outcome = encode(body, content_type)
    assert result["headers"] == {"Content-Type": "application/octet-stream"}
    assert base64.b64decode(result["body"]) == body
    assert outcome.notes == [note + ": sent as application/octet-stream"]


@pytest.mark.parametrize(
    ("status", "method", "sent"),
    [
        (200, "POST", "x"),
        (200, "HEAD", ""),
        (204, "GET", ""),
        (304, "GET", ""),
        (404, "GET", "x"),
        (444, "GET", "x"),
        (200, "GET", "x"),
    ],
)
def test_status_is_always_there_and_a_body_only_where_one_may_be(status, method, sent):
    result, outcome = encode(b"x", "text/plain", status, method=method)
    assert (result["statusCode"], result["body"]) == (status, sent)
    assert ("Content-Type" in result["headers"]) is bool(sent)
    assert (outcome.response.status, outcome.response.body) == (status, sent.encode("ascii"))


@pytest.mark.parametrize("body", [b"x", b""])
def test_a_205_is_sent_as_204_which_reaches_the_client(body):
    result, outcome = encode(body, "text/plain", 205)
    assert result == {"statusCode": 204, "headers": {}, "body": ""}
    assert "205 as 204" in outcome.notes[0]
    assert (outcome.response.status, outcome.response.body) == (204, b"")


@pytest.mark.parametrize("status", [500, 503, 599])
def test_a_server_error_fails_the_activation_and_reaches_the_client(status):
    result, _ = encode(b"{}", "application/json", status)
    assert result == {"error": {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": "{}"}}


@pytest.mark.parametrize("status", [100, 101, 199, 600, 999, 0, -1])
def test_a_status_that_cannot_be_relayed_is_said(status):
    result, outcome = encode(b"x", "text/plain", status)
    assert result["error"]["statusCode"] == 502
    assert str(status) in json.loads(result["error"]["body"])["error"]
    assert outcome.response.status == 502
    assert "can't be relayed" in outcome.notes[0]


def test_headers_that_are_relayed_and_those_that_are_not():
    pairs = [
        ("Set-Cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("X-A", ""),
        ("Set-Cookie", "e=f"),
        ("X-\u00e9", "1"),
        ("X B", "1"),
        ("X-C", "a\r\nX-D: 1"),
        ("X-E", "\u2744"),
        ("X-F", "caf\u00e9"),
        ("Connection", "close"),
        ("Content-Length", "9"),
        ("Transfer-Encoding", "chunked"),
        ("Date", "x"),
        ("Server", "y"),
        ("", "z"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", "X-A"),
        ("Vary", "Accept"),
    ]
    result, outcome = encode(b"", None, headers=pairs)
    assert result["headers"] == {
        "Set-Cookie": ["a=b", "c=d", "e=f"],
        "X-A": "",
        "X-F": "caf\u00e9",
        "Access-Control-Expose-Headers": "X-A",
        "Vary": "Accept",
    }
    dropped = ("X-\u00e9", "X B", "X-C", "X-E", "")
    assert outcome.notes == ["dropped the header %r, which isn't well formed" % name for name in dropped]
    result, _ = encode(b"", None, headers=pairs, keep_cors=True)
    assert result["headers"]["Access-Control-Allow-Origin"] == "*"


def test_a_small_result_is_sent_in_one_piece_and_a_large_body_is_not_copied_into_one():
    assert len(encode(b"x", "image/png")[1].parts) == 1
    assert len(encode(bytes(100000), "image/png")[1].parts) > 1


def test_of_two_content_types_the_first_counts():
    result, _ = encode(b"x", "text/plain", headers=[("content-type", "text/html")])
    assert result["headers"] == {"Content-Type": "text/html"}


def test_server_timing_is_told_and_joined_to_the_model_s():
    result, _ = encode(b"x", "text/plain", server_timing=lambda: "model;dur=1")
    assert result["headers"]["Server-Timing"] == "model;dur=1"
    for own in ([("Server-Timing", "db;dur=2")], [("Server-Timing", "db;dur=2"), ("Server-Timing", "c")]):
        result, _ = encode(b"x", "text/plain", headers=own, server_timing=lambda: "model;dur=1")
        assert result["headers"]["Server-Timing"] == ", ".join(["model;dur=1"] + [value for _, value in own])


@pytest.mark.parametrize(("own", "headers"), [([], {}), ([("X-A", "1")], {"X-A": "1"})])
def test_server_timing_stands_beside_whatever_headers_there_are(own, headers):
    for status in (200, 204, 503):
        response = Response(status, own, b"")
        for timing, told in (
            (None, headers),
            (lambda: "model;dur=1", dict(headers, **{"Server-Timing": "model;dur=1"})),
        ):
            result = json.loads(web_action.encode(response, Request("GET", "/"), server_timing=timing).result.decode())
            assert result.get("error", result) == {"statusCode": status, "headers": told, "body": ""}


# --- content codings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coding", "packed"), [("gzip", gzip.compress(b"hello")), ("deflate", zlib.compress(b"hello"))]
)
def test_compressed_text_is_decompressed_since_it_could_not_travel(coding, packed):
    result, outcome = encode(packed, "text/html", headers=[("Content-Encoding", coding)])
    assert (result["body"], result["headers"]) == ("hello", {"Content-Type": "text/html"})
    assert "decompressed" in outcome.notes[0]


def test_compressed_text_of_several_members_arrives_whole():
    packed = gzip.compress(b"one, ") + gzip.compress(b"two")
    assert encode(packed, "text/plain", headers=[("Content-Encoding", "gzip")])[0]["body"] == "one, two"


def test_compressed_text_that_was_cut_off_or_goes_on_travels_as_octets():
    packed, deflated = gzip.compress(b"hello"), zlib.compress(b"hello")
    for broken in (packed[:-3], packed + b"\xff", deflated[:-3], deflated + b"\xff"):
        result, _ = encode(broken, "text/plain", headers=[("Content-Encoding", "gzip")])
        assert base64.b64decode(result["body"]) == broken
        assert result["headers"] == {"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"}


def test_text_in_a_coding_that_cannot_be_read_travels_as_octets():
    result, _ = encode(b"\xff\xfe", "text/html", headers=[("Content-Encoding", "br")])
    assert result["headers"] == {"Content-Encoding": "br", "Content-Type": "application/octet-stream"}
    assert base64.b64decode(result["body"]) == b"\xff\xfe"


@pytest.mark.parametrize("content_type", ["application/json", "image/svg+xml"])
def test_compressed_json_and_bytes_travel_as_they_are(content_type):
    packed = gzip.compress(b"{}")
    result, _ = encode(packed, content_type, headers=[("Content-Encoding", "gzip")])
    assert base64.b64decode(result["body"]) == packed
    assert result["headers"] == {"Content-Encoding": "gzip", "Content-Type": content_type}


def test_text_that_is_a_bomb_is_not_decompressed():
    bomb = gzip.compress(b"0" * (1 << 24))
    result, _ = encode(bomb, "text/html", headers=[("Content-Encoding", "gzip")])
    answer = json.loads(result["error"]["body"])
    assert answer["size"] == 4 * 1048576 + 1 and "OpenWhisk passes on 1048576" in answer["error"]


def test_compressed_text_that_is_cut_off_is_sent_as_it_is():
    for cut_off in (gzip.compress(b"hello")[:-1], gzip.compress(b"hello")[:12]):
        result, _ = encode(cut_off, "text/html", headers=[("Content-Encoding", "gzip")])
        assert base64.b64decode(result["body"]) == cut_off


def test_identity_is_no_coding():
    result, _ = encode(b"x", "text/html", headers=[("Content-Encoding", "identity")])
    assert result["body"] == "x"


def test_several_codings_on_text():
    result, _ = encode(b"x", "text/html", headers=[("Content-Encoding", "a"), ("Content-Encoding", "b")])
    assert result["body"] == "x"


# --- the size limit -----------------------------------------------------------------------------------------------

GZIP = [("accept-encoding", "deflate, gzip;q=0.5")]
LIMIT = 2000


@pytest.mark.parametrize(
    ("content_type", "sent_type"),
    [
        ("application/json", "application/json"),
        ("image/bmp", "image/bmp"),
        ("application/javascript; charset=utf-8", "text/javascript"),
        ("text/javascript; charset=utf-8", "text/javascript"),
    ],
)
def test_what_is_too_large_is_compressed_for_a_client_that_takes_it(content_type, sent_type):
    body = b'{"a":1}' + b" " * 9000
    result, outcome = encode(body, content_type, asked=GZIP, limit=LIMIT, headers=[("X-A", "b")])
    assert result["headers"] == {
        "X-A": "b",
        "Content-Type": sent_type,
        "Content-Encoding": "gzip",
        "Vary": "Accept-Encoding",
    }
    assert gzip.decompress(base64.b64decode(result["body"])) == body
    assert len(outcome.result) <= LIMIT


@pytest.mark.parametrize(
    ("content_type", "asked", "headers"),
    [
        ("application/json", [], []),
        ("application/json", [("accept-encoding", "gzip;q=0, *;q=0")], []),
        ("application/json", [("accept-encoding", "br")], []),
        ("application/json", GZIP, [("Content-Encoding", "br")]),
        ("text/html", GZIP, []),
        (None, GZIP, []),
    ],
)
def test_what_stays_too_large_is_explained(content_type, asked, headers):
    result, outcome = encode(b"{" + b" " * 9000, content_type, asked=asked, limit=LIMIT, headers=headers)
    error = json.loads(result["error"]["body"])
    assert result["error"]["statusCode"] == 500
    assert error["limit"] == LIMIT < error["size"]
    assert "9001 bytes" in error["error"]
    assert str(LIMIT) in error["error"]
    assert "more than the platform" in outcome.notes[-1]
    assert len(outcome.result) <= LIMIT


def test_incompressible_bytes_are_explained_too():
    noise = bytes((index * index * 7919 >> 5) % 251 for index in range(9000))
    result, _ = encode(noise, "image/png", asked=[("accept-encoding", "*")], limit=LIMIT)
    assert result["error"]["statusCode"] == 500
    assert "9000 bytes of image/png" in json.loads(result["error"]["body"])["error"]


def test_the_explanation_fits_whatever_the_model_says_of_its_answer():
    for content_type, headers in (("a/" + "b" * 9000, []), (None, [("X-A", "b" * 9000)])):
        result, outcome = encode(b"x", content_type, limit=LIMIT, headers=headers)
        assert len(outcome.result) <= LIMIT
        assert "1 bytes of" in json.loads(result["error"]["body"])["error"]


def test_what_is_far_too_large_is_not_encoded_first():
    result, _ = encode(b"{" + b" " * 90000, "application/json", limit=LIMIT)
    assert json.loads(result["error"]["body"])["size"] == 120001
    result, _ = encode(b"{" + b" " * 90000, "application/json", limit=LIMIT, asked=GZIP)
    assert gzip.decompress(base64.b64decode(result["body"])) == b"{" + b" " * 90000
    result, _ = encode(b"{" + b" " * 90000, "application/json", limit=LIMIT, method="HEAD")
    assert (result["statusCode"], result["body"]) == (200, "")


@pytest.mark.parametrize(("status", "sent"), [(204, 204), (205, 204), (304, 304)])
def test_a_status_without_a_body_is_never_too_large(status, sent):
    result, _ = encode(bytes(LIMIT * 5), "image/png", status, limit=LIMIT, asked=GZIP)
    assert result == {"statusCode": sent, "headers": {}, "body": ""}


@pytest.mark.parametrize("content_type", ["application/json; charset=latin-1", "text/javascript; charset=latin-1"])
def test_what_is_compressed_is_in_utf_8(content_type):
    result, _ = encode(b'["caf\xe9"]' + b" " * 9000, content_type, limit=LIMIT, asked=GZIP)
    assert gzip.decompress(base64.b64decode(result["body"])).strip() == '["caf\u00e9"]'.encode("utf-8")


def test_no_charset_is_remembered_that_a_model_repeats():
    """As codecs.lookup does for ever, of any length."""
    for charset in ("repeated", "repeated" * 5000):
        result, _ = encode(b"abc", "text/plain; charset=" + charset)
        assert result["body"] == "abc"
    assert not [name for name in encodings._cache if name.startswith("repeated")]


def test_a_charset_of_what_is_no_text_says_nothing():
    body = b"\xe9" * 9000
    result, _ = encode(body, "image/png; charset=latin-1", limit=LIMIT, asked=GZIP)
    assert gzip.decompress(base64.b64decode(result["body"])) == body


def test_exactly_the_limit_passes_and_one_byte_more_does_not():
    whole = len(encode(b"x" * 1000, "text/plain")[1].result)
    assert encode(b"x" * 1000, "text/plain", limit=whole)[0]["statusCode"] == 200
    assert "error" in encode(b"x" * 1000, "text/plain", limit=whole - 1)[0]
    whole = len(encode(b"[1]", "application/json")[1].result)
    assert "Content-Encoding" not in encode(b"[1]", "application/json", limit=whole, asked=GZIP)[0]["headers"]
    body = b"[" + b"1, " * 1000 + b"1]"
    packed = len(encode(body, "application/json", limit=2000, asked=GZIP)[1].result)
    assert packed < 2000
    for limit, passes in ((packed, True), (packed - 1, False)):
        result, _ = encode(body, "application/json", limit=limit, asked=GZIP)
        assert ("error" not in result) is passes


def test_the_limit_is_the_platform_s():
    around = len(encode(b"x", "text/plain")[1].result) - 1
    assert "error" not in encode(b"x" * (1048576 - around), "text/plain")[0]
    assert "error" in encode(b"x" * (1048577 - around), "text/plain")[0]


def test_the_size_of_what_never_fits_is_what_base64_would_be():
    for length, size in ((4 * LIMIT, 4 * LIMIT + 72), (4 * LIMIT + 1, 10668)):
        result, _ = encode(b"{" + b" " * (length - 1), "application/json", limit=LIMIT)
        assert abs(json.loads(result["error"]["body"])["size"] - size) < 9


def test_json_goes_as_base64_only_where_that_is_shorter():
    assert encode(b'["ab","cd', "application/json")[0]["body"] == '["ab","cd'
    assert encode(b'["a","b",', "application/json")[0]["body"] == b64(b'["a","b",')


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("longer", [0, 1, 1 << 20])
def test_of_compressed_text_no_more_is_made_than_could_fit(packed, longer, monkeypatch):
    """Four limits of UTF-32 are one of UTF-8; of what is longer the rest isn't even decompressed."""
    made = []
    decoded = result_module._decoded
    monkeypatch.setattr(result_module, "_decoded", lambda body, _: made.append(len(body)) or decoded(body, "utf-32-be"))
    body = packed("x".encode("utf-32-be") * LIMIT + b"\0" * longer)
    result, _ = encode(body, "text/plain", headers=[("Content-Encoding", "gzip")], limit=LIMIT)
    assert json.loads(result["error"]["body"])["limit"] == LIMIT
    assert made[:1] == ([] if longer else [4 * LIMIT])


def test_a_client_s_error_is_no_failure_of_the_action():
    assert encode(b"x", "text/plain", 499)[0]["statusCode"] == 499
    assert encode(b"x", "text/plain", 500)[0]["error"]["statusCode"] == 500


def test_a_header_s_value_may_be_another_s_name():
    result, _ = encode(b"x", "text/plain", headers=[("X-A", "Content-Length"), ("Content-Length", "1")])
    assert result["headers"] == {"X-A": "Content-Length", "Content-Type": "text/plain"}


# --- Accept -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type", "covered"),
    [
        ("application/json", "image/png", False),
        ("application/json", "application/json; charset=utf-8", True),
        ("image/*", "image/png", True),
        ("*/*", "image/png", True),
        ("*", "image/png", True),
        ("image/png;q=0", "image/png", False),
        ("image/png;q=0, */*", "image/png", False),
        ("*/*;q=0.1, image/png", "image/png", True),
        ("text/html, */*;q=0", "image/png", False),
        ("image/png;level=1; q=0.0", "image/png", False),
        ("image/*, */*;q=0", "image/png", True),
        ("image/*;q=0, */*", "image/png", False),
        ("image/png;q=0, image/*", "image/png", False),
        ("text/html, image/png", "image/png", True),
        ("", "image/png", True),
        ("text/html", "image", False),
        ("text/html, image/png;level=1", "image/png", False),
        ("image/png;level=1", 'image/png; level="1"', True),
        ('image/png;a=",*/*"', "image/png", False),
        ("image/*;q=0, image/png;charset=x;q=0.1", "image/png", True),
        ("image/png;q=0, image/png;q=0.5", "image/png", True),
        ("image/png;q=none", "image/png", True),
        ("text/html;q=none", "image/png", False),
        ("text/html;q=-0.5", "image/png", True),
        ("*, image/png;q=0", "image/gif", True),
        # The platform doesn't look at what it can't read.
        ("gzip, br;q=0", "image/png", True),
        ("text/html;q=2", "image/png", True),
        ("*/png, text/html", "image/png", True),
        (" , ", "image/png", True),
    ],
)
def test_a_406_of_the_platform_is_foretold_in_the_log(accept, content_type, covered):
    _, outcome = encode(b"x", content_type, asked=[("accept", accept)] if accept else [])
    assert any("406" in note for note in outcome.notes) is not covered


@pytest.mark.parametrize(
    ("status", "body", "refused"), [(200, b"x", True), (200, b"", False), (399, b"x", True), (400, b"x", False)]
)
def test_a_406_comes_of_a_body_that_is_no_error(status, body, refused):
    _, outcome = encode(body, "image/png", status, asked=[("accept", "text/html")])
    note = "the client's Accept (text/html) doesn't cover image/png: the platform answers 406"
    assert outcome.notes == [note] * refused


@pytest.mark.parametrize(
    ("opening", "closing", "levels"), [("[", "]", 1), ('{"a":', "}", 1), ("[1,", "]", 1), ('{"a":[', "]}", 2)]
)
def test_json_that_is_too_deep_for_the_platform(opening, closing, levels):
    assert not web_action.is_too_deep(opening + "1" + closing)
    assert not web_action.is_too_deep(990 // levels * opening + "1" + 990 // levels * closing)
    assert web_action.is_too_deep(992 // levels * opening + "1" + 992 // levels * closing)
    if levels == 1:
        assert web_action.is_too_deep(991 * opening + "1" + 991 * closing)
    assert not web_action.is_too_deep("[" + ",".join(1000 * [opening + "1" + closing]) + "]")


@pytest.mark.parametrize("leaf", ["[],[]", '{"a":1},{}', '["[{"]'])
def test_brackets_beside_each_other_or_in_a_string_are_no_more_levels(leaf):
    assert not web_action.is_too_deep(989 * "[" + leaf + 989 * "]")
    assert web_action.is_too_deep(990 * "[" + leaf + 990 * "]")
