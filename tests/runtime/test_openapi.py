"""The inputs of a path from OpenAPI documents, FastAPI's own and others."""

import json
from typing import List, Optional

import pytest
from fastapi import Body, FastAPI, File, Form, Query, UploadFile
from modelproxy.hosts.openapi import inputs_of_openapi
from pydantic import BaseModel


def seen(inputs):
    return inputs and (inputs.method, inputs.path, inputs.form, sorted(inputs.files), sorted(inputs.query))


def document(operations, **more):
    return json.dumps(dict({"openapi": "3.1.0", "paths": {"/predict": operations}}, **more)).encode("utf-8")


def with_body(content, **more):
    return document({"post": {"requestBody": {"content": content}}}, **more)


def multipart(properties, **more):
    return with_body({"multipart/form-data": {"schema": {"properties": properties}}}, **more)


class Item(BaseModel):
    text: str
    more: Optional["Item"] = None


Item.update_forward_refs() if not hasattr(Item, "model_rebuild") else Item.model_rebuild()


def fastapi_app():
    app = FastAPI()

    @app.post("/upload")
    def upload(
        image: UploadFile = File(...),  # noqa: B008
        mask: Optional[UploadFile] = File(None),  # noqa: B008
        raw: bytes = File(None),
        note: str = Form(""),
        top: int = Query(3),
    ):
        """A form."""

    @app.post("/uploads")
    def uploads(images: List[UploadFile] = File(...)):  # noqa: B008
        """Several files."""

    @app.post("/text")
    def text(item: Item = Body(...), top: int = 3):  # noqa: B008
        """JSON."""

    @app.post("/form")
    def form(text: str = Form(...)):
        """Fields without a file."""

    @app.get("/guess")
    def guess(text: str, top: int = 3):
        """A query."""

    @app.post("/models/{name}/run.it")
    def run(name: str, top: int = 3):
        """A query on POST."""

    @app.post("/bare")
    def bare():
        """Nothing declared: it reads the body itself."""

    return app


@pytest.mark.parametrize(
    "expected",
    [
        ("POST", "/upload", "multipart", ["image", "mask", "raw"], ["top"]),
        ("POST", "/uploads", "multipart", ["images"], []),
        ("POST", "/text", "json", [], ["top"]),
        ("POST", "/form", "urlencoded", [], []),
        ("GET", "/guess", "query", [], ["text", "top"]),
        ("POST", "/models/digits/run.it", "query", [], ["top"]),
        ("POST", "/bare", "json", [], []),
    ],
)
def test_what_fastapi_writes(expected):
    written = json.dumps(fastapi_app().openapi()).encode("utf-8")
    assert seen(inputs_of_openapi(written, expected[1])) == expected
    assert inputs_of_openapi(written, "/models/digits/runxit") is None
    assert inputs_of_openapi(written, "/nothing") is None


@pytest.mark.parametrize(
    ("template", "fitting", "others"),
    [
        ("/{a}", ["/x", "/{a}", "/x.y"], ["/", "/x/y", "x", "/x/"]),
        ("/{a}/{b}", ["/x/y"], ["/x", "//y", "/x/", "/x/y/z"]),
        ("/a{b}c", ["/abc", "/acc", "/accc"], ["/ac", "/abcd", "/xbc"]),
        ("/{a}-{b}", ["/x-y", "/---", "/x-y-z"], ["/--", "/-y", "/x-", "/xy"]),
        ("/{a}{b}.{c}", ["/xy.z", "/x..z"], ["/x.z", "/xy."]),
        ("/{a}:run", ["/x:run", "/:run:run"], ["/:run", "/x:ran"]),
        ("/a.b", ["/a.b"], ["/axb", "/a.bc"]),
    ],
)
def test_paths_with_parameters(template, fitting, others):
    written = json.dumps({"paths": {template: {"post": {}}}}).encode("utf-8")
    assert all(inputs_of_openapi(written, path) for path in fitting)
    assert not any(inputs_of_openapi(written, path) for path in others)


def test_no_path_takes_long():
    written = json.dumps({"paths": {"/{a}-{b}-{c}": {"post": {}}}}).encode("utf-8")
    assert inputs_of_openapi(written, "/" + "-" * 1000000 + "/") is None
    assert inputs_of_openapi(written, "/" + "-" * 1000000)


FILE_30 = {"type": "string", "format": "binary"}
FILE_31 = {"type": "string", "contentMediaType": "application/octet-stream"}


@pytest.mark.parametrize(
    "schema",
    [
        FILE_30,
        FILE_31,
        {"contentMediaType": "image/png"},
        {"type": ["string", "null"], "format": "binary"},
        {"type": "array", "items": FILE_30},
        {"type": "array", "items": {"$ref": "#/components/schemas/File"}},
        {"anyOf": [FILE_31, {"type": "null"}]},
        {"anyOf": [{"type": "array", "items": {"oneOf": [FILE_31]}}, {"type": "null"}]},
        {"$ref": "#/components/schemas/File"},
        {"allOf": [{"$ref": "#/components/schemas/File"}], "title": "Image"},
        {"$ref": "#/components/schemas/a~1b~0c"},
    ],
)
def test_files(schema):
    components = {"schemas": {"File": FILE_31, "a/b~c": FILE_30}}
    inputs = inputs_of_openapi(
        multipart({"image": schema, "n": {"type": "integer"}}, components=components), "/predict"
    )
    assert seen(inputs) == ("POST", "/predict", "multipart", ["image"], [])


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "string", "format": "byte"},
        {"type": "string", "contentMediaType": "application/json"},
        {"type": "string", "contentMediaType": "image/png", "contentEncoding": "base64"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "integer", "format": "binary"},
    ],
)
def test_text_fields(schema):
    assert seen(inputs_of_openapi(multipart({"image": schema}), "/predict"))[2:4] == ("multipart", [])


def test_a_form_made_of_parts():
    schema = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"image": FILE_31}}]}
    components = {"schemas": {"Base": {"properties": {"mask": FILE_30}}}}
    written = with_body({"multipart/form-data": {"schema": schema}}, components=components)
    assert sorted(inputs_of_openapi(written, "/predict").files) == ["image", "mask"]


@pytest.mark.parametrize(
    ("kinds", "form"),
    [
        (["application/json"], "json"),
        (["application/json; charset=utf-8"], "json"),
        (["application/vnd.model+json"], "json"),
        (["*/*"], "json"),
        (["application/x-www-form-urlencoded", "application/json"], "json"),
        (["multipart/form-data", "application/x-www-form-urlencoded"], "urlencoded"),
        (["Multipart/Form-Data"], "multipart"),
        (["image/png"], None),
        (["text/plain"], None),
    ],
)
def test_what_is_sent_where_there_is_a_choice(kinds, form):
    inputs = inputs_of_openapi(with_body({kind: {} for kind in kinds}), "/predict")
    assert (inputs and inputs.form) == form


def test_a_form_with_files_comes_before_json():
    content = {"application/json": {}, "multipart/form-data": {"schema": {"properties": {"image": FILE_31}}}}
    assert inputs_of_openapi(with_body(content), "/predict").form == "multipart"


def test_references_anywhere():
    written = document(
        {"$ref": "#/components/pathItems/Predict"},
        components={
            "pathItems": {
                "Predict": {
                    "parameters": [{"$ref": "#/components/parameters/Top"}, {"name": "x-key", "in": "header"}],
                    "put": {"requestBody": {"$ref": "#/components/requestBodies/Json"}},
                }
            },
            "parameters": {"Top": {"name": "top", "in": "query"}},
            "requestBodies": {"Json": {"content": {"application/json": {"schema": {}}}}},
        },
    )
    assert seen(inputs_of_openapi(written, "/predict")) == ("PUT", "/predict", "json", [], ["top"])


def test_a_swagger_2_document_at_the_same_place():
    field = {"name": "image", "in": "formData", "type": "file"}
    written = json.dumps({"swagger": "2.0", "paths": {"/predict": {"post": {"parameters": [field]}}}}).encode("utf-8")
    assert seen(inputs_of_openapi(written, "/predict")) == ("POST", "/predict", "multipart", ["image"], [])


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\xff",
        b"openapi: 3.1.0",
        b"[]",
        b"{}",
        b"[" * 100000,
        document(None),
        document({}),
        document({"delete": {}}),
        document({"post": {"parameters": [{}]}}),
        document({"post": {"requestBody": {}}}),
        document({"$ref": "other.json#/paths"}),
        document({"$ref": "#/paths/~1predict"}),
        multipart({"image": {"$ref": "#/nowhere"}}),
        multipart([]),
    ],
)
def test_documents_that_do_not_tell(written):
    assert inputs_of_openapi(written, "/predict") is None


def test_schemas_that_lead_back_to_themselves_end():
    components = {"schemas": {"Loop": {"anyOf": [{"$ref": "#/components/schemas/Loop"}, FILE_31]}}}
    written = multipart({"image": {"$ref": "#/components/schemas/Loop"}}, components=components)
    assert sorted(inputs_of_openapi(written, "/predict").files) == ["image"]
