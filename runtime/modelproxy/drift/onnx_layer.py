"""An inner layer of an ONNX model, out of the same run as the prediction and without touching the file.

``onnxruntime.InferenceSession`` is replaced by a class of the same name when onnxruntime is imported, by whomever. A
session of the declared model gets the layer as one more output; who asks for outputs doesn't see it, and it is taken
out of what ``run`` returns. Whatever goes wrong with that, the session is made as it would have been.
"""

import hashlib
import os
import sys

from .. import log
from .onnx_graph import Graph, NoLayer, output_added

# What protobuf, and so a model in memory, can hold.
LARGEST = 2**31 - 1
_MODULE = "onnxruntime"


class Unusable(ValueError):
    """The layer can't be had of this model; the text says why."""


class Layer:
    """The layer of a declaration.

    record    called with the layer's value after each run, in the thread of the run.
    digests   SHA-256 (hex) that the model's file may have; none: any.
    name      of the layer, once a session has been made with it; ``file`` is the model's then.
    trouble   why it can't be had, "" so far.
    """

    def __init__(self, declaration, record, digests=()):
        self._model, self._wanted = declaration["model"], declaration["layer"]
        self._digests = frozenset(digests)
        self._folder = os.getcwd()
        self.record = record
        self.name = None
        self.file = None
        self.trouble = ""

    def install(self):
        """Watches for the sessions that will be made."""
        if _MODULE in sys.modules:
            _replace(sys.modules[_MODULE], self)
        else:
            sys.meta_path.insert(0, _Importer(self))

    def prepared(self, model, options, make_options):
        """What a session is to be made of, and its options, or None where it isn't the declared model's. Raises
        ``Unusable``, ``OSError``."""
        if self.name is not None or not self._is_meant(model):
            return None
        content = self._content(model)
        digest = hashlib.sha256(content).hexdigest()
        if self._digests and digest not in self._digests:
            if self._model is None:
                return None  # one of several models, perhaps
            raise Unusable("%s isn't the model that the reference was made with" % self._model)
        try:
            graph = Graph(content)
            name = graph.layer(self._wanted)
        except NoLayer as error:
            if self._wanted is not None and self._model is None:
                return None
            raise Unusable(str(error)) from None
        except ValueError as error:
            raise Unusable(str(error)) from None
        if name in graph.outputs:
            return name, model, options, False
        if graph.is_split:
            if not isinstance(model, str):
                raise Unusable("its weights lie in other files, and it was loaded from memory")
            options = make_options() if options is None else options
            folder = os.path.dirname(os.path.abspath(model))
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
        return name, output_added(content, name), options, True

    def _is_meant(self, model):
        if self._model is None or isinstance(model, bytes):
            return True
        return os.path.abspath(model) == os.path.join(self._folder, self._model) or (
            os.path.basename(model) == os.path.basename(self._model)
        )

    def _content(self, model):
        if isinstance(model, bytes):
            return model
        if os.path.getsize(model) > LARGEST:
            raise Unusable("%s is larger than the 2 GB that a model in memory can have" % os.path.basename(model))
        with open(model, "rb") as file:
            return file.read()


class _Importer:
    """Lets onnxruntime be found as ever (PEP 451), and replaces its class when it has been imported."""

    def __init__(self, layer):
        self._layer = layer

    def find_spec(self, name, path=None, target=None):
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._layer)
        return spec


class _Loader:
    def __init__(self, loader, layer):
        self._loader, self._layer = loader, layer

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        _replace(module, self._layer)


def _replace(module, layer):
    plain = getattr(module, "InferenceSession", None)
    if plain is not None:
        module.InferenceSession = _watched(plain, layer, module.SessionOptions)


def _watched(plain, layer, make_options):
    """The class that stands for ``plain``, onnxruntime's own."""

    class InferenceSession(plain):
        __doc__ = plain.__doc__
        _drift_layer = None
        _drift_hidden = False

        def __init__(self, path_or_bytes, sess_options=None, *args, **kwargs):
            changed = _or_none(layer, path_or_bytes, sess_options, make_options)
            if changed is not None:
                name, model, options, hidden = changed
                try:
                    plain.__init__(self, model, options, *args, **kwargs)
                except Exception as error:
                    _give_up(layer, "onnxruntime refuses the layer %s as an output: %s" % (name, error))
                else:
                    self._drift_layer, self._drift_hidden = name, hidden
                    layer.name = name
                    layer.file = path_or_bytes if isinstance(path_or_bytes, str) else None
                    return
            plain.__init__(self, path_or_bytes, sess_options, *args, **kwargs)

        def get_outputs(self):
            hidden = self._drift_layer if self._drift_hidden else None
            return [item for item in plain.get_outputs(self) if item.name != hidden]

        def run(self, output_names, input_feed, run_options=None):
            name = self._drift_layer
            if name is None:
                return plain.run(self, output_names, input_feed, run_options)
            names = list(output_names) if output_names else [item.name for item in self.get_outputs()]
            values = plain.run(self, names + [name], input_feed, run_options)
            layer.record(values[-1])
            return values[:-1]

    InferenceSession.__name__ = InferenceSession.__qualname__ = plain.__name__
    InferenceSession.__module__ = plain.__module__
    return InferenceSession


def _or_none(layer, model, options, make_options):
    try:
        model = os.fspath(model) if hasattr(model, "__fspath__") else model
        return layer.prepared(model, options, make_options)
    except Exception as error:
        _give_up(layer, str(error) or type(error).__name__)
        return None


def _give_up(layer, reason):
    layer.trouble = reason
    log.line("drift: the layer can't be had: %s" % reason)
