"""The whole proxy as a process around small MAX models, on the Flask, Werkzeug and maxfw of this Python's era."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import models
from proxy_process import COMMAND, MARKER, Proxy


@pytest.fixture
def start():
    """Starts proxies and ends them."""
    running = []

    def started(folder, **environ):
        running.append(Proxy(folder, **environ))
        return running[-1]

    yield started
    for proxy in running:
        proxy.stop()
        proxy.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One loaded model for the tests that leave it as it was."""
    proxy = Proxy(models.write(tmp_path_factory.mktemp("model")), LEVEL="image", MODELPROXY_LOG="text")
    assert proxy.init(env={"LEVEL": "init"}) == (200, {"ok": True})
    yield proxy
    assert proxy.stop() == 0
    proxy.close()


def form(name="a b.png", kind="image/png", content=b"\x89PNG"):
    body = (
        b'--B\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n'
        b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--B--\r\n'
    ) % (name.encode("utf-8"), kind.encode("ascii"), content)
    return dict(body=body, headers={"content-type": "multipart/form-data; boundary=B"})


def predict(proxy, **request):
    status, _, body = proxy.web("POST", **request)
    return status, json.loads(body.decode("utf-8"))


# --- the model's API through a web action -------------------------------------------------------------------------


def test_app_py_runs_as_the_image_would_run_it(shared):
    folder = os.path.realpath(os.readlink("/proc/%d/cwd" % shared.process.pid))
    assert (
        "app.py is __main__ in %s with ['app.py'], first on the path %s, __main__, of ours [], level init"
        % (folder, folder)
    ) in shared.out
    assert "never reached" not in shared.out
    assert "host max of app.py, since found app.py" in shared.out


def test_a_picture_with_field_and_query(shared):
    status, answer = predict(shared, query="threshold=0.5&threshold=0.7", **form())
    assert status == 200
    assert answer["files"] == {"image": ["a b.png", "image/png", 4]}
    assert (answer["form"], answer["query"]) == ({"note": ["hello"]}, {"threshold": ["0.5", "0.7"]})


def test_json_and_headers(shared):
    status, answer = predict(
        shared,
        body=b'{"text": ["a"]}',
        headers={"content-type": "application/json", "x-fields": "{a}"},
        activation_id="the-id",
    )
    assert (status, answer["json"], answer["x-fields"], answer["activation"]) == (200, {"text": ["a"]}, "{a}", "the-id")


def test_an_empty_post_with_a_query(shared):
    assert predict(shared, query="a=%E9%9B%AA+1")[1]["query"] == {"a": ["\u96ea 1"]}


def test_the_other_routes(shared):
    assert json.loads(shared.web(path="/model/metadata")[2].decode("utf-8")) == {"id": "test"}
    assert shared.web(path="/page")[2] == b"<p>the model has a queue.py</p>"
    status, headers, body = shared.web(path="/nowhere")
    assert (status, headers["content-type"]) == (404, "text/html")
    assert b"<" in body
    status, headers, body = shared.web(path="/", headers={"accept": "text/html"}, action_name="/guest/test")
    assert (status, headers["content-type"]) == (200, "text/html")
    assert b"/api/v1/web/guest/default/test/swagger.json" in body
    status, headers, body = shared.web(path="/swagger.json", action_name="/guest/test")
    document = json.loads(body.decode("utf-8"))
    assert (document["basePath"], document["produces"]) == ("/api/v1/web/guest/default/test", ["*/*"])


def test_a_browser_at_the_bare_url_is_sent_to_the_swagger_page_and_nobody_else(shared):
    status, headers, _ = shared.web(headers={"accept": "text/html,*/*;q=0.8"}, action_name="/guest/test")
    assert (status, headers["location"]) == (302, "/api/v1/web/guest/default/test/")
    for accept in ("*/*", "application/json"):
        assert shared.web(headers={"accept": accept})[0] in (404, 405)
    assert shared.web(path="/nowhere", headers={"accept": "text/html"})[0] == 404


def test_head_and_options(shared):
    status, _, body = shared.web("HEAD", "/model/metadata")
    assert (status, body) == (200, b"")
    assert "POST" in shared.web("OPTIONS", "/model/predict")[1]["allow"]


def test_binary_answers_and_their_headers(shared):
    status, headers, body = shared.web("POST", query="do=png")
    assert (status, headers["content-type"], body) == (200, "image/png", b"\x89PNG")
    assert headers["content-disposition"] == "attachment; filename=r.png"


@pytest.mark.parametrize(("do", "says"), [("raise", b"Internal Server Error"), ("exit", b"SystemExit")])
def test_a_model_that_fails_stays(shared, do, says):
    before = shared.err.count(MARKER)
    status, _, body = shared.web("POST", query="do=" + do)
    assert status == 500
    assert says in body
    assert b"secret" not in body
    assert shared.err.count(MARKER) == before + 1
    assert predict(shared)[0] == 200


def test_what_the_model_prints_is_in_its_activation_s_log(shared):
    shared.web("POST", query="do=print")
    last = shared.out.split(MARKER)[-2]
    assert last.index("printed without a flush") < last.index("modelproxy: POST /model/predict 200")


def test_plain_calls(shared):
    status, answer = shared.run({"text": "hello"}, action_name="/guest/test")
    assert (status, answer["json"]) == (200, {"text": "hello"})
    assert "object or an array" in shared.run(3)[1]["error"]


def test_a_plain_call_of_a_model_that_predicts_on_get(start, tmp_path):
    parser = "PARSER = MAX_API.parser()\nPARSER.add_argument('model', default='up')\n\n\nclass ModelPredictAPI"
    api = models.API.replace("class ModelPredictAPI", parser).replace("def post(", "def get(")
    proxy = start(models.write(tmp_path, api=api.replace('doc("predict")', "expect(PARSER)")))
    assert proxy.run({"model": "down"})[1]["query"] == {"model": ["down"]}
    assert proxy.run({})[1]["query"] == {}


def test_a_plain_call_does_not_change_what_the_swagger_page_links_to(start, tmp_path):
    proxy = start(models.write(tmp_path))
    proxy.run({"a": 1}, action_name="/guest/test")
    document = json.loads(proxy.web(path="/swagger.json", action_name="/guest/test")[2].decode("utf-8"))
    assert document["basePath"] == "/api/v1/web/guest/default/test"


def test_cookies_do_not_outlive_an_activation(shared):
    assert "set-cookie" not in shared.web("GET", "/page", headers={"cookie": "session=1"})[1]


def test_one_megabyte_and_more_in(shared):
    body = b"x" * 3000000
    assert predict(shared, **form(content=body))[1]["files"]["image"][2] == len(body)


def test_overlapping_activations_wait_for_each_other(shared):
    began = time.time()
    found = []
    threads = [threading.Thread(target=lambda: found.append(predict(shared, query="do=sleep0.2")[0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 3
    assert time.time() - began >= 0.6


# --- other models -------------------------------------------------------------------------------------------------


def test_a_flask_model_of_before_maxfw(start, tmp_path):
    proxy = start(models.write(tmp_path, app=models.FLASK_APP))
    assert proxy.run({"a": 1}) == (200, {"size": 8})
    assert proxy.web(headers={"accept": "text/html"})[0] == 200


def test_a_flask_model_in_an_image_without_maxfw(start, tmp_path):
    folder = models.write(tmp_path, app=models.FLASK_APP)
    folder.joinpath("maxfw.py").write_text("raise ImportError('not here')\n")
    proxy = start(folder)
    assert proxy.run({"a": 1}) == (200, {"size": 8})


def test_an_app_that_is_made_and_never_run(start, tmp_path):
    proxy = start(models.write(tmp_path, app=models.FLASK_APP.replace("app.run", "dict")))
    assert proxy.init()[0] == 200
    assert proxy.web()[0] == 200


def test_a_model_with_debug_on(start, tmp_path):
    proxy = start(models.write(tmp_path, config=models.CONFIG + "DEBUG = True\n"))
    assert proxy.init()[0] == 200
    status, _, body = proxy.web("POST", query="do=raise")
    assert status == 500
    assert b"secret" not in body
    assert predict(proxy)[0] == 200


def test_a_max_app_that_is_made_and_never_run(start, tmp_path):
    proxy = start(models.write(tmp_path, app=models.APP.replace("max_app.run()", "")))
    assert proxy.init()[0] == 200
    assert proxy.web(path="/page")[0] == 200


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"app": "import nothing_like_it\n"}, "nothing_like_it"),
        ({"api": "raise RuntimeError('weights are missing')\n"}, "RuntimeError: weights are missing ("),
        ({"app": "import sys\nsys.exit(3)\n"}, "SystemExit: 3"),
        ({"app": "a b\n"}, "SyntaxError"),
        ({"app": "x = 1\n"}, "app.py ended without running a MAXApp or Flask application"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why(start, tmp_path, files, says):
    proxy = start(models.write(tmp_path, **files))
    status, answer = proxy.init()
    assert status == 502
    assert says in answer["error"]
    assert (proxy.out.count(MARKER), proxy.err.count(MARKER)) == (1, 1)


def test_a_folder_without_a_model(start, tmp_path):
    proxy = start(tmp_path)
    status, answer = proxy.init()
    assert status == 502
    assert "found no model in" in answer["error"]
    assert "app.py beside a folder api/ (max)" in answer["error"]


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"MODELPROXY_HOST": "cobol"}, "MODELPROXY_HOST is 'cobol'; this proxy has: max"),
        ({"MODELPROXY_HOST": "max", "MODELPROXY_TARGET": "serve.py"}, "there is no serve.py in"),
    ],
)
def test_a_host_or_target_that_does_not_exist(start, tmp_path, environ, says):
    assert says in start(models.write(tmp_path), **environ).init()[1]["error"]


def test_a_target_in_a_folder_imports_what_lies_beside_it(start, tmp_path):
    folder = models.write(tmp_path).joinpath("src")
    folder.mkdir()
    folder.joinpath("serve.py").write_text("import helper\n" + models.FLASK_APP)
    folder.joinpath("helper.py").write_text("")
    assert start(tmp_path, MODELPROXY_HOST="max", MODELPROXY_TARGET="src/serve.py").init() == (200, {"ok": True})


def test_another_file_as_target(start, tmp_path):
    models.write(tmp_path, app="raise RuntimeError('not this one')\n", serve=models.FLASK_APP)
    assert start(tmp_path, MODELPROXY_HOST="max", MODELPROXY_TARGET="serve.py").init() == (200, {"ok": True})


# --- concurrency, deadline ----------------------------------------------------------------------------------------


def test_overlapping_activations_where_they_are_allowed(start, tmp_path):
    proxy = start(models.write(tmp_path), __OW_ALLOW_CONCURRENT="true")
    proxy.init()
    found = []
    began = time.time()
    threads = [threading.Thread(target=lambda: found.append(predict(proxy, query="do=sleep0.5")[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 8
    assert time.time() - began < 3
    assert proxy.out.count(MARKER) == proxy.err.count(MARKER) == 8


def deadline_in(seconds):
    return str(round((time.time() + seconds) * 1000))


def test_before_the_deadline_an_answer_and_then_the_model_is_still_there(start, tmp_path):
    proxy = start(models.write(tmp_path))
    proxy.init()
    began = time.time()
    status, _, body = proxy.web("POST", query="do=sleep1.5", deadline=deadline_in(1))
    assert (status, time.time() - began < 1) == (504, True)
    assert "wasn't ready" in json.loads(body.decode("utf-8"))["error"]
    # The next call waits its turn, and is answered by the same process.
    assert predict(proxy, deadline=deadline_in(20))[0] == 200
    assert "answered at its deadline, ended after" in proxy.out
    assert proxy.out.count(MARKER) == proxy.err.count(MARKER) == 2


def test_a_model_that_is_stuck_ends_the_process_at_the_next_deadline(start, tmp_path):
    proxy = start(models.write(tmp_path))
    proxy.init()
    assert proxy.web("POST", query="do=sleep30", deadline=deadline_in(0.5))[0] == 504
    status, _, body = proxy.web("POST", deadline=deadline_in(0.5))
    assert status == 504
    assert "the next call gets a fresh one" in json.loads(body.decode("utf-8"))["error"]
    assert proxy.process.wait(5) == 1


# --- the process --------------------------------------------------------------------------------------------------


def test_sigterm_lets_a_prediction_finish(start, tmp_path):
    proxy = start(models.write(tmp_path))
    proxy.init()
    found = []
    thread = threading.Thread(target=lambda: found.append(predict(proxy, query="do=sleep0.5")[0]))
    thread.start()
    time.sleep(0.2)
    assert proxy.stop() == 0
    thread.join()
    assert found == [200]


@pytest.fixture
def forking(start, tmp_path):
    folder = models.write(tmp_path, app=models.FORKING_APP)
    folder.joinpath("queue.py").unlink()  # multiprocessing imports the standard library's
    proxy = start(folder)
    assert proxy.init() == (200, {"ok": True})
    return proxy


def body_at(proxy, path):
    return json.loads(proxy.web(path=path)[2].decode("utf-8"))


def test_children_of_a_model_end_when_they_are_told_to(forking):
    assert body_at(forking, "/terminate") == -signal.SIGTERM


def test_a_forked_child_that_leaves_the_prediction_answers_nothing(forking):
    assert body_at(forking, "/leave") == 0
    assert (forking.out.count(MARKER), forking.err.count(MARKER)) == (1, 1)


def test_a_forked_child_does_not_keep_the_connection_open(forking):
    began = time.time()
    assert body_at(forking, "/background") == 0
    assert time.time() - began < 4


def test_spawned_children_find_the_model_s_functions(forking):
    assert body_at(forking, "/spawn") == [1, 4, 9]


def test_the_end_does_not_wait_for_the_model_s_threads(forking):
    began = time.time()
    assert forking.stop() == 0
    assert time.time() - began < 10


ALARMING = """
import signal


def app(environ, start_response):
    signal.signal(signal.SIGALRM, rang)
    if environ["PATH_INFO"] == "/alarm":
        signal.setitimer(signal.ITIMER_REAL, 0.3)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def rang(number, frame):
    raise ValueError("too slow")
"""


@pytest.mark.parametrize("mode", ["web", "action"])
def test_a_model_s_forgotten_alarm_does_not_end_the_process(start, tmp_path, mode):
    tmp_path.joinpath("app.py").write_text(ALARMING)
    proxy = start(tmp_path, MODELPROXY_MODE=mode, MODELPROXY_HOST="wsgi", MODELPROXY_TARGET="app:app")

    def status_at(path):
        return proxy.exchange("GET", path)[0] if mode == "web" else proxy.web(path=path)[0]

    if mode == "action":
        proxy.init()
    assert status_at("/alarm") == 200
    end = time.time() + 20
    while "too slow" not in proxy.err:
        assert proxy.process.poll() is None and time.time() < end
        time.sleep(0.05)
    assert status_at("/") == 200
    assert proxy.stop() == 0


def test_ctrl_c_is_no_failure_of_the_model(forking):
    found = []
    thread = threading.Thread(target=lambda: found.append(forking.web(path="/sleep")[0]))
    thread.start()
    time.sleep(0.3)
    assert forking.stop(signal.SIGINT) == 0
    thread.join()
    assert found == [200]


def test_ctrl_c_that_was_ignored_at_the_start_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does to what it starts in the background
    try:
        proxy = Proxy(models.write(tmp_path))
    finally:
        signal.signal(signal.SIGINT, before)
    assert proxy.init() == (200, {"ok": True})
    os.kill(proxy.process.pid, signal.SIGINT)
    assert proxy.web("POST", body=b"{}", headers={"content-type": "application/json"})[0] == 200
    assert proxy.stop() == 0
    proxy.close()


def test_the_log_may_be_closed(tmp_path):
    models.write(tmp_path, app=models.FLASK_APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reading, writing = os.pipe()
    process = subprocess.Popen(
        COMMAND, cwd=str(tmp_path), stdout=writing, stderr=writing, env=dict(os.environ, MODELPROXY_PORT=str(port))
    )
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)  # from now on nobody reads what the process writes
    try:
        proxy = object.__new__(Proxy)
        proxy.port = port
        assert proxy.init() == (200, {"ok": True})
        assert proxy.run({}) == (200, {"size": 2})
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_settings_that_cannot_be_used_end_the_start(tmp_path):
    for environ, status, says in (
        ({"MODELPROXY_PORT": "x"}, 2, b"MODELPROXY_PORT is 'x'"),
        ({"MODELPROXY_PORT": "1", "MODELPROXY_CORS": "no"}, 2, b"one of: platform, app"),
        ({"MODELPROXY_PORT": "65536"}, 1, b"can't listen on port 65536"),
        ({"MODELPROXY_PORT": "0", "MODELPROXY_ADDRESS": "192.0.2.1"}, 1, b"can't listen on port 0 of 192.0.2.1"),
    ):
        ended = subprocess.run(
            COMMAND, cwd=str(tmp_path), env=dict(os.environ, **environ), stdout=subprocess.PIPE, timeout=20
        )
        assert (ended.returncode, says in ended.stdout) == (status, True)


def test_the_loopback_alone(tmp_path):
    with Proxy(models.write(tmp_path), MODELPROXY_ADDRESS="127.0.0.1") as proxy:
        assert "listening on 127.0.0.1:%d\n" % proxy.port in proxy.out
        with socket.socket() as other:
            other.bind(("127.0.0.2", proxy.port))  # which listening on all addresses would have taken
        assert proxy.init() == (200, {"ok": True})
    proxy.close()


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen(1)
        environ = dict(os.environ, MODELPROXY_PORT=str(taken.getsockname()[1]))
        ended = subprocess.run(COMMAND, cwd=str(tmp_path), env=environ, stdout=subprocess.PIPE, timeout=20)
    assert ended.returncode == 1
    assert b"can't listen on port" in ended.stdout


# --- as a plain web server ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    proxy = Proxy(models.write(tmp_path_factory.mktemp("served")), PORT=port, MODELPROXY_PORT=port)
    end = time.time() + 20
    while proxy.exchange("GET", "/healthz")[0] != 200:
        assert time.time() < end
        time.sleep(0.05)
    yield proxy
    assert proxy.stop() == 0
    proxy.close()


def test_the_model_s_own_http(served):
    status, headers, body = served.exchange("POST", "/model/predict?a=1", form()["body"], form()["headers"].items())
    answer = json.loads(body.decode("utf-8"))
    assert (status, answer["query"], answer["files"]["image"][:2]) == (200, {"a": ["1"]}, ["a b.png", "image/png"])
    names = [name for name, _ in headers]
    assert names.count("date") == 1
    assert "server-timing" not in names
    assert MARKER not in served.out + served.err
    document = json.loads(served.exchange("GET", "/swagger.json")[2].decode("utf-8"))
    assert (document["basePath"], document["produces"]) == ("/", ["application/json"])


def test_init_and_run_do_not_exist_here(served):
    for path in ("/init", "/run"):
        assert served.exchange("POST", path, b"{}")[0] in (404, 405)


def test_head_has_the_length_of_get(served):
    status, headers, body = served.exchange("HEAD", "/page")
    assert (status, body, dict(headers)["content-length"]) == (200, b"", "31")


def test_failures_and_what_is_no_path(served):
    assert served.exchange("POST", "/model/predict?do=raise")[0] == 500
    assert served.exchange("POST", "/model/predict?do=exit")[0] == 500
    assert served.exchange("GET", "nonsense")[0] == 400
    assert served.exchange("GET", "http://other.example/page")[0] == 200
    assert served.exchange("GET", "http://other.example")[0] == 200
    assert served.exchange("OPTIONS", "*")[0] in (200, 404, 405)
    assert served.exchange("POST", "/model/predict")[0] == 200


@contextlib.contextmanager
def asking(proxy, target):
    """A connection on which a request has been sent."""
    with socket.create_connection(("127.0.0.1", proxy.port), 20) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" % target)
        yield connection


def test_nothing_is_predicted_for_who_has_gone_while_the_request_waited(served):
    reset = b"\1\0\0\0\0\0\0\0"
    with asking(served, b"/model/predict?do=sleep1") as first, asking(served, b"/model/predict?half") as half_closed:
        half_closed.shutdown(socket.SHUT_WR)
        with asking(served, b"/model/predict?gone") as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            assert served.exchange("GET", "/healthz")[0] == 200  # so its request has been read
        assert first.recv(12) == half_closed.recv(12) == b"HTTP/1.1 200"
    assert served.exchange("POST", "/model/predict")[0] == 200
    told = served.out.partition("POST /model/predict isn't asked of the model: ")[2].splitlines()[0]
    assert re.match(r"its client left while it waited for \d+ ms\Z", told)
    assert served.out.count("isn't asked of the model") == 1


def test_kept_connections_chunks_and_expectations(served):
    with socket.create_connection(("127.0.0.1", served.port), 20) as connection:
        wire = (
            b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
            b"POST /model/predict HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
            b"POST /model/predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(wire)
        answer = b""
        while b"100 Continue" not in answer:
            answer += connection.recv(65536)
        connection.sendall(b"{}")
        while True:
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert b"the model has a queue.py" in answer
    assert b'"json": [1, 2]' in answer.replace(b"\n", b"").replace(b"[1,2]", b"[1, 2]").replace(
        b'"json":[', b'"json": ['
    )


def test_a_public_path_and_a_model_that_does_not_load(start, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = tmp_path.joinpath("good")
    folder.mkdir()
    proxy = start(
        models.write(folder),
        MODELPROXY_MODE="web",
        MODELPROXY_PORT=port,
        MODELPROXY_PUBLIC_PATH="/m/",
        MODELPROXY_HEALTH_PATH="/alive",
    )
    assert json.loads(proxy.exchange("GET", "/swagger.json")[2].decode("utf-8"))["basePath"] == "/m"
    assert proxy.exchange("GET", "/alive")[0] == 200
    folder = tmp_path.joinpath("bad")
    folder.mkdir()
    proxy = start(models.write(folder, app="raise ImportError('no weights')\n"), MODELPROXY_MODE="web")
    assert proxy.process.wait(20) == 1
    assert "no weights" in proxy.err


def test_json_of_any_depth_is_refused_where_threads_have_small_stacks(start, tmp_path):
    """As in Alpine's images, and where ``ulimit -s`` is 1024: Python 3.13 goes 10,000 levels deep before it says so."""
    (tmp_path / "predictor.py").write_text(
        "class Predictor:\n    def predict(self, json):\n        return json\n", encoding="ascii"
    )
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import _thread\n_thread.stack_size(1 << 20)\n", encoding="ascii"
    )
    small = {"PYTHONPATH": str(tmp_path / "site"), "MODELPROXY_MODE": "web", "MODELPROXY_CONCURRENCY": "2"}
    proxy = start(tmp_path, **small)
    headers = [("Content-Type", "application/json")]
    for _ in range(4):  # to both of the threads that predict
        status, _, body = proxy.exchange("POST", "/", b"[" * 100000, headers)
        assert (status, b"nested too deeply" in body) == (400, True)
        assert proxy.exchange("POST", "/", b"[1]", headers)[2] == b"[1]"


def test_standard_streams_that_are_closed_from_the_start(tmp_path):
    """Else the first sockets got their numbers, and a client the log."""
    models.write(tmp_path, app=models.FLASK_APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    closing = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    process = subprocess.Popen(closing + COMMAND, cwd=str(tmp_path), env=dict(os.environ, MODELPROXY_PORT=str(port)))
    proxy = object.__new__(Proxy)
    proxy.port = port
    try:
        end = time.time() + 20
        while True:
            try:
                assert proxy.init() == (200, {"ok": True})
                break
            except ConnectionRefusedError:
                assert time.time() < end
                time.sleep(0.05)
        assert proxy.run({}) == (200, {"size": 2})
        opened = [os.readlink("/proc/%d/fd/%d" % (process.pid, number)) for number in range(3)]
        assert opened == [os.devnull] * 3
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
