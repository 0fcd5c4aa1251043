"""Calls that are no web requests: parameters → the model's inputs, the model's answer → the result."""

import base64
import contextlib
import json
import sys
import tracemalloc
from email.parser import BytesParser

import pytest
from modelproxy import plain_action, web_action
from modelproxy.messages import BadValue, Request, Response
from modelproxy.plain_action import Inputs, inputs_of_swagger

PNG = b"\x89PNG\r\n\x1a\nrest"
WAV = b"RIFF\x00\x00\x00\x00WAVE"


def swagger(operations, path="/model/predict"):
    return json.dumps({"swagger": "2.0", "paths": {path: operations}}).encode("utf-8")


def field(name, place, kind=None):
    return {"name": name, "in": place, "type": kind}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ({"post": {"parameters": [field("payload", "body")]}}, ("POST", "json", [], [])),
        (
            {"post": {"parameters": [field("image", "formData", "file"), field("threshold", "query", "number")]}},
            ("POST", "multipart", ["image"], ["threshold"]),
        ),
        ({"post": {"parameters": [field("a", "formData", "string")]}}, ("POST", "urlencoded", [], [])),
        ({"post": {"parameters": [field("user_id", "query", "string")]}}, ("POST", "query", [], ["user_id"])),
        ({"get": {"parameters": [field("model", "query", "string")]}}, ("GET", "query", [], ["model"])),
        ({"get": {}}, ("GET", "query", [], [])),
        ({"post": {}}, ("POST", "json", [], [])),
        (
            {"post": {}, "parameters": [field("X-Fields", "header"), field("image", "formData", "file")]},
            ("POST", "multipart", ["image"], []),
        ),
    ],
)
def test_inputs_from_swagger(operations, expected):
    inputs = inputs_of_swagger(swagger(operations), "/model/predict")
    assert (inputs.method, inputs.form, sorted(inputs.files), sorted(inputs.query)) == expected
    assert inputs.path == "/model/predict"


def test_a_post_that_maxfw_only_stands_in_for_is_no_way_to_predict():
    own, stub = {"summary": "Predict"}, {"summary": "To be implemented"}
    for operations, method in [
        ({"get": {}, "post": stub}, "GET"),
        ({"get": {}, "post": own}, "POST"),
        ({"post": stub}, "POST"),
    ]:
        assert inputs_of_swagger(swagger(operations), "/model/predict").method == method


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"paths": {}}',
        swagger({}),
        swagger({"post": {"parameters": [{}]}}),
        swagger({"post": {"parameters": 3}}),
        swagger(None),
        swagger({"get": None}),
    ],
)
def test_a_swagger_that_does_not_describe_the_inputs(document):
    assert inputs_of_swagger(document, "/model/predict") is None


def test_json_model_gets_the_parameters_as_its_body():
    request = plain_action.request(
        {"text": ["a"], "error": 1}, Inputs("POST", "/p", "json"), "/mount", {"activation_id": "1"}
    )
    assert (request.method, request.path, request.query, request.mount) == ("POST", "/p", "", "/mount")
    assert json.loads(request.body.decode("ascii")) == {"text": ["a"], "error": 1}
    assert request.header("content-type") == "application/json"
    assert request.activation == {"activation_id": "1"}
    assert not request.default


def test_json_model_with_query_parameters_gets_both():
    request = plain_action.request({"text": "a", "n": 3}, Inputs("POST", "/p", "json", query=["n"]))
    assert (request.query, json.loads(request.body.decode("ascii"))) == ("n=3", {"text": "a"})


def test_an_array_is_a_json_body_and_nothing_else():
    assert plain_action.request([1, 2], None).body == b"[1, 2]"
    with pytest.raises(BadValue, match="not an array"):
        plain_action.request([1], Inputs("POST", "/p", "multipart", ["image"]))


@pytest.mark.parametrize(("value", "kind"), [(3, "a number"), ("text", "a string"), (True, "true or false")])
def test_a_scalar_is_no_value(value, kind):
    with pytest.raises(BadValue, match="must be an object or an array, this one is %s.$" % kind):
        plain_action.request(value, None)


def test_without_a_description_the_default_path_is_asked_with_json():
    request = plain_action.request({"a": 1}, None)
    assert (request.method, request.path, request.default, request.body) == ("POST", "", True, b'{"a": 1}')


@pytest.mark.parametrize(
    "given",
    [
        "data:image/png;base64," + base64.b64encode(PNG).decode("ascii"),
        "DATA:application/x-npy;a=b;BASE64," + base64.b64encode(PNG).decode("ascii"),
        "data:;base64," + base64.b64encode(PNG).decode("ascii"),
        "data:text/plain,%89PNG%0D%0A%1A%0Arest",
        "data:text/plain;charset=utf-8,%89PNG%0D%0A%1A%0Arest",
    ],
)
def test_without_a_description_a_data_url_makes_it_a_form(given):
    request = plain_action.request({"image": given, "note": "x", "n": [1, {}], "top": 3}, None, default_path="/p?a=1")
    assert (request.method, request.path, request.query, request.default) == ("POST", "/p", "a=1", True)
    parts = parts_of(request)
    assert parts["image"].get_payload(decode=True) == PNG
    assert parts["image"].get_filename().startswith("image.")
    assert {name: parts[name].get_payload() for name in ("note", "n", "top")} == {
        "note": "x",
        "n": "[1, {}]",
        "top": "3",
    }
    assert parts["note"].get_filename() is None


def test_without_a_description_a_list_of_data_urls_is_several_files():
    url = "data:image/png;base64," + base64.b64encode(PNG).decode("ascii")
    body = plain_action.request({"images": [url, url]}, None).body
    assert body.count(b'name="images"; filename="images.png"') == 2


@pytest.mark.parametrize(
    "value",
    [
        {"text": "data: the new oil, they say"},
        {"text": "data:,x"},
        {"text": "data:image/png;base64"},
        {"text": " data:image/png;base64,AAAA"},
        {"text": "see data:image/png;base64,AAAA"},
        {"text": ["data:image/png;base64,AAAA", "x"], "more": [], "n": 3, "inner": {"a": "data:image/png;base64,AAAA"}},
        ["data:image/png;base64,AAAA"],
        {},
    ],
)
def test_without_a_description_what_is_no_data_url_stays_json(value):
    request = plain_action.request(value, None)
    assert request.header("content-type") == "application/json"
    assert json.loads(request.body.decode("ascii")) == value


def test_with_a_description_a_data_url_changes_nothing():
    value = {"image": "data:image/png;base64,AAAA"}
    request = plain_action.request(value, Inputs("POST", "/p", "json"))
    assert json.loads(request.body.decode("ascii")) == value


def test_query_and_form_models():
    request = plain_action.request({"a": "x y", "b": [1]}, Inputs("GET", "/p", "query"))
    assert (request.method, request.query, request.body) == ("GET", "a=x+y&b=%5B1%5D", b"")
    request = plain_action.request({"a": "1", "b": "\u96ea"}, Inputs("POST", "/p", "urlencoded", query=["a"]))
    assert (request.query, request.body) == ("a=1", b"b=%E9%9B%AA")
    assert request.header("content-type") == "application/x-www-form-urlencoded"


def parts_of(request):
    head = ("Content-Type: " + request.header("content-type") + "\r\n\r\n").encode("ascii")
    message = BytesParser().parsebytes(head + request.body)
    assert not message.defects
    return {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}


def b64(content):
    return base64.b64encode(content).decode("ascii")


@pytest.mark.parametrize(
    ("given", "content", "content_type", "filename"),
    [
        (b64(PNG), PNG, "image/png", "image.png"),
        (b64(PNG).rstrip("="), PNG, "image/png", "image.png"),
        ("\n ".join(b64(PNG)), PNG, "image/png", "image.png"),
        (
            b64(b"\xff\xef\xfe").replace("/", "_").replace("+", "-"),
            b"\xff\xef\xfe",
            "application/octet-stream",
            "image.bin",
        ),
        (b64(WAV), WAV, "audio/wav", "image.wav"),
        (b64(b"\xff\xd8\xff\xe0"), b"\xff\xd8\xff\xe0", "image/jpeg", "image.jpg"),
        (b64(b"GIF89a"), b"GIF89a", "image/gif", "image.gif"),
        ("", b"", "application/octet-stream", "image.bin"),
        ("data:image/jpeg;base64," + b64(PNG), PNG, "image/jpeg", "image.png"),
        ("data:text/csv;charset=utf-8;base64," + b64(b"a,b"), b"a,b", "text/csv", "image.csv"),
        ("data:text/plain,a%20b", b"a b", "text/plain", "image.plain"),
        ("data:text/plain,\u00fc%c3%bc%fg", b"\xc3\xbc\xc3\xbc%fg", "text/plain", "image.plain"),
        ("data:text/plain,\ud800", b"\xed\xa0\x80", "text/plain", "image.plain"),
        ("data:,abc", b"abc", "application/octet-stream", "image.bin"),
        ("DATA:image/svg+xml;BASE64," + b64(b"<svg/>"), b"<svg/>", "image/svg+xml", "image.svg"),
        ("data:no type;base64," + b64(b"x"), b"x", "application/octet-stream", "image.bin"),
    ],
)
def test_a_file_as_base64_or_data_url(given, content, content_type, filename):
    request = plain_action.request({"image": given}, Inputs("POST", "/p", "multipart", ["image"]))
    part = parts_of(request)["image"]
    assert part.get_payload(decode=True) == content
    assert part.get_content_type() == content_type
    assert part.get_filename() == filename


def test_text_fields_stand_beside_the_file_as_they_are():
    inputs = Inputs("POST", "/p", "multipart", ["image"], ["q"])
    request = plain_action.request({"image": b64(PNG), "note": "caf\u00e9", "n": 1.5, "q": "x", 'a"\r\nb': "c"}, inputs)
    parts = parts_of(request)
    assert request.query == "q=x"
    assert len(request.header("content-type").partition("boundary=")[2]) == 32  # which no content has by chance
    assert parts["note"].get_payload(decode=True) == "caf\u00e9".encode("utf-8")
    assert parts["n"].get_payload(decode=True) == b"1.5"
    assert parts["note"].get_filename() is None
    assert b'name="a%22%0D%0Ab"' in request.body


def test_a_list_of_files_is_sent_as_several_of_one_name():
    inputs = Inputs("POST", "/p", "multipart", ["images"])
    request = plain_action.request({"images": [b64(PNG), b64(b"GIF89a")], "tags": ["a", "b"]}, inputs)
    assert request.body.count(b'name="images"; filename=') == 2
    assert parts_of(request)["tags"].get_payload(decode=True) == b'["a", "b"]'


@contextlib.contextmanager
def refused(who, why):
    """A sentence with the input's name, which the log doesn't get: it may be a caller's word."""
    with pytest.raises(BadValue) as caught:
        yield
    assert (str(caught.value), caught.value.logged) == (who + why, "An input" + why)


def test_a_form_s_names_and_parts_are_bounded():
    """Each part has the whole name twice: 200 kB took 3.5 GB."""
    url = "data:;base64,"
    request = plain_action.request({"other": "x", "n" * 1000: [url] * 999}, None)
    assert request.body.count(b"filename=") == 999
    with refused("The input '%s'" % (80 * "n"), "… has a name of more than 1000 characters."):
        plain_action.request({"n" * 1001: url}, None)
    with pytest.raises(BadValue, match="a form of more than 1000 parts") as caught:
        plain_action.request({"other": "x", "n": [url] * 1000}, None)
    assert caught.value.logged == str(caught.value)


@pytest.mark.parametrize("inputs", [None, Inputs("POST", "/p", "multipart", ["image"])])
@pytest.mark.parametrize("after", [",AAAA", ""])
def test_a_data_url_s_parameters_are_bounded(inputs, after):
    """An expression keeps memory for each: they took 70 times their length, also where no comma ends them."""
    value = {"image": "data:text/plain" + ";a=b" * 250000 + after}
    tracemalloc.start()
    try:
        if inputs is None:
            assert plain_action.request(value, None).header("content-type") == "application/json"
        else:
            with pytest.raises(BadValue, match="neither base64 text nor a data: URL"):
                plain_action.request(value, inputs)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(value["image"])
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("inputs", [None, Inputs("POST", "/p", "multipart", ["image"])])
def test_a_data_url_may_have_many_parameters_and_escapes(inputs):
    value = {"image": "data:text/plain" + ";a=b" * 100 + "," + "%41" * 300000}
    tracemalloc.start()
    try:
        request = plain_action.request(value, inputs)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(value["image"])  # for each of which there was an object
    finally:
        tracemalloc.stop()
    assert parts_of(request)["image"].get_payload(decode=True) == b"A" * 300000


def test_a_file_of_any_length_may_come_without_padding():
    inputs = Inputs("POST", "/p", "multipart", ["image"])
    for length in range(13):
        content = bytes(bytearray(range(length)))
        for given in (b64(content), b64(content).rstrip("=")):
            assert parts_of(plain_action.request({"image": given}, inputs))["image"].get_payload(decode=True) == content


@pytest.mark.parametrize("given", [3, None, {"a": 1}, [3], [["x"]]])
def test_a_file_that_is_no_text(given):
    with refused("The input 'image'", " is a file: give it as base64 text or as a data: URL."):
        plain_action.request({"image": given}, Inputs("POST", "/p", "multipart", ["image"]))


@pytest.mark.parametrize("given", ["not base64!", "AAAAA", "data:image/png;base64,?", "caf\u00e9"])
def test_a_file_that_is_no_base64(given):
    with refused("The input 'image'", " is a file: what was given is neither base64 text nor a data: URL."):
        plain_action.request({"image": given}, Inputs("POST", "/p", "multipart", ["image"]))


# --- results ------------------------------------------------------------------------------------------------------


def result_of(body, content_type="application/json", status=200, limit=1048576):
    response = Response(status, [("Content-Type", content_type)], body)
    outcome = plain_action.encode(response, Request("POST", "/p"), limit)
    return outcome.result, json.loads(outcome.result.decode("utf-8"))


@pytest.mark.parametrize(
    "body", [b'{"status": "ok", "x": 1.50}\n', b"[1, 2]", b"{}", b"[]", '{"a": "\u96ea"}'.encode("utf-8")]
)
def test_an_object_or_array_is_the_result_to_the_byte(body):
    assert result_of(body)[0] == body


def test_the_character_that_ends_the_platforms_reading_is_escaped():
    raw, result = result_of(b'{"a": "\xef\xbf\xbf"}')
    assert raw == rb'{"a": "\uffff"}'
    assert result == {"a": "\uffff"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"error": "x"}', "application/json"),
        (b"3", "application/json"),
        (b"true", "application/json"),
        (b'{"a": NaN}', "application/json"),
        (b"[Infinity]", "application/json"),
        (b"{bad", "application/json"),
        (b'{"a": "\xff"}', "application/json"),
        (b"[" * 100000, "application/json"),
        (b"[" + b"1" * 101 + b"]", "application/json"),
        (b"{}", "text/plain"),
        (b"\x89PNG", "image/png"),
    ],
)
def test_anything_else_is_wrapped(body, content_type):
    result = result_of(body, content_type)[1]
    assert sorted(result) == ["body", "headers", "statusCode"]
    assert result["statusCode"] == 200


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("most", [web_action.MOST_LEVELS, 500])
def test_a_result_has_no_more_levels_than_the_platform_reads(opening, most, monkeypatch):
    monkeypatch.setattr("modelproxy.web_action.result.MOST_LEVELS", most)

    def nested(levels):
        return levels * opening + b'"' + 1000 * b"[" + b'"' + levels * (b"]" if opening == b"[" else b"}")

    if most == 500 or sys.version_info >= (3, 12):  # older ones read no more than some 980
        assert result_of(nested(most))[0] == nested(most)
    result = result_of(nested(most + 1))[1]
    assert (result["statusCode"], result["body"]) == (200, nested(most + 1).decode("ascii"))


@pytest.mark.parametrize("status", [200, 201, 299])
def test_any_success_is_the_result(status):
    assert result_of(b'{"a": 1}', status=status)[0] == b'{"a": 1}'


def test_a_result_may_have_as_many_bytes_as_the_platform_passes_on():
    assert result_of(b"[1, 2]", limit=6)[0] == b"[1, 2]"
    escaped = b'["\\uffff"]'
    assert result_of(b'["\xef\xbf\xbf"]', limit=len(escaped))[0] == escaped


@pytest.mark.parametrize("status", [400, 404, 422, 499, 500, 503])
def test_an_error_is_under_error_once(status):
    result = result_of(b'{"message": "no, that is wrong"}', status=status)[1]
    assert list(result) == ["error"]
    assert result["error"]["statusCode"] == status
    assert json.loads(result["error"]["body"]) == {"message": "no, that is wrong"}


def test_what_is_too_large_is_explained():
    for body, content_type, status in (
        (b"[" + b"1," * 999 + b"1]", "application/json", 200),
        (b"x" * 2000, "image/png", 200),
        (b"x" * 950, "text/plain", 400),
        (b"[" + b'"\xef\xbf\xbf"' + b" " * 993 + b"]", "application/json", 200),  # it grows by three bytes
    ):
        raw, result = result_of(body, content_type, status, limit=1000)
        assert len(raw) <= 1000
        assert result["error"]["statusCode"] == 500


def test_an_error_that_fits_only_without_error_around_it_is_explained():
    fits = len(result_of(b"x" * 700, "text/plain", 400)[0])
    for limit, status in ((fits, 400), (fits - 1, 500), (fits - 10, 500)):
        raw, result = result_of(b"x" * 700, "text/plain", 400, limit=limit)
        assert len(raw) <= limit
        assert result["error"]["statusCode"] == status


@pytest.mark.parametrize("status", [300, 302, 399])
def test_redirects_are_wrapped(status):
    body = b'{"message": "it is elsewhere now"}'
    result = result_of(body, status=status)[1]
    assert (result["statusCode"], result["body"]) == (status, body.decode("ascii"))


def test_an_interim_response_is_no_result():
    assert result_of(b'{"a": 1}', status=199)[1]["error"]["statusCode"] == 502
