"""`modelwhisk deploy` against a platform that answers in OpenWhisk's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from little_openwhisk import KEY, LittleOpenWhisk, Outcome, Run, failed

from modelwhisk.deploy import curl_line
from modelwhisk.openwhisk import Action, OpenWhisk, Settings

IMAGE = "me/max-emotion:mw-1"
SWAGGER = {
    "swagger": "2.0",
    "paths": {"/model/predict": {"post": {"parameters": [{"name": "image", "in": "formData", "type": "file"}]}}},
}


def emotion(path: str, headers: dict[str, Any]) -> Outcome:
    """A model as it should be, cold at each call."""
    body = SWAGGER if path == "/swagger.json" else {"id": "emotion"}
    return Outcome(web=(200, json.dumps(body).encode(), "application/json"), init=1234)


@pytest.fixture(autouse=True)
def model(platform: LittleOpenWhisk) -> None:
    platform.models["emotion"] = emotion


def test_a_model_is_deployed_and_answers(run: Run, platform: LittleOpenWhisk) -> None:
    output = run("deploy", "emotion", IMAGE).stdout
    assert "created   emotion  me/max-emotion:mw-1  web raw, 512 MB, 60 s" in output
    assert "1.2 s of it loading" in output
    assert f"URL       {platform.host}/api/v1/web/guest/default/emotion\n" in output
    assert output.splitlines()[-1].endswith(
        f"curl -F 'image=@-;filename=sample.png;type=image/png' {platform.host}/api/v1/web/guest/default/emotion"
    )
    asked = [(one.method, one.path) for one in platform.asked if "web" in one.path]
    assert asked == [
        ("GET", "/api/v1/web/guest/default/emotion/model/metadata"),
        ("GET", "/api/v1/web/guest/default/emotion/swagger.json"),
    ]


def test_again_it_is_unchanged(run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk) -> None:
    options = ("-p", "a=1", "--init", "b=[2]", "-t", "30000", "--web", "secure", "-a", "team=vision")
    first = run_json("deploy", "emotion", IMAGE, *options)
    assert first["result"] == "created"
    assert first["secret"] in first["curl"]
    assert first["limits"]["timeout"] == 30_000
    again = run_json("deploy", "emotion", IMAGE, *options)
    assert (again["result"], again["changes"], again["secret"]) == ("unchanged", [], first["secret"])
    assert run_json("deploy", "emotion")["result"] == "unchanged"
    assert len(platform.puts()) == 1
    assert "unchanged emotion" in run("deploy", "emotion").stdout
    assert run_json("deploy", "emotion", "--force")["version"] == "0.0.2"
    changed = run_json("deploy", "emotion", "-m", "1024")
    assert (changed["result"], changed["changes"]) == ("updated", ["memory 512 → 1024"])
    assert [item["key"] for item in platform.actions["emotion"]["parameters"]] == ["b", "a"]


def test_not_a_web_action_is_invoked(run: Run, platform: LittleOpenWhisk) -> None:
    refusal = {"error": {"statusCode": 400, "body": "no image"}}
    platform.models["emotion"] = lambda path, value: Outcome("application error", refusal)
    output = run("deploy", "emotion", IMAGE, "--web", "no").stdout
    assert "answers" in output
    assert "modelwhisk invoke emotion" in output
    assert platform.actions["emotion"]["annotations"][0] == {"key": "web-export", "value": False}


def with_key(path: str, headers: dict[str, Any]) -> Outcome:
    return emotion(path, headers) if "authorization" in headers else failed("no key")


def test_a_key_is_asked_for_where_the_action_wants_one(
    run_json: Callable[..., Any], platform: LittleOpenWhisk, tmp_path: Path
) -> None:
    platform.models["emotion"] = with_key
    (tmp_path / ".wskprops").write_text(f"APIHOST={platform.host}/\nAUTH={KEY}\n")
    made = run_json("deploy", "emotion", IMAGE, "-a", "require-whisk-auth=true")
    assert " -K <(sed " in made["curl"]


@pytest.mark.parametrize("properties", ["APIHOST=other.example\nAUTH={key}\n", "APIHOST={host}\nAUTH=other:key\n", ""])
def test_no_platform_gets_the_key_that_the_properties_file_has_for_another(
    run: Run, platform: LittleOpenWhisk, tmp_path: Path, properties: str
) -> None:
    """A platform that said `require-whisk-auth` of its own accord got it, by the line that is there to be pasted."""
    platform.models["emotion"] = with_key
    (tmp_path / ".wskprops").write_text(properties.format(host=platform.host, key=KEY))
    line, note = run("deploy", "emotion", IMAGE, "-a", "require-whisk-auth=true").stdout.splitlines()[-2:]
    assert line.startswith("curl -u USER -F ") or " | curl -u USER -F " in line
    assert "wskprops" not in line
    assert note == "USER is what the namespace's key has before its colon; curl asks for the rest"


def test_no_action_of_another_namespace_gets_the_key_by_the_line(platform: LittleOpenWhisk, tmp_path: Path) -> None:
    (tmp_path / ".wskprops").write_text(f"APIHOST={platform.host}\nAUTH={KEY}\n")
    described = {"name": "a", "namespace": "team", "annotations": [{"key": "require-whisk-auth", "value": True}]}
    with OpenWhisk(Settings.find()) as whisk:
        assert "-K" not in curl_line.ask(whisk, Action.from_json(described)).command
        assert " -K <(sed " in curl_line.ask(whisk, Action.from_json({**described, "namespace": "guest"})).command


# Failures: each one message that says what to do


def refused(run: Run, *arguments: str, status: int = 1) -> str:
    result = run("deploy", *arguments, status=status)
    assert result.stdout == "" or status == 3
    return " ".join(result.stderr.split())


def test_a_wrong_key(run: Run) -> None:
    assert "The supplied authentication is invalid (401)" in refused(run, "emotion", IMAGE, "-u", "wrong:key")
    assert "know the key from --auth. Check AUTH" in refused(run, "emotion", IMAGE, "-u", "wrong:key")


def test_no_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHISK_APIHOST")
    assert "No OpenWhisk is set. Give --host" in refused(run, "emotion", IMAGE)


def test_a_new_action_needs_an_image(run: Run) -> None:
    assert "an image is needed" in refused(run, "emotion")


def test_too_much_memory(run: Run, platform: LittleOpenWhisk) -> None:
    assert "more than this platform allows: 6144. Give -m 6144 or less" in refused(run, "emotion", IMAGE, "-m", "9999")
    assert platform.puts() == []
    platform.limits = (
        404,
        {"error": "The requested resource does not exist.", "code": "x"},
    )  # as older platforms have it
    message = {"error": "requirement failed: memory size 9999 MB exceeds allowed threshold of 512 MB", "code": "x"}
    platform.refusals["PUT actions/emotion"] = [(400, message)]
    assert "more than this platform allows: 512. Give -m 512 or less" in refused(run, "emotion", IMAGE, "-m", "9999")


def test_a_default_that_is_too_much_is_lowered(run: Run, platform: LittleOpenWhisk) -> None:
    platform.limits = (404, {"error": "The requested resource does not exist.", "code": "x"})
    message = {"error": "requirement failed: memory size 2048 MB exceeds allowed threshold of 512 MB", "code": "x"}
    platform.refusals["PUT actions/emotion"] = [(400, message)]
    result = run("deploy", "emotion", "me/max-ocr:1")
    assert "warning: memory lowered from 2048 to 512 MB" in result.stderr
    assert platform.actions["emotion"]["limits"]["memory"] == 512


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Failed to pull container image 'me/max-emotion:mw-1'.", "docker pull me/max-emotion:mw-1"),
        ("The action exhausted its memory and was aborted.", "modelwhisk deploy emotion -m 1024"),
        (
            "The action exceeded its time limits of 60000 milliseconds during initialization.",
            "modelwhisk deploy emotion -t 120000",
        ),
        ("The action did not initialize and exited unexpectedly.", "The model didn't load; its log says why."),
        ("The action failed during initialization: weights.h5 not found", "modelwhisk local me/max-emotion:mw-1"),
        ("The action did not produce a valid response and exited unexpectedly.", "The model's process ended"),
        ("Failed to provision resources to run the action.", "no room for a container of 512 MB"),
        ("executable file not found in image me/x", "Wrap the model with build.sh"),
        ("something new", "The model's log says why."),
    ],
)
@pytest.mark.parametrize("late", [None, 0.1])
def test_a_model_that_fails(run: Run, platform: LittleOpenWhisk, message: str, advice: str, late: float | None) -> None:
    log = [f"line {number}" for number in range(30)]
    platform.models["emotion"] = lambda *_: failed(message, *log, late=late)
    said = refused(run, "emotion", IMAGE, status=3)
    assert said.startswith(f"Error: emotion doesn't answer: {message} ")
    assert advice in said
    assert "line 10 line 11" in said
    assert "line 9 " not in said
    assert said.endswith(f"Activation {platform.activations[-1]['activationId']}")


def test_an_image_that_is_not_wrapped(run: Run, platform: LittleOpenWhisk) -> None:
    message = "The action exceeded its time limits of 60000 milliseconds during initialization."
    platform.models["emotion"] = lambda *_: failed(message, " * Running on http://0.0.0.0:5000/ (Press CTRL+C to quit)")
    assert "The image isn't wrapped" in refused(run, "emotion", IMAGE, status=3)


def test_a_model_that_answers_with_an_error_of_its_own(run: Run, platform: LittleOpenWhisk) -> None:
    def outcome(status: int) -> Outcome:
        return Outcome("application error", {"error": {"statusCode": status}}, (status, b"", "text/plain"))

    platform.models["emotion"] = lambda *_: outcome(500)
    assert "emotion doesn't answer: the model answered 500" in refused(run, "emotion", IMAGE, status=3)
    platform.models["emotion"] = lambda *_: outcome(404)
    run("deploy", "emotion", IMAGE)


def test_a_slow_model_is_waited_for(run: Run, platform: LittleOpenWhisk) -> None:
    platform.models["emotion"] = lambda path, headers: Outcome(late=0.7, init=50_000)
    assert "50.0 s of it loading" in run("deploy", "emotion", IMAGE).stdout
    said = refused(run, "emotion", IMAGE, "--wait", "0.2", status=3)
    assert "emotion didn't answer within 0 s. It may still be starting" in said
    run("deploy", "emotion", IMAGE, "--wait", "0")


def test_an_update_that_breaks_says_how_to_go_back(run: Run, platform: LittleOpenWhisk) -> None:
    run("deploy", "emotion", IMAGE)
    platform.models["emotion"] = lambda *_: failed("The action did not initialize and exited unexpectedly.")
    assert f"`modelwhisk deploy emotion {IMAGE}` goes back" in refused(run, "emotion", "me/max-emotion:mw-2", status=3)


def test_failures_are_json_for_machines(run_json: Callable[..., Any], platform: LittleOpenWhisk) -> None:
    platform.models["emotion"] = lambda *_: failed("The action exhausted its memory and was aborted.", "one line")
    failure = run_json("deploy", "emotion", IMAGE, status=3)
    assert failure["error"].endswith("exhausted its memory and was aborted.")
    assert (failure["log"], bool(failure["activation"])) == (["one line"], True)
    assert run_json("deploy", "emotion", IMAGE, "-u", "a:b", status=1)["status"] == 401


def test_what_is_no_docker_action_is_left_alone(run: Run, platform: LittleOpenWhisk) -> None:
    run("deploy", "emotion", IMAGE)
    platform.actions["emotion"]["exec"] = {"kind": "nodejs:20"}
    assert "is no docker action but nodejs:20" in refused(run, "emotion", IMAGE)
    run("deploy", "emotion", IMAGE, "--force")
    assert platform.actions["emotion"]["exec"]["image"] == IMAGE


@pytest.mark.parametrize("name", ["a/b/c", "a?b", "", " a", "/"])
def test_names_are_checked(run: Run, name: str, platform: LittleOpenWhisk) -> None:
    assert "can't be a name of an action" in refused(run, name, IMAGE)
    assert platform.asked == []


# Versions


@pytest.fixture
def versions(run_json: Callable[..., Any], platform: LittleOpenWhisk) -> Any:
    for version in ("v1", "v2", "default"):
        platform.models[f"emotion/{version}"] = emotion
    run_json("deploy", "emotion", IMAGE, "--version", "v1", "-p", "a=1")
    return run_json("deploy", "emotion", "me/max-emotion:mw-2", "--version", "v2", "--default", "v2")


def test_versions_are_side_by_side(
    versions: Any, run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk
) -> None:
    assert versions["url"].endswith("/guest/emotion/v2")
    assert versions["default"] == {"version": "v2", "url": f"{platform.host}/api/v1/web/guest/emotion/default"}
    assert platform.actions["emotion/default"]["exec"]["image"] == "me/max-emotion:mw-2"
    moved = run_json("deploy", "emotion", "--default", "v1")
    assert (moved["name"], moved["image"], moved["result"]) == ("emotion/default", IMAGE, "updated")
    assert platform.actions["emotion/default"]["parameters"] == [{"key": "a", "value": 1}]
    assert run_json("deploy", "emotion", "--default", "v1")["result"] == "unchanged"
    assert run_json("url", "emotion")["url"].endswith("/guest/emotion/default")
    assert run_json("url", "emotion", "--version", "v1")["url"].endswith("/guest/emotion/v1")
    assert "There is no action emotion/v3" in refused(run, "emotion", "--default", "v3")
    assert "names a package already" in refused(run, "a/b", IMAGE, "--version", "v1")
    run("deploy", "emotion", IMAGE, "--default", "v1", status=2)


def test_a_default_stays_where_the_new_version_does_not_answer(
    versions: Any, run: Run, platform: LittleOpenWhisk
) -> None:
    platform.models["emotion/v3"] = lambda *_: failed("The action exhausted its memory and was aborted.")
    run("deploy", "emotion", "me/max-emotion:mw-3", "--version", "v3", "--default", "v3", status=3)
    assert platform.actions["emotion/default"]["exec"]["image"] == "me/max-emotion:mw-2"


def test_a_plain_action_in_the_way_of_versions_is_named(run: Run) -> None:
    run("deploy", "emotion", IMAGE)
    said = refused(run, "emotion", IMAGE, "--version", "v1")
    assert "There is a plain action emotion, which stands in the way" in said
    assert "modelwhisk delete emotion" in said


def test_versions_in_the_way_of_a_plain_action_are_named(versions: Any, run: Run) -> None:
    assert "emotion is a package, with the versions default, v1, v2" in refused(run, "emotion", IMAGE)


def test_what_cannot_be_lowered_is_refused(run: Run, platform: LittleOpenWhisk) -> None:
    platform.refusals["PUT actions/emotion"] = [(400, {"error": "The request content was malformed:\nno", "code": "x"})]
    assert "The request content was malformed" in refused(run, "emotion", IMAGE)
    platform.limits = (500, {"error": "There was an internal server error.", "code": "x"})
    assert "internal server error. (500) The platform itself failed" in refused(run, "emotion", IMAGE)


def test_options_are_key_value_with_json_values(run: Run, platform: LittleOpenWhisk) -> None:
    run("deploy", "emotion", IMAGE, "-p", 'a={"b": 1.5}', "-p", "c=NaN", "-p", "d=x=y", "-p", "e=")
    values = {item["key"]: item["value"] for item in platform.actions["emotion"]["parameters"]}
    assert values == {"a": {"b": 1.5}, "c": "NaN", "d": "x=y", "e": ""}
    run("deploy", "emotion", IMAGE, "-p", "nothing", status=2)


def test_a_most_that_is_used_already_is_no_advice(run: Run, platform: LittleOpenWhisk) -> None:
    platform.models["emotion"] = lambda *_: failed("The action exhausted its memory and was aborted.")
    assert "6144 is the most memory that this platform allows" in refused(run, "emotion", IMAGE, "-m", "6144", status=3)
