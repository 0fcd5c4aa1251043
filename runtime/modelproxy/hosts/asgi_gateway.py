"""Calls an ASGI application (asgi.readthedocs.io: ASGI 3.0, HTTP 2.4, Lifespan 2.0): Request → scope → Response.

Knows neither OpenWhisk nor sockets, nor in which thread its event loop runs.
"""

import asyncio
import inspect

from .. import log
from ..messages import ENDLESS, HOP_BY_HOP, MOST_UNANNOUNCED, Response
from ..percent import unquoted
from . import Unloadable

# RFC 9110 section 7.6.1; Accept-Encoding because the application must not compress (the platform can't carry it), Proxy
# because CGI-minded libraries take it for the proxy to use (httpoxy, CVE-2016-5385).
_NOT_FORWARDED = HOP_BY_HOP | {"accept-encoding", "proxy"}
_BYTES = (bytes, bytearray, memoryview)
# What only an HTTP scope or its first message has: who asks a lifespan for it doesn't know that there are lifespans.
_OF_HTTP = frozenset(("body", "headers", "method", "path", "query_string", "raw_path", "scheme"))


class BadApplication(Exception):
    """The application broke the ASGI specification; the text says how."""


class StartupFailed(Exception):
    """The application said ``lifespan.startup.failed``; the text is its message."""


def single_callable(application, target, called=False):
    """The application as ASGI 3's ``application(scope, receive, send)``: it may be of ASGI 2, or a factory, as the
    arguments that it takes tell. Raises ``Unloadable``."""
    if not callable(application):
        raise Unloadable("%s is no ASGI application but of type %s" % (target, type(application).__name__))
    if _takes(application, 3):
        return application
    if _takes(application, 0) and not called:
        return single_callable(application(), target, called=True)
    if _takes(application, 1):

        async def of_asgi_2(scope, receive, send):
            await application(scope)(receive, send)

        return of_asgi_2
    if _takes(application, 2):
        raise Unloadable("%s takes two arguments, as WSGI applications do: set MODELPROXY_HOST to wsgi" % target)
    raise Unloadable("%s doesn't take the arguments of an ASGI application: scope, receive, send" % target)


def _takes(application, count):
    try:
        inspect.signature(application).bind(*(None,) * count)
    except TypeError:
        return False
    except ValueError:
        return count == 3  # compiled, without a signature
    return True


def scope_of(request, state, whole_path):
    """The scope of a request. In an action ``extensions`` has the activation's metadata as ``openwhisk.activation``.

    state        of the lifespan; each request gets a copy (Lifespan 2.0, "Lifespan State").
    whole_path   True where ``path`` begins with ``root_path``, False where it is what follows (WSGI's PATH_INFO).
    """
    raw_path = request.mount + request.path if whole_path else request.path
    extensions = {} if request.activation is None else {"openwhisk.activation": request.activation}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": _decoded(raw_path),
        "raw_path": raw_path.encode("latin-1", "replace"),
        "query_string": request.query.encode("latin-1", "replace"),
        "root_path": _decoded(request.mount),
        "headers": _headers_for(request),
        "client": (request.peer, 0),
        "server": _server(request.header("host"), request.scheme),
        "state": state.copy(),
        "extensions": extensions,
    }


def _decoded(path):
    return unquoted(path).encode("latin-1").decode("utf-8", "replace")


def _headers_for(request):
    """Names with ``_`` are kept out as from a WSGI environ: what runs under ``WsgiToAsgi`` would take ``X_Y`` for
    ``X-Y``. The length is the body's, whatever was announced."""
    headers, has_length = [], bool(request.body)
    for name, value in request.headers:
        if name == "content-length":
            has_length = True
        elif name not in _NOT_FORWARDED and "_" not in name:
            headers.append((name.encode("latin-1"), value.encode("latin-1", "replace")))
    if has_length:
        headers.append((b"content-length", b"%d" % len(request.body)))
    return headers


def _server(host, scheme):
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and len(port) <= 5:  # a longer one Python may refuse, or take minutes for
        return name or "localhost", int(port)
    return host or "localhost", 443 if scheme == "https" else 80


class Exchange:
    """One request's ``receive`` and ``send``, and what was sent; ``complete`` once the body's last piece is there."""

    def __init__(self, request):
        self._method = request.method
        self._body = request.body
        self._status = None
        self._headers = []
        self._pieces = []
        self._room = MOST_UNANNOUNCED
        self._over = False
        self._waiting = None
        self.complete = False

    async def run(self, application, scope):
        """Calls the application, background tasks and all. Returns what it raised or None: SystemExit would come out of
        the loop, and leave it, if a task raised it."""
        try:
            await application(scope, self._receive, self._send)
        except BaseException as error:
            if not self.complete:
                self._pieces.clear()  # libraries' frames hold the exception, whose own hold this
            return error
        finally:
            self._end()
        return None

    def _end(self):
        self._over = True
        if self._waiting is not None:
            self._waiting.set()

    async def _receive(self):
        """``http.disconnect`` comes when the response is complete, as from a server whose clients never hang up: many
        applications stop streaming as soon as they see it."""
        if self._body is not None and not self._over:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._over:
            if self._waiting is None:
                self._waiting = asyncio.Event()
            await self._waiting.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        kind = _kind_of(message)
        if self.complete:
            raise BadApplication("%s was sent after the response was complete" % kind)
        if self._status is None:
            if kind != "http.response.start":
                raise BadApplication("%s was sent before http.response.start" % kind)
            self._status, self._headers = _status_of(message), _headers_of(message)
        elif kind != "http.response.body":
            raise BadApplication("%s was sent where http.response.body belongs" % kind)
        else:
            piece = message.get("body", b"")
            if not isinstance(piece, _BYTES):
                raise BadApplication("the body of http.response.body is of type %s, not bytes" % type(piece).__name__)
            piece = bytes(piece)
            self._room -= len(piece) + 40
            if self._room < 0 and all(name.lower() != "content-length" for name, _ in self._headers):
                raise BadApplication(ENDLESS)
            self._pieces.append(piece)
            if not message.get("more_body", False):
                self.complete = True
                self._end()

    def response(self):
        """The response, gathered whole. Raises ``BadApplication`` where there isn't a whole one."""
        if self._status is None:
            raise BadApplication("the application returned without a response")
        if not self.complete:
            raise BadApplication("the application returned before its response was complete")
        response = Response(self._status, self._headers, b"".join(self._pieces))
        length = response.header("content-length")
        bodiless = self._method == "HEAD" or self._status in (204, 304)
        if length.isdecimal() and int(length) != len(response.body) and not bodiless:
            raise BadApplication("Content-Length is %s, but %d bytes were sent" % (length, len(response.body)))
        return response


def _kind_of(message):
    try:
        return message["type"]
    except (TypeError, KeyError):
        raise BadApplication("%.80r was sent, which is no message with a type" % (message,)) from None


def _status_of(message):
    status = message.get("status")
    if not isinstance(status, int) or not 100 <= status <= 999:
        raise BadApplication("the status of http.response.start is %.80r, not a number of three digits" % (status,))
    return int(status)


def _headers_of(message):
    headers = []
    try:
        for name, value in message.get("headers", ()):
            if not isinstance(name, _BYTES) or not isinstance(value, _BYTES):
                raise BadApplication("the header %.80r is no pair of bytes" % ((name, value),))
            headers.append((bytes(name).decode("latin-1"), bytes(value).decode("latin-1")))
    except (TypeError, ValueError):
        raise BadApplication("the headers of http.response.start aren't pairs of bytes") from None
    return headers


class Lifespan:
    """The application's lifespan, one task from ``startup`` to ``shutdown``. ``state`` is what it left for requests."""

    def __init__(self, application):
        self._application = application
        self._task = None
        self._asked = False  # true once the application has taken lifespan.startup
        self._expected = ()
        self._error = None
        self.state = {}

    async def startup(self):
        """Raises what the startup raised, or ``StartupFailed``. An application that knows no lifespans goes without."""
        self._events = asyncio.Queue()
        await self._pass("startup", None)
        if self._answer == "lifespan.startup.failed":
            await asyncio.wait([self._task], timeout=1)  # Starlette says so, then raises the reason
            raise self._error or StartupFailed(self._reason or "the application gave no reason")
        knows_lifespans = self._asked or not isinstance(self._error, Exception)
        if self._error is not None and self._answer is None and knows_lifespans:
            raise self._error

    async def shutdown(self, limit):
        """Waits at most ``limit`` seconds; what goes wrong is logged."""
        if not self._task.done() and not await self._pass("shutdown", limit):
            log.line("the application's shutdown isn't done after %d s; it is left" % limit)
        if self._answer == "lifespan.shutdown.failed":
            log.line("the application's shutdown failed: %s" % self._reason)
        if self._error is not None and self._asked:
            log.traceback_of(self._error)

    async def _pass(self, event, limit):
        """Sends an event and waits for its answer, or for the application's end; False when the time was up before."""
        self._answer, self._reason = None, ""
        self._expected = ("lifespan.%s.complete" % event, "lifespan.%s.failed" % event)
        self._answered = asyncio.Event()
        self._events.put_nowait({"type": "lifespan." + event})
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        try:
            await asyncio.wait_for(self._answered.wait(), limit)
        except asyncio.TimeoutError:
            return False
        return True

    async def _run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._application(scope, self._receive, self._send)
        except BaseException as error:
            self._error = error
            if isinstance(error, KeyError) and error.args[:1] and error.args[0] in _OF_HTTP:
                self._asked = False
        finally:
            self._answered.set()

    async def _receive(self):
        event = await self._events.get()
        self._asked = True
        return event

    async def _send(self, message):
        kind = _kind_of(message)
        if kind not in self._expected:
            self._asked = self._asked and kind.startswith("lifespan.")
            raise BadApplication("%s was sent where %s belongs" % (kind, " or ".join(self._expected) or "nothing"))
        self._expected = ()
        self._answer, self._reason = kind, str(message.get("message", ""))
        self._answered.set()
