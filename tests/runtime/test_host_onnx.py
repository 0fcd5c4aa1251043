"""A folder with one ONNX file, asked in the Open Inference Protocol, in plain JSON and by pictures."""

import base64
import gzip
import io
import json
import struct
import sys
import threading
import zlib

import pytest

numpy = pytest.importorskip("numpy")
pytest.importorskip("onnxruntime")

from modelproxy import hosts, plain_action  # noqa: E402
from modelproxy.formats import image_tensor  # noqa: E402
from modelproxy.hosts import onnx as onnx_host  # noqa: E402
from modelproxy.messages import Request  # noqa: E402
from modelproxy.settings import Settings  # noqa: E402

import onnx_writer as onnx  # noqa: E402
from proxy_process import Proxy  # noqa: E402

FLOATS = onnx.tensor(onnx.FLOAT, ["n", 2])
PROBABILITIES = onnx.sequence(onnx.mapping(onnx.INT64, onnx.tensor(onnx.FLOAT)))


def sum_and_product():
    inputs = [("a", FLOATS), ("b", FLOATS)]
    nodes = [onnx.node("Add", ["a", "b"], ["sum"]), onnx.node("Mul", ["a", "b"], ["product"])]
    return onnx.model(inputs, [("sum", FLOATS), ("product", FLOATS)], nodes, version=7)


def zip_map(kind=PROBABILITIES, **labels):
    nodes = [
        onnx.node("ZipMap", ["x"], ["p"], "ai.onnx.ml", **(labels or {"classlabels_int64s": [3, 7]})),
        onnx.node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [("label", onnx.tensor(onnx.INT64, ["n"])), ("p", kind)]
    return onnx.model([("x", FLOATS)], outputs, nodes, ml=True)


def brightest_of_picture(metadata=None, kind=onnx.FLOAT, more=()):
    inputs = [("pixels", onnx.tensor(kind, [None, 3, 8, 8]))] + list(more)
    nodes = [onnx.node("Cast", ["pixels"], ["floats"], to=onnx.FLOAT)]
    nodes += [onnx.node("ReduceMax", ["floats"], ["brightest"], axes=[2, 3], keepdims=0)]
    nodes += [onnx.node("Identity", [name], ["same_" + name]) for name, _ in more]
    outputs = [("brightest", onnx.tensor(onnx.FLOAT, [None, 3]))] + [("same_" + name, kind) for name, kind in more]
    return onnx.model(inputs, outputs, nodes, metadata=metadata)


class Model:
    """A loaded model, asked as the proxy would ask."""

    def __init__(self, folder, content, name="m.onnx", **environ):
        (folder / name).write_bytes(content)
        settings = Settings({"MODELPROXY_" + key.upper(): value for key, value in environ.items()})
        self.host, self.choice = hosts.make(settings, str(folder))
        self.host.load()

    def ask(self, method, path, body=b"", **headers):
        named = [(name.lower().replace("_", "-"), value) for name, value in headers.items()]
        return self.host.handle(Request(method, path, "", named, body))

    def json(self, method, path, message=None, **headers):
        body = b"" if message is None else json.dumps(message).encode("utf-8")
        response = self.ask(method, path, body, **headers)
        return response.status, json.loads(response.body.decode("utf-8"))

    def predict(self, message):
        return self.json("POST", "/", message, content_type="application/json")

    def infer(self, message):
        return self.json("POST", "/v2/models/m/infer", message)


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda content, *args, **more: Model(tmp_path, content, *args, **more)


def tensor(name, data, shape, datatype="FP32", **more):
    return dict(more, name=name, shape=shape, datatype=datatype, data=data)


A, B = tensor("a", [1, 2], [1, 2]), tensor("b", [[3, 0.1]], [1, 2])


# --- loading ----------------------------------------------------------------------------------------------------------


def test_a_lone_model_file_is_found_and_named_after_its_stem(load):
    model = load(sum_and_product(), "my sum (2).onnx")
    assert model.choice == "host onnx of my sum (2).onnx, since found my sum (2).onnx and no Python file"
    assert model.json("GET", "/v2/models/my_sum_2_")[1]["name"] == "my_sum_2_"
    assert onnx_host.name_of("a/.onnx") == ".onnx" and onnx_host.name_of("é.onnx") == "_"
    model.host.close()


def test_a_named_host_finds_its_only_file(load, tmp_path):
    assert load(sum_and_product(), host="onnx").json("GET", "/v2")[0] == 200
    with pytest.raises(hosts.Unloadable, match=r"there are m.onnx, n.onnx in"):
        load(sum_and_product(), "n.onnx", host="onnx")
    for name in ("m.onnx", "n.onnx"):
        (tmp_path / name).unlink()
    host, _ = hosts.make(Settings({"MODELPROXY_HOST": "onnx"}), str(tmp_path))
    with pytest.raises(hosts.Unloadable, match=r"there is no \*.onnx in"):
        host.load()
    host, _ = hosts.make(Settings({"MODELPROXY_TARGET": "gone.onnx"}), str(tmp_path))
    with pytest.raises(hosts.Unloadable, match=r"there is no file gone.onnx in"):
        host.load()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a model", "onnxruntime .* can't load m.onnx: .*INVALID_PROTOBUF"),
        (b"", "onnxruntime .* can't load m.onnx"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is not the model but Git LFS's stand-in"),
        (onnx.identity(onnx.BFLOAT16, [None]), r"the model's input 'x' is tensor\(bfloat16\); only tensors of"),
        (
            onnx.model([("x", FLOATS)], [("y", onnx.tensor(16, [2]))], [onnx.node("Cast", ["x"], ["y"], to=16)]),
            r"the model's outputs are y \(tensor\(bfloat16\)\), none of which",
        ),
        (brightest_of_picture({"image.std": "none"}), "the metadata's image.std is 'none'"),
    ],
)
def test_a_model_that_cant_be_served_says_why(load, content, words):
    with pytest.raises(hosts.Unloadable, match=words):
        load(content)


def test_without_onnxruntime_the_reason_tells_what_to_add(load, monkeypatch):
    def no_module(name, *rest, **more):
        if name in ("onnxruntime", "beneath"):
            raise ModuleNotFoundError("No module named %r" % missing[0], name=missing[0])
        return real(name, *rest, **more)

    real = __import__
    missing = ["onnxruntime"]
    monkeypatch.setattr("builtins.__import__", no_module)
    with pytest.raises(hosts.Unloadable, match=r"m.onnx needs onnxruntime; add it to requirements.txt"):
        load(sum_and_product())
    missing[0] = "beneath"
    with pytest.raises(ModuleNotFoundError, match="beneath"):
        load(sum_and_product())


def test_weights_in_a_file_beside_the_model_are_found(load, tmp_path):
    raw = struct.pack("<300f", *range(300))
    (tmp_path / "weights.bin").write_bytes(raw)
    vector = onnx.tensor(onnx.FLOAT, [300])
    weights = onnx.constant("w", onnx.FLOAT, [300], raw, "weights.bin")
    model = load(onnx.model([("x", vector)], [("y", vector)], [onnx.node("Add", ["x", "w"], ["y"])], [weights]))
    assert model.predict({"inputs": [0.5] * 300})[1]["outputs"]["y"][299] == 299.5


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"v2": "max 100000\n"}, 5),
        ({"v2": "150000 100000\n"}, 2),
        ({"v2": "10000 100000\n"}, 1),
        ({"v2": "900000 100000\n"}, 5),
        ({"v2": "broken"}, 5),
        ({"quota": "250000\n", "period": "100000\n"}, 3),
        ({"quota": "-1\n", "period": "100000\n"}, 5),
        ({}, 5),
    ],
)
def test_as_many_threads_as_the_container_has_processors(tmp_path, monkeypatch, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(onnx_host, "_QUOTA", str(tmp_path / "v2"))
    monkeypatch.setattr(onnx_host, "_QUOTA_V1", (str(tmp_path / "quota"), str(tmp_path / "period")))
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(5))
    assert onnx_host.cpus() == expected
    if not files:
        monkeypatch.delattr("os.sched_getaffinity")
        monkeypatch.setattr("os.cpu_count", lambda: None)
        assert onnx_host.cpus() == 1


# --- the protocol -----------------------------------------------------------------------------------------------------


def test_health_and_metadata(load):
    model = load(sum_and_product())
    status, server = model.json("GET", "/v2")
    assert status == 200 and server["name"] == "modelwhisk" and server["extensions"] == ["binary_tensor_data"]
    assert sorted(server) == ["extensions", "name", "version"]
    assert model.json("GET", "/v2/health/live") == (200, {"live": True, "ready": True})
    assert model.json("GET", "/v2/health/ready/")[0] == 200
    two = [-1, 2]
    expected = {
        "name": "m",
        "versions": ["7"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": name, "datatype": "FP32", "shape": two} for name in ("a", "b")],
        "outputs": [{"name": name, "datatype": "FP32", "shape": two} for name in ("sum", "product")],
    }
    for path in ("/v2/models/m", "/v2/models/m/versions/7", "/v2/models/%6D"):
        assert model.json("GET", path) == (200, expected)
        assert model.json("GET", path + "/ready") == (200, {"name": "m", "ready": True})
    head = model.ask("HEAD", "/v2/models/m")
    assert head.status == 200 and head.body == b"" and int(head.header("content-length")) > 100


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v2/models/other", "There is no model 'other' here, only 'm'."),
        ("/v2/models/other/versions/1/infer", "There is no model 'other' here"),
        ("/v2/models/m/versions/8", "The model 'm' has no version '8'; it has 7."),
        ("/v2/models/m/versions/8/infer", "The model 'm' has no version '8'"),
        ("/v2/models/m/versions/7/other", "There is nothing at /v2/models/m/versions/7/other."),
        ("/v2/models/m/versions", "There is nothing at"),
        ("/v2/models", "There is nothing at /v2/models. This model answers at /, /predict, /v2"),
        ("/other", "There is nothing at /other"),
    ],
)
def test_what_isnt_there_is_404(load, path, words):
    model = load(sum_and_product())
    for method in ("GET", "POST"):
        status, error = model.json(method, path)
        assert status == 404 and error["error"].startswith(words)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v2/models/m/infer", "POST"),
        ("POST", "/v2/models/m", "GET, HEAD"),
        ("POST", "/v2/health/live", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_is_405(load, method, path, allowed):
    response = load(sum_and_product()).ask(method, path)
    assert response.status == 405 and response.header("allow") == allowed
    assert json.loads(response.body.decode("utf-8"))["error"] == "%s is for %s." % (path, allowed)


def test_an_inference_in_json(load):
    model = load(sum_and_product())
    status, answer = model.infer({"id": "42", "inputs": [A, B]})
    assert status == 200 and (answer["model_name"], answer["model_version"], answer["id"]) == ("m", "7", "42")
    assert answer["outputs"] == [tensor("sum", [4.0, 2.1], [1, 2]), tensor("product", [3.0, 0.2], [1, 2])]
    status, answer = model.infer({"inputs": [B, A], "outputs": [{"name": "product"}]})
    assert status == 200 and "id" not in answer
    assert answer["outputs"] == [tensor("product", [3.0, 0.2], [1, 2])]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"inputs": [A]}, "The input 'b' is missing"),
        ({"inputs": [A, tensor("b", [1, 2, 3, 4], [2, 2])]}, "The size 'n' is 1 in the input 'a' and 2 in 'b'"),
        ({"inputs": [A, tensor("b", [1, 2, 3], [1, 3])]}, "The input 'b' must have the shape [n, 2]"),
        ({"inputs": [A, B], "outputs": [{"name": "z"}]}, "The model has no output 'z'; it has 'sum', 'product'."),
        ({"inputs": [A, tensor("b", [1, 2], [1, 2], "INT64")]}, "must have the datatype FP32; this one has the"),
    ],
)
def test_what_doesnt_fit_the_model_is_400(load, message, words):
    status, error = load(sum_and_product()).infer(message)
    assert status == 400 and words in error["error"] and list(error) == ["error"]


def test_an_inference_with_binary_data(load):
    model = load(sum_and_product())
    described = {"name": "a", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    message = {"inputs": [described, B], "outputs": [{"name": "sum"}, {"name": "product"}]}
    message["outputs"][0]["parameters"] = {"binary_data": True}
    head = json.dumps(message).encode("utf-8")
    body = head + struct.pack("<2f", 1, 2)
    for coding, packed in (("", body), ("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        response = model.ask(
            "POST",
            "/v2/models/m/versions/7/infer",
            packed,
            inference_header_content_length=str(len(head)),
            content_encoding=coding,
        )
        length = int(response.header("inference-header-content-length"))
        assert response.status == 200 and response.header("content-type") == "application/octet-stream"
        outputs = json.loads(response.body[:length].decode("utf-8"))["outputs"]
        assert struct.unpack("<2f", response.body[length:]) == (4.0, numpy.float32(2.1))
        assert outputs[0]["parameters"] == {"binary_data_size": 8} and outputs[1]["data"] == [3.0, 0.2]


def test_a_coding_that_isnt_known_or_broken_is_400(load, monkeypatch):
    from modelproxy.hosts import onnx_service

    model = load(sum_and_product())
    body = json.dumps({"inputs": [A, B]}).encode("utf-8")

    def error(coding, content):
        response = model.ask("POST", "/v2/models/m/infer", content, content_encoding=coding)
        assert response.status == 400
        return json.loads(response.body.decode("utf-8"))["error"]

    assert "The Content-Encoding 'br' isn't offered" in error("br", body)
    assert "The body isn't gzip" in error("gzip", body)
    assert "gzip is cut off" in error("gzip", gzip.compress(body)[:-9])
    assert "gzip has more after its end" in error("gzip", gzip.compress(body) * 2)
    assert model.host.content_of(Request("POST", "/", "", [("content-encoding", "gzip")], gzip.compress(body))) == body
    monkeypatch.setattr(onnx_service, "_MOST_INFLATED", 50)
    monkeypatch.setattr(onnx_service, "_MOST_RATIO", 0)
    assert "or makes more than 50 bytes" in error("deflate", zlib.compress(body))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_is_a_bomb_is_refused_before_it_fills_the_memory(load, coding):
    pack = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    bomb = b"".join([pack.compress(b" " * (1 << 20)) for _ in range(17)]) + pack.flush()
    assert len(bomb) < 20000
    response = load(sum_and_product()).ask("POST", "/", bomb, content_encoding=coding)
    assert response.status == 400 and b"makes more than 16777216 bytes" in response.body


@pytest.mark.parametrize("path", ["/predict", "/v2/models/m/infer"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_json_that_is_a_bomb_is_refused_before_it_is_read(load, path, kind):
    body = b"[%s{}]" % (b"{}," * 100000)
    if kind != "application/json":
        body = b'--b\r\nContent-Disposition: form-data; name="inputs"\r\n\r\n%s\r\n--b--\r\n' % body
        path = "/predict"
    response = load(sum_and_product()).ask(
        "POST", path, gzip.compress(body), content_encoding="gzip", content_type=kind
    )
    assert response.status == 400 and b"arrays, objects or texts, more than its" in response.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", {"inputs": [7] * 500}),
        ("/predict", {"inputs": {"a": [7] * 500}}),
        ("/v2/models/m/infer", {"inputs": [tensor("a", [7] * 500, [500], "INT64")]}),
        ("/predict", "inputs"),
        ("/predict", "a"),
    ],
)
def test_no_door_lets_few_compressed_bytes_make_more_rows(load, monkeypatch, path, body):
    """4.7 kB were 2.4 million numbers at /: of a model that makes 256 of each they took 2.5 GB."""
    from modelproxy.formats import open_inference

    monkeypatch.setattr(open_inference, "_MOST_ROWS", 499)
    shape, more = onnx.tensor(onnx.INT64, ["n"]), {}
    if isinstance(body, str):
        more["content_type"] = "multipart/form-data; boundary=b"
        body = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n--b--\r\n' % (
            body.encode("ascii"),
            json.dumps([7] * 500).encode("ascii"),
        )
    else:
        body = json.dumps(body).encode("ascii")
    model = load(onnx.model([("a", shape)], [("b", shape)], [onnx.node("Identity", ["a"], ["b"])]))
    assert model.ask("POST", path, body, **more).status == 200
    response = model.ask("POST", path, gzip.compress(body), content_encoding="gzip", **more)
    assert response.status == 400 and b"The input 'a' has 500 rows, more than its" in response.body


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/", {"inputs": {"\x7f" * 5000: []}}),
        ("/v2/models/m/infer", {"inputs": [A, B], "outputs": [{"name": "\x7f" * 5000}]}),
        ("/v2/models/m/infer", {"inputs": [tensor("\x7f" * 5000, [], [])]}),
        ("/v2/models/m/infer", {"inputs": [A, B], "id": "\x7f" * 5000}),
    ],
)
def test_no_long_name_comes_back(load, path, message):
    """5 kB of gzip, a name of 5 MB, were answered by 26 MB, five bytes for each DEL."""
    response = load(sum_and_product()).ask("POST", path, json.dumps(message).encode("ascii"))
    assert response.status == 400 and len(response.body) < 1000


def test_of_runs_that_fail_onnxruntime_logs_nothing(load, capfd):
    """It told the caller's own numbers; the exception has them, for the caller."""
    model = onnx.model(
        [("x", onnx.tensor(onnx.INT64, ["n"]))],
        [("y", onnx.tensor(onnx.FLOAT, ["n"]))],
        [onnx.node("Gather", ["w", "x"], ["y"])],
        constants=[onnx.constant("w", onnx.FLOAT, [4], bytes(16))],
    )
    status, answer = load(model).predict({"inputs": [123456789]})
    assert (status, "123456789" in answer["error"]) == (400, True)
    captured = capfd.readouterr()
    assert "123456789" not in captured.out + captured.err


ALL = [
    (onnx.BOOL, "BOOL", [True, False]),
    (onnx.UINT8, "UINT8", [0, 255]),
    (onnx.UINT16, "UINT16", [0, 65535]),
    (onnx.UINT32, "UINT32", [0, 4294967295]),
    (onnx.UINT64, "UINT64", [0, 18446744073709551615]),
    (onnx.INT8, "INT8", [-128, 127]),
    (onnx.INT16, "INT16", [-32768, 32767]),
    (onnx.INT32, "INT32", [-2147483648, 2147483647]),
    (onnx.INT64, "INT64", [-9223372036854775808, 9223372036854775807]),
    (onnx.FLOAT16, "FP16", [0.1, -2.0]),
    (onnx.FLOAT, "FP32", [0.1, 3e38]),
    (onnx.DOUBLE, "FP64", [0.1, 1.7e308]),
    (onnx.STRING, "BYTES", ["é", ""]),
]


@pytest.mark.parametrize(("kind", "datatype", "values"), ALL)
def test_every_datatype_passes_through_a_model_unchanged(load, kind, datatype, values):
    model = load(onnx.identity(kind, [None]))
    given = tensor("x", values, [2], datatype)
    status, answer = model.infer({"inputs": [given]})
    assert (status, answer["outputs"]) == (200, [dict(given, name="y")])
    assert model.predict({"inputs": values}) == (200, {"outputs": {"y": values}})
    message = {"inputs": [given], "parameters": {"binary_data_output": True}}
    response = model.ask("POST", "/v2/models/m/infer", json.dumps(message).encode("utf-8"))
    length = int(response.header("inference-header-content-length"))
    parameters = {"binary_data_size": len(response.body) - length}
    head = json.dumps({"inputs": [{"name": "x", "shape": [2], "datatype": datatype, "parameters": parameters}]})
    again = model.ask(
        "POST",
        "/v2/models/m/infer",
        head.encode("ascii") + response.body[length:],
        inference_header_content_length=str(len(head)),
    )
    assert json.loads(again.body.decode("utf-8"))["outputs"][0]["data"] == values


def test_scalars_empty_tensors_and_raw_bytes(load):
    model = load(onnx.identity(onnx.FLOAT, []))
    assert model.predict({"inputs": 2.5}) == (200, {"outputs": {"y": 2.5}})
    assert model.infer({"inputs": [tensor("x", [2.5], [])]})[1]["outputs"] == [tensor("y", [2.5], [])]
    model = load(onnx.identity(onnx.FLOAT, ["n", 3]))
    assert model.infer({"inputs": [tensor("x", [], [0, 3])]})[1]["outputs"] == [tensor("y", [], [0, 3])]
    assert model.predict({"inputs": []}) == (200, {"outputs": {"y": []}})
    raw = struct.pack("<6f", *range(6))
    response = model.ask("POST", "/v2/models/m/infer", raw, inference_header_content_length="0")
    assert response.status == 200 and response.body.endswith(raw)


def test_nan_can_be_had_as_binary_data_alone(load):
    kind = onnx.tensor(onnx.FLOAT, [None])
    model = load(onnx.model([("x", kind)], [("y", kind)], [onnx.node("Log", ["x"], ["y"])]))
    status, error = model.infer({"inputs": [tensor("x", [1, -1], [2])]})
    assert status == 500 and "The output 'y' has nan at [1], which JSON can't hold." in error["error"]
    assert model.predict({"inputs": [0]})[1]["error"].startswith("The output 'y' has -inf at [0]")
    message = {"inputs": [tensor("x", [-1], [1])], "parameters": {"binary_data_output": True}}
    response = model.ask("POST", "/v2/models/m/infer", json.dumps(message).encode("utf-8"))
    assert response.status == 200 and numpy.isnan(numpy.frombuffer(response.body[-4:], "<f4")).all()


def test_a_classifiers_maps_are_a_table_in_the_protocol_and_objects_in_plain_json(load):
    model = load(zip_map())
    outputs = model.json("GET", "/v2/models/m")[1]["outputs"]
    assert outputs[1] == {"name": "p", "datatype": "FP32", "shape": [-1, -1]}
    given = tensor("x", [0.1, 0.9, 1, 0], [2, 2])
    label, p = model.infer({"inputs": [given]})[1]["outputs"]
    assert label["data"] == [1, 0]
    assert p == tensor("p", [0.1, 0.9, 1.0, 0.0], [2, 2], parameters={"keys": "[3, 7]"})
    plain = model.predict({"inputs": [[0.1, 0.9]]})
    assert plain == (200, {"outputs": {"label": [1], "p": [{"3": 0.1, "7": 0.9}]}})
    texts = onnx.sequence(onnx.mapping(onnx.STRING, onnx.tensor(onnx.FLOAT)))
    model = load(zip_map(texts, classlabels_strings=[b"a", b"b"]))
    assert model.infer({"inputs": [given]})[1]["outputs"][1]["parameters"] == {"keys": '["a", "b"]'}
    status, answer = model.infer({"inputs": [tensor("x", [], [0, 2])], "outputs": [{"name": "p"}]})
    assert status == 200 and answer["outputs"][0]["data"] == []


def test_maps_with_different_keys_are_told_to_be_no_tensor(load):
    model = load(zip_map())

    class Session:
        def run(self, names, arrays):
            return [[{1: 0.5}, {2: 0.5}] for _ in names]

    model.host._service._session = Session()
    message = {"inputs": [tensor("x", [1, 0], [1, 2])], "outputs": [{"name": "p"}]}
    status, error = model.infer(message)
    assert status == 500 and "have not all the same keys" in error["error"]


def test_lists_of_tensors_are_in_the_plain_answer_alone(load):
    kind = onnx.sequence(onnx.tensor(onnx.FLOAT))
    nodes = [onnx.node("SequenceConstruct", ["x", "x"], ["s"]), onnx.node("Neg", ["x"], ["y"])]
    model = load(onnx.model([("x", FLOATS)], [("s", kind), ("y", FLOATS)], nodes))
    given = tensor("x", [1, 2], [1, 2])
    assert [item["name"] for item in model.infer({"inputs": [given]})[1]["outputs"]] == ["y"]
    status, error = model.infer({"inputs": [given], "outputs": [{"name": "s"}]})
    assert status == 400 and "The output 's' is seq(tensor(float)), which the protocol has no form" in error["error"]
    assert model.predict({"inputs": [[1, 2]]})[1]["outputs"]["s"] == [[[1.0, 2.0]], [[1.0, 2.0]]]
    assert model.json("GET", "/")[1]["other_outputs"] == [{"name": "s", "type": "seq(tensor(float))"}]


def test_what_the_models_own_nodes_refuse_is_400_and_what_fails_is_told_the_caller_alone(load, capfd):
    words = onnx.constant("words", onnx.FLOAT, [3], b"\0" * 12)
    index, kind = onnx.tensor(onnx.INT64, [None]), onnx.tensor(onnx.FLOAT, [None])
    model = load(onnx.model([("x", index)], [("y", kind)], [onnx.node("Gather", ["words", "x"], ["y"])], [words]))
    status, error = model.predict({"inputs": [9]})
    assert status == 400 and error["error"].startswith("The model refuses these inputs: ") and "idx=9" in error["error"]
    two = onnx.constant("two", onnx.INT64, [1], struct.pack("<q", 2))
    model = load(onnx.model([("x", kind)], [("y", kind)], [onnx.node("Reshape", ["x", "two"], ["y"])], [two]))
    status, error = model.predict({"inputs": [1, 2, 3]})
    assert (status, "shape:{3}" in error["error"]) == (500, True)
    captured = capfd.readouterr()
    assert "modelproxy: the model failed with " in captured.out and "{3}" not in captured.out + captured.err
    assert model.predict({"inputs": [1, 2]})[0] == 200


# --- plain JSON -------------------------------------------------------------------------------------------------------


def test_plain_json_names_the_inputs_or_gives_the_only_one(load):
    model = load(sum_and_product())
    for path in ("/", "/predict", "/predict/"):
        status, answer = model.json("POST", path, {"inputs": {"a": [[1, 2]], "b": [[3, 0.1]]}})
        assert (status, answer) == (200, {"outputs": {"sum": [[4.0, 2.1]], "product": [[3.0, 0.2]]}})
    model = load(onnx.identity(onnx.INT64, [None, 2]))
    for given in ([[1, 2]], {"x": [[1, 2]]}):
        assert model.predict({"inputs": given}) == (200, {"outputs": {"y": [[1, 2]]}})


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ([1], 'The body must be as {"inputs": {"a": …, "b": …}}.'),
        ({"a": [[1, 2]]}, "The body must be as"),
        ({"inputs": [[1, 2]]}, "\"inputs\" must be an object with the inputs 'a', 'b' by their names."),
        ({"inputs": {"a": [[1, 2]]}}, "The input 'b' is missing"),
        ({"inputs": {"a": [[1, 2]], "c": 1}}, "The model has no input 'c'; it has 'a', 'b'."),
        ({"inputs": {"a": [[1, 2, 3]], "b": []}}, "The input 'a' must have the shape [n, 2]; this one has [1, 3]."),
        ({"inputs": {"a": [["1", 2]], "b": []}}, 'wants numbers; got "1" at [0, 0].'),
    ],
)
def test_plain_json_that_doesnt_fit_is_400(load, message, words):
    status, error = load(sum_and_product()).predict(message)
    assert status == 400 and words in error["error"]


def test_the_bare_path_tells_what_the_model_takes(load):
    status, about = load(sum_and_product()).json("GET", "/")
    assert status == 200 and about["example"] == {"inputs": {"a": [[0.0, 0.0]], "b": [[0.0, 0.0]]}}
    assert [item["name"] for item in about["inputs"]] == ["a", "b"] and "other_outputs" not in about
    model = load(onnx.identity(onnx.STRING, [None]))
    assert model.json("GET", "/predict")[1]["example"] == {"inputs": {"x": ["text"]}}
    about = load(brightest_of_picture()).json("GET", "/")[1]
    assert "example" not in about and any("POST a picture" in usage for usage in about["usage"])


def test_an_example_given_is_an_example_answered(load):
    for kind, _, _ in ALL:
        model = load(onnx.identity(kind, [None, 2]))
        assert model.predict(model.json("GET", "/")[1]["example"])[0] == 200


# --- pictures ---------------------------------------------------------------------------------------------------------


def png(colour=(255, 0, 51)):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.new("RGB", (20, 10), colour).save(file, "PNG")
    return file.getvalue()


def form(*fields):
    body = b""
    for name, content, kind in fields:
        head = '--B\r\nContent-Disposition: form-data; name="%s"' % name
        head += '; filename="f.png"\r\nContent-Type: image/png' if kind == "file" else ""
        head += "\r\nContent-Type: image/png" if kind == "picture" else ""
        body += head.encode("utf-8") + b"\r\n\r\n" + content + b"\r\n"
    return body + b"--B--\r\n"


FORM = "multipart/form-data; boundary=B"


def answer_of(response):
    return response.status, json.loads(response.body.decode("utf-8"))


def test_a_picture_comes_as_a_body_or_as_a_forms_file(load):
    model = load(brightest_of_picture())
    for body, kind in (
        (png(), "image/png"),
        (png(), "application/octet-stream"),
        (form(("image", png(), "file")), FORM),
        (form(("note", b"x", "text"), ("any", png(), "picture")), FORM),
        (form(("pixels", png(), "file")), FORM),
    ):
        assert answer_of(model.ask("POST", "/", body, content_type=kind)) == (
            200,
            {"outputs": {"brightest": [[1.0, 0.0, 0.2]]}},
        )


def test_a_form_may_bring_the_other_inputs_too(load):
    scale = onnx.tensor(onnx.FLOAT, [])
    model = load(brightest_of_picture(more=[("scale", scale)], kind=onnx.UINT8))
    expected = (200, {"outputs": {"brightest": [[255.0, 0.0, 51.0]], "same_scale": 0.5}})
    for field in (("scale", b"0.5", "text"), ("inputs", b'{"scale": 0.5}', "text")):
        response = model.ask("POST", "/predict", form(("image", png(), "file"), field), content_type=FORM)
        assert answer_of(response) == expected
    response = model.ask("POST", "/", form(("image", png(), "file")), content_type=FORM)
    assert response.status == 400 and b"The input 'scale' is missing" in response.body


def test_of_two_pictures_each_is_named_after_its_input(load):
    model = load(brightest_of_picture(more=[("mask", onnx.tensor(onnx.FLOAT, [1, 1, 8, 8]))]))
    fields = [("mask", png(), "file"), ("pixels", png(), "file")]
    assert model.ask("POST", "/", form(*fields), content_type=FORM).status == 200
    response = model.ask("POST", "/", form(("image", png(), "file")), content_type=FORM)
    assert (
        response.status == 400 and b"Name the picture's field after one of the inputs 'pixels', 'mask'" in response.body
    )


@pytest.mark.parametrize("second", [("again", png, "file"), ("pixels", lambda: b"[]", "text")])
def test_an_input_s_second_value_is_refused_before_it_is_unpacked(load, monkeypatch, second):
    model = load(brightest_of_picture())
    unpacked = []
    array_of = image_tensor.array_of
    monkeypatch.setattr(image_tensor, "array_of", lambda *given: unpacked.append(1) or array_of(*given))
    name, content, kind = second
    fields = [("image", png(), "file")] + [(name, content(), kind)] * 3
    assert answer_of(model.ask("POST", "/", form(*fields), content_type=FORM)) == (
        400,
        {"error": "The input 'pixels' is given twice."},
    )
    assert len(unpacked) == 1


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"hello", "image/png", "What was sent for the input 'pixels' is no picture"),
        (b"hello", FORM, "The form can't be read"),
        (form(("image", b"", "file")), FORM, "is no picture"),
        (form(("image", b"iVBOR", "text")), FORM, "The input 'pixels' is missing"),
        (form(("inputs", b"[", "text")), FORM, "The body isn't JSON"),
        (b"\x89PNG", "application/json", "The body isn't JSON"),
    ],
)
def test_what_is_no_picture_is_400(load, body, kind, words):
    status, error = answer_of(load(brightest_of_picture()).ask("POST", "/", body, content_type=kind))
    assert status == 400 and words in error["error"]


def test_a_picture_of_few_bytes_and_many_pixels_is_refused_before_it_is_unpacked(load):
    content = png()
    header = struct.pack(">II", 9000, 9000)
    start = content[:16] + header + content[24:29]
    bomb = start + struct.pack(">I", zlib.crc32(start[12:])) + content[33:]
    status, error = answer_of(load(brightest_of_picture()).ask("POST", "/", bomb, content_type="image/png"))
    assert status == 400 and "9000 x 9000 pixels" in error["error"]


def test_a_model_without_a_picture_says_that_it_takes_none(load):
    model = load(sum_and_product())
    for body, kind in ((b"x", "image/png"), (form(("image", b"x", "file")), FORM)):
        status, error = answer_of(model.ask("POST", "/", body, content_type=kind))
        assert status == 400 and "The model takes no picture" in error["error"]


def test_without_pillow_a_picture_is_501(load, monkeypatch):
    model, content = load(brightest_of_picture()), png()
    monkeypatch.setitem(sys.modules, "PIL", None)
    status, error = answer_of(model.ask("POST", "/", content, content_type="image/png"))
    assert status == 501 and "Add pillow to requirements.txt" in error["error"]


# --- plain calls ------------------------------------------------------------------------------------------------------


def call(model, value):
    inputs = model.host.describe("", model.host.default_path)
    request = plain_action.request(value, inputs, "", {}, model.host.default_path)
    return answer_of(model.host.handle(request))


def test_a_plain_call_gives_inputs_or_a_picture(load):
    model = load(sum_and_product())
    expected = {"sum": [[2.0, 3.0]], "product": [[1.0, 2.0]]}
    assert call(model, {"inputs": {"a": [[1, 2]], "b": [[1, 1]]}, "bound": "x"}) == (200, {"outputs": expected})
    assert model.host.describe("", "/v2/models/m/infer").form == "json"
    assert model.host.describe("", "/v2") is None and model.host.describe("", "/other") is None
    model = load(brightest_of_picture())
    expected = (200, {"outputs": {"brightest": [[1.0, 0.0, 0.2]]}})
    for name in ("image", "pixels"):
        assert call(model, {name: base64.b64encode(png()).decode("ascii"), "bound": 3}) == expected
    zeros = numpy.zeros((1, 3, 8, 8)).tolist()
    assert call(model, {"inputs": {"pixels": zeros}}) == (200, {"outputs": {"brightest": [[0.0, 0.0, 0.0]]}})


def test_threads_may_ask_at_once(load):
    model = load(sum_and_product(), concurrency="4")
    answers = []

    def ask(number):
        for _ in range(20):
            given = {"a": [[number, 0]], "b": [[0, number]]}
            answers.append(
                model.predict({"inputs": given}) == (200, {"outputs": {"sum": [[number] * 2], "product": [[0, 0]]}})
            )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 80


def test_the_whole_proxy_around_a_model_file(tmp_path):
    (tmp_path / "m.onnx").write_bytes(sum_and_product())
    message = json.dumps({"id": "1", "inputs": [A, B]}).encode("utf-8")
    proxy = Proxy(tmp_path)
    try:
        assert proxy.init() == (200, {"ok": True})
        status, _, body = proxy.web(
            "POST", "/v2/models/m/infer", body=message, headers={"content-type": "application/json"}
        )
        assert status == 200 and json.loads(body.decode("utf-8"))["outputs"][0]["data"] == [4.0, 2.1]
        assert proxy.web("GET")[0] == 200
        status, answer = proxy.run({"inputs": {"a": [[1, 2]], "b": [[0, 0]]}})
        assert answer == {"outputs": {"sum": [[1.0, 2.0]], "product": [[0.0, 0.0]]}}
        status, answer = proxy.run({"inputs": {"a": [[1, 2]]}})
        assert answer["error"]["statusCode"] == 400
    finally:
        assert proxy.stop() == 0
        proxy.close()
