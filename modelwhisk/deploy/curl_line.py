"""The `curl` line for a deployed model, made from its own Swagger: it works as it stands. Pure, but for `ask`."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from modelwhisk.client.errors import InterfaceError
from modelwhisk.client.interface import Field, Interface
from modelwhisk.client.swagger import interface_of
from modelwhisk.deploy.catalogue import model_name
from modelwhisk.deploy.json_sample import sample_body, scalar
from modelwhisk.deploy.samples import Sample, sample_file
from modelwhisk.openwhisk import Action, OpenWhisk, OpenWhiskError

METADATA = "/model/metadata"
_DESCRIPTIONS = ("/swagger.json", "/openapi.json")
# The path that answers where none is named, so that the line can do without it.
_DEFAULT_PATH = "/model/predict"
# What curl would refuse to print on a terminal, and what a file of it is called.
_BINARY_SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "application/zip": "zip",
    "application/octet-stream": "bin",
}


# A line that is longer is none to read or to paste; Linux takes no word of more than 128 KiB.
_LONGEST = 16_000

# RFC 3986 section 3.3, and what is quoted already.
_STAYS_IN_PATHS = "/:@!$&'()*+,;=~%"

# A text that curl's -F would take for a file's name, a form of its own, or for more or less than the text.
_SPECIAL = re.compile(r'[@<"(\s]|.*;', re.DOTALL)


class OfTheShell(str):
    """A word that asks the shell for something: one of ours, never what a model says."""

    __slots__ = ()


# The namespace's key is none for a screen, nor for a command line, which all users of the machine can read. What
# bash, zsh and ksh have for it.
OF_THE_KEY = ("-K", OfTheShell("""<(sed -n 's/^AUTH=\\(.*\\)/user = "\\1"/p' ~/.wskprops)"""))
# Of a key that isn't there: curl asks for a password that isn't given.
_ASKS_FOR_THE_KEY = ("-u", "USER")
_OF_USER = "USER is what the namespace's key has before its colon; curl asks for the rest"


@dataclass(frozen=True)
class CurlLine:
    """A command for the shell; `note` says what the user still has to put in, if anything."""

    command: str
    note: str = ""


def ask(whisk: OpenWhisk, action: Action, sample: str | None = None) -> CurlLine:
    """The line for a model that answers, from its own description; for one without, a page that it has."""
    document, page = None, "/"
    try:
        document = _found(whisk, action, _DESCRIPTIONS)
        if document is None and _found(whisk, action, (METADATA,)) is not None:
            page = METADATA
    except OpenWhiskError:
        pass  # the deployment has succeeded; the line is a help
    options, note = _connection_options(whisk, action)
    model = model_name(action.image or action.name)
    url = whisk.web_url(action.full_name)
    try:
        line = curl_line(url, document, model, options=options, sample=sample, page=page)
    except (TypeError, ValueError, OverflowError, RecursionError):  # of a description, which may be any JSON
        line = curl_line(url, None, model, options=options, page=page)
    return replace(line, note="; ".join(filter(None, (line.note, note))))


def _found(whisk: OpenWhisk, action: Action, paths: Sequence[str]) -> Any:
    """The JSON of the first path that has any."""
    for path in paths:
        response = whisk.get_web(action, path)
        with contextlib.suppress(ValueError, RecursionError):
            if response.status_code == 200:
                return json.loads(response.content)
    return None


def _connection_options(whisk: OpenWhisk, action: Action) -> tuple[list[str], str]:
    """The options, and what the user has to put into them."""
    options, note = ["-k"] if whisk.settings.insecure else [], ""
    if action.secret is not None:
        options += ["-H", f"X-Require-Whisk-Auth: {action.secret}"]
    if action.needs_key and _is_own(whisk, action):
        # That it needs one is the platform's word: only the one whose key the file has gets it from there.
        if whisk.settings.stand_in(Path.home() / ".wskprops"):
            options += OF_THE_KEY
        else:
            options, note = [*options, *_ASKS_FOR_THE_KEY], _OF_USER
    return options, note


def _is_own(whisk: OpenWhisk, action: Action) -> bool:
    try:
        return whisk.owns(action)
    except OpenWhiskError:
        return False  # as in `ask`


def curl_line(
    url: str,
    document: Mapping[str, Any] | None,
    model: str,
    *,
    options: Sequence[str] = (),
    sample: str | None = None,
    folder: Path = Path(),
    page: str = METADATA,
) -> CurlLine:
    """The line that asks for a prediction at `url`, as `document` describes it, else for `page`; also where it would be
    too long to be a help.

    `sample` is a file to send instead of one that is found in `folder` or made.
    """
    otherwise = CurlLine(_join(["curl", *options, f"{url}{page}"]))
    try:
        interface = interface_of(document)
    except InterfaceError:
        return otherwise
    if not _may_be_short(interface):
        return otherwise
    words = ["curl", *options]
    producer, notes = "", []
    if interface.form == "json":
        body = sample_body(document or {}, interface.path, interface.method)
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body, ensure_ascii=False)]
    elif interface.form == "query" and interface.method == "POST":
        words += ["-X", "POST"]
    for field in _sent(interface):
        if "=" in field.name:  # at which curl ends the name, to read what follows it as the model likes
            notes.append(f"{field.name}: curl can't send a field of such a name")
        elif field.kind == "file":
            file = Sample(sample) if sample else sample_file(field.name, field.description, model, folder)
            producer = producer or file.producer
            words += ["-F", f"{field.name}=@{file.place}"]
            notes += [] if file.real else [f"{file.place} is {field.name}: {field.description or 'a file of your own'}"]
        else:
            text = _text(field)
            option = "--form-string" if _SPECIAL.match(text) else "-F"
            words += [option if interface.form == "multipart" else "--data-urlencode", f"{field.name}={text}"]
    suffix = next((_BINARY_SUFFIXES[kind] for kind in interface.produces if kind in _BINARY_SUFFIXES), None)
    words += ["-o", f"answer.{suffix}"] if suffix else []
    # Quoted, since curl makes many URLs of one with braces or brackets.
    path = "" if interface.path == _DEFAULT_PATH else quote(interface.path, safe=_STAYS_IN_PATHS)
    words.append(url + path + _query(interface))
    line = CurlLine((f"{producer} | " if producer else "") + _join(words), "; ".join(notes))
    return line if len(line.command) + len(line.note) <= _LONGEST else otherwise


def _may_be_short(interface: Interface) -> bool:
    """Whether the fields' words are no longer than a line may be: one value may be that of any number of fields."""
    length = 0
    for field in (*_sent(interface), *_asked(interface)):
        length += len(field.name) + len(field.description if field.kind == "file" else _text(field))
        if length > _LONGEST:
            return False
    return True


def _sent(interface: Interface) -> list[Field]:
    """The fields of the form that must be sent, or its first file where none must."""
    fields = [field for field in interface.inputs if field.place == "form"]
    return [field for field in fields if field.required] or [field for field in fields if field.kind == "file"][:1]


def _asked(interface: Interface) -> list[Field]:
    """What is needed in the query, and what has a default and so can be shown without a guess."""
    fields = [field for field in interface.inputs if field.place == "query"]
    return [field for field in fields if field.required or field.default is not None]


def _query(interface: Interface) -> str:
    shown = {field.name: _text(field) for field in _asked(interface)}
    return f"?{urlencode(shown)}" if shown else ""


def _text(field: Field) -> str:
    value = field.default if field.default is not None else next(iter(field.choices), None)
    if value is None:
        element = field.items if field.kind == "array" and field.items else field
        value = scalar(element.kind, element.minimum)
    return value if isinstance(value, str) else json.dumps(value)


def _join(words: list[str]) -> str:
    """The words for a shell; one that asks the shell for something is left as it is."""
    return " ".join(word if isinstance(word, OfTheShell) else shlex.quote(word) for word in words)
