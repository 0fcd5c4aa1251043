"""A server for UbiOps deployment packages, read off UbiOps' documents and `ubiops.utils.run_local` by itself: it knows
nothing of the proxy, so that the two can be compared. The HTTP form is the one that `hosts/deployment` describes.

    cd PACKAGE && python ubiops_reference.py PORT
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import json
import mimetypes
import os
import sys
import tempfile
import threading
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import flask
import werkzeug.exceptions

PACKAGE = Path.cwd()
ONE_AT_A_TIME = threading.Lock()
PYTHON_TYPES = {"int": int, "double": (int, float), "string": str, "bool": bool, "dict": dict}


class Refused(Exception):
    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message} if field is None else {"error": message, "field": field}


def specification(side: str) -> list[dict[str, str]]:
    fields = json.loads((PACKAGE / f"{side}_specification.json").read_text())
    return [{"name": item["name"], "id": item["id"], "type": item["data_type"]["value"]} for item in fields]


INPUTS, OUTPUTS = specification("input"), specification("output")
ABOUT = json.loads((PACKAGE / "deployment.json").read_text())


def deployment() -> Any:
    sys.path[:0] = [str(PACKAGE), str(PACKAGE / "libraries")]
    spec = importlib.util.spec_from_file_location("Deployment", PACKAGE / "deployment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = {
        "deployment": ABOUT["deployment_name"],
        "version": ABOUT["version_name"],
        "input_type": "structured",
        "output_type": "structured",
        "language": "python",
        "environment_variables": {},
    }
    return module.Deployment(base_directory=str(PACKAGE), context=context)


# --- the request --------------------------------------------------------------------------------------------------


def given(request: flask.Request) -> Any:
    """The request's data, with ("file", name, content) for files that came as such."""
    if request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        data: dict[str, Any] = {name: from_text(name, text) for name, text in request.form.items()}
        for name, file in request.files.items():
            data[name] = ("file", os.path.basename(file.filename or ""), file.read())
        return data
    if request.mimetype and request.mimetype != "application/json":
        raise Refused(415, f"{request.mimetype} is neither JSON nor a form")
    try:
        return json.loads(request.get_data(), parse_constant=int) if request.get_data() else {}
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"no JSON: {error}") from error


def from_text(name: str, text: str) -> Any:
    kind = next((field["type"] for field in INPUTS if name in (field["name"], field["id"])), "string")
    if kind in ("int", "double"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            return text
    return text


def validated(data: Any, folder: Path) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Refused(400, "structured input is an object")
    names = {field["id"]: field["name"] for field in INPUTS} | {field["name"]: field["name"] for field in INPUTS}
    for key in data:
        if key not in names:
            raise Refused(400, f"unknown field {key}", key)
    for field in INPUTS:
        if field["name"] in data and field["id"] in data:
            raise Refused(400, f"{field['name']} was given by name and id", field["name"])
    data = {names[key]: value for key, value in data.items()}
    result = {}
    for field in INPUTS:
        value = data.get(field["name"])
        if value is None:
            raise Refused(400, f"{field['name']} is missing", field["name"])
        if field["type"] == "file":
            result[field["name"]] = stored(field["name"], value, folder)
        elif isinstance(value, bool) or not isinstance(value, PYTHON_TYPES[field["type"]]):
            raise Refused(400, f"{field['name']} is no {field['type']}", field["name"])
        else:
            result[field["name"]] = value
    return result


def stored(name: str, value: Any, folder: Path) -> str:
    file_name = name
    if isinstance(value, tuple):
        _, file_name, content = value
    elif isinstance(value, str) and value.startswith("data:"):
        try:
            with urllib.request.urlopen(value) as opened:
                content = opened.read()
        except (ValueError, OSError) as error:
            raise Refused(400, f"{name}: {error}", name) from error
    elif isinstance(value, str) and value:
        try:
            content = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise Refused(400, f"{name}: {error}", name) from error
    else:
        raise Refused(400, f"{name} is no file", name)
    path = folder / "files" / uuid.uuid4().hex / (file_name or name)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return str(path)


# --- the answer ---------------------------------------------------------------------------------------------------


def shown(result: Any, folder: Path) -> dict[str, Any]:
    """As JSON, files as data: URLs."""
    answer = {}
    for field in OUTPUTS:
        value = result[field["name"]]
        if field["type"] == "file":
            path = folder / value
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            value = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        answer[field["name"]] = value
    return answer


def answered(model: Any, data: Any) -> Any:
    with ONE_AT_A_TIME, tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            os.chdir(folder)
            try:
                return shown(model.request(validated(data, folder)), folder)
            except Refused:
                raise
            except Exception as error:
                raise Refused(500, str(getattr(error, "public_error_message", "the request failed"))) from error
        finally:
            os.chdir(PACKAGE)


def described() -> dict[str, Any]:
    sides = {
        f"{side}_fields": [{"name": item["name"], "id": item["id"], "data_type": item["type"]} for item in fields]
        for side, fields in (("input", INPUTS), ("output", OUTPUTS))
    }
    about = {"deployment": ABOUT["deployment_name"], "version": ABOUT["version_name"]}
    return {**about, "input_type": "structured", "output_type": "structured", **sides}


def application() -> flask.Flask:
    app = flask.Flask(__name__, static_folder=None)
    app.json.sort_keys = False
    model = deployment()

    @app.get("/")
    def describe() -> Any:
        return flask.jsonify(described())

    @app.post("/")
    def request() -> Any:
        data = given(flask.request)
        return flask.jsonify(
            [answered(model, item) for item in data] if isinstance(data, list) else answered(model, data)
        )

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Any:
        return flask.jsonify(error.body), error.status

    @app.errorhandler(werkzeug.exceptions.HTTPException)
    def other(error: werkzeug.exceptions.HTTPException) -> Any:
        response = flask.jsonify(error=error.description)
        if isinstance(error, werkzeug.exceptions.MethodNotAllowed):
            response.headers["Allow"] = "GET, HEAD, POST"
        return response, error.code

    return app


if __name__ == "__main__":
    application().run("127.0.0.1", int(sys.argv[1]), threaded=True)
