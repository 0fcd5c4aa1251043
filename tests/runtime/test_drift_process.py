"""A watched model as a process, spoken to as the platform does: the answers are the unwatched one's, with a header."""

import base64
import concurrent.futures
import json
import re
import struct
import sys
import time

import numpy
import pytest
from modelproxy import serving
from modelproxy.hosts import Missing, Unloadable
from modelproxy.settings import Settings

import drift_references as references
from onnx_writer import FLOAT, constant, model, node, tensor
from proxy_process import Proxy

JSON = {"content-type": "application/json"}
PREDICTOR = """
import time

class Predictor:
    def predict(self, json):
        time.sleep(json.get("sleep", 0))
        return {"sum": sum(json["x"]), "v": json["x"]}

    def embed(self, json):
        %s
"""
DEPLOYMENT = """
import os

class Deployment:
    def request(self, data):
        return {"size": os.path.getsize(data["file"]), "here": os.getcwd().startswith("/tmp")}

    async def embed(self, data):
        self.place = os.getcwd()
        return [os.path.getsize(data["file"]), 0]
"""


def reference(path, vectors, embedding, threshold=1.0, **changes):
    return references.write(
        path,
        numpy.array(vectors, "<f4"),
        embedding=embedding,
        threshold={"quantile": 0.99, "distance": threshold},
        **changes,
    )


def predictor(folder, embed="return json['x']"):
    (folder / "predictor.py").write_text(PREDICTOR % embed)
    return folder


def asked(proxy, numbers, **more):
    return proxy.web("POST", body=json.dumps(dict(more, x=numbers)).encode(), headers=JSON)


@pytest.fixture
def started():
    """Starts proxies, which end with the test."""
    running = []

    def start(folder, **environ):
        running.append(Proxy(folder, **environ))
        return running[-1]

    yield start
    for proxy in running:
        proxy.stop()
        proxy.close()


def watched(started, folder, path, **environ):
    environ.setdefault("MODELPROXY_DRIFT_BUDGET", "20000")
    proxy = started(folder, MODELPROXY_DRIFT=path, **environ)
    assert proxy.init() == (200, {"ok": True})
    return proxy


def test_a_method_answers_beside_the_prediction(tmp_path, started):
    path = reference(tmp_path / "r", [[0, 0], [1, 0], [0, 1]], {"kind": "method", "name": "embed"})
    proxy = watched(started, predictor(tmp_path), path, MODELPROXY_LOG="json")
    status, headers, body = asked(proxy, [0, 0])
    assert (status, json.loads(body.decode())) == (200, {"sum": 0, "v": [0, 0]})
    assert headers["model-drift"] == 'distance=0.667; threshold=1.0; drifted=?0; exact="0.66666667"'
    assert "drifted=?1" in asked(proxy, [5, 5])[1]["model-drift"]
    # A plain call has no headers: the log tells.
    assert proxy.run({"x": [9, 9]}) == (200, {"sum": 18, "v": [9, 9]})
    lines = [json.loads(line) for line in proxy.out.splitlines() if line.startswith("{")]
    assert [line["drift"]["drifted"] for line in lines] == [False, True, True]
    assert lines[2]["drift"]["share"] == 0.6667 and lines[2]["drift"]["of"] == 3
    status, headers, _ = proxy.web("GET")
    assert status == 200 and "model-drift" not in headers


def test_a_method_of_a_deployment_has_the_files_but_no_directory_of_its_own(tmp_path, started):
    (tmp_path / "deployment.py").write_text(DEPLOYMENT)
    path = reference(tmp_path / "r", [[3, 0]], {"kind": "method", "name": "embed"})
    proxy = watched(started, tmp_path, path)
    value = {"file": "data:text/plain;base64," + base64.b64encode(b"abc").decode("ascii")}
    status, headers, body = proxy.web("POST", body=json.dumps(value).encode(), headers=JSON)
    assert (status, json.loads(body.decode())) == (200, {"size": 3, "here": True})
    assert headers["model-drift"].startswith("distance=0.0; ")
    status, headers, body = proxy.web("POST", body=json.dumps([value, value]).encode(), headers=JSON)
    assert status == 200 and headers["model-drift"].startswith("distance=0.0; ")


@pytest.mark.parametrize("host", ["predictor", "deployment"])
def test_a_method_that_isnt_there(tmp_path, started, host):
    (tmp_path / (host + ".py")).write_text(PREDICTOR % "pass" if host == "predictor" else DEPLOYMENT)
    proxy = watched(started, tmp_path, reference(tmp_path / "r", [[3, 0]], {"kind": "method", "name": "other"}))
    assert "no vector can be had: Unloadable: the " in proxy.out and "has no method other" in proxy.out


FAULTS = """
        if not isinstance(json["x"], list) or "fault" not in json:
            return json["x"]
        fault = json["fault"]
        if fault == "raises":
            raise ValueError
        if fault == "exits":
            raise SystemExit(3)
        if fault == "interrupts":
            raise KeyboardInterrupt
        if fault == "takes all memory":
            raise MemoryError
        if fault == "recurses":
            return self.embed(json)
        if fault == "leaves the directory":
            __import__("os").chdir("/")
        if fault == "changes the input":
            json.clear()
        if fault == "hangs":
            time.sleep(0.2)
        return {"NaN": [float("nan"), 0], "too short": [1]}.get(fault)
"""


@pytest.mark.parametrize("mode", ["action", "web"])
def test_a_failing_monitor_leaves_every_prediction_byte_for_byte_as_it_was(tmp_path, started, mode):
    path = reference(tmp_path / "r", [[0, 0]], {"kind": "method", "name": "embed"})
    folder = predictor(tmp_path, FAULTS)
    environ = {"MODELPROXY_MODE": mode}
    proxies = [started(folder, **environ), started(folder, MODELPROXY_DRIFT=path, **environ)]
    faults = re.findall('fault == "(.*)"', FAULTS)[:-1] + ["NaN", "too short", "nothing", "hangs", "hangs"]
    bodies = [json.dumps({"x": [number, number / 3], "fault": fault}) for number, fault in enumerate(faults)]
    for body in ["{", '{"y": 1}', '{"x": [1, 2]}'] + bodies:
        answers = []
        for proxy in proxies:
            if mode == "web":
                status, headers, content = proxy.exchange("POST", "/", body.encode(), JSON.items())
                headers = dict(headers)
            else:
                status, headers, content = proxy.web("POST", body=body.encode(), headers=JSON)
            for name in ("server-timing", "date", "model-drift"):
                headers.pop(name, None)
            answers.append((status, headers, content))
        assert answers[0] == answers[1]
    assert proxies[1].stop() == 0


def test_a_method_that_never_ends_is_as_a_prediction_that_never_does(tmp_path, started):
    """Predictions beside it would be of a model that is at two inputs at one time."""
    path = reference(tmp_path / "r", [[0, 0]], {"kind": "method", "name": "embed"})
    proxy = watched(started, predictor(tmp_path, "time.sleep(600)"), path, MODELPROXY_DRIFT_BUDGET="1")
    for seconds, wanted in ((20, 200), (0.2, 504), (0.2, 504)):
        deadline = round((time.time() + seconds) * 1000)
        assert proxy.web("POST", body=b'{"x": [1, 2]}', headers=JSON, deadline=deadline)[0] == wanted
    assert proxy.process.wait(5) == 1
    assert "drift: an earlier input is still being looked at, and this one waits for it" in proxy.out


def test_with_several_at_a_time_each_vector_belongs_to_its_own_request(tmp_path, started):
    path = reference(tmp_path / "r", [[0, 0]], {"kind": "method", "name": "embed"}, neighbours=1)
    environ = {"MODELPROXY_DRIFT": path, "MODELPROXY_CONCURRENCY": "8", "MODELPROXY_DRIFT_BUDGET": "20000"}
    proxy = started(predictor(tmp_path), MODELPROXY_MODE="web", **environ)

    def distance(number):
        body = json.dumps({"x": [number, 0], "sleep": 0.01}).encode()
        status, headers, _ = proxy.exchange("POST", "/", body, JSON.items())
        found = re.match(r"distance=([0-9.]+); ", dict(headers)["model-drift"])
        return status, float(found.group(1))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(distance, range(40)))
    assert found == [(200, float(number)) for number in range(40)]
    end = time.time() + 20
    while " drift=39.0 drifted=1 " not in proxy.out:  # in web mode the line is written after the answer
        assert time.time() < end, proxy.out
        time.sleep(0.01)
    assert "POST / 200" in proxy.out


def test_a_layer_of_an_onnx_model(tmp_path, started):
    pytest.importorskip("onnxruntime")
    shape = tensor(FLOAT, [1, 2])
    weights = constant("w", FLOAT, [2, 2], struct.pack("<4f", 1, 0, 0, 2))
    content = model(
        [("x", shape)],
        [("y", shape)],
        [node("Flatten", ["x"], ["h"]), node("MatMul", ["h", "w"], ["y"])],
        constants=[weights],
    )
    (tmp_path / "m.onnx").write_bytes(content)
    path = reference(tmp_path / "r", [[1, 1]], {"kind": "onnx-layer", "model": "m.onnx", "layer": "h"})
    proxies = [started(tmp_path), watched(started, tmp_path, path)]
    collecting = started(tmp_path, MODELPROXY_DRIFT_COLLECT='{"kind": "onnx-layer"}')
    answers = [one.web("POST", body=b'{"inputs": [[1, 4]]}', headers=JSON) for one in proxies]
    assert answers[0][2] == answers[1][2] == b'{"outputs":{"y":[[1.0,8.0]]}}'
    assert answers[1][1]["model-drift"] == 'distance=3.0; threshold=1.0; drifted=?1; exact="3"'
    _, headers, _ = collecting.web("POST", body=b'{"inputs": [[1, 4]]}', headers=JSON)
    assert struct.unpack("<2f", base64.b64decode(headers["model-embedding"])) == (1, 4)
    assert "the layer is h" in collecting.out
    proxies[1].web("GET")
    assert "drift: compared by the layer h of m.onnx with 1 vectors of 2 numbers" in proxies[1].out


def test_a_declaration_that_is_none_fails_init(tmp_path, started):
    proxy = started(predictor(tmp_path), MODELPROXY_DRIFT_COLLECT="{")
    status, answer = proxy.init()
    assert status == 502 and "MODELPROXY_DRIFT_COLLECT can't be used" in answer["error"]


def test_what_init_may_set(tmp_path, started):
    path = reference(tmp_path / "r", [[0, 0]], {"kind": "method", "name": "embed"})
    proxy = started(predictor(tmp_path), MODELPROXY_DRIFT=path, MODELPROXY_DRIFT_BUDGET="20000")
    variables = {"MODELPROXY_DRIFT_WINDOW": "2", "MODELPROXY_DRIFT_BOUND": "0.4", "MODELPROXY_DRIFT_ALERT": "http://x"}
    assert proxy.init(env=variables) == (200, {"ok": True})
    assert "MODELPROXY_DRIFT_ALERT can't be set by a parameter" in proxy.out
    for number in (9, 9, 9):
        assert "drifted=?1" in asked(proxy, [number, 0])[1]["model-drift"]
    assert proxy.out.count("drift: 100 % of the last 2 predictions") == 1


class NoDrift:
    """Finds no module of ours that compares, as in an image that was built without."""

    def find_spec(self, name, path=None, target=None):
        if name == "modelproxy.drift":
            raise ModuleNotFoundError("No module named 'modelproxy.drift'", name=name)


def test_an_image_without_the_code_says_so(monkeypatch, capfd):
    for name in [name for name in sys.modules if name.startswith("modelproxy.drift")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoDrift()] + sys.meta_path)
    host = Missing("")
    assert serving._watched(Settings({"MODELPROXY_DRIFT": "/r"}), host) is host
    found = serving._watched(Settings({"MODELPROXY_DRIFT_COLLECT": "{}"}), host)
    with pytest.raises(Unloadable, match=r"build it with build\.sh --drift FILE"):
        found.load()
    assert "build it with build.sh --drift FILE" in capfd.readouterr().out


def test_an_error_in_the_code_isnt_hidden(monkeypatch):
    monkeypatch.delitem(sys.modules, "modelproxy.drift.watching", raising=False)
    monkeypatch.setitem(sys.modules, "modelproxy.drift.alert", None)
    with pytest.raises(ImportError, match=r"drift\.alert"):
        serving._watched(Settings({"MODELPROXY_DRIFT": "/r"}), None)


def test_nothing_of_it_is_loaded_where_it_isnt_wanted(tmp_path, started):
    (tmp_path / "predictor.py").write_text(
        "import sys\nclass Predictor:\n    def predict(self, json):\n"
        "        return sorted(name for name in sys.modules if 'drift' in name or name == 'onnxruntime')\n"
    )
    proxy = started(tmp_path)
    proxy.init()
    assert asked(proxy, [])[2] == b"[]"
