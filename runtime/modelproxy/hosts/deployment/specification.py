"""What a deployment takes and gives, read from the files beside deployment.py.

These are read, fields in any of UbiOps' ways to write them, and the later ones have the last word:

1. ``deployment.yaml`` or ``.yml`` (``ubiops deployments get`` writes it; needs PyYAML), ``deployment.json``,
   ``specification.json``: an object with ``deployment_name``, ``version_name``, ``input_type``, ``output_type``
   ("structured" or "plain"), ``input_fields``, ``output_fields``; also ``name``, ``version``, ``inputs``, ``outputs``.
   Those beside a folder ``deployment_package`` are read as well.
2. ``input_specification.json`` and ``output_specification.json`` (or ``…_spec``, ``…_fields``): a list of fields
   ``{"name": "img", "id": "0000", "data_type": {"value": "file"}}``; the type may be the bare word, ``required`` false
   allows null, ``default`` is taken where an input is missing.

Where none says which fields there are, they aren't checked.
"""

import json
import os
import re

from .. import Unloadable

STRUCTURED, PLAIN = "structured", "plain"
PACKAGE = "deployment_package"  # as UbiOps calls the folder; what UbiOps' command line writes lies beside it
ARRAY = "array_"
FILES = ("file", "blob")  # the second is what UbiOps called it first
_ELEMENTS = frozenset(("int", "double", "string", "bool", "dict", "any") + FILES)
_WHOLE = re.compile(r"(?:deployment|(?:deployment_)?specifications?)\.(?:json|ya?ml)\Z")
_SIDE = re.compile(r"(input|output)_(?:spec(?:ification)?s?|fields)\.(?:json|ya?ml)\Z")


def _values_in(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_values_in, inner))


class Field:
    """``name``, ``id`` ("" for none), ``data_type`` as UbiOps spells it, whether ``required``, ``default``, and how
    many ``values`` are in that, itself counted."""

    __slots__ = ("data_type", "default", "description", "id", "name", "required", "values")

    def __init__(self, name, data_type, identity="", required=True, default=None, description=""):
        self.name = name
        self.data_type = data_type
        self.id = identity
        self.required = required
        self.default = default
        self.values = _values_in(default)
        self.description = description

    @property
    def is_array(self):
        return self.data_type.startswith(ARRAY)

    @property
    def element(self):
        """The type of one value: of an array's items, else the field's own."""
        return self.data_type[len(ARRAY) :] if self.is_array else self.data_type

    @property
    def is_file(self):
        return self.element in FILES

    def written(self):
        """As a specification has it."""
        shown = {"name": self.name, "data_type": self.data_type}
        for key, value in (("id", self.id), ("description", self.description), ("default", self.default)):
            if value not in ("", None):
                shown[key] = value
        if not self.required:
            shown["required"] = False
        return shown


class Side:
    """The input or the output: ``type`` ("structured", "plain", "" where nothing says so) and ``fields`` in order, None
    where they aren't known."""

    __slots__ = ("fields", "type")

    def __init__(self):
        self.type = ""
        self.fields = None

    @property
    def is_plain(self):
        return self.type == PLAIN

    def field(self, key):
        """The field of that name, else of that id, or None."""
        for attribute in ("name", "id"):
            for field in self.fields or ():
                if getattr(field, attribute) == key:
                    return field
        return None

    def written(self):
        return [field.written() for field in self.fields or ()]


class Specification:
    """``deployment`` and ``version``, "" where nothing says so, and the sides ``input`` and ``output``."""

    def __init__(self):
        self.deployment = ""
        self.version = ""
        self.input = Side()
        self.output = Side()

    def written(self):
        """As one JSON object; ``input_fields`` is null where the fields aren't known."""
        shown = {"deployment": self.deployment, "version": self.version}
        for name, side in (("input", self.input), ("output", self.output)):
            shown[name + "_type"] = side.type or STRUCTURED
            shown[name + "_fields"] = None if side.fields is None else side.written()
        return shown


def read(folder):
    """The ``Specification`` of the package in a folder, and sentences for the log. Raises ``Unloadable``."""
    found, remarks = Specification(), []
    if os.path.basename(folder) == PACKAGE:
        _read(os.path.dirname(folder), found, remarks)
    _read(folder, found, remarks)
    return found, remarks


def _read(folder, found, remarks):
    names = sorted(os.listdir(folder))
    for name in sorted(filter(_WHOLE.match, names), key=lambda name: not name.startswith("deployment.")):
        _take(found, name, _document(os.path.join(folder, name), remarks))
    for name in filter(_SIDE.match, names):
        document = _document(os.path.join(folder, name), remarks)
        if document is not None:
            side = getattr(found, name.partition("_")[0])
            side.fields = _fields(name, document)
            side.type = STRUCTURED


def _document(path, remarks):
    """The content of a file, None where it can't be had here."""
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            if path.endswith(".json"):
                return json.load(file)
            try:
                import yaml
            except ImportError:
                remarks.append("%s isn't read, since this image has no PyYAML; write it as JSON" % name)
                return None
            return yaml.safe_load(file)
    except Exception as error:  # PyYAML has errors of its own
        raise Unloadable("%s can't be read: %s" % (name, error)) from None


def _take(found, file, document):
    if not isinstance(document, dict):
        return
    found.deployment = str(document.get("deployment_name", document.get("name", found.deployment)) or "")
    found.version = str(document.get("version_name", document.get("version", found.version)) or "")
    for name, side in (("input", found.input), ("output", found.output)):
        stated = document.get(name + "_type", side.type)
        if stated not in (STRUCTURED, PLAIN, ""):
            raise Unloadable("%s: the %s_type is %r; there are structured and plain" % (file, name, stated))
        side.type = stated
        stated = [document[key] for key in (name + "_fields", name + "s", name) if document.get(key) is not None]
        if stated and not side.is_plain:
            side.fields = _fields(file, stated[0])
            side.type = STRUCTURED


def _fields(file, items):
    if isinstance(items, dict):
        items = items.get("fields", items)
    if not isinstance(items, list):
        raise Unloadable("%s: the fields are no list" % file)
    fields = [_field(file, item) for item in items]
    for key in ("name", "id"):
        values = [getattr(field, key) for field in fields if getattr(field, key)]
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise Unloadable("%s: two fields have the %s %r" % (file, key, twice[0]))
    return fields


def _field(file, item):
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str) or not name:
        raise Unloadable("%s: a field has no name: %s" % (file, json.dumps(item, default=str)[:80]))
    data_type = item.get("data_type", "any")
    if isinstance(data_type, dict):
        data_type = data_type.get("value")
    bare = str(data_type)
    if (bare[len(ARRAY) :] if bare.startswith(ARRAY) else bare) not in _ELEMENTS:
        raise Unloadable(
            "%s: the field %s has the unknown data type %r; UbiOps' are int, double, string, bool, dict, file and "
            "arrays of them, as array_int" % (file, name, data_type)
        )
    required = item.get("required", "default" not in item)
    identity = item.get("id", "")
    default, description = item.get("default"), item.get("description") or ""
    return Field(name, bare, str(identity if identity is not None else ""), required is not False, default, description)
