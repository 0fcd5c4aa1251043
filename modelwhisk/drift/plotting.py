"""matplotlib as it was made: no settings of the folder that one stands in, which may be the one of a stranger's inputs.

It reads a `matplotlibrc` there before all others (its documented order) when it is imported; such a file can have TeX
run, with a preamble that reads any file, and up to 3.10 hold Python.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from modelwhisk.own_path import FOLDER, NAME_ONLY


def import_matplotlib() -> None:
    """Imports it for all others; to be called while no other thread opens relative paths. Raises `ImportError`."""
    spec = find_spec("matplotlib")
    if "matplotlib" in sys.modules or spec is None or spec.origin is None:
        importlib.import_module("matplotlib")
        return
    with _standing_in(Path(spec.origin).parent):
        importlib.import_module("matplotlib")


@contextlib.contextmanager
def style(settings: Any) -> Iterator[None]:
    """Draws with these settings, and else matplotlib's own defaults, whatever files or programs have set."""
    import matplotlib as mpl  # noqa: PLC0415 (see above)

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        yield


@contextlib.contextmanager
def _standing_in(folder: Path) -> Iterator[None]:
    here: int | str
    try:
        here = os.open(".", NAME_ONLY | FOLDER)  # it can be come back to where its path can't be walked, as after sudo
    except OSError:  # Windows; or macOS, in a folder that may not be listed
        here = os.getcwd()
    try:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)
    finally:
        if isinstance(here, int):
            os.close(here)
