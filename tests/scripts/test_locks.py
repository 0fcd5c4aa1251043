"""requirements/*.lock: whole, with hashes, nobody's index in it, and no version with a known vulnerability."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from bed import CHECKOUT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which coverage brings there

REQUIREMENTS = CHECKOUT / "requirements"
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ADVISORIES = [
    line.split("\t") for line in (REQUIREMENTS / "advisories.tsv").read_text().splitlines() if not line.startswith("#")
]


@cache
def pins(file: Path) -> dict[str, list[Version]]:
    """The versions of each package, of which different Pythons may have different ones."""
    found: dict[str, list[Version]] = {}
    for line in file.read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            found.setdefault(canonicalize_name(match[1]), []).append(Version(match[2]))
    return found


def asked_for(texts: list[str]) -> Iterator[Requirement]:
    """Requirements, those of the project's own extras in place of these."""
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            for extra in requirement.extras:
                yield from asked_for(EXTRAS[extra])
        else:
            yield requirement


@pytest.mark.parametrize("extra", ["base", *EXTRAS])
def test_all_that_is_asked_for_is_pinned(extra: str) -> None:
    known = {**pins(REQUIREMENTS / "base.lock"), **pins(REQUIREMENTS / f"{extra}.lock")}
    for requirement in asked_for(PROJECT["dependencies"] + EXTRAS.get(extra, [])):
        versions = known.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not pinned: run scripts/lib/lock.sh"
        assert all(version in requirement.specifier for version in versions), requirement


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.lock")), ids=lambda file: file.stem)
def test_every_pin_has_hashes_and_nothing_else_is_there(file: Path) -> None:
    blocks = re.split(r"\n(?=[^ ])", file.read_text().strip())
    pin = re.compile(
        r"[A-Za-z0-9._\[\]-]+==[A-Za-z0-9.+!]+( ; [^\\\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+(?![^\n])"
    )
    assert blocks
    assert [block for block in blocks if not pin.fullmatch(block)] == []


def test_files_agree() -> None:
    known: dict[str, set[Version]] = {}
    for file in REQUIREMENTS.glob("*.lock"):
        for name, versions in pins(file).items():
            assert known.setdefault(name, set(versions)) == set(versions), f"{name} in {file.name}"


@pytest.mark.parametrize(("package", "mended", "advisory"), ADVISORIES, ids=lambda part: part[:20])
def test_no_pinned_version_has_a_known_vulnerability(package: str, mended: str, advisory: str) -> None:
    pinned = [version for file in REQUIREMENTS.glob("*.lock") for version in pins(file).get(package, [])]
    assert pinned, f"{package} isn't pinned any more: remove its line"
    assert min(pinned) >= Version(mended), advisory
