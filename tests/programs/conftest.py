"""The programs' own environment, made once, and each program's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bed import CHECKOUT, run

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def programs_bin() -> Path:
    """Where the programs' Python and their servers are."""
    found = subprocess.run([CHECKOUT / "scripts/lib/find-python.sh", "3.11"], capture_output=True, check=False)
    if found.returncode and os.environ.get("MODELWHISK_REQUIRE_PYTHONS", "") in ("", "0"):
        pytest.skip("no Python 3.11 here, for which the programs are pinned")
    return Path(run(HERE / "venv.sh", sys.executable).strip()).parent
