"""Calls a WSGI application (PEP 3333): Request → environ → Response. Knows neither OpenWhisk nor sockets."""

import re
import sys
from io import BytesIO

from .messages import Response
from .percent import unquoted

# RFC 9110 section 7.6.1; Accept-Encoding because the application must not compress (the platform can't carry it).
_NOT_FORWARDED = frozenset(
    (
        "accept-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-type",
    )
)


_STATUS = re.compile(r"([0-9]{3})(?: |\Z)")


class BadApplication(Exception):
    """The application broke PEP 3333; the text says how."""


def environ_of(request, multithread=False):
    """The environ of a request.

    Names with ``_`` are kept out, since HTTP_X_Y could be either of ``X-Y`` and ``X_Y``, and so is ``Proxy``, which
    CGI-minded libraries take for the proxy to use (httpoxy, CVE-2016-5385).
    """
    mount = unquoted(request.mount)
    host, port = _host_and_port(request.header("host"), request.scheme)
    target = request.mount + request.path + ("?" + request.query if request.query else "")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": mount,
        "PATH_INFO": unquoted(request.path),
        "QUERY_STRING": request.query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
        "wsgi.input_terminated": True,  # spares Werkzeug a copying wrapper around the input
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in _NOT_FORWARDED and name != "proxy" and "_" not in name:
            key = "HTTP_" + name.upper().replace("-", "_")
            known = environ.get(key)
            environ[key] = value if known is None else known + ("; " if name == "cookie" else ", ") + value
    if request.activation is not None:
        environ["openwhisk.activation"] = request.activation
    return environ


def _host_and_port(host, scheme):
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        return name or "localhost", port
    return host or "localhost", "443" if scheme == "https" else "80"


def call(application, request, multithread=False):
    """The application's response, gathered whole. What the application raises passes through, after its ``close()``."""
    started = []
    written = []

    def start_response(status, headers, exc_info=None):
        if started and exc_info is None:
            raise BadApplication("start_response was called twice without exc_info")
        started[:] = [status, headers]  # with exc_info too: nothing has been sent, so the application may start over
        return written.append

    body = application(environ_of(request, multithread), start_response)
    try:
        whole = b"".join(body)
        if not started:
            raise BadApplication("the application returned without calling start_response")
        headers = [(str(name), str(value)) for name, value in started[1]]
        return Response(_status_code(started[0]), headers, b"".join(written) + whole if written else whole)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            _close(close)


def _close(close):
    """What fails here costs a server's log a traceback, not the client its answer, which is out by then."""
    try:
        close()
    except BaseException as error:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)


def _status_code(status):
    match = _STATUS.match(status)
    if match is None:
        raise BadApplication("the status line is %r; PEP 3333 wants three digits and a reason" % (status,))
    return int(match.group(1))
