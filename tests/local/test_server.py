"""Real HTTP against the platform: routes, checks and the messages that an HTTP library refuses."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from little_containers import LittleFactory, after_init, result
from raw_http import RawResponse, message, send
from running_platform import running, wait_until

from modelwhisk.local import Action, LocalPlatform, platform, server, web_annotations
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, plain
from modelwhisk.local.platform import Exchange
from modelwhisk.local.server import Connection

KEY = "user:secret"
BASE = "/api/v1/web/guest/default/"
CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH"),
    ("Access-Control-Allow-Headers", "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent"),
]


class Site:
    def __init__(self, platform: LocalPlatform, factory: LittleFactory) -> None:
        self.platform = platform
        self.factory = factory

    def ask(self, method: str, path: str, *headers: tuple[str, str], body: bytes | None = None) -> RawResponse:
        return self.send(message(method, path, [("Host", "h"), *headers], body), method)

    def send(self, data: bytes, method: str = "GET") -> RawResponse:
        return send(self.platform.url, data, method=method)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    factory = LittleFactory(after_init(lambda message: result({"statusCode": 200, "body": "ok"})))
    annotations: dict[str, dict[str, Any]] = {
        "plain": {},
        "cooked": {"raw-http": False},
        "not-web": {"web-export": False},
        "secret": {"require-whisk-auth": "s3cret"},
        "number": {"require-whisk-auth": 42},
        "half": {"require-whisk-auth": "\ud800"},
        "login": {"require-whisk-auth": True},
        "open": {"require-whisk-auth": False},
        "odd": {"require-whisk-auth": []},
        "own-options": {"web-custom-options": True, "require-whisk-auth": "s3cret"},
    }
    actions = [
        Action(name, factory, annotations={**web_annotations("raw"), **given}, parameters={"bound": 1, "free": None})
        for name, given in annotations.items()
    ]
    actions.append(Action("packed", factory, package="p"))
    with running(*actions, credentials={KEY: "guest"}, max_containers=20) as platform:
        yield Site(platform, factory)


def error_of(response: RawResponse) -> str:
    return str(json.loads(response.body)["error"])


def basic(key: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(key.encode()).decode()


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}missing", f"{BASE}not-web", "/api/v1/web/guest/p/plain", "/api/v1/web/other/default/plain",
        f"{BASE}plain.xyz", f"{BASE}plain.http.http", "/api/v1/web/guest/default2x/../q/plain",
    ],
)  # fmt: skip
def test_what_is_not_there(site: Site, path: str) -> None:
    response = site.ask("GET", path)
    assert response.status == 404
    assert error_of(response) == "The requested resource does not exist."
    assert response.body.startswith(b'{\n  "code": "')
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_a_package(site: Site) -> None:
    assert site.ask("GET", "/api/v1/web/guest/p/packed.http/x").body == b"ok"
    assert site.factory.runs[-1]["action_name"] == "/guest/p/packed"


@pytest.mark.parametrize("path", ["/x", "/api", "/api/v2/web/guest/default/plain"])
def test_what_has_no_route(site: Site, path: str) -> None:
    response = site.ask("GET", path)
    assert (response.status, error_of(response)) == (404, "The requested resource could not be found.")


@pytest.mark.parametrize("path", ["/api/v1/web/guest/default", "/api/v1/web/guest/default/%2f", "/api/v1/x"])
def test_other_paths_of_the_api_ask_for_credentials(site: Site, path: str) -> None:
    response = site.ask("GET", path)
    assert response.status == 401
    assert ("WWW-Authenticate", 'Basic realm="OpenWhisk secure realm",charset=UTF-8') in response.headers
    assert site.ask("GET", path, basic(KEY)).status == 404
    assert error_of(site.ask("GET", path, basic("a:b"))) == "The supplied authentication is invalid"
    assert (site.ask("OPTIONS", path).status, site.ask("OPTIONS", path).body) == (200, b"OK")


@pytest.mark.parametrize(
    ("name", "headers", "status"),
    [
        ("secret", [], 401),
        ("secret", [("X-Require-Whisk-Auth", "S3cret")], 401),
        ("secret", [("x-require-whisk-auth", "s3cret")], 200),
        ("number", [("X-Require-Whisk-Auth", "42")], 200),
        ("half", [("X-Require-Whisk-Auth", "?")], 401),
        ("login", [], 401),
        ("login", [basic("a:b")], 401),
        ("login", [("Authorization", "Basic !")], 401),
        ("login", [basic(KEY)], 200),
        ("open", [], 200),
        ("odd", [basic(KEY)], 401),
    ],
)
def test_authorization(site: Site, name: str, headers: list[tuple[str, str]], status: int) -> None:
    response = site.ask("GET", BASE + name, *headers)
    assert response.status == status
    assert [item for item in response.headers if item[0].startswith("Access-Control")] == CORS
    if status == 401:
        assert error_of(response) == "Authentication is possible but has failed or not yet been provided."
    else:
        caller = site.factory.runs[-1]["value"].get("__ow_user")
        assert caller == ("guest" if basic(KEY) in headers else None)


def test_options_are_the_platforms_unless_the_action_takes_them(site: Site) -> None:
    before = len(site.factory.runs)
    response = site.ask("OPTIONS", f"{BASE}secret", ("Access-Control-Request-Headers", "X-A,X-B"))
    assert (response.status, response.body) == (200, b"")
    assert response.without("server", "date", "x-request-id") == [
        *CORS[:2], ("Access-Control-Allow-Headers", "X-A, X-B"), ("Content-Length", "0")
    ]  # fmt: skip
    assert len(site.factory.runs) == before
    response = site.ask("OPTIONS", f"{BASE}own-options")
    assert response.body == b"ok"
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
    assert site.ask("GET", f"{BASE}own-options").status == 401


def test_parameters_that_are_the_actions(site: Site) -> None:
    assert site.ask("GET", f"{BASE}cooked?bound=2").status == 400
    assert site.ask("GET", f"{BASE}cooked?free=2").status == 200
    assert site.factory.runs[-1]["value"]["free"] == "2"
    assert site.ask("GET", f"{BASE}plain?bound=2").status == 200
    assert site.factory.runs[-1]["value"]["bound"] == 1


def test_the_payload_limit(site: Site) -> None:
    limit = 1_048_576
    assert site.ask("POST", f"{BASE}plain", body=b"x" * limit).status == 200
    assert len(base64.b64decode(site.factory.runs[-1]["value"]["__ow_body"])) == limit
    for headers, framed in (
        ((), b"x" * (limit + 1)),
        ((("Transfer-Encoding", "chunked"),), b"100001\r\n" + b"x" * (limit + 1) + b"\r\n0\r\n\r\n"),
    ):
        response = site.ask("POST", f"{BASE}plain", *headers, body=framed)
        assert (response.status, error_of(response)) == (
            413,
            f"Request larger than allowed: {limit + 1} > {limit} bytes.",
        )


def test_head_has_the_lengths_of_the_answer_and_no_body(site: Site) -> None:
    data = message("HEAD", f"{BASE}plain", [("Host", "h")]) + message("GET", f"{BASE}plain", [("Host", "h")])
    with connect(site) as connection:
        connection.sendall(data)
        answers = read_all(connection, 2)
    assert answers.count(b"Content-Length: 2\r\n") == 2
    assert answers.count(b"\r\n\r\nok") == 1
    assert site.factory.runs[-2]["value"]["__ow_method"] == "head"


def connect(site: Site) -> socket.socket:
    parts = urlsplit(site.platform.url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=10)


def read_all(connection: socket.socket, count: int) -> bytes:
    """All of `count` responses, the last of which has the body `ok`."""
    data = b""
    while data.count(b"HTTP/1.1 200") < count or not data.endswith(b"ok"):
        chunk = connection.recv(65_536)
        assert chunk, data
        data += chunk
    return data


@pytest.mark.parametrize(
    ("version", "header", "answered", "stays"),
    [
        ("1.1", "", None, True),
        ("1.1", "Connection: close\r\n", "close", False),
        ("1.0", "", "close", False),
        ("1.0", "Connection: keep-alive\r\n", "keep-alive", True),
    ],
)
def test_connections_stay_open_as_asked(
    site: Site, version: str, header: str, answered: str | None, stays: bool
) -> None:
    data = f"GET {BASE}plain HTTP/{version}\r\nHost: h\r\n{header}\r\n".encode()
    with connect(site) as connection:
        connection.sendall(data)
        first = read_all(connection, 1)
        assert (f"\r\nConnection: {answered}\r\n".encode() in first) is (answered is not None)
        if stays:
            connection.sendall(data)
            assert read_all(connection, 1)
        else:
            assert connection.recv(1) == b""


def test_a_client_that_asks_before_it_sends(site: Site) -> None:
    head = f"POST {BASE}plain HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode()
    with connect(site) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        read_all(connection, 1)
    value = site.factory.runs[-1]["value"]
    assert (value["__ow_body"], value["__ow_headers"]["expect"]) == ("YWJj", "100-continue")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET {path} HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, id="two Hosts"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: a b\r\n\r\n", 400, id="a Host that isn't one"),
        pytest.param(b"nonsense\r\n\r\n", 400, id="no request line"),
        pytest.param(b"GET {path}\r\n\r\n", 400, id="no version"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: h\r\nbad header: x\r\n\r\n", 400, id="space in a name"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: h\r\nx: a\x00b\r\n\r\n", 400, id="NUL in a value"),
        pytest.param(b"BREW {path} HTTP/1.1\r\nHost: h\r\n\r\n", 501, id="unknown method"),
        pytest.param(b"AVERYLONGMETHODNAME {path} HTTP/1.1\r\nHost: h\r\n\r\n", 400, id="long method"),
        pytest.param(b"TRACE {path} HTTP/1.1\r\nHost: h\r\n\r\n", 405, id="TRACE"),
        pytest.param(b"TRACE {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 422, id="TRACE with a body"),
        pytest.param(b"GET {path}?" + b"a" * 8192 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414, id="long URI"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: h\r\nx: " + b"a" * 8193 + b"\r\n\r\n", 431, id="long value"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: h\r\n" + b"x" * 65 + b": a\r\n\r\n", 431, id="long name"),
        pytest.param(b"GET {path} HTTP/1.1\r\nHost: h\r\n" + b"x: a\r\n" * 64 + b"\r\n", 400, id="many headers"),
        pytest.param(
            b"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400, id="both lengths",
        ),
        pytest.param(b"POST {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400, id="unknown coding"),
        pytest.param(b"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400, id="no number"),
        pytest.param(
            b"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 400, id="two types"
        ),
        pytest.param(b"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 52428801\r\n\r\n", 413, id="50 MB and one"),
        pytest.param(b"PUT {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="chunk"),
    ],
)  # fmt: skip
def test_messages_that_the_http_library_refuses(site: Site, data: bytes, status: int) -> None:
    before = len(site.factory.runs)
    response = site.send(data.replace(b"{path}", f"{BASE}plain".encode()))
    assert response.status == status
    assert len(site.factory.runs) == before
    if status != 405:
        assert ("Connection", "close") in response.headers
        assert ("Content-Type", "text/plain; charset=UTF-8") in response.headers


def test_bytes_beyond_ascii_in_a_header_reset_the_connection(site: Site) -> None:
    with pytest.raises(ConnectionResetError):
        site.ask("GET", f"{BASE}plain", ("x", "é"))


def test_a_client_that_goes_away_in_the_middle_harms_nobody(site: Site) -> None:
    with connect(site) as connection:
        connection.sendall(f"POST {BASE}plain HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc".encode())
    assert site.ask("GET", f"{BASE}plain").body == b"ok"


def test_a_client_that_does_not_take_its_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_IDLE", 0.5)
    deep: Any = dict.fromkeys((f"{number:x}" for number in range(30_000)), 1)
    for _ in range(150):
        deep = {"a": deep}
    factory = LittleFactory(after_init(lambda message: result({"body": deep})))
    with running(Action("a", factory)) as platform, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((urlsplit(platform.url).hostname, urlsplit(platform.url).port))
        client.sendall(message("GET", f"{BASE}a", [("Host", "h")]))
        wait_until(lambda: factory.runs)
        wait_until(lambda: not platform._tasks, patience=20)
        with client.makefile("rb") as stream, pytest.raises(ConnectionResetError):
            stream.read()


def test_a_client_that_leaves_the_end_of_its_last_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which the kernel takes some: of one of these lengths, no more is left than asyncio takes for all gone."""
    monkeypatch.setattr(server, "_IDLE", 0.3)

    async def answer(request: HttpRequest) -> HttpResponse:
        return plain(200, "x" * int(request.target[1:]))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        try:
            await Connection(reader, writer, answer).serve()
        finally:
            left.release()

    async def serve() -> None:
        listening = await asyncio.start_server(connected, "127.0.0.1", 0)
        with contextlib.ExitStack() as opened:
            for length in lengths:
                client = opened.enter_context(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                client.connect(listening.sockets[0].getsockname())
                client.sendall(message("GET", f"/{length}", [("Host", "h"), ("Connection", "close")]))
            for _ in lengths:
                await asyncio.wait_for(left.acquire(), 20)
        listening.close()

    lengths, left = range(20_000, 200_000, 20_000), asyncio.Semaphore(0)
    asyncio.run(serve())


def test_clients_that_ask_on_and_on_keep_nobody_from_ending_it() -> None:
    def ask(client: socket.socket) -> None:
        client.sendall(message("GET", "/api/v1", [("Host", "h")]))
        assert client.recv(65_536)
        answered.release()
        reading = threading.Thread(target=read, args=(client,))
        reading.start()
        with contextlib.suppress(ConnectionError):
            while True:
                client.sendall(message("GET", "/api/v1", [("Host", "h")]) * 50)
        reading.join()

    def read(client: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while client.recv(65_536):
                pass

    answered = threading.Semaphore(0)
    with contextlib.ExitStack() as opened:
        with running(Action("a", LittleFactory())) as platform:
            address = urlsplit(platform.url).hostname, urlsplit(platform.url).port
            clients = [opened.enter_context(socket.create_connection(address, timeout=30)) for _ in range(8)]
            asking = [threading.Thread(target=ask, args=(client,)) for client in clients]
            for thread in asking:
                thread.start()
            assert all(answered.acquire(timeout=10) for _ in clients)
        assert not platform._tasks
        for thread in asking:
            thread.join()


@pytest.mark.parametrize(("left", "waits"), [([9, 5, 5, 1, 1, 0], 2), ([9, 5, 5, 5], 2), ([9, 9], 1), ([9, 0], 0)])
def test_a_client_that_takes_its_answer_slowly_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, left: list[int], waits: int
) -> None:
    """As long as some of it goes; `left` has what there is before and after each wait, 0 where all has gone."""
    monkeypatch.setattr(server, "_IDLE", 0.001)
    sizes, waited = iter(left), []

    class Writer:
        transport = property(lambda self: self)

        def write(self, data: bytes) -> None:
            pass

        def get_write_buffer_size(self) -> int:
            return next(sizes)

        async def drain(self) -> None:
            if left[2 * len(waited) + 1]:
                waited.append(1)
                await asyncio.sleep(5)

    connection = Connection(None, Writer(), None)  # type: ignore[arg-type]
    ends = contextlib.nullcontext() if left[-1] == 0 else pytest.raises(asyncio.TimeoutError)
    with ends:
        asyncio.run(connection._write(b"x"))
    assert len(waited) == waits


def test_folded_headers_and_bare_line_feeds_are_read(site: Site) -> None:
    assert site.send(f"GET {BASE}plain HTTP/1.1\nHost: h\nX-A: b\n  c\n\n".encode()).body == b"ok"
    assert site.factory.runs[-1]["value"]["__ow_headers"]["x-a"] == "b c"


def test_numbers_of_any_length_in_a_header_are_answered(site: Site) -> None:
    digits = "9" * 8000
    response = site.ask("GET", f"{BASE}plain", ("Range", f"bytes={digits}-"), ("Age", digits), ("Retry-After", digits))
    assert response.body == b"ok"
    shown = site.factory.runs[-1]["value"]["__ow_headers"]
    assert (shown["age"], shown["retry-after"]) == ("2147483647", "2147483647")


def test_what_fails_in_the_platform_itself_has_an_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As the platform's HTTP library answers what its application raises; the next request is served as ever."""
    exchanges: list[Exchange] = []
    monkeypatch.setattr(site.platform, "_on_exchange", exchanges.append)
    with monkeypatch.context() as broken:
        broken.setattr(platform, "route", lambda *given: 1 / 0)
        response = site.ask("GET", f"{BASE}plain?key=s3cret")
    assert (response.status, response.body) == (500, b"There was an internal server error.")
    assert [one.status for one in exchanges] == [500]
    assert f"GET {BASE}plain" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text
    assert site.ask("GET", f"{BASE}plain").body == b"ok"


def test_who_is_told_of_an_exchange_costs_no_answer_by_failing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(what: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(site.platform, "_on_exchange", fail)
    monkeypatch.setattr(site.platform, "_on_activation", fail)
    assert site.ask("GET", f"{BASE}plain").body == b"ok"
    wait_until(lambda: caplog.text.count("no space left") >= 2)


def test_the_callers_transaction_id_is_kept(site: Site) -> None:
    response = site.ask("GET", f"{BASE}plain", ("X-Request-ID", "mine"))
    assert dict(response.headers)["X-Request-ID"] == "mine"
    assert site.factory.runs[-1]["transaction_id"] == "mine"
    assert len(dict(site.ask("GET", f"{BASE}plain").headers)["X-Request-ID"]) == 32
