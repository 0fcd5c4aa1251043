"""Calls a WSGI application (PEP 3333): Request → environ → Response. Knows neither OpenWhisk nor sockets."""

import re
import sys
from io import BytesIO

from . import log
from .messages import ENDLESS, HOP_BY_HOP, MOST_UNANNOUNCED, Response
from .percent import unquoted
from .remembered import remembered, size_of_texts

# Accept-Encoding because the application must not compress (the platform can't carry it).
_NOT_FORWARDED = HOP_BY_HOP | {"accept-encoding"}
# Whose keys aren't like others'; the last one counts.
_ONCE = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}

_STATUS = re.compile(r"([1-9][0-9]{2})(?: |\Z)")
_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_BODILESS = (204, 304)


class BadApplication(Exception):
    """The application broke PEP 3333; the text says how."""


def environ_of(request, multithread=False):
    """The environ of a request.

    Names with ``_`` are kept out, since HTTP_X_Y could be either of ``X-Y`` and ``X_Y``, and so is ``Proxy``, which
    CGI-minded libraries take for the proxy to use (httpoxy, CVE-2016-5385).
    """
    body, query, scheme = request.body, request.query, request.scheme
    host = request.header("host")
    environ = _frame((request.method, request.mount, request.path, scheme, host)).copy()
    environ["QUERY_STRING"] = query
    if query:
        environ["REQUEST_URI"] = environ["RAW_URI"] = environ["RAW_URI"] + "?" + query
    environ["REMOTE_ADDR"] = request.peer
    environ["wsgi.input"] = BytesIO(body)
    environ["wsgi.errors"] = sys.stderr
    if request.names is None:
        _add_headers(environ, request.headers)
    else:
        environ.update(zip(_keys(request.names), request.by_name.values()))
        environ.pop(None, None)
    if body or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(len(body))  # the body's, whatever was announced
    if multithread:
        environ["wsgi.multithread"] = True
    if request.activation is not None:
        environ["openwhisk.activation"] = request.activation
    return environ


def _add_headers(environ, headers):
    for name, value in headers:
        key = _key(name)
        if key is None:
            continue
        if key in environ and name not in _ONCE:
            environ[key] += ("; " if name == "cookie" else ", ") + value
        else:
            environ[key] = value


@remembered(32, 900, size_of_texts)
def _frame(method_mount_path_scheme_and_host):
    """What all requests of one method to one path have in common."""
    method, mount, path, scheme, host = method_mount_path_scheme_and_host
    name, port = _host_and_port(host, scheme)
    frame = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": unquoted(mount),
        "PATH_INFO": unquoted(path),
        "REQUEST_URI": mount + path,
        "RAW_URI": mount + path,
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input_terminated": True,  # spares Werkzeug a copying wrapper around the input
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if method in ("POST", "PUT", "PATCH"):  # RFC 9110 section 8.6
        frame["CONTENT_LENGTH"] = "0"
    return frame


@remembered(256, 200)
def _key(name):
    """The environ's key of a header, None where it has none."""
    if name in _ONCE:
        return _ONCE[name]
    if name == "proxy" or name in _NOT_FORWARDED or "_" in name:
        return None
    return "HTTP_" + name.upper().replace("-", "_")


@remembered(64, 3000, size_of_texts)
def _keys(names):
    """Those of several headers, which differ from each other as their names do."""
    return tuple(map(_key, names))


def _host_and_port(host, scheme):
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        return name or "localhost", port
    return host or "localhost", "443" if scheme == "https" else "80"


def call(application, request, multithread=False):
    """The application's response, gathered whole. What the application raises passes through, after its ``close()``."""
    answer = _Answer(request.method)
    body = application(environ_of(request, multithread), answer.start_response)
    try:
        return answer.of(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            try:
                close()
            except BaseException as error:
                # It costs a server's log a traceback, not the client its answer, which is out by then.
                log.traceback_of(error)


class _Answer:
    """What an application answers, as far as it has. Nothing is sent before it ends, yet PEP 3333 holds as if each
    piece were: an application that has begun its body can't start over, and what fails midway is no answer."""

    __slots__ = ("_headers", "_left", "_method", "_pieces", "_room", "_status")

    def __init__(self, method):
        self._method = method
        self._status = None
        self._left = None  # bytes that Content-Length still allows, None without one
        self._room = MOST_UNANNOUNCED  # bytes that may still come without one
        self._pieces = []

    def start_response(self, status, headers, exc_info=None):
        if self._status is not None:
            if exc_info is None:
                raise BadApplication("start_response was called twice without exc_info")
            if self._pieces:
                try:
                    # "if exc_info is provided, and the HTTP headers have already been sent, start_response must raise
                    # an error, and should re-raise using the exc_info tuple" (PEP 3333, The start_response() Callable).
                    # They are sent with the first piece of the body that isn't empty.
                    again = BadApplication("start_response was called again after the body had begun")
                    raise (again if exc_info[1] is None else exc_info[1]).with_traceback(exc_info[2])
                finally:
                    exc_info = None  # which would hold this frame in a circle
        code = _code_of(status) if isinstance(status, str) else None
        if code is None:
            raise BadApplication("the status line is %r; PEP 3333 wants a str of three digits and a reason" % (status,))
        self._headers, length = _checked(headers)
        self._status = code
        self._left = None if self._method == "HEAD" or code in _BODILESS else length
        return self.write

    def write(self, data):
        if not self._add(data):
            raise BadApplication("write() was given more than the Content-Length allows")

    def of(self, body):
        """The response, once all of the body that the application returned has been taken."""
        if body is None or isinstance(body, (str, bytes)):
            raise BadApplication("the application returned a %s instead of an iterable of bytes" % type(body).__name__)
        for piece in body:
            if type(piece) is bytes and piece and len(piece) == self._left:  # all of it, nearly always
                self._left = 0
                self._pieces.append(piece)
                continue
            # "should stop iterating over the response when enough data has been sent" (Handling the Content-Length
            # Header), which is when there is more: what comes after the last piece may be work of the application's.
            if not self._add(piece):
                break
        if self._status is None:
            raise BadApplication("the application returned without calling start_response")
        if self._left:
            raise BadApplication("the body ends %d bytes before its Content-Length" % self._left)
        pieces = self._pieces
        return Response(self._status, self._headers, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _add(self, piece):
        """False where there was no room for all of it."""
        if type(piece) is not bytes:
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise BadApplication("the application's body has a %s; it must be bytes" % type(piece).__name__)
            piece = bytes(piece)  # now, since the application may use its buffer again
        if not piece:
            return True
        if self._status is None:
            raise BadApplication("the application began its body without calling start_response")
        size = len(piece)
        if self._left is None:
            self._room -= size + 40
            if self._room < 0:
                raise BadApplication(ENDLESS)
        else:
            piece = piece[: self._left]
            self._left -= len(piece)
        if piece:
            self._pieces.append(piece)
        return len(piece) == size


@remembered(32)
def _code_of(status):
    match = _STATUS.match(status)
    return None if match is None else int(match.group(1))


def _checked(headers):
    """The headers as a list of tuples of str, and their Content-Length, None without one."""
    if not isinstance(headers, (list, tuple)):
        raise BadApplication("the headers are a %s; they must be a list" % type(headers).__name__)
    checked, length = [], None
    for field in headers:
        try:
            name, value = field
        except (TypeError, ValueError):
            name = value = None
        if type(field) is not tuple or type(name) is not str or type(value) is not str:
            if not isinstance(field, tuple) or not isinstance(name, str) or not isinstance(value, str):
                raise BadApplication("the header %r isn't a tuple of two str" % (field,))
            field = name, value = str(name), str(value)
        checked.append(field)
        if len(name) == 14 and name.lower() == "content-length":
            text = value.strip()
            number = int(text) if _NUMBER.match(text) else None
            if number is None or length not in (None, number):
                raise BadApplication("the Content-Length is %r; it must be one number" % text)
            length = number
    return checked, length
