"""Serves a MAX model (IBM Model Asset eXchange): runs the image's own app.py up to its ``run()``, and keeps the app.

So labels, metadata, static pages and whatever else app.py adds are served, not ``ModelPredictAPI`` alone. Also right
for the Flask models of before maxfw, whose app.py ends in ``app.run()``.
"""

import builtins
import os
import re
import sys

from .. import plain_action
from ..messages import Request, Response
from ..wsgi_gateway import call
from . import Unloadable, is_browser

_PRODUCES_JSON = re.compile(rb'("produces"\s*:\s*\[\s*)"application/json"(\s*\])')


class _Served(BaseException):
    """Ends app.py where it would have begun to serve for ever; no ``except Exception`` of the model's stops it."""


class Host:
    default_path = "/model/predict"

    def __init__(self, settings):
        self._file = settings.target or "app.py"
        self._multithread = settings.concurrency > 1
        self._app = None

    def load(self):
        """Runs app.py as ``python app.py`` would. Raises what it raises, ``Unloadable`` where it makes no app."""
        if not os.path.isfile(self._file):
            raise Unloadable(
                "there is no %s in %s; is this the model's folder? MODELPROXY_TARGET names another file"
                % (self._file, os.getcwd())
            )
        served = []
        restore = _patch_run(served)
        try:
            module = _run_as_main(self._file)
        finally:
            restore()
        self._app = served[0] if served else _flask_app_in(module)
        if self._app is None:
            raise Unloadable("%s ended without running a MAXApp or Flask application" % self._file)

    def handle(self, request):
        response = call(self._app, request, self._multithread)
        if request.activation is None or (response.status == 200 and request.path != "/swagger.json"):
            return response
        if request.default and response.status in (404, 405) and is_browser(request):
            # At the bare URL of a model that predicts on POST: show the Swagger page.
            return Response(302, [("Location", request.mount + "/")], b"")
        if response.status == 200:
            # Swagger UI asks for what "produces" says, and the platform answers 406 to a picture that nobody asked for.
            response.body = _PRODUCES_JSON.sub(rb'\1"*/*"\2', response.body)
        return response

    def describe(self, mount, path):
        # At the same mount as every request: restplus and restx keep the document that they made first.
        response = call(self._app, Request("GET", "/swagger.json", headers=[("host", "localhost")], mount=mount))
        if response.status != 200:
            return None
        return plain_action.inputs_of_swagger(response.body, path)

    def close(self):
        self._app = None


def _patch_run(served):
    """Makes ``run()`` of MAXApp and Flask hand over the app; returns what undoes it."""
    import flask

    def run_flask(app, *args, **kwargs):
        served.append(app)
        raise _Served

    patched = [(flask.Flask, flask.Flask.run)]
    flask.Flask.run = run_flask
    try:
        from maxfw.core import MAXApp
    except ImportError:
        MAXApp = None  # a model of before maxfw
    if MAXApp is not None:

        def run_max(max_app, *args, **kwargs):
            run_flask(max_app.app)

        patched.append((MAXApp, MAXApp.run))
        MAXApp.run = run_max

    def restore():
        for owner, run in patched:
            owner.run = run

    return restore


def _run_as_main(file):
    """Runs a file as the ``__main__`` module, which stays: pickles of classes made there must find them."""
    module = type(sys)("__main__")
    module.__file__ = os.path.abspath(file)
    module.__builtins__ = builtins
    sys.modules["__main__"] = module
    sys.argv[:] = [file]
    folder = os.path.dirname(os.path.realpath(file))  # as the interpreter finds a script's
    if folder != sys.path[0]:
        sys.path.insert(0, folder)
    with open(file, "rb") as source:
        code = compile(source.read(), file, "exec", dont_inherit=True)
    try:
        exec(code, module.__dict__)
    except _Served:
        pass
    return module


def _flask_app_in(module):
    """The Flask application among a module's globals, by type: its name varies (max-models.md (c))."""
    import flask

    for thing in list(vars(module).values()):
        if issubclass(type(thing), flask.Flask):  # not isinstance, which would wake flask's proxies of the request
            return thing
        if type(thing).__name__ == "MAXApp":
            return thing.app
    return None
