"""Serves a WSGI application: Flask, Bottle, Falcon, Django or one written by hand, as Gunicorn would.

The module is imported, not run as a script. Where it starts a server all the same, for want of an ``if __name__``, the
application that it hands over is kept, and the module stays what it was up to there.
"""

import os
import sys
from _thread import get_ident

from .. import plain_action
from ..messages import Request, Response
from ..wsgi_gateway import call
from . import Unloadable, is_browser
from .loading import attribute_of, held_by

# As flask.cli.find_best_app looks for them, and Gunicorn, which knows application only.
_NAMES = ("app", "application", "create_app", "make_app")

# Module: the class in it if any, what begins to serve there, and which of its arguments (by place and name) is the
# application, or the server that has it.
_SERVERS = {
    "bottle": ("", "run", 0, "app"),
    "flask.app": ("Flask", "run", 0, "self"),
    "gevent.pywsgi": ("WSGIServer", "serve_forever", 0, "self"),
    "waitress": ("", "serve", 0, "app"),
    "werkzeug.serving": ("", "run_simple", 2, "application"),
    "wsgiref.simple_server": ("WSGIServer", "serve_forever", 0, "self"),
}


class Host:
    default_path = "/"

    def __init__(self, settings):
        self._target = settings.target
        self._multithread = settings.concurrency > 1
        self._app = None

    def load(self):
        """Imports the application. Raises what its module raises, ``Unloadable`` where there is none."""
        target = self._target or _found_target()
        with _ServersStopped() as stopped:
            self._app = _loaded(target, stopped.served)
        routes = _routes(self._app)
        self.default_path = _default_path(routes)
        gets = [path for path, methods in routes if "GET" in methods]
        self._has_page = "/" in gets
        self._has_swagger = "/swagger.json" in gets

    def handle(self, request):
        response = call(self._app, request, self._multithread)
        if self._has_page and request.default and response.status in (404, 405) and is_browser(request):
            # At the bare URL of a model that predicts on POST.
            return Response(302, [("Location", request.mount + "/")], b"")
        return response

    def describe(self, mount, path):
        if not self._has_swagger:
            return None
        # At the same mount as every request: restplus and restx keep the document that they made first.
        response = call(self._app, Request("GET", "/swagger.json", headers=[("host", "localhost")], mount=mount))
        return plain_action.inputs_of_swagger(response.body, path) if response.status == 200 else None

    def close(self):
        self._app = None


# --- from a target to an application ------------------------------------------------------------------------------


def _found_target():
    from . import applications

    found = sorted({target for _, target in applications.found_in(os.getcwd())})
    if len(found) == 1:
        return found[0]
    raise Unloadable(
        "which application to serve isn't clear (%s): set MODELPROXY_TARGET to module:attribute"
        % (", ".join(found) or "none was found in %s" % ", ".join(applications.FILES))
    )


def _loaded(target, served):
    try:
        return _application(attribute_of(target, _NAMES, (_Served,)), target)
    except _Served:  # by a factory
        return served[0]
    except Unloadable:
        if served:  # before the module had come to what the target names
            return served[0]
        raise


def _application(found, target):
    """What was found, if it is an application; what it makes, if it is a factory."""
    if _needed(found) == 0:
        found = found()
    if not callable(found):
        if callable(getattr(found, "server", None)):
            return found.server  # Dash
        raise Unloadable(
            "the target %s gives a %s, which is no application: WSGI calls one with (environ, start_response)"
            % (target, type(found).__name__)
        )
    if not _takes(found, 2):
        if _takes(found, 3):
            raise Unloadable("the target %s is an ASGI application: set MODELPROXY_HOST to asgi" % target)
        raise Unloadable(
            "the target %s doesn't take two arguments: a WSGI application is called with (environ, start_response), "
            "a factory without any, or with those that the target gives" % target
        )
    return found


def _signature(thing):
    """None where it can't be told, and for what isn't callable."""
    import inspect

    try:
        return inspect.signature(thing, follow_wrapped=False)  # werkzeug's Request.application wraps a function of one
    except (TypeError, ValueError):
        return None


def _needed(thing):
    """How many arguments a call needs; None where that can't be told, as for ``*args``."""
    signature = _signature(thing)
    if signature is None:
        return None
    needed = 0
    for one in signature.parameters.values():
        if one.kind == one.VAR_POSITIONAL:
            return None
        needed += one.default is one.empty and one.kind != one.VAR_KEYWORD
    return needed


def _takes(thing, count):
    signature = _signature(thing)
    try:
        return signature is None or signature.bind(*[None] * count) is not None
    except TypeError:
        return False


# --- modules that serve when they are imported --------------------------------------------------------------------


class _Served(BaseException):
    """Ends a module where it would have begun to serve for ever; no ``except Exception`` of the model's stops it."""


class _ServersStopped:
    """While it lasts, what would serve in this thread raises ``_Served`` instead. ``served`` are the applications.

    Finds servers when they are imported (PEP 451), since what the application uses isn't known before, and importing
    what it doesn't use would cost.
    """

    def __init__(self):
        self.served = []
        self._thread = get_ident()  # a server in another thread, such as one for metrics, blocks nobody
        self._replaced = []

    def __enter__(self):
        for name in _SERVERS:
            if name in sys.modules:
                self._replace(sys.modules[name], name)
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_):
        self._thread = None
        sys.meta_path.remove(self)
        for owner, name, original in self._replaced:
            setattr(owner, name, original)

    def find_spec(self, name, path=None, target=None):
        if name not in _SERVERS:
            return None
        others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        for spec in (finder.find_spec(name, path, target) for finder in others):
            if spec is not None:
                self._replace_once_loaded(spec.loader, name)
                return spec
        return None

    def _replace_once_loaded(self, loader, name):
        execute = getattr(loader, "exec_module", None)

        def exec_module(module):
            del loader.exec_module
            execute(module)
            self._replace(module, name)

        if hasattr(loader, "__dict__") and execute is not None:
            loader.exec_module = exec_module

    def _replace(self, module, module_name):
        owner, name, place, keyword = _SERVERS[module_name]
        owner = getattr(module, owner, None) if owner else module
        original = getattr(owner, name, None)
        if original is None:
            return

        def serve(*args, **kwargs):
            given = args[place] if len(args) > place else kwargs.get(keyword)
            if get_ident() != self._thread:
                return original(*args, **kwargs)
            if given is None and module_name == "bottle":
                given = module.default_app()
            if hasattr(given, "serve_forever"):
                given = given.get_app() if hasattr(given, "get_app") else given.application
            self.served.append(given)
            raise _Served

        self._replaced.append((owner, name, original))
        setattr(owner, name, serve)


# --- routes -------------------------------------------------------------------------------------------------------


def _routes(application):
    """(path, methods) of the routes without variables, as far as the framework is known; nothing is called."""
    known = held_by(application, lambda thing: _table(thing) is not None)
    return [] if known is None else _table(known)


def _table(thing):
    held = getattr(thing, "__dict__", {})
    rules, routes = held.get("url_map"), held.get("routes")
    if hasattr(rules, "iter_rules"):  # Flask's, or whoever's that uses werkzeug
        return [(rule.rule, rule.methods or ("GET", "POST")) for rule in rules.iter_rules() if not rule.arguments]
    if type(routes) is list and routes and all(hasattr(route, "rule") for route in routes):  # Bottle
        methods = [("GET", "POST") if route.method == "ANY" else (route.method,) for route in routes]
        return [(route.rule, its) for route, its in zip(routes, methods) if not set("<:") & set(route.rule)]
    packages = [kind.__module__.partition(".")[0] for kind in type(thing).__mro__]
    if "falcon" in packages and hasattr(thing, "add_route"):
        return _of_falcon(thing)
    return None


def _of_falcon(application):
    try:
        from falcon.inspect import inspect_routes  # since Falcon 3
    except ImportError:
        return []
    return [
        (route.path, [method.method for method in route.methods if not method.internal])
        for route in inspect_routes(application)
        if "{" not in route.path
    ]


def _default_path(routes):
    posts = {path for path, methods in routes if "POST" in methods and not path.startswith("/_")}
    for wanted in ("/inference", "/predict"):
        for path in (wanted, wanted + "/"):
            if path in posts:
                return path
    return posts.pop() if len(posts) == 1 else "/"
