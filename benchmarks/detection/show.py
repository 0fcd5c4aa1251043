"""The results of one embedding as two tables of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def show(embedding: str, result: Mapping[str, Any]) -> None:
    """Prints how single inputs are told (share beyond the threshold / AUC), and the share of batches called drifted."""
    for title, detectors in (("single inputs: % beyond / AUC", result["single"]), ("% of batches", result["batches"])):
        kinds = list(next(iter(detectors.values())))
        lines = [[f"{embedding}, {title}", *detectors]]
        lines += [[kind, *(_cell(found[kind]) for found in detectors.values())] for kind in kinds]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        print()
        for line in lines:
            cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            print("  ".join([line[0].ljust(widths[0]), *cells]).rstrip(), flush=True)


def _cell(found: Any) -> str:
    if isinstance(found, float):
        return f"{100 * found:.0f}"
    auc = "" if found["auc"] is None else f" / {found['auc']:.3f}"
    return f"{100 * found['share']:.1f}{auc}"
