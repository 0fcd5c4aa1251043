"""What a deployment changes, without a platform."""

from __future__ import annotations

from typing import Any

import pytest

from modelwhisk.deploy.catalogue import model_name, recommended_memory
from modelwhisk.deploy.failure import Failure
from modelwhisk.deploy.plan import Plan, Wish, lowered_by_refusal, make_plan
from modelwhisk.openwhisk import Action, Limits, NamespaceLimits, Parameter

BOUNDS = NamespaceLimits(max_memory=6144, min_memory=128, max_timeout=300_000, min_timeout=100)
IMAGE = "me/some-model:mw-1"


def as_deployed(plan: Plan) -> Action:
    """The action as the platform returns it after `plan` was sent."""
    body = plan.target.body()
    annotations = [
        {"key": "provide-api-key", "value": False},
        *body["annotations"],
        {"key": "exec", "value": "blackbox"},
    ]
    limits = {"memory": 256, "timeout": 60_000, "logs": 10, "concurrency": 1, **body["limits"]}
    stored: dict[str, Any] = {
        **body,
        "annotations": annotations,
        "limits": limits,
        "parameters": body["parameters"][::-1],
    }
    return Action.from_json({**stored, "name": "m", "namespace": "guest", "version": "0.0.1"})


def test_a_new_action_is_raw_and_has_the_memory_that_its_model_recommends() -> None:
    plan = make_plan(Wish("me/max-ocr:mw-1"), None, BOUNDS)
    assert plan.verb == "created"
    assert plan.target.annotations == {"web-export": True, "raw-http": True, "final": True}
    assert plan.target.limits.to_json() == {"memory": 2048}
    assert plan.warnings == ()
    assert make_plan(Wish(IMAGE), None, BOUNDS).target.limits.memory == 512


def test_the_same_again_changes_nothing() -> None:
    wish = Wish(
        IMAGE,
        web="secure",
        limits=Limits(timeout=10_000),
        parameters=(Parameter("a", 1), Parameter("b", [2], True)),
        annotations={"team": "vision"},
    )
    action = as_deployed(make_plan(wish, None, BOUNDS))
    for again in (wish, Wish(IMAGE), Wish()):
        plan = make_plan(again, action, BOUNDS)
        assert (plan.verb, plan.changes) == ("unchanged", ())
        assert plan.target.annotations["require-whisk-auth"] == action.secret


def test_what_differs_is_named_and_the_rest_stays() -> None:
    first = Wish(IMAGE, parameters=(Parameter("a", 1), Parameter("b", 2)), annotations={"x": 1})
    action = as_deployed(make_plan(first, None, BOUNDS))
    wish = Wish("me/some-model:mw-2", web="true", limits=Limits(memory=1024), parameters=(Parameter("a", 3),))
    plan = make_plan(wish, action, BOUNDS)
    assert plan.changes == (
        "image me/some-model:mw-1 → me/some-model:mw-2",
        "memory 512 → 1024",
        "annotation raw-http",
        "parameter a",
    )
    assert {key: item.value for key, item in plan.target.parameters.items()} == {"a": 3, "b": 2}
    fresh = make_plan(Wish(IMAGE, fresh=True), action, BOUNDS)
    assert fresh.changes == ("annotation x", "parameter a", "parameter b")


def test_secrets() -> None:
    made = as_deployed(make_plan(Wish(IMAGE, web="secure"), None, BOUNDS))
    assert made.web == "secure"
    assert len(made.secret or "") >= 32
    given = make_plan(Wish(secret="mine"), made, BOUNDS)
    assert given.target.annotations["require-whisk-auth"] == "mine"
    opened = as_deployed(make_plan(Wish(web="raw"), made, BOUNDS))
    assert (opened.web, opened.secret) == ("raw", None)
    assert as_deployed(make_plan(Wish(web="no"), made, BOUNDS)).web == "no"
    with pytest.raises(Failure, match="--web secure only"):
        make_plan(Wish(IMAGE, web="true", secret="x"), None, BOUNDS)
    for secret in ("\u4e00", "a\r\nx: y", "\xe4"):
        with pytest.raises(Failure, match="characters that no header can have"):
            make_plan(Wish(IMAGE, web="secure", secret=secret), None, BOUNDS)


def test_defaults_are_lowered_and_wishes_are_not() -> None:
    bounds = NamespaceLimits(max_memory=512)
    plan = make_plan(Wish("me/max-ocr:1"), None, bounds)
    assert plan.target.limits.memory == 512
    assert "memory lowered from 2048 to 512 MB" in plan.warnings[0]
    with pytest.raises(Failure, match="4096 MB of memory is more than this platform allows: 512") as caught:
        make_plan(Wish("me/max-ocr:1", limits=Limits(memory=4096)), None, bounds)
    assert "-m 512" in caught.value.advice
    with pytest.raises(Failure, match="less than this platform allows: 128"):
        make_plan(Wish(IMAGE, limits=Limits(memory=64)), None, BOUNDS)


def test_limits_are_learnt_from_the_refusal() -> None:
    refusal = "requirement failed: memory size 2048 MB exceeds allowed threshold of 512 MB"
    wish = Wish("me/max-ocr:1")
    plan = make_plan(wish, None, NamespaceLimits())
    lowered = lowered_by_refusal(plan, wish, refusal)
    assert lowered is not None
    assert lowered.target.limits.memory == 512
    assert "lowered from 2048 to 512" in lowered.warnings[0]
    asked = Wish("me/max-ocr:1", limits=Limits(timeout=9_999_999))
    slow = "requirement failed: duration 9999999 milliseconds exceeds allowed threshold of 300000 milliseconds"
    with pytest.raises(Failure, match="9999999 ms of timeout is more than this platform allows: 300000"):
        lowered_by_refusal(plan, asked, slow)
    with pytest.raises(Failure, match="is less than this platform allows: 128"):
        lowered_by_refusal(plan, wish, "requirement failed: memory size 64 MB below allowed threshold of 128 MB")
    assert lowered_by_refusal(plan, wish, "The request content was malformed") is None


def test_an_image_is_needed_once_and_should_have_a_version() -> None:
    with pytest.raises(Failure, match="an image is needed"):
        make_plan(Wish(), None, BOUNDS)
    for image, warned in (("me/x", True), ("host:5000/me/x", True), ("me/x:latest", True), ("me/x@sha256:1", False)):
        assert bool(make_plan(Wish(image), None, BOUNDS).warnings) is warned


def test_the_catalogue_knows_images_by_their_name() -> None:
    assert model_name("host:5000/me/max-ocr:mw-1@sha256:2") == "max-ocr"
    assert recommended_memory("quay.io/codait/max-nested-named-entity-tagger") == 12288
    assert recommended_memory("codait/max-codenet-code-complexity") is None
