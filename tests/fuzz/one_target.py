"""Fuzzes one target with Atheris: `one_target.py TARGET LIBFUZZER-ARGUMENTS…`"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["modelproxy", "zipfile"]):
    from fuzz_targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
