"""The `curl` line for a deployed model, made from its own Swagger: it works as it stands. Pure, but for `ask`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from modelwhisk.deploy.catalogue import model_name
from modelwhisk.deploy.samples import Sample, sample_file
from modelwhisk.deploy.swagger import Field, Operation, main_operation
from modelwhisk.openwhisk import Action, OpenWhisk, OpenWhiskError

# What curl would refuse to print on a terminal, and what a file of it is called.
_BINARY_SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "application/zip": "zip",
    "application/octet-stream": "bin",
}


@dataclass(frozen=True)
class CurlLine:
    """A command for the shell; `note` says what the user still has to put in, if anything."""

    command: str
    note: str = ""


def ask(whisk: OpenWhisk, action: Action, sample: str | None = None) -> CurlLine:
    """The line for a model that answers: asks it for its Swagger, and for one without takes its metadata."""
    headers = {"Accept": "*/*"}
    if action.secret is not None:
        headers["X-Require-Whisk-Auth"] = action.secret
    name = f"/{action.namespace}/{action.path}"
    document: Any = None
    try:
        response = whisk.get_web(name, "/swagger.json", headers, with_key=action.needs_key)
        if response.status_code == 200:
            document = json.loads(response.content)
    except (OpenWhiskError, ValueError):
        pass  # the deployment has succeeded; the line is a help
    operation = main_operation(document) if isinstance(document, dict) else None
    options = _connection_options(action, whisk.settings.insecure)
    return curl_line(
        whisk.web_url(name), operation, model_name(action.image or action.name), options=options, sample=sample
    )


def _connection_options(action: Action, insecure: bool) -> list[str]:
    options = ["-k"] if insecure else []
    if action.secret is not None:
        options += ["-H", f"X-Require-Whisk-Auth: {action.secret}"]
    if action.needs_key:
        # The key itself is none for a screen.
        options += ["-u", "$(sed -n s/^AUTH=//p ~/.wskprops)"]
    return options


def curl_line(
    url: str,
    operation: Operation | None,
    model: str,
    *,
    options: Sequence[str] = (),
    sample: str | None = None,
    folder: Path = Path(),
) -> CurlLine:
    """The line that calls `operation` at `url`; `sample` is a file to send instead of one that is found or made."""
    words = ["curl", *options]
    if operation is None:
        return CurlLine(_join([*words, f"{url}/model/metadata"]))
    producer, notes = "", []
    if operation.form == "json":
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(operation.body, ensure_ascii=False)]
    elif operation.form == "multipart":
        for field in _needed(operation.files, at_least_one=True):
            file = Sample(sample) if sample else sample_file(field.name, field.description, model, folder)
            producer = producer or file.producer
            words += ["-F", f"{field.name}=@{file.place}"]
            if not file.real:
                notes.append(f"{field.name}: {field.description or 'a file of your own'}")
        words += _options("-F", operation.fields)
    elif operation.form == "urlencoded":
        words += _options("--data-urlencode", operation.fields)
    elif operation.method == "POST":
        words += ["-X", "POST"]
    suffix = _BINARY_SUFFIXES.get(operation.produces)
    if suffix:
        words += ["-o", f"answer.{suffix}"]
    shown = [field for field in operation.query if field.required or field.default]
    query = urlencode({field.name: _text(field.sample) for field in shown})
    words.append(f"{url}{operation.path}" + (f"?{query}" if query else ""))
    return CurlLine((f"{producer} | " if producer else "") + _join(words), "; ".join(notes))


def _needed(fields: tuple[Field, ...], at_least_one: bool = False) -> tuple[Field, ...]:
    needed = tuple(field for field in fields if field.required)
    return needed or (fields[:1] if at_least_one else ())


def _options(option: str, fields: tuple[Field, ...]) -> list[str]:
    return [word for field in _needed(fields) for word in (option, f"{field.name}={_text(field.sample)}")]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _join(words: list[str]) -> str:
    """The words for a shell; one that asks the shell for something is quoted so that it still does."""
    return " ".join(f'"{word}"' if word.startswith("$(") else shlex.quote(word) for word in words)
