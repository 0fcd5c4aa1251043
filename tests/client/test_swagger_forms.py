"""Descriptions of all kinds, and the requests that follow from them; without any network."""

from __future__ import annotations

import json
import os

import httpx
import pytest

from modelwhisk.client import InterfaceError
from modelwhisk.client.answers import file_name_of, reply_of_result, timing_of
from modelwhisk.client.checking import check
from modelwhisk.client.encoding import request
from modelwhisk.client.swagger import interface_of


def swagger(*parameters, path="/model/predict", method="post", **operation):
    described = {"parameters": list(parameters), "responses": {}, **operation}
    return {"swagger": "2.0", "paths": {path: {method: described}}}


def sent(document, **values):
    interface = interface_of(document)
    return request(interface, "http://host/base/", check(interface, values))


def test_form_without_files():
    asked = sent(swagger({"name": "a", "in": "formData", "type": "string"}), a="x y&z")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.content == b"a=x+y%26z"
    assert str(asked.url) == "http://host/base/model/predict"


def test_a_form_stays_multipart_without_its_optional_file():
    document = swagger(
        {"name": "a", "in": "formData", "type": "string"}, {"name": "f", "in": "formData", "type": "file"}
    )
    assert sent(document, a="ü").headers["content-type"].startswith("multipart/form-data")


def test_a_file_s_name_that_is_no_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.png")
    path.write_bytes(b"x")
    asked = sent(swagger({"name": "f", "in": "formData", "type": "file"}), f=path)
    assert b'filename="?.png"' in asked.content


def test_lists_in_a_query():
    field = {"name": "filter", "in": "query", "type": "array", "items": {"type": "string"}}
    assert sent(swagger(field), filter=["a", "b c"]).url.query == b"filter=a%2Cb+c"
    assert sent(swagger({**field, "collectionFormat": "multi"}), filter=["a", "b"]).url.query == b"filter=a&filter=b"


def test_lists_in_an_openapi_form():
    schema = {"properties": {"n": {"type": "array", "items": {"type": "integer"}}}}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    document = {"openapi": "3.0.3", "paths": {"/": {"post": {"requestBody": {"content": content}}}}}
    assert sent(document, n=[1, 2]).content == b"n=1&n=2"


def test_get_and_booleans():
    document = swagger({"name": "on", "in": "query", "type": "boolean"}, method="get")
    asked = sent(document, on=True)
    assert (asked.method, asked.url.query, asked.content) == ("GET", b"on=true", b"")


def test_a_body_that_is_one_value():
    schema = {"type": "array", "items": {"type": "number"}}
    asked = sent(swagger({"name": "payload", "in": "body", "schema": schema, "required": True}), data=[1, 2.5])
    assert json.loads(asked.content) == [1, 2.5]


def test_openapi_3_with_a_file():
    schema = {"$ref": "#/components/schemas/Body"}
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/predict": {
                "post": {
                    "parameters": [{"name": "top", "in": "query", "schema": {"type": "integer", "maximum": 5}}],
                    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
                    "responses": {"200": {"content": {"application/json": {"schema": {"type": "object"}}}}},
                }
            }
        },
        "components": {
            "schemas": {
                "Body": {
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
                }
            }
        },
    }
    asked = sent(document, file=b"\x89PNG\r\n\x1a\n", top=3)
    assert str(asked.url) == "http://host/base/predict?top=3"
    assert b'name="file"; filename="file.png"\r\nContent-Type: image/png' in asked.content


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "neither Swagger"),
        ({"paths": {"/a": {"post": {}}, "/b": {"post": {}}}}, "choose one: /a, /b"),
        ({"paths": {"/predict": {"delete": {}}}}, "neither POST nor GET"),
        ({"paths": {"/predict": {"post": {"parameters": [{"in": "query"}]}}}}, "malformed"),
        (swagger({"name": "x", "in": "body", "schema": {"$ref": "#/nowhere"}}), "malformed"),
        (
            {"paths": {"/predict": {"post": {"parameters": [{"$ref": "#/paths/x"}]}}, "x": {"$ref": "#/paths/x"}}},
            "circle",
        ),
    ],
)  # fmt: skip
def test_descriptions_that_say_nothing(document, problem):
    with pytest.raises(InterfaceError, match=problem):
        interface_of(document)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=result.wav", "result.wav"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="C:\x\.bashrc"', "bashrc"),
        ("attachment; filename*=UTF-8''%2Ftmp%2Fn%C3%A4me.png", "näme.png"),
        ("inline", ""),
        ("", ""),
    ],
)
def test_names_of_files_stay_where_they_are_put(disposition, name):
    assert file_name_of(disposition) == name


@pytest.mark.parametrize(
    ("result", "status", "content"),
    [
        ({"statusCode": 200, "headers": {"Content-Type": "image/png"}, "body": "AAEC"}, 200, b"\0\1\2"),
        ({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": "eyJhIjoxfQ=="}, 200, b'{"a":1}'),
        ({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"a":1}'}, 200, b'{"a":1}'),
        ({"headers": {"content-type": "text/plain"}, "body": "AAEC"}, 200, b"AAEC"),
        ({"error": {"statusCode": 422, "body": {"message": "no"}}}, 422, b'{"message": "no"}'),
        ({"predictions": [1]}, 200, b'{"predictions": [1]}'),
        ({"error": "it broke"}, 502, b'{"error": "it broke"}'),
        ([1, 2], 200, b"[1, 2]"),
        *(({"statusCode": code, "body": "no"}, 400, b"no") for code in (10**30, -5, 0, 99, 600, "1e3", "9" * 5_000)),
        ({"statusCode": "599", "body": "no"}, 599, b"no"),
    ],
)  # fmt: skip
def test_results_of_activations(result, status, content):
    reply = reply_of_result(result, "id")
    assert (reply.status, reply.body, reply.activation) == (status, content, "id")


def test_server_timing():
    assert timing_of('wait;dur=1.5, model;desc="a b";dur=20, odd') == {"wait": 1.5, "model": 20.0}


def test_messages_of_failures():
    def message(content_type, body):
        response = httpx.Response(400, headers={"content-type": content_type}, content=body)
        from modelwhisk.client.answers import reply_of_response

        return reply_of_response(response).message()

    both = b'{"errors": {"top": "too large"}, "message": "Input payload validation failed"}'
    assert message("application/json", both) == "Input payload validation failed (top: too large)"
    assert message("text/html", b"<title>404</title><h1>Not\n Found</h1>") == "Not Found"
    page = b"<html><STYLE a='b'>p > b { }</Style >< p>No <b\nclass=x>such</b> model<title-of-it>,<script>1</p>"
    assert message("text/html", page) == "No such model ,"
    assert message("application/json", b"") == "no message"
