"""A program and what it starts, ended as one; and never a signal to who has its number after it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from running_platform import wait_until

from modelwhisk.local.process_group import ProcessGroup

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def state_of(pid: int) -> str:
    """As in /proc/PID/stat; "" for what isn't there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def run(script: str, body: Callable[[ProcessGroup], Awaitable[None]]) -> None:
    async def main() -> None:
        group = ProcessGroup(("/bin/sh", "-c", script), Path("/"), {"PATH": os.environ["PATH"]})
        with group.stdout, group.stderr:
            await body(group)
            group.send(signal.SIGKILL)
            await asyncio.wait_for(group.wait(), 20)

    asyncio.run(main())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Each signal that a group was sent, and the state in which its program was."""
    found: list[tuple[int, str]] = []

    def killpg(number: int, kind: int) -> None:
        found.append((kind, state_of(number)))
        kill(number, kind)

    kill = os.killpg
    monkeypatch.setattr(os, "killpg", killpg)
    return found


async def end(group: ProcessGroup) -> None:
    """Waits for the program, whose number nobody had in between."""
    await asyncio.wait_for(group.wait(), 20)
    assert group.returncode == 3


def test_what_it_started_ends_with_it() -> None:
    children = []

    async def body(group: ProcessGroup) -> None:
        children.append(int(group.stdout.readline()))
        assert state_of(children[0])
        await end(group)

    run("sleep 1000 & echo $!; sleep 0.1; exit 3", body)
    wait_until(lambda: state_of(children[0]) in ("", "Z"))


def test_nothing_is_sent_once_another_may_have_its_number(sent: list[tuple[int, str]]) -> None:
    """Any user of the machine can start as many processes as there are numbers, in a second."""

    async def body(group: ProcessGroup) -> None:
        await end(group)
        assert not state_of(group.pid)
        for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL):
            group.send(number)

    run("exit 3", body)
    assert sent == [(signal.SIGKILL, "Z")]


def test_where_an_end_can_not_be_seen_without_taking_the_number(
    sent: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "waitid")
    children = []

    async def body(group: ProcessGroup) -> None:
        children.append(int(group.stdout.readline()))
        await end(group)
        group.send(signal.SIGSTOP)

    run("sleep 1000 & echo $!; sleep 0.1; exit 3", body)
    wait_until(lambda: state_of(children[0]) in ("", "Z"))
    assert sent == [(signal.SIGKILL, "")]


def test_where_no_ended_program_keeps_its_number(sent: list[tuple[int, str]]) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:

        async def body(group: ProcessGroup) -> None:
            await asyncio.wait_for(group.wait(), 20)

        run("exit 3", body)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert sent == []


def test_a_stopped_one_is_ended(sent: list[tuple[int, str]]) -> None:
    async def body(group: ProcessGroup) -> None:
        wait_until(lambda: Path(f"/proc/{group.pid}/comm").read_text() == "sleep\n")
        group.send(signal.SIGSTOP)
        wait_until(lambda: state_of(group.pid) == "T")

    run("exec sleep 1000", body)
    assert [kind for kind, _ in sent] == [signal.SIGSTOP, signal.SIGKILL, signal.SIGKILL]


def test_a_loop_that_has_closed_is_told_nothing() -> None:
    groups = []

    async def main() -> None:
        groups.append(ProcessGroup(("/bin/sh", "-c", "read line"), Path("/"), {}))

    asyncio.run(main())
    with groups[0].stdout, groups[0].stderr:
        groups[0].send(signal.SIGKILL)
        wait_until(lambda: groups[0].returncode is not None)
