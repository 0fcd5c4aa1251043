"""One /run from its message to its end: the deadline, the times of its phases, the log line, the markers, the reply."""

import json
import time
from time import monotonic

from . import log, plain_action, web_action
from .http1 import Reply
from .messages import Request, Response, Result, kind_of
from .web_action.result import head_of

_DECODER = json.JSONDecoder()
_scan = _DECODER.scan_once
_PHASES = ("wait;dur=%.3f, ", "decode;dur=%.3f, ", "model;dur=%.3f, ", "encode;dur=%.3f")
_ALL_PHASES = "".join(_PHASES)
_LINE = "%s %s %d in=%d out=%d ms=%.3f %s activation=%s"
_JSON = (("Content-Type", "application/json"),)
_ANYTHING = (None, "", "*/*")  # of an Accept header
_SHORT = 65536  # bytes


class Activation:
    """What is known of a /run; made when the request has arrived.

    ``message`` is the parsed body, or None with ``fault`` saying what is wrong with it; ``too_deep`` where that is no
    fault of the platform's.
    """

    __slots__ = (
        "_timing",
        "answered",
        "arrived",
        "decoded",
        "encoded",
        "fault",
        "identity",
        "is_web",
        "message",
        "peer",
        "request",
        "started",
        "too_deep",
    )

    def __init__(self, body, peer):
        self.arrived = monotonic()
        self.started = self.decoded = self.answered = self.encoded = None  # ``monotonic()`` times
        self.peer = peer
        self.is_web = True
        self.request = None
        self.too_deep = False
        self.fault = self._timing = ""  # the latter until the answer is encoded
        self.message = message = self._parsed(body)
        identity = message.get("activation_id") if message else None
        self.identity = identity if identity and type(identity) is str else "-"

    def _parsed(self, body):
        """The message. Of a large one no more than two copies live at one time: ``body``, a bytearray, is emptied."""
        text = "{}"
        try:
            # An empty body and ``null`` are what upstream's tests send for "nothing".
            if body and not body.isspace():
                text = body.decode("utf-8")
                body.clear()
            try:  # as json.loads, which looks for white space before and after, where the platform writes none
                message, end = _scan(text, 0)
            except StopIteration:
                end = None
            if end != len(text):
                message = _DECODER.decode(text)
        except ValueError as error:
            self.fault = "The body of /run isn't JSON: %s." % error
            return None
        except RecursionError:
            # The platform lets up to 1000 levels pass (spray-json, maxDepth), json.loads some fewer.
            self.fault = "The request's JSON is nested too deeply: at most some 900 levels can be read here."
            self.too_deep = True
            return None
        if message is None:
            return {}
        if not isinstance(message, dict):
            self.fault = "The body of /run must be a JSON object with a value, this one is %s." % kind_of(message)
            return None
        return message

    def late_at(self, margin):
        """``monotonic()`` time at which the caller must have an answer, None where there is no deadline to keep.

        margin   milliseconds before the deadline; a tenth of the time given if that is less (design, decision 9).
        A deadline that has passed already says nothing: test harnesses send ``"123"``.
        """
        try:
            given = float((self.message or {}).get("deadline")) / 1000.0 - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
        if not 0.0 < given < 1e7:
            return None
        return self.arrived + given - min(margin / 1000.0, given / 10.0)

    def conclude(self, response, settings):
        """Encodes the response, writes the log line and the markers, and returns the ``Reply``. A ``Result`` passes as
        it is."""
        if type(response) is Result:
            self._end(Response(response.shown, (), response.body), [], settings.log, response.drift)
            return Reply(response.status, _JSON, response.body)
        body = self._conclude_at_once(response, settings) if self.is_web and self.decoded is not None else None
        if body is None:
            request = self.request or Request("POST", "")
            limit = settings.result_limit
            if self.is_web:
                outcome = web_action.encode(response, request, limit, settings.cors == "app", self.server_timing)
            else:
                outcome = plain_action.encode(response, request, limit)
            self._end(outcome.response, outcome.notes, settings.log, response.drift)
            body = outcome.body
        return Reply(200, _JSON, body)

    def _conclude_at_once(self, response, settings):
        """The result of nearly all web answers, once the log has their end: what ``conclude`` makes by calls that cost
        more than what they do. None, with nothing written, where there is more to do or to say."""
        request, headers, body = self.request, self.request.by_name, response.body
        if settings.log == "json" or response.drift is not None or not 0 < len(body) < _SHORT or headers is None:
            return None
        if headers.get("accept") not in _ANYTHING or request.method == "HEAD":
            return None
        pairs = tuple([pair for pair in response.headers if pair[0] != "Content-Length"])
        head, notes = head_of((pairs, response.status, settings.cors == "app")), []
        if head.usual is None:
            return None
        encoded = head.encode(head, body, notes)[1]
        arrived, started, decoded, answered = self.arrived, self.started, self.decoded, self.answered
        ended = monotonic()
        timing = _ALL_PHASES % (
            (started - arrived) * 1000.0,
            (decoded - started) * 1000.0,
            (answered - decoded) * 1000.0,
            (ended - answered) * 1000.0,
        )
        before, after = head.usual
        result = b"".join((before, timing.encode("ascii"), after) + encoded + (b"}",))
        took, phases = (ended - arrived) * 1000.0, timing.replace(";dur=", "=").replace(",", "")
        line = _LINE % (request.method, request.path, 200, len(request.body), len(body), took, phases, self.identity)
        if notes or len(result) > settings.result_limit or len(line) > log.LONGEST_PATH:
            return None
        log.markers(log.own_line(line))
        return result

    def conclude_with(self, status, fault, settings):
        """The same for a call that never became a request: ``{"error": sentence}``, with an HTTP status. ``fault`` is
        the sentence and, without the caller's words, what is logged of it."""
        sentence, logged = fault
        body = json.dumps({"error": sentence}).encode("ascii")
        self._end(Response(400, (), b""), [logged], settings.log)
        return Reply(status, _JSON, body)

    def server_timing(self):
        """W3C Server Timing: milliseconds of each phase that has ended, in order. What was told last is logged too."""
        self.encoded = monotonic()
        self._timing, since = "", self.arrived
        for phase, mark in zip(_PHASES, (self.started, self.decoded, self.answered, self.encoded)):
            if mark is not None:
                self._timing += phase % ((mark - since) * 1000.0)
                since = mark
        return self._timing

    def elapsed(self):
        """Milliseconds since the request arrived."""
        return (monotonic() - self.arrived) * 1000.0

    def _end(self, response, notes, form, drift=None):
        request = self.request or Request("-", "-")
        path = request.path if len(request.path) <= log.LONGEST_PATH else log.beginning(request.path)
        phases = (self._timing or self.server_timing()).replace(";dur=", "=").replace(",", "")
        took = (self.encoded - self.arrived) * 1000.0
        if form == "json":
            told = {
                "activation": self.identity,
                "method": request.method,
                "path": path,
                "status": response.status,
                "bytes_in": len(request.body),
                "bytes_out": len(response.body),
                "ms": round(took, 3),
                "phases": {name: float(ms) for name, ms in [phase.split("=") for phase in phases.split()]},
                "notes": list(map(log.bounded, notes)),
            }
            if drift is not None:
                told["drift"] = drift.fields
            log.markers(json.dumps(told).encode("ascii") + b"\n")
            return
        if drift is not None:
            phases += " %s" % drift
        sizes = len(request.body), len(response.body)
        line = _LINE % ((request.method, path, response.status) + sizes + (took, phases, self.identity))
        log.markers(b"".join([log.own_line(text) for text in notes + [line]]))
