"""JSON that is nested: Python's own reader and writer go down into themselves, and give up where they stand too deep.

The writer does so sooner or later than the reader, by where each is called, so what was read can't always be written.
"""

from __future__ import annotations

import json
from typing import Any

# What both manage wherever we call them, of the thousand calls that Python allows within each other.
MOST_LEVELS = 800


class TooDeep(ValueError):
    """Lists and objects stand more than `MOST_LEVELS` deep in each other."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {MOST_LEVELS} levels deep")


def loads(text: str | bytes, **options: Any) -> Any:
    """As `json.loads`, and what it returns can be written again; else raises `TooDeep`."""
    try:
        value = json.loads(text, **options)
    except RecursionError as problem:
        raise TooDeep from problem
    if is_too_deep(value):
        raise TooDeep
    return value


def is_too_deep(value: Any) -> bool:
    """Whether a value of JSON has more than `MOST_LEVELS`; doesn't go down into itself to learn it."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MOST_LEVELS):
        if not level:
            return False
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, (dict, list))
        ]
    return bool(level)
