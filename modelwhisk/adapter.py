"""Where the code that goes into images is, and the parts of it that this tool uses itself."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType


class AdapterMissing(Exception):
    """The installation lacks the code that goes into images."""


def folder() -> Path:
    """Where the adapter is: `_runtime` in an installed package, `runtime` beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "_runtime", package.parent / "runtime"):
        if (candidate / "__main__.py").is_file():
            return candidate
    raise AdapterMissing(f"The adapter is missing: neither {package / '_runtime'} nor a checkout's runtime/ is there.")


def part(name: str) -> ModuleType:
    """A module of the adapter by its name within `modelproxy`: what must give the same here and in an image."""
    place = str(folder())
    if place not in sys.path:
        sys.path.append(place)
    return importlib.import_module(f"modelproxy.{name}")
