import base64
import contextlib
import http.server
import json
import re
import socket
import threading
import time
from random import Random

import pytest
from modelproxy.drift import alert as alerts
from modelproxy.drift.alert import Alert, Share


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body.decode())))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def receiver():
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.status = [], 200
    server.url = "http://127.0.0.1:%d" % server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Said(list):
    def __init__(self):
        super().__init__()
        self.event = threading.Event()

    def __call__(self, text):
        self.append(text)
        self.event.set()

    def wait(self):
        assert self.event.wait(20)
        self.event.clear()
        return self[-1]


def test_a_webhook(receiver):
    said = Said()
    target = receiver.url.replace("//", "//me:p%40ss@") + "/hook/secret?token=1"
    Alert(target, said).send({"event": "drift", "share": 0.5}, "", "")
    assert said.wait() == "an alert was sent"
    path, headers, message = receiver.got[0]
    assert path == "/hook/secret?token=1" and headers["Content-Type"] == "application/json"
    assert base64.b64decode(headers["Authorization"].split()[1]) == b"me:p@ss"
    assert message["share"] == 0.5 and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", message["time"])


def test_a_webhook_without_a_path_or_login(receiver):
    said = Said()
    Alert(receiver.url, said).send({}, "https://platform.example", "uuid:key")
    assert said.wait() == "an alert was sent"
    path, headers, _ = receiver.got[0]
    assert path == "/" and "Authorization" not in headers


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("trigger:retrain", "/api/v1/namespaces/_/triggers/retrain"),
        ("trigger:/guest/re train", "/api/v1/namespaces/guest/triggers/re%20train"),
    ],
)
def test_a_trigger(receiver, target, path):
    said = Said()
    Alert(target, said).send({"event": "drift"}, receiver.url, "uuid:key")
    assert said.wait() == "an alert was sent"
    asked, headers, message = receiver.got[0]
    assert asked == path and base64.b64decode(headers["Authorization"].split()[1]) == b"uuid:key"
    assert message["event"] == "drift"


@pytest.mark.parametrize(
    ("host", "key", "why"),
    [("", "uuid:key", "no __OW_API_HOST"), ("http://127.0.0.1:1", "", "provide-api-key")],
)
def test_a_trigger_without_host_or_key(host, key, why):
    said = Said()
    Alert("trigger:retrain", said).send({}, host, key)
    assert why in said.wait()


def test_a_host_without_a_scheme_is_asked_by_tls():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        said = Said()
        Alert("trigger:t", said).send({}, "127.0.0.1:%d" % listener.getsockname()[1], "uuid:secret")
        connection, _ = listener.accept()
        assert connection.recv(1) == b"\x16"  # a TLS handshake
        connection.close()
        sentence = said.wait()
    assert sentence.startswith("the alert couldn't be sent: ") and "secret" not in sentence


def test_what_goes_wrong_is_said_without_the_address(receiver):
    said = Said()
    receiver.status = 404
    Alert(receiver.url + "/secret", said).send({}, "", "")
    assert said.wait() == "the alert was refused with the status 404"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        Alert("http://127.0.0.1:%d/secret" % unused.getsockname()[1], said).send({}, "", "")
        assert said.wait().startswith("the alert couldn't be sent: ConnectionRefusedError")
    assert "secret" not in "".join(said)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nX: "])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_trickles_has_an_end(scheme, begun, monkeypatch):
    monkeypatch.setattr(alerts, "_SECONDS", 0.5)

    def trickle(listener):
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            # Of TLS the head of a record, to which 16 kB belong.
            connection.sendall(b"\x16\3\3\x40\0" if scheme == "https" else begun)
            while True:
                connection.sendall(b"x" if begun else b"HTTP/1.1 100 C\r\n\r\n")
                time.sleep(0.05)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        said = Said()
        alert = Alert("%s://127.0.0.1:%d" % (scheme, listener.getsockname()[1]), said)
        alert.send({}, "", "")
        said.wait()
        thread.join()
    assert len(said) == 1


def test_one_is_sent_at_a_time():
    said = Said()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        alert = Alert("http://127.0.0.1:%d" % listener.getsockname()[1], said)
        alert.send({}, "", "")
        connection, _ = listener.accept()
        with connection:
            alert.send({}, "", "")
            assert said.wait() == "an alert wasn't sent: the one before it still is on its way"
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert said.wait() == "an alert was sent"
            alert.send({}, "", "")
            with listener.accept()[0]:
                pass
            assert said.wait().startswith("the alert couldn't be sent: ")


def test_a_connection_that_has_ended_is_shut_without_a_word():
    with socket.socket() as ended:
        alerts._shut(ended)


def test_where_no_thread_can_start(monkeypatch):
    said = Said()

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(alerts.Thread, "start", refuse)
    alert = Alert("http://h.example", said)
    alert.send({}, "", "")
    alert.send({}, "", "")
    assert said == ["the alert couldn't be sent: can't start new thread"] * 2


@pytest.mark.parametrize(
    "target",
    [
        "ftp://h/SECRET",
        "h.example/SECRET",
        "http://",
        "http://h:99999/SECRET",
        "http://h:SECRET/",
        "http://[::1/SECRET",
        "http://h/a b?token=SECRET",
        "http://h/\u00e9?token=SECRET",
        "http://h/\x01SECRET",
        "https://me:SECRET\uff0f@h/",
        "trigger:",
        "trigger:/a/b/c",
    ],
)
def test_what_is_no_target_is_refused_without_repeating_it(target):
    with pytest.raises(ValueError, match=r"trigger") as refused:
        Alert(target, print)
    assert "SECRET" not in str(refused.value)


def test_a_host_or_a_key_that_can_t_be_sent_is_not_repeated():
    said = Said()
    for host in ("http://SEC RET:1", "http://127.0.0.1:SECRET"):
        Alert("trigger:t", said).send({}, host, "uuid:key")
        assert re.match(r"the alert couldn't be sent: \w+\Z", said.wait())


def test_the_share_and_its_crossings():
    share = Share(4, 0.5)
    drifted = [1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1]
    found = [share.taken(one) for one in drifted]
    assert [round(one, 2) for one, _, _ in found] == [1, 1, 1, 0.75, 0.75, 0.5, 0.25, 0.25, 0.25, 0.5, 0.75]
    assert [of for _, of, _ in found] == [1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4]
    assert [at for at, (_, _, crossed) in enumerate(found) if crossed] == [3, 10]
    assert Share(0, 0.5).taken(True) == (1.0, 1, True)


def test_a_share_that_stays_near_the_bound_is_told_once_a_window():
    share, random = Share(100, 0.1), Random(1)
    told = [at for at in range(10000) if share.taken(random.random() < 0.1)[2]]
    assert told and all(after - before > 100 for before, after in zip(told, told[1:]))
