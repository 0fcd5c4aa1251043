"""The command host: real children, most of them a little server whose answers the request's path chooses."""

import json
import os
import signal
import socket
import sys
import threading
import time
import types
from contextlib import closing

import pytest
from modelproxy.hosts import Unloadable, command
from modelproxy.hosts.command import Host, child, command_line, description, http_exchange, ports, waiting
from modelproxy.messages import Request, Response
from modelproxy.settings import Settings

from proxy_process import MARKER, Proxy

# Answers each connection in a thread, with the bytes that belong to its path; /echo with what was asked.
SERVER = r"""
import _socket, _thread, json, os, sys, time
PORT = int(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else os.environ["PORT"])
ADDRESS = sys.argv[2] if len(sys.argv) > 2 else "0.0.0.0"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: %d\r\n\r\n"
ANSWERS = {
    "/empty": b"",
    "/amid": b"HTTP/1.1 200 OK\r\nContent-Le",
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\nTrailer: X-T\r\n\r\n"
                b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
    "/half-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "/rest": b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "/openapi.json": b'HTTP/1.1 200 OK\r\n\r\n{"openapi": "3.0.3", "paths": {"/predict": {"post": {"requestBody": '
                     b'{"content": {"application/json": {}}}}}, "/other": {"post": {}}}}',
    "/swagger.json": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "/elsewhere": b"HTTP/1.1 302 Found\r\nLocation: /login?a=/b\r\nContent-Length: 0\r\n\r\n",
}

def serve(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return connection.close()
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = [line.split(": ", 1) for line in lines[1:]]
    length = int(dict(fields).get("content-length", "0"))
    path = lines[0].split()[1].partition("?")[0]
    if path == "/early":
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        time.sleep(0.2)
        return connection.close()
    if path == "/stream":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body)
        length -= len(body)
        while length:
            piece = connection.recv(65536)
            connection.sendall(piece)
            length -= len(piece)
        return connection.close()
    while len(body) < length:
        body += connection.recv(65536)
    if path == "/print":
        os.write(1, b"printed on its stdout")
        os.write(2, b"printed on its stderr\n")
    if path == "/exit":
        os.write(2, b"its last words\n")
        os._exit(3)
    if path == "/kill":
        os.kill(os.getpid(), 9)
    if path == "/deaf":
        listener.shutdown(2)
        listener.close()
    if path == "/slow":
        time.sleep(0.4)
    if path == "/openapi.json" and os.path.exists("starting"):
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        return connection.close()
    if path in ANSWERS:
        connection.sendall(ANSWERS[path])
    else:
        seen = json.dumps({"line": lines[0], "fields": fields, "body": len(body), "pid": os.getpid(),
                           "key": os.environ.get("__OW_API_KEY")}).encode()
        connection.sendall(HEAD % len(seen) + seen)
    connection.close()

listener = _socket.socket(_socket.AF_INET6 if ":" in ADDRESS else _socket.AF_INET, _socket.SOCK_STREAM)
listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
if len(sys.argv) > 3:
    listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
listener.bind((ADDRESS, PORT))
listener.listen(16)
while True:
    try:
        descriptor = listener._accept()[0]
    except OSError:
        time.sleep(60)
    _thread.start_new_thread(serve, (_socket.socket(listener.family, listener.type, 0, descriptor),))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.setattr(waiting, "SETTLING", 0.08)
    tmp_path.joinpath("server.py").write_text(SERVER)
    return tmp_path


@pytest.fixture
def make(folder):
    """Makes hosts, and ends their commands."""
    made = []

    def host(target="", words=(), **variables):
        variables.setdefault("port", "0")  # so any is offered: the usual ones may be those of another Python's tests
        settings = Settings({"MODELPROXY_" + name.upper(): value for name, value in variables.items()})
        settings.target = target
        settings.base_command = list(words)
        made.append(Host(settings))
        return made[-1]

    yield host
    for each in made:
        each.close()


PYTHON = [sys.executable, "-S", "-E"]
SERVE = PYTHON + ["server.py"]


def script(folder, text, name="start.sh"):
    folder.joinpath(name).write_text(text.replace("PYTHON", " ".join(PYTHON)))
    return name


@pytest.fixture
def server(make):
    host = make(words=SERVE)
    host.load()
    return host


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that leave it as it was."""
    path = tmp_path_factory.mktemp("shared").joinpath("server.py")
    path.write_text(SERVER)
    settings = Settings({})
    settings.base_command = PYTHON + [str(path)]
    host = Host(settings)
    host.load()
    yield host
    host.close()


def get(host, path="/echo", method="GET", query="", headers=(), body=b"", **more):
    return host.handle(Request(method, path, query, [("host", "h.example")] + list(headers), body, **more))


def seen(response):
    assert response.status == 200, response.body
    return json.loads(response.body.decode("utf-8"))


def error_of(response):
    assert response.status == 502, response.body
    return json.loads(response.body.decode("utf-8"))["error"]


def killed(running):
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait(5)


def is_gone(pid):
    """A zombie is: where these tests run, nobody may wait for a daemon."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return ") Z" in stat.read()
    except OSError:
        return True


def accepts(host):
    try:
        http_exchange.connect(host._listener.addresses, host._listener.port).close()
    except ConnectionRefusedError:
        return False
    return True


# --- requests and answers -----------------------------------------------------------------------------------------


def test_a_request_arrives_as_a_proxy_passes_it_on(shared):
    headers = [
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("accept-encoding", "gzip"),
        ("x_y", "ambiguous"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/forged"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-kept", "\xe9"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ]
    echo = seen(
        get(
            shared,
            "/e%2Fcho",
            "POST",
            "a=%20b&\u00e9 c",
            headers,
            b"12345",
            mount="/api/m",
            scheme="https",
            activation={},
        )
    )
    assert echo["line"] == "POST /e%2Fcho?a=%20b&%C3%A9%20c HTTP/1.1"
    assert echo["body"] == 5
    assert echo["fields"] == [
        ["host", "h.example"],
        ["x-kept", "\xe9"],
        ["cookie", "a=1"],
        ["cookie", "b=2"],
        ["x-forwarded-proto", "https"],
        ["x-forwarded-for", "192.0.2.1"],
        ["x-forwarded-host", "h.example"],
        ["x-forwarded-prefix", "/api/m"],
        ["content-length", "5"],
        ["connection", "close"],
    ]


def test_a_gateway_in_front_of_a_web_server_is_heard(shared):
    headers = [("x-forwarded-prefix", "/outer"), ("x-forwarded-host", "public.example")]
    fields = dict(seen(get(shared, headers=headers))["fields"])
    assert fields["x-forwarded-prefix"] == "/outer"
    assert fields["x-forwarded-host"] == "public.example"
    assert fields["x-forwarded-for"] == "127.0.0.1"
    headers = [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "192.0.2.1")]
    assert dict(seen(get(shared, headers=headers))["fields"])["x-forwarded-for"] == "10.0.0.1, 192.0.2.1, 127.0.0.1"
    assert "content-length" not in fields
    assert dict(seen(get(shared, method="PUT"))["fields"])["content-length"] == "0"


def test_answers_of_every_framing(shared):
    echo = get(shared)
    assert [value for name, value in echo.headers if name == "X-A"] == ["1", "2"]
    chunked = get(shared, "/chunked")
    assert (chunked.headers, chunked.body) == ([], b"abcde")
    assert get(shared, "/rest").body == b"until the end"
    head = get(shared, method="HEAD")
    assert (head.body, int(head.header("content-length")) > 10) == (b"", True)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/empty", "closed the connection without an answer"),
        ("/amid", "closed the connection amid an answer"),
        ("/short", "closed the connection after 3 of 10 bytes"),
        ("/half-chunked", "closed the connection before the last chunk"),
    ],
)
def test_half_an_answer_is_none(shared, monkeypatch, path, says):
    monkeypatch.setattr(command, "NOTICING_PATIENCE", 0.01)
    assert says in error_of(get(shared, path))
    assert seen(get(shared))


def test_a_server_that_answers_while_it_reads(shared):
    body = os.urandom(8 << 20)
    assert get(shared, "/stream", "POST", body=body).body == body
    assert get(shared, "/early", "POST", body=body).status == 413


def test_a_redirect_stays_under_the_mount(shared):
    assert get(shared, "/elsewhere", mount="/api/m").header("location") == "/api/m/login?a=/b"
    assert get(shared, "/elsewhere").header("location") == "/login?a=/b"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/api/m/page", "/api/m/page"),
        ("/api/m", "/api/m"),
        ("/api/more", "/api/m/api/more"),
        ("//other.example/page", "//other.example/page"),
        ("page", "page"),
        ("http://H.example/page", "https://H.example/api/m/page"),
        ("http://h.example", "http://h.example"),
        ("https://other.example/page", "https://other.example/page"),
        ("ftp://h.example/page", "ftp://h.example/page"),
    ],
)
def test_where_a_redirect_leads(location, expected):
    response = Response(302, [("Server", "s"), ("Location", location)], b"")
    command._mount_location(
        response, Request("GET", "/", headers=[("host", "h.example")], mount="/api/m", scheme="https")
    )
    assert response.header("location") == expected


def fed(*pieces, **options):
    reader = http_exchange.Reader(options.get("method", "GET"))
    for piece in pieces:
        response = reader.feed(piece)
        if response is not None:
            return response
    return None


def test_an_answer_in_single_bytes():
    text = (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 200 \r\nA : b\r\n c\r\nX-Hop: 1\r\n"
        b"Keep-Alive: 5\r\nConnection: x-hop\r\nContent-Length: 3, 3\r\nContent-Length: 3\r\n\r\nabcX"
    )
    response = fed(None, *[text[place : place + 1] for place in range(len(text))])
    assert response.headers == [("A", "b c"), ("Content-Length", "3, 3"), ("Content-Length", "3")]
    assert response.body == b"abc"
    assert fed(text).body == b"abc"
    assert fed(text.replace(b"\r\n", b"\n")).body == b"abc"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body(status):
    assert fed(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n").body == b""


def test_the_identity_coding_is_none():
    assert fed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc", b"").body == b"abc"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "doesn't answer in HTTP/1.1"),
        (b"HTTP/2 200\r\n\r\n", "doesn't answer in HTTP/1.1"),
        (b"HTTP/1.1 OK\r\n\r\n", "doesn't answer in HTTP/1.1: "),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70000, "too large a head"),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "without a colon"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "another protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd", "isn't one number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabcd", "isn't one number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer coding gzip, chunked"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "isn't well formed"),
    ],
)
def test_what_is_no_answer(text, says):
    with pytest.raises(http_exchange.BadAnswer, match=says):
        fed(text)


@pytest.mark.parametrize(
    ("head", "says"),
    [("Transfer-Encoding: chunked\r\n\r\n6\r\n", "larger than 10 bytes"), ("\r\n", "neither a length nor an end")],
)
def test_a_body_without_a_length_has_an_end(monkeypatch, head, says):
    """A camera's pictures, or events."""
    monkeypatch.setattr(http_exchange, "MOST_UNANNOUNCED", 10)
    frame = b"frame\n\r\n6\r\n" if "chunked" in head else b"frame\n"
    with pytest.raises(http_exchange.BadAnswer, match=says):
        fed(b"HTTP/1.1 200 OK\r\n" + head.encode("ascii"), frame, frame)
    assert fed(b"HTTP/1.1 200 OK\r\n\r\n", b"frame", b"frame", b"").body == b"frameframe"
    assert fed(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n", b"frame" * 3).body == b"frame" * 3


def test_a_reset_connection_and_one_that_takes_no_more():
    class Dead:
        def sendmsg(self, parts):
            raise BlockingIOError if parts[0] == b"later" else BrokenPipeError

        def recv(self, size):
            raise ConnectionResetError

        recv_nothing = staticmethod(lambda size: (_ for _ in ()).throw(BlockingIOError))

    assert http_exchange._received(Dead()) == b""
    assert http_exchange._received(types.SimpleNamespace(recv=Dead.recv_nothing)) is None
    assert http_exchange._send(Dead(), [b"now", b""]) == []
    assert http_exchange._send(Dead(), [b"later", b""]) == [b"later", b""]
    three = types.SimpleNamespace(sendmsg=lambda parts: 3)
    assert http_exchange._send(three, [b"12345", b"678"]) == [b"45", b"678"]
    assert http_exchange._send(three, [b"12", b"678"]) == [b"", b"78"]
    assert http_exchange._send(three, [b"12", b"6"]) == []


def test_several_requests_at_one_time(shared):
    began, found = time.time(), []
    threads = [threading.Thread(target=lambda: found.append(get(shared, "/slow").status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 4
    assert time.time() - began < 1.2


# --- the command's end --------------------------------------------------------------------------------------------


def test_a_server_that_ends_is_started_again(server, capfd):
    first = seen(get(server))["pid"]
    assert "ended with exit status 3 before it had answered; the next call" in error_of(get(server, "/exit"))
    second = seen(get(server))["pid"]
    assert second != first
    assert "was ended by SIGKILL (9, perhaps for want of memory) before" in error_of(get(server, "/kill"))
    assert seen(get(server))["pid"] not in (first, second)
    out, err = capfd.readouterr()
    assert out.count("modelproxy: the command is started again\n") == 2
    assert "modelproxy: the command ended with exit status 3\n" in out
    assert "its last words\n" in err


def test_a_server_that_is_started_again_has_no_activation_s_key(make, monkeypatch):
    monkeypatch.setenv("__OW_API_KEY", "of init")
    host = make(words=SERVE)
    host.load()
    monkeypatch.setenv("__OW_API_KEY", "of this activation")
    assert seen(get(host))["key"] == "of init"
    killed(host._child)
    assert seen(get(host))["key"] == "of init"


def test_a_server_that_ended_between_calls(server):
    killed(server._child)
    assert seen(get(server))


def test_a_server_that_can_not_be_started_again_tells_the_log_why_not_the_caller(server, folder, capfd):
    folder.joinpath("server.py").write_text("import sys; sys.exit('no database of postgresql://model:secret@db')")
    killed(server._child)
    assert error_of(get(server)) == "The model's server can't be reached; the log says why."
    says = "ended with exit status 1 before it answered on a port; its last lines: no database of postgresql://model:"
    assert says in capfd.readouterr()[0]
    folder.joinpath("server.py").write_text(SERVER)
    assert seen(get(server))


def test_a_server_that_no_longer_listens_is_given_some_time(server, monkeypatch):
    monkeypatch.setattr(command, "REFUSING_PATIENCE", 0.2)
    first = seen(get(server, "/deaf"))["pid"]
    assert seen(get(server))["pid"] != first


def test_a_server_that_listens_again(make, folder):
    reopening = SERVER.replace("time.sleep(60)", "time.sleep(0.3); exec(AGAIN); continue").replace(
        "listener = ", "AGAIN = '''\nlistener = ", 1
    )
    reopening = reopening.replace("listener.listen(16)\n", "listener.listen(16)\n'''\nexec(AGAIN)\n", 1)
    folder.joinpath("server.py").write_text(reopening)
    host = make(words=SERVE)
    host.load()
    first = seen(get(host, "/deaf"))["pid"]
    assert seen(get(host))["pid"] == first


def test_only_one_of_several_threads_starts_it_again(server):
    ended = server._child
    killed(ended)
    server._wait_or_start_again(ended)
    current = server._child
    server._child, stale = ended, server._child

    class Lock:
        def __enter__(self):
            server._child = stale  # another thread was quicker

        def __exit__(self, *_):
            pass

    ended.broken = True
    server._starting = Lock()
    assert seen(get(server))["pid"] == current.pid


def test_any_other_trouble_with_the_connection_is_told(server, monkeypatch, capfd):
    def connect(addresses, port):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(command, "connect", connect)
    error_of(get(server))
    assert "modelproxy: the model's server can't be reached: [Errno 24] Too many open files\n" in capfd.readouterr()[0]


def test_where_an_address_is_missing_the_next_one_is_asked(shared):
    missing, port = "255.255.255.255", shared._listener.port
    http_exchange.connect((missing, "127.0.0.1"), port).close()
    with pytest.raises(OSError, match="unreachable"):
        http_exchange.connect((missing,), port)
    with pytest.raises(ConnectionRefusedError):
        http_exchange.connect(("127.0.0.2", "127.0.0.1"), command_line._bound(0))


def test_all_that_was_started_ends(make, folder):
    target = script(folder, "trap '' TERM\nsleep 60 &\nPYTHON server.py &\nwait\n")
    host = make(target, command_port=str(command_line._bound(0)))
    host.load()
    assert len(host._child.family()) >= 3
    host._child.stop(0.1)
    assert host._child.family() == set()
    host.close()


def test_whoever_has_the_number_of_a_command_that_has_ended_is_let_be(make, monkeypatch):
    monkeypatch.setattr(child.os, "getpgrp", lambda: 0)  # so the command begins a session, whose number is its own
    host = make(words=["/bin/sh", "-c", "env -i sleep 60 & exec %s" % " ".join(SERVE)])
    host.load()
    (other,) = host._child.family() - {host._child.pid}
    killed(host._child)
    host.close()
    try:
        assert not is_gone(other)
    finally:
        os.kill(other, signal.SIGKILL)


def test_how_a_command_can_end():
    ended = child.Child.__new__(child.Child)
    for status, says in ((0, "exit status 0"), (3 << 8, "exit status 3"), (15, "SIGTERM (15)"), (40, "signal (40)")):
        ended.status = status
        assert says in ended.how_it_ended()


def test_what_can_not_be_told_to_end(server, monkeypatch):
    families = [{99999999}, set()]
    monkeypatch.setattr(server._child, "family", lambda: families.pop(0))
    assert server._child._tell(signal.SIGTERM, 1)
    monkeypatch.undo()


def test_a_container_s_first_process_leaves_no_mark(monkeypatch):
    assert child._marked({})[1] is not None
    monkeypatch.setattr(child.os, "getpid", lambda: 1)
    assert child._marked({"A": "b"}) == ({"A": "b"}, None)


def test_as_a_container_s_first_process_orphans_are_waited_for_as_well(monkeypatch):
    results = [(7, 0), (8, 256)]
    asked, ended = [], []

    def waitpid(pid, options):
        asked.append(pid)
        if not results:
            raise ChildProcessError
        return results.pop(0)

    monkeypatch.setattr(child, "os", types.SimpleNamespace(getpid=lambda: 1, waitpid=waitpid))
    monkeypatch.setitem(child._children, 8, types.SimpleNamespace(end=ended.append))
    child._reap(8)
    assert (asked, ended) == ([-1, -1, -1], [256])


# --- whose port it is ---------------------------------------------------------------------------------------------


class Stranger:
    """A server that isn't the command's, on a port of 127.0.0.1: answers all, and keeps what it was ``told``."""

    def __init__(self, port):
        self.told = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            with connection:
                told = connection.recv(65536)
                if told:
                    self.told.append(told)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstranger's")

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.mark.parametrize("ends", [True, False])
def test_whoever_takes_the_port_of_a_server_that_listens_no_more_is_told_nothing(server, monkeypatch, capfd, ends):
    monkeypatch.setattr(command, "REFUSING_PATIENCE", 0.2)
    if ends:
        killed(server._child)
    else:
        seen(get(server, "/deaf"))
    while accepts(server):
        time.sleep(0.01)
    with closing(Stranger(server._listener.port)) as stranger:
        error_of(get(server, method="POST", body=b"private"))
    assert stranger.told == []
    out = capfd.readouterr()[0]
    assert "A port that it wants is taken" in out
    assert out.count("what listens on 0.0.0.0:%d isn't the command's own\n" % server._listener.port) == 1
    assert seen(get(server))


def test_whoever_listens_on_the_port_that_was_named_while_the_command_starts_is_not_it(make, folder, monkeypatch):
    port = command_line._bound(0)
    check, strangers = waiting.Waiting._check, []

    def checked(self):
        if not strangers:
            strangers.append(Stranger(port))
            folder.joinpath("now").touch()
        check(self)

    monkeypatch.setattr(waiting.Waiting, "_check", checked)
    slowly = "while [ ! -e now ]; do sleep 0.02; done; exec %s" % " ".join(SERVE)
    with pytest.raises(Unloadable, match="A port that it wants is taken"):
        make(words=["/bin/sh", "-c", slowly], command_port=str(port)).load()
    strangers[0].close()
    assert strangers[0].told == []


def test_a_port_is_the_command_s_while_any_of_it_holds_it(make, folder):
    forked = "\nif os.fork():\n    time.sleep(60)\nwhile True:"
    folder.joinpath("server.py").write_text(SERVER.replace("\nwhile True:", forked))
    host = make(words=SERVE)
    host.load()
    workers = host._child.family() - {host._child.pid}
    killed(host._child)
    assert seen(get(host))["pid"] in workers


def test_ipv4_s_port_may_be_another_s_than_ipv6_s(make):
    host = make(words=SERVE + ["", "::", "alone"])
    try:
        host.load()
    except Unloadable as error:
        pytest.skip(str(error))
    with closing(Stranger(host._listener.port)) as stranger:
        assert seen(get(host))
    assert stranger.told == []


# --- the start ----------------------------------------------------------------------------------------------------


def test_start_sh_needs_no_executable_bit(make, folder, capfd):
    port = command_line._bound(0)
    target = script(folder, "echo PORT is $PORT\nexec PYTHON server.py %d\n" % port)
    host = make(target)
    host.load()
    assert seen(get(host))
    out = capfd.readouterr()[0]
    assert "the command listens on 0.0.0.0:%d, where requests go" % port in out
    assert "PORT is " in out


def test_a_server_behind_another_is_not_what_requests_go_to(make, folder, monkeypatch):
    monkeypatch.setattr(waiting, "SETTLING", 1.5)  # both start in that time on a busy machine, too
    inner, outer = sorted((command_line._bound(0), command_line._bound(0)))
    target = script(folder, "PYTHON server.py %d 127.0.0.1 &\nexec PYTHON server.py %d\n" % (inner, outer))
    host = make(target)
    host.load()
    assert host._listener.port == outer


def test_a_daemon(make, folder):
    folder.joinpath("daemon.py").write_text(
        "import os\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n" + SERVER
    )
    host = make("%s daemon.py" % " ".join(PYTHON))
    host.load()
    pid = seen(get(host))["pid"]
    assert host._child.status == 0
    os.kill(pid, signal.SIGKILL)
    while accepts(host):
        time.sleep(0.01)
    again = seen(get(host))["pid"]
    assert again != pid
    host.close()
    assert is_gone(again)


def test_a_server_left_in_the_background(make, folder):
    target = script(folder, "PYTHON server.py &\nexit 0\n")
    host = make(target)
    host.load()
    assert seen(get(host))
    host.close()
    assert host._child.family() == set()


@pytest.mark.parametrize("address", ["::", "::1", "::ffff:127.0.0.1", "127.0.0.1"])
def test_addresses_of_every_kind(make, address):
    host = make(words=SERVE + ["", address])
    try:
        host.load()
    except Unloadable as error:
        pytest.skip(str(error))
    assert seen(get(host))


def test_a_command_that_ends_says_why(make, folder):
    host = make(words=["/bin/sh", "-c", "echo first; echo 'no model' >&2; exit 4"])
    with pytest.raises(Unloadable, match=r"ended with exit status 4 before it answered.*lines: (first \| )?no model"):
        host.load()
    with pytest.raises(Unloadable, match="lines: none"):
        make(words=["/bin/sh", "-c", "exit 1"]).load()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("[Errno 98] Address already in use", "the proxy itself has 8080. Have the command listen elsewhere"),
        ("bind() to 0.0.0.0:80 failed (13: Permission denied)", "Ports below 1024 may need root"),
    ],
)
def test_a_command_that_can_not_have_its_port_gets_a_hint(make, said, hint):
    with pytest.raises(Unloadable) as caught:
        make(words=["/bin/sh", "-c", "echo '%s'; exit 1" % said], port="8080").load()
    assert hint in str(caught.value)


def test_a_command_that_ends_well_and_leaves_nothing(make, monkeypatch):
    monkeypatch.setattr(waiting, "DAEMON_PATIENCE", 0.1)
    with pytest.raises(Unloadable, match="exit status 0"):
        make(words=["/bin/true"]).load()


def test_there_must_be_a_command(make):
    with pytest.raises(Unloadable, match="there is no command to start"):
        make().load()
    with pytest.raises(Unloadable, match="nowhere can't be started"):
        make(words=["nowhere"]).load()


def test_a_command_that_opens_no_port_is_told_of_once(make, folder, monkeypatch, capfd):
    monkeypatch.setattr(waiting, "HINT_AFTER", 0)
    check, checks = waiting.Waiting._check, []

    def counted(self):
        checks.append(self)
        if len(checks) % 5 == 0:
            folder.joinpath("enough-%d" % len(checks)).touch()
        check(self)

    monkeypatch.setattr(waiting.Waiting, "_check", counted)
    for named, after in [("", 5), ("9", 10)]:
        command = "while [ ! -e enough-%d ]; do sleep 0.02; done; exit 1" % after
        with pytest.raises(Unloadable):
            make(words=["/bin/sh", "-c", command], command_port=named).load()
        checks[after:] = []
    out = capfd.readouterr()[0]
    assert out.count("hasn't opened a TCP port yet; a Unix socket isn't looked for") == 1
    assert out.count("hasn't opened a TCP port yet 9;") == 1


SSH = """
import _socket, os, sys, time
listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
listener.bind(("0.0.0.0", int(sys.argv[1])))
listener.listen(4)
while True:
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, listener._accept()[0])
    connection.sendall(%r)
    time.sleep(0.02)
    connection.close()
    if os.environ.get("THEN"):
        os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-S", os.environ.pop("THEN")])
"""


def test_a_port_that_does_not_speak_http_is_passed_over(make, folder, capfd):
    folder.joinpath("ssh.py").write_text(SSH % b"SSH-2.0-x\r\n")
    target = script(folder, "THEN=server.py exec PYTHON ssh.py %d\n" % command_line._bound(0))
    host = make(target)
    host.load()
    assert seen(get(host))
    assert "doesn't answer in HTTP/1.1" in capfd.readouterr()[0]


def test_the_port_that_was_named_must_speak_http(make, folder):
    folder.joinpath("ssh.py").write_text(SSH % b"SSH-2.0-x\r\n")
    port = str(command_line._bound(0))
    with pytest.raises(Unloadable, match="answer in HTTP"):
        make(words=PYTHON + ["ssh.py", port], command_port=port).load()


def test_a_server_that_never_says_a_word_is_left_to_requests(make, folder, monkeypatch):
    monkeypatch.setattr(waiting, "SILENCES", 0)
    monkeypatch.setattr(command, "NOTICING_PATIENCE", 0.01)
    folder.joinpath("ssh.py").write_text(SSH % b"")
    port = str(command_line._bound(0))
    host = make(words=PYTHON + ["ssh.py", port], command_port=port)
    host.load()
    assert "without an answer" in error_of(get(host))


def test_where_there_is_no_proc(make, monkeypatch):
    monkeypatch.setattr(ports, "_TABLES", ("/nowhere",))
    host = make(words=["/bin/sh", "-c", "sleep 0.2; exec %s" % " ".join(SERVE)])
    host.load()
    assert seen(get(host))
    assert host._child.family() == {host._child.pid}
    killed(host._child)
    assert host._child.family() == set()


def test_processes_that_hide_their_sockets(make, monkeypatch):
    open_files = ports._open_files
    host = make(words=SERVE)

    def hidden(folder):
        if int(folder.split("/")[2]) == host._child.pid:
            raise PermissionError
        return open_files(folder)

    monkeypatch.setattr(ports, "_open_files", hidden)
    host.load()
    assert seen(get(host))


# --- what is started ----------------------------------------------------------------------------------------------


def test_words_of_a_command(folder, monkeypatch):
    words = command_line.words_of
    assert words("", ["a", "b"]) == ["a", "b"]
    assert words("gunicorn -b '0.0.0.0:80' --x=1 app:app", []) == ["gunicorn", "-b", "0.0.0.0:80", "--x=1", "app:app"]
    for target in ("gunicorn -b :$PORT", "A=1 gunicorn", "a && b"):
        assert words(target, ["x"]) == ["/bin/sh", "-c", target]
    with pytest.raises(Unloadable, match="is no command line: No closing quotation"):
        words("gunicorn 'app", [])
    assert words("server.py", []) == [sys.executable, "server.py"]
    assert words(script(folder, "#!/usr/bin/env bash\r\nexit\r\n"), []) == ["/usr/bin/env", "bash", "start.sh"]
    folder.joinpath("program").write_bytes(b"\x7fELF\x02")
    assert words("program", []) == [str(folder.joinpath("program"))]
    script(folder, "exit")
    assert words("start.sh", [])[0] in ("/bin/bash", "/bin/sh")
    monkeypatch.setattr(command_line.os, "access", lambda path, mode: False)
    assert words("start.sh", []) == ["/bin/sh", "start.sh"]


def test_the_port_that_is_offered(monkeypatch):
    bound = {8000: 8000, 80: 0, 0: 40000}
    monkeypatch.setattr(command_line, "_bound", bound.get)
    monkeypatch.delenv("PORT", raising=False)
    offer = command_line.port_to_offer
    assert (offer(8080, False), offer(8000, False), offer(8080, True)) == (8000, 40000, 40000)
    assert offer(0, False) == 40000
    monkeypatch.setenv("PORT", "7000")
    assert (offer(8080, False), offer(7000, False)) == (7000, 8000)


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen(1)
        assert command_line._bound(taken.getsockname()[1]) == 0


def test_the_environment_of_a_command(monkeypatch):
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.setenv("PATH", "/bin")
    environ = command_line.environment(81)
    assert (environ["PORT"], environ["PATH"]) == ("81", "/bin")
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    folder = os.path.dirname(sys.executable)
    assert command_line.environment(81)["PATH"] == folder + ":/bin"
    monkeypatch.setenv("PATH", folder)
    assert command_line.environment(81)["PATH"] == folder


# --- its inputs ---------------------------------------------------------------------------------------------------


def test_a_described_server_predicts_where_no_path_is_named(server):
    inputs = server.describe("", "/")
    assert (inputs.method, inputs.path, inputs.form) == ("POST", "/predict", "json")
    assert server.describe("", "/") is inputs
    assert seen(get(server, "/", "POST", default=True))["line"] == "POST /predict HTTP/1.1"
    assert seen(get(server, "/", "POST"))["line"] == "POST / HTTP/1.1"
    assert seen(get(server, "/", default=True))["line"] == "GET / HTTP/1.1"


def test_a_server_without_a_description(make, folder):
    folder.joinpath("server.py").write_text(SERVER.replace("/openapi.json", "/other.json"))
    host = make(words=SERVE)
    host.load()
    assert host.describe("", "/") is None
    assert seen(get(host, "/", "POST", default=True))["line"] == "POST / HTTP/1.1"


def test_a_server_that_cannot_describe_itself_yet_is_asked_again(make, folder):
    starting = folder.joinpath("starting")
    starting.write_text("")
    host = make(words=SERVE)
    host.load()
    assert (host.describe("", "/"), host.is_described) == (None, False)
    starting.unlink()
    assert (host.describe("", "/").path, host.is_described) == ("/predict", True)


def test_a_server_that_never_describes_itself_is_not_asked_for_ever(make, folder):
    folder.joinpath("starting").write_text("")
    host = make(words=SERVE)
    host.load()
    tries = []
    while not host.is_described:
        tries.append(host.describe("", "/"))
    assert tries == [None, None, None]
    folder.joinpath("starting").unlink()
    assert host.describe("", "/") is None


def test_which_path_predicts():
    def documents(**paths):
        document = {"openapi": "3.0.3", "paths": {"/" + path: {method: {}} for path, method in paths.items()}}
        return {"/swagger.json": b"[]", "/openapi.json": json.dumps(document).encode("ascii")}.get

    assert description.inputs_of(documents(classify="post", health="get"), "/").path == "/classify"
    assert description.inputs_of(documents(classify="post", other="post"), "/") is None
    assert description.inputs_of(documents(classify="post", inference="post"), "/").path == "/inference"
    assert description.inputs_of(documents(classify="get", predict="post"), "/classify").method == "GET"


# --- its streams --------------------------------------------------------------------------------------------------


def test_what_was_printed_comes_in_whole_lines_before_the_marker(server, capfd):
    get(server, "/print")
    out, err = capfd.readouterr()
    assert "printed on its stdout\n" in out
    assert "printed on its stderr\n" in err


def test_output_of_every_shape(capfd):
    output = child.Output()
    theirs = [os.dup(end) for end in output.theirs]
    output.begin()

    def pump(data):
        with output._lock:
            os.write(theirs[0], data)
            output._pass_on(min(output._streams))

    pump(b"a\nb")
    assert capfd.readouterr()[0] == "a\n"
    pump(b"c\n")
    assert capfd.readouterr()[0] == "bc\n"
    pump(b"x" * 40000)
    pump(b"x" * 40000)
    assert capfd.readouterr()[0] == "x" * 80000 + "\n"
    lines = "".join("%d %s\n" % (number, "y" * 300) for number in range(40))
    pump(lines.encode("ascii") + b"end")
    assert capfd.readouterr()[0] == lines
    assert len(output._lines) == child.TAIL_LINES
    assert len(output.tail()) == child.TAIL_CHARACTERS
    for end in theirs:
        os.close(end)
    end = time.time() + 5
    while output._streams and time.time() < end:
        time.sleep(0.01)
    assert capfd.readouterr()[0] == "end\n"
    output.drain()


# --- /proc --------------------------------------------------------------------------------------------------------


def test_sockets_as_the_kernel_lists_them(tmp_path, monkeypatch):
    row = "   0: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000  1235        0 %d 1 0 100 0 0 10 0\n"
    table = tmp_path.joinpath("tcp")
    table.write_text(
        "  sl  local_address rem_address   st tx_queue ...\n"
        + row % ("00000000:1F90", "0A", 1)
        + row % ("0100007F:0050", "0A", 2)
        + row % ("0100007F:0051", "01", 3)
        + row % ("00000000000000000000000001000000:1388", "0A", 4)
        + row % ("0000000000000000FFFF00000100007F:1389", "0A", 5)
        + row % ("0" * 32 + ":138A", "0A", 6)
        + row % ("0" * 32 + ":0050", "0A", 7)
    )
    monkeypatch.setattr(sys, "byteorder", "little")
    found = ports.listening((str(table), "/nowhere"))
    texts = {name[len("socket:[") : -1]: str(listener) for name, listener in found.items()}
    assert texts == {
        "1": "0.0.0.0:8080",
        "2": "127.0.0.1:80",
        "4": "[::1]:5000",
        "5": "127.0.0.1:5001",
        "6": "[::]:5002",
        "7": "[::]:80",
    }
    assert [listener.is_inward for _, listener in sorted(found.items())] == [False, True, True, True, False, False]
    addresses = [listener.addresses for _, listener in sorted(found.items())]
    assert addresses == [
        ("127.0.0.1",),
        ("127.0.0.1",),
        ("::1",),
        ("127.0.0.1",),
        ("::1", "127.0.0.1"),
        ("::1",),  # port 80 of 127.0.0.1 may be another's
    ]
    assert {listener.user for listener in found.values()} == {1235}
    monkeypatch.setattr(sys, "byteorder", "big")
    table.write_text("head\n" + row % ("7F000001:0050", "0A", 2))
    assert str(ports.listening((str(table),))["socket:[2]"]) == "127.0.0.1:80"


@pytest.mark.skipif(not ports.are_known(), reason="there is no /proc to ask")
def test_a_socket_s_number_that_comes_again_is_not_the_same_socket():
    """A user may make sockets until one has the number of a command's that has ended."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port, name = listener.getsockname()[1], "socket:[%d]" % os.fstat(listener.fileno()).st_ino
        user = ports.listening()[name].user
        assert ports.Listener("127.0.0.1", port, name, user).is_open
        assert not ports.Listener("127.0.0.1", port + 1, name, user).is_open
        assert not ports.Listener("127.0.0.1", port, name, user + 1).is_open
    assert not ports.Listener("127.0.0.1", port, name, user).is_open


def test_processes_that_end_while_they_are_looked_at(monkeypatch):
    def listdir(folder):
        if folder == "/proc/1/fd/":
            return ["0", "1"]
        raise {"/proc/2/fd/": FileNotFoundError, "/proc/3/fd/": PermissionError}[folder]

    def readlink(path):
        if path.endswith("0"):
            raise FileNotFoundError
        return "socket:[9]"

    monkeypatch.setattr(ports, "os", types.SimpleNamespace(listdir=listdir, readlink=readlink))
    nine, eight = (ports.Listener("::", 80, "socket:[%d]" % inode) for inode in (9, 8))
    assert ports.of_processes({nine.name: nine, eight.name: eight}, [1, 2]) == ([nine], True)
    assert (nine.held_as, eight.held_as) == ("/proc/1/fd/1", "")
    assert ports.of_processes({nine.name: nine}, [3]) == ([], False)


def test_sockets_of_other_users_are_nobody_s_that_we_know(monkeypatch):
    def stat(path):
        if path == "/proc/8":
            raise FileNotFoundError
        return types.SimpleNamespace(st_uid=1234)

    monkeypatch.setattr(ports, "os", types.SimpleNamespace(listdir=lambda _: ["7", "8"], geteuid=lambda: 0, stat=stat))
    sockets = {str(user): ports.Listener("::", 80, str(user), user) for user in (0, 1234, 1235)}
    assert [listener.user for listener in ports.of_nobody(sockets, {7, 8})] == [0, 1234]


def test_a_process_that_is_gone_or_a_zombie_is_no_family(monkeypatch):
    listdir, pid = os.listdir, os.fork()
    if not pid:
        os._exit(0)
    monkeypatch.setattr(ports.os, "listdir", lambda folder: listdir(folder) + ["99999999"])
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert pid not in ports.family(pid, None)
    finally:
        os.waitpid(pid, 0)


def test_who_has_the_number_of_a_child_is_no_family_unless_it_is_ours():
    assert os.getppid() not in ports.family(os.getppid(), b"NOBODY=has this")


# --- the whole proxy ----------------------------------------------------------------------------------------------


def test_an_action_from_init_to_its_end(folder):
    script(folder, "trap 'echo told to end; exit 0' TERM\nPYTHON server.py &\nwait\n")
    with closing(Proxy(folder, __OW_API_HOST="x")) as proxy, proxy:
        assert proxy.init() == (200, {"ok": True})
        status = proxy.web(path="/print")[0]
        assert status == 200
        assert "printed on its stdout\nmodelproxy: " in proxy.out.split(MARKER)[-2]
        assert "printed on its stderr\n" in proxy.err.split(MARKER)[-2]
        assert proxy.run({"a": 1})[1]["line"] == "POST /predict HTTP/1.1"
        assert proxy.web(path="/exit")[0] == 502
        pid = json.loads(proxy.web(path="/echo")[2].decode("utf-8"))["pid"]
        assert proxy.stop() == 0
        assert is_gone(pid)
        assert proxy.out.endswith("modelproxy: ended\n")


def test_init_tells_the_last_lines(folder):
    script(folder, "echo no such model >&2\nexit 7\n")
    with closing(Proxy(folder)) as proxy, proxy:
        status, answer = proxy.init()
    assert status == 502
    assert "exit status 7 before it answered on a port; its last lines: no such model" in answer["error"]


def test_a_web_server_keeps_its_own_port(folder):
    script(folder, "exec PYTHON server.py\n")
    port = str(command_line._bound(0))
    with closing(Proxy(folder, PORT=port, MODELPROXY_PORT="")) as proxy, proxy:
        assert proxy.exchange("GET", "/echo?a=b")[0] == 200
