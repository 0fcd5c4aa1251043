"""What ``request`` returned → the answer.

Structured output: a dict keyed by the fields' names or ids, checked against their types; a file is a path, or UbiOps'
``{"file": path}``. Exactly one field that is a file is answered by its bytes, several or mixed ones by JSON with
``data:`` URLs, or by multipart where the caller's Accept asks for it. Where the fields aren't known, files are the
values at the top level that name a file in the request's directory. Plain output: text.
"""

import json
import os

from ...formats import data_url, multipart
from ...media_types import LONGEST
from ...messages import Response
from .values import File, Mismatch, checked, mismatch, name_of, refuse_flaws

_JSON = "application/json"
_FORM, _MIXED = "multipart/form-data", "multipart/mixed"
# Bytes of files that one answer names more than once, and of their fields' names, which a form repeats: by words of its
# caller's that it gives back, perhaps.
_MOST_AGAIN = 8 * 1024 * 1024
# Bytes of a list's answers, as a web server; in an action it is four times what the platform passes on.
_MOST_LISTED = 64 * 1024 * 1024
# For a ``File`` its data: URL.
_written = json.JSONEncoder(allow_nan=False, default=lambda item: data_url.write(item.content, item.media_type)).encode


def value_of(result, side, files):
    """What ``request`` returned as a text, or as a dict of name → value with ``File`` for files; ``files`` are the
    ``Files`` of the request's directory. Raises ``Mismatch`` where it isn't what the specification says."""
    if isinstance(result, str) and side.type != "structured":
        return result
    wanted = "str" if side.is_plain else "dict"
    if side.is_plain or not isinstance(result, dict):
        raise Mismatch(
            "The deployment's request must return a %s, since its output type is %s; it returned a value of the type "
            "%s." % (wanted, side.type or "structured", type(result).__name__),
            wanted=wanted,
            got=type(result).__name__,
        )
    return _loose(result, files) if side.fields is None else _structured(result, side, files.directory)


def _structured(result, side, directory):
    given = {}
    for key, value in result.items():
        field = side.field(key)
        if field is None:
            sentence = "The deployment returned %s, which its specification hasn't."
            raise Mismatch(sentence % ("the output field %s" % (key,)), sentence % "an output field", field=str(key))
        given[field.name] = value

    def file_of(field, value):
        return _found(field.name, value, directory, field.name)

    value = {}
    for field in side.fields:
        if given.get(field.name) is not None:
            value[field.name] = checked(given[field.name], field, "output", file_of)
        elif not field.required:
            value[field.name] = None
        elif field.name in given:
            raise mismatch(field, "output", field.name, None, field.data_type)
        else:
            raise Mismatch(
                "The deployment didn't return the output field %s (%s)." % (field.name, field.data_type),
                field=field.name,
                wanted=field.data_type,
                got="nothing",
            )
    return value


def _loose(result, files):
    value = {}
    for name, item in result.items():
        found = files.named_by(_items(item), str(name))
        if found:
            value[name] = found if isinstance(item, (list, tuple)) else found[0]
            continue
        refuse_flaws({name: item}, "the output", "The deployment's result", field=str(name), got=name_of(item))
        value[name] = item
    return value


def _items(values):
    return values if isinstance(values, (list, tuple)) else [values]


class Files:
    """The files in a request's own ``directory`` ("" for none) that its results name: each is read once."""

    def __init__(self, directory):
        self.directory = directory
        self._known = {}
        self._again = 0

    def named_by(self, items, name):
        """The ``File`` of each of the items, none at all where one of them names no file. Raises ``Mismatch``."""
        paths = []
        for item in items:
            path = _inside(item, self.directory)
            if not path:
                return []
            paths.append(path)
        return [self._read(path, name) for path in paths]

    def _read(self, path, name):
        found = self._known.get(path)
        self._again += len(name) + (len(found.content) if found else 0)
        if self._again > _MOST_AGAIN:
            sentence = "The deployment's result names files again and again, %d bytes of them and their fields' names."
            raise Mismatch(sentence % _MOST_AGAIN, field=name[:80])
        if not found:
            found = self._known[path] = _found(name, path, self.directory, "")
        return found


def _inside(value, directory):
    """The path of an existing file in the request's own directory, "" for any other value."""
    if not directory or not isinstance(value, (str, os.PathLike)) or not value:
        return ""
    path = os.path.join(directory, str(value))
    try:
        if not os.path.isfile(path):  # before realpath, whose time is the square of a text's length
            return ""
    except ValueError:  # before Python 3.8: no path can have it
        return ""
    path = os.path.realpath(path)
    return path if path.startswith(directory + os.sep) else ""


def _found(name, value, directory, logged):
    """The ``File`` at a path, None where the value is none. Raises ``Mismatch`` where there is no such file.

    logged   the name where the log may have it, else ""."""
    stated = ""
    if isinstance(value, dict):
        stated, value = value.get("bucket_file"), value.get("file")
    if not isinstance(value, (str, os.PathLike)):
        return None
    path = str(value)
    try:
        if not os.path.isfile(path):
            path = os.path.join(directory, path)  # the deployment may have gone elsewhere
            if not os.path.isfile(path):
                raise OSError("there is no such file")
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        sentence = "The output field %s is a file, and %s can't be read: %s."
        why = getattr(error, "strerror", None) or error
        raise Mismatch(
            sentence % (name, "%r, which the deployment returned," % str(value)[:200], why),
            sentence % (logged or "without a specification", "what the deployment returned", why),
            field=name,
            wanted="file",
        ) from None
    shown = os.path.basename(stated if isinstance(stated, str) and stated else path)
    return File(content, shown, media_type_of(shown))


def media_type_of(name):
    import mimetypes

    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return kind or "application/octet-stream"


def answer(value, accept):
    """The ``Response`` to one request. Raises ``Mismatch``."""
    if isinstance(value, str):
        if preferred(accept, ("text/plain", _JSON)) == _JSON:
            return as_json(value)
        return Response(200, [("Content-Type", "text/plain; charset=utf-8")], value.encode("utf-8", "replace"))
    offers = (_JSON, _FORM, _MIXED)
    sole = next(iter(value.values())) if len(value) == 1 else None
    if isinstance(sole, File):
        offers = (sole.media_type,) + offers
    elif not any(isinstance(item, File) for items in value.values() for item in _items(items)):
        return as_json(value)
    chosen = preferred(accept, offers)
    if chosen == _JSON:
        return as_json(value)
    return _multipart(value, chosen) if chosen in (_FORM, _MIXED) else _file(sole)


def preferred(accept, offers):
    """The offer that an Accept header likes best (RFC 9110 section 12.5.1), the first of equals, and the first where it
    likes none. A multipart type that it names comes before others: nobody writes that without meaning it."""
    if not accept.strip() or len(accept) > LONGEST:
        return offers[0]
    ranges = [_range(part) for part in accept.lower().split(",")]
    best, chosen = (0.0, False), offers[0]
    for offer in offers:
        fitting = [item for item in ranges if item[0] in (offer, offer.partition("/")[0] + "/*", "*/*")]
        if fitting:
            kind, quality = max(fitting, key=lambda item: (item[0] == offer, item[0] != "*/*"))
            liking = (quality, offer.startswith("multipart/") and kind.startswith("multipart/"))
            if quality > 0 and liking > best:
                best, chosen = liking, offer
    return chosen


def _range(part):
    kind, *parameters = [item.strip() for item in part.split(";")]
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                break
    return kind, 1.0


def as_list(settings, items, value_for, *more):
    """The ``Response`` to a list of requests: ``value_for(item, *more)`` for each, written as it comes. Raises
    ``Mismatch`` once they have more bytes than can be passed on, and asks for no more of them then."""
    most = _MOST_LISTED if settings.mode == "web" else 4 * settings.result_limit
    bodies, size = [], 0
    for item in items:
        body = as_json(value_for(item, *more)).body
        bodies.append(body)
        size += len(body)
        if size > most:
            raise Mismatch("The list's answers have more than %d bytes; send it in several calls." % most)
    return Response(200, [("Content-Type", _JSON)], b"[%s]" % b", ".join(bodies))


def as_json(value):
    try:
        body = _written(value)
    except (TypeError, ValueError, RecursionError) as error:  # what flaw_in doesn't look at, as the size of an int
        raise Mismatch("The deployment's result can't be written as JSON: %s." % error) from None
    return Response(200, [("Content-Type", _JSON)], body.encode("ascii"))


def _file(file):
    headers = [("Content-Type", file.media_type), ("Content-Disposition", disposition(file.name))]
    return Response(200, headers, file.content)


def disposition(name):
    """RFC 6266: the name as a quoted string, and as UTF-8 where ASCII can't write it."""
    plain = "".join(character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name)
    value = 'inline; filename="%s"' % plain
    if plain != name:
        from urllib.parse import quote

        value += "; filename*=UTF-8''" + quote(name.encode("utf-8", "replace"), safe="")
    return value


def _multipart(value, kind):
    parts = []
    for name, values in value.items():
        if isinstance(values, (list, tuple)) and any(isinstance(item, File) for item in values):
            parts += [multipart.Part(name, item.content, item.name, item.media_type) for item in values]
        elif isinstance(values, File):
            parts.append(multipart.Part(name, values.content, values.name, values.media_type))
        elif isinstance(values, str):
            parts.append(multipart.Part(name, values.encode("utf-8", "replace")))
        else:
            parts.append(multipart.Part(name, as_json(values).body, None, _JSON))
    boundary, body = multipart.write(parts)
    return Response(200, [("Content-Type", "%s; boundary=%s" % (kind, boundary))], body)
