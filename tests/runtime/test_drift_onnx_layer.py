import hashlib
import os
import struct
import sys

import pytest
from modelproxy.drift import onnx_layer
from modelproxy.drift.onnx_graph import Graph
from modelproxy.drift.onnx_layer import Layer

from onnx_writer import FLOAT, constant, model, node, tensor

# y = x + w; twice its layer "h", which is a pooling by its name alone.
WEIGHTS = struct.pack("<3f", 1, 2, 3)


def content(weights=None, outputs=("y",)):
    shape = tensor(FLOAT, ["batch", 3])
    return model(
        [("x", shape)],
        [(name, shape) for name in outputs],
        [
            node("Add", ["x", "w"], ["s"]),
            node("Flatten", ["s"], ["h"]),
            node("MatMul", ["h", "m"], ["y"]),
        ],
        constants=[
            weights or constant("w", FLOAT, [3], WEIGHTS),
            constant("m", FLOAT, [3, 3], struct.pack("<9f", *[2, 0, 0, 0, 2, 0, 0, 0, 2])),
        ],
    )


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Item:
    def __init__(self, name):
        self.name = name


class Options:
    def __init__(self):
        self.entries = {}

    def add_session_config_entry(self, key, value):
        self.entries[key] = value


class Session:
    """As onnxruntime's: it knows the outputs of its bytes, and gives a list of text for each run."""

    refused = ()

    def __init__(self, path_or_bytes, sess_options=None, providers=None, **more):
        data = path_or_bytes
        if isinstance(data, str):
            with open(data, "rb") as file:
                data = file.read()
        self.outputs, self.options, self.providers = Graph(data).outputs, sess_options, providers
        if set(self.refused) & set(self.outputs):
            raise RuntimeError("no such output")

    def get_outputs(self):
        return [Item(name) for name in self.outputs]

    def run(self, output_names, input_feed, run_options=None):
        return ["%s of %s" % (name, input_feed) for name in output_names or self.outputs]


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A package onnxruntime that can be imported, and a folder with a model."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "onnxruntime.py").write_text(
        "from test_drift_onnx_layer import Session as InferenceSession, Options as SessionOptions\n__version__ = '9'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.onnx").write_bytes(content())
    yield tmp_path
    sys.modules.pop("onnxruntime", None)


def watch(layer="h", model_file=None, digests=()):
    values = []
    found = Layer({"kind": "onnx-layer", "model": model_file, "layer": layer}, values.append, digests)
    found.install()
    return found, values


@pytest.mark.parametrize("layer", ["h", None])
@pytest.mark.parametrize("model_file", ["m.onnx", None])
def test_the_layer_comes_with_the_run_and_is_hidden(runtime, layer, model_file):
    found, values = watch(layer, model_file)
    from onnxruntime import InferenceSession, __version__

    assert __version__ == "9" and InferenceSession.__name__ == "Session"
    session = InferenceSession("m.onnx", providers=["CPU"])
    assert isinstance(session, Session) and session.providers == ["CPU"] and session.options is None
    assert [item.name for item in session.get_outputs()] == ["y"]
    assert session.run(None, 1) == ["y of 1"]
    assert session.run([], 2) == ["y of 2"]
    assert session.run(["y", "y"], 3) == ["y of 3", "y of 3"]
    assert values == ["h of 1", "h of 2", "h of 3"]
    assert (found.name, found.file, found.trouble) == ("h", "m.onnx", "")


def test_onnxruntime_may_be_there_already_or_not_at_all(runtime, monkeypatch):
    import onnxruntime

    _, values = watch()
    assert onnxruntime.InferenceSession("m.onnx").run(None, 1) == ["y of 1"] and values == ["h of 1"]
    sys.modules.pop("onnxruntime")
    watch()
    os.unlink(str(runtime / "packages" / "onnxruntime.py"))
    __import__("importlib").invalidate_caches()
    monkeypatch.setattr(sys, "path", [str(runtime)])
    with pytest.raises(ImportError):
        import onnxruntime


def test_a_module_without_sessions_is_left_alone(runtime, monkeypatch):
    module = type(sys)("onnxruntime")
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    watch()
    assert not hasattr(module, "InferenceSession")


def test_what_else_the_loader_can_do(runtime):
    watch()
    import onnxruntime

    assert onnx_layer._Importer(None).find_spec("json") is None
    assert onnxruntime.__spec__.loader.is_package("onnxruntime") is False


def test_a_layer_that_is_an_output_anyway(runtime):
    (runtime / "m.onnx").write_bytes(content(outputs=("y", "h")))
    _, values = watch()
    import onnxruntime

    session = onnxruntime.InferenceSession("m.onnx")
    assert [item.name for item in session.get_outputs()] == ["y", "h"]
    assert session.run(None, 1) == ["y of 1", "h of 1"] and values == ["h of 1"]


class Path:
    def __fspath__(self):
        return "m.onnx"


@pytest.mark.parametrize("given", [Path(), content(), "./m.onnx"])
def test_a_model_by_path_object_and_from_memory(runtime, given):
    found, values = watch(model_file="m.onnx", digests=[sha(content())])
    import onnxruntime

    assert onnxruntime.InferenceSession(Path().__fspath__() if isinstance(given, Path) else given).run(None, 1)
    assert values == ["h of 1"] and found.trouble == ""


def test_only_the_declared_model_is_touched(runtime):
    (runtime / "other.onnx").write_bytes(content())
    found, values = watch(model_file="m.onnx")
    import onnxruntime

    onnxruntime.InferenceSession("other.onnx").run(None, 1)
    assert values == [] and found.name is None and found.trouble == ""
    first, second = onnxruntime.InferenceSession("m.onnx"), onnxruntime.InferenceSession("m.onnx")
    first.run(None, 2)
    second.run(None, 3)
    assert values == ["h of 2"] and [item.name for item in second.get_outputs()] == ["y"]


def test_of_several_the_one_that_the_reference_knows_or_that_has_the_layer(runtime):
    other = content().replace(b"Add", b"Sub")
    (runtime / "other.onnx").write_bytes(other)
    found, values = watch(digests=[sha(content())])
    import onnxruntime

    onnxruntime.InferenceSession("other.onnx").run(None, 1)
    onnxruntime.InferenceSession("m.onnx").run(None, 2)
    assert values == ["h of 2"] and found.trouble == ""
    found, values = watch(layer="k")
    onnxruntime.InferenceSession("m.onnx").run(None, 1)
    assert values == [] and found.trouble == "" and found.name is None


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"model_file": "m.onnx", "digests": ["0"]}, "m.onnx isn't the model that the reference was made with"),
        ({"model_file": "m.onnx", "layer": "k"}, "has no layer 'k'; there are y, h, s"),
    ],
)
def test_where_the_layer_cant_be_had_the_session_is_as_it_was(runtime, capfd, options, why):
    found, values = watch(**options)
    import onnxruntime

    session = onnxruntime.InferenceSession("m.onnx")
    assert session.run(None, 1) == ["y of 1"] and session.outputs == ["y"] and values == []
    assert why in found.trouble and why in capfd.readouterr().out


def test_what_onnxruntime_refuses_is_made_without_the_layer(runtime, monkeypatch, capfd):
    found, values = watch()
    monkeypatch.setattr(Session, "refused", ("h",))
    import onnxruntime

    assert onnxruntime.InferenceSession("m.onnx").run(None, 1) == ["y of 1"]
    assert "onnxruntime refuses the layer h as an output: no such output" in capfd.readouterr().out
    assert values == [] and found.name is None


def test_what_is_no_model_is_told_by_onnxruntime_itself(runtime):
    (runtime / "m.onnx").write_bytes(b"no model")
    found, _ = watch()
    import onnxruntime

    with pytest.raises(ValueError, match="no ONNX model"):
        onnxruntime.InferenceSession("m.onnx")
    with pytest.raises(FileNotFoundError):
        onnxruntime.InferenceSession("nothing.onnx")
    assert "nothing.onnx" in found.trouble


def test_more_than_a_message_can_hold(runtime, monkeypatch):
    found, _ = watch()
    monkeypatch.setattr(onnx_layer, "LARGEST", 10)
    import onnxruntime

    onnxruntime.InferenceSession("m.onnx")
    assert found.trouble == "m.onnx is larger than the 2 GB that a model in memory can have"


@pytest.mark.parametrize("with_options", [False, True])
def test_weights_in_other_files_are_found_beside_the_model(runtime, with_options):
    (runtime / "m.onnx").write_bytes(content(constant("w", FLOAT, [3], WEIGHTS, file="weights.bin")))
    _, values = watch()
    import onnxruntime

    given = Options() if with_options else None
    session = onnxruntime.InferenceSession("m.onnx", given)
    assert session.options.entries == {"session.model_external_initializers_file_folder_path": str(runtime)}
    assert session.run(None, 1) == ["y of 1"] and values == ["h of 1"]


def test_weights_in_other_files_of_a_model_from_memory(runtime):
    found, _ = watch()
    import onnxruntime

    onnxruntime.InferenceSession(content(constant("w", FLOAT, [3], WEIGHTS, file="weights.bin")))
    assert "its weights lie in other files" in found.trouble


# --- with onnxruntime itself, where there is one ----------------------------------------------------------------------


@pytest.mark.parametrize("split", [False, True])
def test_onnxruntime_gives_both_in_one_run(tmp_path, split):
    onnxruntime = pytest.importorskip("onnxruntime")
    import numpy

    weights = constant("w", FLOAT, [3], WEIGHTS, file="weights.bin") if split else None
    (tmp_path / "weights.bin").write_bytes(WEIGHTS)
    path = str(tmp_path / "m.onnx")
    with open(path, "wb") as file:
        file.write(content(weights))
    values = []
    layer = Layer({"kind": "onnx-layer", "model": None, "layer": None}, values.append)
    watched = onnx_layer._watched(onnxruntime.InferenceSession, layer, onnxruntime.SessionOptions)
    plain = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    session = watched(path, providers=["CPUExecutionProvider"])
    if split and tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 17):
        assert "onnxruntime refuses the layer h as an output" in layer.trouble  # older ones look beside the process
        layer.name = "none"
    feed = {"x": numpy.array([[1, 2, 3], [4, 5, 6]], "f4")}
    for names in (None, ["y"]):
        assert [value.tobytes() for value in session.run(names, feed)] == [
            value.tobytes() for value in plain.run(names, feed)
        ]
    assert [item.name for item in session.get_outputs()] == ["y"]
    if layer.name == "h":
        assert values[0].tolist() == [[2, 4, 6], [5, 7, 9]] and len(values) == 2
