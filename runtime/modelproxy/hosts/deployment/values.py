"""UbiOps' data types and the values that have them. Pure."""

from ...messages import BadValue

_WORDS = {
    "int": "int (a whole number)",
    "double": "double (a number)",
    "string": "string (a text)",
    "bool": "bool (true or false)",
    "dict": "dict (an object)",
    "file": "file",
    "blob": "file",
    "any": "any",
}
_KNOWN = ((bool, "bool"), (int, "int"), (float, "double"), (str, "string"), (dict, "dict"), ((list, tuple), "array"))


class Mismatch(BadValue):
    """A value that its field can't have; ``details`` name the field, what was wanted and what was got."""

    def __init__(self, sentence, logged="", **details):
        BadValue.__init__(self, sentence, logged)
        self.details = details


class File:
    """A file's ``content``, its ``name`` without folders, its ``media_type``."""

    __slots__ = ("content", "media_type", "name")

    def __init__(self, content, name, media_type="application/octet-stream"):
        self.content = content
        self.name = name
        self.media_type = media_type


def checked(value, field, side, file_of):
    """``value`` as ``field`` has it, numbers of a double as float, files as ``file_of(field, value)`` makes them.

    Raises ``Mismatch``. ``side`` is "input" or "output"."""
    if not field.is_array:
        return _element(value, field, side, field.name, file_of)
    if not isinstance(value, (list, tuple)):
        raise mismatch(field, side, field.name, value, "%s (a list of %s)" % (field.data_type, field.element))
    return [_element(item, field, side, "%s[%d]" % (field.name, at), file_of) for at, item in enumerate(value)]


def _element(value, field, side, where, file_of):
    element = field.element
    if field.is_file:
        made = file_of(field, value)
        if made is None:
            raise mismatch(field, side, where, value, _WORDS[element])
        return made
    if not _fits(element, value):
        raise mismatch(field, side, where, value, _WORDS[element])
    if element == "double":
        try:
            value = float(value)
        except OverflowError:
            value = float("inf")
    refuse_flaws(value, where, "The %s field %s" % (side, where), field=field.name, wanted=field.data_type)
    return value


def _fits(element, value):
    if element == "any":
        return True
    if isinstance(value, bool):
        return element == "bool"
    types = {"int": int, "double": (int, float), "string": str, "dict": dict}
    return isinstance(value, types.get(element, ()))


def mismatch(field, side, where, value, wanted):
    got = name_of(value)
    shown = " %s" % repr(value)[:60] if isinstance(value, (bool, int, float, str)) else ""
    sentence = "The %s field %s must be %s; got %s" % (side, where, wanted, got)
    return Mismatch(
        "%s%s." % (sentence, shown),
        sentence + ".",
        field=field.name,
        wanted=field.data_type,
        got=got,
    )


def name_of(value):
    """The type of a value in UbiOps' words, else in Python's."""
    if value is None:
        return "null"
    if isinstance(value, File):
        return "file"
    for kind, name in _KNOWN:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def refuse_flaws(value, where, whose, **details):
    """Raises ``Mismatch`` where JSON can't hold ``value``."""
    try:
        found = _flaw(value)
    except RecursionError:
        found = "", "is nested too deeply, or holds itself", ""
    if found is not None:
        place, what, key = found
        sentence = whose + " can't be written as JSON: %s %s%s."
        raise Mismatch(sentence % (where + place, what, key), sentence % ("what is in it", what, ""), **details)


def _flaw(value):
    """Where it is, what, and a key that tells more; None for nothing."""
    if isinstance(value, dict):
        strange = [key for key in value if not isinstance(key, str)]
        if strange:
            return "", "has a key that is no text", ": %.40r" % (strange[0],)
        inside = ((".%s", key, item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        inside = (("[%d]", at, item) for at, item in enumerate(value))
    elif isinstance(value, float) and value - value != 0:
        return "", "is %r" % value, ""
    elif value is None or isinstance(value, (str, int, float)):
        return None
    else:
        return "", "is of the type %s" % type(value).__name__, ""
    for form, place, item in inside:
        found = _flaw(item)
        if found is not None:
            return (form % place + found[0],) + found[1:]
    return None
