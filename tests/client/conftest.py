from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("local", "client")]

from sample_models import MODELS, serving  # noqa: E402


@pytest.fixture(scope="session")
def models() -> Iterator[dict[str, str]]:
    """The URLs of the sample models by name."""
    with serving(*MODELS) as urls:
        yield urls


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own platform is asked."""
    for name in [name for name in os.environ if name.startswith(("WHISK_", "__OW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WSK_CONFIG_FILE", "")
