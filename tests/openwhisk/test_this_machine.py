"""This machine by its names, for which no proxy of the environment is asked."""

from __future__ import annotations

import pytest

from modelwhisk.this_machine import is_this_machine

NAMES = [
    "127.0.0.1", "127.9.9.9", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "0", "localhost", "LocalHost.",
    "a.localhost", "ip6-localhost", "::1", "::", "::ffff:127.0.0.1", "127.0.0.1.",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_this_machine(name: str) -> None:
    assert is_this_machine(name)


@pytest.mark.parametrize(
    "name", ["", "10.0.0.1", "128.1", "::2", "localhost.example", "mylocalhost", "1.2.3.4.5", "é", "127.1.é"]
)
def test_names_of_others(name: str) -> None:
    assert not is_this_machine(name)
