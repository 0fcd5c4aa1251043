"""Serves an OpenBayes ``Predictor`` (model-interfaces.md, section 4), in whatever image, with or without the platform's
own package.

Where section 4 says nothing, it is as on the platform (the behaviour of openbayes-serving 0.2, and its example models):
the service is at ``/``, GET there tells that it works, a ``str`` is text/plain, a client whose ``Accept`` prefers
MessagePack gets it, bytes within JSON are base64, the class may have another name, ``__init__`` may take ``config``.
"""

import contextlib
import inspect
import os
import sys

from .. import log
from ..formats import structured
from ..formats.flask_like import Headers, Params
from ..formats.returned import Unserialisable, as_json, as_msgpack
from ..messages import Response, error_response
from ..plain_action import Inputs
from ..wsgi_gateway import call, environ_of
from . import Unloadable
from .awaiting import Loop
from .loading import module_in

_OF_INIT = ("onnx", "config")
_OF_PREDICT = ("json", "payload", "data", "params", "headers", "request")
_OF_THE_BODY = frozenset(("json", "payload", "data"))
_METHODS = ("GET", "HEAD", "OPTIONS", "POST")
_WORKS = b'{"message":"The service works. Send a POST request to this address for a prediction."}'


class Host:
    default_path = "/"

    def __init__(self, settings):
        file, _, self._class_name = (settings.target or "predictor.py").partition(":")
        self._path = os.path.abspath(file)  # now, since loading changes the directory
        self._folder = os.path.dirname(self._path)
        self._multithread = settings.concurrency > 1
        self._predict = None
        self._model = None
        self._parameters = ()
        self._flask = None
        self._loop = Loop()

    def load(self):
        """Imports predictor.py in its folder and makes the Predictor. Raises what they raise, ``Unloadable`` where
        there is none or where it asks for what isn't known."""
        if not os.path.isfile(self._path):
            raise Unloadable("there is no file %s" % self._path)
        os.chdir(self._folder)
        module, handed_over = _imported(self._path)
        predictor = _class_of(module, self._class_name, handed_over)
        name = getattr(predictor, "__name__", "the Predictor")
        parameters = _parameters(predictor, name, _OF_INIT)
        model = _called(predictor, parameters, {"onnx": self._session, "config": _config})
        predict = getattr(model, "predict", None)
        if not callable(predict):
            raise Unloadable("%s has no method predict" % name)
        self._parameters = _parameters(predict, "predict", _OF_PREDICT)
        self._flask = _flask_app(self._path, self._parameters)
        self._predict = predict
        self._model = model

    def handle(self, request):
        answer = self._without_predicting(request)
        if answer is not None:
            return answer
        if not self._multithread:
            _enter(self._folder)
        environ = environ_of(request, self._multithread)
        context = self._flask.request_context(environ) if self._flask else contextlib.ExitStack()
        try:
            with context:
                result = _called(self._predict, self._parameters, _supplies(request, environ))
                return self._response(self._loop.finished(result), request)
        except structured.Unparsable as error:
            return error_response(400, str(error))
        except Exception as error:
            if hasattr(error, "get_response") and hasattr(error, "code"):  # Werkzeug's: abort(), a missing form field
                return self._response_of_error(error, request)
            raise

    def describe(self, mount, path):
        names = {parameter.name for parameter in self._parameters}
        if names & _OF_THE_BODY or not names & {"request", "params"}:
            return Inputs("POST", "/", "json")
        return None if "request" in names else Inputs("POST", "/", "query")

    def embedder(self, name):
        """A function of a request that calls the Predictor's method ``name`` as its ``predict`` is called. Raises
        ``Unloadable``."""
        method = getattr(self._model, name, None)
        if not callable(method):
            raise Unloadable("the Predictor has no method %s" % name)
        parameters = _parameters(method, name, _OF_PREDICT)

        def embed(request, *_):
            environ = environ_of(request, True)
            with self._flask.request_context(environ) if self._flask else contextlib.ExitStack():
                return self._loop.finished(_called(method, parameters, _supplies(request, environ)))

        return embed

    def close(self):
        self._predict = self._model = None
        self._loop.close()

    def _session(self):
        """What ``onnx`` stands for: the only model file beside predictor.py, loaded."""
        names = sorted(name for name in os.listdir(self._folder) if name.endswith(".onnx"))
        if not names:
            raise _Lacking("the Predictor takes onnx, but there is no *.onnx in %s" % self._folder)
        if len(names) > 1:
            raise Unloadable("the Predictor takes onnx, but there are %s: keep one" % ", ".join(names))
        try:
            import onnxruntime
        except ImportError:
            raise Unloadable("the Predictor takes onnx, and onnxruntime isn't installed in this image") from None
        there = onnxruntime.get_available_providers()
        wanted = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in there]
        return onnxruntime.InferenceSession(os.path.join(self._folder, names[0]), providers=wanted)

    def _without_predicting(self, request):
        if not request.default and request.path != "/":
            return error_response(404, "There is nothing at %s: the model is at /." % request.path[:200])
        if request.method not in _METHODS:
            response = error_response(405, "The model takes POST, not %s." % request.method)
        elif request.method == "OPTIONS":
            response = Response(200, [("Content-Type", "text/plain; charset=utf-8")], b"")
        elif request.method == "POST" or request.body or not self._needs_body():
            return None
        else:
            return Response(200, [("Content-Type", "application/json")], _WORKS)
        response.headers.append(("Allow", ", ".join(_METHODS)))
        return response

    def _needs_body(self):
        return any(parameter.name in _OF_THE_BODY for parameter in self._parameters)

    def _response(self, result, request):
        if hasattr(result, "get_wsgi_headers"):  # flask.Response: a WSGI application (Werkzeug, wrappers)
            return call(result, request, self._multithread)
        if isinstance(result, str):
            return Response(200, [("Content-Type", "text/plain; charset=utf-8")], result.encode("utf-8", "replace"))
        if isinstance(result, (bytes, bytearray, memoryview)):
            return Response(200, [("Content-Type", "application/octet-stream")], bytes(result))
        kind = structured.preferred(request)
        try:
            body = as_json(result) if kind == "application/json" else as_msgpack(result)
        except Unserialisable as error:
            sentence = "The model's predict returned what can't be sent as %s: %s."
            log.line(sentence % (kind, "in it is " + error.what))
            return error_response(500, sentence % (kind, error))
        return Response(200, [("Content-Type", kind)], body)

    def _response_of_error(self, error, request):
        if getattr(error, "response", None) is not None:  # abort(a response)
            return self._response(error.response, request)
        sentence = error.description or error.name
        if isinstance(error, KeyError) and error.args:
            sentence += " It has no %r." % error.args[0]
        response = error_response(error.code or 500, sentence)
        own = [(str(name), str(value)) for name, value in error.get_headers()]  # of the model's making
        response.headers.extend(pair for pair in own if pair[0].lower() != "content-type")
        return response


# --- loading ------------------------------------------------------------------------------------------------------


class _Handed(BaseException):
    """Ends a predictor.py that runs ``serv.run(Predictor)`` unguarded, where the server would have begun to serve."""


def _imported(path):
    """The module of a predictor.py, and the class that it gave to ``serv.run`` while it was imported, or None."""
    name = os.path.splitext(os.path.basename(path))[0]
    handed_over = [None]

    def run(predictor_cls, *_, **__):
        handed_over.append(predictor_cls)
        raise _Handed

    folder = os.path.dirname(path)
    if folder not in sys.path[:1]:
        sys.path.insert(0, folder)
    _serving_package().run = run
    return module_in(path, name, (_Handed,), as_main=True), handed_over[-1]


def _serving_package():
    """``openbayes_serving``: the image's, or what stands in for it."""
    try:
        import openbayes_serving

        return openbayes_serving
    except Exception:  # not there, or at odds with the image's Flask: nothing of it is needed
        from importlib.machinery import ModuleSpec

        stand_in = type(sys)("openbayes_serving", "Stands in for the platform's package, which isn't installed here.")
        stand_in.__spec__ = ModuleSpec("openbayes_serving", None)
        stand_in.emit_event = _emit_event
        sys.modules["openbayes_serving"] = stand_in
        return stand_in


def _emit_event(name, data):
    """The platform keeps events for its console; here they are only named in the log."""
    log.line("event %s (%s), which is kept nowhere" % (name, type(data).__name__))


def _class_of(module, name, handed_over):
    """The class to serve: the one named by the target, else handed over to ``serv.run``, else ``Predictor``, else the
    only one of the module that predicts (examples of OpenBayes have ``PythonPredictor``)."""
    if handed_over is not None and not name:
        return handed_over
    found = getattr(module, name or "Predictor", None)
    if callable(found):
        return found
    others = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__ and hasattr(thing, "predict")
    ]
    if len(others) == 1 and not name:
        return others[0]
    raise Unloadable(
        "there is no class %s in %s%s"
        % (
            name or "Predictor",
            module.__file__,
            "; with a predict it has %s, choose by MODELPROXY_TARGET=%s:NAME"
            % (", ".join(thing.__name__ for thing in others), os.path.basename(module.__file__))
            if others
            else "",
        )
    )


class _Lacking(Unloadable):
    """What a parameter asks for isn't there, which does no harm where the parameter has a default."""


def _parameters(function, title, known):
    """The parameters of a function to care for. Raises ``Unloadable`` where it needs others than the known ones; those
    that have a default are left alone, ``*args`` and ``**kwargs`` get nothing."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a class made in C tells nothing
        return []
    named = [each for each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    unknown = [each.name for each in named if each.name not in known and each.default is each.empty]
    if unknown:
        raise Unloadable("%s takes %s; the names known there are %s" % (title, ", ".join(unknown), ", ".join(known)))
    return [each for each in named if each.name in known or each.kind == each.POSITIONAL_ONLY]


def _called(function, parameters, supplies):
    """Calls a function with what its parameters' names stand for."""
    positional, keywords = [], {}
    for parameter in parameters:
        value = parameter.default
        if parameter.name in supplies:
            try:
                value = supplies[parameter.name]()
            except (_Lacking, structured.Empty):
                if value is parameter.empty:
                    raise
        if parameter.kind == parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            keywords[parameter.name] = value
    return function(*positional, **keywords)


def _config():
    """What ``config`` stands for, on which predictors of the platform set the server's limits; here settings do."""
    config = type("Config", (), {"limit_concurrency": lambda self, number: None})
    return config()


def _flask_app(path, parameters):
    """A Flask application for its contexts, None where the predictor has nothing to do with Flask."""
    wants_request = [each for each in parameters if each.name == "request"]
    if not wants_request and "flask" not in sys.modules:
        with open(path, "rb") as source:
            if b"flask" not in source.read():
                return None
    try:
        import flask
    except ImportError:
        if wants_request and wants_request[0].default is inspect.Parameter.empty:
            raise Unloadable("predict takes request, and Flask isn't installed in this image") from None
        return None
    return flask.Flask("predictor")


# --- one request --------------------------------------------------------------------------------------------------


def _enter(folder):
    """Goes back to the model's folder, whatever an earlier prediction did: left it, or removed it."""
    try:
        if not os.path.isdir(folder):
            os.makedirs(folder)
        os.chdir(folder)
    except OSError:
        return  # the model may well do without


def _supplies(request, environ):
    return {
        "json": lambda: structured.value_of(request),
        "payload": lambda: _payload(request),
        "data": lambda: request.body,
        "params": lambda: Params(request.query),
        "headers": lambda: Headers(environ),
        "request": _flask_request,
    }


def _flask_request():
    try:
        import flask
    except ImportError:
        raise _Lacking("Flask isn't installed in this image") from None
    return flask.request._get_current_object()


def _payload(request):
    try:
        return structured.value_of(request)
    except structured.Unparsable:
        return request.body
