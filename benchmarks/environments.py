"""The Pythons in which models live: the MAX stack of its era, the peers, the proxy laid out as in an image."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSIDE = ROOT / "benchmarks" / "inside"
MODEL = ROOT / "benchmarks" / "model"
SAMPLE_MODEL = ROOT / "models" / "max-digit-classifier"

DEFAULT_PYTHONS = ("3.11", "3.7")
# On which only what differs most from one to another is measured, unless they are asked for.
FURTHER_PYTHONS = ("3.13", "3.6")

PYBASE64 = "pybase64"
_SHOWN = ("flask", "werkzeug", "flask-restx", "maxfw", "apig-wsgi")


class Missing(Exception):
    """There is no such Python here, or nothing to install into it; the text says which."""


@dataclass(frozen=True)
class Environment:
    """version   as "3.11"; python   the virtual environment's; proxy   the folder of the proxy's byte-code."""

    version: str
    python: Path
    proxy: Path

    @classmethod
    def ready(cls, version: str, scratch: Path) -> Environment:
        """Makes it unless it is there already."""
        python = _virtual_environment(version)
        return cls(version, python, laid_out(python, scratch))

    @property
    def start_file(self) -> Path:
        """What an image's entry point is."""
        return self.proxy / "start"

    def described(self) -> str:
        listed = _output(self.python, "-m", "pip", "freeze", "--all").lower().splitlines()
        versions = dict(line.split("==", 1) for line in listed if "==" in line)
        packages = ", ".join(f"{name} {versions[name]}" for name in _SHOWN if name in versions)
        full = _output(self.python, "-c", "import platform; print(platform.python_version())").strip()
        return f"Python {full}: {packages}"


def environ() -> dict[str, str]:
    """The variables for a process that is measured: none that would change what Python or the proxy does."""
    ours = ("PYTHON", "MODELPROXY_", "__OW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _virtual_environment(version: str) -> Path:
    folder = ROOT / ".venvs" / "bench" / version
    python = folder / "bin" / "python"
    stack = ROOT / "tests" / "requirements" / f"max-{version}.txt"
    if not stack.exists():
        raise Missing(f"Python {version}: there is no {stack.relative_to(ROOT)}")
    requirements = [stack, ROOT / "benchmarks" / "requirements.txt"]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in requirements)).hexdigest()
    stamp = folder / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"setting up .venvs/bench/{version} …", flush=True)
    try:
        base = _output(ROOT / "scripts" / "lib" / "find-python.sh", version).strip()
    except subprocess.CalledProcessError:
        raise Missing(f"Python {version} isn't on this machine") from None
    _output(base, "-m", "venv", "--clear", folder)
    _output(python, "-m", "pip", "install", "--quiet", *(f"--requirement={path}" for path in requirements))
    # Apart: what is measured finds it only where it is meant to.
    _output(python, "-m", "pip", "install", "--quiet", f"--target={folder / PYBASE64}", PYBASE64)
    stamp.write_text(wanted)
    return python


def laid_out(python: Path, scratch: Path) -> Path:
    """The proxy as the Dockerfile puts it into an image, by the same script; a copy, since that sets files' times."""
    shutil.copytree(ROOT / "runtime", scratch / "source", ignore=shutil.ignore_patterns("__pycache__"))
    _output(python, ROOT / "scripts" / "build" / "install.py", scratch / "source", scratch, "/modelproxy", python)
    return scratch / "modelproxy"


def _output(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True, env=environ())
    return done.stdout
