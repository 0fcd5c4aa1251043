"""Numbers and what is said of them: a series of measurements, a bar it must stay under, a table of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Series:
    """Measurements of one thing, by quantile."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Series:
        return cls(tuple(sorted(values)))

    def quantile(self, part: float) -> float:
        """Linear between the two nearest measurements."""
        at = part * (len(self.values) - 1)
        below = int(at)
        above = min(below + 1, len(self.values) - 1)
        return self.values[below] + (self.values[above] - self.values[below]) * (at - below)

    @property
    def p50(self) -> float:
        return self.quantile(0.5)

    @property
    def p99(self) -> float:
        return self.quantile(0.99)


@dataclass(frozen=True)
class Bar:
    """``value`` must be at most ``limit``, or at least where ``at_least``; ``what`` names both with their unit."""

    what: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{self.what} {self.value:.2f}{self.unit}, wanted {sign} {self.limit:g}{self.unit}: " + (
            "met" if self.met else "MISSED"
        )


@dataclass(frozen=True)
class Row:
    """One line: measured series by column, ratios by their name; ``unit`` of the series: "s", "MB" or "", a number."""

    name: str
    series: dict[str, Series]
    ratios: dict[str, float] = field(default_factory=dict)
    bars: tuple[Bar, ...] = ()
    unit: str = "s"


@dataclass(frozen=True)
class Table:
    """group   name of the group; title and note   what is measured and how; python   the models', "" for the tools'."""

    group: str
    python: str
    title: str
    note: str
    rows: tuple[Row, ...]

    def bars(self) -> Iterator[Bar]:
        for row in self.rows:
            yield from row.bars
