"""This machine by its names, for which no proxy of the environment is asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelwhisk import this_machine
from modelwhisk.this_machine import is_this_machine

NAMES = [
    "127.0.0.1", "127.9.9.9", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "0", "localhost", "LocalHost.",
    "a.localhost", "ip6-localhost", "::1", "::", "::ffff:127.0.0.1", "127.0.0.1.", "localhost4", "localhost6",
    "localhost.localdomain",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_this_machine(name: str) -> None:
    assert is_this_machine(name)


@pytest.mark.parametrize(
    "name", ["", "10.0.0.1", "128.1", "::2", "localhost.example", "mylocalhost", "1.2.3.4.5", "é", "127.1.é"]
)
def test_names_of_others(name: str) -> None:
    assert not is_this_machine(name)


HOSTS = """
127.0.0.1\tlocalhost
127.0.1.1 box.example.com Box  # as Debian has it
192.168.1.9 printer
# 127.0.0.1 remark
::1 six
127.0.0.1
\xe9
"""


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(this_machine, "_HOSTS", tmp_path / "hosts")
    this_machine._is_listed.cache_clear()
    yield tmp_path / "hosts"
    this_machine._is_listed.cache_clear()


def test_names_that_the_system_lists(hosts: Path) -> None:
    """What was sent to a platform by one of them went to the proxy, with the namespace's key."""
    hosts.write_bytes(HOSTS.encode("latin-1"))
    own = ("box", "BOX.example.com.", "six")
    assert [is_this_machine(name) for name in own] == [True] * 3
    others = ("printer", "remark", "box.example", "example.com", "127.0.1.1x", "")
    assert [is_this_machine(name) for name in others] == [False] * 6


def test_the_machine_s_own_name_where_nothing_is_listed(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Box")
    assert [is_this_machine(name) for name in ("box", "box.example", "")] == [True, False, False]
