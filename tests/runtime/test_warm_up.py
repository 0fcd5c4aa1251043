"""The call that an image may have made of its model at /init."""

import base64
import json
import os

import pytest
from modelproxy.messages import Response, Result
from modelproxy.plain_action import Inputs
from modelproxy.settings import Settings
from modelproxy.warm_up import warm_up

MOUNT = "/api/v1/web/guest/default/model"


class Model:
    default_path = "/model/predict"

    def __init__(self, inputs=None, error=None):
        self.inputs = inputs
        self.error = error
        self.requests = []

    def describe(self, mount, path):
        assert (mount, path) == (MOUNT, "/model/predict")
        return self.inputs

    def handle(self, request):
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return Response(200, [], b"")


class Function:
    def __init__(self):
        self.values = []

    def invoke(self, value):
        self.values.append(value)
        return Result(b"{}")


@pytest.fixture
def warmed(capfd):
    def warmed(text, model, **environ):
        warm_up(Settings(dict(environ, MODELPROXY_WARM_UP=text)), model, MOUNT)
        return capfd.readouterr().out

    return warmed


def test_a_path_is_got(warmed):
    model = Model()
    assert "the warm-up call was answered with status 200, after " in warmed("/model/meta data?a=1", model)
    (request,) = model.requests
    assert (request.method, request.path, request.query, request.mount) == ("GET", "/model/meta%20data", "a=1", MOUNT)


def test_parameters_go_in_as_those_of_a_plain_call(warmed, tmp_path, monkeypatch):
    model = Model()
    warmed('{"text": ["hello"]}', model)
    (tmp_path / "sample.json").write_text('{"text": ["from a file"]}')
    monkeypatch.chdir(tmp_path)
    warmed("sample.json", model)
    assert [json.loads(request.body.decode("ascii")) for request in model.requests] == [
        {"text": ["hello"]},
        {"text": ["from a file"]},
    ]
    assert {(request.method, request.path) for request in model.requests} == {("POST", "/model/predict")}


def test_a_picture_goes_into_the_one_file_input(warmed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    (tmp_path / "digit.png").write_bytes(picture)
    model = Model(Inputs("POST", "/model/predict", "multipart", ["image"]))
    assert "answered with status 200" in warmed("digit.png", model)
    assert b'name="image"; filename="image.png"' in model.requests[0].body
    assert picture in model.requests[0].body


def test_a_function_gets_the_parameters(warmed):
    function = Function()
    assert "answered with status 200" in warmed('{"name": "you"}', function)
    assert function.values == [{"name": "you"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no-such-file.json", "couldn't be made: no-such-file.json can't be read: No such file or directory"),
        ("{", "couldn't be made: { isn't JSON"),
        ("digit.png", "digit.png is no .json file, and the model isn't known to take one file"),
        ("[1, 2]", "was answered with status 200"),
        ("../secret.json", "couldn't be made: ../secret.json isn't in the model's folder"),
        ("a/../../secret.json", "couldn't be made: a/../../secret.json isn't in the model's folder"),
        ("a..b.json", "couldn't be made: a..b.json isn't JSON: "),
    ],
)
def test_what_can_t_be_made_of_it_is_said(warmed, tmp_path, monkeypatch, text, said):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "digit.png").write_bytes(b"\x89PNG")
    for file in (tmp_path / "secret.json", folder / "a..b.json"):
        file.write_text("hunter2")
    monkeypatch.chdir(folder)
    told = warmed(text, Model())
    assert said in told and "hunter2" not in told


def test_a_function_has_no_path(warmed):
    assert "couldn't be made: this model takes parameters, no path" in warmed("/", Function())


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_the_model_raises_costs_nothing_but_its_time(warmed, capfd, error):
    said = warmed("/", Model(error=error))
    assert "the warm-up call failed with %s" % type(error).__name__ in said


def test_a_file_s_bytes_arrive_whole(warmed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = bytes(range(256)) * 40
    (tmp_path / "sound.wav").write_bytes(data)
    model = Model(Inputs("POST", "/model/predict", "json", ["audio"]))
    warmed("sound.wav", model)
    assert base64.b64decode(json.loads(model.requests[0].body.decode("ascii"))["audio"]) == data


@pytest.mark.parametrize("content", ["SECRET=hunter2", '{"a": SECRET}', '{"SECRET": "hunter2"} SECRET', '["\\SECRET"]'])
def test_what_a_file_says_is_not_logged(warmed, tmp_path, monkeypatch, content):
    (tmp_path / "sample.json").write_text(content)
    monkeypatch.chdir(tmp_path)
    said = warmed("sample.json", Model())
    assert "couldn't be made: sample.json isn't JSON: " in said
    assert "column" in said
    assert "SECRET" not in said and "hunter2" not in said


def test_what_is_read_is_a_file_of_a_request_s_size(warmed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.json")
    assert "couldn't be made: pipe.json is no file" in warmed("pipe.json", Model())
    (tmp_path / "sample.json").write_text('["hello"]')
    assert "answered with status 200" in warmed("sample.json", Model(), MODELPROXY_MAX_BODY="9")
    said = warmed("sample.json", Model(), MODELPROXY_MAX_BODY="8")
    assert "couldn't be made: sample.json has more than 8 bytes (MODELPROXY_MAX_BODY)" in said
