"""Loads ``class Deployment`` and calls its ``request``, each time in a directory of its own."""

import json
import os
import sys
from threading import Lock
from time import monotonic

from ... import log, plain_action
from ...messages import BadValue, Response, error_response
from .. import Unloadable
from ..loading import module_in
from . import inputs, outputs, specification
from .openapi import document
from .values import File
from .workspace import Workspace

# In one list, for each of which ``request`` is called in a directory of its own; as many as a form may have parts.
MOST_REQUESTS = 1000


class Host:
    default_path = "/"

    def __init__(self, settings):
        self._settings = settings
        self._file = settings.target or "deployment.py"
        self._lock = Lock()  # the working directory is the whole process's
        self._folder = ""
        self._specification = None
        self._deployment = None
        self._loop = None

    def load(self):
        """Imports the file and makes the one ``Deployment``. Raises what that raises; ``Unloadable`` without one."""
        self._folder = os.path.dirname(os.path.realpath(self._file))
        if not os.path.isfile(self._file):
            raise Unloadable("there is no %s in %s" % (self._file, os.getcwd()))
        self._specification, remarks = specification.read(self._folder)
        for remark in remarks:
            log.line(remark)
        self._name_it()
        os.chdir(self._folder)
        libraries = os.path.join(self._folder, "libraries")
        if os.path.isdir(libraries):
            sys.path.insert(0, libraries)  # module_in puts the package's folder before it
        module = module_in(os.path.join(self._folder, os.path.basename(self._file)), "deployment")
        made = getattr(module, "Deployment", None)
        if not callable(made):
            raise Unloadable("%s has no class Deployment" % self._file)
        self._deployment = self._awaited(_called_by_name(made, base_directory=self._folder, context=self._context()))
        if not any(callable(getattr(self._deployment, name, None)) for name in ("request", "requests")):
            raise Unloadable("the class Deployment in %s has no method request" % self._file)

    def _name_it(self):
        """Names of a deployment that no file states: those of the action."""
        action = os.environ.get("__OW_ACTION_NAME", "").rpartition("/")[2]
        found = self._specification
        found.deployment = found.deployment or action or os.path.basename(self._folder)
        found.version = found.version or os.environ.get("__OW_ACTION_VERSION", "") or "v1"

    def _context(self):
        """What UbiOps passes to ``__init__`` (its template and ``ubiops.utils.run_local``)."""
        found = self._specification
        return {
            "deployment": found.deployment,
            "version": found.version,
            "input_type": found.input.type or specification.STRUCTURED,
            "output_type": found.output.type or specification.STRUCTURED,
            "input_fields": [field.name for field in found.input.fields or ()],
            "output_fields": [field.name for field in found.output.fields or ()],
            "language": "python%d.%d" % sys.version_info[:2],
            "environment_variables": {
                name: value for name, value in os.environ.items() if not name.startswith(("__OW_", "MODELPROXY_"))
            },
        }

    def handle(self, request):
        if request.path not in ("/", "/openapi.json", "/swagger.json"):
            sentence = "There is nothing at %s; requests go to / by POST, and GET / tells what it takes."
            return error_response(404, sentence % request.path[:200])
        methods = ("GET", "HEAD", "POST") if request.path == "/" else ("GET", "HEAD")
        if request.method not in methods:
            refused = error_response(405, "%s takes %s." % (request.path, ", ".join(methods)))
            refused.headers.append(("Allow", ", ".join(methods)))
            return refused
        if request.method == "POST":
            with self._lock:
                return self._answer(request)
        shown = self._specification.written()
        if request.path != "/":
            shown = document(self._specification, request.mount)
        return Response(200, [("Content-Type", "application/json")], json.dumps(shown).encode("ascii"))

    def _answer(self, request):
        try:
            data = self._read(request)
        except BadValue as error:
            return error_response(getattr(error, "status", 400), str(error), **getattr(error, "details", {}))
        try:
            value = self._value(data, request)
            return value if isinstance(value, Response) else outputs.answer(value, request.header("accept"))
        except BadValue as error:
            log.line(error.logged)
            return error_response(500, str(error), **getattr(error, "details", {}))
        except Exception as error:
            told = getattr(error, "public_error_message", None)
            if not told:
                raise
            log.traceback_of(error)  # UbiOps tells the caller this attribute's text, and no other exception's
            return error_response(500, str(told))

    def _read(self, request):
        """The ``data`` of a request. Raises ``BadValue``."""
        data = inputs.read(request, self._specification.input)
        if self._is_for_each(data) and len(data) > MOST_REQUESTS:
            sentence = "The list has %d requests, more than %d; send them in several calls."
            raise BadValue(sentence % (len(data), MOST_REQUESTS))
        return data

    def _is_for_each(self, data):
        """True for several requests, of which each is made by itself: there is no ``requests`` that takes the list."""
        return isinstance(data, list) and not callable(getattr(self._deployment, "requests", None))

    def _value(self, data, request):
        """What is answered to ``data``: the ``Response`` to a list of which ``requests`` didn't make one answer."""
        if self._is_for_each(data):
            return outputs.as_list(self._settings, data, self._value, request)
        side = self._specification.output
        with Workspace(self._folder) as workspace:
            result = self._call(_stored(data, workspace), request)
            files = outputs.Files(workspace.path)
            if isinstance(data, list) and isinstance(result, list):
                return outputs.as_list(self._settings, result, outputs.value_of, side, files)
            return outputs.value_of(result, side, files)

    def _call(self, data, request):
        """What ``request`` returns, or ``requests``, which takes a list of them."""
        context = _request_context(request)
        if isinstance(data, list):
            return self._awaited(_with_context(self._deployment.requests, data, context))
        if callable(getattr(self._deployment, "request", None)):
            return self._awaited(_with_context(self._deployment.request, data, context))
        result = self._awaited(_with_context(self._deployment.requests, [data], context))
        return result[0] if isinstance(result, list) and len(result) == 1 else result

    def _awaited(self, result):
        """The result, awaited where the method is ``async``: on one loop for all calls, to which clients stay bound."""
        if not hasattr(result, "__await__"):
            return result
        import asyncio

        from ..awaiting import outcome, value_of

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        return value_of(self._loop.run_until_complete(outcome(result)))

    def embedder(self, name):
        """A function of a request, and of the ``monotonic()`` time from which on nobody waits for it, that calls the
        deployment's method ``name`` as its ``request`` is called, but in no directory of its own: predictions may go on
        meanwhile. Of a list it calls it for each, as far as that time allows. Raises ``Unloadable``."""
        method = getattr(self._deployment, name, None)
        if not callable(method):
            raise Unloadable("the class Deployment in %s has no method %s" % (self._file, name))
        from ..awaiting import Loop

        loop = Loop()

        def embed(request, until):
            data = self._read(request)
            context = _request_context(request)
            found = []
            with Workspace(self._folder, enters=False) as workspace:
                for item in data[:MOST_REQUESTS] if isinstance(data, list) else [data]:
                    found.append(loop.finished(_with_context(method, _stored(item, workspace), context)))
                    if monotonic() > until:
                        break
            return found if isinstance(data, list) else found[0]

        return embed

    def describe(self, mount, path):
        # As JSON also where there are files: base64 and data: URLs are then checked here, field by field.
        return plain_action.Inputs("POST", path, "json")

    def close(self):
        if self._loop is not None:
            self._loop.close()
        self._deployment = None


def _stored(data, workspace):
    """``data`` with paths in place of files."""
    if isinstance(data, list):
        return [_stored(item, workspace) for item in data]
    if isinstance(data, dict):
        return {name: _paths(item, workspace) for name, item in data.items()}
    return data


def _paths(item, workspace):
    if isinstance(item, File):
        return workspace.store(item)
    if isinstance(item, list):
        return [workspace.store(part) if isinstance(part, File) else part for part in item]
    return item


def _request_context(request):
    activation = request.activation or {}
    identity = activation.get("activation_id")
    if not identity:
        import binascii

        identity = binascii.b2a_hex(os.urandom(16)).decode("ascii")
    # streaming_update: what a request tells on its way; nobody can hear it before the answer.
    return {
        "id": identity,
        "request_mode": "express",
        "user_id": activation.get("namespace"),
        "pipeline_id": None,
        "pipeline_request_id": None,
        "streaming_update": lambda *_: None,
    }


def _called_by_name(made, **arguments):
    """As UbiOps does: each argument is passed to a constructor that has it."""
    import inspect

    parameters = inspect.signature(made).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        wanted = {parameter.name for parameter in parameters}
        if not wanted & set(arguments) and len(wanted) == 2:
            return made(*arguments.values())  # by other names, in the same order
        arguments = {name: value for name, value in arguments.items() if name in wanted}
    return made(**arguments)


def _with_context(method, data, context):
    """``request(data)`` or ``request(data, context)``, the second parameter by any name."""
    import inspect

    parameters = list(inspect.signature(method).parameters.values())
    positional = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    if len(positional) > 1 and (positional[1].default is positional[1].empty or positional[1].name.endswith("context")):
        return method(data, context)
    return method(data)
