"""Upstream's cases on images that bring a model and take no code, each named after where it is from: in README.md.

Those of images that run `main(params)` are in tests/function.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from bed import CHECKOUT, Containers
from invoked_container import InvokedContainer
from invoker import LIMIT, NoResponse

from modelwhisk.local.outcome import ContainerReply, Outcome, Status, of_init, of_run

pytestmark = [pytest.mark.docker, pytest.mark.parametrize("base", ["python:3.6", "python:3.7", "python:3.11"])]

Start = Callable[..., InvokedContainer]

ONLY_ONCE = {"error": "Cannot initialize the action more than once."}
OK = {"ok": True}


def after(reply: Any, of: Callable[[ContainerReply], Outcome]) -> Outcome:
    """What the platform makes of a reply."""
    return of(ContainerReply(reply.status, reply.body.decode(), reply.length if reply.truncated else None))


# --- BasicActionRunnerTests ---------------------------------------------------------------------------------------


def test_basic_1_initialization_with_no_code(start: Start) -> None:
    reply = start().init({"code": "", "main": "", "binary": False, "env": None})
    assert (reply.status, reply.json) == (200, OK)


def test_basic_2_initialization_with_no_content(start: Start) -> None:
    reply = start().init()
    assert (reply.status, reply.json) == (200, OK)


def test_basic_3_function_not_returning_a_json_object(echo: InvokedContainer) -> None:
    reply = echo.run({"text": "not a json object"})
    assert reply.status == 200
    assert (reply.json["statusCode"], reply.json["body"]) == (200, "not a json object")
    assert echo.streams(1) == ("", "")


def test_basic_4_init_a_second_time(echo: InvokedContainer) -> None:
    reply = echo.init({"code": None, "main": "main"})
    assert (reply.status, reply.json) == (403, ONLY_ONCE)
    assert echo.streams(0) == ("", "")
    assert echo.says(ONLY_ONCE["error"])


def test_basic_5_non_standard_entry_point(start: Start) -> None:
    one = start()
    assert one.init({"main": "niam"}).status == 200
    assert one.run({"string": "hello"}).json == {"string": "hello"}
    one.streams(1)


def test_basic_6_echo(echo: InvokedContainer) -> None:
    values: list[Any] = [{"string": "hello"}, {"string": "❄ ☃ ❄"}, {"numbers": [42, 1]}, {"object": {"a": "A"}}]
    for value in values:
        reply = echo.run(value)
        assert (reply.status, reply.json) == (200, value)
    out, err = echo.streams(4)
    assert out.count("hello stdout") == err.count("hello stderr") == 4


def test_basic_7_unicode(base: str, start: Start) -> None:
    # From Python 3.7 on in the image's worst locale too; 3.6 encodes what is printed as the model's own server would.
    one = start({} if base == "python:3.6" else {"LC_ALL": "POSIX"})
    one.init({})
    assert one.run({"delimiter": "❄"}).json == {"winter": "❄ ☃ ❄"}
    assert one.streams(1) == ("❄ ☃ ❄", "")


def test_basic_8_env_before_init(echo: InvokedContainer) -> None:
    assert echo.run({"environment": []}).json["at_load"] == {"SOME_VAR": "xyz", "ANOTHER_VAR": ""}


def test_basic_9_expected_env_variables(echo: InvokedContainer) -> None:
    props = {
        "api_key": "abc",
        "namespace": "zzz",
        "action_name": "xxx",
        "action_version": "0.0.1",
        "activation_id": "iii",
        "deadline": "123",
    }
    expected = {"__OW_" + key.upper(): value for key, value in props.items()}
    reply = echo.run({"environment": ["__OW_API_HOST", *expected]}, **props)
    assert reply.json["seen"] == {"__OW_API_HOST": "https://whisk.example", **expected}
    assert echo.run({"environment": list(expected)}).json["seen"] == dict.fromkeys(expected)


def test_basic_10_large_input(echo: InvokedContainer) -> None:
    value = {"arg": "a" * 1_048_561}
    assert echo.run(value).json == value


# --- ActionProxyContainerTests (runtime-docker) -------------------------------------------------------------------


def test_docker_run_sample_without_init(start: Start) -> None:
    one = start()
    while True:  # /run isn't retried by the invoker, who knows from /init that somebody listens
        try:
            reply = one.post("/run", {})
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    assert (reply.status, reply.json) == (200, {})
    assert "hello stdout" in one.streams(1)[0]


def test_docker_null_init(start: Start) -> None:
    one = start()
    assert one.init({"code": None}).status == 200
    assert (one.post("/run", {}).status, one.post("/run", b"null").status) == (200, 200)
    one.streams(2)


def test_docker_init_that_does_nothing(start: Start) -> None:
    one = start()
    assert one.init().status == 200
    assert one.post("/run", {}).json == {}


def test_docker_bad_run_argument(echo: InvokedContainer) -> None:
    reply = echo.run("A")
    assert reply.status == 200  # upstream's 404 would cost the container its model
    assert "must be an object or an array" in reply.json["error"]
    assert echo.streams(1) == ("", "")


def test_docker_zip_exec(start: Start) -> None:
    reply = start().init({"code": base64.b64encode(b"PK\3\4").decode(), "binary": True})
    assert reply.status == 400
    assert "takes no code" in reply.json["error"]


def test_docker_cwd_is_the_action_location(echo: InvokedContainer) -> None:
    assert echo.run({"environment": []}).json["cwd"] == "/model"


def test_docker_array_result_and_array_input(echo: InvokedContainer) -> None:
    reply = echo.run(["a", "b"])
    assert (reply.status, reply.json) == (200, ["a", "b"])


# --- DockerExampleContainerTests (runtime-docker) -----------------------------------------------------------------


def test_example_run_with_argument(base: str, wrapped_image: Callable[..., str], containers: Containers) -> None:
    """Without init, with an init that does nothing, and with arguments: on a real model."""
    one = InvokedContainer(containers.run(wrapped_image("max-digit-classifier", base)))
    assert one.init().status == 200
    for digit in ("3", "8"):
        picture = base64.b64encode((CHECKOUT / "assets" / f"digit-{digit}.png").read_bytes()).decode()
        reply = one.run({"image": picture})
        assert (reply.status, reply.json["predictions"][0]["label_id"]) == (200, digit)
    one.streams(2)


def test_example_badaction_init_sleeps(start: Start) -> None:
    one = start({"AT_LOAD": "sleep"})
    with pytest.raises(TimeoutError):
        one.init(timeout=2)
    assert one.streams(0, "sleeping") == ("sleeping", "")


def test_example_badaction_init_exits(start: Start) -> None:
    leaving, exiting = start({"AT_LOAD": "leave"}), start({"AT_LOAD": "exit"})
    reply = leaving.init()
    assert reply.status == 502
    assert "SystemExit: 1" in reply.json["error"]
    leaving.streams(1)
    with pytest.raises(NoResponse):  # upstream's proxy is another process than its actions
        exiting.init()
    assert exiting.streams(0, "exit") == ("exit", "")


def test_example_badaction_run_sleeps(start: Start) -> None:
    one = start()
    one.init()
    with pytest.raises(TimeoutError):
        one.run({"do": "sleep"}, timeout=1)
    assert one.streams(0, "sleeping") == ("sleeping", "")


def test_example_badaction_run_exits(start: Start) -> None:
    one = start()
    one.init()
    reply = one.run({"do": "leave"})
    assert reply.status == 200  # upstream's 500 would cost the container its model
    assert "SystemExit" in reply.json["error"]["body"]
    one.streams(1)
    with pytest.raises(NoResponse):
        one.run({"do": "exit"})
    assert one.running.container.wait(timeout=10)["StatusCode"] == 1


# --- PythonBasicTests, PythonAdvancedTests (runtime-python) -------------------------------------------------------


def test_python_action_raises(echo: InvokedContainer) -> None:
    reply = echo.run({"do": "raise"})
    assert (reply.status, reply.json["error"]["statusCode"]) == (200, 500)
    assert "Traceback" in echo.streams(1)[1]


# --- ApacheBlockingContainerClientTests, ActivationResponseTests, ContainerProxyTests, ActionLimitsTests ----------


def test_invoker_every_reply_has_a_length_and_is_neither_chunked_nor_compressed(echo: InvokedContainer) -> None:
    """`post` raises `NoResponse` else; its headers ask for gzip as the platform's do."""
    for path, message in (("/init", {}), ("/run", {"value": {}}), ("/run", b"no JSON"), ("/other", {})):
        reply = echo.post(path, message)
        assert reply.length == len(reply.body) > 0
        assert isinstance(reply.json, dict)


def test_invoker_activation_responses(base: str, echo: InvokedContainer, start: Start) -> None:
    cases = [
        ({"a": 1}, Status.SUCCESS, {"a": 1}),
        (["a"], Status.SUCCESS, ["a"]),
        ("A", Status.APPLICATION_ERROR, None),
        ({"do": "raise"}, Status.APPLICATION_ERROR, None),
    ]
    for value, status, result in cases:
        outcome = after(echo.run(value), of_run)
        assert outcome.status is status
        assert result is None or outcome.result == result
        assert outcome.keeps_container
    failed = after(start({"AT_LOAD": "raise"}).init(), of_init)
    assert failed.status is Status.DEVELOPER_ERROR
    assert "ZeroDivisionError: division by zero" in str(failed.result)


def test_invoker_a_result_of_the_limit_passes_and_a_larger_one_is_explained_not_truncated(
    echo: InvokedContainer,
) -> None:
    around = len(json.dumps({"arg": ""}, separators=(",", ":"))) + 1  # Flask ends its JSON with a line feed
    fits = echo.run({"size": LIMIT - 750})
    assert fits.json == {"arg": "a" * (LIMIT - 750)}
    larger = echo.run({"size": LIMIT + 1 - around + 1})
    assert (larger.status, larger.truncated) == (200, False)
    assert str(LIMIT) in larger.json["error"]["body"]
    assert echo.run({"a": 1}).json == {"a": 1}


def test_invoker_the_container_is_kept_after_an_application_error(echo: InvokedContainer) -> None:
    before = echo.run({"environment": []}).json["pid"]
    for value in ({"do": "raise"}, {"do": "leave"}, "A"):
        assert "error" in echo.run(value).json
    assert echo.run({"environment": []}).json["pid"] == before
    echo.streams(5)


def test_invoker_init_parameters_are_in_the_environment_and_stay(echo: InvokedContainer) -> None:
    for _ in range(2):
        assert echo.run({"environment": ["SOME_VAR"]}).json["seen"] == {"SOME_VAR": "xyz"}


def test_limits_sleep_beyond_the_time_limit(start: Start) -> None:
    one = start()
    one.init()
    began = time.time()
    reply = one.run({"do": "sleep"}, deadline=str(round((began + 2) * 1000)))
    assert reply.json["error"]["statusCode"] == 504
    assert time.time() < began + 2
    one.streams(1)


def test_limits_more_open_files_than_there_may_be(start: Start) -> None:
    one = start(ulimits=[{"Name": "nofile", "Soft": 1024, "Hard": 1024}])
    one.init()
    reply = one.run({"do": "files"})
    assert reply.json["error"]["statusCode"] == 500
    assert "Too many open files" in one.streams(1)[1]
    assert one.run({"a": 1}).json == {"a": 1}


def test_limits_a_memory_hog(start: Start) -> None:
    one = start(mem_limit="128m", memswap_limit="128m")
    one.init()
    with pytest.raises(NoResponse):
        one.run({"do": "memory"})
    one.running.container.wait(timeout=10)
    one.running.container.reload()
    assert one.running.container.attrs["State"]["OOMKilled"]
