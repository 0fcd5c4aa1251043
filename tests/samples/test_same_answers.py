"""Each sample's requests to its own usual server, and through the proxy: raw, `--web true`, plain, as a web server."""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from calls import Call
from exchange import Answer, Case
from written_differences import ADDED_BY_THE_PLATFORM, comparable, no_type_without_a_body, types_are_written_anew

from modelwhisk.local.credentials import GUEST_KEY

SAMPLES = [
    path.stem.removeprefix("corpus_").replace("_", "-") for path in sorted(Path(__file__).parent.glob("corpus_*.py"))
]
CORPORA = {sample: importlib.import_module(f"corpus_{sample.replace('-', '_')}") for sample in SAMPLES}
MODES = ("raw", "cooked", "web")


def case_of(call: Call, path: str) -> Case:
    body = call.body if call.body or call.method in ("POST", "PUT", "PATCH") else None
    return Case(call.name, call.method, path, tuple(call.headers.items()), body)


def parameters() -> Iterator[Any]:
    for sample, corpus in CORPORA.items():
        for call in corpus.CALLS:
            for mode in MODES:
                if mode != "cooked" or call.cooked:
                    yield pytest.param(sample, mode, call, id=f"{sample}-{mode}-{call.name}")


def seen_from(answer: Answer, mount: str) -> Answer:
    """The answer as seen from the model's own root: an action's links begin with its public path."""
    if not mount:
        return answer
    headers = tuple((name, value.replace(mount, "")) for name, value in answer.headers)
    return answer.but(headers=headers, body=answer.body.replace(mount.encode(), b""))


@pytest.mark.parametrize(("sample", "mode", "call"), list(parameters()))
def test_same_answer(sample: str, mode: str, call: Call, sides: Callable[[str], Any]) -> None:
    both = sides(sample)
    usual = both.usual(case_of(call, call.path or call.usual_path or "/"))
    ours_path = call.path if mode != "web" or call.path else call.usual_path or "/"
    ours = seen_from(both.modes[mode](case_of(call, ours_path)), both.mounts[mode])
    ignored = ADDED_BY_THE_PLATFORM if mode != "web" else ()
    if mode != "web":
        case = case_of(call, call.path)
        usual = no_type_without_a_body(case, "", types_are_written_anew(case, "", usual))
    same = getattr(both.corpus, "same", lambda one, other: one == other)
    status, headers, body = comparable(ours, "transfer-encoding", *ignored)
    usual_status, usual_headers, usual_body = comparable(usual, "transfer-encoding", *ignored)
    assert status == usual_status, (ours, usual)
    assert headers == usual_headers
    assert body == usual_body or same(body, usual_body)


PLAIN = [
    pytest.param(sample, call, id=f"{sample}-{call.name}")
    for sample, corpus in CORPORA.items()
    for call in corpus.CALLS
    if call.plain is not None
]


@pytest.mark.parametrize(("sample", "call"), PLAIN)
def test_a_plain_call(sample: str, call: Call, sides: Callable[[str], Any]) -> None:
    both = sides(sample)
    usual = both.usual(case_of(call, call.path or call.usual_path or "/"))
    answer = requests.post(
        f"{both.platform}/api/v1/namespaces/_/actions/{both.action}?blocking=true&result=true",
        json=call.plain,
        auth=tuple(GUEST_KEY.split(":")),
        timeout=60,
    )
    result = answer.json()
    same = getattr(both.corpus, "same", lambda one, other: one == other)
    if usual.status >= 400:
        result = result["error"]
    if isinstance(result, dict) and "statusCode" in result:
        assert result["statusCode"] == usual.status
        text = result.get("body", "")
        bodies = [json.dumps(text).encode() if not isinstance(text, str) else text.encode()]
        if isinstance(text, str):
            with contextlib.suppress(ValueError):  # it is text
                bodies.append(base64.b64decode(text + "===", validate=False))
        assert any(
            body == usual.body or same(body, usual.body) or _as_json(body) == _as_json(usual.body) for body in bodies
        )
    else:
        body = json.dumps(result).encode()
        assert result == _as_json(usual.body) or same(body, usual.body)


def _as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_sample_is_asked_enough(sample: str) -> None:
    calls = CORPORA[sample].CALLS
    assert len({call.name for call in calls}) == len(calls) >= 30
    assert any(call.plain is not None for call in calls)
