"""What is sent again, what is waited for, what isn't: against a server that misbehaves as told."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace

import httpx
import pytest
from flaky_platform import CALM, STORM, flaky_platform

from modelwhisk import AsyncModel, Model
from modelwhisk.client import ModelError, NotReady, Unreachable
from modelwhisk.client import exchange as exchange_module
from modelwhisk.client.answers import Reply
from modelwhisk.client.exchange import Ask, Policy, Send, Sent, exchange, follow
from modelwhisk.client.transport import AsyncTransport, SyncTransport
from modelwhisk.invoke import plain
from modelwhisk.openwhisk import OpenWhiskError


@pytest.fixture
def platform(monkeypatch):
    with flaky_platform(CALM) as started:
        for name, value in started.variables.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.mark.parametrize("fate", ["busy", "not ready"])
def test_waiting_is_no_failure(platform, fate):
    platform.script = [fate]
    assert Model(platform.url)(n=7) == {"square": 49}
    assert platform.answered()[7] == 1


@pytest.mark.parametrize("fate", ["gateway", "reset", "torn"])
def test_what_may_have_run_is_not_sent_again_unless_asked(platform, fate):
    platform.script = [fate]
    with pytest.raises((ModelError, Unreachable)):
        Model(platform.url)(n=7)
    assert platform.done == [(7, fate)]
    platform.script = [fate]
    assert Model(platform.url, retry=True)(n=7) == {"square": 49}


def test_a_models_own_failure_is_final(platform):
    platform.script = ["broken"]
    with pytest.raises(ModelError, match="500: Internal Server Error"):
        Model(platform.url, retry=True)(n=7)


def test_not_ready_without_credentials(platform, monkeypatch):
    monkeypatch.delenv("WHISK_AUTH")
    platform.script = ["not ready"]
    with pytest.raises(NotReady, match="WHISK_AUTH") as caught:
        Model(platform.url)(n=7)
    assert caught.value.activation
    assert platform.done == [(7, "not ready")]  # not sent again: it runs


def test_the_key_goes_to_its_own_host_only(platform, monkeypatch):
    monkeypatch.setenv("WHISK_APIHOST", "http://localhost:1")
    platform.script = ["not ready"]
    with pytest.raises(NotReady):
        Model(platform.url)(n=7)
    assert not platform.polls


def test_map_gets_them_all(platform):
    platform.fates = STORM
    answers = list(Model(platform.url).map(range(60), jobs=8))
    assert answers == [{"square": n * n} for n in range(60)]
    assert set(platform.answered().values()) == {1}


def test_map_of_asyncio_gets_them_all(platform):
    platform.fates = STORM

    async def all_of_them():
        async with AsyncModel(platform.url) as model:
            return [answer async for answer in model.map(range(60), jobs=8)]

    assert asyncio.run(all_of_them()) == [{"square": n * n} for n in range(60)]
    assert set(platform.answered().values()) == {1}


def carried_out(steps, kind, came):
    """How many steps of a kind there are, each of which comes back as `came`, and what they lead to."""
    count, back = 0, None
    try:
        while True:
            step = steps.send(back)
            count += isinstance(step, kind)
            back = came if isinstance(step, kind) else None
    except StopIteration as end:
        return count, end.value
    except NotReady as problem:
        return count, problem


def test_what_an_answer_takes_counts_as_waiting():
    """Of a platform's 429s, each of which took minutes, nearly a thousand were waited for."""
    busy = httpx.Response(429, headers={"Retry-After": "0"})
    steps = exchange(httpx.Request("POST", "http://x"), Policy(patience=120), None)
    sent, reply = carried_out(steps, Send, Sent(busy, None, 50.0))
    assert (sent, reply.status) == (3, 429)


def test_what_the_record_takes_counts_as_waiting(monkeypatch):
    clock = itertools.count(0, 100)
    monkeypatch.setattr(exchange_module.time, "monotonic", lambda: next(clock))
    steps = follow(Reply(202, httpx.Headers(), b"", "a"), Policy(polling=600), lambda activation: None)
    asked, problem = carried_out(steps, Ask, None)
    assert asked == 6
    assert "hasn't ended" in str(problem)


def test_what_a_plain_invocation_s_answers_take_counts_as_waiting(monkeypatch):
    """Of 429s that took three minutes each they were waited for for six hours."""
    clock = itertools.count(0, 50)
    monkeypatch.setattr(plain.time, "monotonic", lambda: next(clock))
    asked = []

    def busy(action, parameters):
        asked.append(action)
        raise OpenWhiskError("busy", status=429, retry_after=0.0)

    with pytest.raises(OpenWhiskError, match="busy"):
        plain.invoke("x", {}, SimpleNamespace(invoke=busy), Policy(patience=120), lambda sleep: None)
    assert len(asked) == 3


@pytest.mark.parametrize("kind", [SyncTransport, AsyncTransport])
def test_no_cookie_of_an_answer_is_kept(kind):
    """5,000 of an answer's, which nobody ever sent, took 30 times their length until `map` was over."""
    transport = kind()
    request = httpx.Request("GET", "http://model.example/")
    answer = httpx.Response(200, headers=[("set-cookie", f"{number}=") for number in range(9)], request=request)
    transport._http.cookies.extract_cookies(answer)
    assert len(transport._http.cookies) == 0
    closed = transport.close()
    if closed is not None:
        asyncio.run(closed)
