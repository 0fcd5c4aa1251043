"""What takes long is done aside from the event loop, and all other callers go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from little_containers import LittleFactory, after_init, reply, result
from raw_http import message, send
from rest_client import IMAGE, Desk
from running_platform import running

from modelwhisk.local import Action, spray_json, web_annotations
from modelwhisk.local.aside import aside
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.spray_json_parser import explain

LONG = 100_000  # bytes
BAD = b'{"a": "' + b"x" * LONG


def where(*given: Any) -> tuple[int, tuple[Any, ...]]:
    return threading.get_ident(), given


def fail() -> None:
    raise LookupError("not there")


def test_only_what_is_long_has_a_thread_of_its_own() -> None:
    here = threading.get_ident()
    assert asyncio.run(aside(100, where, 1, 2)) == (here, (1, 2))
    thread, given = asyncio.run(aside(LONG, where, 1, 2))
    assert (thread != here, given) == (True, (1, 2))
    for size in (100, LONG):
        with pytest.raises(LookupError, match="not there"):
            asyncio.run(aside(size, fail))


def test_one_at_a_time_is_worked_on() -> None:
    running_now, most = [0], [0]

    def work() -> None:
        running_now[0] += 1
        most[0] = max(most[0], running_now[0])
        threading.Event().wait(0.01)
        running_now[0] -= 1

    async def all_at_once() -> None:
        await asyncio.gather(*(aside(LONG, work) for _ in range(5)))

    asyncio.run(all_at_once())
    assert most == [1]


def test_nobody_is_kept_by_work_that_nobody_waits_for() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(20)
        ended.set()

    async def leave() -> None:
        task = asyncio.ensure_future(aside(LONG, work))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())  # ends, and the loop is closed, before the work is done
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(20)


class Slow:
    """A parser that takes until it is let go on, or until nobody can be waiting for that any more."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.was_let = False

    def explain(self, *given: Any) -> Any:
        self.begun.set()
        self.was_let = self.go_on.wait(5)
        return explain(*given)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    monkeypatch.setattr(spray_json, "explain", made.explain)
    yield made
    made.go_on.set()


def web_call(desk: Desk) -> int:
    headers = [("Host", "h"), ("Content-Type", "application/json")]
    return send(desk.platform.url, message("POST", "/api/v1/web/guest/default/cooked", headers, BAD)).status


def bad_answer(desk: Desk) -> int:
    return send(desk.platform.url, message("GET", "/api/v1/web/guest/default/bad", [("Host", "h")])).status


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (web_call, 400),
        (lambda desk: desk.ask("PUT", "actions/a", BAD).status, 400),
        (lambda desk: desk.ask("PUT", "packages/a", BAD).status, 400),
        (lambda desk: desk.ask("POST", "actions/cooked", BAD).status, 400),
        (bad_answer, 400),
    ],
    ids=["web call", "action", "package", "invocation", "container's answer"],
)
def test_others_are_answered_while_bad_json_is_read(ask: Callable[[Desk], int], status: int, slow: Slow) -> None:
    def answer(value: dict[str, Any]) -> bytes:
        return reply(BAD) if value["action_name"].endswith("/bad") else result({"body": "ok"})

    factory = LittleFactory(after_init(answer))
    actions = [
        Action("cooked", factory, annotations=web_annotations("true")),
        Action("bad", factory, annotations=web_annotations("raw")),
    ]
    with running(*actions, credentials={GUEST_KEY: "guest"}, images={IMAGE: factory}) as platform:
        desk = Desk(platform, factory)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, desk)
            assert slow.begun.wait(20)
            assert desk.ask("GET", "actions/cooked").status == 200
            slow.go_on.set()
            assert asked.result() == status
    assert slow.was_let, "the others were answered only when it had been read"
