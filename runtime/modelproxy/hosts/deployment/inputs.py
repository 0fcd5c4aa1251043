"""The body of a request → the deployment's ``data``. Pure.

Structured input: a JSON object, or a form whose texts are read by their field's type (an array as repeated fields or
as one JSON list). Keys are the fields' names or their ids. A file is a part of the form that has a file name, base64
text or a ``data:`` URL. Where the fields aren't known nothing is checked, and files are those parts and the ``data:``
URLs at the top level.

Plain input: text of any type, a JSON string, or the field ``data`` of an object or a form. A JSON list is several
requests.
"""

import copy
import re

from ...charsets import codec_of
from ...formats import data_url, json_text, multipart
from ...messages import BadValue
from ...percent import unquoted
from .values import File, Mismatch, checked

PLAIN_FIELD = "data"
_INT = re.compile(r"[+-]?[0-9]+\Z")
# Each text can be read in one way only: with digits on both sides of a dot that may be missing, it took hours for 1 MB.
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_MOST_DEFAULTS = 100000  # in one call, and of values in them: they are made of nothing that was sent, of 150 bytes each
_MOST_CHARACTERS = 4300  # of a number: the most digits that Python reads
_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
# What a file is called whose sender gave bare base64: some libraries go by the ending.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"RIFF", ".wav"),
    (b"%PDF-", ".pdf"),
    (b"PK\x03\x04", ".zip"),
)

# Where Python 3.6 picks any of several.
_ENDINGS = {"text/plain": ".txt", "image/jpeg": ".jpg", "image/tiff": ".tiff", "audio/mpeg": ".mp3"}


class Unsupported(BadValue):
    """A body of a type that this deployment can't take."""

    status = 415


def read(request, side):
    """The ``data`` of one request, files in it as ``File``, or a list of them for several. Raises ``BadValue``."""
    kind = request.header("content-type").partition(";")[0].strip().lower()
    made = _Made()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return _one(_form(_parts(request, kind), side), side, made)
    if (kind.startswith("text/") and side.type != "structured") or (side.is_plain and not _is_json(kind)):
        return _text(request.body, request.header("content-type"))
    if kind and not _is_json(kind):
        raise Unsupported(
            "The input has the type %s; send JSON (Content-Type: application/json) or a form (multipart/form-data)."
            % kind
        )
    value = _json(request.body) if request.body else {}
    return [_one(item, side, made) for item in value] if isinstance(value, list) else _one(value, side, made)


def _is_json(kind):
    return kind == "application/json" or kind.endswith("+json")


def _json(body):
    try:
        return json_text.loads(body.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadValue("The body isn't JSON: %s." % error) from None


def _refuse(constant):
    raise ValueError("%s is no number of JSON's" % constant)


def _text(content, content_type=""):
    found = re.search(r";\s*charset=\"?([\w.:\-]+)", content_type, re.IGNORECASE)
    charset = found.group(1) if found else "utf-8"
    codec = codec_of(charset)
    try:
        if not codec:
            raise LookupError
        return content.decode(codec)
    except (LookupError, UnicodeError):
        raise BadValue("The text isn't in the charset %s." % charset) from None


def _parts(request, kind):
    if kind == "multipart/form-data":
        try:
            return multipart.read(request.body, multipart.boundary_of(request.header("content-type")))
        except ValueError as error:
            raise BadValue("The form can't be read: %s." % error) from None
    pairs = [pair for pair in request.body.split(b"&") if pair]
    if len(pairs) > multipart.MAX_PARTS:
        raise BadValue("The form has more than %d fields." % multipart.MAX_PARTS)
    parts = []
    for pair in pairs:
        texts = pair.decode("latin-1").replace("+", " ").partition("=")
        name, _, text = (unquoted(item).encode("latin-1") for item in texts)
        parts.append(multipart.Part(_text(name), text))
    return parts


def _form(parts, side):
    """A form as JSON would have it, with ``File`` for files."""
    grouped = {}
    for part in parts:
        grouped.setdefault(part.name, []).append(part)
    values = {}
    for name, group in grouped.items():
        items = [_content(part) for part in group if part.file_name != "" or part.content]  # "": no file was chosen
        field = side.field(name)
        if field is not None and field.is_array:
            values[name] = _array(items, field)
        elif len(items) > 1 and field is not None:
            raise Mismatch("The input field %s was given %d times." % (name, len(items)), field=field.name)
        else:
            typed = [_typed(item, field.element if field is not None else "string") for item in items]
            values[name] = typed[0] if len(typed) == 1 else typed or None
    return values


def _content(part):
    if part.file_name is None:
        return _text(part.content, part.content_type)
    return File(part.content, safe_name(part.file_name) or safe_name(part.name) or "file")


def _array(items, field):
    if len(items) == 1 and isinstance(items[0], str) and items[0].lstrip().startswith("["):
        try:
            return json_text.loads(items[0], parse_constant=_refuse)
        except (ValueError, RecursionError):
            pass  # one element that begins so
    return [_typed(item, field.element) for item in items]


def _typed(item, element):
    """The value that a form's text stands for; as it is where it stands for none, which is told later."""
    if isinstance(item, File):
        return item
    text = item.strip()
    if element in ("int", "double"):
        if len(text) > _MOST_CHARACTERS or (_INT if element == "int" else _DOUBLE).match(text) is None:
            return item
        return int(text) if element == "int" else float(text)
    if element == "bool":
        return _TRUTH.get(text.lower(), item)
    if element in ("dict", "any"):
        try:
            return json_text.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            pass  # a text
    return item


def _one(value, side, made):
    if side.is_plain:
        if isinstance(value, dict) and list(value) == [PLAIN_FIELD]:
            value = value[PLAIN_FIELD]
        if isinstance(value, File):
            value = _text(value.content)
        if not isinstance(value, str):
            raise BadValue(
                "The deployment takes plain text: send it as text/plain, as a JSON string, or as the field %s."
                % PLAIN_FIELD
            )
        return value
    if isinstance(value, str) and not side.type:
        return value
    if not isinstance(value, dict):
        raise BadValue("The deployment takes an object with a value for each input field%s." % _known(side))
    if side.fields is None:
        return {name: made.file_or_value(name, item) for name, item in value.items()}
    return _structured(value, side, made)


def _known(side):
    if side.fields is None:
        return ""
    return ": " + (", ".join("%s (%s)" % (field.name, field.data_type) for field in side.fields) or "none")


def _structured(value, side, made):
    given = {}
    for key, item in value.items():
        field = side.field(key)
        if field is None:
            raise Mismatch("There is no input field %s; those that there are%s." % (key, _known(side)), field=key)
        if field.name in given:
            raise Mismatch("The input field %s was given by its name and by its id." % field.name, field=field.name)
        given[field.name] = item
    data = {}
    for field in side.fields:
        item = given.get(field.name)
        if item is not None:
            data[field.name] = checked(item, field, "input", made.file_of)
        elif field.required:
            raise Mismatch(
                "The input field %s (%s) is missing." % (field.name, field.data_type),
                field=field.name,
                wanted=field.data_type,
                got="null" if field.name in given else "nothing",
            )
        else:
            data[field.name] = made.default_of(field)
    return data


class _Made:
    """What one call makes beside its values, and how much of that: files, each of which is stored by itself, are to be
    no more than a form may have."""

    def __init__(self):
        self._files = 0
        self._defaults = 0

    def default_of(self, field):
        """A default that the deployment may fill in. Raises ``BadValue``."""
        self._defaults += field.values
        if self._defaults > _MOST_DEFAULTS:
            sentence = "The list leaves out more than %d input fields, or values in these; send it in several calls."
            raise BadValue(sentence % _MOST_DEFAULTS)
        return copy.deepcopy(field.default)

    def file_of(self, field, value):
        """The ``File`` that an input of a file field is, None where its type is wrong. Raises ``BadValue``."""
        self._one_more()
        return _file(field, value)

    def file_or_value(self, name, value):
        """What a field that isn't known has: the ``File`` of a ``data:`` URL, else the value."""
        if not isinstance(value, str) or not data_url.is_data_url(value):
            return value
        self._one_more()
        return _of_url(name, value)

    def _one_more(self):
        self._files += 1
        if self._files > multipart.MAX_PARTS:
            raise BadValue("The input has more than %d files; send them in several calls." % multipart.MAX_PARTS)


def _file(field, value):
    if isinstance(value, File):
        return value
    if not isinstance(value, str):
        return None
    if data_url.is_data_url(value):
        return _of_url(field.name, value)
    if value.startswith("ubiops-file:"):
        raise _no_file(field.name, "files in UbiOps' buckets can't be reached from here; send the content")
    if not value:
        raise _no_file(field.name, "it is empty")
    try:
        content = data_url.read_base64(value)
    except ValueError as error:
        raise _no_file(field.name, str(error)) from None
    endings = [ending for signature, ending in _SIGNATURES if content.startswith(signature)]
    return File(content, safe_name(field.name + "".join(endings[:1])) or "file")


def _of_url(name, text):
    try:
        url = data_url.read(text)
    except ValueError as error:
        raise _no_file(name, str(error)) from None
    stated = url.parameters.get("name") or url.parameters.get("filename") or ""
    if not stated:
        stated = name + _ending(url.media_type)
    return File(url.content, safe_name(stated) or "file", url.media_type)


def _ending(media_type):
    if media_type in _ENDINGS:
        return _ENDINGS[media_type]
    import mimetypes

    return mimetypes.guess_extension(media_type) or ""


def _no_file(name, why):
    return Mismatch(
        "The input field %s is a file: give it as a part of a form, base64 text or a data: URL (%s)." % (name, why),
        field=name,
        wanted="file",
    )


def safe_name(name):
    """A file name without folders and what no file system takes, "" where nothing is left. Its end stays, which has the
    ending."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(character for character in name if character.isprintable()).strip()
    name = name.encode("utf-8", "replace")[-200:].decode("utf-8", "ignore")
    return "" if name.strip(".") == "" else name
