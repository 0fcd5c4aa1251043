"""`drift show`: what is in a reference, for people and machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from modelwhisk import adapter
from modelwhisk.drift.thresholds import check_told
from modelwhisk.nested_json import TooDeep, is_too_deep
from modelwhisk.shown_text import Console, Table, json_indented, json_shown

_INDENTED = 1_000_000  # characters: by its indentation a stranger's could grow a thousandfold


def show_reference(path: Path, *, as_json: bool) -> int:
    """The exit status: 0, or 1 for a file that isn't what was written."""
    opened, notes = adapter.part("drift.reference"), Console(stderr=True)
    try:
        reference = opened.Reference(path, check=False)
        reference.verify()
    except (opened.Refused, OSError) as problem:
        notes.print(str(problem), style="red", soft_wrap=True)
        return 1
    about = reference.about
    if as_json:
        if is_too_deep(about):
            notes.print(f"{path}: {TooDeep()}", style="red", soft_wrap=True)
            return 1
        print(json_indented(about, _INDENTED) or json_shown(about))
        return 0
    try:
        check_told(about)
        table = _table(reference)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:  # checksummed, but by whom?
        notes.print(f"{path} lacks what belongs into a reference: {problem!r}", style="red")
        return 1
    Console().print(table)
    return 0


def _table(reference: Any) -> Table:
    about = reference.about
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("model", Text(f"{about['model']['name']}, {about['model']['digest']}"))
    table.add_row("embedding", Text(adapter.part("drift.declaration").in_words(reference.declaration)))
    table.add_row("vectors", f"{reference.count} x {reference.dimensions}, {about['precision']}")
    damped = f", {about['damped']} directions damped" if about.get("damped") else ""
    table.add_row("distance", f"{reference.metric}, mean of the {reference.neighbours} nearest{damped}")
    for entry in about["thresholds"]:
        mark = "  (the threshold)" if entry == about["threshold"] else ""
        table.add_row(f"{100 * entry['quantile']:g} %", f"under {entry['distance']:.6g}{mark}")
    for name in ("calibration", "validation"):
        for entry in about.get(name, ()):
            if entry["quantile"] == about["threshold"]["quantile"]:
                table.add_row(name, f"{entry['beyond']} of {entry['inputs']} beyond the threshold")
    if reference.index is not None:
        table.add_row("index", f"{reference.index['library']}, recall@3 {reference.index['recall@3']}")
    table.add_row("made", Text(about["made"]))
    table.add_row("checksums", f"all {len(reference.names())} members are what was written")
    return table
