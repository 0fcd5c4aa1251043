"""The vector of one prediction, from what was asked, what was answered and what the model computed meanwhile."""

import os
from operator import attrgetter

from ..formats import json_text
from . import inputs, pointer
from .declaration import in_words
from .onnx_layer import Layer
from .runs import Runs

_READING = ("GET", "HEAD", "OPTIONS")


class NoVector(ValueError):
    """There is no vector for this prediction; the text says why."""


class Embedding:
    """Of a declaration that is checked.

    is_slow     True where it may take any time, so that a thread of its own is the place for it.
    uses_model  True where it may ask the model, which is to be asked by one at a time: nothing is predicted meanwhile.
    """

    def __init__(self, declaration, several, digests=()):
        self._declaration = declaration
        self._kind = declaration["kind"]
        self._runs = Runs(several) if self._kind == "onnx-layer" else None
        self._layer = Layer(declaration, self._runs.add, digests) if self._runs else None
        self._embed = None
        self._content_of = attrgetter("body")
        self.is_slow = self._kind in ("function", "method", "picture")
        self.uses_model = not several and self.is_slow and self._kind != "picture"

    def before_loading(self):
        """Called before anything of the model is imported."""
        if self._layer is not None:
            self._layer.install()

    def loaded(self, host):
        """Called once the model is loaded. Raises ``NoVector`` where the declaration doesn't fit it, and whatever an
        import of the user's raises."""
        self._content_of = getattr(host, "content_of", self._content_of)
        if self._kind == "function":
            from ..hosts.loading import attribute_of

            self._embed = attribute_of(self._declaration["target"])
        elif self._kind == "method":
            embedder = getattr(host, "embedder", None)
            if embedder is None:
                raise NoVector("only a Predictor or a Deployment has methods to call")
            self._embed = embedder(self._declaration["name"])
        elif self._kind == "picture":
            from . import picture

            self._embed = picture.embedding

    @property
    def layer(self):
        """(name, file) of the layer that was found, None so far."""
        found = self._layer
        return (found.name, found.file) if found is not None and found.name is not None else None

    def begin(self):
        """Called before a request goes to the model."""
        if self._runs is not None:
            self._runs.begin()

    def computed(self):
        """What the model computed for the request, whose thread this is; to be given to ``vector``."""
        return self._runs.taken() if self._runs is not None else ()

    def vector(self, request, answer, computed, until=float("inf")):
        """A sequence of numbers, None where the answer is to no prediction. Raises ``NoVector``, or what the user's
        function raises.

        answer   the body of a 2xx answer; or the value of one that is given without HTTP, and ``request`` its input.
        until    the ``monotonic()`` time from which on nobody waits for it.
        """
        if self._kind == "onnx-layer":
            return self._of_layer(request, computed)
        if self._kind == "answer":
            return self._of_answer(request, answer)
        if getattr(request, "method", "POST") in _READING:
            return None
        if self._kind == "method":
            return as_vector(self._embed(request, until))
        try:
            given = inputs.input_of(request, self._content_of(request)) if hasattr(request, "method") else request
            if self._kind == "picture":
                given = inputs.picture_in(given)
        except inputs.NoInput as error:
            raise NoVector(str(error)) from None
        return as_vector(self._embed(given))

    def _of_layer(self, request, computed):
        if not computed:
            if getattr(request, "method", "POST") in _READING:
                return None
            if self._layer.name is None:
                raise NoVector(self._layer.trouble or "no onnxruntime session of the model was made in this process")
            raise NoVector("the model didn't run for this answer, or not by InferenceSession.run")
        import numpy

        rows = [_rows(value) for value in computed]
        if len(rows) == 1 and len(rows[0]) == 1:
            return rows[0][0]
        if len({row.shape[1] for row in rows}) != 1:
            raise NoVector("the layer's runs for this answer have not all the same size")
        return numpy.concatenate(rows).mean(axis=0)

    def _of_answer(self, request, answer):
        try:
            value = json_text.loads(answer.decode("utf-8")) if isinstance(answer, bytes) else answer
            return pointer.vector_at(value, self._declaration["pointer"], self._declaration["by"])
        except (ValueError, RecursionError) as error:  # NotThere too
            if getattr(request, "method", "POST") in _READING:
                return None
            raise NoVector(str(error)) from None

    def __str__(self):
        found = self.layer
        if found is None:
            return in_words(self._declaration)
        return "the layer %s%s" % (found[0], " of " + os.path.basename(found[1]) if found[1] else "")


def _rows(value):
    """A layer's value as rows of numbers: one for each input, the mean over its places where it has those."""
    import numpy

    try:
        numbers = numpy.asarray(value, "f4")
    except (TypeError, ValueError):
        raise NoVector("the layer's values are no numbers") from None
    if numbers.ndim == 0 or numbers.size == 0:
        raise NoVector("the layer has no values")
    if numbers.ndim == 1:
        return numbers[None]
    if numbers.ndim == 3:
        return numbers.mean(axis=1)
    return numbers.reshape(numbers.shape[:2] + (-1,)).mean(axis=2) if numbers.ndim > 3 else numbers


def as_vector(returned):
    """What a user's function returned as a sequence of numbers: rows are averaged, whatever has ``tolist`` is taken for
    an array. Raises ``NoVector``."""
    if hasattr(returned, "astype") and hasattr(returned, "reshape") and returned.ndim and returned.size:
        # Numpy's, which as lists would take 15 times their memory.
        returned = returned.reshape(-1, returned.shape[-1]).mean(axis=0, dtype="f8")
    if getattr(returned, "ndim", 0) == 1 and hasattr(returned, "dtype") and hasattr(returned, "astype"):
        return returned.astype("f4")
    if hasattr(returned, "tolist"):
        returned = returned.tolist()
    try:
        return pointer.vector_at(_plain(returned), "")
    except pointer.NotThere:
        raise NoVector("what was returned for the input, %s, is no vector" % type(returned).__name__) from None


def _plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
