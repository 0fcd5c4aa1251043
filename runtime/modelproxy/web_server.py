"""The other mode: the model itself over plain HTTP, as on Knative, Code Engine, Cloud Run or docker. Knows nothing of
OpenWhisk.

``WebServer`` is the application of a ``server.Server``. /init and /run don't exist here: a public /init would be a
hole.
"""

import re
import time
from time import monotonic

from . import garbage, http1, log
from .http1 import Reply, error_reply
from .messages import HOP_BY_HOP, Request, error_response
from .percent import is_host, mount_point, quoted_path

WAITED_SECONDS = 0.01  # from which on it is worth a look whether the client is still there

_HOP_BY_HOP = HOP_BY_HOP | {"content-length"}
_ABSOLUTE = re.compile(r"https?://([^/?#]+)(/[^?#]*)?(?:\?([^#]*))?\Z", re.IGNORECASE)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class WebServer:
    def __init__(self, settings, host):
        self._settings = settings
        self._host = host
        self._mount = mount_point(settings.public_path)
        self._loaded = False

    def load(self):
        """Loads the model; requests that come meanwhile wait."""
        began = monotonic()
        garbage.load(self._host)
        garbage.settle()
        self._loaded = True
        log.line("the model is loaded, in %d ms" % round((monotonic() - began) * 1000))

    # --- in the thread that has the server's lead -----------------------------------------------------------------

    def refuse(self, head):
        if head.target.partition("?")[0] == self._settings.health_path and head.method in ("GET", "HEAD"):
            body = b'{"status":"ok"}' if self._loaded else b'{"status":"loading"}'
            return Reply(200 if self._loaded else 503, [("Content-Type", "application/json")], body)
        if _parted(head) is None:
            return error_reply(400, "The request target %r is no path." % head.target[:80])
        return None

    def admit(self, job):
        """Nothing to do before the job is queued: a plain web server has no deadline."""

    def overdue(self, job):
        raise AssertionError("no job of a web server has a deadline")

    # --- in a thread that predicts --------------------------------------------------------------------------------

    def perform(self, job):
        began = monotonic()
        if began - job.arrived > WAITED_SECONDS and job.is_forsaken() and job.claim():
            job.drop()
            what = job.head.method, _loggable(quoted_path(_parted(job.head)[1])), (began - job.arrived) * 1000
            log.line("%s %s isn't asked of the model: its client left while it waited for %d ms" % what)
            return
        request = self._request(job)
        try:
            response = self._host.handle(request)
            if not 200 <= response.status <= 999:
                response = error_response(502, "The model answered with the HTTP status %d." % response.status)
            reply = _reply(response, request)
        except BaseException as error:  # SystemExit too: whatever the model does, it stays loaded
            log.traceback_of(error)
            response = error_response(
                500, "The model failed with %s; the traceback is in the log." % type(error).__name__
            )
            reply = _reply(response, request)
        if job.claim():
            job.send(reply)
        now = monotonic()
        log.line(
            "%s %s %d in=%d out=%d ms=%.3f wait=%.3f model=%.3f%s"
            % (
                request.method,
                _loggable(request.path),
                response.status,
                len(request.body),
                len(response.body),
                (now - job.arrived) * 1000,
                (began - job.arrived) * 1000,
                (now - began) * 1000,
                "" if response.drift is None else " %s" % response.drift,
            )
        )

    def _request(self, job):
        host, path, query = _parted(job.head)
        body, job.body = bytes(job.body), None
        fields = [
            (name, host if name == "host" and host else value) for name, value in job.head.fields if name != "expect"
        ]
        forwarded = [value for name, value in fields if name == "x-forwarded-proto"]
        scheme = "https" if forwarded and forwarded[-1].split(",")[0].strip().lower() == "https" else "http"
        request = Request(job.head.method, quoted_path(path), query, fields, body, self._mount, scheme)
        request.peer = job.peer
        return request


def _loggable(path):
    return path if len(path) <= log.LONGEST_PATH else log.beginning(path)


def _parted(head):
    """Host, path and query of a request's target (RFC 9112 section 3.2), None for what is none. The host is that of an
    absolute form, which counts whatever the Host header says; else it is "".
    """
    absolute = _ABSOLUTE.match(head.target)
    host, path, query = absolute.groups() if absolute else ("",) + head.target.partition("?")[::2]
    if absolute:
        path, query = path or "/", query or ""
    elif path == "*":
        path = "/"
    return (host, path, query) if path.startswith("/") and "#" not in head.target and is_host(host) else None


def _reply(response, request):
    headers = [
        (name, value)
        for name, value in response.headers
        if name.lower() not in _HOP_BY_HOP and http1.is_field(name, value)
    ]
    known = {name.lower() for name, _ in headers}
    if "date" not in known:
        headers.append(("Date", _date(time.time())))
    if response.status in (204, 304):
        return Reply(response.status, headers, b"", length=False)
    if request.method == "HEAD" and response.header("content-length").isdecimal():
        headers.append(("Content-Length", response.header("content-length")))
        return Reply(response.status, headers, b"", length=False)
    return Reply(response.status, headers, response.body)


def _date(now):
    """IMF-fixdate (RFC 9110 section 5.6.7), whatever the locale."""
    moment = time.gmtime(now)
    return "%s, %02d %s %d %02d:%02d:%02d GMT" % (
        _DAYS[moment.tm_wday],
        moment.tm_mday,
        _MONTHS[moment.tm_mon - 1],
        moment.tm_year,
        moment.tm_hour,
        moment.tm_min,
        moment.tm_sec,
    )
