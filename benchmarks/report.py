"""The report: tables for people, JSON for machines; ``page`` is the same as HTML."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from .environments import ROOT
from .figures import Row, Series, Table


def heading(out: TextIO, precedence: bool) -> None:
    """precedence   True where the processes measured go before the machine's other work."""
    print(f"Modelwhisk benchmark, {time.strftime('%Y-%m-%d %H:%M %Z')}, revision {revision()}", file=out)
    for fact in machine().values():
        print(fact, file=out)
    print(f"{'before' if precedence else 'not before (that needs root)'} the machine's other work", file=out)
    print("Every figure is p50 / p99 of calls that took turns in one run; ratios are of p50.", file=out, flush=True)


def machine() -> dict[str, str]:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "processor": f"{os.cpu_count()} CPUs, {_processor()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": f"load of the machine at the start: {load}",
        "driver": f"driver: Python {platform.python_version()}",
    }


def show(table: Table, out: TextIO) -> None:
    columns = list(dict.fromkeys(name for row in table.rows for name in row.series))
    ratios = list(dict.fromkeys(name for row in table.rows for name in row.ratios))
    lines = [[table.group, *columns, *ratios, "bars"]]
    for row in table.rows:
        met = ("met" if all(bar.met for bar in row.bars) else "MISSED") if row.bars else ""
        lines.append(
            [
                row.name,
                *(cell(row, name) for name in columns),
                *(f"{row.ratios[name]:.2f}" if name in row.ratios else "" for name in ratios),
                met,
            ]
        )
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    print(f"\n{table.title}{f' (Python {table.python})' if table.python else ''}", file=out)
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *cells]).rstrip(), file=out)
    print(table.note, file=out, flush=True)


def verdict(tables: Sequence[Table], out: TextIO) -> None:
    bars = [(table, row, bar) for table in tables for row in table.rows for bar in row.bars]
    print("\nBars", file=out)
    for table, row, bar in bars:
        python = f"Python {table.python}, " if table.python else ""
        print(f"  {python}{table.group}, {row.name}: {bar}", file=out)
    missed = sum(not bar.met for _, _, bar in bars)
    print(f"{len(bars) - missed} of {len(bars)} bars met", file=out)


def as_json(tables: Sequence[Table]) -> dict[str, Any]:
    return {"revision": revision(), "machine": machine(), "tables": [_table_as_json(table) for table in tables]}


def _table_as_json(table: Table) -> dict[str, Any]:
    return {
        "group": table.group,
        "python": table.python,
        "title": table.title,
        "rows": [
            {
                "name": row.name,
                "unit": row.unit,
                "series": {
                    name: {"p50": series.p50, "p99": series.p99, "count": len(series.values)}
                    for name, series in row.series.items()
                },
                "ratios": row.ratios,
                "bars": [
                    {
                        "what": bar.what,
                        "value": bar.value,
                        "limit": bar.limit,
                        "unit": bar.unit,
                        "at_least": bar.at_least,
                        "met": bar.met,
                    }
                    for bar in row.bars
                ],
            }
            for row in table.rows
        ],
    }


def cell(row: Row, name: str) -> str:
    if name not in row.series:
        return ""
    series: Series = row.series[name]
    if row.unit != "s":
        return f"{series.p50:.2f} / {series.p99:.2f} {row.unit}".rstrip()
    if series.p50 < 0.001:
        return f"{series.p50 * 1e6:.0f} / {series.p99 * 1e6:.0f} µs"
    return f"{series.p50 * 1e3:.2f} / {series.p99 * 1e3:.2f} ms"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or sys.platform


def revision() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # a checkout without its history
