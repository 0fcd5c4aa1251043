"""Inference requests and responses of the Open Inference Protocol, in JSON and with binary tensor data. Pure.

https://github.com/kserve/open-inference-protocol (inference_rest.md), and NVIDIA Triton's extension_binary_data.md.
"""

import json
import re

import numpy

from ..messages import BadValue
from . import json_text, tensors

LENGTH = "Inference-Header-Content-Length"
EXTENSIONS = ["binary_tensor_data"]
_LENGTH = re.compile(r"[0-9]{1,18}\Z")  # no body has more bytes, and beyond 4300 digits int() fails

# What would change an output's meaning: left unheeded, the client would take the wrong thing for its answer.
_NOT_OFFERED = ("classification", "shared_memory_region", "shared_memory_byte_size", "shared_memory_offset")

# What of compressed JSON is read, since each bracket may take 250 bytes of memory and each number 40: as much as a
# picture of 640 x 640 pixels has, or 8 times what was sent; so many arrays, objects or texts, or one for each byte.
_MOST_JSON = 5 * 1024 * 1024
_MOST_RATIO = 8
_MOST_VALUES = 20000
_LONGEST_ID = 1000  # which is given back, up to 12 bytes of JSON for each character
_MOST_ROWS = 20000  # of numbers; some classifiers make a dict of each, 150 bytes a label


class Inference:
    """What a client asks for: ``id`` (None for none), ``arrays`` by input's name, and ``outputs``, a list of (name,
    whether its data shall be binary), None for all; then ``binary`` says whether theirs shall be."""

    __slots__ = ("arrays", "binary", "id", "outputs")

    def __init__(self, identity, arrays, outputs, binary):
        self.id = identity
        self.arrays = arrays
        self.outputs = outputs
        self.binary = binary


def loads(body, sent=None):
    """Strict JSON: what else Python takes for it is refused; ``sent`` is the length of the compressed body that it was
    in, None for none. Raises ``BadValue``."""
    if sent is not None:
        _refuse_more_bytes(len(body), sent)
        _refuse_more_values(body.count(b"[") + body.count(b"{") + body.count(b'"') // 2, sent)
    try:
        return json_text.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise BadValue("The body is nested too deep.") from None
    except ValueError as error:
        raise BadValue("The body isn't JSON: %s." % error) from None


def _refuse_more_bytes(size, sent):
    if size > max(_MOST_JSON, _MOST_RATIO * sent):
        raise BadValue("The body's %d bytes of JSON or texts are more than %d bytes may make." % (size, sent))


def _refuse_more_values(count, sent):
    if count > max(_MOST_VALUES, sent):
        raise BadValue(
            "The body has %d arrays, objects or texts, more than its %d compressed bytes may make; send it as it is."
            % (count, sent)
        )


def refuse_more_rows(tensor, shape, sent, size=0):
    """Raises ``BadValue`` for an array of more than ``sent`` compressed bytes may make, of any where that is None.
    ``size`` is that of its binary data."""
    if sent is None:
        return
    tensors.check_shape(tensor, shape)  # of which any number of sizes would be multiplied
    if tensor.datatype == "BYTES":
        _refuse_more_bytes(size, sent)
        _refuse_more_values(tensors.elements(shape), sent)
    elif tensors.rows(tensor, shape) > max(_MOST_ROWS, sent):
        raise BadValue(
            "The input %r has %d rows, more than its %d compressed bytes may make; send it as it is."
            % (tensor.name, tensors.rows(tensor, shape), sent)
        )


def _no_constant(constant):
    raise ValueError("JSON has no %s; binary tensor data can carry it" % constant)


def inference(body, length, inputs, sent=None):
    """The ``Inference`` of a request's body; ``length`` is its Inference-Header-Content-Length, "" for none; ``sent``
    as in ``loads``. Raises ``BadValue``."""
    if not length:
        message, binary = loads(body, sent), None
    elif not _LENGTH.match(length) or int(length) > len(body):
        raise BadValue("%s is %r, and the body has %d bytes." % (LENGTH, length[:80], len(body)))
    elif int(length) == 0:
        return _raw(body, inputs, sent)
    else:
        message, binary = loads(body[: int(length)], sent), body[int(length) :]
    if type(message) is not dict:
        raise BadValue('The request must be an object as {"inputs": […]}.')
    identity = message.get("id")
    if identity is not None and (not isinstance(identity, str) or len(identity) > _LONGEST_ID):
        raise BadValue('The "id" must be a string of at most %d characters.' % _LONGEST_ID)
    all_binary = _flag(_parameters(message, "the request"), "binary_data_output", False)
    arrays = _arrays(message, binary, inputs, sent)
    return Inference(identity, arrays, _outputs(message, all_binary), all_binary)


def _raw(body, inputs, sent):
    """A raw binary request: the whole body is the only input's data, from which one open size follows. Further open
    sizes are 1, as is the batch's."""
    if len(inputs) != 1:
        raise BadValue("%s is 0, which says that the body is the only input, but the model has several." % LENGTH)
    [tensor] = inputs
    if tensor.datatype == "BYTES":
        body = len(body).to_bytes(4, "little") + body
        shape = [1] * len(tensor.dims)
    else:
        shape = [size if isinstance(size, int) else 1 for size in tensor.dims]
        open_at = [place for place, size in enumerate(tensor.dims) if not isinstance(size, int)]
        if open_at:
            shape[open_at[-1]] = len(body) // max(1, tensors.elements(shape) * tensors.size_of(tensor))
    refuse_more_rows(tensor, shape, sent, len(body))
    return Inference(None, {tensor.name: tensors.from_bytes(tensor, body, shape)}, None, True)


def _arrays(message, binary, inputs, sent):
    given = message.get("inputs")
    if type(given) is not list or not all(type(item) is dict for item in given):
        raise BadValue('The request must have "inputs", an array of objects.')
    known = {tensor.name: tensor for tensor in inputs}
    arrays, place = {}, 0
    for item in given:
        name = item.get("name")
        tensor = known.get(name) if isinstance(name, str) else None
        if tensor is None:
            raise BadValue("The model has no input %s; it has %s." % (_shown(name), ", ".join(map(repr, known))))
        if name in arrays:
            raise BadValue("The input %r is given twice." % name)
        if item.get("datatype") != tensor.datatype:
            got = "no datatype" if "datatype" not in item else "the datatype " + _shown(item["datatype"])
            raise BadValue("The input %r must have the datatype %s; this one has %s." % (name, tensor.datatype, got))
        shape = _shape(name, item.get("shape"))
        size = _binary_size(item, binary)
        refuse_more_rows(tensor, shape, sent, size or 0)
        if size is None:
            arrays[name] = tensors.from_json(tensor, _data(item), shape)
            continue
        if len(binary) - place < size:
            raise BadValue(
                "The input %r has %d bytes of binary data, but only %d are left in the body."
                % (name, size, len(binary) - place)
            )
        arrays[name] = tensors.from_bytes(tensor, binary[place : place + size], shape)
        place += size
    if binary is not None and place != len(binary):
        raise BadValue("The body has %d bytes of binary data more than the inputs say." % (len(binary) - place))
    return arrays


def _shown(value):
    return repr(value[:80]) if isinstance(value, str) else json.dumps(value)[:80]


def _shape(name, shape):
    if type(shape) is not list or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise BadValue("The shape of the input %r must be an array of whole numbers, not %s." % (name, _shown(shape)))
    return shape


def _binary_size(item, binary):
    """The size of an input's binary data, None where its data lie in the JSON."""
    size = _parameters(item, "the input %r" % item["name"]).get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise BadValue("The binary_data_size of the input %r must be a whole number." % item["name"])
    if "data" in item:
        raise BadValue('The input %r has both "data" and a binary_data_size.' % item["name"])
    if binary is None:
        raise BadValue(
            "The input %r has a binary_data_size, but the request has no header %s, which says where the binary data "
            "begin." % (item["name"], LENGTH)
        )
    return size


def _data(item):
    if "data" not in item:
        raise BadValue('The input %r has neither "data" nor the parameter binary_data_size.' % item["name"])
    return item["data"]


def _outputs(message, all_binary):
    given = message.get("outputs")
    if given is None or given == []:
        return None
    if type(given) is not list or not all(type(item) is dict and type(item.get("name")) is str for item in given):
        raise BadValue('"outputs" must be an array of objects with a "name".')
    wanted, names = [], set()
    for item in given:
        shown = "output " + _shown(item["name"])
        if item["name"] in names:
            raise BadValue("The %s is asked for twice." % shown)
        names.add(item["name"])
        parameters = _parameters(item, "the " + shown)
        for parameter in _NOT_OFFERED:
            if parameter in parameters:
                raise BadValue("The parameter %s of the %s isn't offered here." % (parameter, shown))
        wanted.append((item["name"], _flag(parameters, "binary_data", all_binary)))
    return wanted


def _parameters(item, whose):
    parameters = item.get("parameters")
    if parameters is not None and type(parameters) is not dict:
        raise BadValue("The parameters of %s must be an object." % whose)
    return parameters or {}


def _flag(parameters, name, default):
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise BadValue("The parameter %s must be true or false." % name)
    return value


def response(head, outputs):
    """Headers and body of an inference response; ``outputs`` are (Tensor, array, parameters, binary), ``head`` the
    object without them. Raises ``tensors.NotJson``."""
    described, tail = [], []
    for tensor, array, parameters, binary in outputs:
        item = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(array.shape)}
        data = ""
        if binary:
            tail.append(tensors.bytes_of(array))
            parameters = dict(parameters, binary_data_size=len(tail[-1]))
        else:
            data = ',"data":' + tensors.json_of(tensor.name, numpy.ravel(array))
        if parameters:
            item["parameters"] = parameters
        described.append(_object(item)[:-1] + data + "}")
    text = (_object(head)[:-1] + ',"outputs":[' + ",".join(described) + "]}").encode("ascii")
    if not tail:
        return [("Content-Type", "application/json")], text
    headers = [("Content-Type", "application/octet-stream"), (LENGTH, str(len(text)))]
    return headers, text + b"".join(tail)


def _object(value):
    return json.dumps(value, separators=(",", ":"))
