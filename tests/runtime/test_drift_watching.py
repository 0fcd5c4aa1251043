import base64
import json
import sys
import threading
import time
from collections import deque

import numpy
import pytest
from modelproxy.drift import watching
from modelproxy.drift.watching import watched
from modelproxy.formats.structured import Unparsable
from modelproxy.hosts import Unloadable
from modelproxy.hosts.deployment.workspace import NoPlace
from modelproxy.messages import BadValue, Request, Response, Result
from modelproxy.settings import Settings

import drift_references as references

VECTORS = numpy.random.RandomState(0).rand(300, 4).astype("<f4")
NEAR, FAR = [0.5, 0.5, 0.5, 0.5], [9, 9, 9, 9]
ANSWER = {"kind": "answer", "pointer": "/v"}


class Model:
    """A host that answers with what ``vectors`` has next."""

    default_path = "/predict"
    status = 200
    headers = (("X-Own", "1"),)

    def __init__(self, *vectors):
        self.vectors = list(vectors)
        self.is_loaded = False

    def load(self):
        self.is_loaded = True

    def handle(self, request):
        return Response(self.status, list(self.headers), json.dumps({"v": self.vectors.pop(0)}).encode())


class Function(Model):
    """A host without HTTP."""

    result = Result(b'{"v": [0.5, 0.5, 0.5, 0.5]}')

    def invoke(self, value):
        if isinstance(value, dict):
            value.clear()
        return self.result


def settings(concurrency=1, **variables):
    found = {"MODELPROXY_DRIFT" + name: str(value) for name, value in variables.items()}
    return Settings(dict(found, MODELPROXY_CONCURRENCY=str(concurrency)))


@pytest.fixture
def reference(tmp_path):
    def write(embedding=ANSWER, threshold=0.5, **changes):
        return references.write(
            tmp_path / "reference",
            changes.pop("vectors", VECTORS),
            embedding=embedding,
            threshold={"quantile": 0.99, "distance": threshold},
            **changes,
        )

    return write


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a user's module whose ``embed`` does as told."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(body):
        (tmp_path / "users.py").write_text("import sys, time, os\ndef embed(given):\n    %s\n" % body)
        return {"kind": "function", "target": "users:embed"}

    yield write
    sys.modules.pop("users", None)


POST = Request("POST", "/predict", headers=[("content-type", "application/json")], body=b'{"a": 1}')


def opened(host):
    """The watched host, loaded, its reference read."""
    host.load()
    watcher = host._watcher
    assert watcher._opened.acquire(True, 20)
    watcher._opened.release()
    watcher.begin()
    return host


def header(response, name="Model-Drift"):
    return dict(response.headers).get(name)


def test_each_prediction_carries_its_distance(reference, capfd):
    host = opened(watched(settings(**{"": reference()}), Model(NEAR, FAR, NEAR, FAR)))
    assert host.is_loaded and host.default_path == "/predict" and not hasattr(host, "invoke")
    seen = [host.handle(POST) for _ in range(3)]
    assert [header(one).split("; ")[2] for one in seen] == ["drifted=?0", "drifted=?1", "drifted=?0"]
    assert header(seen[0]).startswith("distance=0.") and "threshold=0.5" in header(seen[0])
    assert [one.drift.fields["share"] for one in seen] == [0, 0.5, 0.3333]
    assert [one.drift.fields["of"] for one in seen] == [1, 2, 3]
    assert seen[0].headers[0] == ("X-Own", "1") and json.loads(seen[0].body.decode()) == {"v": NEAR}
    assert "compared by /v in the model's answer with 300 vectors of 4 numbers, with numpy" in capfd.readouterr().out


def test_answers_to_no_prediction_are_as_they_were(reference):
    model = Model(NEAR, "none")
    host = opened(watched(settings(**{"": reference()}), model))
    model.status = 404
    assert header(host.handle(POST)) is None
    model.status = 200
    response = host.handle(Request("GET", "/"))
    assert header(response) is None and response.drift is None


def test_what_another_s_thread_has_said_meanwhile_costs_no_prediction(reference):
    class Emptied(deque):
        def __bool__(self):
            return True

    host = opened(watched(settings(**{"": reference()}), Model(NEAR)))
    host._watcher._later = Emptied()
    assert "drifted=?0" in header(host.handle(POST))


def test_no_header_of_the_model_s_own_is_doubled(reference):
    model = Model(NEAR)
    model.headers = [("model-drift", "mine")]
    response = opened(watched(settings(**{"": reference()}), model)).handle(POST)
    assert [name for name, _ in response.headers] == ["Model-Drift"]


@pytest.mark.parametrize("size", [1, 400 * 1024])
def test_large_answers_are_read_elsewhere(reference, size):
    class Large(Model):
        def handle(self, request):
            return Response(200, [], json.dumps({"v": NEAR, "x": "x" * size}).encode())

    host = opened(watched(settings(_BUDGET=20000, **{"": reference()}), Large()))
    assert "drifted=?0" in header(host.handle(POST))


def test_the_reason_is_logged_but_not_for_ever(reference, capfd):
    host = opened(watched(settings(**{"": reference()}), Model(*["none"] * 5 + [[1], [float("nan")] * 4])))
    for _ in range(5):
        response = host.handle(POST)
        assert header(response) is None and str(response.drift) == "drift=none"
    out = capfd.readouterr().out
    assert out.count("no numbers at /v in the answer") == 3 and "(said no more)" in out
    host.handle(POST)
    host.handle(POST)
    out = capfd.readouterr().out
    assert "has 1 numbers, the reference's have 4" in out


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_numbers_that_are_none(reference, value, capfd):
    class Odd(Model):
        def handle(self, request):
            return Response(200, [], b'{"v": [%s, 1, 1, 1]}' % {"nan": b"NaN", "inf": b"Infinity"}[value])

    with numpy.errstate(all="ignore"):
        response = opened(watched(settings(**{"": reference()}), Odd())).handle(POST)
    assert response.body.startswith(b'{"v": [') and header(response) is None
    assert "infinite or none (NaN)" in capfd.readouterr().out


# --- what can't be watched --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"": "/nothing"}, "not watched: "),
        ({"": __file__}, "cut off, or was never a reference"),
    ],
)
def test_without_a_good_reference_the_host_is_as_it_was(variables, why, capfd):
    model = Model()
    assert watched(settings(**variables), model) is model
    assert why in capfd.readouterr().out


def test_a_bad_alert_is_told(reference, capfd):
    model = Model()
    assert watched(settings(_ALERT="ftp://x", **{"": reference()}), model) is model
    assert "not watched: the alert must be" in capfd.readouterr().out


def test_a_reference_whose_contents_were_changed(reference, capfd):
    path = reference()
    offset, size = watching.Reference(path).place("vectors.npy")
    with open(path, "r+b") as file:
        file.seek(offset + size - 4)
        file.write(b"\0\0\0\0")
    host = opened(watched(settings(**{"": path}), Model(NEAR)))
    response = host.handle(POST)
    assert header(response) is None and response.drift is None
    assert "checksum differs" in capfd.readouterr().out


def test_a_reference_that_is_still_read(reference, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(watching, "_OPENING_SECONDS", 0.0)
    monkeypatch.setattr(watching.Reference, "check", lambda self: release.wait(20))
    host = watched(settings(_BUDGET=5, **{"": reference()}), Model(NEAR, NEAR))
    host.load()
    assert host.handle(POST).drift.fields == {"error": "the reference is still being read"}
    release.set()
    opened_lock = host._watcher._opened
    assert opened_lock.acquire(True, 20)
    opened_lock.release()
    assert "drifted=?0" in header(host.handle(POST))


def test_the_first_prediction_waits_for_the_reference(reference, monkeypatch):
    monkeypatch.setattr(watching, "_OPENING_SECONDS", 0.0)
    monkeypatch.setattr(watching.Reference, "check", lambda self: time.sleep(0.1))
    host = watched(settings(_BUDGET=20000, **{"": reference()}), Model(NEAR))
    host.load()
    assert "drifted=?0" in header(host.handle(POST))


def test_too_large_a_reference_without_numpy(reference, monkeypatch, capfd):
    path = reference()
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "modelproxy.drift.numpy_search", raising=False)
    host = opened(watched(settings(_BUDGET=0, **{"": path}), Model(NEAR)))
    assert header(host.handle(POST)) is None
    out = capfd.readouterr().out
    assert "there is no numpy in this image" in out and "can't be compared in 0 ms without numpy" in out


@pytest.mark.parametrize(
    ("embedding", "why"),
    [
        ({"kind": "method", "name": "embed"}, "only a Predictor or a Deployment has methods"),
        ({"kind": "function", "target": "no_such_module:embed"}, "no vector can be had: Unloadable"),
    ],
)
def test_an_embedding_that_doesnt_fit(reference, capfd, embedding, why):
    host = watched(settings(**{"": reference(embedding)}), Model(NEAR))
    host.load()
    assert header(host.handle(POST)) is None
    assert why in capfd.readouterr().out


# --- a user's function ------------------------------------------------------------------------------------------------


def test_a_user_s_function(reference, module):
    embedding = module("return [given['a'] / 2] * 4")
    host = opened(watched(settings(_BUDGET=20000, **{"": reference(embedding)}), Model("x")))
    assert "drifted=?0" in header(host.handle(POST))


FAILURES = {
    "raises": "raise ValueError('secret')",
    "exits": "sys.exit(7)",
    "interrupts": "raise KeyboardInterrupt",
    "has no memory": "raise MemoryError",
    "never returns from itself": "return embed(given)",
    "NaN": "return [float('nan')] * 4",
    "too short": "return [1]",
    "nothing": "return None",
    "text": "return 'text'",
    "changes what it is given": "given.clear() or 1 / 0",
}


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_whatever_a_function_does_the_prediction_is_untouched(reference, module, name, capfd):
    embedding = module(FAILURES[name])
    host = opened(watched(settings(_BUDGET=20000, **{"": reference(embedding)}), Model("a", "b")))
    plain = Model("a", "b")
    for _ in range(2):
        seen, wanted = host.handle(POST), plain.handle(POST)
        assert (seen.status, seen.headers, seen.body) == (wanted.status, wanted.headers, wanted.body)
        assert "error" in seen.drift.fields
    assert "drift: " in capfd.readouterr().out
    assert threading.active_count() < 50


def test_what_is_late_is_over_before_the_model_is_asked_again(reference, module, capfd):
    """It may use the model: another caller's answer had words of its input."""
    embedding = module("sys.done.append('began'); time.sleep(0.05); sys.done.append('ended')")

    class Watching(Model):
        def handle(self, request):
            done.append("asked")
            return Model.handle(self, request)

    done = sys.done = []
    try:
        host = opened(watched(settings(_BUDGET=1, **{"": reference(embedding)}), Watching(*range(5))))
        for _ in range(5):
            host.handle(POST)
    finally:
        del sys.done
    assert done == ["asked", "began", "ended"] * 3 + ["asked"] * 2
    out = capfd.readouterr().out
    assert out.count("an earlier input is still being looked at, and this one waits for it") == 3
    assert "took longer than MODELPROXY_DRIFT_BUDGET, 1 ms, 3 times in a row" in out


def test_what_hangs_beside_predictions_costs_the_budget_once(reference, module, monkeypatch, capfd):
    embedding = module("time.sleep(3)")
    host = opened(watched(settings(2, _BUDGET=1, **{"": reference(embedding)}), Model(*range(5))))
    said = [host.handle(POST).drift.fields["error"] for _ in range(3)]
    assert said == ["not ready in 1 ms"] * 2 + ["an earlier input is still being looked at"]
    monkeypatch.setattr(watching, "_HANGS", 0.0)
    host.handle(POST)
    assert host.handle(POST).drift is None
    assert "hasn't ended in 0 s" in capfd.readouterr().out


@pytest.mark.parametrize("error", [BadValue("secret"), Unparsable("secret"), NoPlace("secret", OSError(28, "full"))])
def test_why_a_request_is_none_for_a_method_is_not_told_in_a_caller_s_words(reference, error, capfd):
    def embed(*_):
        raise error

    monitored = Model("a")
    monitored.embedder = lambda name: embed
    path = reference({"kind": "method", "name": "embed"})
    response = opened(watched(settings(_BUDGET=20000, **{"": path}), monitored)).handle(POST)
    reason = "the request isn't what the method embed takes (%s)" % type(error).__name__
    assert response.drift.fields == {"error": reason}
    captured = capfd.readouterr()
    assert "drift: %s\n" % reason in captured.out and "secret" not in captured.out + captured.err


@pytest.mark.parametrize("error", [MemoryError, SystemExit, RecursionError])
def test_a_failure_of_our_own_is_no_failure_of_the_prediction(reference, monkeypatch, error, capfd):
    def broken(*_):
        raise error

    host = opened(watched(settings(**{"": reference()}), Model("a", "b")))
    monkeypatch.setattr(host._watcher, "seen", broken)
    assert host.handle(POST).body == b'{"v": "a"}'
    assert "the comparison failed with " + error.__name__ in capfd.readouterr().out
    monkeypatch.setattr(watching.log, "line", broken)
    assert host.handle(POST).body == b'{"v": "b"}'


# --- without HTTP -----------------------------------------------------------------------------------------------------


def function(reference, result, kind=Function, **variables):
    host = kind()
    host.result = result
    return opened(watched(settings(_BUDGET=20000, **dict(variables, **{"": reference})), host))


def test_a_plain_result_is_only_logged(reference):
    host = function(reference(), Result(b'{"v": [0.5, 0.5, 0.5, 0.5]}'))
    result = host.invoke({"a": 1})
    assert result.body == b'{"v": [0.5, 0.5, 0.5, 0.5]}' and result.drift.fields["drifted"] is False


@pytest.mark.parametrize(
    "body",
    [
        '{"v": [9, 9, 9, 9]}',
        {"v": [9, 9, 9, 9]},
        base64.b64encode(b'{"v": [9, 9, 9, 9]}').decode("ascii"),
    ],
)
def test_a_result_that_is_an_http_response_carries_the_header(reference, body):
    text = json.dumps({"statusCode": 200, "headers": {"X": "1"}, "body": body}).encode()
    result = function(reference(), Result(text)).invoke({})
    found = json.loads(result.body.decode())
    assert "drifted=?1" in found["headers"].pop("Model-Drift")
    assert found == {"statusCode": 200, "headers": {"X": "1"}, "body": body}


@pytest.mark.parametrize(
    "result",
    [
        '{"statusCode":200,"body":{"v":[1,1,1,1],"t":"\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9"}}',
        '{"statusCode":200,"body":{"v":[1,1,1,1],"t":"\\ud800"}}',
        '{"statusCode":200,"body":{"v":[1,1,1,1],"t":"\\uffff"}}',  # what ends the platform's parsing
    ],
)
def test_a_result_grows_by_its_header_alone(reference, result):
    found = function(reference(), Result(result.encode())).invoke({}).body.decode()
    header = json.loads(found)["headers"]
    assert found == result[:-1] + ',"headers":%s}' % json.dumps(header, separators=(",", ":"))


def test_a_result_that_would_be_too_long_with_its_header_goes_without(reference, capfd):
    text = json.dumps({"statusCode": 200, "body": {"v": FAR}}).encode()
    needed = len(function(reference(), Result(text)).invoke({}).body)
    for room in (0, -1):
        variables = {"MODELPROXY_DRIFT": reference(), "MODELPROXY_DRIFT_BUDGET": "20000"}
        host = Function()
        host.result = Result(text)
        limited = opened(watched(Settings(dict(variables, MODELPROXY_RESULT_LIMIT=str(needed + room))), host))
        result = limited.invoke({})
        assert result.drift.fields["drifted"] is True
        assert (len(result.body) == needed) if room == 0 else (result.body == text)
    assert capfd.readouterr().out.count("with its header a result has more bytes") == 1


@pytest.mark.parametrize("body", ["caf\xe9", "{", "null"])
def test_results_without_a_vector(reference, body):
    text = json.dumps({"headers": None, "body": body}).encode()
    result = function(reference(), Result(text)).invoke({})
    assert result.body == text and "error" in result.drift.fields


@pytest.mark.parametrize("result", [Result(b'{"error": "x"}', 200, 502), Result(b"{}", 502, 200), Result(b"text")])
def test_failed_results_and_such_as_are_no_json(reference, result):
    assert function(reference(), result).invoke({}) is result


def test_results_of_no_prediction(reference):
    asked = {"__ow_method": "get", "__ow_headers": {}, "__ow_path": "", "__ow_query": "", "__ow_body": ""}
    result = Result(b'{"x": 1}')
    assert function(reference(), result).invoke(asked) is result


WEB = {"__ow_method": "post", "__ow_headers": {"content-type": "application/json"}, "__ow_path": ""}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"a": 1, "b": 2}, 2),
        ([1, 2, 3], 3),
        (dict(WEB, __ow_query="", __ow_body=base64.b64encode(b'{"a": 1}').decode("ascii")), 1),
        (dict(WEB, a=1, b=2, c=3), 3),
        (dict(WEB, __ow_method="get", a=1, b=2), 2),
    ],
)
def test_what_a_function_was_given(reference, module, value, size):
    embedding = module("return [0.1 * len(given)] * 4")
    vectors = numpy.array([[0.1 * size] * 4] * 5, "<f4")
    found = function(reference(embedding, vectors=vectors), Result(b"{}")).invoke(value)
    assert found.drift.fields["distance"] < 1e-6


@pytest.mark.parametrize("value", [dict(WEB, __ow_method="a b"), {"deep": None}])
def test_what_a_function_was_given_cant_be_told(reference, module, value):
    embedding = module("return [0] * 4")
    if "deep" in value:
        for _ in range(100000):
            value = {"deep": value}
    found = function(reference(embedding), Result(b"{}"), kind=Deaf).invoke(value)
    assert found.body == b"{}"
    while isinstance(value, dict) and "deep" in value:
        value = value.pop("deep")


class Deaf(Function):
    def invoke(self, value):
        return self.result


# --- the alert --------------------------------------------------------------------------------------------------------


class Sent(list):
    def send(self, message, host, key):
        self.append((message, host, key))


@pytest.mark.parametrize("activation", [None, {"api_key": "u:k", "action_name": "/g/a", "activation_id": "7"}])
def test_one_alert_for_each_crossing(reference, monkeypatch, activation, capfd):
    monkeypatch.setenv("__OW_API_HOST", "https://platform.example")
    monkeypatch.setenv("__OW_API_KEY", "u:k")
    monkeypatch.setenv("__OW_ACTION_NAME", "/g/a")
    monkeypatch.setenv("__OW_ACTIVATION_ID", "7")
    vectors = [FAR] * 4 + [NEAR] * 4 + [FAR] * 4
    host = opened(watched(settings(_ALERT="trigger:t", _WINDOW=4, _BOUND=0.5, **{"": reference()}), Model(*vectors)))
    host._watcher._alert = sent = Sent()
    asked = Request("POST", "/", headers=POST.headers, body=POST.body, activation=activation)
    at = []
    for number in range(12):
        before = len(sent)
        host.handle(asked)
        at += [number] * (len(sent) - before)
    assert at == [3, 10]
    message, api_host, key = sent[0]
    assert (api_host, key) == ("https://platform.example", "u:k")
    assert message.pop("distance") > 10
    assert message == {
        "event": "drift",
        "model": "model",
        "action": "/g/a",
        "activation": "7",
        "share": 1.0,
        "of": 4,
        "bound": 0.5,
        "threshold": 0.5,
    }
    out = capfd.readouterr().out
    assert "100 % of the last 4 predictions were of drifted inputs" in out and "u:k" not in out


def test_without_an_alert_the_crossing_is_logged(reference, capfd):
    host = opened(watched(settings(_WINDOW=1, **{"": reference()}), Model(FAR)))
    host.handle(POST)
    assert "100 % of the last 1 predictions" in capfd.readouterr().out


# --- collecting -------------------------------------------------------------------------------------------------------


def collecting(declaration, host):
    text = declaration if isinstance(declaration, str) else json.dumps(declaration)
    return watched(settings(_COLLECT=text), host)


def vector_of(text):
    return numpy.frombuffer(base64.b64decode(text), "<f4").tolist()


def test_each_prediction_carries_its_vector(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    host = collecting(ANSWER, Model(NEAR, "none", "x"))
    host.load()
    assert vector_of(header(host.handle(POST), "Model-Embedding")) == NEAR
    response = host.handle(POST)
    assert header(response, "Model-Embedding-Error") == "there are no numbers at /v in the answer"
    assert header(host.handle(Request("GET", "/")), "Model-Embedding") is None
    assert "the model's digest is sha256:e3b0c442" in capfd.readouterr().out


def test_the_function_s_own_failure_is_told(module, monkeypatch, tmp_path, capfd):
    host = collecting(module("raise ValueError('caf\\u00e9\\n')"), Model("a"))
    host.load()
    assert header(host.handle(POST), "Model-Embedding-Error") == "ValueError: caf??"
    assert "Traceback" in capfd.readouterr().err


def test_a_plain_result_becomes_a_response():
    host = collecting(ANSWER, Function())
    host.load()
    found = json.loads(host.invoke({}).body.decode())
    assert vector_of(found["headers"]["Model-Embedding"]) == NEAR
    assert found["headers"]["Content-Type"] == "application/json"
    assert (found["statusCode"], found["body"]) == (200, {"v": NEAR})


@pytest.mark.parametrize(
    ("declaration", "why"),
    [("{", "isn't JSON"), ({"kind": "method"}, "only a Predictor or a Deployment has methods")],
)
def test_a_declaration_that_cant_be_used(declaration, why):
    with pytest.raises(Unloadable, match="MODELPROXY_DRIFT_COLLECT can't be used: .*" + why):
        collecting(declaration, Model()).load()


def test_the_layer_that_was_found_is_told(capfd):
    host = collecting({"kind": "onnx-layer"}, Model())
    layer = host._watcher._embedding._layer

    def load():
        layer.name = "pool"

    host._host.load = load
    host.load()
    assert "the layer is pool" in capfd.readouterr().out
