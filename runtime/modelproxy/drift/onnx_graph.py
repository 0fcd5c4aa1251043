"""As much of an ONNX file as is needed to have one more of its tensors as an output, without the package ``onnx``.

The numbers are those of onnx.proto. A field that holds a message and comes twice is merged (protobuf, "Last One Wins"),
so an output is added by what is appended to the file's bytes; nothing in them is moved.
"""

_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12  # of GraphProto
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND = 1, 2, 4
_NAME = 1  # of ValueInfoProto
_TENSOR_NAME, _DATA_LOCATION = 8, 14

_POOLS = frozenset(
    ("AveragePool", "Flatten", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool", "ReduceMean")
)
# What a tensor passes with the same numbers in it.
_SAME = frozenset(("Dropout", "Flatten", "Identity", "Reshape", "Squeeze"))
_CLASSIFIERS = frozenset(
    ("Conv", "FusedMatMul", "Gemm", "LinearClassifier", "LinearRegressor", "MatMul", "MatMulInteger", "QGemm")
    + ("QLinearMatMul", "SVMClassifier", "SVMRegressor", "TreeEnsembleClassifier", "TreeEnsembleRegressor")
)


class NoLayer(ValueError):
    """The graph has no such layer, or none that can be found; the text says what it has."""


class Node:
    __slots__ = ("inputs", "kind", "outputs")

    def __init__(self, kind, inputs, outputs):
        self.kind, self.inputs, self.outputs = kind, inputs, outputs


class Graph:
    """``nodes`` in their order, names of ``inputs`` (without weights) and ``outputs``, and whether weights lie in other
    files (``is_split``). Raises ``ValueError`` for bytes that are no ONNX model."""

    def __init__(self, content):
        self.nodes, self.outputs, self.is_split = [], [], False
        inputs, weights = [], set()
        try:
            for number, graph in _fields(memoryview(content)):
                if number != _MODEL_GRAPH:
                    continue
                for field, value in _fields(graph):
                    if field == _NODE:
                        self.nodes.append(_node(value))
                    elif field in (_INPUT, _OUTPUT):
                        (inputs if field == _INPUT else self.outputs).append(_text(_last(value, _NAME)))
                    elif field == _INITIALIZER:
                        weights.add(_text(_last(value, _TENSOR_NAME)))
                        self.is_split = self.is_split or _last(value, _DATA_LOCATION) == 1
        except (IndexError, TypeError, UnicodeDecodeError):
            raise ValueError("it is no ONNX model, or cut off") from None
        if not self.nodes or not self.outputs:
            raise ValueError("it is no ONNX model, or an empty one")
        self.inputs = [name for name in inputs if name not in weights]

    def layer(self, name=None):
        """The name of the tensor to take: the given one, or the last pooling or flatten before the classifier, else
        what goes into that. Raises ``NoLayer``."""
        made = [output for node in self.nodes for output in node.outputs if output]
        if name is not None:
            if name in made:
                return name
            raise NoLayer("the model has no layer %r; there are %s" % (name, _some(made)))
        into = self._into_the_classifier()
        if into is None or into not in made:
            raise NoLayer("no inner layer could be found by itself; name one of %s" % _some(made))
        before = self._before(into)
        for node in reversed(self.nodes):
            if node.outputs[0] in before and node.kind in _POOLS and not self._normalises(node):
                return self._flattened(node.outputs[0])
        return into

    def _into_the_classifier(self):
        """The tensor that the last node with weights takes, None where there is none."""
        leading = set()
        for output in self.outputs:
            leading |= self._before(output)
        for node in reversed(self.nodes):
            if node.kind in _CLASSIFIERS and leading.intersection(node.outputs):
                return node.inputs[0]
        return None

    def _before(self, tensor):
        """All that ``tensor`` is made of, and itself. Nodes come after those whose outputs they take."""
        known = {tensor}
        for node in reversed(self.nodes):
            if known.intersection(node.outputs):
                known.update(node.inputs)
        return known

    def _takers(self, tensor):
        return [node for node in self.nodes if tensor in node.inputs]

    def _normalises(self, node):
        """True for a mean that is only there to be subtracted, as in a layer normalisation."""
        return node.kind == "ReduceMean" and any(taker.kind == "Sub" for taker in self._takers(node.outputs[0]))

    def _flattened(self, tensor):
        """The same numbers in the shape in which the classifier takes them."""
        takers = self._takers(tensor)
        while len(takers) == 1 and takers[0].kind in _SAME and takers[0].inputs[0] == tensor:
            tensor = takers[0].outputs[0]
            takers = self._takers(tensor)
        return tensor


def output_added(content, name):
    """The model's bytes with one more output."""
    value_info = _field(_NAME, name.encode("utf-8"))
    return bytes(content) + _field(_MODEL_GRAPH, _field(_OUTPUT, value_info))


def _some(names):
    """For an error's text: names, the last first, which are nearest to the answer."""
    shown = names[::-1][:20]
    return ", ".join(shown) + (" …" if len(names) > len(shown) else "")


def _node(view):
    inputs, outputs, kind = [], [], ""
    for field, value in _fields(view):
        if field == _NODE_INPUT:
            inputs.append(_text(value))
        elif field == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif field == _NODE_KIND:
            kind = _text(value)
    return Node(kind, inputs or [""], outputs or [""])


def _last(view, wanted):
    found = b""
    for field, value in _fields(view):
        if field == wanted:
            found = value
    return found


def _text(value):
    return bytes(value).decode("utf-8")


# --- protobuf's wire format (protobuf.dev, "Encoding") ------------------------------------------------------------


def _fields(view):
    """Number and value of each field: a number, or a ``memoryview`` of what has a length."""
    at = 0
    while at < len(view):
        tag, at = _varint(view, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(view, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = _varint(view, at)
            value = view[at : at + size]
            if len(value) != size:
                raise IndexError
            at += size
        yield tag >> 3, value


def _varint(view, at):
    number = shift = 0
    while True:
        byte = view[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise IndexError


def _field(number, content):
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(number):
    text = bytearray()
    while number > 127:
        text.append(number & 127 | 128)
        number >>= 7
    return bytes(text) + bytes((number,))
