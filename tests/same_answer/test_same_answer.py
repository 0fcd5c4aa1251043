"""The same requests to the bare image's own port and to the wrapped image in each of its modes: the same answers.

A difference is a failure unless it is in `written_differences`.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bed import CHECKOUT
from exchange import Answer, Case
from requests_to_models import EVERY_MODEL, ODD, PICTURES, SOUNDS, TABLE
from written_differences import (
    ACTION_MODES,
    ADDED_BY_THE_PLATFORM,
    SHOWN,
    Own,
    Seen,
    comparable,
    expected,
    no_type_without_a_body,
    types_are_written_anew,
)

VECTORS = {
    name: [json.loads(line) for line in (CHECKOUT / "tests" / "vectors" / f"{name}.jsonl").read_text().splitlines()]
    for name in ("requests", "responses")
}
MOST_PUBLISHED = "python:3.7"
# Which models are tried on which era's packages. On the era of most published images each gets all there is; on the
# others the first does, and the next one its own requests in `raw` and `web` mode.
STACKS = {
    "python:3.6": ("max-digit-classifier", "max-language-identifier"),
    MOST_PUBLISHED: ("max-digit-classifier", "max-digit-restorer", "max-language-identifier", "max-sound-generator"),
    "python:3.11": ("max-digit-restorer", "max-sound-generator"),
}


def parameters() -> Iterator[Any]:
    for base, models in STACKS.items():
        for model in models:
            first, all_of_it = model == models[0], model == models[0] or base == MOST_PUBLISHED
            cases = (*TABLE[model], *(EVERY_MODEL if all_of_it else ()), *(ODD if first else ()))
            for case, mode in itertools.product(cases, ("raw", "cooked", "web") if all_of_it else ("raw", "web")):
                yield pytest.param(model, base, mode, case, id=f"{model}-{base}-{mode}-{case.name}")


@pytest.mark.docker
@pytest.mark.parametrize(("model", "base", "mode", "case"), list(parameters()))
def test_same_answer(model: str, base: str, mode: str, case: Case, sides: Callable[[str, str], Any]) -> None:
    both = sides(model, base)
    wanted = expected(case, mode, base, both.mounts[mode], both.bare)
    answer = both.modes[mode](case)
    if isinstance(wanted, Own):
        assert (answer.status, wanted.text in answer.body.decode()) == (wanted.status, True), answer
    else:
        ignored = ADDED_BY_THE_PLATFORM if mode in ACTION_MODES else ()
        assert comparable(answer, *ignored) == comparable(wanted)


PREDICT = {"max-digit-classifier": PICTURES[0], "max-sound-generator": SOUNDS[1]}


@pytest.mark.docker
@pytest.mark.parametrize("mode", ACTION_MODES)
@pytest.mark.parametrize("model", PREDICT)
def test_the_actions_own_url_is_the_models_prediction(model: str, mode: str, sides: Callable[[str, str], Any]) -> None:
    both = sides(model, MOST_PUBLISHED)
    case = PREDICT[model]
    for shorter in ("", ".http", ".http/model/predict"):
        answer = both.modes[mode](case.but(target=case.target.replace("/model/predict", shorter)))
        assert comparable(answer, *ADDED_BY_THE_PLATFORM) == comparable(both.bare(case))


@pytest.mark.docker
@pytest.mark.parametrize("mode", ACTION_MODES)
def test_a_browser_is_sent_to_the_page_where_a_model_has_no_get(mode: str, sides: Callable[[str, str], Any]) -> None:
    both = sides("max-digit-classifier", MOST_PUBLISHED)
    answer = both.modes[mode](Case("browse", target="", headers=(("Accept", "text/html"),)))
    assert (answer.status, answer.header("location")) == (302, both.mounts[mode] + "/")


@pytest.mark.parametrize("model", TABLE)
def test_each_model_is_asked_enough_and_each_thing_once(model: str) -> None:
    cases = (*TABLE[model], *EVERY_MODEL, *ODD)
    assert len({*TABLE[model], *EVERY_MODEL}) >= 40
    assert len({case.name for case in cases}) == len(cases)


def differences() -> list[Any]:
    """Each entry of the list that a case names, with its modes."""
    found: dict[str, tuple[Own | Seen, list[str]]] = {}
    for case in itertools.chain(*TABLE.values(), EVERY_MODEL, ODD):
        for mode in (*ACTION_MODES, "web"):
            if difference := getattr(case, mode):
                modes = found.setdefault(repr(difference), (difference, []))[1]
                modes.extend({mode} - set(modes))
    return [pytest.param(difference, modes, id=text) for text, (difference, modes) in sorted(found.items())]


@pytest.mark.parametrize(("difference", "modes"), differences())
def test_a_record_shows_each_difference_or_a_decision_explains_it(difference: Own | Seen, modes: list[str]) -> None:
    assert bool(difference.vector) is not bool(difference.decided)
    if not difference.vector:
        return
    records = [record for record in VECTORS["requests"] if record["name"] == difference.vector]
    records = [record for record in records if record["mode"] in modes]
    records += [record for record in VECTORS["responses"] if record["name"] == difference.vector]
    assert records
    for record in records:
        response = record.get("response")
        if isinstance(difference, Own):
            assert response["status"] == difference.status
            assert difference.text in base64.b64decode(response["body"]).decode()
        else:
            assert "value" in record


@pytest.mark.parametrize("name", SHOWN)
def test_a_record_shows_what_holds_of_every_answer(name: str) -> None:
    (record,) = [record for record in VECTORS["responses"] if record["name"] == name]
    result, response = record["result"], record["response"]
    sent = Answer(result["statusCode"], tuple(result["headers"].items()), result.get("body", "").encode())
    got = Answer(response["status"], tuple(map(tuple, response["headers"])), base64.b64decode(response["body"]))
    asked = Case(name, record["request"]["method"])
    for step in (types_are_written_anew, no_type_without_a_body):
        sent = step(asked, "", sent)
    assert comparable(sent) == comparable(got, *ADDED_BY_THE_PLATFORM)
