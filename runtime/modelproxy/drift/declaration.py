"""What vector stands for an input, as a JSON object with a ``kind``. Read and checked; pure.

``onnx-layer``  ``model`` (a file, or null for the only one), ``layer`` (a tensor's name, or null: found in the graph).
``function``    ``target``, ``module:function``, called with the input: bytes, or the value of a JSON body.
``method``      ``name``, of the Predictor or Deployment, called as its predict or request is.
``answer``      ``pointer`` (RFC 6901) to a vector in the model's JSON; a part ``*`` stands for every element, sorted
                ``by`` a key where one is named.
``picture``     ``version`` of the general embedding of pictures.
"""

import json
import re

PICTURE_VERSION = 1

_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*\Z")
_TEXT = "text"
_MAYBE = "text or null"
# Each kind's fields: what they are, and their default (absent: they are needed).
_FIELDS = {
    "onnx-layer": {"model": (_MAYBE, None), "layer": (_MAYBE, None)},
    "function": {"target": (_TEXT,)},
    "method": {"name": (_TEXT, "embed")},
    "answer": {"pointer": (_TEXT,), "by": (_MAYBE, None)},
    "picture": {"version": ("number", PICTURE_VERSION)},
}
KINDS = tuple(_FIELDS)


class Malformed(ValueError):
    """The declaration is none; the text says why."""


def read(text):
    """The declaration that a JSON text holds, checked. Raises ``Malformed``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("the declaration of the embedding isn't JSON: %s" % error) from None
    return checked(value)


def checked(value):
    """The declaration with all fields of its kind, in a fixed order. Raises ``Malformed``."""
    if type(value) is not dict:
        raise Malformed("the declaration of the embedding must be a JSON object, this is %s" % type(value).__name__)
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Malformed("the embedding's kind is %r; there are %s" % (kind, ", ".join(KINDS)))
    fields = _FIELDS[kind]
    unknown = sorted(set(value) - set(fields) - {"kind"})
    if unknown:
        raise Malformed("an embedding of kind %s has no field %s" % (kind, ", ".join(unknown)))
    declaration = {"kind": kind}
    for name, rule in fields.items():
        if name not in value and len(rule) == 1:
            raise Malformed("an embedding of kind %s needs %r" % (kind, name))
        declaration[name] = _field(kind, name, value.get(name, rule[-1]), rule[0])
    _check_grammar(declaration)
    return declaration


def _field(kind, name, value, what):
    is_absent = what == _MAYBE and value is None
    if not is_absent and not (type(value) is int if what == "number" else isinstance(value, str)):
        raise Malformed("the field %r of an embedding of kind %s must be %s, not %r" % (name, kind, what, value))
    return value


def _check_grammar(declaration):
    kind = declaration["kind"]
    if kind == "function" and not _TARGET.match(declaration["target"]):
        raise Malformed("the function %r is not written as module:function" % declaration["target"])
    if kind == "method" and not _NAME.match(declaration["name"]):
        raise Malformed("%r can't be the name of a method" % declaration["name"])
    if kind == "answer" and not _POINTER.match(declaration["pointer"]):
        raise Malformed("%r is no JSON pointer (RFC 6901); one is as /predictions/0/embedding" % declaration["pointer"])
    if kind == "picture" and declaration["version"] != PICTURE_VERSION:
        raise Malformed(
            "the embedding of pictures has the version %d, here it is %d: use a tool and an image of the same release"
            % (declaration["version"], PICTURE_VERSION)
        )


def in_words(declaration):
    """The declaration as a person would say it, for logs and reports."""
    kind = declaration["kind"]
    if kind == "onnx-layer":
        layer = "the layer %s" % declaration["layer"] if declaration["layer"] else "an inner layer"
        return layer + (" of %s" % declaration["model"] if declaration["model"] else "")
    if kind == "function":
        return "the function " + declaration["target"]
    if kind == "method":
        return "the method " + declaration["name"]
    if kind == "answer":
        return "%s in the model's answer" % (declaration["pointer"] or "all")
    return "the general embedding of pictures"
