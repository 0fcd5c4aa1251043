"""The README says what the code does: its table of settings, its commands and its links."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")

sys.path.insert(0, str(ROOT / "runtime"))

from modelproxy import settings  # noqa: E402


def meanings() -> dict[str, str]:
    """What the comment before each setting says."""
    source = Path(settings.__file__).read_text("utf-8")
    found = re.findall(r'((?:^    # .*\n)+)    Setting\("(\w+)"', source, re.MULTILINE)
    return {name: " ".join(line.strip("# ") for line in comment.splitlines()) for comment, name in found}


def table_of_settings() -> str:
    told = meanings()
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for entry in settings.TABLE:
        default = f"`{entry.default}`" if entry.default not in ("", 0) else ""
        meaning = told[entry.name] + (
            f" One of {', '.join(f'`{word}`' for word in entry.kind)}." if _has_words(entry) else ""
        )
        lines.append(f"| `{entry.variable}`{' (init)' if entry.at_init else ''} | {default} | {meaning} |")
    return "\n".join(lines)


def _has_words(entry: object) -> bool:
    kind = getattr(entry, "kind", "")
    return isinstance(kind, tuple)


def test_the_table_of_settings_is_the_code_s() -> None:
    found = README.partition("tests/test_readme.py -->\n")[2].partition("\n<!-- end of settings")[0]
    assert found == table_of_settings(), "put this into the README:\n" + table_of_settings()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize("script", sorted(set(re.findall(r"\./((?:scripts/)?[a-z]+\.sh)", README))))
def test_scripts_exist_and_tell_how_they_are_used(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert "--help" in path.read_text("utf-8")
