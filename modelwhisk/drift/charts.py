"""A comparison's pictures as SVG to be put into a page: text stays text, colours are the page's.

Each is drawn in stand-in colours, which become custom properties of CSS, so that a dark page has dark pictures.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from modelwhisk.drift.comparison import Group, Window
from modelwhisk.drift.observations import Observation
from modelwhisk.drift.plotting import style

Numbers = NDArray[Any]

_DATES: Any = matplotlib.dates  # its functions aren't typed
# Stand-ins, and the property of the page's style sheet that each becomes.
_INK, _FAINT, _LIMIT = "#010101", "#020202", "#030303"
_OF_GROUP = {"training": "#040404", "validation": "#050505", "new": "#060606"}
_PROPERTIES = {
    _INK: "--ink",
    _FAINT: "--faint",
    _LIMIT: "--limit",
    _OF_GROUP["training"]: "--training",
    _OF_GROUP["validation"]: "--validation",
    _OF_GROUP["new"]: "--new",
}
_STYLE: Any = {  # matplotlib types each key as a literal
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_WIDTH = 7.2  # inches of 72 points; the page scales it to its own width
_BINS = 40
_SHOWN_QUANTILE = 0.995  # of the distances; what lies beyond is drawn at the edge


def box_plots(groups: Sequence[Group], threshold: float) -> str:
    """Quartiles as boxes, 5 % and 95 % as whiskers, farther ones as points; the threshold as a line across."""
    with style(_STYLE):
        figure, axes = _figure(0.9 + 0.55 * len(groups))
        shown = list(reversed(groups))
        drawn = axes.boxplot(
            [group.distances for group in shown],
            orientation="horizontal",
            whis=(5, 95),
            widths=0.55,
            patch_artist=True,
            tick_labels=[f"{group.name} ({len(group.distances):,})" for group in shown],
            flierprops={"marker": "|", "markersize": 6},
            medianprops={"color": _INK, "linewidth": 2},
        )
        for place, group in enumerate(shown):
            colour = _OF_GROUP[group.name]
            drawn["boxes"][place].set(facecolor=colour, alpha=0.75, edgecolor=colour)
            drawn["fliers"][place].set(markeredgecolor=colour)
            for part in ("whiskers", "caps"):
                for line in drawn[part][2 * place : 2 * place + 2]:
                    line.set(color=colour)
        _mark_threshold(axes, threshold)
        axes.set_xlabel("distance to the nearest training inputs")
        return _svg(figure, "boxes")


def histogram(groups: Sequence[Group], threshold: float) -> str:
    """How often each distance occurs, as a part of each group."""
    edges = _edges(groups, threshold)
    with style(_STYLE):
        figure, axes = _figure(2.6)
        for group in groups:
            heights, _ = np.histogram(np.clip(group.distances, edges[0], edges[-1]), edges)
            colour = _OF_GROUP[group.name]
            shares = 100 * heights / len(group.distances)
            axes.stairs(shares, edges, color=colour, linewidth=1.8, label=group.name)
            axes.stairs(shares, edges, color=colour, alpha=0.25, fill=True)
        _mark_threshold(axes, threshold)
        axes.set(xlabel="distance to the nearest training inputs", ylabel="% of the inputs", xlim=(edges[0], edges[-1]))
        axes.legend(frameon=False, loc="upper right")
        return _svg(figure, "histogram")


def over_time(items: Sequence[Observation], windows: Sequence[Window], threshold: float) -> str:
    """Above: how many inputs came at each distance, the more the darker. Below: the share above the threshold."""
    timed = [(_DATES.date2num(item.time), item.distance) for item in items if item.time is not None]
    times, distances = np.array(timed).T
    ends = _DATES.date2num([windows[0].start, *(window.end for window in windows)])
    top = max(float(np.quantile(distances, _SHOWN_QUANTILE)), threshold) * 1.05
    counts, across, along = np.histogram2d(
        times, np.clip(distances, 0, top), bins=[max(len(windows), 12), 24], range=[[ends[0], ends[-1]], [0, top]]
    )
    with style(_STYLE):
        figure = Figure(figsize=(_WIDTH, 4.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for row, column in np.argwhere(counts > 0):
            upper.fill_between(
                across[row : row + 2], along[column], along[column + 1],
                color=_OF_GROUP["new"], alpha=0.12 + 0.88 * counts[row, column] / counts.max(), linewidth=0,
            )  # fmt: skip
        upper.axhline(threshold, color=_LIMIT, linestyle="--", linewidth=1.4)
        upper.set(ylabel="distance", ylim=(0, top))
        middles = [_DATES.date2num(window.start + (window.end - window.start) / 2) for window in windows]
        values = np.array([[window.share.value, window.share.low, window.share.high] for window in windows]) * 100
        lower.errorbar(
            middles, values[:, 0], yerr=[values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]],
            color=_OF_GROUP["new"], marker="o", markersize=4, linewidth=1.4, capsize=3,
        )  # fmt: skip
        lower.set(ylabel="% above it", ylim=(-2, min(103, max(5, values[:, 2].max() * 1.05))))
        locator = _DATES.AutoDateLocator(maxticks=8)
        lower.xaxis.set_major_locator(locator)
        lower.xaxis.set_major_formatter(_DATES.ConciseDateFormatter(locator))
        return _svg(figure, "time")


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _edges(groups: Sequence[Group], threshold: float) -> Numbers:
    highest = max(float(np.quantile(group.distances, _SHOWN_QUANTILE)) for group in groups)
    lowest = min(float(group.distances.min()) for group in groups)
    return np.linspace(lowest, max(highest, threshold * 1.1, lowest + 1e-9), _BINS + 1)


def _mark_threshold(axes: Axes, threshold: float) -> None:
    axes.axvline(threshold, color=_LIMIT, linestyle="--", linewidth=1.4, label="threshold")


def _svg(figure: Figure, name: str) -> str:
    """The figure as an element: no declaration, nothing that names an outside, ids of its own, the page's colours."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true" focusable="false">', svg)
    svg = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = svg.replace("xlink:href=", "href=")
    # Figures count their parts alike.
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    # A font's names and quotes are the page's matter; sizes stay.
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for colour, custom_property in _PROPERTIES.items():
        svg = svg.replace(colour, f"var({custom_property})")
    return svg.strip()
