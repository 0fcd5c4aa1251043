"""Writes small ONNX models as bytes: the protobuf messages of onnx.proto (field numbers in the comments are its own),
so that no Python needs the package ``onnx``."""

import struct

FLOAT, UINT8, INT8, UINT16, INT16, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, UINT32, UINT64 = range(1, 14)
BFLOAT16 = 16


def _varint(number):
    number &= (1 << 64) - 1
    text = bytearray()
    while number > 127:
        text.append(number & 127 | 128)
        number >>= 7
    return bytes(text) + bytes((number,))


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, str):
        value = value.encode("utf-8")
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def tensor(kind, dims=None):
    """TypeProto of a tensor; a dim is a number, a name, or None; dims None for an unknown rank."""
    content = _field(1, kind)
    if dims is not None:
        shape = b""
        for dim in dims:
            shape += _field(1, b"" if dim is None else _field(2 if isinstance(dim, str) else 1, dim))
        content += _field(2, shape)
    return _field(1, content)


def sequence(of):
    return _field(4, _field(1, of))


def mapping(key, value):
    return _field(5, _field(1, key) + _field(2, value))


def optional(of):
    return _field(9, _field(1, of))


def node(kind, inputs, outputs, domain="", **attributes):
    """NodeProto; an attribute is a whole number, a float, bytes, or a list of whole numbers or of bytes."""
    content = b"".join(_field(1, name) for name in inputs) + b"".join(_field(2, name) for name in outputs)
    content += _field(4, kind)
    for name, value in sorted(attributes.items()):
        content += _field(5, _field(1, name) + _attribute(value))
    return content + (_field(7, domain) if domain else b"")


def _attribute(value):
    if isinstance(value, float):
        return _varint(2 << 3 | 5) + struct.pack("<f", value) + _field(20, 1)
    if isinstance(value, int):
        return _field(3, value) + _field(20, 2)
    if isinstance(value, bytes):
        return _field(4, value) + _field(20, 3)
    if isinstance(value[0], int):
        return b"".join(_field(8, item) for item in value) + _field(20, 7)
    return b"".join(_field(9, item) for item in value) + _field(20, 8)


def constant(name, kind, dims, raw, file=None):
    """TensorProto of an initializer; its bytes lie in ``file`` beside the model where that is named."""
    content = b"".join(_field(1, dim) for dim in dims) + _field(2, kind) + _field(8, name)
    if file is None:
        return content + _field(9, raw)
    for key, value in (("location", file), ("offset", "0"), ("length", str(len(raw)))):
        content += _field(13, _field(1, key) + _field(2, value))
    return content + _field(14, 1)


def model(inputs, outputs, nodes, constants=(), metadata=None, version=0, ml=False):
    """ModelProto (IR version 8, opset 13) of ``inputs`` and ``outputs``, lists of (name, TypeProto)."""
    graph = b"".join(_field(1, item) for item in nodes) + _field(2, "graph")
    graph += b"".join(_field(5, item) for item in constants)
    for number, values in ((11, inputs), (12, outputs)):
        graph += b"".join(_field(number, _field(1, name) + _field(2, kind)) for name, kind in values)
    content = _field(1, 8) + _field(2, "tests") + _field(5, version) + _field(7, graph) + _field(8, _field(2, 15))
    if ml:
        content += _field(8, _field(1, "ai.onnx.ml") + _field(2, 2))
    for key, value in sorted((metadata or {}).items()):
        content += _field(14, _field(1, key) + _field(2, value))
    return content


def identity(kind, dims, metadata=None):
    """``y`` is ``x``."""
    shape = tensor(kind, dims)
    return model([("x", shape)], [("y", shape)], [node("Identity", ["x"], ["y"])], metadata=metadata)
