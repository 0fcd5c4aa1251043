"""The page of a drift report in a real browser: it shows what it should, and asks nothing of anybody."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "drift"))

from digit_pictures import digit_files, reference_of
from test_swagger_page import SCREENSHOTS, browser

from modelwhisk.cli import main

__all__ = ["browser"]

pytestmark = pytest.mark.browser

# Of each plot: whether it is seen, how many shapes it has, and what its text says.
PLOTS = """
return [...document.querySelectorAll("figure svg")].map(svg => {
  const box = svg.getBoundingClientRect();
  return [box.width > 200 && box.height > 60, svg.querySelectorAll("path").length,
          [...svg.querySelectorAll("text")].map(text => text.textContent.trim())];
});
"""
LOADED = "return performance.getEntriesByType('resource').map(entry => entry.name).filter(name => !/^data:/.test(name))"
PICTURES = "return [...document.images].map(image => image.complete && image.naturalWidth > 0)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 60 usual digits, then 40 that are inverted."""
    folder = tmp_path_factory.mktemp("report")
    reference = reference_of(folder / "digits.drift", digit_files(folder / "training", 0, 240))
    digit_files(folder / "validation", 240, 300)
    new = digit_files(folder / "new", 300, 360)
    new += [path.rename(folder / "new" / f"inverted-{path.name}") for path in _inverted(folder)]
    _came_one_after_another(new)
    written = folder / "report.html"
    arguments = [reference, folder / "new", "--validation", folder / "validation", "--by-time", "-o", written]
    done = CliRunner().invoke(main, ["drift", "report", *map(str, arguments)])
    assert done.exit_code == 3, done.output
    return written


def _inverted(folder: Path) -> list[Path]:
    return digit_files(folder / "inverted", 300, 340, inverted=True)


def _came_one_after_another(files: list[Path]) -> None:
    import os

    for number, path in enumerate(files):
        when = 1_790_000_000 + number * 1800
        os.utime(path, (when, when))


def see(browser: Any, page: Path, name: str, width: int) -> None:
    browser.set_window_size(width, 900)
    browser.get(page.as_uri())
    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.set_window_size(width, min(height + 150, 8000))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


def test_a_reader_sees_sentence_plots_and_pictures(browser: Any, page: Path) -> None:
    browser.get_log("browser")  # what other pages said
    see(browser, page, "drift-report", 1100)
    heading = browser.find_element("css selector", "h1")
    assert heading.is_displayed()
    assert heading.text.startswith("Retrain: ")
    plots = browser.execute_script(PLOTS)
    assert [seen for seen, _, _ in plots] == [True, True, True]
    assert all(shapes > 5 for _, shapes, _ in plots)
    assert {"training (240)", "validation (60)", "new (100)"} <= set(plots[0][2])
    pictures = browser.execute_script(PICTURES)
    assert len(pictures) == 48
    assert all(pictures)
    assert browser.execute_script(LOADED) == []
    assert browser.get_log("browser") == []


def test_it_fits_a_phone(browser: Any, page: Path) -> None:
    see(browser, page, "drift-report-phone", 500)  # as narrow as Chromium's window gets
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_it_is_dark_where_that_is_wished(browser: Any, page: Path) -> None:
    wished = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wished)
    try:
        see(browser, page, "drift-report-dark", 1100)
        colours = browser.execute_script(
            "const style = getComputedStyle(document.body), text = document.querySelector('figure text');"
            "return [style.backgroundColor, style.color, getComputedStyle(text).fill]"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    paper, ink, of_plot = (sum(json.loads(f"[{colour[4:-1]}]")) for colour in colours)
    assert paper + 400 < ink
    assert of_plot == ink
