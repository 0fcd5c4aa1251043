"""One /run from its message to its end: the deadline, the times of its phases, the log line, the markers, the reply."""

import json
import time
from time import monotonic

from . import log, plain_action, web_action
from .http1 import Reply
from .messages import Request, Response, Result, kind_of

_DECODER = json.JSONDecoder()
_scan = _DECODER.scan_once
_ALL_PHASES = "wait;dur=%.3f, decode;dur=%.3f, model;dur=%.3f, encode;dur=%.3f"
_LINE = "%s %s %d in=%d out=%d ms=%.3f %s activation=%s"
_JSON = (("Content-Type", "application/json"),)


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
        request = self.request or Request("POST", "")
        limit = settings.result_limit
        if self.is_web:
            outcome = web_action.encode(response, request, limit, settings.cors == "app", self.server_timing)
        else:
            outcome = plain_action.encode(response, request, limit)
        self._end(outcome.response, outcome.notes, settings.log, response.drift)
        return Reply(200, _JSON, outcome.body)

    def conclude_with(self, status, sentence, settings):
        """The same for a call that never became a request: ``{"error": sentence}``, with an HTTP status."""
        body = json.dumps({"error": sentence}).encode("ascii")
        self._end(None, [sentence], settings.log)
        return Reply(status, _JSON, body)

    def server_timing(self):
        """W3C Server Timing: milliseconds of each phase that has ended, in order. What was told last is logged too."""
        started, decoded, answered = self.started, self.decoded, self.answered
        self.encoded = encoded = monotonic()
        if decoded is not None:  # nearly always, and much quicker than one by one
            self._timing = _ALL_PHASES % (
                (started - self.arrived) * 1000.0,
                (decoded - started) * 1000.0,
                (answered - decoded) * 1000.0,
                (encoded - answered) * 1000.0,
            )
        else:
            self._timing = ", ".join(self._phases((started, answered, encoded)))
        return self._timing

    def _phases(self, marks):
        """Those of a call that never became a request, and perhaps never began."""
        since = self.arrived
        for name, mark in zip(("wait", "model", "encode"), marks):
            if mark is not None:
                yield "%s;dur=%.3f" % (name, (mark - since) * 1000.0)
                since = mark

    def elapsed(self):
        """Milliseconds since the request arrived."""
        return (monotonic() - self.arrived) * 1000.0

    def _end(self, response, notes, form, drift=None):
        request = self.request
        if request is None:
            method, path, size = "-", "-", 0
        else:
            method, path, size = request.method, request.path, len(request.body)
            if len(path) > log.LONGEST_PATH:
                path = log.beginning(path)
        timing = self._timing or self.server_timing()
        took = (self.encoded - self.arrived) * 1000.0
        status, sent = (response.status, len(response.body)) if response is not None else (400, 0)
        phases = timing.replace(";dur=", "=").replace(",", "")
        if form == "json":
            more = {} if drift is None else {"drift": drift.fields}
            log.markers(
                _as_json(
                    activation=self.identity,
                    method=method,
                    path=path,
                    status=status,
                    bytes_in=size,
                    bytes_out=sent,
                    ms=round(took, 3),
                    phases={name: float(ms) for name, ms in (phase.split("=") for phase in phases.split())},
                    notes=notes,
                    **more,
                )
            )
            return
        if drift is not None:
            phases += " %s" % drift
        line = _LINE % (method, path, status, size, sent, took, phases, self.identity)
        closing = log.own_line(line)
        log.markers(b"".join([log.own_line(note) for note in notes]) + closing if notes else closing)


def _as_json(**fields):
    return json.dumps(fields).encode("ascii") + b"\n"
