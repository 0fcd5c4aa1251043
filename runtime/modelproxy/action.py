"""The container contract: /init once, /run one at a time, whatever a model does (openwhisk-contract.md, part A).

``Action`` is the application of a ``server.Server`` (``refuse``, ``admit``, ``overdue``, in the thread that has its
lead); the threads that predict call ``perform``. Knows neither HTTP bodies nor which kind of host it drives.
"""

import _thread
import json
import os
from _operator import _compare_digest
from time import monotonic

from . import base64_codec, environment, garbage, log, plain_action, web_action
from .activation import Activation
from .hosts import Unloadable
from .http1 import Reply, error_reply
from .messages import BadValue, Request, error_response, kind_of
from .percent import mount_point, quoted_path
from .settings import PREFIX
from .tracebacks import text_of

ONLY_ONCE = "Cannot initialize the action more than once."

_HINT = (
    "This container is an OpenWhisk action: the platform calls POST /init and POST /run. "
    "To serve the model itself over HTTP start it with MODELPROXY_MODE=web."
)

_NO_CODE_TAKEN = (
    "This image runs the model that was built into it and takes no code, so that no caller can replace the "
    "model. Create the action from the image alone: wsk action create NAME --docker IMAGE --web raw"
)
# Every browser says so of a page's POST (fetch.spec.whatwg.org, "append a request Origin header"), the platform never.
_NO_PAGES = "This container answers the platform, not web pages (the request has an Origin header)."
_STRANGER = "This container answers only who started it (the request lacks its Modelproxy-Token)."
_NOT_READY = (
    "The prediction wasn't ready after %d ms, when the platform's deadline was near. Give the action more time "
    "(wsk action update NAME --timeout MILLISECONDS) or send less."
)
_STUCK = (
    "An earlier prediction still runs, long after its own deadline, so this one couldn't begin within %d ms. "
    "This container ends; the next call gets a fresh one."
)


class Action:
    """One packaged model behind /init and /run.

    settings   ``settings.Settings``.
    host       of ``hosts``, not loaded yet.
    """

    def __init__(self, settings, host):
        self._settings = settings
        self._host = host
        self._invoke = getattr(host, "invoke", None)
        self._takes_code = getattr(host, "takes_code", False)
        self._action_name = os.environ.get("__OW_ACTION_NAME", "")
        self._scheme = _scheme_of_host()
        self._loaded = False
        self._loading = _thread.allocate_lock()  # several calls may come before the model is there, without an /init
        self._initialized = False
        self._inputs = None
        self._inputs_known = False
        self._settled = False
        self._late = set()  # jobs that were answered at their deadline and still run

    # --- in the thread that has the server's lead -----------------------------------------------------------------

    def refuse(self, head):
        path = head.target.partition("?")[0]
        if path not in ("/init", "/run"):
            return error_reply(404, "There is nothing at %s. %s" % (path[:200], _HINT))
        if head.method != "POST":
            return error_reply(405, "%s takes POST. %s" % (path, _HINT))
        if any(name == "origin" for name, _ in head.fields):
            return error_reply(403, _NO_PAGES)
        token = self._settings.token
        if token is not None:
            shown = dict(head.fields).get("modelproxy-token", "")
            if not _compare_digest(shown.encode("latin-1"), token):
                return error_reply(403, _STRANGER)
        return None

    def admit(self, job):
        if job.head.target.partition("?")[0] == "/run":
            job.notes, job.body = Activation(job.body, job.peer), None
            job.late_at = job.notes.late_at(self._settings.deadline_margin)

    def overdue(self, job):
        """At a job's deadline, once claimed: the caller gets a 504 and the prediction goes on.

        Where the job hadn't begun, because an earlier one that was late itself still runs, the process ends: the
        platform then starts a fresh container instead of one that would be late for ever (design, decision 9). With a
        status that isn't 200 it would do so at once, but keep from the caller why (contract A7).
        """
        activation = job.notes
        if activation.started is not None:
            self._late.add(job)
            if activation.answered is not None:
                self._late.discard(job)  # it ended just now, and may have left the set before it was put there
            return self._in_time(activation, _NOT_READY)
        if len(self._late) < self._settings.concurrency:
            return self._in_time(activation, _NOT_READY)
        job.send(self._in_time(activation, _STUCK))
        log.line("the process ends, since a prediction doesn't")
        os._exit(1)

    def _in_time(self, activation, sentence):
        if activation.answered is None:
            activation.answered = monotonic()
        response = error_response(504, sentence % round(activation.elapsed()))
        return activation.conclude(response, self._settings)

    # --- in a thread that predicts --------------------------------------------------------------------------------

    def perform(self, job):
        """Does one job from beginning to end; raises nothing that the message or the model did."""
        if job.notes is None:
            reply = self._init(job)
            job.claim()
            job.send(reply)
            return
        if job.answered:
            return  # its deadline passed while it waited
        reply = self._run(job, job.notes)
        if reply is not None:
            job.send(reply)
            if not self._settled:
                self._settle()

    def _init(self, job):
        body, job.body = job.body, None
        if self._initialized:
            return _once_more()
        try:
            value = _init_value(body)
            if _brings_code(value) and not self._takes_code:
                raise BadValue(_NO_CODE_TAKEN)
            if self._loaded and _brings_code(value):
                return _once_more()  # a /run has loaded the image's own
            if self._takes_code:
                self._host.take(value)
            self._take_environment(value.get("env"))
            self._load()
            if self._settings.warm_up:
                from .warm_up import warm_up

                warm_up(self._settings, self._host, self._mount({}))
        except BadValue as error:
            status, sentence = 400, str(error)
        except BaseException as error:  # a model may raise anything when imported, SystemExit included
            status, sentence = self._why_unloadable(error)
        else:
            self._initialized = True
            return Reply(200, [("Content-Type", "application/json")], b'{"ok":true}')
        log.markers(log.own_line(sentence))
        return error_reply(status, sentence)

    def _take_environment(self, env):
        if env is None:
            return
        if not isinstance(env, dict):
            raise BadValue("The env of /init must be an object, this one is %s." % kind_of(env))
        ours = {name: environment.text_of(value) for name, value in env.items() if name.startswith(PREFIX)}
        try:
            refused = self._settings.update(ours)
        except ValueError as error:
            raise BadValue("%s." % error) from None
        refused += environment.export({name: value for name, value in env.items() if name not in ours})
        self._action_name = env.get("__OW_ACTION_NAME", self._action_name)
        self._scheme = _scheme_of_host()
        for sentence in refused:
            log.line(sentence)

    def _load(self):
        with self._loading:
            if self._loaded:
                return
            began = monotonic()
            garbage.load(self._host)
            self._loaded = True
            log.line("the model is loaded, in %d ms" % round((monotonic() - began) * 1000))

    def _run(self, job, activation):
        """The reply to a job, None where it was answered at its deadline meanwhile."""
        activation.started = monotonic()
        message, activation.message = activation.message, None
        entered = environment.enter(message) if message is not None and self._settings.concurrency == 1 else None
        try:
            response, fault = self._respond(activation, message), None
        except BadValue as error:
            response, fault = None, (str(error), error.logged)
        except BaseException as error:  # SystemExit too: whatever the model does, it stays loaded (design, decision 8)
            response, fault = self._after_failure(error), None
        if entered is not None:
            environment.leave(entered)
        activation.answered = monotonic()
        if not job.claim():
            self._late.discard(job)
            log.line(
                "the prediction of activation %s, answered at its deadline, ended after %d ms"
                % (activation.identity, activation.elapsed())
            )
            return None
        if fault is not None:
            if activation.too_deep:
                # Any client can send such parameters, so it mustn't cost the container; web or not, nobody can know.
                activation.is_web = False
            elif message is None or not activation.is_web:
                return activation.conclude_with(400 if message is None else 200, fault, self._settings)
            response = error_response(400, fault[0])
        try:
            return activation.conclude(response, self._settings)
        except Exception as error:  # such as MemoryError: an answer that can't be encoded doesn't cost the model either
            log.traceback_of(error)
            sentence = "The model's answer can't be passed on: %s." % type(error).__name__
            return activation.conclude(error_response(500, sentence), self._settings)

    def _respond(self, activation, message):
        if message is None:
            raise BadValue(activation.fault)
        value = message.pop("value", None)
        activation.is_web = web_action.is_web(value)
        if not self._loaded:
            self._load()  # people try images by hand, without /init
        if self._invoke is not None:
            return self._invoked(activation, value)
        mount = self._mount(message)
        path = self._settings.path or self._host.default_path
        if activation.is_web:
            activation.request = web_action.decode(value, mount, self._scheme, path, message)
        else:
            inputs = self._describe(mount, path.partition("?")[0])
            activation.request = plain_action.request({} if value is None else value, inputs, mount, message, path)
        activation.request.peer = activation.peer
        value = None  # the body's base64 has served
        activation.decoded = monotonic()
        return self._host.handle(activation.request)

    def _invoked(self, activation, value):
        """The ``Result`` of a host that takes the value itself; the request is only for the log."""
        activation.request = _as_request(value) if activation.is_web else Request("plain", "-")
        activation.decoded = monotonic()
        if value is not None and type(value) not in (dict, list):
            raise BadValue("The value of an activation must be an object or an array, this one is %s." % kind_of(value))
        return self._invoke({} if value is None else value)

    def _describe(self, mount, path):
        if not self._inputs_known:
            self._inputs = self._host.describe(mount, path)
            self._inputs_known = getattr(self._host, "is_described", True)
        return self._inputs

    def _mount(self, message):
        if self._settings.public_path:
            return mount_point(self._settings.public_path)
        return web_action.public_path(message.get("action_name") or self._action_name)

    def _after_failure(self, error):
        if not self._loaded:
            return error_response(500, self._why_unloadable(error)[1])
        log.traceback_of(error)
        return error_response(
            500, "The model failed with %s; the traceback is in the activation's log." % type(error).__name__
        )

    def _why_unloadable(self, error):
        """Status of /init's answer, and a sentence with what the load failed of; the traceback goes to the log."""
        if not isinstance(error, Unloadable):
            reason = _cause(error)
        elif error.status is None:
            reason = error
        else:
            return error.status, str(error)
        return 502, getattr(self._host, "unloadable", "The model can't be loaded: %s.") % reason

    def _settle(self):
        """After the first answer, when the caller no longer waits."""
        self._settled = True
        environment.spare_memory()
        base64_codec.quicken()
        garbage.settle()


def _init_value(body):
    """The ``value`` of an /init message, which may lack nearly everything (contract A4). Raises ``BadValue``."""
    try:
        message = json.loads(body.decode("utf-8")) if body and not body.isspace() else None
    except (ValueError, RecursionError) as error:
        raise BadValue("The body of /init isn't JSON: %s." % error) from None
    value = message.get("value") if isinstance(message, dict) else message
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadValue("The value of /init must be an object, this one is %s." % kind_of(value))
    return value


def _scheme_of_host():
    """That of the platform's own address, as its clients see it."""
    return "https" if os.environ.get("__OW_API_HOST", "").startswith("https://") else "http"


def _once_more():
    log.line(ONLY_ONCE)
    return error_reply(403, ONLY_ONCE)


def _brings_code(value):
    code = value.get("code")
    return code is not None and (not isinstance(code, str) or bool(code.strip()))


def _as_request(value):
    """Method, path and size of a web activation's ``value`` that nobody decodes, for the log: without blanks, which
    separate what is in a line."""
    method, path, body = [value.get("__ow_" + key) for key in ("method", "path", "body")]
    method = str(method).upper()
    if not web_action.is_method(method):
        method = "-"
    return Request(method, quoted_path(str(path)) if path else "/", body=body if isinstance(body, str) else b"")


def _cause(error):
    """Type, message and last frame of an exception, whose traceback goes to the log."""
    log.traceback_of(error)
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        place = " (%s, line %s)" % (error.filename, error.lineno)
    elif frame is not None:
        code = frame.tb_frame.f_code
        place = " (%s, line %d, in %s)" % (code.co_filename, frame.tb_lineno, code.co_name)
    text = "%s: %s" % (type(error).__name__, text_of(error))
    return "%s%s. The traceback is in the activation's log" % (text[:1000], place)
