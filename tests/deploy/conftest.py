"""The little platform of tests/openwhisk, and the commands run against it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parents[1] / "openwhisk"))

from little_openwhisk import KEY, LittleOpenWhisk, Run, no_properties, platform

from modelwhisk.cli import main

__all__ = ["no_properties", "platform"]


@pytest.fixture
def run(platform: LittleOpenWhisk, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("deploy", "emotion", "me/x:1")`: the command line's result, with the platform as `~/.wskprops` has it."""
    monkeypatch.setenv("WHISK_APIHOST", platform.host)
    monkeypatch.setenv("WHISK_AUTH", KEY)

    def command(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == status, result.output
        return result

    return command


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    """The same with `--json`: what it printed, read."""
    return lambda *arguments, status=0: json.loads(run(*arguments, "--json", status=status).stdout)
