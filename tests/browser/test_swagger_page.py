"""A model's own Swagger page through the web action, in a real browser: a picture goes in, the answer shows."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))

from running_platform import running

from modelwhisk.local import Action
from modelwhisk.local.process_container import ProcessFactory

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / ".cache" / "screenshots"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        reason = "there is no chromium with its chromedriver here (tests/browser/chromium.sh installs them)"
        if os.environ.get("MODELWHISK_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--window-size=1200,1600",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    started.implicitly_wait(10)
    yield started
    started.quit()


@pytest.fixture(scope="module")
def platform() -> Iterator[Any]:
    models = ("max-digit-classifier", "max-digit-restorer")
    actions = [Action(name, ProcessFactory(ROOT / "models" / name)) for name in models]
    with running(*actions) as platform:
        yield platform


def wait_for(browser: Any, script: str, seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := browser.execute_script(script)):
        assert time.monotonic() < end, f"the page never came to: {script}"
        time.sleep(0.1)
    return found


def predict(browser: Any, url: str, picture: Path) -> None:
    """Opens the page, unfolds predict, chooses a file and executes."""
    browser.get(url)
    browser.find_element("css selector", ".opblock-tag").click()
    block = browser.find_element("css selector", "#operations-model-predict")
    block.find_element("css selector", ".opblock-summary").click()
    block.find_element("css selector", ".try-out__btn").click()
    block.find_element("css selector", "input[type=file]").send_keys(str(picture))
    block.find_element("css selector", "button.execute").click()
    wait_for(browser, "return document.querySelector('.live-responses-table .response-col_status')")


def finish(browser: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))
    problems = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert problems == []


def test_a_json_model(browser: Any, platform: Any) -> None:
    url = platform.url + "/api/v1/web/guest/default/max-digit-classifier"
    predict(browser, url, ROOT / "assets" / "digit-7.png")  # the bare URL leads to the page
    assert browser.current_url == url + "/"
    answer = browser.find_element("css selector", ".live-responses-table").text
    finish(browser, "json-model")
    assert "200" in answer
    assert '"label": "seven"' in answer


# The answer is an attachment, which Swagger UI offers for download: this loads what it offers.
LOAD = """
const done = arguments[0], picture = new Image();
picture.onload = () => done([picture.naturalWidth, picture.naturalHeight]);
picture.onerror = () => done("no picture");
picture.src = document.querySelector(".live-responses-table a[download]").href;
"""


def test_a_picture_model(browser: Any, platform: Any) -> None:
    url = platform.url + "/api/v1/web/guest/default/max-digit-restorer/"
    predict(browser, url, ROOT / "assets" / "noisy-digit.png")
    wait_for(browser, "return document.querySelector('.live-responses-table a[download]')")
    assert browser.execute_async_script(LOAD) == [256, 256]
    finish(browser, "picture-model")
