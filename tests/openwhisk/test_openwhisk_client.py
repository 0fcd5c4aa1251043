"""The client, over real HTTP."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any

import httpx
import little_openwhisk
import pytest
import requests
import trustme
from little_openwhisk import KEY, VECTORS, LittleOpenWhisk, Outcome, failed, words

from modelwhisk.client.endpoint import resolve
from modelwhisk.client.transport import AsyncTransport, SyncTransport
from modelwhisk.openwhisk import Action, Activation, NotFound, OpenWhisk, OpenWhiskError, Settings, client
from modelwhisk.openwhisk.errors import error_of_exception
from modelwhisk.openwhisk.records import action_body, parameters_of


@pytest.fixture
def whisk(platform: LittleOpenWhisk) -> Iterator[OpenWhisk]:
    with OpenWhisk.connect(platform.host, KEY) as client:
        yield client


BODY = action_body("local/echo:2", {"web-export": True, "raw-http": True}, parameters_of({"a": 1}))


def test_an_action_is_made_updated_read_listed_and_deleted(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    made = whisk.put_action("r1", BODY, overwrite=False)
    assert (made.path, made.version, made.image, made.web) == ("r1", "0.0.1", "local/echo:2", "raw")
    with pytest.raises(OpenWhiskError, match=r"resource already exists \(409\)\n.*delete it first"):
        whisk.put_action("r1", BODY, overwrite=False)
    assert whisk.put_action("r1", BODY).version == "0.0.2"
    assert whisk.get_action("/guest/r1") == whisk.get_action("r1")
    assert whisk.find_action("nope") is None
    assert [action.path for action in whisk.list_actions()] == ["r1"]
    assert whisk.list_actions()[0].image is None
    assert whisk.delete_action("r1").path == "r1"
    with pytest.raises(NotFound):
        whisk.delete_action("r1")


def test_packages(whisk: OpenWhisk) -> None:
    whisk.put_package("p1")
    whisk.put_action("p1/r1", BODY)
    assert [(action.path, action.web_path) for action in whisk.list_actions("p1")] == [("p1/r1", "/guest/p1/r1")]
    with pytest.raises(OpenWhiskError, match="not empty"):
        whisk.delete_package("p1")
    assert whisk.web_url("p1/r1") == whisk.settings.host + "/api/v1/web/guest/p1/r1"
    assert whisk.web_url("/other/a b") == whisk.settings.host + "/api/v1/web/other/default/a%20b"
    assert [package.name for package in whisk.list_packages()] == ["p1"]


def test_long_lists_are_read_to_the_end(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    for number in range(401):
        platform.packages[f"p{number}"] = {"name": f"p{number}", "namespace": "guest"}
    assert len(whisk.list_packages()) == 401


def test_a_platform_that_lists_without_end_is_not_asked_without_end(
    whisk: OpenWhisk, platform: LittleOpenWhisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = itertools.count()

    def page(fresh: bool) -> tuple[int, list[dict[str, str]]]:
        return 200, [{"name": f"p{next(names) if fresh else number}", "namespace": "guest"} for number in range(200)]

    platform.refusals["GET packages/"] = [page(False) for _ in range(50)]
    with pytest.raises(OpenWhiskError, match=r"lists 200 things and then the same again.*\n.*drops `skip`"):
        whisk.list_packages()
    assert len(platform.refusals["GET packages/"]) == 48
    monkeypatch.setattr(client, "_MOST_LISTED", 1000)
    platform.refusals["GET packages/"] = [page(True) for _ in range(50)]
    with pytest.raises(OpenWhiskError, match="lists 1,000 things"):
        whisk.list_packages()
    assert len(platform.refusals["GET packages/"]) == 45


def test_a_list_takes_no_more_memory_than_one_answer(
    whisk: OpenWhisk, platform: LittleOpenWhisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = itertools.count()

    def page() -> tuple[int, list[dict[str, Any]]]:
        note = [{"key": "note", "value": "x" * 5_000}]
        return 200, [{"name": f"p{next(names)}", "namespace": "guest", "annotations": note} for _ in range(200)]

    monkeypatch.setattr(client, "_MOST_KEPT", 12_000_000)  # of text, three copies
    platform.refusals["GET packages/"] = [page() for _ in range(10)]
    with pytest.raises(OpenWhiskError, match=r"lists more than can be kept, after 600 things\.\n.*annotations"):
        whisk.list_packages()
    assert len(platform.refusals["GET packages/"]) == 6


def test_invocations(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    whisk.put_action("r1", BODY)
    platform.models["r1"] = lambda path, value: Outcome(result={"got": value})
    done = whisk.invoke("r1", {"x": 2}, result=True)
    assert (done.status, done.success, done.result, done.activation) == (200, True, {"got": {"x": 2}}, None)
    whole = whisk.invoke("r1", {"x": 2})
    assert whole.activation is not None
    assert (whole.result, whole.activation.success) == ({"got": {"x": 2}}, True)
    later = whisk.invoke("r1", blocking=False)
    assert (later.done, later.result) == (False, None)
    assert whisk.activation(later.activation_id).result == {"got": {}}
    assert whisk.activation_result(later.activation_id) == {"got": {}}
    assert [item.id for item in whisk.list_activations("r1", limit=1)] == [later.activation_id]
    with pytest.raises(NotFound):
        whisk.invoke("nope")


def test_a_failing_action_is_an_answer(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    whisk.put_action("r1", BODY)
    platform.models["r1"] = lambda path, value: failed("status 500", "boom")
    answer = whisk.invoke("r1", result=True)
    assert (answer.status, answer.success, answer.result) == (502, False, {"error": "status 500"})
    record = whisk.invoke("r1").activation
    assert record is not None
    assert record.status == "action developer error"
    assert whisk.activation_logs(record.id) == ["2026-11-21T09:36:34.965974237Z stdout: boom"]


def test_a_record_is_waited_for(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    whisk.put_action("r1", BODY)
    platform.models["r1"] = lambda path, value: Outcome(late=0.6)
    answer = whisk.invoke("r1")
    assert answer.status == 202
    with pytest.raises(NotFound):
        whisk.activation(answer.activation_id)
    assert whisk.activation(answer.activation_id, patience=5).success


def test_limits_and_namespaces(whisk: OpenWhisk) -> None:
    limits = whisk.limits()
    assert (limits.max_memory, limits.max_timeout, limits.min_memory) == (6144, 300_000, 128)
    assert whisk.namespaces() == ["guest"]


@pytest.mark.parametrize("name", ["create", "get", "create in package", "create with a secret", "create not web"])
def test_recorded_actions_are_understood(name: str) -> None:
    body = words(name)[1]
    action = Action.from_json(body)
    assert action.image == "local/echo:2"
    assert action.limits.to_json() == body["limits"]
    assert [parameter.to_json() for parameter in action.parameters] == body["parameters"]
    webs = {"create with a secret": "secure", "create not web": "no"}
    assert action.web == webs.get(name, "raw")


def test_recorded_activations_are_understood() -> None:
    whole = Activation.from_json(words("activation")[1])
    assert (whole.success, whole.init_time, whole.wait_time, whole.memory) == (True, 56, 475, 256)
    listed = [Activation.from_json(item) for item in words("activation list")[1]]
    assert [item.status for item in listed] == ["success", "application error"]
    assert listed[0].path == "guest/r1"


# What each asks for, the recorded answer to it, and what is done with the records that it returns.
ASKED: dict[str, tuple[str, str, Callable[[OpenWhisk], Any]]] = {
    "action": ("GET actions/x", "get", lambda whisk: whisk.get_action("x")),
    "new action": ("PUT actions/x", "create", lambda whisk: whisk.put_action("x", BODY)),
    "deleted action": ("DELETE actions/x", "delete", lambda whisk: whisk.delete_action("x")),
    "actions": ("GET actions/", "list", lambda whisk: whisk.list_actions()),
    "package": ("GET packages/x", "package create", lambda whisk: whisk.get_package("x")),
    "run": ("POST actions/x", "invoke blocking", lambda whisk: whisk.invoke("x").activation),
    "activation": ("GET activations/x", "activation", lambda whisk: whisk.activation("x")),
    "activations": ("GET activations/", "activation list", lambda whisk: whisk.list_activations()),
    "result": ("GET activations/x/result", "activation result", lambda whisk: whisk.activation_result("x")),
    "log": ("GET activations/x/logs", "activation logs", lambda whisk: whisk.activation_logs("x")),
    "limits": ("GET limits/", "limits", lambda whisk: whisk.limits()),
}
GONE = object()
OTHERS = [GONE, None, True, 5, -5, 10**400, "x", [], [None], ["x"], {}, {"key": 1}, {"x": "y"}]


def variants(value: Any, levels: int = 3) -> Iterator[Any]:
    """`value` with each of its parts, itself too, replaced by each of what it shouldn't be."""
    yield from (other for other in OTHERS if other is not GONE)
    keys = value if isinstance(value, dict) else range(len(value[:1])) if isinstance(value, list) else ()
    for key in keys if levels else ():
        for part in [GONE, *variants(value[key], levels - 1)]:
            made = value.copy()
            made[key] = part
            if part is GONE:
                del made[key]
            yield made


def used(record: Any) -> str:
    """All that a record tells."""
    properties = [name for name in dir(type(record)) if isinstance(getattr(type(record), name), property)]
    told = [getattr(record, name) for name in properties]
    times = [time.localtime(getattr(record, name, 0) / 1000) for name in ("start", "updated")]
    return json.dumps([vars(record) if is_dataclass(record) else record, told, times], default=str)


@pytest.mark.parametrize("name", ASKED)
def test_whatever_a_platform_tells_is_a_record_or_an_error_with_a_message(
    name: str, whisk: OpenWhisk, platform: LittleOpenWhisk
) -> None:
    asked, recorded, ask = ASKED[name]
    whole = words(recorded)[1]
    cases = [json.loads(text) for text in dict.fromkeys(json.dumps(case) for case in (whole, *variants(whole)))]
    platform.refusals[asked] = [(200, case) for case in cases]
    outcomes = []
    for case in cases:
        platform.limits = (200, case)
        try:
            found = ask(whisk)
        except OpenWhiskError as problem:
            outcomes.append(str(problem))
        else:
            outcomes.append("")
            assert all(used(record) for record in (found if isinstance(found, list) else [found]))
    assert outcomes[0] == ""
    told = [text for text in outcomes if text]
    assert told
    assert all("answered 200 OK, but what it told can't be used: " in text for text in told)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"name": None}, "name is missing"),
        ({"namespace": 5}, "namespace is not text"),
        ({"limits": {"timeout": "60 s"}}, "timeout is not a whole number"),
        ({"version": "1" * 1_001}, "version has more than 1,000 characters"),
        ({"updated": 10**18}, "updated is not a time"),
        ({"annotations": {"web-export": True}}, "annotations is not a list"),
        ({"parameters": [{"value": 1}]}, "key is missing"),
        ({"name": "\ud800"}, "name is not text"),
        ({"namespace": "me/\ud800"}, "namespace is not text"),
    ],
)
def test_what_is_wrong_with_an_action_is_told(
    changed: dict[str, Any], problem: str, whisk: OpenWhisk, platform: LittleOpenWhisk
) -> None:
    platform.refusals["GET actions/x"] = [(200, {**words("get")[1], **changed})]
    with pytest.raises(OpenWhiskError, match=f"actions/x.*answered 200 OK, but what it told can't be used: {problem}"):
        whisk.get_action("x")


def test_a_key_without_a_namespace_is_told(whisk: OpenWhisk, monkeypatch: pytest.MonkeyPatch) -> None:
    for none in (5, "\ud800"):
        monkeypatch.setattr(little_openwhisk, "NAMESPACE", none)
        with pytest.raises(OpenWhiskError, match="a namespace is not text"):
            whisk.web_url("x")
    monkeypatch.setattr(OpenWhisk, "namespaces", lambda _: [])
    with pytest.raises(OpenWhiskError, match="has no namespace for the key"):
        whisk.web_url("x")


# With a code it is the platform that refuses; without, an action that failed.
REFUSALS = [name for name, vector in VECTORS.items() if "code" in vector["response"]["body"] and words(name)[0] >= 400]


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_keeps_the_platforms_words(name: str, platform: LittleOpenWhisk, whisk: OpenWhisk) -> None:
    status, body = words(name)
    platform.refusals["GET actions/r1"] = [(status, body)]
    with pytest.raises(OpenWhiskError) as caught:
        whisk.get_action("r1")
    assert (caught.value.message, caught.value.status) == (body["error"], status)


def test_a_wrong_key_is_told_with_where_it_comes_from(platform: LittleOpenWhisk) -> None:
    with pytest.raises(OpenWhiskError, match=r"authentication is invalid \(401\)\n.*know the key from --auth"):
        OpenWhisk.connect(platform.host, "wrong:key").namespaces()


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Too many requests in the last minute (count: 61, allowed: 60).", 60),
        ("Too many concurrent requests in flight (count: 31, allowed: 30).", 1),
    ],
)
def test_a_used_up_quota_says_how_long_to_wait(
    words: str, seconds: int, platform: LittleOpenWhisk, whisk: OpenWhisk
) -> None:
    platform.refusals["POST actions/r1"] = [(429, {"error": words, "code": "x"})]
    with pytest.raises(OpenWhiskError, match=f"try again in {seconds} s") as caught:
        whisk.invoke("r1")
    assert caught.value.retry_after == seconds


def test_reading_is_repeated_and_running_is_not(platform: LittleOpenWhisk, whisk: OpenWhisk) -> None:
    unavailable = (503, {"error": "no", "code": "x"})
    platform.refusals = {
        "GET limits/": [unavailable] * 2,
        "POST actions/r1": [unavailable],
        "PUT actions/r1": [unavailable],
    }
    assert whisk.limits().max_memory == 6144
    platform.asked.clear()
    with pytest.raises(OpenWhiskError, match=r"no \(503\)\nThe platform itself failed"):
        whisk.invoke("r1")
    with pytest.raises(OpenWhiskError, match="503"):
        whisk.put_action("r1", BODY)
    assert len(platform.asked) == 2


def test_the_key_does_not_reach_a_model_unasked(platform: LittleOpenWhisk, whisk: OpenWhisk) -> None:
    for annotation, sent in ((None, {}), ("s3cret", {"x-require-whisk-auth"}), (True, {"authorization"})):
        annotations = {"web-export": True, "require-whisk-auth": annotation}
        action = whisk.put_action("r1", action_body("local/echo:2", annotations))
        assert whisk.get_web(action, "/model/metadata").status_code == 200
        assert {"authorization", "x-require-whisk-auth"} & platform.asked[-1].headers.keys() == set(sent)


@pytest.mark.parametrize("secret", ["\u4e00", "a\r\nx: y", "\xe4"])
def test_a_secret_that_no_header_can_have_is_said(platform: LittleOpenWhisk, whisk: OpenWhisk, secret: str) -> None:
    """Another client may have given it; it ended deploy and status with a traceback."""
    action = whisk.put_action("r1", action_body("local/echo:2", {"web-export": True, "require-whisk-auth": secret}))
    platform.asked.clear()
    with pytest.raises(
        OpenWhiskError, match=r"the secret of r1 has characters that no header can have\.\nGive it one of"
    ):
        whisk.get_web(action)
    assert not platform.asked
    with pytest.raises(OpenWhiskError, match="no header can have"):
        resolve("r1", whisk)
    assert {action.path for action in whisk.list_actions()} == {"r1"}


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """A server that sends `content` to whatever it is asked, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(content)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def error_of(host: str) -> str:
    with pytest.raises(OpenWhiskError) as caught:
        OpenWhisk(Settings(host, "a:b")).get_action("x")
    return str(caught.value)


def test_a_proxy_is_not_told_the_key_of_a_platform_on_this_machine(
    platform: LittleOpenWhisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with answering(b"HTTP/1.1 418 A Proxy\r\nContent-Length: 0\r\n\r\n") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy}")
        for name in ("127.0.0.1", "localhost", "0.0.0.0", "127.1"):
            host = platform.host.replace("127.0.0.1", name)
            assert OpenWhisk.connect(host, KEY).namespaces() == ["guest"]
        assert "418 A Proxy" in error_of("http://platform.example"), "others are asked through it"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "0.0.0.0", "127.1"])
def test_a_proxy_is_not_told_what_a_model_on_this_machine_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    model = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with answering(b"HTTP/1.1 418 A Proxy\r\nContent-Length: 0\r\n\r\n") as proxy, model as address:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://{proxy}")
        asked = httpx.Request("GET", f"http://{address.replace('127.0.0.1', name)}/")
        other = httpx.Request("GET", "http://model.example/")

        async def statuses() -> list[int]:
            transport = AsyncTransport()
            found = [(await transport._sent(request)).status_code for request in (asked, other)]
            await transport.close()
            return found

        blocking = SyncTransport()
        assert [blocking._sent(request).status_code for request in (asked, other)] == [200, 418]
        blocking.close()
        assert asyncio.run(statuses()) == [200, 418]


def test_what_is_no_openwhisk_is_named_as_such() -> None:
    page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"
    with answering(page) as address:
        assert "doesn't look like an OpenWhisk" in error_of(f"http://{address}")
        with pytest.raises(OpenWhiskError, match="doesn't look like"):
            OpenWhisk(Settings(f"http://{address}", "a:b")).find_action("x")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") as address:
        assert "doesn't look like an OpenWhisk" in error_of(f"http://{address}")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]") as address:
        assert "answered 200 OK" in error_of(f"http://{address}")
    listed = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with answering(listed) as address, pytest.raises(OpenWhiskError, match="answered 200 OK"):
        OpenWhisk(Settings(f"http://{address}", "a:b")).list_actions()
    moved = b"HTTP/1.1 301 Moved\r\nLocation: https://there/api\r\nContent-Length: 0\r\n\r\n"
    with answering(moved) as address:
        assert error_of(f"http://{address}").endswith("points to as the host: https://there/api")


def test_a_host_without_tls_is_named_as_such() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as address:
        assert f"doesn't speak TLS.\nUse http://{address}" in error_of(f"https://{address}")


def test_a_host_that_is_not_there_is_named_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert f"127.0.0.1:{port} can't be reached: [Errno" in error_of(f"http://127.0.0.1:{port}")
    assert "There is no host https://no-such-host.invalid" in error_of("https://no-such-host.invalid")
    assert "is no address of a host" in error_of("https://a b")


def test_a_proxy_that_can_not_be_used_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for proxy in ("http://u:SECRET@127.0.0.1:x", "ftp://u:SECRET@h:1"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        said = error_of("https://host.invalid")
        assert "HTTPS_PROXY" in said
        assert "SECRET" not in said
    no_socks = requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")
    assert "requests[socks]" in error_of_exception(no_socks, "https://host.invalid").advice


def test_a_connection_that_breaks_is_told() -> None:
    with answering(b"") as address:
        assert "broke" in error_of(f"http://{address}")


def test_a_certificate_of_its_own_needs_insecure(platform: LittleOpenWhisk) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    platform.server.socket = context.wrap_socket(platform.server.socket, server_side=True)
    host = platform.host.replace("http:", "https:")
    assert "can't be verified" in error_of(host)
    assert OpenWhisk.connect(host, KEY, insecure=True).namespaces() == ["guest"]


def test_json_bodies_are_sent_as_such(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    whisk.put_action("r1", BODY)
    asked = platform.puts()[0]
    assert asked.headers["content-type"] == "application/json"
    assert asked.body == json.loads(json.dumps(BODY))
