"""Waiting for a model's first answer, on a platform that is busy, slow or forgetful."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from little_openwhisk import KEY, LittleOpenWhisk, Outcome, failed

from modelwhisk.deploy import wait
from modelwhisk.deploy.failure import Failure, NotAnswering
from modelwhisk.deploy.plan import Web, Wish, make_plan
from modelwhisk.deploy.wait import Ready, wait_until_ready
from modelwhisk.openwhisk import NamespaceLimits, OpenWhisk, OpenWhiskError

BOUNDS = NamespaceLimits()


@pytest.fixture
def whisk(platform: LittleOpenWhisk) -> Iterator[OpenWhisk]:
    with OpenWhisk.connect(platform.host, KEY) as client:
        yield client


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RECORD_SECONDS", "_UNKNOWN_SECONDS", "_GRACE_SECONDS"):
        monkeypatch.setattr(wait, name, 0.2)
    monkeypatch.setattr(wait, "_PAUSE_SECONDS", 0.05)


def ready(whisk: OpenWhisk, web: Web = "raw", patience: float = 5) -> tuple[Ready, list[str]]:
    """What became of an action of that kind, and what was told while it was waited for."""
    action = whisk.put_action("m", make_plan(Wish("me/m:1", web=web), None, BOUNDS).target.body())
    told: list[str] = []
    return wait_until_ready(whisk, action, BOUNDS, patience, told.append), told


def error(words: str) -> dict[str, str]:
    return {"error": words, "code": "x"}


def test_a_busy_platform_is_asked_again(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    busy = error("Too many requests in the last minute (count: 61, allowed: 60).")
    unknown = error("The requested resource does not exist.")
    platform.refusals["GET web/m"] = [(404, unknown), (429, busy), (503, error("no"))]
    result, told = ready(whisk)
    assert result.status == 200
    assert "the namespace's quota is used up; waiting for the next minute" in told


def test_it_is_asked_again_only_for_so_long(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    platform.refusals["GET web/m"] = [(503, error("no"))] * 100
    with pytest.raises(NotAnswering, match="m didn't answer within"):
        ready(whisk, patience=0.3)
    platform.refusals["GET web/m"] = [(404, error("The requested resource does not exist."))] * 100
    with pytest.raises(NotAnswering, match="answered 404"):
        ready(whisk)


def test_what_will_not_change_is_not_waited_for(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    platform.refusals["GET web/m"] = [(401, error("Authentication is possible"))]
    with pytest.raises(Failure, match=r"The platform refuses .* \(401\)"):
        ready(whisk)
    platform.refusals["GET web/m"] = [(405, error("HTTP method not allowed"))]
    with pytest.raises(NotAnswering, match=r"answered 405: .*not allowed"):
        ready(whisk)


def test_a_platform_without_records_is_taken_at_its_response(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    platform.keeps_records = False
    assert ready(whisk)[0].init_milliseconds is None
    platform.models["m"] = lambda *_: failed("boom")
    with pytest.raises(NotAnswering, match=r"it answered 400: .*There was an error processing"):
        ready(whisk)
    platform.models["m"] = lambda *_: Outcome(web=(500, b"no model", "text/plain; charset=undefined"))
    with pytest.raises(NotAnswering, match="it answered 500: no model"):
        ready(whisk)
    platform.models["m"] = lambda *_: Outcome(late=0.1)
    with pytest.raises(NotAnswering, match="didn't answer within"):
        ready(whisk, patience=0.5)


def test_a_call_that_hangs_ends_with_the_patience(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    def hang(*_: object) -> Outcome:
        time.sleep(1)
        return Outcome()

    platform.models["m"] = hang
    for web in ("raw", "no"):
        with pytest.raises(NotAnswering, match="didn't answer within"):
            ready(whisk, web, patience=0.1)  # type: ignore[arg-type]


def test_an_invocation_waits_as_told(
    whisk: OpenWhisk, platform: LittleOpenWhisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = (429, error("Too many concurrent requests in flight (count: 31, allowed: 30)."))
    platform.refusals["POST actions/m"] = [busy]
    result, told = ready(whisk, "no")
    assert result.seconds >= 1
    assert busy[1]["error"] in told
    platform.refusals["POST actions/m"] = [busy]
    with pytest.raises(OpenWhiskError, match="try again in 1 s"):
        ready(whisk, "no", patience=0.5)


def test_an_invocation_that_takes_long_is_waited_for(whisk: OpenWhisk, platform: LittleOpenWhisk) -> None:
    platform.models["m"] = lambda *_: Outcome(late=0.3, init=7)
    assert ready(whisk, "no")[0].init_milliseconds == 7
    platform.models["m"] = lambda *_: failed("The action exhausted its memory and was aborted.")
    with pytest.raises(NotAnswering, match="exhausted its memory") as caught:
        ready(whisk, "no")
    assert "`modelwhisk deploy m -m 1024` gives it more" in caught.value.advice
