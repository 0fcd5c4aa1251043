import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy.drift.onnx_graph import Graph, NoLayer, output_added

from onnx_writer import FLOAT, constant, identity, model, node, tensor

WEIGHTS = constant("w", FLOAT, [1], struct.pack("<f", 2))


def graph(*nodes, **options):
    outputs = options.pop("outputs", [nodes[-1][1]])
    content = model(
        [("x", tensor(FLOAT, [1, 3])), ("w", tensor(FLOAT, [1]))],
        [(name, tensor(FLOAT, [1, 3])) for name in outputs],
        [node(kind, inputs.split(), [output]) for kind, output, inputs in nodes],
        constants=[options.pop("weights", WEIGHTS)],
    )
    return Graph(content)


# Nodes as (kind, output, inputs), and the layer that is found.
NETWORKS = {
    "ResNet": (
        [
            ("Conv", "c", "x w"),
            ("MaxPool", "m", "c"),
            ("GlobalAveragePool", "p", "m"),
            ("Flatten", "f", "p"),
            ("Gemm", "y", "f w"),
        ],
        "f",
    ),
    "VGG, whose classifier has three layers": (
        [
            ("MaxPool", "m", "x"),
            ("Reshape", "f", "m w"),
            ("Gemm", "g", "f w"),
            ("Relu", "r", "g"),
            ("Dropout", "d", "r"),
            ("Gemm", "y", "d w"),
        ],
        "f",
    ),
    "a transformer with layer normalisation spelt out": (
        [
            ("MatMul", "a", "x w"),
            ("ReduceMean", "mean", "a"),
            ("Sub", "s", "a mean"),
            ("MatMul", "y", "s w"),
        ],
        "s",
    ),
    "the mean over places": (
        [("Conv", "c", "x w"), ("ReduceMean", "p", "c"), ("Squeeze", "q", "p"), ("Gemm", "y", "q w")],
        "q",
    ),
    "a perceptron": ([("Gemm", "a", "x w"), ("Relu", "r", "a"), ("Gemm", "b", "r w"), ("Softmax", "y", "b")], "r"),
    "a pool that another output takes": (
        [("Conv", "c", "x w"), ("Gemm", "y", "c w"), ("GlobalAveragePool", "other", "c")],
        "c",
    ),
    "a flattened tensor that two take": (
        [
            ("GlobalAveragePool", "p", "x"),
            ("Flatten", "f", "p"),
            ("Gemm", "a", "f w"),
            ("Sigmoid", "b", "f"),
            ("Mul", "y", "a b"),
        ],
        "f",
    ),
    "scikit-learn's": ([("Scaler", "s", "x"), ("LinearClassifier", "y", "s")], "s"),
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_layer_before_the_classifier(name):
    nodes, wanted = NETWORKS[name]
    outputs = ["y", "other"] if nodes[-1][1] == "other" else ["y"]
    found = graph(*nodes, outputs=outputs)
    assert found.layer() == wanted
    assert found.layer("y") == "y"
    assert found.inputs == ["x"] and found.outputs == outputs and not found.is_split


def test_a_layer_that_isnt_there():
    with pytest.raises(NoLayer, match=r"has no layer 'z'; there are y, f, p$"):
        graph(("GlobalAveragePool", "p", "x"), ("Flatten", "f", "p"), ("Gemm", "y", "f w")).layer("z")
    many = graph(*[("Relu", "n%d" % at, "x") for at in range(30)])
    with pytest.raises(NoLayer, match=r"n29, n28, .* n10 …"):
        many.layer("z")


@pytest.mark.parametrize("nodes", [[("Gemm", "y", "x w")], [("Relu", "y", "x")]])
def test_a_model_without_an_inner_layer(nodes):
    with pytest.raises(NoLayer, match="no inner layer could be found by itself; name one of y"):
        graph(*nodes).layer()


def test_weights_in_other_files():
    split = constant("w", FLOAT, [1], bytes(4), file="weights.bin")
    assert graph(("Gemm", "y", "x w"), weights=split).is_split


def test_an_output_is_added_and_nothing_moved():
    content = identity(FLOAT, [1, 3])
    changed = output_added(content, "ä" * 100)
    assert changed.startswith(content)
    assert Graph(changed).outputs == ["y", "ä" * 100] and len(Graph(changed).nodes) == 1


def test_nodes_without_inputs_or_outputs():
    empty = model(
        [], [("y", tensor(FLOAT, [1]))], [node("Constant", [], ["y"], value_int=1), node("Nothing", ["y"], [])]
    )
    found = Graph(empty)
    assert found.nodes[0].inputs == [""] and found.nodes[1].outputs == [""]
    with pytest.raises(NoLayer):
        found.layer()


@pytest.mark.parametrize(
    "content", [b"", b"\x08\x08", b"text that is no model", b"\xff" * 40, b"\x3a\x7f", b"\x3a\x02\x0b\x0c"]
)
def test_what_is_no_model(content):
    with pytest.raises(ValueError, match="no ONNX model"):
        Graph(content)


@given(st.binary(max_size=80))
def test_any_bytes(content):
    try:
        Graph(content)
    except ValueError:
        return


@given(st.integers(0, len(identity(FLOAT, [1, 3]))), st.integers(0, 255))
def test_a_model_with_any_byte_changed(at, byte):
    content = identity(FLOAT, [1, 3])
    try:
        Graph(content[:at] + bytes([byte]) + content[at + 1 :]).layer()
    except ValueError:  # NoLayer too
        return
