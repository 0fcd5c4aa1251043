"""What an ONNX model answers: the Open Inference Protocol v2, plain JSON, and a picture where it takes one.

``GET /``                      what the model takes and gives.
``POST /``, ``POST /predict``  ``{"inputs": {name: nested lists}}``, or the lists alone where there is one input; or a
                               picture, as image/* or as a form's file. Answers ``{"outputs": {name: nested lists}}``.
``/v2/…``                      as the protocol says (``formats.open_inference``), with its binary tensor data extension.

A classifier's list of maps (``ZipMap``) is one tensor in the protocol, its keys the parameter ``keys``, JSON text;
other outputs that are no tensors are in the plain answer alone.
"""

import json
import zlib

import numpy

from .. import __version__, log, plain_action
from ..formats import image_tensor, multipart, open_inference, tensors
from ..messages import BadValue, Response, error_response
from ..percent import unquoted
from . import Unloadable

_DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_TENSORS = {"tensor(%s)" % name: datatype for name, datatype in _DATATYPES.items()}
_TABLES = {
    "seq(map(%s,tensor(%s)))" % (key, value): _DATATYPES[value]
    for key in ("int64", "string")
    for value in ("float", "double")
}
_READ = ("GET", "HEAD")
# Bytes behind a compressed body, as zips have it: numbers shrink to a half or so, text to a tenth. The platform lets a
# megabyte through, whose zeros would make a gigabyte.
_MOST_INFLATED = 16 * 1024 * 1024
_MOST_RATIO = 8
_LONGEST_EXAMPLE = 64


class Failed(BadValue):
    """A run failed; the text is for the caller alone."""

    status = 500


class Service:
    """Answers for one model; holds nothing that changes, so any number of threads may ask at once."""

    def __init__(self, session, name):
        """Raises ``Unloadable`` for a model whose inputs no request could carry, or with no output that one could."""
        self._session = session
        self._name = name
        self._path = "/v2/models/" + name
        about = session.get_modelmeta()
        self._version = str(about.version) if 0 < about.version < 2**63 - 1 else "1"
        self._inputs = [_input(item) for item in session.get_inputs()]
        self._kinds = {item.name: item.type for item in session.get_outputs() if _can_be_had(item.type)}
        self._outputs = {item.name: _output(item) for item in session.get_outputs() if _is_table_or_tensor(item.type)}
        if not self._kinds:
            raise Unloadable("the model's outputs are %s, none of which numpy can hold" % _types(session.get_outputs()))
        try:
            found = [image_tensor.picture_of(tensor, about.custom_metadata_map) for tensor in self._inputs]
        except ValueError as error:
            raise Unloadable("%s" % error) from None
        self._pictures = {picture.name: picture for picture in found if picture is not None}
        self._routes = self._routes_of()

    def inputs_of(self, path):
        """``plain_action.Inputs`` of a path, None where it predicts nothing."""
        answers = self._routes.get(path, {})
        if answers.get("POST") == self._predict and self._pictures:
            return plain_action.Inputs("POST", path, "multipart", {"image"} | set(self._pictures))
        return plain_action.Inputs("POST", path, "json") if "POST" in answers else None

    def answer(self, request):
        path = unquoted(request.path).rstrip("/") or "/"
        answers = self._routes.get(path)
        if answers is None:
            return self._nothing_at(path)
        if request.method not in answers:
            allowed = ", ".join(sorted(answers))
            refused = error_response(405, "%s is for %s." % (request.path, allowed), path=request.path)
            refused.headers.append(("Allow", allowed))
            return refused
        try:
            response = answers[request.method](request)
        except BadValue as error:
            return error_response(getattr(error, "status", 400), str(error))
        except image_tensor.NoPillow as error:
            return error_response(
                501, "Pictures can't be read here (%s). Add pillow to requirements.txt, or send JSON." % error
            )
        if request.method == "HEAD":
            response.headers.append(("Content-Length", str(len(response.body))))
            response.body = b""
        return response

    # --- what is where --------------------------------------------------------------------------------------------

    def _routes_of(self):
        """The function for each method of each path."""
        server = {"name": "modelwhisk", "version": __version__, "extensions": open_inference.EXTENSIONS}
        health = _reading(lambda: {"live": True, "ready": True})
        about = dict(_reading(self._about), POST=self._predict)
        routes = {"/": about, "/predict": about, "/v2": _reading(lambda: server)}
        routes.update({"/v2/health/live": health, "/v2/health/ready": health})
        for model in (self._path, "%s/versions/%s" % (self._path, self._version)):
            routes[model] = _reading(self._metadata)
            routes[model + "/ready"] = _reading(lambda: {"name": self._name, "ready": True})
            routes[model + "/infer"] = {"POST": self._infer}
        return routes

    def _nothing_at(self, path):
        parts = path.split("/")
        if parts[1:3] == ["v2", "models"] and parts[3:4] not in ([], [self._name]):
            return error_response(404, "There is no model %r here, only %r." % (parts[3], self._name))
        if path.startswith(self._path + "/versions/") and parts[5] != self._version:
            known = (self._name, parts[5], self._version)
            return error_response(404, "The model %r has no version %r; it has %s." % known)
        return error_response(
            404,
            "There is nothing at %s. This model answers at /, /predict, /v2, /v2/health/live, /v2/health/ready, "
            "%s, and under that /ready and /infer." % (path, self._path),
        )

    def _metadata(self):
        return {
            "name": self._name,
            "versions": [self._version],
            "platform": "onnx_onnxv1",
            "inputs": [tensor.described() for tensor in self._inputs],
            "outputs": [tensor.described() for tensor in self._outputs.values()],
        }

    def _about(self):
        about = self._metadata()
        listed = [{"name": name, "type": kind} for name, kind in self._kinds.items() if name not in self._outputs]
        if listed:
            about["other_outputs"] = listed
        about["usage"] = usage = ['POST {"inputs": {name: nested arrays}} here, or the arrays alone for one input.']
        if self._pictures:
            usage.append("POST a picture here: as the body, or as a form's file (curl -F image=@picture.png).")
        usage.append("POST %s/infer speaks the Open Inference Protocol." % self._path)
        example = {tensor.name: _example(tensor) for tensor in self._inputs}
        if None not in example.values():
            about["example"] = {"inputs": example}
        return about

    # --- predictions ----------------------------------------------------------------------------------------------

    def _infer(self, request):
        length = request.header(open_inference.LENGTH.lower())
        wanted = open_inference.inference(body_of(request), length, self._inputs, _packed(request))
        asked = wanted.outputs or [(name, wanted.binary) for name in self._outputs]
        for name, _ in asked:
            if name not in self._outputs:
                raise BadValue(self._no_output(name))
        values = self._run([name for name, _ in asked], wanted.arrays)
        outputs = []
        for name, binary in asked:
            array, parameters = _as_tensor(self._outputs[name], values[name])
            outputs.append((self._outputs[name], array, parameters, binary))
        head = {"model_name": self._name, "model_version": self._version}
        if wanted.id is not None:
            head["id"] = wanted.id
        headers, body = open_inference.response(head, outputs)
        return Response(200, headers, body)

    def _no_output(self, name):
        if name in self._kinds:
            return "The output %r is %s, which the protocol has no form for; POST /predict gives it." % (
                name,
                self._kinds[name],
            )
        return "The model has no output %r; it has %s." % (name[:80], ", ".join(map(repr, self._outputs)))

    def _predict(self, request):
        kind = request.header("content-type").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            arrays = self._from_form(request)
        elif kind.startswith("image/") or (kind == "application/octet-stream" and self._pictures):
            name = self._picture_named("")
            arrays = {name: image_tensor.array_of(self._pictures[name], body_of(request))}
        else:
            arrays = self._from_json(open_inference.loads(body_of(request), _packed(request)), _packed(request))
        values = self._run(list(self._kinds), arrays)
        texts = [
            "%s:%s" % (json.dumps(name), tensors.json_of(name, value, "double" not in self._kinds[name]))
            for name, value in values.items()
        ]
        body = ('{"outputs":{' + ",".join(texts) + "}}").encode("ascii")
        return Response(200, [("Content-Type", "application/json")], body)

    def _from_json(self, message, sent):
        if type(message) is not dict or "inputs" not in message:
            raise BadValue(
                'The body must be as {"inputs": {%s}}.' % ", ".join('"%s": …' % t.name for t in self._inputs)
            )
        given = message["inputs"]
        if type(given) is not dict:
            if len(self._inputs) != 1:
                names = ", ".join(repr(tensor.name) for tensor in self._inputs)
                raise BadValue('"inputs" must be an object with the inputs %s by their names.' % names)
            given = {self._inputs[0].name: given}
        known = {tensor.name: tensor for tensor in self._inputs}
        arrays = {}
        for name, data in given.items():
            if name not in known:
                raise BadValue("The model has no input %r; it has %s." % (name[:80], ", ".join(map(repr, known))))
            arrays[name] = tensors.from_json(known[name], data)
            open_inference.refuse_more_rows(known[name], arrays[name].shape, sent)
        return arrays

    def _picture_named(self, name):
        """The input that takes the picture of a form's field, or of the body: ""."""
        if not self._pictures:
            raise BadValue('The model takes no picture; send {"inputs": …} as application/json.')
        if name not in self._pictures:
            if len(self._pictures) > 1:
                raise BadValue(
                    "Name the picture's field after one of the inputs %s." % ", ".join(map(repr, self._pictures))
                )
            name = next(iter(self._pictures))
        return name

    def _from_form(self, request):
        """A form's files are pictures; its field ``inputs``, or one for each, may hold the others as JSON. A second
        picture for an input is refused before it is unpacked: a form may have a thousand, each of a few bytes."""
        try:
            parts = multipart.read(body_of(request), multipart.boundary_of(request.header("content-type")))
        except ValueError as error:
            raise BadValue("The form can't be read: %s." % error) from None
        known = [tensor.name for tensor in self._inputs]
        arrays = {}
        for part in parts:
            if part.file_name is not None or part.content_type.lower().startswith("image/"):
                name = self._picture_named(part.name)
                _refuse_twice(arrays, [name])
                arrays[name] = image_tensor.array_of(self._pictures[name], part.content)
            elif part.name == "inputs" or part.name in known:
                value = open_inference.loads(part.content, _packed(request))
                given = {"inputs": value if part.name == "inputs" else {part.name: value}}
                given = self._from_json(given, _packed(request))
                _refuse_twice(arrays, given)
                arrays.update(given)
        return arrays

    def _run(self, names, arrays):
        tensors.check_together(self._inputs, arrays)
        try:
            return dict(zip(names, self._session.run(names, arrays)))
        except Exception as error:
            kind = type(error).__name__
            if kind == "InvalidArgument":  # a class of a module that moves from version to version
                raise BadValue("The model refuses these inputs: %s" % error) from None
            log.line("the model failed with %s; more is in the answer" % kind)  # as a caller's own numbers may be
            raise Failed("The model failed with %s: %s" % (kind, error)) from None


def _refuse_twice(arrays, names):
    for name in names:
        if name in arrays:
            raise BadValue("The input %r is given twice." % name)


def _reading(value):
    def respond(request):
        return Response(200, [("Content-Type", "application/json")], json.dumps(value()).encode("ascii"))

    return dict.fromkeys(_READ, respond)


def _input(item):
    if item.type not in _TENSORS:
        raise Unloadable(
            "the model's input %r is %s; only tensors of bool, whole numbers, float16, float, double and string can be "
            "sent" % (item.name, item.type)
        )
    return tensors.Tensor(item.name, _TENSORS[item.type], item.shape)


def _can_be_had(kind):
    """False for what onnxruntime can't turn into numpy's, such as bfloat16: asking for it fails."""
    return "tensor(" not in kind or any(known in kind for known in _TENSORS)


def _is_table_or_tensor(kind):
    return kind in _TENSORS or kind in _TABLES


def _output(item):
    if item.type in _TABLES:
        return tensors.Tensor(item.name, _TABLES[item.type], [None, None])
    return tensors.Tensor(item.name, _TENSORS[item.type], item.shape)


def _types(items):
    return ", ".join("%s (%s)" % (item.name, item.type) for item in items)


def _as_tensor(tensor, value):
    """Array and parameters of an output in the protocol."""
    if not isinstance(value, list):
        return value, {}
    table = tensors.table_of(value)
    if table is None:
        raise tensors.NotJson(
            "The maps in the output %r have not all the same keys, so they make no tensor; POST /predict gives them."
            % tensor.name
        )
    keys, rows = table
    array = numpy.array(rows, "f4" if tensor.datatype == "FP32" else "f8").reshape(len(rows), len(keys))
    return array, {"keys": json.dumps(keys)}


def _example(tensor):
    """Nested lists that the model takes, as far as its declaration tells; None where they would be long."""
    shape = [size if isinstance(size, int) else 1 for size in tensor.dims]
    if tensors.elements(shape) > _LONGEST_EXAMPLE:
        return None
    value = {"BYTES": "text", "BOOL": False}.get(tensor.datatype, 0.0 if tensor.datatype.startswith("FP") else 0)
    for size in reversed(shape):
        value = [value] * size
    return value


def _packed(request):
    """The length of a compressed body, None of one that isn't."""
    return len(request.body) if request.header("content-encoding") else None


def body_of(request):
    """The body without its Content-Encoding. Raises ``BadValue``."""
    coding = request.header("content-encoding").strip().lower()
    if coding in ("", "identity"):
        return request.body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise BadValue("The Content-Encoding %r isn't offered here; gzip and deflate are." % coding[:80])
    most = max(_MOST_INFLATED, _MOST_RATIO * len(request.body))
    decoder = zlib.decompressobj(47)  # either format, by its header
    try:
        body = decoder.decompress(request.body, most)
    except zlib.error as error:
        raise BadValue("The body isn't %s: %s." % (coding, error)) from None
    if not decoder.eof:
        raise BadValue("The body's %s is cut off, or makes more than %d bytes." % (coding, most))
    if decoder.unused_data:
        raise BadValue("The body's %s has more after its end; send it as one." % coding)
    return body
