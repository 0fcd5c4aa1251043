"""list, status, url, logs and delete, against a platform that answers in OpenWhisk's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from little_openwhisk import LittleOpenWhisk, Outcome, Run, failed

from modelwhisk.deploy import logs

IMAGE = "me/max-emotion:mw-1"


@pytest.fixture(autouse=True)
def deployed(run: Run, platform: LittleOpenWhisk) -> None:
    platform.models["emotion"] = lambda *_: Outcome(logs=("2026-11-21T09:36:34.96Z stdout: called",), init=20)
    run("deploy", "emotion", IMAGE)
    run("deploy", "tone", "me/max-tone:mw-1", "--version", "v1", "--web", "no", "-t", "1500")


def test_list(run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk) -> None:
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["name", "image", "web", "memory", "timeout", "version", "updated"]
    assert lines[1].split()[:7] == ["emotion", IMAGE, "raw", "512", "MB", "60", "s"]
    assert lines[2].split()[:7] == ["tone/v1", "me/max-tone:mw-1", "no", "512", "MB", "1.5", "s"]
    facts = run_json("list")
    assert [item["name"] for item in facts] == ["emotion", "tone/v1"]
    assert facts[1]["url"] is None
    platform.actions.clear()
    assert run_json("list") == []
    assert "Nothing is deployed" in run("list").stderr


def test_url(run: Run) -> None:
    assert run("url", "emotion").stdout.startswith("http")
    assert "no web action" in run("url", "tone/v1", status=1).stderr
    assert "There is no action nope" in run("url", "nope", status=1).stderr
    assert "tone has versions and no default" in run("url", "tone", status=1).stderr


def test_status(run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk) -> None:
    platform.models["emotion"] = lambda *_: failed("boom")
    said = run("status", "emotion", "--check", status=3).stderr
    assert "emotion doesn't answer: boom" in said
    text = run("status", "emotion").stdout
    assert "512 MB, 60 s, 1 at a time, 10 MB of log" in text
    assert "action developer error" in text
    assert "1 of 3 failed" in text
    platform.models["emotion"] = lambda *_: Outcome()
    facts = run_json("status", "emotion", "--check", "-n", "1")
    assert facts["seconds"] >= 0
    assert [item["status"] for item in facts["activations"]] == ["success"]
    assert "answers   after" in run("status", "emotion", "--check").stdout
    platform.activations.clear()
    assert "It wasn't called yet" in run("status", "emotion").stdout
    platform.actions["emotion"]["updated"] -= 7_300_000
    assert "0.0.1, 2 h ago" in run("status", "emotion").stdout


def test_logs(run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk) -> None:
    text = run("logs", "emotion").stdout
    assert "cold: 20 ms of loading" in text
    assert text.count("\n  called\n") == 2
    one = platform.activations[0]["activationId"]
    assert run_json("logs", "--activation", one)["logs"] == ["called"]
    run("logs", status=2)


def test_logs_are_followed(run: Run, platform: LittleOpenWhisk, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = [failed("boom", "the last line"), Outcome(logs=("plain",))]

    def pause(seconds: float) -> None:
        if not outcomes:
            raise KeyboardInterrupt
        platform._record("emotion", outcomes.pop(0))

    monkeypatch.setattr(logs, "pause", pause)
    output = run("logs", "emotion", "-f", "-n", "0", "--json", status=130).stdout
    assert [json.loads(line)["logs"] for line in output.splitlines()] == [["the last line"], ["plain"]]


def test_delete(run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk) -> None:
    assert run("delete", "emotion").stdout == "deleted emotion\n"
    assert "There is no action emotion" in run("delete", "emotion", status=1).stderr
    run("deploy", "tone", IMAGE, "--version", "v2", "--wait", "0")
    assert "with the versions v1, v2" in run("delete", "tone", status=1).stderr
    assert run_json("delete", "tone", "--version", "v1") == {"deleted": ["tone/v1"]}
    assert "tone" in platform.packages
    run("delete", "tone", "--version", "v2")
    assert platform.packages == {}
    run("delete", "tone", "--version", "v2", "--all", status=2)


def test_what_was_deleted_meanwhile_is_left_out(
    run: Run, run_json: Callable[..., Any], platform: LittleOpenWhisk
) -> None:
    gone = (404, {"error": "The requested resource does not exist.", "code": "x"})
    platform.refusals["GET actions/emotion"] = [gone]
    assert [item["name"] for item in run_json("list")] == ["tone/v1"]
    first, last = (item["activationId"] for item in platform.activations[:2])
    platform.refusals[f"GET activations/{last}"] = [gone]
    shown = [json.loads(line)["id"] for line in run("logs", "emotion", "--json").stdout.splitlines()]
    assert shown == [first]


def test_a_binding_is_deleted_and_what_it_stands_for_stays(run: Run, platform: LittleOpenWhisk) -> None:
    bound = {"namespace": "guest", "name": "tone"}
    platform.packages["alias"] = {"name": "alias", "namespace": "guest", "binding": bound}
    assert run("delete", "alias", "--all").stdout == "deleted alias\n"
    assert set(platform.packages) == {"tone"}
    assert "tone/v1" in platform.actions


@pytest.mark.parametrize(
    "changed", [{"namespace": "guest", "name": "emotion"}, {"namespace": "me/tone"}, {"name": "../emotion"}]
)
def test_only_the_package_s_own_actions_are_deleted(
    run: Run, platform: LittleOpenWhisk, changed: dict[str, str]
) -> None:
    there = set(platform.actions)
    platform.actions["tone/x"] = {**platform.actions["tone/v1"], **changed}
    run("delete", "tone", "--all", status=1)
    assert set(platform.actions) == {*there, "tone/x"}


def test_delete_all_versions(run: Run, platform: LittleOpenWhisk) -> None:
    run("deploy", "tone", IMAGE, "--version", "v2", "--wait", "0")
    assert sorted(run("delete", "tone", "--all").stdout.split()) == ["deleted", "deleted", "tone/v1", "tone/v2"]
    assert platform.packages == {}
    assert "There is no tone" in run("delete", "tone", "--all", status=1).stderr
    assert run("delete", "emotion", "--all").stdout == "deleted emotion\n"
