"""What models do to the process that they share with the proxy; where that is their end, the platform goes on."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty import MODEL, RESET, SETTINGS, FaultyProcess, value
from invoker import wire
from raw_http import RawResponse, message, send
from running_platform import running

from modelwhisk.local import Action
from modelwhisk.local.docker_container import DockerFactory
from modelwhisk.local.process_container import ProcessFactory

Start = Callable[..., FaultyProcess]


def deadline_in(seconds: float) -> str:
    return str(round((time.time() + seconds) * 1000))


def test_sleeps_past_the_deadline(proxy: FaultyProcess) -> None:
    assert proxy.failure("/sleep/1", deadline=deadline_in(0.6))[0] == 504
    assert proxy.ask(deadline=deadline_in(30))["calls"] == 2


def test_forks(proxy: FaultyProcess) -> None:
    """A child that leaves the prediction answers nothing and logs nothing."""
    for calls in range(1, 4):
        assert proxy.ask("/fork")["calls"] == calls
    assert proxy.markers() == (3, 3)


def test_changes_directory(proxy: FaultyProcess) -> None:
    proxy.ask("/directory")
    assert proxy.ask()["calls"] == 2


def test_changes_the_environment(proxy: FaultyProcess) -> None:
    proxy.ask("/environment", activation_id="first")
    assert proxy.ask(activation_id="second")["id"] == "second"
    assert proxy.ask()["id"] is None


def test_changes_signal_handlers(proxy: FaultyProcess) -> None:
    """SIGPIPE's default action ends a process that writes to a client which has gone."""
    proxy.ask("/handlers")
    body = json.dumps({"value": value("/sleep/0.5")}).encode()
    for number in range(2):
        with socket.create_connection(proxy.address, 30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(wire(proxy.address, "/run", body))
            time.sleep(0.2)
        assert proxy.ask()["calls"] == 3 + 2 * number
    assert proxy.markers() == (5, 5)


def test_patches_socket(proxy: FaultyProcess) -> None:
    proxy.ask("/patched")
    assert proxy.ask()["calls"] == 2
    assert proxy.failure("/sleep/9")[0] == 500  # the model's own is broken now
    assert proxy.ask()["calls"] == 4


def test_writes_100_megabytes_of_logs(proxy: FaultyProcess) -> None:
    proxy.ask()
    before = resident(proxy)
    assert proxy.ask("/write_logs/100")["calls"] == 2
    assert proxy.markers() == (2, 2)
    assert len(proxy.out) > 100 << 20
    assert resident(proxy) - before < 10_000


def resident(proxy: FaultyProcess) -> int:
    """kB."""
    found = re.search(r"^Rss: +(\d+)", Path(f"/proc/{proxy.process.pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def at_once(proxy: FaultyProcess, path: str, count: int) -> tuple[list[dict[str, Any]], float]:
    """The answers to so many calls at the same time, and the seconds that they took together."""
    answers: list[dict[str, Any]] = []
    began = time.monotonic()
    threads = [
        threading.Thread(target=lambda number=number: answers.append(proxy.ask(path, activation_id=str(number))))
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers, time.monotonic() - began


def test_two_overlapping_runs_where_one_is_allowed(proxy: FaultyProcess) -> None:
    answers, seconds = at_once(proxy, "/sleep/0.3", 2)
    assert sorted(answer["id"] for answer in answers) == ["0", "1"]
    assert sorted(answer["calls"] for answer in answers) == [1, 2]
    assert seconds >= 0.6
    assert proxy.markers() == (2, 2)


def test_two_overlapping_runs_where_eight_are_allowed(start: Start) -> None:
    one = start(MODELPROXY_CONCURRENCY="8")
    one.init()
    answers, _ = at_once(one, "/sleep/0.5", 2)
    assert [answer["calls"] for answer in answers] == [2, 2], "both had begun before one ended"
    assert len(at_once(one, "/sleep/0.1", 20)[0]) == 20
    assert one.markers() == (22, 22)


# --- with the platform's next container as the recovery -----------------------------------------------------------

MOST_LOST = 3  # calls of one fault


def ask(url: str, path: str) -> RawResponse:
    return send(url, message("GET", f"/api/v1/web/guest/default/faulty{path}", [("Host", "h")]), timeout=60)


def calls_after(factory: Any, path: str, timeout: int = 60_000) -> tuple[list[int], dict[str, Any], dict[str, Any]]:
    """Statuses of a call, of the fault (twice, for what only ends a process the second time), and the answers before
    and after it."""
    with running(Action("faulty", factory, timeout=timeout, memory=128)) as platform:
        first = json.loads(ask(platform.url, "/nothing").body)
        statuses = [ask(platform.url, path).status]
        answer = ask(platform.url, "/nothing")
        while answer.status != 200 and len(statuses) < MOST_LOST:
            statuses.append(answer.status)
            answer = ask(platform.url, "/nothing")
        assert answer.status == 200
        return statuses, first, json.loads(answer.body)


@pytest.mark.parametrize("path", ["/leave/0", "/leave/1", "/crash"])
def test_ends_the_process(path: str) -> None:
    statuses, first, then = calls_after(ProcessFactory(MODEL, sys.executable, SETTINGS), path)
    assert statuses == [400], "as the platform answers where an action is gone"
    assert then["pid"] != first["pid"]
    assert then["calls"] == 1


def test_deadlocks() -> None:
    """The caller gets a 504 in time, and so does the next, who finds it still stuck; then the platform starts another,
    at once or where one more call finds nobody there."""
    statuses, first, then = calls_after(ProcessFactory(MODEL, sys.executable, SETTINGS), "/deadlock", 1000)
    assert statuses in ([504, 504], [504, 504, 400])
    assert then["pid"] != first["pid"]


@pytest.mark.docker
def test_leaks_until_the_limit(faulty_image: str) -> None:
    with running(Action("faulty", DockerFactory(faulty_image), memory=128)) as platform:
        found = [ask(platform.url, "/leak/30") for _ in range(6)]
        assert 400 in [one.status for one in found], "the kernel ends it"
        assert [one.status for one in found].count(200) >= 4, "and each time there is another"
        assert json.loads(ask(platform.url, "/nothing").body)["calls"] >= 1


def test_sigterm_after_the_model_took_its_handler(proxy: FaultyProcess) -> None:
    proxy.ask("/handlers")
    proxy.signal(signal.SIGTERM)
    assert proxy.process.wait(20) == -signal.SIGTERM, "as the model wants it"
