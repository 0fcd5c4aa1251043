"""The sample models as web actions of a local platform, each run as a process; no docker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running_platform import running

from modelwhisk.local.actions import Action
from modelwhisk.local.process_container import ProcessFactory

CHECKOUT = Path(__file__).parents[2]
ASSETS = CHECKOUT / "assets"
MODELS = ("digit-classifier", "digit-restorer", "language-identifier", "sound-generator")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@contextmanager
def serving(*names: str, max_containers: int = 4) -> Iterator[dict[str, str]]:
    """The URLs of the models by name, until the block ends."""
    actions = {name: _action(name) for name in names}
    with running(*actions.values(), max_containers=max_containers) as platform:
        yield {name: platform.url_of(action) for name, action in actions.items()}


def _action(name: str) -> Action:
    folder = CHECKOUT / "models" / f"max-{name}"
    return Action(name=folder.name, containers=ProcessFactory(folder))


@pytest.fixture(scope="session")
def models() -> Iterator[dict[str, str]]:
    """The URLs of the sample models by name."""
    with serving(*MODELS) as urls:
        yield urls


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own platform is asked."""
    for name in [name for name in os.environ if name.startswith(("WHISK_", "__OW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WSK_CONFIG_FILE", "")
