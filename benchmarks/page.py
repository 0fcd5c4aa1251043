"""The report as one HTML file that needs nothing else: the verdicts, and each table with its plot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure

from .figures import Bar, Row, Table
from .report import cell, machine, revision

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child, li { text-align: left; }
.scroll { overflow-x: auto; }
.met { color: #17692b; }
.missed { color: #a4001d; font-weight: bold; }
svg { max-width: 100%; height: auto; }
"""
# Blue for ours, grey for all else: what matters is how the one stands to the others.
_OURS, _OTHER = "#1f5fbf", "#b9bec7"


def rendered(tables: Sequence[Table]) -> str:
    facts = [f"revision {revision()}", *machine().values()]
    return (
        f"<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>Modelwhisk benchmark</title>"
        f"<style>{_STYLE}</style>\n<h1>Modelwhisk benchmark</h1>\n<p>{escape('; '.join(facts))}</p>\n"
        "<p>Every figure is p50 / p99 of calls that took turns in one run; ratios are of p50.</p>\n"
        f"<h2>Bars</h2>\n<ul>{''.join(_verdict(table, row, bar) for table, row, bar in _bars(tables))}</ul>\n"
        + "".join(_section(table) for table in tables)
        + "</html>\n"
    )


def _bars(tables: Sequence[Table]) -> list[tuple[Table, Row, Bar]]:
    return [(table, row, bar) for table in tables for row in table.rows for bar in row.bars]


def _verdict(table: Table, row: Row, bar: Bar) -> str:
    python = f"Python {table.python}, " if table.python else ""
    kind = "met" if bar.met else "missed"
    return f"<li class='{kind}'>{escape(f'{python}{table.group}, {row.name}: {bar}')}</li>\n"


def _section(table: Table) -> str:
    columns = list(dict.fromkeys(name for row in table.rows for name in row.series))
    ratios = list(dict.fromkeys(name for row in table.rows for name in row.ratios))
    head = "".join(f"<th>{escape(name)}</th>" for name in [table.group, *columns, *ratios])
    rows = []
    for row in table.rows:
        cells = [row.name, *(cell(row, name) for name in columns)]
        cells += [f"{row.ratios[name]:.2f}" if name in row.ratios else "" for name in ratios]
        rows.append("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in cells) + "</tr>\n")
    python = f" (Python {escape(table.python)})" if table.python else ""
    return (
        f"<h2>{escape(table.title)}{python}</h2>\n"
        f"<div class='scroll'><table><tr>{head}</tr>\n{''.join(rows)}</table></div>\n"
        f"<p>{escape(table.note)}</p>\n{_plot(table)}\n"
    )


def _plot(table: Table) -> str:
    """p50 as a bar and p99 as a line, for each side of each row that is a time, on a logarithmic scale: SVG."""
    timed = [row for row in table.rows if row.unit == "s"]
    if not timed:
        return ""
    lines = sum(len(row.series) for row in timed)
    # Text stays text, and the same figures make the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "modelwhisk", "font.size": 9}):
        figure = Figure(figsize=(10, 0.6 + 0.22 * lines + 0.35 * len(timed)), layout="constrained")
        axes = figure.subplots()
        labels, places, place = [], [], 0.0
        for row in timed:
            for name, series in row.series.items():
                p50, p99 = (max(value, 1e-6) * 1e3 for value in (series.p50, series.p99))
                colour = _OURS if name.startswith("ours") else _OTHER
                axes.barh(place, p50, height=0.8, color=colour)
                axes.plot([p50, max(p50, p99)], [place, place], color="#444", linewidth=1)
                labels.append(f"{row.name}: {name}")
                places.append(place)
                place += 1
            place += 0.8
        axes.set_xscale("log")
        axes.set_xlabel("milliseconds: p50, and up to p99")
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue().partition("?>")[2].partition(">")[2]  # without the XML's and the document type's lines
