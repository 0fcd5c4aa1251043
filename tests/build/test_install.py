"""What install.py lays out is the same byte for byte, wherever and whenever it runs on one Python."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from world import CHECKOUT


def lay_out(folder: pathlib.Path) -> dict[str, str]:
    """The files of a layer made from a fresh copy of the runtime in this folder, each with its digest and mode."""
    source, root = folder / "runtime", folder / "out"
    shutil.copytree(
        CHECKOUT / "runtime", source, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile
    )
    command = [
        sys.executable,
        CHECKOUT / "scripts/build/install.py",
        source,
        root,
        "/modelproxy-nowhere",
        sys.executable,
    ]
    # As the Dockerfile sets them.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONNODEBUGRANGES": "1"}
    subprocess.run(command, env=environment, check=True)
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(root)): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mode:o}"
        for path in files
    }


def test_a_layer_is_the_same_from_every_checkout(tmp_path: pathlib.Path) -> None:
    layers = [lay_out(tmp_path / name) for name in ("here", "there in a longer place", "again")]
    assert layers[0] == layers[1] == layers[2]
    names = set(layers[0])
    assert {"modelproxy-nowhere/start", "modelproxy-nowhere/modelproxy/packed/hosts"} <= names
