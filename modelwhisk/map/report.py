"""What people see of a run: progress while it goes on, a summary at its end; all on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from modelwhisk.map.summary import Summary
from modelwhisk.shown_text import Console, Table


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "-/s", style="progress.data.speed")


class Bar:
    """The progress of a run: how many are done, how fast, how long yet, how many failed."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task
        self._failed = 0

    def advance(self, ok: bool) -> None:
        """One more is done."""
        self._failed += not ok
        failed = f"[red]{self._failed} failed[/]" if self._failed else ""
        self._progress.update(self._task, advance=1, failed=failed)

    def say(self, text: str) -> None:
        """Shows a line above the bar."""
        self._progress.console.print(text, style="yellow")


@contextmanager
def bar(console: Console, total: int, done: int, doing: str = "mapping") -> Iterator[Bar]:
    """A progress bar until the block ends, `done` of `total` at its start; none where `console` is no terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, progress.add_task(doing, total=total, completed=done, failed=""))


def show(console: Console, summary: Summary, seconds: float, done_now: int, out: str) -> None:
    """The summary as a table; `seconds` and `done_now` are of this run alone."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("succeeded", Text(str(summary.succeeded), "green"))
    table.add_row("failed", Text(str(sum(summary.failed.values())), "red" if summary.failed else ""))
    for reason, count in summary.failed.most_common(10):
        table.add_row("", Text(f"{count} x {reason}"))
    if summary.retried:
        table.add_row("sent again", str(summary.retried))
    if done_now and seconds > 0:
        table.add_row("time", f"{seconds:.1f} s, {done_now / seconds:.1f}/s")
    middle, late = summary.quantile(0.5), summary.quantile(0.99)
    if middle is not None and late is not None:
        table.add_row("latency", f"p50 {middle:.1f} ms, p99 {late:.1f} ms")
    table.add_row("cold starts", "not known" if summary.cold_starts is None else str(summary.cold_starts))
    if summary.gb_seconds is not None:
        how = " (estimated from the answers' own times)" if summary.estimated else ""
        table.add_row("GB-seconds", f"{summary.gb_seconds:.3f}{how}")
    table.add_row("results", Text(out))
    console.print(table)
