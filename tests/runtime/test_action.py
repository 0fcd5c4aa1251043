"""The container contract, with a host in place of a model: /init, /run, environment, markers, deadline, log."""

import base64
import json
import os
import sys
import threading
import time

import pytest
from modelproxy import hosts, log
from modelproxy.action import ONLY_ONCE, Action
from modelproxy.http1 import parse_head
from modelproxy.jobs import Job
from modelproxy.messages import Response
from modelproxy.plain_action import Inputs
from modelproxy.settings import Settings
from modelproxy.web_action import result as result_module

MARKER = log.MARKER.decode("ascii")


class Echo:
    """A host that answers with what it was asked, or does what the test says."""

    default_path = "/model/predict"

    def __init__(self, load=None, handle=None, inputs=None):
        self._load = load
        self._handle = handle
        self.inputs = inputs
        self.loads = 0
        self.described = 0
        self.request = None

    def load(self):
        self.loads += 1
        if self._load is not None:
            self._load()

    def handle(self, request):
        self.request = request
        if self._handle is not None:
            return self._handle(request)
        return Response(200, [("Content-Type", "application/json")], json.dumps({"path": request.path}).encode("ascii"))

    def describe(self, mount, path):
        self.described += 1
        self.described_path = path
        return self.inputs


class Container:
    """An ``Action`` that is asked as a server would ask it."""

    def __init__(self, host=None, **environ):
        self.host = host or Echo()
        self.action = Action(Settings(environ), self.host)
        self.replies = []

    def reply(self, connection, head, reply):
        self.replies.append(reply)

    def job(self, path, message):
        body = message if isinstance(message, bytes) else json.dumps(message).encode("utf-8")
        job = Job(self, None, parse_head(b"POST %s HTTP/1.1\r\nHost: x" % path), bytearray(body))
        self.action.admit(job)
        return job

    def post(self, path, message):
        self.action.perform(self.job(path, message))
        reply = self.replies.pop()
        assert self.replies == []
        return reply.status, json.loads(reply.body.decode("utf-8"))

    def init(self, **value):
        return self.post(b"/init", {"value": value})

    def run(self, value, **message):
        return self.post(b"/run", dict(message, value=value))


@pytest.fixture(autouse=True)
def _environment():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def web(method="post", path="", **changes):
    return dict(
        {"__ow_method": method, "__ow_path": path, "__ow_query": "", "__ow_headers": {}, "__ow_body": ""}, **changes
    )


def deadline_in(seconds):
    return str(round((time.time() + seconds) * 1000))


def raising(error):
    def fail(*_):
        raise error

    return fail


# --- /init --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"null",
        b"{}",
        b'{"value": null}',
        b'{"value": {}}',
        b'{"value": {"code": null, "env": null}}',
        b'{"value": {"name": "n", "main": "main", "binary": false, "code": "  \\n", "env": {}}}',
        b'{"value": {"name": "n", "main": "main", "binary": true}}',
    ],
)
def test_init_with_whatever_the_platform_sends(body, capfd):
    container = Container()
    assert container.post(b"/init", body) == (200, {"ok": True})
    assert container.host.loads == 1
    out, err = capfd.readouterr()
    assert MARKER not in out + err


def test_init_sets_the_environment_before_the_model_loads():
    seen = {}
    container = Container(Echo(load=lambda: seen.update(os.environ)))
    container.init(
        env={"SOME_VAR": "xyz", "ANOTHER_VAR": "", "MODELPROXY_PATH": "/other", "MODELPROXY_TARGET": "evil.py"}
    )
    assert (seen["SOME_VAR"], seen["ANOTHER_VAR"]) == ("xyz", "")
    assert "MODELPROXY_PATH" not in seen
    assert container.run(web())[1]["body"] == '{"path": "/other"}'


def test_a_second_init_is_refused_without_markers(capfd):
    container = Container()
    container.init()
    capfd.readouterr()
    assert container.init() == (403, {"error": ONLY_ONCE})
    out, err = capfd.readouterr()
    assert ONLY_ONCE in out
    assert MARKER not in out + err


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{bad", "isn't JSON"),
        (b"\xff", "isn't JSON"),
        (b"[" * 100000, "isn't JSON"),
        (b'{"value": 3}', "must be an object"),
        (b'"text"', "must be an object"),
        (b"[]", "must be an object"),
        (b'{"value": {"env": ["A"]}}', "env of /init must be an object"),
        (b'{"value": {"code": "def main(args): pass"}}', "takes no code"),
        (b'{"value": {"code": 3}}', "takes no code"),
        (b'{"value": {"env": {"MODELPROXY_CORS": "x"}}}', "MODELPROXY_CORS is 'x'"),
    ],
)
def test_init_that_is_refused_says_why_and_can_be_made_good(body, problem, capfd):
    container = Container()
    status, answer = container.post(b"/init", body)
    assert status == 400
    assert problem in answer["error"]
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)
    assert container.host.loads == 0
    assert container.init() == (200, {"ok": True})


def failing_import():
    raise ImportError("No module named 'tensorflow'")


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (failing_import, ["ImportError: No module named 'tensorflow'", "test_action.py, line ", "in failing_import"]),
        (raising(SystemExit(3)), ["SystemExit: 3"]),
        (raising(KeyboardInterrupt()), ["KeyboardInterrupt"]),
        (raising(hosts.Unloadable("no app.py in /x")), ["can't be loaded: no app.py in /x"]),
        (lambda: compile("a b", "app.py", "exec"), ["SyntaxError", "(app.py, line 1)"]),
        (raising(ValueError("x" * 5000)), ["ValueError: xxx"]),
    ],
)
def test_a_load_that_fails_tells_the_reason_and_logs_the_traceback(load, says, capfd):
    container = Container(Echo(load=load))
    status, answer = container.init()
    assert status == 502
    for part in says:
        assert part in answer["error"]
    assert len(answer["error"]) < 1500
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)
    assert out.endswith(MARKER)
    assert err.endswith(MARKER)
    assert ("Traceback" in err) is ("Unloadable" not in repr(load) and "no app.py" not in answer["error"])


def test_variables_that_no_process_can_have_are_logged(capfd):
    assert Container().init(env={"a=b": "c"})[0] == 200
    assert "'a=b' can't be set" in capfd.readouterr()[0]


# --- /run ---------------------------------------------------------------------------------------------------------


def test_a_web_activation(capfd):
    container = Container()
    container.init()
    capfd.readouterr()
    message = dict(activation_id="the-id", action_name="/guest/pkg/digits", deadline=deadline_in(60), api_key="k")
    status, result = container.run(web("get", "/model/labels", __ow_query="a=1"), **message)
    assert (status, result["statusCode"], result["body"]) == (200, 200, '{"path": "/model/labels"}')
    assert [part.split(";")[0] for part in result["headers"]["Server-Timing"].split(", ")] == [
        "wait",
        "decode",
        "model",
        "encode",
    ]
    request = container.host.request
    assert (request.mount, request.method, request.query) == ("/api/v1/web/guest/pkg/digits", "GET", "a=1")
    assert request.activation == message
    out, err = capfd.readouterr()
    assert err == MARKER
    line, marker = out.splitlines(True)
    assert marker == MARKER
    assert line.startswith("modelproxy: GET /model/labels 200 in=0 out=25 ms=")
    assert line.endswith(" activation=the-id\n")
    assert "a=1" not in line


def test_the_log_line_as_json(capfd):
    container = Container(MODELPROXY_LOG="json")
    container.run(web("get", "/x", __ow_headers={"accept": "image/png"}), activation_id="i")
    line = json.loads(capfd.readouterr()[0].splitlines()[-2])
    assert (line["method"], line["path"], line["status"], line["activation"]) == ("GET", "/x", 200, "i")
    assert sorted(line["phases"]) == ["decode", "encode", "model", "wait"]
    assert "406" in line["notes"][0]


@pytest.mark.parametrize("log", ["text", "json"])
@pytest.mark.parametrize(
    ("length", "left_out"), [(2000, ""), (2001, "[and_1_characters_more]"), (30000, "[and_28000_characters_more]")]
)
def test_of_a_long_path_the_log_has_the_beginning(log, length, left_out, capfd):
    container = Container(MODELPROXY_LOG=log)
    path = "/" + (length - 1) * "x"
    assert container.run(web("get", path))[1]["body"] == json.dumps({"path": path})
    line = capfd.readouterr()[0].splitlines()[-2]
    logged = json.loads(line)["path"] if log == "json" else line.split(" ")[2]
    assert logged == path[:2000] + left_out


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_name_of_an_input_is_logged(form, capfd):
    container = Container(MODELPROXY_LOG=form)
    status, result = container.run({"my card": "data:image/png;base64,!!!"})
    assert status == 200 and result["error"].startswith("The input 'my card' is a file: what was given is neither ")
    out = capfd.readouterr()[0]
    assert "An input is a file: what was given is neither " in out and "my card" not in out


@pytest.mark.parametrize("form", ["text", "json"])
def test_of_a_long_note_the_log_has_the_beginning_and_the_end(form, capfd):
    content_type = "secret " + 900000 * "\x80"
    response = Response(200, [("Content-Type", content_type)], b"x")
    container = Container(Echo(handle=lambda _: response), MODELPROXY_LOG=form)
    assert container.run(web())[1]["statusCode"] == 200
    lines = [line for line in capfd.readouterr()[0].splitlines() if "secret" in line]
    (note,) = json.loads(lines[0])["notes"] if form == "json" else lines
    assert "characters left out]" in note and 8000 < len(note) < 8060
    assert note.endswith(": sent as application/octet-stream")


def test_a_method_that_is_longer_than_any_is_refused_without_repeating_it(capfd):
    container = Container()
    assert container.run(web(40 * "a"))[1]["statusCode"] == 200
    status, result = container.run(web(90000 * "a"))
    assert (status, result["statusCode"]) == (200, 400)
    assert len(result["body"]) < 200
    assert len(capfd.readouterr()[0]) < 1000


def test_a_run_before_init_loads_first_and_init_may_still_come(capfd):
    container = Container()
    assert container.run(web())[1]["statusCode"] == 200
    assert container.init() == (200, {"ok": True})
    assert container.host.loads == 1
    assert container.init()[0] == 403


def test_a_run_whose_load_fails_is_answered_with_the_reason_and_tried_again():
    failures = [ImportError("not yet")]

    def load():
        if failures:
            raise failures.pop()

    container = Container(Echo(load=load))
    status, result = container.run(web())
    assert (status, result["error"]["statusCode"]) == (200, 500)
    assert "ImportError: not yet" in result["error"]["body"]
    assert container.run(web())[1]["statusCode"] == 200


@pytest.mark.parametrize(
    "error",
    [ValueError("secret"), SystemExit(1), KeyboardInterrupt(), MemoryError(), GeneratorExit()]
    # whose text can't be of bytes, so that Python has no traceback for it
    + [SyntaxError("secret", ("a.txt", 1, 1, b"x"))],
)
def test_whatever_the_model_raises_it_stays_loaded(error, capfd):
    container = Container(Echo(handle=raising(error)))
    container.init()
    status, result = container.run(web())
    assert (status, result["error"]["statusCode"]) == (200, 500)
    assert type(error).__name__ in result["error"]["body"]
    assert "secret" not in result["error"]["body"]
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)
    assert "Traceback" in err
    container.host._handle = None
    assert container.run(web())[1]["statusCode"] == 200
    assert container.host.loads == 1


def test_an_answer_that_cannot_be_encoded_does_not_cost_the_model(monkeypatch, capfd):
    escape, failures = result_module.encode_basestring, [MemoryError()]

    def failing(text):
        if failures:
            raise failures.pop()
        return escape(text)

    monkeypatch.setattr(result_module, "encode_basestring", failing)
    container = Container()
    status, result = container.run(web())
    assert (status, result["error"]["statusCode"]) == (200, 500)
    assert "MemoryError" in result["error"]["body"]
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)
    assert container.run(web())[1]["statusCode"] == 200


def test_whatever_the_model_put_in_place_of_stdout(capfd, monkeypatch):
    class Broken:
        def flush(self):
            raise KeyError("no")

    monkeypatch.setattr(sys, "stdout", Broken())
    assert Container().run(web())[1]["statusCode"] == 200
    monkeypatch.setattr(sys, "stdout", None)
    assert Container().run(web())[1]["statusCode"] == 200
    assert capfd.readouterr()[0].count(MARKER) == 2


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"{bad", 400, "isn't JSON"),
        (b"bad", 400, "isn't JSON"),
        (b"{} {}", 400, "isn't JSON"),
        (b"\xff", 400, "isn't JSON"),
        (b"[1]", 400, "must be a JSON object"),
        (b"3", 400, "must be a JSON object"),
        (b'{"value": 3}', 200, "must be an object or an array"),
        (b'{"value": "A"}', 200, "must be an object or an array"),
        (b'{"value": false}', 200, "must be an object or an array"),
    ],
)
def test_messages_that_are_refused(body, status, problem, capfd):
    container = Container()
    answer = container.post(b"/run", body)
    assert answer[0] == status
    assert problem in answer[1]["error"]
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)
    assert problem in out


def test_parameters_nested_too_deeply_are_refused_and_cost_nothing(capfd):
    # 20000 levels are too many for every Python; the platform itself lets 1000 pass.
    status, result = Container().post(b"/run", b'{"value": {"a": ' + b"[" * 20000 + b"]" * 20000 + b"}}")
    assert (status, list(result)) == (200, ["error"])
    assert result["error"]["statusCode"] == 400
    assert "nested too deeply" in json.loads(result["error"]["body"])["error"]
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"value": null}', b'{"value": {}}'])
def test_no_value_is_a_call_without_parameters(body):
    container = Container()
    assert container.post(b"/run", body) == (200, {"path": "/model/predict"})
    assert container.host.request.body == b"{}"


def test_a_web_value_that_is_wrong_is_a_400_for_the_client():
    status, result = Container().run(web(__ow_headers={"content-type": "image/png"}, __ow_body="?"))
    assert (status, result["statusCode"]) == (200, 400)
    assert "base64" in result["body"]


def test_a_plain_call_follows_the_model_s_description_asked_once():
    container = Container(Echo(inputs=Inputs("POST", "/model/predict", "multipart", ["image"])))
    for _ in range(2):
        container.run({"image": base64.b64encode(b"abc").decode("ascii")})
        assert b'name="image"' in container.host.request.body
    assert container.host.described == 1
    assert container.run([1]) == (200, {"error": "The model takes named parameters (an object), not an array."})


def test_a_host_that_cannot_describe_itself_yet_is_asked_with_the_next_plain_call():
    container = Container()
    container.host.is_described = False
    container.run({"image": "x"})
    container.host.inputs, container.host.is_described = Inputs("POST", "/other", "json"), True
    assert [container.run({"image": "x"})[1] for _ in range(2)] == [{"path": "/other"}, {"path": "/other"}]
    assert container.host.described == 2


def test_a_plain_call_goes_to_the_path_that_is_set():
    container = Container(Echo(inputs=Inputs("GET", "/a b", "query")), MODELPROXY_PATH="/a b?k=v")
    assert container.run({"q": 1}) == (200, {"path": "/a%20b"})
    assert (container.host.described_path, container.host.request.query) == ("/a b", "k=v&q=1")
    container = Container(MODELPROXY_PATH="/other?k=v")
    assert container.run({"q": 1}) == (200, {"path": "/other"})
    assert (container.host.request.query, container.host.request.default) == ("k=v", True)


@pytest.mark.parametrize("key", ["activation_id", "deadline", "other"])
def test_metadata_that_no_environment_can_hold_does_not_matter(key):
    container = Container()
    for depth in range(900, 1000):
        status, _ = container.post(
            b"/run", ('{"value":{},"%s":%s1%s}' % (key, "[" * depth, "]" * depth)).encode("ascii")
        )
        assert status == 200


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no text")


def test_an_exception_without_text_is_an_answer_too():
    status, answer = Container(Echo(load=raising(Unspeakable()))).init()
    assert status == 502
    assert "Unspeakable: (its text can't be had)" in answer["error"]


def test_calls_that_come_at_once_without_an_init_load_the_model_once():
    container = Container(Echo(load=lambda: time.sleep(0.2)), MODELPROXY_CONCURRENCY="2")
    jobs = [container.job(b"/run", {"value": {"__ow_method": "get", "__ow_headers": {}}}) for _ in range(2)]
    threads = [threading.Thread(target=container.action.perform, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results = [json.loads(reply.body.decode("utf-8")) for reply in container.replies]
    assert [result["statusCode"] for result in results] == [200, 200]
    assert container.host.loads == 1


@pytest.mark.parametrize("handle", [None, raising(SystemExit(3))])
def test_the_warm_up_call_is_made_once_and_at_init(handle, capfd):
    container = Container(Echo(handle=handle), MODELPROXY_WARM_UP="/warm?a=b")
    assert container.init() == (200, {"ok": True})
    assert (container.host.request.path, container.host.request.query) == ("/warm", "a=b")
    assert capfd.readouterr()[0].count("the warm-up call") == 1
    assert container.init()[0] == 403


class Placeless(Exception):
    __traceback__ = None


def test_an_exception_that_hides_where_it_was_raised_is_an_answer_too():
    status, answer = Container(Echo(load=raising(Placeless("why")))).init()
    assert status == 502
    assert "Placeless: why. The traceback" in answer["error"]


def test_the_activation_s_environment_is_set_for_its_length():
    seen = {}

    def handle(request):
        seen.update(os.environ)
        os.environ["OF_THE_MODEL"] = "stays"
        return Response(200, [], b"")

    container = Container(Echo(handle=handle))
    container.init(env={"__OW_ACTIVATION_ID": "of init", "__OW_API_KEY": "k"})
    container.run(web(), activation_id="of run", deadline=123, transaction_id=["t", 1])
    assert (seen["__OW_ACTIVATION_ID"], seen["__OW_DEADLINE"], seen["__OW_TRANSACTION_ID"]) == (
        "of run",
        "123",
        '["t",1]',
    )
    assert "__OW_API_KEY" not in seen
    assert (os.environ["__OW_ACTIVATION_ID"], os.environ["__OW_API_KEY"]) == ("of init", "k")
    assert "__OW_DEADLINE" not in os.environ
    assert os.environ["OF_THE_MODEL"] == "stays"


def test_with_several_predictions_at_once_the_environment_is_left_alone():
    seen = {}
    container = Container(
        Echo(handle=lambda request: seen.update(os.environ) or Response(200, [], b"")), __OW_ALLOW_CONCURRENT="true"
    )
    container.run(web(), activation_id="i")
    assert "__OW_ACTIVATION_ID" not in seen


@pytest.mark.parametrize(
    ("environ", "api_host", "mount", "scheme"),
    [
        ({}, "https://h", "/api/v1/web/g/default/n", "https"),
        ({}, "http://h", "/api/v1/web/g/default/n", "http"),
        ({"MODELPROXY_PUBLIC_PATH": "my model/"}, "", "/my%20model", "http"),
        ({"MODELPROXY_PUBLIC_PATH": "/"}, "", "", "http"),
    ],
)
def test_where_the_model_is_seen(environ, api_host, mount, scheme):
    os.environ["__OW_API_HOST"] = api_host
    os.environ["__OW_ACTION_NAME"] = "/g/n"
    container = Container(**environ)
    container.run(web())
    assert (container.host.request.mount, container.host.request.scheme) == (mount, scheme)


def test_what_the_model_printed_comes_before_the_marker(capfd):
    def handle(request):
        sys.stdout.write("hello stdout")
        sys.stderr.write("hello stderr\n")
        return Response(200, [], b"")

    standard = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(2), "w")
    try:
        Container(Echo(handle=handle)).run(web())
    finally:
        sys.stdout.close()
        sys.stderr.close()
        sys.stdout, sys.stderr = standard
    out, err = capfd.readouterr()
    assert out.index("hello stdout") < out.index(MARKER)
    assert err == "hello stderr\n" + MARKER


# --- the deadline -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "margin", "seconds"),
    [(60, str, 250, 59.75), (1, str, 250, 0.9), (60, float, 1000, 59), (60, int, 250, 59.75)],
)
def test_when_a_job_is_late(given, kind, margin, seconds):
    deadline = kind(deadline_in(given))
    job = Container(MODELPROXY_DEADLINE_MARGIN=str(margin)).job(b"/run", {"value": web(), "deadline": deadline})
    assert seconds - 0.3 < job.late_at - job.arrived <= seconds + 0.01


@pytest.mark.parametrize("deadline", [None, "", "soon", "123", 0, -1, [], {}, "nan", "inf", True, "1e300", 10**400])
def test_a_deadline_that_says_nothing(deadline):
    assert Container().job(b"/run", {"value": web(), "deadline": deadline}).late_at is None


def test_at_the_deadline_the_caller_is_answered_and_the_prediction_ends_by_itself(capfd):
    container = Container()
    replies = container.replies

    def slow(request):
        # What the server's thread does at the deadline, while the prediction runs.
        assert job.claim()
        job.send(container.action.overdue(job))
        return Response(200, [], b"too late")

    container.host._handle = slow
    job = container.job(b"/run", {"value": web(), "deadline": deadline_in(60), "activation_id": "i"})
    container.action.perform(job)
    assert len(replies) == 1
    result = json.loads(replies.pop().body.decode("utf-8"))
    assert result["error"]["statusCode"] == 504
    assert "--timeout" in result["error"]["body"]
    out, err = capfd.readouterr()
    assert (out.count(MARKER), err.count(MARKER)) == (1, 1)
    assert "activation i, answered at its deadline, ended after" in out
    container.host._handle = None
    assert container.run(web())[1]["statusCode"] == 200


def test_a_job_whose_deadline_passed_while_it_waited_is_not_begun():
    container = Container()
    job = container.job(b"/run", {"value": web()})
    assert job.claim()
    job.send(container.action.overdue(job))
    container.action.perform(job)
    assert len(container.replies) == 1
    assert container.host.request is None


def test_a_prediction_that_ends_at_its_very_deadline_is_not_taken_for_stuck():
    container = Container()
    job = container.job(b"/run", {"value": {}, "deadline": deadline_in(60)})
    assert job.claim()  # the server's thread, which the other one now overtakes
    job.notes.started = time.monotonic()
    assert container.action._run(job, job.notes) is None
    container.action.overdue(job)
    assert container.action._late == set()


def test_where_a_late_prediction_never_ends_the_next_deadline_ends_the_process(monkeypatch, capfd):
    container = Container()
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    stuck = container.job(b"/run", {"value": web()})
    stuck.notes.started = stuck.arrived
    container.action.overdue(stuck)
    waiting = container.job(b"/run", {"value": web()})
    waiting.claim()
    container.action.overdue(waiting)
    assert ended == [1]
    assert container.replies[0].status == 200
    assert json.loads(container.replies[0].body.decode("utf-8"))["error"]["statusCode"] == 504
    assert "the process ends" in capfd.readouterr()[0]


# --- other paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/1.1", 404),
        (b"POST /model/predict HTTP/1.1", 404),
        (b"GET /run HTTP/1.1", 405),
        (b"PUT /init?x HTTP/1.1", 405),
    ],
)
def test_nothing_else_is_served(line, status):
    reply = Container().action.refuse(parse_head(line + b"\r\nHost: x"))
    assert reply.status == status
    assert "MODELPROXY_MODE=web" in json.loads(reply.body.decode("utf-8"))["error"]


@pytest.mark.parametrize("path", [b"/run", b"/init"])
@pytest.mark.parametrize("origin", [b"https://page.example", b"null", b"http://127.0.0.1:8080"])
def test_no_web_page_is_answered(path, origin):
    head = parse_head(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\norigin: %s" % (path, origin))
    reply = Container().action.refuse(head)
    assert reply.status == 403 and b"not web pages" in reply.body


@pytest.mark.parametrize("path", [b"/run", b"/init"])
def test_who_lacks_the_token_is_not_answered(path):
    def status(*fields):
        head = parse_head(b"\r\n".join((b"POST %s HTTP/1.1\r\nHost: x" % path,) + fields))
        reply = container.action.refuse(head)
        return 0 if reply is None else reply.status

    container = Container(MODELPROXY_TOKEN="s3cret\u00e9")
    name, token = b"MODELPROXY-token: ", b"s3cret\xc3\xa9"
    assert status(name + token) == 0
    assert status(b"Accept: a", name + token) == 0
    for field in (b"Accept: " + token, name, name + token[:-2], name + b"s3cret\xe9", name + token + b"x"):
        assert status(field) == 403
    assert status() == 403
    assert status(name + token, b"Origin: null") == 403


@pytest.mark.parametrize("environ", [{}, {"MODELPROXY_TOKEN": ""}])
def test_the_token_can_not_come_with_init(environ):
    container = Container(**environ)
    assert container.init(env={"MODELPROXY_TOKEN": "theirs"}) == (200, {"ok": True})
    assert "MODELPROXY_TOKEN" not in os.environ
    assert container.action.refuse(parse_head(b"POST /run HTTP/1.1\r\nHost: x")) is None


@pytest.mark.parametrize("path", [b"/run", b"/init", b"/run?x=1"])
def test_what_is_served(path):
    assert Container().action.refuse(parse_head(b"POST %s HTTP/1.1\r\nHost: x" % path)) is None
