"""README.md here has every case of upstream's suites, and every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from bed import CHECKOUT

HERE = Path(__file__).parent
MODULES = {"M": HERE / "test_model_images.py", "F": CHECKOUT / "tests" / "function" / "test_upstream_cases.py"}
# How many cases each suite has, as they stood in August 2026.
SUITES = {
    "BasicActionRunnerTests": 10,
    "ActionProxyContainerTests": 9,
    "DockerExampleContainerTests": 8,
    "PythonBasicTests, PythonAdvancedTests, Python3Tests": 15,
    "ActionLoopContainerTests": 6,
    "The invoker's side": 11,
}


def rows() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    suite = ""
    for line in (HERE / "README.md").read_text().splitlines():
        if line.startswith("## "):
            suite = line[3:].partition(" (")[0]
        elif line.startswith("| ") and not line.startswith("| case"):
            case, here = line.strip("| ").split(" | ")
            found.setdefault(suite, []).append((case, here))
    return found


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))


def test_every_suite_is_there_with_all_its_cases() -> None:
    assert {suite: len(cases) for suite, cases in rows().items()} == SUITES
    assert [case.split()[0] for case, _ in rows()["BasicActionRunnerTests"]] == [str(n) for n in range(1, 11)]


def test_every_case_has_a_test_that_exists_or_a_reason() -> None:
    for case, here in (row for suite in rows().values() for row in suite):
        named = set(re.findall(r"`(test_\w+)`", here))
        known = set[str]()
        for letter, path in MODULES.items():
            known |= names_in(path) if re.search(rf"\b{letter} `test_", here) else set()
        for path in re.findall(r"`(tests/\S+\.py)`", here):
            known |= names_in(CHECKOUT / path)
        assert named or "doesn't apply: " in here, case
        assert named <= known, (case, named - known)


def test_every_test_is_in_the_table() -> None:
    text = (HERE / "README.md").read_text()
    assert [name for name in names_in(MODULES["M"]) if f"`{name}`" not in text] == []
