"""What drift detection detects, on real inputs and shifts of them, beside PyOD and Evidently on the same vectors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, environ
from benchmarks.figures import Bar, Row, Table

# The embeddings that are held to their word; of the others it is only told. A model is surer of what it was trained on
# than of anything else, so that the probabilities of fresh inputs lie farther away.
BARRED = {"digits": ("inner layer (flat)", "picture"), "texts": ("scores of the languages", "letters and pairs")}
EXPECTED, BAR_POINTS = 1.0, 1.0  # % of held-out inputs beyond the threshold, and how far off that may be
BAR_AUC = 0.95
SEEN = ("digits", "picture")  # sees every shift
_REQUIREMENTS = ROOT / "benchmarks" / "detection" / "requirements.txt"


def measure(scratch: Path, _rounds: int) -> Table:
    """All embeddings, shifts and detectors are printed as they come; the table has ours."""
    results = scratch / "results.json"
    subprocess.run([_python(), "-m", "benchmarks.detection", results], cwd=ROOT, env=environ(), check=True)
    return table_of(json.loads(results.read_text(encoding="utf-8")))


def table_of(results: Mapping[str, Any]) -> Table:
    """Ours, of the metric L2."""
    return Table(
        "drift-detection",
        "",
        "Shifts of inputs, by each embedding: % beyond the 99 % threshold, and AUC beside held-out inputs",
        "The reference is of the training inputs. The digit model begins with how far each pixel is from the paper's\n"
        "colour, so that inverted and darker digits are the same to its inner layers, and are told as well as others.",
        tuple(_rows(results)),
    )


def _rows(results: Mapping[str, Any]) -> list[Row]:
    rows = []
    for data, found in results.items():
        ours = {name: result["single"]["ours, l2"] for name, result in found["embeddings"].items()}
        for kind in next(iter(ours.values())):
            ratios = {f"% {name}": 100 * of[kind]["share"] for name, of in ours.items()}
            ratios |= {f"AUC {name}": of[kind]["auc"] for name, of in ours.items() if of[kind]["auc"] is not None}
            rows.append(Row(f"{data}: {kind}", {}, ratios, _bars(data, kind, ours), "share"))
    return rows


def _bars(data: str, kind: str, ours: Mapping[str, Any]) -> tuple[Bar, ...]:
    if kind == "validation":
        return tuple(
            Bar(
                f"{name}: off the stated {EXPECTED:g} %",
                abs(100 * ours[name][kind]["share"] - EXPECTED),
                BAR_POINTS,
                " points",
            )
            for name in BARRED[data]
        )
    seen, name = SEEN
    return (Bar(f"{name}: AUC", ours[name][kind]["auc"], BAR_AUC, at_least=True),) if data == seen else ()


def _python() -> Path:
    """That of the peers' virtual environment, made where it isn't there or is of other requirements."""
    folder = ROOT / ".venvs" / "bench" / "drift-detection"
    python, stamp = folder / "bin" / "python", folder / "requirements.sha256"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"setting up {folder.relative_to(ROOT)} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"--requirement={_REQUIREMENTS}"], check=True)
        stamp.write_text(wanted)
    return python
