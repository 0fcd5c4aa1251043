from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("local", "client")]

from sample_models import models, no_credentials  # noqa: E402, F401


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("slow") and not os.environ.get("MODELWHISK_SLOW"):
        pytest.skip("takes minutes: set MODELWHISK_SLOW=1 to run it")
