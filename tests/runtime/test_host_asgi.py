"""ASGI 3.0 by its specification: applications written by hand; Starlette's and FastAPI's own ways; the one loop."""

import asyncio
import functools
import json
import os
import signal
import sys
import threading
import time
import types

import pytest
import starlette
from fastapi import BackgroundTasks, Cookie, FastAPI, File, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, StreamingResponse
from modelproxy import plain_action
from modelproxy.hosts import Unloadable, asgi, asgi_gateway
from modelproxy.hosts.asgi_gateway import BadApplication, StartupFailed, scope_of
from modelproxy.hosts.asgi_loop import Runner
from modelproxy.messages import Request
from modelproxy.settings import Settings
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from proxy_process import Proxy

MOUNT = "/api/v1/web/guest/default/digits"
HAS_LIFESPAN_STATE = [int(part) for part in starlette.__version__.split(".")[:2]] >= [0, 26]
IMAGE = File(...)
COMPLETE = {"type": "http.response.body", "body": b"whole"}
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


@pytest.fixture
def serve(monkeypatch):
    """A function that makes a loaded host of an application."""
    made = []

    def make(app, target="served:app", **environ):
        module = types.ModuleType("served")
        module.app = app
        monkeypatch.setitem(sys.modules, "served", module)
        environ = {"MODELPROXY_" + name.upper(): value for name, value in environ.items()}
        host = asgi.Host(Settings(dict(environ, MODELPROXY_TARGET=target)))
        made.append(host)
        host.load()
        return host

    yield make
    for host in made:
        host.close()


def sends(*messages):
    """An application that sends these messages; one that is an exception is raised."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            await send(message)

    return app


def get(host, path="/", **more):
    return host.handle(Request("GET", path, headers=more.pop("headers", [("host", "h.example")]), **more))


def post(host, path, body=b"", kind="application/json", **more):
    headers = [("host", "h.example"), ("content-type", kind)]
    return host.handle(Request("POST", path, body=body, headers=headers, **more))


def value_of(response):
    return json.loads(response.body.decode("utf-8"))


def form(boundary="b", **fields):
    """Body and content type of a form; a tuple is a file's name and content."""
    parts = []
    for name, value in fields.items():
        file, content = value if isinstance(value, tuple) else (None, value)
        head = 'Content-Disposition: form-data; name="%s"' % name
        if file:
            head += '; filename="%s"\r\nContent-Type: image/png' % file
        parts.append(("--%s\r\n%s\r\n\r\n" % (boundary, head)).encode("ascii") + content + b"\r\n")
    return b"".join(parts) + b"--" + boundary.encode("ascii") + b"--\r\n", "multipart/form-data; boundary=" + boundary


# --- the scope ----------------------------------------------------------------------------------------------------


def test_scope():
    activation = {"activation_id": "i"}
    headers = [("host", "h.example:8443"), ("x-a", "1"), ("x-a", "caf\u00e9"), ("content-length", "99")]
    request = Request(
        "POST", "/a%20b/caf%C3%A9", "x=1&x=%202", headers, b"hello", "/api/caf%C3%A9", "https", activation
    )
    state = {"model": object()}
    scope = scope_of(request, state, True)
    assert scope.pop("state") == state
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/api/caf\u00e9/a b/caf\u00e9",
        "raw_path": b"/api/caf%C3%A9/a%20b/caf%C3%A9",
        "query_string": b"x=1&x=%202",
        "root_path": "/api/caf\u00e9",
        "headers": [
            (b"host", b"h.example:8443"),
            (b"x-a", b"1"),
            (b"x-a", b"caf\xe9"),
            (b"content-length", b"5"),
        ],
        "client": ("127.0.0.1", 0),
        "server": ("h.example", 8443),
        "extensions": {"openwhisk.activation": activation},
    }
    assert scope_of(request, state, True)["state"] is not state
    stripped = scope_of(request, {}, False)
    assert (stripped["path"], stripped["raw_path"]) == ("/a b/caf\u00e9", b"/a%20b/caf%C3%A9")


@pytest.mark.parametrize(
    ("host", "scheme", "expected"),
    [
        ("", "http", ("localhost", 80)),
        ("a", "https", ("a", 443)),
        (":1", "http", ("localhost", 1)),
        ("[::1]:8", "http", ("[::1]", 8)),
        ("a:b", "http", ("a:b", 80)),
        ("a:" + "1" * 5000, "http", ("a:" + "1" * 5000, 80)),
    ],
)
def test_server_of_the_scope(host, scheme, expected):
    request = Request("GET", "/", headers=[("host", host)], scheme=scheme)
    assert scope_of(request, {}, False)["server"] == expected


def test_headers_that_stay_out():
    names = (
        "x_under",
        "proxy",
        "accept-encoding",
        "connection",
        "te",
        "upgrade",
        "transfer-encoding",
        "x-in",
        "cookie",
    )
    scope = scope_of(Request("GET", "/", headers=[(name, "1") for name in names]), {}, False)
    assert scope["headers"] == [(b"x-in", b"1"), (b"cookie", b"1")]
    assert scope["extensions"] == {}
    empty = scope_of(Request("POST", "/", headers=[("content-length", "0")]), {}, False)
    assert empty["headers"] == [(b"content-length", b"0")]


def test_path_that_is_no_utf_8():
    assert scope_of(Request("GET", "/%ff%2"), {}, False)["path"] == "/\ufffd%2"


# --- what applications do -----------------------------------------------------------------------------------------


async def reads_all(scope, receive, send):
    assert scope["type"] == "http"
    first = await receive()
    assert first == {"type": "http.request", "body": b"hello", "more_body": False}
    await send(dict(START, status=201, headers=iter([[bytearray(b"X-Case"), memoryview(b"caf\xe9")]])))
    await send({"type": "http.response.body", "body": bytearray(b"a"), "more_body": True})
    await send({"type": "http.response.body", "more_body": True})
    await send({"type": "http.response.body", "body": memoryview(b"b")})
    assert await receive() == {"type": "http.disconnect"}
    assert await receive() == {"type": "http.disconnect"}


def test_request_and_response(serve):
    response = post(serve(reads_all), "/", b"hello")
    assert (response.status, response.headers, response.body) == (201, [("X-Case", "caf\u00e9")], b"ab")


class OfAsgi2:
    def __init__(self, scope):
        assert scope["type"] in ("http", "lifespan")

    async def __call__(self, receive, send):
        if (await receive())["type"] == "lifespan.startup":
            raise NotImplementedError("not asked for")
        await send(START)
        await send(COMPLETE)


class OfCalls:
    def __init__(self, scope, receive, send):
        assert scope["type"] == "http"
        self._send = send

    def __await__(self):
        yield from self._send(START).__await__()
        yield from self._send(COMPLETE).__await__()


def passes_on(scope, receive, send):
    return sends(START, COMPLETE)(scope, receive, send)


async def takes_more(scope, receive, send, *, more):
    await sends(START, COMPLETE)(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "target"),
    [
        (lambda scope: OfAsgi2(dict(scope, type="http")) if scope["type"] == "http" else sends(scope), "served:app"),
        (OfCalls, "served:app"),
        (functools.partial(takes_more, more=1), "served:app"),
        (passes_on, "served:app"),
        (lambda: sends(START, COMPLETE), "served:app"),
        (lambda: sends(START, COMPLETE), "served:app()"),
        (types.SimpleNamespace(inner=sends(START, COMPLETE)), "served:app.inner"),
    ],
)
def test_callables_of_all_kinds(serve, app, target):
    assert get(serve(app, target)).body == b"whole"


@pytest.mark.parametrize(
    ("app", "says"),
    [
        (
            lambda environ, start_response: [],
            "takes two arguments, as WSGI applications do: set MODELPROXY_HOST to wsgi",
        ),
        (lambda a, b, c, d: None, "doesn't take the arguments of an ASGI application"),
        (lambda: lambda: None, "doesn't take the arguments"),
        (3, "served:app is no ASGI application but of type int"),
        (lambda: 3, "served:app is no ASGI application but of type int"),
    ],
)
def test_what_is_no_application(serve, app, says):
    with pytest.raises(Unloadable, match=says):
        serve(app)


def test_a_compiled_callable_may_have_no_signature(serve, monkeypatch):
    def signature(thing):
        raise ValueError("no signature found for builtin")

    monkeypatch.setattr("inspect.signature", signature)
    assert get(serve(sends(START, COMPLETE))).body == b"whole"


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ((), "returned without a response"),
        ((START,), "returned before its response was complete"),
        ((START, dict(COMPLETE, more_body=True)), "returned before its response was complete"),
        ((COMPLETE,), "http.response.body was sent before http.response.start"),
        ((START, START), "http.response.start was sent where http.response.body belongs"),
        ((START, {"type": "http.response.trailers"}), "http.response.trailers was sent where"),
        (("text",), "'text' was sent, which is no message with a type"),
        (({"status": 200},), "no message with a type"),
        ((dict(START, status="200"),), "status of http.response.start is '200'"),
        ((dict(START, status=20),), "not a number of three digits"),
        (({"type": "http.response.start"},), "status of http.response.start is None"),
        ((dict(START, headers=[("a", "b")]),), r"the header \('a', 'b'\) is no pair of bytes"),
        ((dict(START, headers=[b"abc"]),), "aren't pairs"),
        ((dict(START, headers=3),), "aren't pairs"),
        ((START, dict(COMPLETE, body="text")), "of type str, not bytes"),
        ((dict(START, headers=[(b"Content-Length", b"9")]), COMPLETE), "Content-Length is 9, but 5 bytes were sent"),
    ],
)
def test_applications_that_break_the_specification(serve, messages, says):
    host = serve(sends(*messages))
    for _ in range(2):
        with pytest.raises(BadApplication, match=says):
            get(host)


@pytest.mark.parametrize(
    "messages",
    [
        (ValueError("at once"),),
        (START, ValueError("midway")),
        (START, dict(COMPLETE, more_body=True), ValueError("midway")),
        (SystemExit(3),),
        (KeyboardInterrupt(),),
        (START, asyncio.CancelledError()),
        (GeneratorExit(),),
    ],
)
@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_what_an_application_raises_before_its_response_is_complete(serve, messages, concurrency):
    host = serve(sends(*messages), concurrency=concurrency)
    for _ in range(2):
        with pytest.raises(type(messages[-1])):
            get(host)


@pytest.mark.parametrize("after", [ValueError("in the background"), SystemExit(1), START])
def test_what_fails_after_the_response_does_not_cost_it(serve, after, capfd):
    assert get(serve(sends(START, COMPLETE, after))).body == b"whole"
    err = capfd.readouterr().err
    assert ("http.response.start was sent after the response was complete" if after is START else str(after)) in err


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_a_length_without_a_body(serve, method, status):
    start = dict(START, status=status, headers=[(b"content-length", b"12345")])
    response = serve(sends(start, {"type": "http.response.body"})).handle(Request(method, "/"))
    assert (response.status, response.header("content-length"), response.body) == (status, "12345", b"")


def test_of_a_body_without_an_end_nothing_is_kept(monkeypatch):
    """Libraries' frames hold the failure, and it what was sent: 22 requests took 1.45 GB."""
    monkeypatch.setattr(asgi_gateway, "MOST_UNANNOUNCED", 90)
    frame = {"type": "http.response.body", "body": b"frame", "more_body": True}
    exchange = asgi_gateway.Exchange(Request("GET", "/"))
    loop = asyncio.new_event_loop()
    try:
        error = loop.run_until_complete(exchange.run(sends(START, frame, frame, frame), {"type": "http"}))
    finally:
        loop.close()
    assert isinstance(error, BadApplication) and exchange._pieces == []


def test_a_body_without_a_length_has_an_end(serve, monkeypatch):
    """A camera's pictures, or events."""
    monkeypatch.setattr(asgi_gateway, "MOST_UNANNOUNCED", 90)
    frame = {"type": "http.response.body", "body": b"frame", "more_body": True}
    last = dict(frame, more_body=False)
    with pytest.raises(BadApplication, match="neither a length nor an end"):
        get(serve(sends(START, frame, frame, frame)))
    assert get(serve(sends(START, frame, last))).body == b"frame" * 2
    announced = dict(START, headers=[(b"Content-Length", b"15")])
    assert get(serve(sends(announced, frame, frame, last))).body == b"frame" * 3


def test_disconnect_comes_when_the_response_is_complete(serve):
    seen = []

    async def listen(receive, name):
        while (await receive())["type"] != "http.disconnect":
            pass
        seen.append(name)

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        loop = asyncio.get_event_loop()
        listeners = [loop.create_task(listen(receive, name)) for name in "ab"]
        await send(START)
        await asyncio.sleep(0.01)
        seen.append("not yet")
        if scope["path"] == "/whole":
            await send(COMPLETE)
            await asyncio.wait(listeners)

    host = serve(app)
    assert get(host, "/whole").body == b"whole"
    assert seen[0] == "not yet" and sorted(seen[1:]) == ["a", "b"]
    del seen[:]
    with pytest.raises(BadApplication):
        get(host)
    assert len(seen) == 3  # one that gives up doesn't leave its listeners waiting


def test_a_websocket_is_refused(serve):
    host = serve(sends(START, COMPLETE))
    response = get(host, headers=[("upgrade", "WebSocket"), ("connection", "Upgrade")])
    assert response.status == 501
    assert "no websockets here" in value_of(response)["error"]
    assert get(host, headers=[("upgrade", "h2c"), ("connection", "Upgrade")]).body == b"whole"


# --- lifespan -----------------------------------------------------------------------------------------------------


def lifespan_app(events, startup=(), shutdown=()):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            events.append(dict(scope["state"]))
            scope["state"]["mine"] = "of this request"
            await sends(START, COMPLETE)(scope, receive, send)
            return
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        for messages in (startup, shutdown):
            events.append((await receive())["type"])
            scope["state"]["model"] = "loaded"
            for message in messages:
                if isinstance(message, BaseException):
                    raise message
                await send({"type": "lifespan." + message, "message": "because"})
            if messages == ["startup.failed"]:
                return

    return app


def test_lifespan_is_run_once_and_its_state_is_copied(serve):
    events = []
    host = serve(lifespan_app(events, ["startup.complete"], ["shutdown.complete"]))
    get(host)
    get(host)
    assert events == ["lifespan.startup", {"model": "loaded"}, {"model": "loaded"}]
    host.close()
    assert events[3:] == ["lifespan.shutdown"]
    host.close()


@pytest.mark.parametrize(
    ("startup", "error", "says"),
    [
        (["startup.failed"], StartupFailed, "because"),
        (["startup.failed", ValueError("no weights")], ValueError, "no weights"),
        ([ValueError("no weights")], ValueError, "no weights"),
        ([SystemExit(4)], SystemExit, "4"),
        (["shutdown.complete"], BadApplication, "sent where lifespan.startup.complete or lifespan.startup.failed"),
    ],
)
def test_startup_that_fails(serve, startup, error, says, capfd):
    with pytest.raises(error, match=says):
        serve(lifespan_app([], startup, ["shutdown.complete"]))
    assert capfd.readouterr() == ("", "")  # who loads the model logs what was raised


async def asks_for_a_path(scope, receive, send):
    await receive()
    assert scope["path"]
    await send(START)
    await send(COMPLETE)


async def asserts_http(scope, receive, send):
    assert scope["type"] == "http"
    await send(START)
    await send(COMPLETE)


async def answers_whatever_comes(scope, receive, send):
    await receive()
    await send(START)
    await send(COMPLETE)


@pytest.mark.parametrize("app", [asks_for_a_path, asserts_http, answers_whatever_comes, sends(START, COMPLETE)])
def test_applications_without_a_lifespan(serve, app, capfd):
    host = serve(app)
    assert get(host).body == b"whole"
    host.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("shutdown", "says"),
    [
        (["shutdown.failed"], "the application's shutdown failed: because"),
        ([ValueError("no disk")], "no disk"),
        (["startup.complete"], "sent where lifespan.shutdown.complete or"),
        (["shutdown.complete", "shutdown.complete"], "sent where nothing belongs"),
        ([], ""),
        (["shutdown.complete", SystemExit(1)], ""),
    ],
)
def test_shutdown_that_fails_is_logged(serve, shutdown, says, capfd):
    serve(lifespan_app([], ["startup.complete"], shutdown)).close()
    assert says in "".join(capfd.readouterr())


def test_shutdown_has_a_limit(serve, monkeypatch, capfd):
    monkeypatch.setattr(asgi, "_SHUTDOWN", 0.05)

    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(10)

    serve(app).close()
    assert "shutdown isn't done after" in capfd.readouterr().out


def test_an_application_may_listen_to_its_lifespan_for_ever(serve):
    async def app(scope, receive, send):
        while True:
            await send({"type": (await receive())["type"] + ".complete"})

    serve(app).close()


def test_a_lifespan_that_ends_early_is_told_at_the_end(serve, capfd):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise ValueError("the lifespan broke")

    host = serve(app)
    host.close()
    assert "the lifespan broke" in capfd.readouterr().err


# --- the loop -----------------------------------------------------------------------------------------------------


def answering(respond):
    """An application that answers with the JSON of what ``respond(scope)`` comes to."""

    async def app(scope, receive, send):
        if scope["type"] == "http":
            value = json.dumps(await respond(scope)).encode("ascii")
            await sends(START, {"type": "http.response.body", "body": value})(scope, receive, send)

    return app


def test_one_loop_in_the_thread_that_calls(serve):
    async def respond(scope):
        return [id(asyncio.get_event_loop()), threading.current_thread() is threading.main_thread()]

    host = serve(answering(respond))
    first, second = value_of(get(host)), value_of(get(host))
    assert first == second and first[1] is True


@pytest.mark.parametrize("environ", [{"concurrency": "2"}, {"mode": "web"}])
def test_a_loop_with_its_own_thread_runs_between_calls(serve, environ):
    beats = []

    async def beat():
        while True:
            beats.append(None)
            await asyncio.sleep(0.001)

    async def respond(scope):
        if scope["path"] == "/start":
            asyncio.get_event_loop().create_task(beat())
        return id(asyncio.get_event_loop())

    host = serve(answering(respond), **environ)
    assert value_of(get(host, "/start")) == value_of(get(host))
    count = len(beats)
    time.sleep(0.05)
    assert len(beats) > count


def test_calls_run_at_the_same_time_on_the_one_loop(serve):
    waiting = []

    async def respond(scope):
        waiting.append(asyncio.Event())
        if len(waiting) == 2:
            for event in waiting:
                event.set()
        await asyncio.wait_for(waiting[-1].wait() if len(waiting) == 1 else waiting[0].wait(), 10)
        return len(waiting)

    host = serve(answering(respond), concurrency="2")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(value_of(get(host)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [2, 2]


def test_a_thread_that_never_comes_back_is_left(serve, monkeypatch, capfd):
    monkeypatch.setattr(asgi, "_SHUTDOWN", 0.05)
    began, go = threading.Event(), threading.Event()

    async def respond(scope):
        began.set()
        go.wait(10)

    host = serve(answering(respond), concurrency="2")
    runner = host._runner
    caller = threading.Thread(target=get, args=(host,))
    caller.start()
    assert began.wait(10)
    host.close()
    assert "a prediction holds the event loop" in capfd.readouterr().out
    go.set()
    caller.join(10)
    assert runner.come_back(10)
    runner.close()


def test_tasks_that_a_call_leaves_are_waited_for(serve):
    done = []

    async def later():
        await asyncio.sleep(0.02)
        done.append(True)

    async def respond(scope):
        asyncio.get_event_loop().create_task(later())

    host = serve(answering(respond))
    get(host)
    assert done == [True]


def test_tasks_that_last_go_on_with_the_next_call(serve, monkeypatch):
    monkeypatch.setattr(asgi, "_AFTERWARDS", 0.05)
    ticks = []

    async def tick():
        while True:
            ticks.append(None)
            await asyncio.sleep(0.005)

    async def respond(scope):
        if scope["path"] == "/start":
            asyncio.get_event_loop().create_task(tick())
        await asyncio.sleep(0.02)

    host = serve(answering(respond))
    get(host, "/start")
    before = len(ticks)
    monkeypatch.setattr(asgi, "_AFTERWARDS", 60)
    began = time.time()
    get(host)
    assert time.time() - began < 30  # it isn't waited for again
    assert len(ticks) > before


def test_system_exit_in_a_task_is_the_calls_own(serve):
    async def leave():
        raise SystemExit(3)

    async def respond(scope):
        if scope["path"] == "/":
            return "fine"
        task = asyncio.get_event_loop().create_task(leave())
        if scope["path"] == "/late":
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                return "not heard"
        return await task

    for concurrency in ("1", "2"):
        host = serve(answering(respond), concurrency=concurrency)
        with pytest.raises(SystemExit):
            get(host, "/leave")
        assert value_of(get(host)) == "fine"
    host = serve(answering(respond))
    with pytest.raises(SystemExit):
        get(host, "/late")
    assert value_of(get(host)) == "fine"


def test_system_exit_that_ends_what_waits():
    async def leave():
        raise SystemExit(3)

    async def wait():
        asyncio.get_event_loop().create_task(leave())
        await asyncio.sleep(10)

    runner = Runner()
    with pytest.raises(SystemExit):
        runner.run(wait())
    runner.close()


def test_a_thread_with_a_loop_of_its_own_can_not_call(serve):
    asked = []

    async def respond(scope):
        asked.append(scope["path"])

    host = serve(answering(respond))

    async def call():
        get(host, "/first")

    other = asyncio.new_event_loop()
    with pytest.raises(RuntimeError, match="another loop is running"):
        other.run_until_complete(call())
    other.close()
    get(host, "/second")
    assert asked == ["/second"]


def test_a_task_that_exits_when_it_is_cancelled(serve, capfd):
    async def stubborn():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise SystemExit("not willing") from None

    async def respond(scope):
        asyncio.get_event_loop().create_task(stubborn())

    host = serve(answering(respond), concurrency="2")
    get(host)
    host.close()
    assert "SystemExit: not willing" in capfd.readouterr().err


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_ctrl_c_interrupts_what_is_being_predicted(serve, concurrency, monkeypatch):
    ended = []

    async def respond(scope):
        if scope["path"] == "/":
            return "fine"
        try:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            await asyncio.sleep(10)
        finally:
            ended.append(True)

    host = serve(answering(respond), concurrency=concurrency)
    if concurrency == "1" or sys.version_info >= (3, 7):
        with pytest.raises(KeyboardInterrupt):
            get(host, "/slow")
        assert value_of(get(host)) == "fine"
        assert ended == [True]


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_an_application_that_meddles_with_the_loop(serve, concurrency, capfd):
    async def respond(scope):
        loop = asyncio.get_event_loop()
        if scope["path"] == "/stop":
            loop.stop()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if scope["path"] == "/cancel":
            tasks = asyncio.all_tasks() if hasattr(asyncio, "all_tasks") else asyncio.Task.all_tasks()
            for task in tasks:
                task.cancel()
            await asyncio.sleep(0)
        if scope["path"] == "/close":
            loop.close()
        return "fine"

    host = serve(answering(respond), concurrency=concurrency)
    assert value_of(get(host)) == "fine"
    with pytest.raises((asyncio.CancelledError, BaseException)):
        get(host, "/cancel")
    assert value_of(get(host)) == "fine"
    with pytest.raises(RuntimeError):
        get(host, "/close")
    assert value_of(get(host)) == "fine"
    assert value_of(get(host, "/stop")) == "fine"
    assert value_of(get(host)) == "fine"


@pytest.mark.skipif(sys.version_info < (3, 7), reason="Python 3.6 has no context variables")
@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_context_variables_are_a_calls_own(serve, concurrency):
    import contextvars

    variable = contextvars.ContextVar("variable", default="unset")

    async def respond(scope):
        before = variable.get()
        variable.set("of a call before")
        return before

    host = serve(answering(respond), concurrency=concurrency)
    assert [value_of(get(host)) for _ in range(2)] == ["unset", "unset"]
    assert variable.get() == "unset"


def test_a_forked_child_that_comes_out_ends(serve, monkeypatch):
    ended = []
    process = os.getpid()

    async def respond(scope):
        monkeypatch.setattr(os, "getpid", lambda: process + 1)

    host = serve(answering(respond))
    monkeypatch.setattr(os, "_exit", ended.append)
    get(host)
    assert ended == [0]


def test_the_application_is_imported_inside_the_loop(tmp_path, monkeypatch):
    tmp_path.joinpath("inside_the_loop.py").write_text(
        "import asyncio\nassert asyncio.get_event_loop().is_running()\n"
        "from starlette.applications import Starlette\napp = Starlette()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "inside_the_loop", raising=False)
    host = asgi.Host(Settings({"MODELPROXY_TARGET": "inside_the_loop:app"}))
    host.load()
    host.close()


def test_a_file_that_runs_uvicorn_when_imported(tmp_path, monkeypatch):
    uvicorn = types.ModuleType("uvicorn")

    def run(app):
        raise RuntimeError("asyncio.run() cannot be called from a running event loop")

    uvicorn.run = run
    monkeypatch.setitem(sys.modules, "uvicorn", uvicorn)
    tmp_path.joinpath("runs_uvicorn.py").write_text(
        "import uvicorn\nfrom starlette.applications import Starlette\napp = Starlette()\nuvicorn.run(app)\n"
    )
    tmp_path.joinpath("fails_otherwise.py").write_text("raise RuntimeError('no model')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    host = asgi.Host(Settings({"MODELPROXY_TARGET": "runs_uvicorn:app"}))
    host.load()
    assert get(host).status == 404
    host.close()
    with pytest.raises(RuntimeError, match="no model"):
        asgi.Host(Settings({"MODELPROXY_TARGET": "fails_otherwise:app"})).load()


def test_a_module_that_exits_while_it_is_imported(tmp_path, monkeypatch):
    tmp_path.joinpath("exits_at_once.py").write_text("raise SystemExit('no model here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    host = asgi.Host(Settings({"MODELPROXY_TARGET": "exits_at_once:app"}))
    with pytest.raises(SystemExit, match="no model here"):
        host.load()
    host.close()


@pytest.mark.parametrize(
    ("files", "says"), [((), "none was found in app.py, main.py"), (("app", "main"), "(app:app, main:app)")]
)
def test_no_target(tmp_path, monkeypatch, files, says):
    for name in files:
        tmp_path.joinpath(name + ".py").write_text("from fastapi import FastAPI\napp = FastAPI(title=%r)\n" % name)
    monkeypatch.chdir(tmp_path)
    host = asgi.Host(Settings({"MODELPROXY_HOST": "asgi"}))
    with pytest.raises(Unloadable) as caught:
        host.load()
    assert says in str(caught.value) and "MODELPROXY_TARGET" in str(caught.value)


def test_the_only_application_needs_no_target(tmp_path, monkeypatch):
    tmp_path.joinpath("server.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "server", raising=False)
    host = asgi.Host(Settings({"MODELPROXY_HOST": "asgi"}))
    host.load()
    assert get(host, "/docs").status == 200
    host.close()
    monkeypatch.delitem(sys.modules, "server")


# --- Starlette ----------------------------------------------------------------------------------------------------


async def where(request):
    from_request = [str(request.url), str(request.base_url), str(request.url_for("where"))]
    return JSONResponse(from_request + [request.scope["root_path"]])


def starlette_app(tmp_path, **more):
    tmp_path.joinpath("style.css").write_text("p {}")
    inner = Starlette(routes=[Route("/where", where, name="where")])
    routes = [
        Route("/where", where, name="where"),
        Route("/slash/", where),
        Mount("/sub", app=inner),
        Mount("/static", app=StaticFiles(directory=str(tmp_path)), name="static"),
    ]
    return Starlette(routes=routes, **more)


def wrapped_in_function(app):
    async def middleware(scope, receive, send):
        await app(scope, receive, send)

    return middleware


class WrappedInObject:
    def __init__(self, app):
        self.apps = {"http": app}

    async def __call__(self, scope, receive, send):
        await self.apps["http"](scope, receive, send)

    def bound(self, scope, receive, send):
        return self(scope, receive, send)


@pytest.mark.parametrize("mount", ["", MOUNT])
@pytest.mark.parametrize(
    "wrap", [lambda app: app, wrapped_in_function, WrappedInObject, lambda app: WrappedInObject(app).bound]
)
def test_starlette_finds_its_routes_and_links_under_any_mount(serve, tmp_path, mount, wrap):
    host = serve(wrap(starlette_app(tmp_path)))
    base = "http://h.example" + mount
    assert value_of(get(host, "/where", mount=mount)) == [base + "/where", base + "/", base + "/where", mount]
    response = get(host, "/sub/where", mount=mount)
    assert value_of(response)[0] == base + "/sub/where"
    assert value_of(response)[3] == mount + "/sub"
    redirect = get(host, "/slash", mount=mount, query="a=1")
    assert (redirect.status, redirect.header("location")) == (307, base + "/slash/?a=1")
    assert get(host, "/static/style.css", mount=mount).body == b"p {}"
    assert get(host, "/static/none.css", mount=mount).status == 404
    assert get(host, "/nothing", mount=mount).status == 404


def test_an_application_written_by_hand_routes_by_the_path_that_was_asked(serve):
    async def respond(scope):
        return [scope["root_path"], scope["path"]]

    assert value_of(get(serve(answering(respond)), "/predict", mount=MOUNT)) == [MOUNT, "/predict"]


@pytest.mark.parametrize(
    ("package", "whole"), [("django.core.handlers.asgi", True), ("quart.app", True), ("datasette", False)]
)
def test_which_applications_strip_root_path_themselves(serve, package, whole):
    async def respond(scope):
        return scope["path"]

    class Application:
        async def __call__(self, scope, receive, send):
            await answering(respond)(scope, receive, send)

    Application.__module__ = package
    assert value_of(get(serve(Application()), "/p", mount="/m")) == ("/m/p" if whole else "/p")


def test_wrappers_without_end_are_given_up(serve):
    class Endless:
        def __getattr__(self, name):
            if name != "__dict__":
                raise AttributeError(name)

        @property
        def __dict__(self):
            return {str(number): Endless() for number in range(60)}

        async def __call__(self, scope, receive, send):
            await sends(START, COMPLETE)(scope, receive, send)

    assert get(serve(Endless())).body == b"whole"


def test_a_closure_that_is_not_filled_yet(serve):
    def make():
        async def app(scope, receive, send):
            if scope["type"] == "never":
                nothing()
            await sends(START, COMPLETE)(scope, receive, send)

        if not app:
            nothing = app
        return app

    assert get(serve(make())).body == b"whole"


class Life:
    """An async context manager for Starlette's ``lifespan``, as Python 3.6 has no ``asynccontextmanager``."""

    fails = None

    def __init__(self, app):
        self.app = app

    async def __aenter__(self):
        if self.fails:
            raise self.fails
        self.app.state.events.append("started")
        return {"model": ["weights"]} if HAS_LIFESPAN_STATE else None

    async def __aexit__(self, *_):
        self.app.state.events.append("ended")


def test_starlette_lifespan(serve):
    async def model(request):
        return PlainTextResponse(request.state.model[0] if HAS_LIFESPAN_STATE else "weights")

    app = Starlette(routes=[Route("/", model)], lifespan=Life)
    app.state.events = []
    host = serve(app)
    assert [get(host).body for _ in range(2)] == [b"weights", b"weights"]
    assert app.state.events == ["started"]
    host.close()
    assert app.state.events == ["started", "ended"]


def test_starlette_startup_that_fails_says_why(serve):
    class Failing(Life):
        fails = FileNotFoundError("no weights")

    with pytest.raises(FileNotFoundError, match="no weights"):
        serve(Starlette(lifespan=Failing))


def test_streams_background_tasks_and_middleware(serve):
    events = []

    async def numbers():
        for number in range(3):
            yield b"%d" % number
            await asyncio.sleep(0.001)

    def in_thread():
        events.append(threading.current_thread() is threading.main_thread())

    async def in_loop():
        await asyncio.sleep(0.01)
        events.append("slept")

    async def stream(request):
        return StreamingResponse(numbers(), background=BackgroundTask(in_loop))

    def sync(request):
        events.append(threading.current_thread().ident)
        return StreamingResponse(iter([b"a", b"b"]), background=BackgroundTask(in_thread))

    async def dispatch(request, call_next):
        response = await call_next(request)
        response.headers["x-seen"] = request.headers["host"]
        return response

    routes = [Route("/stream", stream), Route("/sync", sync)]
    for middleware in ([], [Middleware(BaseHTTPMiddleware, dispatch=dispatch)]):
        del events[:]
        host = serve(Starlette(routes=routes, middleware=middleware))
        response = get(host, "/stream")
        assert response.body == b"012"
        assert response.header("x-seen") == ("h.example" if middleware else "")
        assert get(host, "/sync").body == b"ab"
        get(host, "/sync")
        assert get(host, "/nothing").status == 404
        host.close()
        if not middleware:
            assert events[0] == "slept"
            assert events[2] is False and events[1] == events[3]  # worker threads stay from call to call


def test_streams_that_fail_are_never_half_an_answer(serve):
    async def broken():
        yield b"half"
        raise ValueError("midway")

    async def stream(request):
        return StreamingResponse(broken())

    host = serve(Starlette(routes=[Route("/", stream)]))
    with pytest.raises(ValueError, match="midway"):
        get(host)


def test_exceptions_and_their_handlers(serve, capfd):
    async def fail(request):
        raise {"/key": KeyError, "/value": ValueError}[request.url.path]("told to")

    def handle(request, error):
        return JSONResponse({"detail": str(error)}, status_code=409)

    routes = [Route("/key", fail), Route("/value", fail)]
    host = serve(Starlette(routes=routes, exception_handlers={ValueError: handle}))
    assert (get(host, "/value").status, value_of(get(host, "/value"))) == (409, {"detail": "told to"})
    response = get(host, "/key")  # Starlette answers, and raises so that the server can log
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert "KeyError: 'told to'" in capfd.readouterr().err


# --- FastAPI ------------------------------------------------------------------------------------------------------


def fastapi_app(**more):
    app = FastAPI(title="Digits", **more)

    @app.get("/cookies")
    def cookies(session: str = Cookie("none")):
        response = JSONResponse({"session": session})
        response.set_cookie("session", "new")
        response.set_cookie("other", "one")
        return response

    @app.post("/predict")
    async def predict(image: UploadFile = IMAGE, top: int = Form(3)):
        return {"name": image.filename, "kind": image.content_type, "size": len(await image.read()), "top": top}

    @app.get("/items/{number}")
    def item(number: int, background: BackgroundTasks):
        background.add_task(app.state.done.append, number)
        if number > 9:
            raise HTTPException(404, "no such item", headers={"x-why": "large"})
        return {"number": number}

    @app.get("/elsewhere")
    def elsewhere():
        return RedirectResponse("/items/1")

    @app.get("/file")
    def file():
        return FileResponse(__file__, media_type="text/x-python")

    @app.get("/run")
    def run():
        async def value():
            return 7

        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(value())
        finally:
            loop.close()

    app.state.done = []
    return app


def test_fastapi_routes(serve):
    app = fastapi_app()
    host = serve(app)
    assert value_of(get(host, "/items/7")) == {"number": 7}
    assert app.state.done == [7]
    response = get(host, "/items/11")
    assert (response.status, response.header("x-why"), value_of(response)) == (404, "large", {"detail": "no such item"})
    assert get(host, "/items/x").status == 422
    assert post(host, "/items/7").status == 405
    assert get(host, "/elsewhere").header("location") == "/items/1"
    assert value_of(get(host, "/run")) == 7
    with open(__file__, "rb") as source:
        assert get(host, "/file").body == source.read()
    response = get(host, "/cookies", headers=[("cookie", "a=b; session=mine")])
    assert value_of(response) == {"session": "mine"}
    assert len([value for name, value in response.headers if name == "set-cookie"]) == 2


def test_fastapi_uploads(serve):
    host = serve(fastapi_app())
    large = b"\0\xff" * (1 << 20)  # more than Starlette keeps in memory
    body, kind = form(image=("seven.png", large), top=b"5")
    expected = {"name": "seven.png", "kind": "image/png", "size": len(large), "top": 5}
    assert value_of(post(host, "/predict", body, kind)) == expected
    body, kind = form(top=b"5")
    assert post(host, "/predict", body, kind).status == 422


@pytest.mark.parametrize("mount", ["", MOUNT])
def test_fastapi_documentation_works_under_the_mount(serve, mount):
    host = serve(fastapi_app())
    page = get(host, "/docs", mount=mount).body.decode("utf-8")
    assert "'%s/openapi.json'" % mount in page or '"%s/openapi.json"' % mount in page
    document = value_of(get(host, "/openapi.json", mount=mount))
    assert document.get("servers", [{"url": ""}])[0]["url"] == mount
    assert get(host, "/redoc", mount=mount).status == 200


def test_fastapi_with_a_root_path_of_its_own_is_routed_as_by_uvicorn(serve):
    app = fastapi_app()
    app.root_path = "/api/v1"
    assert value_of(get(serve(app), "/items/7", mount=MOUNT)) == {"number": 7}


@pytest.mark.parametrize(
    ("posts", "expected"),
    [
        (["/predict", "/inference", "/other"], "/inference"),
        (["/other", "/predict"], "/predict"),
        (["/v1/models/digits"], "/v1/models/digits"),
        (["/one", "/two"], "/"),
        (["/models/{name}"], "/"),
        (["/one", "/models/{name}"], "/one"),
        ([], "/"),
    ],
)
@pytest.mark.parametrize("how", ["routes", "router", "sub"])
def test_default_path(serve, posts, expected, how):
    from fastapi import APIRouter

    app = FastAPI()
    target = {"routes": app, "router": APIRouter(), "sub": FastAPI()}[how]
    for path in posts:
        target.post(path)(lambda: None)
    target.get("/health")(lambda: None)
    if how == "router":
        app.include_router(target, prefix="")
    if how == "sub":
        app.mount("/sub", target)
        expected = "/sub" + expected if expected in ("/one", "/v1/models/digits") else "/"
        if len([path for path in posts if "{" not in path]) == 1:
            expected = "/sub" + posts[0]
    assert serve(app).default_path == expected


def test_default_path_of_a_class_and_of_an_application_written_by_hand(serve):
    class Predict(HTTPEndpoint):
        async def post(self, request):
            return PlainTextResponse("7")

    host = serve(Starlette(routes=[Route("/predict", Predict), Route("/health", where)]))
    assert host.default_path == "/predict"
    assert serve(sends(START, COMPLETE)).default_path == "/"


BROWSER = [("accept", "text/html,*/*;q=0.8")]


def test_a_browser_at_the_bare_url_is_sent_to_the_documentation(serve):
    host = serve(fastapi_app())
    response = get(host, "/predict", mount=MOUNT, headers=BROWSER, default=True)
    assert (response.status, response.header("location")) == (302, MOUNT + "/docs")
    assert get(host, "/predict", headers=BROWSER).status == 405
    assert get(host, "/predict", default=True).status == 405
    host = serve(fastapi_app(docs_url="/help"))
    assert get(host, "/predict", headers=BROWSER, default=True).header("location") == "/help"
    host = serve(fastapi_app(docs_url=None))
    assert get(host, "/predict", headers=BROWSER, default=True).header("location") == "/"
    host = serve(Starlette())
    assert get(host, "/", headers=BROWSER, default=True).status == 404


def test_plain_calls_know_the_inputs_of_fastapi(serve):
    host = serve(fastapi_app())
    inputs = host.describe(MOUNT, "/predict")
    assert (inputs.method, inputs.form, inputs.files) == ("POST", "multipart", {"image"})
    request = plain_action.request({"image": "iVBORw0KGgo=", "top": 2}, inputs, MOUNT)
    assert value_of(host.handle(request))["top"] == 2
    assert host.describe(MOUNT, "/nothing") is None
    assert serve(fastapi_app(openapi_url=None)).describe(MOUNT, "/predict") is None
    assert serve(sends(START, COMPLETE)).describe("", "/") is None


def test_an_openapi_document_that_is_withheld(serve):
    async def dispatch(request, call_next):
        return PlainTextResponse("who are you?", status_code=401)

    app = fastapi_app()
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    assert serve(app).describe("", "/predict") is None


# --- as a process -------------------------------------------------------------------------------------------------

SERVER = """
import asyncio
import os
import threading

from fastapi import FastAPI, File, UploadFile
from starlette.applications import Starlette


class Life:
    def __init__(self, app):
        pass

    async def __aenter__(self):
        print("startup in", threading.current_thread().name)

    async def __aexit__(self, *_):
        await asyncio.sleep(0.01)
        print("shutdown ran")


app = FastAPI()
app.router.lifespan_context = Life


@app.post("/predict")
async def predict(image: UploadFile = File(...)):
    return {"size": len(await image.read()), "thread": threading.current_thread().name}


@app.get("/leave")
async def leave():
    raise SystemExit(1)


@app.get("/fork")
async def fork():
    child = os.fork()
    if not child:
        raise SystemExit(3)
    return os.waitpid(child, 0)[1]
"""


@pytest.fixture
def folder(tmp_path):
    tmp_path.joinpath("server.py").write_text(SERVER)
    return tmp_path


def test_as_an_action(folder):
    with Proxy(folder) as proxy:
        assert proxy.init() == (200, {"ok": True})
        body, kind = form(image=("seven.png", b"12345"))
        status, headers, content = proxy.web("POST", body=body, headers={"content-type": kind})
        assert (status, json.loads(content.decode("utf-8"))) == (200, {"size": 5, "thread": "MainThread"})
        assert proxy.run({"image": "iVBORw0KGgo="})[1]["size"] == 8
        assert proxy.web("GET", "/leave")[0] == 500
        assert json.loads(proxy.web("GET", "/fork")[2].decode("utf-8")) == 0
        headers = {"accept": "text/html"}
        status, headers, _ = proxy.web("GET", headers=headers, action_name="/guest/digits")
        assert (status, headers["location"]) == (302, MOUNT + "/docs")
        status, _, page = proxy.web("GET", "/docs", action_name="/guest/digits")
        assert status == 200 and (MOUNT + "/openapi.json").encode("ascii") in page
        assert proxy.stop() == 0
        assert "host asgi of server:app" in proxy.out
        assert "startup in MainThread" in proxy.out and "shutdown ran" in proxy.out
    proxy.close()


def test_as_a_web_server(folder):
    with Proxy(folder, MODELPROXY_MODE="web") as proxy:
        while proxy.exchange("GET", "/healthz")[0] != 200:
            time.sleep(0.01)
        body, kind = form(image=("seven.png", b"12345"))
        assert proxy.exchange("POST", "/predict", body, [("Content-Type", kind)])[0] == 200
        assert proxy.exchange("GET", "/leave")[0] == 500
        assert proxy.exchange("GET", "/fork")[2] == b"0"
        assert proxy.exchange("GET", "/docs")[0] == 200
        assert proxy.stop() == 0
        assert "shutdown ran" in proxy.out
    proxy.close()
