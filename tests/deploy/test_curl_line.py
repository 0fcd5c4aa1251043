"""The curl line, for each kind of model; tests/deploy/test_deploy_for_real.py runs such lines."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from modelwhisk.deploy.curl_line import OF_THE_KEY, curl_line
from modelwhisk.deploy.json_sample import sample_body
from modelwhisk.deploy.samples import sample_file

URL = "https://h/api/v1/web/guest/default/m"


def swagger(method: str, *parameters: dict[str, Any], path: str = "/model/predict", **more: Any) -> dict[str, Any]:
    return {"swagger": "2.0", "paths": {path: {method: {"parameters": list(parameters), **more}}}}


def file(name: str, description: str = "") -> dict[str, Any]:
    return {"name": name, "in": "formData", "type": "file", "required": True, "description": description}


def line(document: dict[str, Any] | None, folder: Path = Path("nowhere"), **more: Any) -> str:
    return curl_line(URL, document, "max-x", folder=folder, **more).command


def test_a_models_own_sample_goes_before_one_that_is_made(tmp_path: Path) -> None:
    samples = tmp_path / "models" / "max-x" / "samples"
    samples.mkdir(parents=True)
    (samples / "held-out.npz").touch()
    (samples / "digit 1.png").touch()
    document = swagger("post", file("image"), {"name": "top", "in": "query", "type": "integer", "default": 3})
    assert line(document, tmp_path) == f"curl -F 'image=@models/max-x/samples/digit 1.png' '{URL}?top=3'"
    assert line(document, tmp_path, sample="my.jpg") == f"curl -F image=@my.jpg '{URL}?top=3'"


@pytest.mark.parametrize(("field", "size", "starts"), [("image", None, b"\x89PNG"), ("audio", 44 + 320_000, b"RIFF")])
def test_a_made_sample_is_a_real_file(field: str, size: int | None, starts: bytes) -> None:
    sample = sample_file(field, "", "max-x", Path("nowhere"))
    content = subprocess.run(["sh", "-c", sample.producer], check=True, capture_output=True).stdout
    assert content.startswith(starts)
    assert size in (None, len(content))
    assert line(swagger("post", file(field))).startswith(f"{sample.producer} | curl -F '{field}=@-;filename=sample.")


def test_an_unknown_kind_of_file_is_left_to_the_user() -> None:
    made = curl_line(URL, swagger("post", file("table", "A table of readings.")), "max-x", folder=Path("nowhere"))
    assert made.command == f"curl -F table=@FILE {URL}"
    assert made.note == "FILE is table: A table of readings."


def test_json_is_made_up_from_the_schema() -> None:
    schema = {"$ref": "#/definitions/Input"}
    document = swagger("post", {"name": "payload", "in": "body", "schema": schema}) | {
        "definitions": {
            "Input": {"required": ["text"], "properties": {"text": {"type": "array", "items": {"type": "string"}}}}
        }
    }
    assert line(document).startswith("curl -H 'Content-Type: application/json' -d '{\"text\": [\"I wish you")
    assert sample_body(document, "/nowhere", "POST") == {}


def test_nested_and_recursive_schemas_have_samples() -> None:
    node = {"properties": {"next": {"$ref": "#/definitions/Node"}, "n": {"type": "integer"}, "e": {"example": "x"}}}
    document = swagger("post", {"name": "p", "in": "body", "schema": {"$ref": "#/definitions/Node"}})
    sample = sample_body(document | {"definitions": {"Node": node}}, "/model/predict", "POST")
    assert sample == {"n": 1, "e": "x"}
    node["required"] = ["n", "next"]
    assert sample_body(document | {"definitions": {"Node": node}}, "/model/predict", "POST") == {"n": 1, "next": {}}
    tree = {"type": "array", "items": {"properties": {"below": {"$ref": "#/definitions/Node"}, "n": {"default": 2}}}}
    sample = sample_body(document | {"definitions": {"Node": tree}}, "/model/predict", "POST")
    assert sample == [{"n": 2}]


def test_openapi_3_has_samples() -> None:
    properties = {"on": {"type": "boolean"}, "x": {"type": "number"}, "k": {"enum": ["u", "v"]}, "d": {"default": 5}}
    schema = {"allOf": [{"type": "object", "properties": properties, "required": ["on", "x", "k", "d"]}]}
    content = {"application/json": {"schema": schema}}
    document = {"openapi": "3.0.0", "paths": {"/predict": {"post": {"requestBody": {"content": content}}}}}
    assert sample_body(document, "/predict", "POST") == {"on": True, "x": 0.5, "k": "u", "d": 5}
    assert f"{URL}/predict" in line(document)


def test_queries_forms_and_binary_answers() -> None:
    choice = {"name": "model", "in": "query", "type": "string", "default": "a b", "enum": ["a b", "c"]}
    assert line(swagger("get", choice, produces=["audio/wav"])) == f"curl -o answer.wav '{URL}?model=a+b'"
    field = {"name": "text", "in": "formData", "type": "string", "required": True}
    assert line(swagger("post", field)).startswith("curl --data-urlencode 'text=I wish")
    needed = {"name": "n", "in": "query", "type": "integer", "required": True, "minimum": 3.5}
    assert line(swagger("post", needed, path="/predict")) == f"curl -X POST '{URL}/predict?n=4'"


@pytest.mark.parametrize("text", ["(none)", "@x", "<x", '"x"', "a;type=b", " x", "\tx", "(", "a(b", "a@b"])
def test_a_form_s_text_is_sent_as_it_is(text: str) -> None:
    """For -F a bracket begins a form within the form, which took all that follows; blanks before a text are none."""
    document = swagger("post", {"name": "how", "in": "formData", "type": "string", "default": text, "required": True})
    document["paths"]["/model/predict"]["post"]["consumes"] = ["multipart/form-data"]
    option = "-F" if text in ("a(b", "a@b") else "--form-string"
    assert shlex.split(line(document))[1:3] == [option, f"how={text}"]


def test_without_a_description_the_metadata_is_asked_for() -> None:
    assert line(None, options=("-k",)) == f"curl -k {URL}/model/metadata"


@pytest.mark.parametrize("model", ["..", ".", "", "x/../.."])
def test_no_name_of_an_image_leads_to_other_samples(tmp_path: Path, model: str) -> None:
    """A platform's `evil/..` for the action's image had one's own file sent by the line."""
    (tmp_path / "models" / "x").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "models"):
        (folder / "samples").mkdir()
        (folder / "samples" / "customers.csv").touch()
    assert "customers" not in curl_line(URL, swagger("post", file("table")), model, folder=tmp_path).command


@pytest.mark.parametrize("link", ["models", "models/max-x", "models/max-x/samples", "models/max-x/samples/a.csv"])
def test_no_link_of_a_stranger_s_checkout_is_sent(tmp_path: Path, link: str) -> None:
    """Git keeps them, and curl follows them."""
    own, checkout = tmp_path / "own", tmp_path / "checkout"
    kept = own / Path("models/max-x/samples/a.csv").relative_to(link)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()
    (checkout / link).parent.mkdir(parents=True)
    (checkout / link).symlink_to(kept if link.endswith(".csv") else own)
    assert (checkout / "models/max-x/samples/a.csv").exists()
    assert "a.csv" not in curl_line(URL, swagger("post", file("table")), "max-x", folder=checkout).command


@pytest.mark.parametrize("name", ["a,customers.csv", "a;type=b.csv", 'a"b.csv', "a\x1b[2J.csv", "a\u202e.csv"])
def test_no_name_of_a_sample_says_more_to_curl_or_the_terminal(tmp_path: Path, name: str) -> None:
    """At a comma curl begins another file: one of the folder that one works in."""
    samples = tmp_path / "models" / "max-x" / "samples"
    samples.mkdir(parents=True)
    (samples / name).touch()
    (samples / "a").touch()
    (samples / "d.csv").mkdir()
    assert "samples" not in curl_line(URL, swagger("post", file("table")), "max-x", folder=tmp_path).command
    (samples / "my own (2).csv").touch()
    assert "samples/my own (2).csv'" in curl_line(URL, swagger("post", file("table")), "max-x", folder=tmp_path).command


def test_the_key_reaches_curl_by_no_command_line(tmp_path: Path) -> None:
    """Which all users of the machine could read."""
    (tmp_path / ".wskprops").write_text("APIHOST=http://h\nAUTH=uuid:secret\n")
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\necho "$@"; cat "$2"\n')
    curl.chmod(0o755)
    command = ["bash", "-c", line(None, options=OF_THE_KEY)]
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    words, settings = done.stdout.split("\n", 1)
    assert words.startswith("-K /")
    assert words.endswith(f" {URL}/model/metadata")
    assert "secret" not in words
    assert settings == 'user = "uuid:secret"\n'
