"""`Model-Drift` as an action sent it: in a response, in a line of its log, in a line of `map`'s results. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "model-drift"

_MEMBER = re.compile(r'([a-z]+)\s*=\s*"?(\?[01]|[0-9][0-9.eE+-]*)')
# The log line of an activation: the proxy's own, as text or as one JSON object.
# Method, path and status come first: what is in a path, which has no blanks, is a caller's word.
_IN_TEXT = re.compile(
    r"\bmodelproxy: \S+ \S+ [0-9]+ (?:[a-z_]+=\S+ )*?drift=([0-9][0-9.eE+-]*)(?: .*?\bthreshold=([0-9][0-9.eE+-]*))?"
)
_FARTHEST = 3.4e38  # of vectors' numbers, which have 32 bits; far beyond that nothing can be drawn
_LONGEST = 1_000  # characters of a header, of which ours has a tenth


@dataclass(frozen=True)
class Told:
    """What an action told of one input; `threshold` is None where it told none."""

    distance: float
    threshold: float | None


def of_header(text: str) -> Told | None:
    """What the header says; None where it has no distance (the monitor failed or had no time)."""
    members = dict(_MEMBER.findall(text[:_LONGEST]))
    # Decimals of structured fields have three digits after the point; `exact` has all.
    return _told(members.get("exact", members.get("distance")), members.get("threshold"))


def of_headers(headers: Any) -> Told | None:
    """The same of the headers in an activation's result, whatever their case."""
    if not isinstance(headers, Mapping):
        return None
    return next((of_header(str(value)) for name, value in headers.items() if str(name).lower() == NAME), None)


def of_log(lines: list[str] | tuple[str, ...]) -> Told | None:
    """What the last of an activation's log lines that tells one says."""
    for line in reversed(lines):
        if found := _of_json(line) or _of_text(line):
            return found
    return None


def _of_text(line: str) -> Told | None:
    match = _IN_TEXT.search(line)
    return _told(*match.groups()) if match else None


def _of_json(line: str) -> Told | None:
    start = line.find('{"')
    if start < 0 or '"drift"' not in line:
        return None
    try:
        value = json.loads(line[start:])
    except (ValueError, RecursionError):
        return None
    drift = value.get("drift") if isinstance(value, dict) else None
    return _told(drift.get("distance"), drift.get("threshold")) if isinstance(drift, dict) else None


def _told(distance: Any, threshold: Any) -> Told | None:
    if isinstance(distance, bool) or isinstance(threshold, bool):
        return None
    try:
        far = float(distance)
        limit = None if threshold is None else float(threshold)
    except (TypeError, ValueError, OverflowError):
        return None
    return Told(far, limit) if 0 <= far <= _FARTHEST else None
