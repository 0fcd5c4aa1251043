"""What people see of a fit: what is being done, and what came of it; all on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from modelwhisk import adapter
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.reference import Made
from modelwhisk.drift.thresholds import Calibration
from modelwhisk.shown_text import Console, Table

_SHOWN = 10
# By how much more than was promised may be beyond a threshold before it is worth a word.
_TOLERATED = 0.01


@contextmanager
def steps(console: Console) -> Iterator[Callable[[str, float], None]]:
    """A function that shows what is being done and how far it is, as a bar that is gone in the end."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=1.0)

        def step(name: str, part: float) -> None:
            progress.update(task, description=name, completed=part)

        yield step


def show(
    console: Console,
    out: Path,
    made: Made,
    *,
    copies: Sequence[tuple[Given, Given]],
    failures: Mapping[str, str],
    partial: Path,
) -> None:
    """The reference in a few lines, and all that isn't in it with the reason."""
    about = made.about
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("reference", Text(f"{out}, {out.stat().st_size / 1e6:.1f} MB"))
    table.add_row("embedding", Text(adapter.part("drift.declaration").in_words(about["embedding"])))
    table.add_row("vectors", f"{about['count']} x {about['dimensions']}, {about['precision']}")
    table.add_row("distance", f"{about['metric']}, mean of the {about['neighbours']} nearest")
    chosen = about["threshold"]
    promised = f"{100 * chosen['quantile']:g} % of fresh inputs"
    table.add_row("threshold", f"{chosen['distance']:.6g}, which {promised} stay under")
    for entry in made.calibration:
        if entry.quantile == chosen["quantile"]:
            table.add_row("calibration", f"made of four fifths of the inputs, of the others {_counted(entry)}")
    for entry in made.validation:
        if entry.quantile == chosen["quantile"]:
            table.add_row("validation", _counted(entry))
    if about["index"] is not None:
        table.add_row("index", f"{about['index']['library']}, recall@3 {about['index']['recall@3']:.3f}")
    console.print(table)
    _say_of_validation(console, made)
    _list(console, "left out as copies of others", [f"{one.name} = {other.name}" for one, other in copies])
    if failures:
        _list(console, "inputs failed", [f"{name}: {reason}" for name, reason in failures.items()], style="red")
        console.print(Text(f"all of them are listed in {partial / 'journal'}; --resume tries them again", "yellow"))


def _counted(entry: Calibration) -> str:
    return (
        f"{entry.beyond} of {entry.inputs} are beyond it, {entry.share:.2%} where {1 - entry.quantile:.2%} was promised"
    )


def _say_of_validation(console: Console, made: Made) -> None:
    chosen = made.about["threshold"]["quantile"]
    for entry in made.validation:
        if entry.quantile == chosen and entry.share > 1 - entry.quantile + _TOLERATED:
            console.print(
                "More of the validation inputs are beyond the threshold than was promised. They are from another "
                "source than the training inputs, or these are more alike than fresh ones (frames of a film, say).",
                style="yellow",
            )


def _list(console: Console, what: str, lines: Sequence[str], style: str = "yellow") -> None:
    if not lines:
        return
    console.print(f"{what}: {len(lines)}", style=style)
    for line in lines[:_SHOWN]:
        console.print(Text(f"  {line}"), soft_wrap=True)
    if len(lines) > _SHOWN:
        console.print(f"  and {len(lines) - _SHOWN} more")
