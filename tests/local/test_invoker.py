"""What the platform does with containers, against small real servers that keep the contract or break it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from little_containers import Answer, LittleFactory, after_init, reply, result
from raw_http import RawResponse, message, send
from running_platform import running, wait_until

from modelwhisk.local import Action, LocalPlatform, invoker
from modelwhisk.local.invoker import Activation
from modelwhisk.local.limits import PlatformLimits
from modelwhisk.local.outcome import Status

ERROR_PROCESSING = "There was an error processing your request."
OK = {"statusCode": 200, "body": "ok"}


class Desk:
    """A platform with one action, what was asked of its containers, and how its activations ended."""

    def __init__(self, platform: LocalPlatform, factory: LittleFactory, activations: list[Activation]) -> None:
        self.platform = platform
        self.factory = factory
        self.activations = activations

    def call(self, path: str = "/api/v1/web/guest/default/a", timeout: float = 20) -> RawResponse:
        return send(self.platform.url, message("GET", path, [("Host", "h")]), timeout=timeout)

    def ended(self, count: int) -> list[Activation]:
        """The first `count` activations, once they are written down."""
        wait_until(lambda: len(self.activations) >= count)
        return self.activations

    def lives(self) -> list[list[str]]:
        return [container.life for container in self.factory.started]


@pytest.fixture
def desk() -> Any:
    """`desk(answer, timeout=…, platform={…})` starts one; it ends with the test."""
    contexts = []

    def start(answer: Answer, platform: dict[str, Any] | None = None, **action: Any) -> Desk:
        factory = LittleFactory(answer)
        activations: list[Activation] = []
        settings = {"on_activation": activations.append, **(platform or {})}
        context = running(Action("a", factory, **action), **settings)
        contexts.append(context)
        return Desk(context.__enter__(), factory, activations)

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


def test_init_comes_once_and_each_call_on_a_connection_of_its_own(desk: Any) -> None:
    one = desk(after_init(lambda message: result(OK)))
    assert [one.call().body for _ in range(3)] == [b"ok"] * 3
    assert [received.path for received in one.factory.received] == ["/init", "/run", "/run", "/run"]
    assert len({received.client for received in one.factory.received}) == 4
    assert len(one.factory.started) == 1


def test_the_messages_and_headers_that_a_container_gets(desk: Any) -> None:
    one = desk(
        after_init(lambda message: result(OK)),
        parameters={"n": 1, "caf": "é"},
        init_parameters={"N": None, "B": True, "F": 2, "O": {"a": [1]}, "S": "text"},
        timeout=30_000,
    )
    before = int(time.time() * 1000)
    one.call()
    init, run = one.factory.received
    environment = init.message["value"].pop("env")
    assert init.message == {"value": {"name": "a", "main": "main", "binary": False}}
    assert {name: environment[name] for name in "NBFOS"} == {
        "N": "", "B": "true", "F": "2", "O": '{"a":[1]}', "S": "text"
    }  # fmt: skip
    assert environment["__OW_ACTION_NAME"] == "/guest/a"
    assert environment["__OW_ACTIVATION_ID"] == run.message["activation_id"]
    assert before + 30_000 <= int(environment["__OW_DEADLINE"]) <= int(run.message["deadline"])
    assert run.message.keys() == {
        "value", "namespace", "action_name", "action_version", "activation_id", "transaction_id", "deadline"
    }  # fmt: skip
    assert run.message["value"]["n"] == 1
    assert "S" not in run.message["value"]
    assert "é".encode() in run.body, "not escaped"
    assert b'": ' not in run.body, "compact"
    headers = {name.lower(): value for name, value in run.headers}
    assert headers.pop("host").startswith("127.0.0.1:")
    assert headers.pop("user-agent").startswith("Apache-HttpClient/")
    assert headers == {
        "content-length": str(len(run.body)),
        "content-type": "application/json",
        "accept": "application/json",
        "connection": "Keep-Alive",
        "accept-encoding": "gzip,deflate",
    }


def no_length(message: dict[str, Any]) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"


def chunked(message: dict[str, Any]) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


def silent(message: dict[str, Any]) -> bytes:
    return b""


ABNORMAL = "The action did not produce a valid response and exited unexpectedly."
INVALID = "The action did not produce a valid JSON or JSON Array response"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(no_length, ABNORMAL, id="no Content-Length"),
        pytest.param(chunked, ABNORMAL, id="chunked"),
        pytest.param(lambda message: None, ABNORMAL, id="reset"),
        pytest.param(silent, ABNORMAL, id="closed without an answer"),
        pytest.param(lambda message: b"SSH-2.0-OpenSSH\r\n", ABNORMAL, id="not HTTP"),
        pytest.param(lambda message: reply("{}")[:-1], ABNORMAL, id="half an answer"),
        pytest.param(lambda message: b"HTTP/1.1 204 X\r\n\r\n", ABNORMAL, id="204"),
        pytest.param(lambda message: reply("{}", headers=("Content-Encoding: gzip",)), ABNORMAL, id="gzip"),
        pytest.param(lambda message: reply("3"), f"{INVALID}: 3", id="scalar"),
        pytest.param(lambda message: reply("{bad"), f"{INVALID}: {{bad", id="invalid JSON"),
        pytest.param(lambda message: reply(""), f"{INVALID}.", id="empty"),
        pytest.param(lambda message: reply("oops", 404), f"{INVALID}: oops", id="404"),
        pytest.param(lambda message: reply("[1]", 500), f"{INVALID}: [1]", id="500 array"),
        pytest.param(lambda message: reply('{"error": "x"}', 500), "x", id="500 with an error"),
    ],
)
def test_a_bad_answer_to_run_costs_the_container(desk: Any, answer: Any, error: str) -> None:
    answers = [answer]
    one = desk(after_init(lambda message: answers.pop()(message) if answers else result(OK)))
    response = one.call()
    assert (response.status, json.loads(response.body)["error"]) == (400, ERROR_PROCESSING)
    (activation,) = one.ended(1)
    assert activation.outcome is not None
    assert (activation.outcome.status, activation.outcome.result) == (Status.DEVELOPER_ERROR, {"error": error})
    assert one.lives() == [["destroyed"]]
    assert activation.logs[-1].text == "The action did not initialize or run as expected. Log data might be missing."
    assert one.call().body == b"ok", "in a new container"
    assert len(one.factory.started) == 2


@pytest.mark.parametrize("lacking", [errno.EMFILE, errno.ENOBUFS])
def test_what_this_machine_lacks_costs_no_container(desk: Any, monkeypatch: pytest.MonkeyPatch, lacking: int) -> None:
    """Whoever opens many files would end all models, which are well."""
    one = desk(after_init(lambda message: result(OK)))
    assert one.call().body == b"ok"
    problems = [OSError(lacking, "too many"), OSError(lacking, "too many")]
    connect = asyncio.open_connection

    async def open_connection(*address: Any) -> Any:
        if problems:
            raise problems.pop()
        return await connect(*address)

    monkeypatch.setattr(asyncio, "open_connection", open_connection)
    assert one.call().body == b"ok"
    assert one.lives() == [[]]
    assert not problems


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply("no model", 502), "The action failed during initialization: no model"),
        (reply("", 403), "The action failed during initialization."),
        (reply('{"error": {"a": 1}}', 502), {"a": 1}),
        (no_length({}), "The action did not initialize and exited unexpectedly."),
        (None, "The action did not initialize and exited unexpectedly."),
    ],
)
def test_a_failed_init_is_the_end_of_the_container(desk: Any, answer: Any, error: Any) -> None:
    one = desk(lambda path, message: answer)
    assert one.call().status == 400
    (activation,) = one.ended(1)
    assert activation.outcome is not None
    assert (activation.outcome.status, activation.outcome.result) == (Status.DEVELOPER_ERROR, {"error": error})
    assert [received.path for received in one.factory.received] == ["/init"]
    assert one.lives() == [["destroyed"]]


def test_an_application_error_keeps_the_container_and_only_its_error(desk: Any) -> None:
    one = desk(after_init(lambda message: result({"error": {"statusCode": 422, "body": "no"}, "body": "yes"})))
    assert [(response.status, response.body) for response in (one.call(), one.call())] == [(422, b"no")] * 2
    assert one.ended(1)[0].outcome.status is Status.APPLICATION_ERROR
    assert len(one.factory.started) == 1


def test_a_result_of_one_mebibyte_passes_and_more_is_truncated(desk: Any) -> None:
    size = 1_048_576
    bodies = iter([size, size + 1])
    one = desk(after_init(lambda message: result({"body": "x" * (next(bodies) - len('{"body": ""}'))})))
    assert len(one.call().body) == size - len('{"body": ""}')
    response = one.call()
    assert json.loads(response.body)["error"] == "Response is not valid 'message/http'."
    outcome = one.ended(2)[1].outcome
    text = (
        f"The action produced a response that exceeded the allowed length: {size + 1} > {size} bytes. "
        'The truncated response was: {"body": "xxx'
    )
    assert outcome.status is Status.APPLICATION_ERROR
    assert outcome.result["error"].startswith(text)
    assert len(one.factory.started) == 1, "kept"


def slowly(seconds: float, value: Any = OK) -> Any:
    def answer(message: dict[str, Any]) -> bytes:
        time.sleep(seconds)
        return result(value)

    return answer


def test_a_run_over_its_time_is_an_error_whatever_it_answers(desk: Any) -> None:
    one = desk(after_init(slowly(0.3)), timeout=100)
    assert one.call().status == 400
    (activation,) = one.ended(1)
    assert activation.outcome.result == {"error": "The action exceeded its time limits of 100 milliseconds."}
    assert one.lives() == [["destroyed"]]


def trickle(beginning: bytes) -> Iterator[bytes]:
    yield beginning
    while True:
        time.sleep(0.02)
        yield b"1"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), id="more to come"),
        pytest.param(lambda: itertools.chain([chunked({})[:-5]], itertools.repeat(b"1\r\na\r\n" * 100)), id="chunks"),
        pytest.param(lambda: trickle(b"HTTP/1.1 "), id="a head in a trickle"),
        pytest.param(lambda: trickle(reply("{}").replace(b"h: 2", b"h: 99999")), id="a body in a trickle"),
    ],
)
def test_an_answer_that_does_not_end_is_over_its_time(desk: Any, pieces: Callable[[], Iterator[bytes]]) -> None:
    one = desk(after_init(lambda message: pieces()), timeout=100)
    assert one.call().status == 400
    (activation,) = one.ended(1)
    assert activation.outcome.result == {"error": "The action exceeded its time limits of 100 milliseconds."}
    assert one.lives() == [["destroyed"]]


def test_an_init_over_its_time(desk: Any) -> None:
    one = desk(lambda path, message: slowly(0.3)(message), timeout=100)
    one.call()
    expected = {"error": "The action exceeded its time limits of 100 milliseconds during initialization."}
    assert one.ended(1)[0].outcome.result == expected


def test_503_is_never_answered_and_the_container_goes(desk: Any) -> None:
    one = desk(after_init(lambda message: reply("{}", 503)), platform={"blocking_wait": 0.3})
    response = one.call()
    assert (response.status, json.loads(response.body)["error"]) == (202, "Response not yet ready.")
    assert "x-openwhisk-activation-id" in dict(response.headers)
    assert one.ended(1)[0].outcome is None
    wait_until(lambda: one.lives() == [["destroyed"]])


def test_503s_do_not_use_up_the_calls_that_may_be_at_a_time(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoker, "_STANDARD_TIME", 0)
    monkeypatch.setattr(invoker, "_TIME_ADDED", 0)
    limits = PlatformLimits(concurrent_invocations=1)
    one = desk(after_init(lambda message: reply("{}", 503)), {"blocking_wait": 0.05, "limits": limits}, timeout=100)
    assert one.call().status == 202
    wait_until(lambda: one.call().status == 202)


@pytest.mark.parametrize(("timeout", "seconds"), [(100, 180), (60_000, 180), (300_000, 660)])
def test_how_long_the_platform_waits_for_what_never_comes(timeout: int, seconds: int) -> None:
    assert invoker._time_to_answer(Action("a", LittleFactory(), timeout=timeout)) == seconds


def test_503_after_a_pause_sends_the_call_elsewhere(desk: Any) -> None:
    answers = iter([result(OK), reply("{}", 503), result(OK)])
    one = desk(after_init(lambda message: next(answers)), platform={"idle_pause": 0.02})
    one.call()
    wait_until(lambda: one.lives() == [["paused"]])
    assert one.call().body == b"ok"
    wait_until(lambda: one.lives()[0] == ["paused", "resumed", "destroyed"])
    assert len(one.factory.started) == 2


def test_an_idle_container_is_paused_and_resumed_for_the_next_call(desk: Any) -> None:
    one = desk(after_init(lambda message: result(OK)), platform={"idle_pause": 0.02})
    one.call()
    wait_until(lambda: one.lives() == [["paused"]])
    assert one.call().body == b"ok"
    assert one.lives()[0][:2] == ["paused", "resumed"]
    assert len(one.factory.started) == 1


def test_overlapping_calls_scale_out_to_the_bound_and_then_wait(desk: Any) -> None:
    busy, most, lock = 0, 0, threading.Lock()

    def answer(message: dict[str, Any]) -> bytes:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.1)
        with lock:
            busy -= 1
        return result(OK)

    one = desk(after_init(answer), platform={"max_containers": 2})
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(one.call().body)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b"ok"] * 6
    assert (most, len(one.factory.started)) == (2, 2)


def test_concurrency_shares_a_container(desk: Any) -> None:
    together = threading.Barrier(3, timeout=5)

    def answer(message: dict[str, Any]) -> bytes:
        together.wait()
        return result(OK)

    one = desk(after_init(answer), concurrency=3)
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(one.call().body)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b"ok"] * 3
    assert [received.path for received in one.factory.received].count("/init") == 1
    assert len(one.factory.started) == 1


def test_another_action_takes_the_place_of_an_idle_container() -> None:
    first, second = (LittleFactory(after_init(lambda message: result(OK))) for _ in range(2))
    with running(Action("a", first), Action("b", second), max_containers=1) as platform:
        for name in ("a", "b"):
            path = f"/api/v1/web/guest/default/{name}"
            assert send(platform.url, message("GET", path, [("Host", "h")])).body == b"ok"
        assert [container.life for container in first.started] == [["destroyed"]]


def test_an_action_that_takes_longer_than_the_wait_goes_on(desk: Any) -> None:
    one = desk(after_init(slowly(0.3)), platform={"blocking_wait": 0.1})
    assert one.call().status == 202
    (activation,) = one.ended(1)
    assert activation.outcome.status is Status.SUCCESS


def test_a_container_that_can_not_be_started(desk: Any) -> None:
    from modelwhisk.local.containers import StartFailed

    one = desk(after_init(lambda message: result(OK)))

    async def start(*_: object) -> None:
        raise StartFailed("Failed to pull container image 'x'.", developer=True)

    one.factory.start = start
    assert one.call().status == 400
    (activation,) = one.ended(1)
    assert activation.outcome.result == {"error": "Failed to pull container image 'x'."}


def test_log_lines_are_those_of_their_activation(desk: Any) -> None:
    def answer(message: dict[str, Any]) -> bytes:
        one.factory.started[0].log.add("stdout", message["value"]["__ow_path"])
        return result(OK)

    one = desk(after_init(answer))
    for path in ("/1", "/2"):
        one.call(f"/api/v1/web/guest/default/a{path}")
    assert [[line.text for line in activation.logs] for activation in one.ended(2)] == [["/1"], ["/2"]]


def test_everything_is_removed_at_the_end() -> None:
    factory = LittleFactory(after_init(slowly(0.5)))
    with running(Action("a", factory), max_containers=2) as platform:
        path = "/api/v1/web/guest/default/a"

        def call() -> None:
            with pytest.raises(ConnectionError):
                send(platform.url, message("GET", path, [("Host", "h")]))

        thread = threading.Thread(target=call)
        thread.start()
        wait_until(lambda: len(factory.runs) == 1)
    thread.join()
    assert [container.life for container in factory.started] == [["destroyed"]]
