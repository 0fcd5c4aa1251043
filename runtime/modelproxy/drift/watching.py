"""A host that is watched: it answers as the host does, and what it answers carries how far its input is from those that
the model was trained on, or the input's vector. No failure of that ever changes or costs an answer.
"""

import base64
import json
import os
import struct
from collections import deque
from threading import Lock, Thread
from time import monotonic

from .. import log, web_action
from ..formats.structured import Unparsable
from ..hosts import Unloadable
from ..messages import BadValue, Response, Result
from . import declaration, model_files, verdict
from .alert import Alert, Share
from .embedding import Embedding, NoVector
from .reference import Reference, Refused
from .search import NoDistance, Search
from .workers import Busy, Late, Workers

_MISSES = 3  # in a row, after which what is too slow is no longer asked
_HANGS = 10.0  # seconds after which what doesn't end is no longer waited for
_REPEATED = 3  # times that one reason is logged
_PARSED_AT_ONCE = 256 * 1024  # bytes of an answer
_COLLECT_SECONDS = 300
_STILL = "an earlier input is still being looked at"
_OPENING_SECONDS = 1.0  # that loading may take longer for the reference's sake; a large one is read further meanwhile


def _say(sentence):
    log.line("drift: %s" % sentence)


def watched(settings, host):
    """The host, watched as the settings say; as it is where the reference can't be used, which is logged."""
    several = settings.concurrency > 1
    if settings.drift_collect:
        return Watched(host, _Collecting(settings, several))
    try:
        return Watched(host, _Comparing(settings, Reference(settings.drift, check=False), several))
    except (OSError, ValueError) as error:  # Refused too
        _say("%s Predictions aren't watched." % error if isinstance(error, Refused) else "not watched: %s" % error)
        return host


class Watched:
    """Has all that the host has."""

    def __init__(self, host, watcher):
        self._host = host
        self._watcher = watcher
        invoke = getattr(host, "invoke", None)
        if invoke is not None:
            self.invoke = lambda value: self._invoked(invoke, value)

    def __getattr__(self, name):
        return getattr(self._host, name)

    def load(self):
        self._watcher.before_loading()
        self._host.load()
        self._watcher.loaded(self._host)

    def handle(self, request):
        self._watcher.begin()
        response = self._host.handle(request)
        try:
            if 200 <= response.status <= 299:
                return self._watcher.seen(request, response)
        except BaseException as error:  # whatever it is, the answer is the model's
            _forget(error)
        return response

    def _invoked(self, invoke, value):
        self._watcher.begin()
        given = _copy(value)
        result = invoke(value)
        try:
            if 200 <= result.shown <= 299 and result.status == 200:
                return self._watcher.seen_result(given, result)
        except BaseException as error:
            _forget(error)
        return result


def _copy(value):
    """A function may change what it is given, or keep it."""
    try:
        return json.loads(json.dumps(value))
    except (RecursionError, MemoryError):
        return None


def _forget(error):
    try:
        log.line("drift: the comparison failed with %s" % type(error).__name__)
    except BaseException:  # no memory left, say
        return


class _Watcher:
    """What both kinds of watching have: the embedding, and how a vector gets from a prediction into the answer."""

    def __init__(self, settings, embedding):
        self._settings = settings
        self._embedding = embedding
        self._said = {}

    def before_loading(self):
        self._embedding.before_loading()

    def begin(self):
        self._embedding.begin()

    def seen(self, request, response):
        """The response, and its header."""
        header, noted = self._look(request, response.body)
        headers = response.headers
        if header is not None:
            headers = [pair for pair in headers if pair[0].lower() != header[0].lower()] + [header]
        elif noted is None:
            return response
        return Response(response.status, headers, response.body, noted)

    def seen_result(self, value, result):
        """The same for a result that is no HTTP response; where it has the form of one, the header is put into it if
        there is room."""
        answer = json.loads(result.body.decode("utf-8"))
        is_http = type(answer) is dict and "body" in answer and ("statusCode" in answer or "headers" in answer)
        header, noted = self._look(_input_of(value), _content_of(answer["body"]) if is_http else answer)
        body = result.body
        if header is not None and not is_http and self.makes_http:
            answer = {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": answer}
            is_http = True
        if header is not None and is_http:
            answer["headers"] = dict(answer.get("headers") or {}, **{header[0]: header[1]})
            body = _written(answer)
            if len(body) > self._settings.result_limit:
                self._say_of("with its header a result has more bytes than OpenWhisk passes on; it goes without")
                body = result.body
        elif noted is None:
            return result
        return Result(body, result.status, result.shown, noted)

    def _say_of(self, reason):
        """Logs a reason, but not for ever."""
        times = self._said.get(reason, 0) + 1
        if times <= _REPEATED and len(self._said) < 100:
            self._said[reason] = times
            _say(reason + (" (said no more)" if times == _REPEATED else ""))


class _Collecting(_Watcher):
    """Each prediction carries its vector. ``makes_http``: a plain result becomes an HTTP response for it."""

    makes_http = True

    def __init__(self, settings, several):
        self._fault = ""
        try:
            embedding = Embedding(declaration.read(settings.drift_collect), several)
        except declaration.Malformed as error:
            self._fault = "MODELPROXY_DRIFT_COLLECT can't be used: %s" % error
            embedding = Embedding(declaration.checked({"kind": "picture"}), several)
        super().__init__(settings, embedding)
        self._workers = Workers(64)

    def before_loading(self):
        if self._fault:
            raise Unloadable(self._fault)
        super().before_loading()
        _say("the model's digest is %s" % model_files.digest_of(model_files.digests_of(os.getcwd())))

    def loaded(self, host):
        try:
            self._embedding.loaded(host)
        except NoVector as error:
            raise Unloadable("MODELPROXY_DRIFT_COLLECT can't be used: %s" % error) from None
        if self._embedding.layer is not None:
            _say("the layer is %s" % self._embedding.layer[0])

    def _look(self, request, answer):
        computed = self._embedding.computed()
        try:
            vector = self._vector(request, answer, computed)
        except NoVector as error:
            return ("Model-Embedding-Error", _as_header(str(error))), None
        except BaseException as error:  # whatever the user's function raises
            log.traceback_of(error)
            return ("Model-Embedding-Error", _as_header("%s: %s" % (type(error).__name__, error))), None
        if vector is None:
            return None, None
        numbers = [float(number) for number in vector]
        packed = base64.b64encode(struct.pack("<%df" % len(numbers), *numbers))
        return ("Model-Embedding", packed.decode("ascii")), None

    def _vector(self, request, answer, computed):
        if not self._embedding.is_slow:
            return self._embedding.vector(request, answer, computed)
        return self._workers.call(lambda: self._embedding.vector(request, answer, computed), _COLLECT_SECONDS)


class _Comparing(_Watcher):
    """Each prediction carries how far its input is from those of the reference."""

    makes_http = False

    def __init__(self, settings, reference, several):
        self._reference = reference
        model = reference.declaration.get("model")
        files = reference.files
        digests = [files[name] for name in files if name.endswith(".onnx") and model in (None, name)]
        super().__init__(settings, Embedding(reference.declaration, several, digests))
        self._later = deque()  # what other threads have to say: a log line belongs to an activation
        self._alert = Alert(settings.drift_alert, self._later.append) if settings.drift_alert else None
        self._workers = Workers(settings.concurrency)
        self._share = None
        self._search = None
        self._opened = Lock()
        self._opened.acquire()
        self._misses = 0
        self._off = False

    def loaded(self, host):
        """Reads the reference: checksums, and what a first search needs. A small one is ready with the model, or the
        first prediction of a cold start would go without."""
        try:
            self._embedding.loaded(host)
        except BaseException as error:  # the user's module, say
            self._switch_off("no vector can be had: %s: %s" % (type(error).__name__, error))
            return
        Thread(target=self._open, name="drift reference", daemon=True).start()
        self._is_open(_OPENING_SECONDS)
        self._say_what_was_kept()

    def begin(self):
        if self._embedding.uses_model:
            self._workers.wait(lambda: self._say_of(_STILL + ", and this one waits for it"))
        super().begin()
        self._say_what_was_kept()

    def _say_what_was_kept(self):
        try:
            while self._later:
                _say(self._later.popleft())
        except IndexError:  # another prediction's thread was there first
            return

    def _open(self):
        later = self._later.append
        try:
            self._reference.check()
            search = Search(self._reference, self._settings.drift_budget / 1000)
            self._later.extend(search.warnings)
            try:
                search.distance([0.5] * self._reference.dimensions)  # what is read for the first time takes longer
            except NoDistance as error:
                self._switch_off(str(error), later)
                return
            self._search = search
            later(
                "compared by %s with %d vectors of %d numbers, %s"
                % (self._embedding, self._reference.count, self._reference.dimensions, search.how)
            )
        except BaseException as error:  # Refused; MemoryError
            self._switch_off(str(error) or type(error).__name__, later)
        finally:
            self._opened.release()

    def _switch_off(self, reason, say=_say):
        self._off = True
        say("%s. Predictions are no longer watched." % reason.rstrip("."))

    def _look(self, request, answer):
        computed = self._embedding.computed()
        if self._off:
            return None, None
        began = monotonic()
        try:
            distance = self._distance(request, answer, computed, self._settings.drift_budget / 1000)
        except BaseException as error:  # whatever the user's function raises
            return None, verdict.not_compared(self._why_not(error))
        if distance is None:
            return None, None
        return self._judged(request, distance, (monotonic() - began) * 1000)

    def _why_not(self, error):
        """Logs, not for ever, why there was no comparison; returns it."""
        if isinstance(error, Busy):
            if monotonic() - error.since > _HANGS:
                self._switch_off("%s hasn't ended in %d s" % (self._embedding, _HANGS))
            return _STILL
        if isinstance(error, Late):
            self._missed()
            return "not ready in %d ms" % self._settings.drift_budget
        reason = str(error)
        if isinstance(error, (BadValue, Unparsable)):  # whose texts have a caller's words
            reason = "the request isn't what %s takes (%s)" % (self._embedding, type(error).__name__)
        elif not isinstance(error, (NoVector, NoDistance)):
            reason = "%s failed with %s" % (self._embedding, type(error).__name__)
            if reason not in self._said:
                log.traceback_of(error)
        self._say_of(reason)
        return reason

    def _distance(self, request, answer, computed, seconds):
        until = monotonic() + seconds
        if self._search is None and not self._is_open(seconds):
            raise NoDistance("the reference is still being read")
        is_slow = self._embedding.is_slow or (isinstance(answer, bytes) and len(answer) > _PARSED_AT_ONCE)
        if is_slow:
            vector = self._workers.call(
                lambda: self._embedding.vector(request, answer, computed, until), max(0.0, until - monotonic())
            )
        else:
            vector = self._embedding.vector(request, answer, computed)
        self._misses = 0
        return None if vector is None else self._search.distance(vector)

    def _is_open(self, seconds):
        if self._opened.acquire(True, seconds):
            self._opened.release()
        return self._search is not None

    def _missed(self):
        self._misses += 1
        if self._misses == _MISSES:
            self._switch_off(
                "%s took longer than MODELPROXY_DRIFT_BUDGET, %d ms, %d times in a row"
                % (self._embedding, self._settings.drift_budget, _MISSES)
            )

    def _judged(self, request, distance, ms):
        settings, threshold = self._settings, self._reference.threshold
        if self._share is None:  # now, since /init may have set what it depends on
            self._share = Share(settings.drift_window, settings.drift_bound)
        share, of, crossed = self._share.taken(distance > threshold)
        if crossed:
            self._warn(request, distance, share, of)
        found = verdict.compared(distance, threshold, share, of, ms, self._search.part)
        return (verdict.HEADER, found.header), found

    def _warn(self, request, distance, share, of):
        _say("%d %% of the last %d predictions were of drifted inputs" % (round(share * 100), of))
        if self._alert is None:
            return
        activation = getattr(request, "activation", None) or {}
        message = {
            "event": "drift",
            "model": self._reference.about["model"].get("name"),
            "action": activation.get("action_name") or os.environ.get("__OW_ACTION_NAME"),
            "activation": activation.get("activation_id") or os.environ.get("__OW_ACTIVATION_ID"),
            "share": round(share, 4),
            "of": of,
            "bound": self._settings.drift_bound,
            "distance": distance,
            "threshold": self._reference.threshold,
        }
        key = activation.get("api_key") or os.environ.get("__OW_API_KEY", "")
        self._alert.send(message, os.environ.get("__OW_API_HOST", ""), key)


def _input_of(value):
    """What an activation's ``value`` gives to a function: the request where it is a web activation's whose request
    is told, else its parameters."""
    if not web_action.is_web(value):
        return value
    try:
        request = web_action.decode(value)
    except BadValue:
        return None
    if request.body or "__ow_query" in value:
        return request
    return {name: item for name, item in value.items() if name not in web_action.RESERVED}


def _content_of(body):
    """The content of an HTTP-like result's body: bytes of text or base64, or a value."""
    if not isinstance(body, str):
        return body
    text = body.lstrip()
    if text[:1] in ("{", "["):
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return body.encode("utf-8", "replace")


def _written(answer):
    """The JSON of a result as the function host writes it: no longer than it was."""
    try:
        encoded = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can say
        encoded = json.dumps(answer, separators=(",", ":")).encode("ascii")
    return web_action.escaped_mark(encoded)


def _as_header(text):
    return "".join([character if " " <= character <= "~" else "?" for character in text])[:500]
