"""What came of it all: succeeded, failed by reason, latencies, cold starts, GB-seconds; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelwhisk.map.results import Line

_MB_PER_GB = 1024
_REASON = 100  # characters


class Record(Protocol):
    """What is needed of an activation's record, as lists have it."""

    @property
    def id(self) -> str: ...
    @property
    def duration(self) -> int | None: ...
    @property
    def init_time(self) -> int | None: ...
    @property
    def memory(self) -> int | None: ...


@dataclass
class Summary:
    """Counts of results, those of earlier runs among them; `milliseconds` are the latencies of the answered."""

    succeeded: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    milliseconds: list[float] = field(default_factory=list)
    activations: set[str] = field(default_factory=set)
    cold_starts: int | None = None
    gb_seconds: float | None = None
    estimated: bool = False
    _cold_seen: int = 0
    _busy: float = 0.0

    def add(self, line: Line, busy: float | None = None) -> None:
        """Counts a result; `busy` is how many milliseconds the container was, where that is known."""
        if line.ok:
            self.succeeded += 1
        else:
            self.failed[_reason(line)] += 1
        self.retried += line.attempts > 1
        if line.ms is not None and line.status is not None:
            self.milliseconds.append(line.ms)
            self._busy += line.ms if busy is None else busy
        if line.activation:
            self.activations.add(line.activation)
        self._cold_seen += line.cold is True

    @property
    def total(self) -> int:
        """How many results there are."""
        return self.succeeded + sum(self.failed.values())

    def quantile(self, part: float) -> float | None:
        """The latency (ms) that `part` of the answers didn't exceed: the nearest rank."""
        if not self.milliseconds:
            return None
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1))]

    def charge(self, records: Iterable[Record]) -> None:
        """Takes cold starts and GB-seconds from the platform's own records, where they are all of ours; keeps none."""
        found = {
            record.id: (record.init_time, record.duration, record.memory)
            for record in records
            if record.id in self.activations
        }
        if not self.activations or len(found) < len(self.activations):
            return
        self.cold_starts = sum(init_time is not None for init_time, _, _ in found.values())
        if all(duration is not None and memory is not None for _, duration, memory in found.values()):
            spent = sum((duration or 0) * (memory or 0) for _, duration, memory in found.values())
            self.gb_seconds = spent / 1000 / _MB_PER_GB

    def estimate(self, memory: int | None) -> None:
        """GB-seconds from how long the answers took, where the platform hasn't told; `memory` is the limit in MB."""
        if self.cold_starts is None and self._cold_seen:
            self.cold_starts = self._cold_seen
        if self.gb_seconds is None and memory is not None:
            self.gb_seconds = self._busy / 1000 * memory / _MB_PER_GB
            self.estimated = True

    def as_json(self) -> Mapping[str, Any]:
        """The numbers by name, for machines."""
        return {
            "total": self.total,
            "succeeded": self.succeeded,
            "failed": dict(self.failed.most_common()),
            "retried": self.retried,
            "p50_ms": self.quantile(0.5),
            "p99_ms": self.quantile(0.99),
            "cold_starts": self.cold_starts,
            "gb_seconds": self.gb_seconds,
            "gb_seconds_estimated": self.estimated,
        }


def _reason(line: Line) -> str:
    """Why it failed, the same for all that failed alike: without what names this one input."""
    text = re.sub(r"\b[0-9a-f]{32}\b", "…", line.error or "")
    if line.status is None:
        text = re.sub(r"(there is no file|the file) .*", r"\1 …", text)
    return text[:_REASON]
