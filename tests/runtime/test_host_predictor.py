"""Predictors as users of OpenBayes write them, in process, and a few around a real one."""

import contextlib
import gc
import json
import os
import pickle
import shutil
import sys
import threading
import time

import flask
import msgpack
import pytest
from modelproxy.formats import returned
from modelproxy.hosts import Unloadable, awaiting, predictor
from modelproxy.messages import Request
from modelproxy.settings import Settings

from proxy_process import MARKER, Proxy

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "predictor-wine-cultivar")
JSON = [("content-type", "application/json")]
GUARD = "\n\nif __name__ == '__main__':\n    serv.run(Predictor)\n"


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Writes a predictor.py and loads it; the process is afterwards as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("predictor", "openbayes_serving", "helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    hosts = []

    def serving(source, file="predictor.py", target="predictor.py", **settings):
        tmp_path.joinpath(file).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(file).write_text(source)
        host = predictor.Host(Settings(dict({"MODELPROXY_TARGET": target}, **settings)))
        hosts.append(host)
        host.load()
        return host

    yield serving
    for host in hosts:
        host.close()
    for name in ("predictor", "openbayes_serving", "helper"):
        sys.modules.pop(name, None)


def returning(expression, parameters="json"):
    return "class Predictor:\n    def predict(self, %s):\n        return %s\n" % (parameters, expression)


def ask(host, body=b"", headers=JSON, method="POST", path="/", query="", **more):
    response = host.handle(Request(method, path, query, list(headers), body, **more))
    return response.status, response.header("content-type"), response.body


def value(host, *args, **more):
    status, kind, body = ask(host, *args, **more)
    assert (status, kind) == (200, "application/json")
    return json.loads(body.decode("ascii"))


def error(host, *args, **more):
    status, kind, body = ask(host, *args, **more)
    assert kind == "application/json"
    return status, json.loads(body.decode("ascii"))["error"]


# --- what predict gets --------------------------------------------------------------------------------------------


def test_parameters_come_by_name_in_any_order(serve):
    host = serve(
        "class Predictor:\n"
        "    def predict(self, headers, json, unknown=7, *args, params, data, payload=None, **more):\n"
        "        return [headers['content-type'], json, unknown, args, params, data.decode(), payload, more]\n"
    )
    found = value(host, b'{"a": 1}', query="x=1&x=2&y=%E9%9B%AA+b&z")
    assert found[:4] == ["application/json", {"a": 1}, 7, []]
    assert found[4:] == [{"x": "1", "y": "\u96ea b", "z": ""}, '{"a": 1}', {"a": 1}, {}]


def test_predict_without_parameters(serve):
    assert value(serve("class Predictor:\n    @staticmethod\n    def predict():\n        return 1\n")) == 1


@pytest.mark.skipif(sys.version_info < (3, 8), reason="PEP 570")
def test_positional_only_parameters(serve):
    host = serve(returning("[json, other, data.decode()]", "json, other=2, data=b'', /"))
    assert value(host, b"[]") == [[], 2, "[]"]


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json", "APPLICATION/JSON", ""]
)
def test_json_by_content_type_and_without_one(serve, kind):
    host = serve(returning("[json, payload]", "json, payload"))
    assert value(host, b'{"a": "\xc3\xa9"}', [("content-type", kind)] if kind else []) == [{"a": "\u00e9"}] * 2


@pytest.mark.parametrize("name", ["msgpack", "x-msgpack", "vnd.msgpack", "messagepack"])
def test_messagepack_and_its_aliases(serve, name):
    host = serve(returning("[json['raw'].decode(), payload[1]]", "json, payload"))
    body = msgpack.packb({"raw": b"bytes", 1: [None]})
    assert value(host, body, [("content-type", "application/" + name)]) == ["bytes", [None]]


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("application/json", b'{"a": ', "The body isn't JSON: Expecting value"),
        ("application/json", b'"\xff"', "The body isn't JSON: "),
        ("application/json", b"[" * 200000, "The body is nested too deeply."),
        ("application/json", b"", "The body is empty"),
        ("application/msgpack", b"\x82\x01", "The body isn't MessagePack: "),
        ("text/csv", b"1,2", "this body is text/csv: send it with the Content-Type application/json"),
        ("multipart/form-data; boundary=B", b"--B--", "this body is multipart/form-data"),
    ],
)
def test_what_cannot_be_parsed_is_refused_for_json_and_passed_on_as_payload(serve, kind, body, says):
    status, sentence = error(serve(returning("json")), body, [("content-type", kind)])
    assert (status, says in sentence) == (400, True), sentence
    answer = ask(serve(returning("payload", "payload")), body, [("content-type", kind)])
    assert answer == (200, "application/octet-stream", body)


def test_an_empty_body_where_json_has_a_default(serve):
    host = serve(returning("[json]", "json='none'"))
    assert value(host, b"") == ["none"]
    assert error(host, b"{")[0] == 400


def test_data_is_the_body_whatever_it_is(serve):
    host = serve(returning("[type(data).__name__, data.hex()]", "data"))
    assert value(host, b"\x00\xff", [("content-type", "application/x-www-form-urlencoded")]) == ["bytes", "00ff"]
    assert value(host, b"", []) == ["bytes", ""]


def test_params_are_a_dict_with_what_flask_s_has(serve):
    host = serve(
        returning(
            "[isinstance(params, dict), params.get('n', type=int), params.get('a', 5, int), params.get('none'), "
            "params.getlist('a'), params.getlist('none'), sorted(params.items())]",
            "params",
        )
    )
    found = value(host, query="n=3&a=x&a=y&&\xc3\xa9=1")
    assert found == [True, 3, 5, None, ["x", "y"], [], [["a", "x"], ["n", "3"], ["\u00e9", "1"]]]


def test_headers_are_a_dict_that_is_not_particular_about_case(serve):
    host = serve(
        returning(
            "[headers, headers['x-request-id'], headers.get('HOST'), headers.get('none', 3), "
            "'content-LENGTH' in headers, 5 in headers, 'none' in headers]",
            "headers",
        )
    )
    found = value(host, b"12", [("host", "h.example"), ("x-request-id", "1"), ("x-request-id", "2")] + JSON)
    assert found[0] == {
        "Host": "h.example",
        "X-Request-Id": "1, 2",
        "Content-Type": "application/json",
        "Content-Length": "2",
    }
    assert found[1:] == ["1, 2", "h.example", 3, True, False, False]


@pytest.mark.parametrize("key", ["'none'", "5"])
def test_a_header_that_is_not_there(serve, key):
    with pytest.raises(KeyError):
        ask(serve(returning("headers[%s]" % key, "headers")))


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nPNG\r\n'
    b'--B\r\nContent-Disposition: form-data; name="top"\r\n\r\n3\r\n--B--\r\n'
)


def test_request_is_flask_s(serve):
    host = serve(
        "import flask\n"
        + returning(
            "flask.jsonify(file=request.files['image'].read().decode(), top=request.form['top'], n=request.args['n'],"
            " same=flask.request.path, url=request.url, json=request.get_json(silent=True))",
            "request",
        )
    )
    headers = [("host", "h.example"), ("content-type", "multipart/form-data; boundary=B")]
    found = value(host, FORM, headers, query="n=1", mount="/api/x", scheme="https")
    assert found == {
        "file": "PNG",
        "top": "3",
        "n": "1",
        "same": "/",
        "url": "https://h.example/api/x/?n=1",
        "json": None,
    }


def test_a_missing_form_field_is_the_client_s_error(serve):
    status, sentence = error(serve(returning("request.files['image']", "request")), b"", [])
    assert (status, sentence.endswith("It has no 'image'.")) == (400, True), sentence


def test_abort(serve):
    source = "import flask\n\n\n" + returning("flask.abort(json if json else flask.Response('own', 418))")
    host = serve(source)
    assert error(host, b"429")[0] == 429
    assert ask(host, b"0") == (418, "text/html; charset=utf-8", b"own")


def test_flask_s_contexts_are_there_for_whoever_imports_flask_when_it_predicts(serve, monkeypatch):
    monkeypatch.delitem(sys.modules, "flask")
    host = serve("def answer():\n    from flask import jsonify\n    return jsonify(1)\n\n\n" + returning("answer()"))
    assert value(host, b"{}") == 1


def test_without_flask(serve, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    assert value(serve(returning("[json, request]", "json, request=None")), b"1") == [1, None]
    with pytest.raises(Unloadable, match="predict takes request, and Flask isn't installed"):
        serve(returning("1", "request"))
    monkeypatch.delitem(sys.modules, "flask")
    assert value(serve(returning("json")), b"1") == 1
    assert "flask" not in sys.modules


# --- what predict returns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("{'a': (1, 2.5, None, True), 2: '\\u96ea'}", {"a": [1, 2.5, None, True], "2": "\u96ea"}),
        ("[]", []),
        ("('b', 200, {})", ["b", 200, {}]),
        ("None", None),
        ("0.5", 0.5),
        ("False", False),
        ("{'picture': b'\\xff', 'view': memoryview(b'a')}", {"picture": "/w==", "view": "YQ=="}),
        ("{'a': numpy.float32(0.5), 'b': [numpy.arange(4).reshape(2, 2)]}", {"a": 0.5, "b": [[[0, 1], [2, 3]]]}),
        ("numpy.zeros((1, 2), bool)", [[False, False]]),
        ("dict(zip(*numpy.unique([3, 3, 4], return_counts=True)), n=b'')", {"3": 2, "4": 1, "n": ""}),
        ("(word for word in [{}, 1])", [{}, 1]),
    ],
)
def test_what_json_can_hold(serve, expression, found):
    if "numpy" in expression:
        pytest.importorskip("numpy")
        expression = expression.replace("numpy", "__import__('numpy')")
    assert value(serve(returning(expression, "")), b"") == found


@pytest.mark.parametrize(
    ("expression", "kind", "body"),
    [
        ("'h\\u00e9'", "text/plain; charset=utf-8", b"h\xc3\xa9"),
        ("'\\ud800'", "text/plain; charset=utf-8", b"?"),
        ("b'\\x89PNG'", "application/octet-stream", b"\x89PNG"),
        ("bytearray(b'a')", "application/octet-stream", b"a"),
        ("(word for word in 'abc')", "text/plain; charset=utf-8", b"abc"),
        ("(word for word in ['a', b'\\xff'])", "application/octet-stream", b"a\xff"),
    ],
)
def test_text_and_bytes(serve, expression, kind, body):
    assert ask(serve(returning(expression, ""))) == (200, kind, body)


def test_a_flask_response_is_sent_as_it_is(serve):
    source = (
        "from flask import Response, stream_with_context, request\n\n\nclass Predictor:\n    def predict(self, json):\n"
        "        def lines():\n            yield 'a'\n            yield request.path\n"
        "        return Response(stream_with_context(lines()), 202, {'X-Own': '1'}, mimetype='text/csv')\n"
    )
    response = serve(source).handle(Request("POST", "/", "", JSON, b"{}"))
    assert (response.status, response.header("x-own"), response.body) == (202, "1", b"a/")
    assert response.header("content-type") == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("{'a': [0, {1}]}", "result['a'][1] is of type set, which can't be sent"),
        ("[object]", "result[0] is of type type"),
        ("[Predictor()]", "result[0] is of type predictor.Predictor"),
        ("[1, float('nan')]", "result[1] is nan, which JSON can't hold"),
        ("float('-inf')", "result is -inf"),
        ("{'a': {(1, 2): 3}}", "result['a'] is a dict with a key of type tuple, (1, 2)"),
        ("{b'a': 1}", "a dict with a key of type bytes, b'a'"),
        ("{Predictor(): 1}", "result is of type predictor.Predictor"),
        ("[__import__('array').array('d', [float('inf')])]", "result[0][0] is inf"),
        ("Predictor.circle", "result is nested too deeply, or holds itself"),
    ],
)
def test_what_json_cannot_hold_is_told(serve, expression, says):
    host = serve(returning(expression, "") + "\n\nPredictor.circle = []\nPredictor.circle.append(Predictor.circle)\n")
    status, sentence = error(host)
    assert status == 500
    assert sentence.startswith("The model's predict returned what can't be sent as application/json: result")
    assert says in sentence


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("json", "in it is inf, which JSON can't hold."),
        ("{tuple(json): 1}", "in it is a dict with a key of type tuple."),
    ],
)
def test_no_names_of_the_caller_s_are_logged(serve, expression, says, capfd):
    """In JSON they are a caller's words as its values are."""
    response = serve(returning(expression)).handle(Request("POST", "/", "", JSON, b'{"my card": 1e999}'))
    assert response.status == 500 and b"my card" in response.body
    out = capfd.readouterr().out
    assert "The model's predict returned what can't be sent as application/json: " + says in out
    assert "my card" not in out


def test_a_value_that_fails_when_it_is_looked_at():
    class Odd(dict):
        def items(self):
            raise ValueError("no items")

    with pytest.raises(returned.Unserialisable, match="result is no value that can be sent: no items"):
        returned.as_json(Odd(a=1))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/msgpack", "application/msgpack"),
        ("application/x-msgpack, */*;q=0.5", "application/x-msgpack"),
        ("application/json;q=0.5, application/vnd.msgpack;q=0.9", "application/vnd.msgpack"),
        ("application/json, application/msgpack", "application/json"),
        ("application/msgpack;q=0", "application/json"),
        ("application/msgpack; q=high; v=1", "application/msgpack"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_the_client_chooses_between_json_and_messagepack(serve, accept, kind):
    host = serve(returning("{'raw': b'bytes', 1: __import__('array').array('i', [1])}", ""))
    status, found, body = ask(host, headers=[("accept", accept)])
    assert (status, found) == (200, kind)
    if "msgpack" in kind:
        assert msgpack.unpackb(body, raw=False, strict_map_key=False) == {"raw": b"bytes", 1: [1]}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("[2 ** 64]", "result[0] is an integer of more than 64 bits"),
        ("{(1, 2): [object()]}", "result[(1, 2)][0] is of type object"),
        ("['\\ud800']", "result is no value that can be sent: "),
    ],
)
def test_what_messagepack_cannot_hold_is_told(serve, expression, says):
    status, sentence = error(serve(returning(expression, "")), headers=[("accept", "application/msgpack")])
    assert (status, says in sentence) == (500, True), sentence


def test_messagepack_holds_what_json_cannot(serve):
    host = serve(returning("{b'a': [memoryview(b'b'), float('inf')], 2: b'c'}", ""))
    body = ask(host, headers=[("accept", "application/msgpack")])[2]
    assert msgpack.unpackb(body, raw=False, strict_map_key=False) == {b"a": [b"b", float("inf")], 2: b"c"}


# --- coroutines ---------------------------------------------------------------------------------------------------


def test_coroutines_run_on_one_loop(serve):
    host = serve(
        "import asyncio\n\n\nclass Predictor:\n    async def predict(self, json):\n        await asyncio.sleep(0)\n"
        "        loop = asyncio.get_event_loop()\n        self.loop = getattr(self, 'loop', loop)\n"
        "        if json:\n            raise SystemExit(json)\n        return [loop is self.loop]\n"
    )
    assert value(host, b"0") == [True]
    with pytest.raises(SystemExit):
        ask(host, b"1")
    assert value(host, b"0") == [True]


def test_asynchronous_generators_are_gathered(serve):
    host = serve("class Predictor:\n    async def predict(self, data):\n        yield 'a'\n        yield 'b'\n")
    assert ask(host, b"") == (200, "text/plain; charset=utf-8", b"ab")


@pytest.mark.parametrize("kind", ["", "async "])
@pytest.mark.parametrize("piece", ["'a'", "b'a'", "{}"])
def test_a_generator_without_end_is_ended(serve, monkeypatch, kind, piece):
    assert awaiting._Room.left == 64 * 1024 * 1024
    monkeypatch.setattr(awaiting._Room, "left", 1000)
    host = serve(
        "class Predictor:\n    %sdef predict(self, data):\n        while True:\n            yield %s\n" % (kind, piece)
    )
    with pytest.raises(ValueError, match="sent more than 64 MB with neither a length nor an end"):
        ask(host, b"")


HELD = (
    "import weakref\n\n\nclass Held:\n    pass\n\n\nclass %s:\n    async def %s(self, data):\n        held = Held()\n"
    "        self.held = weakref.ref(held)\n        raise KeyError('x')\n"
)


def test_what_a_failed_prediction_held_is_free_without_a_collection(serve):
    """41 calls of 2 bytes, of a model that makes 50 MB of each, took 1.8 GB."""
    host = serve(HELD % ("Predictor", "predict"))
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(KeyError):
            ask(host, b"")
        end = time.time() + 10
        while host._model.held() is not None:  # the loop's thread lets go of it in its own time
            assert time.time() < end
    finally:
        gc.enable()


def test_several_threads_share_the_loop():
    loop = awaiting.Loop()

    async def answer(number):
        return number

    found = []
    threads = [threading.Thread(target=lambda n=n: found.append(loop.finished(answer(n)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))
    loop.close()


# --- routes and plain calls ---------------------------------------------------------------------------------------


def test_get_tells_that_the_service_works_where_predict_needs_a_body(serve):
    host = serve(returning("json"))
    assert "POST" in value(host, method="GET")["message"]
    assert value(host, method="HEAD")["message"]
    assert value(host, b"3", method="GET") == 3


def test_get_predicts_where_no_body_is_needed(serve):
    assert value(serve(returning("params", "params")), method="GET", query="a=1") == {"a": "1"}
    assert ask(serve(returning("request.method", "request")), method="GET")[2] == b"GET"


def test_other_methods_and_paths(serve):
    host = serve(returning("json"))
    response = host.handle(Request("PUT", "/", "", JSON, b"{}"))
    assert (response.status, response.header("allow")) == (405, "GET, HEAD, OPTIONS, POST")
    response = host.handle(Request("OPTIONS", "/"))
    assert (response.status, response.header("allow"), response.body) == (200, "GET, HEAD, OPTIONS, POST", b"")
    assert error(host, b"{}", path="/predict") == (404, "There is nothing at /predict: the model is at /.")
    assert value(host, b"1", path="/elsewhere", default=True) == 1


@pytest.mark.parametrize(
    ("parameters", "form"),
    [("json", "json"), ("data, params", "json"), ("", "json"), ("params", "query"), ("request", None)],
)
def test_how_a_plain_call_hands_its_parameters_over(serve, parameters, form):
    inputs = serve(returning("1", parameters)).describe("", "/")
    assert (inputs.form if inputs else None) == form


# --- loading ------------------------------------------------------------------------------------------------------


def test_the_platform_s_package_is_stood_in_for(serve, tmp_path):
    tmp_path.joinpath("labels.txt").write_text("a\nb")
    host = serve(
        "import importlib.util\nimport openbayes_serving as serv\nfrom openbayes_serving import run\n\n\n"
        "assert importlib.util.find_spec('openbayes_serving')\n\n\n"
        "class Predictor:\n    def __init__(self):\n        with open('labels.txt') as file:\n"
        "            self.labels = file.read().split()\n\n"
        "    def predict(self, json):\n        serv.emit_event('a.txt', 'x')\n        return self.labels[json]\n"
        + GUARD
    )
    assert ask(host, b"1")[2] == b"b"
    assert pickle.loads(pickle.dumps(sys.modules["predictor"].Predictor)).__module__ == "predictor"


def test_a_pickle_made_by_running_the_file_finds_its_class(serve):
    made_by_running = b"c__main__\nNet\n)\x81."
    host = serve(
        "import pickle\n\n\nclass Net(object):\n    answer = 42\n\n\nNET = pickle.loads(%r)\n\n\n" % made_by_running
        + returning("[NET.answer, __name__]")
        + "\n\nif __name__ == '__main__':\n    raise SystemExit\n"
    )
    assert value(host, b"1") == [42, "predictor"]
    main = sys.modules["__main__"]
    with pytest.raises(ZeroDivisionError):
        serve("1 / 0\n")
    assert sys.modules["__main__"] is main


def test_serv_run_without_a_guard_hands_the_class_over(serve):
    source = "import openbayes_serving as serv\n\n\n" + returning("'%s'" % "x", "json")
    source += "\n\nclass Other(Predictor):\n    pass\n\n\nserv.run(Other)\nraise SystemExit('served')\n"
    host = serve(source)
    assert ask(host, b"1")[2] == b"x"
    assert pickle.loads(pickle.dumps(sys.modules["predictor"].Other)).__name__ == "Other"
    with pytest.raises(Unloadable, match=r"no class Third in .*; with a predict it has Predictor, Other, choose by"):
        serve(source, target="predictor.py:Third")
    assert ask(serve(source, target="predictor.py:Predictor"), b"1")[2] == b"x"


def test_an_installed_package_of_the_platform_is_used_but_does_not_serve(serve, tmp_path):
    tmp_path.joinpath("openbayes_serving.py").write_text(
        "VERSION = 3\n\n\ndef run(cls):\n    raise OSError('port 80')\n"
    )
    host = serve("import openbayes_serving as serv\n" + returning("serv.VERSION") + "\n\nserv.run(Predictor)\n")
    assert value(host, b"1") == 3


def test_an_installed_package_that_does_not_fit_the_image(serve, tmp_path):
    tmp_path.joinpath("openbayes_serving.py").write_text("from flask import nothing_like_it\n")
    assert value(serve("import openbayes_serving as serv\n" + returning("json") + GUARD), b"1") == 1


def test_a_class_of_another_name(serve):
    assert value(serve(returning("json").replace("Predictor", "PythonPredictor")), b"1") == 1
    with pytest.raises(Unloadable, match=r"with a predict it has A, B, choose by MODELPROXY_TARGET=predictor.py:NAME"):
        serve(returning("json").replace("Predictor", "A") + returning("json").replace("Predictor", "B"))
    with pytest.raises(Unloadable, match=r"there is no class Predictor in .*predictor.py$"):
        serve("x = 1\n")


def test_a_function_that_makes_the_predictor(serve):
    source = returning("json", "json").replace("Predictor", "Own") + "\n\ndef Predictor():\n    return Own()\n"
    assert value(serve(source), b"1") == 1


def test_a_target_in_a_folder_runs_in_that_folder(serve, tmp_path):
    source = "import helper, os\n\n\nclass P:\n    def predict(self):\n        return os.listdir('.')\n"
    tmp_path.joinpath("src").mkdir()
    tmp_path.joinpath("src", "helper.py").write_text("")
    host = serve(source, file="src/predictor.py", target="src/predictor.py:P")
    assert "helper.py" in value(host)
    host.load()  # as after a first try that failed
    assert "helper.py" in value(host)


def test_no_file(serve):
    with pytest.raises(Unloadable, match=r"there is no file .*other.py"):
        serve("", target="other.py")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            returning("1", "json, image, top"),
            r"predict takes image, top; the names known there are json, payload, data, ",
        ),
        ("class Predictor:\n    def __init__(self, model):\n        pass\n", "Predictor takes model; .* onnx, config"),
        ("class Predictor:\n    predict = 3\n", "Predictor has no method predict"),
    ],
)
def test_names_that_are_not_known(serve, source, says):
    with pytest.raises(Unloadable, match=says):
        serve(source)


def test_config_and_callables_that_tell_nothing(serve):
    source = "class Predictor:\n    def __init__(self, config):\n        config.limit_concurrency(2)\n"
    assert value(serve(source + "        self.predict = dict\n")) == {}


# --- onnx ---------------------------------------------------------------------------------------------------------

ONNX = "class Predictor:\n    def __init__(self, onnx%s):\n        self.onnx = onnx\n\n" + (
    "    def predict(self, json):\n        return self.onnx and self.onnx.run(None, json)\n"
)


@pytest.fixture
def onnxruntime(monkeypatch):
    """Stands in for onnxruntime, which not every Python of these tests has."""

    class Session:
        def __init__(self, path, providers):
            self.found = [os.path.basename(path), providers]

        def run(self, outputs, inputs):
            return [self.found, outputs, inputs]

    module = type(sys)("onnxruntime")
    module.InferenceSession = Session
    module.get_available_providers = lambda: ["AzureExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setitem(sys.modules, "onnxruntime", module)


@pytest.mark.usefixtures("onnxruntime")
def test_onnx_is_the_model_beside_predictor_py(serve, tmp_path):
    tmp_path.joinpath("any name.onnx").write_bytes(b"")
    tmp_path.joinpath("notes.txt").write_bytes(b"")
    found = value(serve(ONNX % ""), b'{"x": 1}')
    assert found == [["any name.onnx", ["CPUExecutionProvider"]], None, {"x": 1}]


def test_onnx_without_onnxruntime(serve, tmp_path, monkeypatch):
    tmp_path.joinpath("a.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Unloadable, match="onnxruntime isn't installed in this image"):
        serve(ONNX % "")


@pytest.mark.usefixtures("onnxruntime")
def test_no_model_file_or_several(serve, tmp_path):
    with pytest.raises(Unloadable, match=r"takes onnx, but there is no \*.onnx in"):
        serve(ONNX % "")
    assert value(serve(ONNX % "=None"), b"1") is None
    for name in ("b.onnx", "a.onnx"):
        tmp_path.joinpath(name).write_bytes(b"")
    with pytest.raises(Unloadable, match=r"there are a.onnx, b.onnx: keep one"):
        serve(ONNX % "=None")


def test_a_real_model_in_onnxruntime(serve, tmp_path):
    pytest.importorskip("onnxruntime")
    for name in os.listdir(SAMPLE):
        if os.path.isfile(os.path.join(SAMPLE, name)):
            shutil.copy(os.path.join(SAMPLE, name), str(tmp_path))
    host = serve(tmp_path.joinpath("predictor.py").read_text())
    with open(os.path.join(SAMPLE, "samples", "wines.json"), "rb") as file:
        found = value(host, file.read())["predictions"]
    assert [wine["cultivar"] for wine in found] == ["Barolo", "Grignolino", "Barbera"]


# --- predictors that misbehave ------------------------------------------------------------------------------------


def test_each_prediction_begins_in_the_model_s_folder(serve, tmp_path):
    host = serve("import os\n\n\n" + returning("[os.getcwd(), os.chdir('/')]"))
    assert value(host, b"1") == value(host, b"1") == [os.path.realpath(str(tmp_path)), None]


def test_a_folder_that_cannot_be_had_again(serve, tmp_path):
    host = serve(returning("json"))
    tmp_path.joinpath("predictor.py").unlink()
    os.rename(str(tmp_path), str(tmp_path) + "-away")
    tmp_path.write_text("a file in its place")
    assert value(host, b"1") == 1
    tmp_path.unlink()
    assert value(host, b"1") == 1
    assert os.getcwd() == str(tmp_path)


def test_predictions_at_one_time_share_the_directory_as_it_is(serve, tmp_path):
    host = serve("import os\n" + returning("os.getcwd()"), MODELPROXY_CONCURRENCY="2")
    tmp_path.joinpath("sub").mkdir()
    os.chdir(str(tmp_path.joinpath("sub")))
    assert ask(host, b"1")[2].endswith(b"/sub")


def test_what_the_model_raises_passes_through(serve):
    with pytest.raises(ZeroDivisionError):
        ask(serve(returning("1 / json")), b"0")


MISBEHAVING = """
import os
import shutil
import sys

import openbayes_serving as serv


class Predictor:
    def __init__(self):
        self.calls = 0

    def predict(self, json, params):
        self.calls += 1
        what = json["do"]
        if what == "raise":
            raise ValueError("no secret for clients")
        if what == "exit":
            sys.exit(3)
        if what == "set":
            return {"labels": {1, 2}}
        if what == "print":
            sys.stdout.buffer.write(b"\\xff\\x00")
            sys.stderr.buffer.write(b"\\xfe\\n")
        if what == "remove":
            shutil.rmtree(os.getcwd())
        return {"calls": self.calls, "folder": os.path.basename(os.getcwd()) if what == "where" else None}


if __name__ == "__main__":
    serv.run(Predictor)
"""


def test_whatever_a_prediction_does_the_next_one_works(tmp_path):
    folder = tmp_path.joinpath("model")
    folder.mkdir()
    folder.joinpath("predictor.py").write_text(MISBEHAVING)
    with Proxy(folder) as proxy:
        assert proxy.init() == (200, {"ok": True})

        def predict(body):
            status, _, content = proxy.web("POST", body=body, headers={"content-type": "application/json"})
            return status, json.loads(content.decode("utf-8"))

        assert predict(b'{"do": "exit"}') == (
            500,
            {"error": "The model failed with SystemExit; the traceback is in the activation's log."},
        )
        status, answer = predict(b'{"do": "raise"}')
        assert (status, "secret" in answer["error"]) == (500, False)
        status, answer = predict(b'{"do": "set"}')
        assert (status, "result['labels'] is of type set" in answer["error"]) == (500, True)
        assert predict(b'{"do": ')[0] == 400
        assert predict(b'{"do": "print"}') == (200, {"calls": 4, "folder": None})
        assert predict(b'{"do": "remove"}') == (200, {"calls": 5, "folder": None})
        assert predict(b'{"do": "where"}') == (200, {"calls": 6, "folder": "model"})
        assert proxy.run({"do": "where"}) == (200, {"calls": 7, "folder": "model"})
        assert proxy.web("GET")[0] == 200
        assert "host predictor of predictor.py" in proxy.out
        assert "secret" in proxy.err
        assert proxy.out.count(MARKER) == proxy.err.count(MARKER) == 9
    proxy.close()


def test_over_plain_http(tmp_path):
    tmp_path.joinpath("predictor.py").write_text(MISBEHAVING)
    with Proxy(tmp_path, MODELPROXY_MODE="web") as proxy:
        headers = [("Content-Type", "application/msgpack"), ("Accept", "application/msgpack")]
        status, found, body = proxy.exchange("POST", "/", msgpack.packb({"do": "exit"}), headers)
        assert status == 500
        status, found, body = proxy.exchange("POST", "/?a=1", msgpack.packb({"do": ""}), headers)
        assert (status, dict(found)["content-type"]) == (200, "application/msgpack")
        assert msgpack.unpackb(body, raw=False) == {"calls": 2, "folder": None}
        assert proxy.exchange("POST", "/", b"\xc1", headers)[0] == 400
        assert proxy.exchange("GET", "/nowhere")[0] == 404
        assert proxy.exchange("HEAD", "/")[0::2] == (200, b"")
    proxy.close()


def test_a_predictor_that_cannot_be_loaded_says_why(tmp_path):
    tmp_path.joinpath("predictor.py").write_text(returning("1", "picture"))
    with Proxy(tmp_path) as proxy:
        status, answer = proxy.init()
        assert status == 502
        assert "predict takes picture; the names known there are json" in answer["error"]
    proxy.close()


assert flask  # imported first, so that what removes it from sys.modules has something to restore
