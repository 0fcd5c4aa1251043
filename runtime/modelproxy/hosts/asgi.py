"""Serves an ASGI application: FastAPI, Starlette, Quart, Django, Litestar or one written by hand, as Uvicorn would.

One event loop lives as long as the process. Where one call is made at a time it runs in the thread that calls, so that
coroutines are in the main thread and cost no hand-over, and stands still between calls, as the platform's frozen
container does. As a web server, and where calls come from several threads, it has a thread of its own.
"""

import os
import sys

from .. import log
from ..messages import Request, Response, error_response
from . import Unloadable, is_browser
from .loading import attribute_of, held_by

_AFTERWARDS = 1  # seconds that tasks which a call leaves may still take of it
_SHUTDOWN = 5  # seconds; docker kills ten after SIGTERM
_NO_WEBSOCKET = (
    "There are no websockets here: a call is one HTTP request with one response. Ask without the header Upgrade: "
    "websocket, or run the application's own server for its websocket routes."
)
# Of these ``path`` is taken to begin with ``root_path``, as Uvicorn and Hypercorn have it; Starlette from 0.33 on. All
# others route by ``path`` as it is (github.com/django/asgiref/issues/424).
_STRIP_ROOT_PATH = frozenset(("channels", "django", "litestar", "quart", "starlette"))


class Host:
    default_path = "/"

    def __init__(self, settings):
        self._target = settings.target
        self._own_thread = settings.concurrency > 1 or settings.mode == "web"
        self._runner = None
        self._lifespan = None

    def load(self):
        """Imports the application inside the running loop, as Uvicorn does, and runs the startup of its lifespan."""
        from . import asgi_gateway, asgi_loop

        self._gateway = asgi_gateway
        self._process = os.getpid()
        self._target = self._target or _found_target()
        self._runner = asgi_loop.Runner()
        try:
            self._runner.run(self._start())
            self._runner.run(self._runner.rest(0))  # what the startup left running is no call's
            if self._own_thread:
                self._runner.move_to_own_thread()
        except BaseException:
            self.close()
            raise

    async def _start(self):
        self._application = self._gateway.single_callable(_imported(self._target), self._target)
        routed = held_by(self._application, lambda thing: isinstance(getattr(thing, "routes", None), list))
        routes = list(_routes(routed.routes)) if routed is not None else []
        self.default_path = _default_path(routes)
        self._documentation = _of_get(routes, getattr(routed, "docs_url", None) or "/docs")
        self._description = _of_get(routes, getattr(routed, "openapi_url", None) or "/openapi.json")
        # An application with a root_path of its own (FastAPI's parameter) puts it into the scope itself.
        self._whole_path = _strips_root_path(self._application) and not getattr(routed, "root_path", "")
        lifespan = self._gateway.Lifespan(self._application)
        await lifespan.startup()
        self._lifespan = lifespan

    def handle(self, request):
        if "websocket" in request.header("upgrade").lower():
            return error_response(501, _NO_WEBSOCKET)
        response = self._answer(request)
        if request.default and response.status in (404, 405) and is_browser(request):
            # At the bare URL of a model that predicts on POST.
            page = self._documentation or (self.default_path != "/" and "/")
            if page:
                return Response(302, [("Location", request.mount + page)], b"")
        return response

    def _answer(self, request):
        exchange = self._gateway.Exchange(request)
        scope = self._gateway.scope_of(request, self._lifespan.state, self._whole_path)
        runner = self._runner
        error = runner.run(self._perform(runner, exchange, scope))
        if error is None:
            return exchange.response()
        try:
            if not exchange.complete:
                raise error
            log.traceback_of(error)  # the client of any server has its response by then: a background task failed
            return exchange.response()
        finally:
            del error  # its traceback holds this frame, and the request's body

    async def _perform(self, runner, exchange, scope):
        error = await exchange.run(self._application, scope)
        if os.getpid() != self._process:
            os._exit(0)  # a child that the model forked has come out of the prediction, as in jobs.Job.claim
        await runner.rest(_AFTERWARDS)
        try:
            return error
        finally:
            del error  # as above

    def describe(self, mount, path):
        if not self._description:
            return None
        from .openapi import inputs_of_openapi

        request = Request("GET", self._description, headers=[("host", "localhost")], mount=mount)
        response = self._answer(request)
        return inputs_of_openapi(response.body, path) if response.status == 200 else None

    def close(self):
        runner, self._runner = self._runner, None
        lifespan, self._lifespan = self._lifespan, None
        if runner is None:
            return
        try:
            if not runner.come_back(_SHUTDOWN):
                log.line("a prediction holds the event loop, so the application's shutdown can't run")
                return
            if lifespan is not None:
                runner.run(lifespan.shutdown(_SHUTDOWN))
            runner.close()
        except BaseException as error:
            log.traceback_of(error)


def _found_target():
    from . import applications

    found = applications.found_in(os.getcwd())
    targets = {target for kind, target in found if kind == "asgi"} or {target for _, target in found}
    if len(targets) == 1:
        return targets.pop()
    raise Unloadable(
        "which application to serve isn't clear (%s): set MODELPROXY_TARGET to module:attribute"
        % (", ".join(sorted(targets)) or "none was found in %s" % ", ".join(applications.FILES))
    )


def _imported(target):
    """The application. A file that ends in ``uvicorn.run(app)`` whoever imports it can't start that inside the loop, so
    it is imported once more without."""
    try:
        return attribute_of(target)
    except RuntimeError as error:
        if "event loop" not in str(error) or "uvicorn" not in sys.modules:
            raise
    sys.modules["uvicorn"].run = lambda *given, **more: None
    return attribute_of(target)


def _strips_root_path(application):
    known = held_by(application, lambda thing: not _STRIP_ROOT_PATH.isdisjoint(_packages(thing)))
    if known is None or "starlette" not in _packages(known):
        return known is not None
    import starlette

    return [int(part) for part in starlette.__version__.split(".")[:2]] >= [0, 33]


def _packages(thing):
    return {kind.__module__.partition(".")[0] for kind in type(thing).__mro__}


def _routes(routes, prefix=""):
    """(path, methods) of Starlette's routes, those of routers included and applications mounted among them."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):  # FastAPI from 0.137 on keeps included routers as they are
            yield from _routes(route.effective_route_contexts(), prefix)
            continue
        path = prefix + (getattr(route, "path", None) or "")
        nested = getattr(route, "routes", None)
        if nested:
            yield from _routes(nested, path)
            continue
        methods = getattr(route, "methods", None)
        if methods is None:  # a class has a method for each
            methods = [name for name in ("GET", "POST") if hasattr(getattr(route, "endpoint", None), name.lower())]
        yield path, methods


def _default_path(routes):
    posts = [path for path, methods in routes if "POST" in methods and "{" not in path]
    for path in ("/inference", "/predict"):
        if path in posts:
            return path
    return posts[0] if len(set(posts)) == 1 else "/"


def _of_get(routes, path):
    return path if any(path == known and "GET" in methods for known, methods in routes) else None
