"""Real models deployed to `modelwhisk local` over its REST API, and the printed curl lines run as printed."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from little_openwhisk import KEY

CHECKOUT = Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT / "tests" / "local"))

from running_platform import running  # noqa: E402

from modelwhisk.cli import main  # noqa: E402
from modelwhisk.local import LocalPlatform  # noqa: E402
from modelwhisk.local.process_container import ProcessFactory  # noqa: E402

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are curl's")

MODELS = ("max-digit-classifier", "max-digit-restorer", "max-language-identifier", "max-sound-generator")


def image(model: str) -> str:
    return f"me/{model}:mw-1"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models that don't work: what their app.py does when it is loaded."""
    apps = {
        "raises": "raise RuntimeError('weights.h5 not found')",
        "exits": "import os; print('giving up', flush=True); os._exit(3)",
        "sleeps": "import time; time.sleep(30)",
    }
    folders = {}
    for name, code in apps.items():
        folders[name] = tmp_path_factory.mktemp(name)
        (folders[name] / "app.py").write_text(code + "\n")
    return folders


@pytest.fixture(scope="module")
def served(broken: dict[str, Path]) -> Iterator[LocalPlatform]:
    folders = {model: CHECKOUT / "models" / model for model in MODELS} | broken
    environment = {"MODELPROXY_HOST": "max"}
    images = {image(name): ProcessFactory(folder, sys.executable, environment) for name, folder in folders.items()}
    with running(images=images, credentials={KEY: "guest"}) as platform:
        yield platform


@pytest.fixture(autouse=True)
def connected(served: LocalPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISK_APIHOST", served.url)
    monkeypatch.setenv("WHISK_AUTH", KEY)
    monkeypatch.chdir(CHECKOUT)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == status, result.output
    return result


def deploy(*arguments: str, status: int = 0) -> Any:
    return json.loads(run("deploy", *arguments, "--json", status=status).stdout)


def printed(command: str, folder: Path = CHECKOUT) -> bytes:
    """What the printed line prints."""
    quiet = command.replace("curl ", "curl -sS --fail ", 1)
    done = subprocess.run(["sh", "-c", quiet], cwd=folder, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_form_with_a_picture_by_the_models_own_sample() -> None:
    text = run("deploy", "digit", image("max-digit-classifier")).stdout
    command = text.splitlines()[-1]
    assert command.startswith("curl -F image=@models/max-digit-classifier/samples/digit-0.png ")
    answer = json.loads(printed(command))
    assert answer["predictions"][0]["label"] == "zero"
    assert "unchanged" in run("deploy", "digit", image("max-digit-classifier")).stdout


def test_a_form_with_a_picture_that_the_shell_makes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    made = deploy("digit2", image("max-digit-classifier"), "--web", "secure")
    assert made["curl"].startswith("echo iVBOR")
    assert json.loads(printed(made["curl"], tmp_path))["predictions"][0]["label"] == "one"


def test_json() -> None:
    made = deploy("language", image("max-language-identifier"), "--web", "true")
    assert json.loads(printed(made["curl"]))["predictions"][0]["language"] == "en"


def test_a_query_and_sound(tmp_path: Path) -> None:
    made = deploy("sound", image("max-sound-generator"))
    assert "-o answer.wav" in made["curl"]
    printed(made["curl"], tmp_path)
    with wave.open(io.BytesIO((tmp_path / "answer.wav").read_bytes())) as sound:
        assert sound.getnframes() > 1000


def test_versions_of_a_picture_model(tmp_path: Path) -> None:
    sample = ("--sample", str(CHECKOUT / "models" / "max-digit-restorer" / "samples" / "noisy-3.png"))
    made = deploy("restorer", image("max-digit-restorer"), "--version", "v1", "--default", "v1", *sample)
    assert made["url"].endswith("/guest/restorer/v1")
    for url in (made["url"], made["default"]["url"]):
        printed(made["curl"].replace(made["url"], url), tmp_path)
        assert (tmp_path / "answer.png").read_bytes().startswith(b"\x89PNG")
    listed = json.loads(run("list", "--json").stdout)
    assert {"restorer/default", "restorer/v1"} <= {item["name"] for item in listed}
    assert run("delete", "restorer", "--all").exit_code == 0


def test_not_a_web_action() -> None:
    assert deploy("plain", image("max-digit-classifier"), "--web", "no")["url"] is None


def test_a_model_that_cannot_be_loaded_shows_its_log() -> None:
    failure = deploy("raises", image("raises"), status=3)
    assert "weights.h5 not found" in failure["error"] + " ".join(failure["log"])
    assert "modelwhisk local" in failure["advice"]
    assert any("weights.h5" in line for line in failure["log"])
    assert "weights.h5" in run("logs", "raises").stdout


def test_a_model_that_crashes() -> None:
    failure = deploy("exits", image("exits"), status=3)
    assert "The action did not initialize and exited unexpectedly." in failure["error"]
    assert "giving up" in failure["log"]


def test_a_slow_model() -> None:
    failure = deploy("sleeps", image("sleeps"), "-t", "1000", status=3)
    assert "exceeded its time limits of 1000 milliseconds during initialization" in failure["error"]
    assert "`modelwhisk deploy sleeps -t 2000` gives it more" in failure["advice"]


def test_an_image_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = deploy("nowhere", "localhost:1/me/no-such-model:1", status=3)
    assert "Failed to pull container image" in failure["error"]
    assert "docker pull localhost:1/me/no-such-model:1" in failure["advice"]


def test_too_much_memory_and_a_wrong_key() -> None:
    assert "more than this platform allows" in deploy("big", image("raises"), "-m", "999999", status=1)["error"]
    assert "authentication is invalid" in deploy("x", image("raises"), "-u", "a:b", status=1)["error"]


def test_a_plain_action_in_the_way(served: LocalPlatform) -> None:
    run("deploy", "inway", image("raises"), "--wait", "0")
    failure = deploy("inway", image("raises"), "--version", "v1", status=1)
    assert "stands in the way" in failure["error"]
    run("delete", "inway")
    run("deploy", "inway", image("raises"), "--version", "v1", "--wait", "0")
    assert "is a package, with the versions v1" in deploy("inway", image("raises"), status=1)["error"]
    run("delete", "inway", "--all")
