"""A wrapped model in docker under bad input, on its port 8080 as the invoker speaks to it and as an attacker would.

It runs as no image was made for: read-only but /tmp, as a user without a name, in 512 MB. Whatever comes, the answer
says what was wrong, the process goes on, the model stays loaded, and the next call works.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from activations import TIGHT, WEB, message, post, web
from bed import Containers, Running
from exchange import Answer, receive, send
from requests_to_models import body_of, part

pytestmark = pytest.mark.docker

LOADED = "the model is loaded"


class Wrapped:
    """A container that has its model, and what tells whether it is still the one that it was."""

    def __init__(self, running: Running) -> None:
        self.running = running.wait(8080)
        self.address = running.address(8080)
        assert self.send(post("/init", message({"name": "x", "main": "main", "binary": False}))).status == 200
        self.before = self.state()

    def send(self, data: bytes, timeout: float = 30) -> Answer:
        return send(self.address, data, "POST", timeout)

    def run(self, body: bytes) -> Answer:
        return self.send(post("/run", body))

    def state(self) -> tuple[Any, ...]:
        self.running.container.reload()
        state = self.running.container.attrs["State"]
        return state["Pid"], state["StartedAt"], state["Status"], self.running.logs().count(LOADED)

    def is_unharmed(self) -> bool:
        answer = self.run(web())
        result = json.loads(answer.body)
        assert (answer.status, result["statusCode"]) == (200, 200), answer
        assert json.loads(result["body"])["predictions"][0]["label"] == "three"
        return self.state() == self.before and self.before[-1] == 1

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30)


@pytest.fixture(scope="module")
def loaded(module_containers: Containers, wrapped_image: Callable[..., str]) -> Wrapped:
    environment = {"__OW_API_HOST": "https://whisk.example"}
    return Wrapped(module_containers.run(wrapped_image("max-digit-classifier"), environment=environment, **TIGHT))


@pytest.fixture
def wrapped(loaded: Wrapped) -> Iterator[Wrapped]:
    yield loaded
    assert loaded.is_unharmed()


def says(answer: Answer, status: int, problem: str) -> bool:
    """Whether an answer is a JSON error of that status that names the problem."""
    assert answer.status == status, answer
    assert answer.header("content-type") == "application/json"
    error = json.loads(answer.body)["error"]
    if isinstance(error, dict):  # the platform's form of an HTTP response
        assert error["headers"]["Content-Type"] == "application/json"
        error = error["body"]
    assert re.search(problem, error), error
    return True


# --- messages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"{", 400, "isn't JSON: Expecting property name"),
        (b'{"value": {}', 400, "isn't JSON"),
        (b"hello", 400, "isn't JSON"),
        (b"\xff\xfe\x00", 400, "isn't JSON: .*utf-8"),
        (message({})[:-1] + b", NaN}", 400, "isn't JSON"),
        (b'{"value": {"a": ' + b"9" * 5000 + b"}}{", 400, "isn't JSON"),
        (b"[]", 400, r"must be a JSON object with a value, this one is an array"),
        (b"3", 400, "must be a JSON object"),
        (b'"text"', 400, "must be a JSON object"),
        (b"true", 400, "must be a JSON object"),
        (b'{"value": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 200, "nested too deeply"),
        (b'{"value": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, 200, "nested too deeply"),
        (message("text"), 200, "must be an object or an array"),
        (message(3), 200, "must be an object or an array"),
        (message({"image": 3}), 200, "'image' is a file: give it as base64"),
        (message({"image": "not base64!"}), 200, "'image' is a file"),
        (message({}), 200, "Missing required parameter"),
        (message({"image": "AAAA"}), 200, "please upload a picture"),
        (message([]), 200, ""),
    ],
    ids=itertools.count(),
)
def test_messages_that_no_platform_sends_and_parameters_that_do_not_fit(
    wrapped: Wrapped, body: bytes, status: int, problem: str
) -> None:
    assert says(wrapped.run(body), status, problem)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"__ow_method": 3}, "__ow_method is 3"),
        ({"__ow_method": None}, "which is no HTTP method"),
        ({"__ow_method": "get /x"}, "which is no HTTP method"),
        ({"__ow_method": "g\r\nx"}, "which is no HTTP method"),
        ({"__ow_headers": []}, r"__ow_headers is \[\]"),
        ({"__ow_headers": "x"}, "__ow_headers is"),
        ({"__ow_headers": None}, "__ow_headers is null"),
        ({"__ow_headers": {"a b": "c"}}, "which is no HTTP header"),
        ({"__ow_headers": {"a": "b\r\nc: d"}}, "which is no HTTP header"),
        ({"__ow_path": 3}, "__ow_path is 3"),
        ({"__ow_path": ["/"]}, "__ow_path is"),
        ({"__ow_query": {"a": 1}}, "__ow_query is"),
        ({"__ow_body": "not base64!"}, "__ow_body isn't base64"),
        ({"__ow_body": "AAAAA"}, "__ow_body isn't base64"),
        ({"__ow_body": "\u96ea"}, "__ow_body isn't base64"),
        ({"__ow_body": 3}, "Missing required parameter|__ow_body"),
        ({"__ow_body": ""}, "Missing required parameter"),
        ({"__ow_body": None}, "Missing required parameter"),
        ({"__ow_headers": {}}, "Missing required parameter"),
        ({"__ow_headers": {"content-type": "x" * 1025}}, "more than 1024 characters"),
        ({"__ow_headers": {"content-type": "x" * 1024}}, "Missing required parameter"),
        ({"__ow_query": "top=x"}, "top"),
    ],
    ids=itertools.count(),
)
def test_web_activations_of_wrong_types_are_the_clients_fault(
    wrapped: Wrapped, changes: dict[str, Any], problem: str
) -> None:
    answer = wrapped.run(web(**changes))
    assert answer.status == 200
    result = json.loads(answer.body)
    assert (result["statusCode"], result["headers"]["Content-Type"]) == (400, "application/json")
    assert re.search(problem, result["body"]), result


@pytest.mark.parametrize(
    "more",
    [
        {"deadline": "soon"},
        {"deadline": -1},
        {"deadline": {}},
        {"deadline": 1e308},
        {"deadline": "9" * 400},
        {"activation_id": ["x"]},
        {"activation_id": "x\ny" * 1000},
        {"action_name": 5},
        {"action_name": "///"},
        {"action_name": "/a/b/c/d\r\n"},
        {"namespace": None, "transaction_id": {"a": 1}, "api_key": True},
        {"a=b": "c", "\x00": "x", "x\x00": "\x00", "path": "/nowhere", "": ""},
        {"nobody knows this": [1, 2, {"a": None}]},
    ],
    ids=itertools.count(),
)
def test_metadata_of_wrong_types_does_not_matter(wrapped: Wrapped, more: dict[str, Any]) -> None:
    answer = wrapped.run(message(WEB, **more))
    assert (answer.status, json.loads(answer.body)["statusCode"]) == (200, 200)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", message({"code": "def main(): pass"}), message(None), message(3)])
def test_a_second_init_is_refused_whatever_it_says(wrapped: Wrapped, body: bytes) -> None:
    assert says(wrapped.send(post("/init", body)), 403, "Cannot initialize the action more than once")


# --- HTTP ---------------------------------------------------------------------------------------------------------

GOOD = web()


@pytest.mark.parametrize(
    ("data", "status", "problem"),
    [
        (b"hello\r\n\r\n", 400, "request line isn't well formed"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "request line isn't well formed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2.0 isn't spoken here"),
        (b"POST /run HTTP/1.1\r\n\r\n", 400, "one Host header"),
        (b"POST /run HTTP/1.1\nHost: x\n\n\r\n\r\n", 400, "isn't well formed"),
        (b"POST /run\xe9 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "request line isn't well formed"),
        (post("/run", GOOD, "Content-Length: 3"), 400, "Content-Length isn't one number"),
        (post("/run", GOOD).replace(b"Content-Length: ", b"Content-Length: -"), 400, "Content-Length isn't one number"),
        (
            post("/run", GOOD).replace(b"Content-Length: ", b"Content-Length: 0x"),
            400,
            "Content-Length isn't one number",
        ),
        (post("/run", GOOD, "Transfer-Encoding: chunked"), 400, "both Content-Length and Transfer-Encoding"),
        (post("/run", GOOD, "Transfer-Encoding : chunked"), 400, "header line isn't well formed"),
        (post("/run", GOOD, "X-A: b", " folded: c"), 400, "header line isn't well formed"),
        (post("/run", GOOD, "X-A: b\x00c"), 400, "header line isn't well formed"),
        (post("/run", GOOD, "X-A: " + "b" * 70_000), 431, "header is larger than 65536 bytes"),
        (post("/run", GOOD, *(f"X-{number}: b" for number in range(200))), 431, "more than 128 header fields"),
        (post("/run", GOOD, "Expect: a miracle"), 417, "can't be met"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "chunked is"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "chunk's size"),
        (
            b"POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4600000\r\n",
            413,
            "larger than 67108864",
        ),
        (
            b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 73400320\r\n\r\n{",
            413,
            "has 73400320 bytes; at most 67108864",
        ),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999\r\n\r\n", 413, "at most 67108864"),
        (post("/run", GOOD).replace(b"POST", b"GET"), 405, "/run takes POST"),
        (post("/", GOOD), 404, "nothing at /.*MODELPROXY_MODE=web"),
        (post("/model/predict", GOOD), 404, "nothing at /model/predict"),
        (post("/run/", GOOD), 404, "nothing at /run/"),
        (post("//run", GOOD), 404, "nothing at //run"),
        (post("http://x/run", GOOD), 404, "nothing at"),
    ],
    ids=itertools.count(),
)
def test_requests_that_are_none(wrapped: Wrapped, data: bytes, status: int, problem: str) -> None:
    assert says(wrapped.send(data), status, problem)


def test_70_megabytes_are_refused_though_the_client_sends_them_all(wrapped: Wrapped) -> None:
    assert says(wrapped.send(post("/run", bytes(70 << 20))), 413, "has 73400320 bytes; at most 67108864")


def test_60_megabytes_that_are_no_json(wrapped: Wrapped) -> None:
    assert says(wrapped.run(b"x" * (60 << 20)), 400, "isn't JSON")


def test_a_request_larger_than_any_platform_sends(wrapped: Wrapped) -> None:
    file = base64.b64encode(body_of([part(bytes(8 << 20))])).decode()
    answer = wrapped.run(web(__ow_body=file))
    assert (answer.status, json.loads(answer.body)["statusCode"]) == (200, 400)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.999])
def test_half_a_request(wrapped: Wrapped, share: float) -> None:
    """The client closes its side early, the whole connection, or resets it."""
    data = post("/run", GOOD)
    data = data[: int(len(data) * share)]
    with wrapped.connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        if data:
            assert says(receive(connection, "POST"), 400, "ended before it was complete")
        else:
            assert connection.recv(1) == b""
    for linger in (struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)):
        with wrapped.connect() as connection:
            connection.sendall(data)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def test_clients_that_do_not_wait_for_their_answer(wrapped: Wrapped) -> None:
    for _ in range(20):
        with wrapped.connect() as connection:
            connection.sendall(post("/run", GOOD))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_slow_clients_keep_nobody_waiting(wrapped: Wrapped) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(wrapped.connect()) for _ in range(100)]
        for number, connection in enumerate(slow):
            connection.sendall(post("/run", GOOD)[: number + 1])
        began = time.monotonic()
        assert wrapped.run(GOOD).status == 200
        assert time.monotonic() - began < 5


def test_many_at_once_are_served_one_after_another(wrapped: Wrapped) -> None:
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(wrapped.run(GOOD))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [json.loads(answer.body)["statusCode"] for answer in answers] == [200] * 30


# --- before a model is there, and in the other mode ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "body of /init isn't JSON"),
        (b"[1]", "value of /init must be an object"),
        (message("x"), "value of /init must be an object"),
        (message({"env": []}), "env of /init must be an object"),
        (message({"env": {"MODELPROXY_LOG": "loud"}}), "MODELPROXY_LOG is 'loud'; it must be one of"),
        (message({"code": "def main(args): return args"}), "takes no code"),
        (message({"code": 3}), "takes no code"),
        (b"[" * 100_000, "body of /init isn't JSON"),
    ],
    ids=itertools.count(),
)
def test_init_says_what_was_wrong_and_can_be_made_good(fresh: Running, body: bytes, problem: str) -> None:
    address = fresh.wait(8080).address(8080)
    assert says(send(address, post("/init", body), "POST"), 400, problem)


@pytest.fixture(scope="module")
def fresh(module_containers: Containers, wrapped_image: Callable[..., str]) -> Iterator[Running]:
    """Not initialised until its tests are over: a refused /init leaves it as it was."""
    environment = {"__OW_API_HOST": "https://whisk.example"}
    started = module_containers.run(wrapped_image("max-digit-classifier"), environment=environment, **TIGHT)
    yield started
    assert send(started.address(8080), post("/init", b"{}"), "POST").status == 200
    end = time.monotonic() + 10
    while not started.logs().count(LOADED) and time.monotonic() < end:
        time.sleep(0.1)  # docker's own log comes a little later
    assert started.logs().count(LOADED) == 1


@pytest.fixture(scope="module")
def web_server(module_containers: Containers, wrapped_image: Callable[..., str]) -> Running:
    environment = {"PORT": "8080", "MODELPROXY_READ_TIMEOUT": "2"}
    return module_containers.run(wrapped_image("max-digit-classifier"), environment=environment, **TIGHT).wait(8080)


@pytest.mark.parametrize("data", [b"", b"GET", b"GET /model/metadata HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_more_slow_clients_than_there_is_room_for_end_in_their_time(web_server: Running, data: bytes) -> None:
    """Slow loris: 300 connections that never finish a request; whoever comes then waits for seconds, not for ever."""
    address = web_server.address(8080)
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            connection = stack.enter_context(socket.create_connection(address, timeout=30))
            connection.sendall(data)
        began = time.monotonic()
        assert send(address, b"GET /model/metadata HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        assert time.monotonic() - began < 10
    assert web_server.logs().count(LOADED) == 1


@pytest.mark.parametrize("path", ["/init", "/run"])
def test_the_platforms_doors_are_closed_in_the_other_mode(web_server: Running, path: str) -> None:
    answer = send(web_server.address(8080), post(path, GOOD), "POST")
    assert answer.status in (404, 405)
    assert web_server.logs().count(LOADED) == 1
