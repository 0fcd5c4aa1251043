"""Inputs that reached something new when they were found, or that once broke something: one in base64 on each line of
corpus/TARGET.txt."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

FOLDER = Path(__file__).parent / "corpus"


def read(target: str) -> list[bytes]:
    file = FOLDER / f"{target}.txt"
    return [base64.b64decode(line) for line in file.read_text("ascii").split("\n") if line] if file.exists() else []


def write(target: str, inputs: Iterable[bytes]) -> None:
    """Shortest first, each once."""
    lines = [base64.b64encode(data).decode("ascii") for data in sorted(set(inputs), key=lambda data: (len(data), data))]
    FOLDER.mkdir(exist_ok=True)
    # An empty input, which each run tries anyway, would be an empty line.
    (FOLDER / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines if line), "ascii")


def fewest(target: Callable[[bytes], None], inputs: Iterable[bytes]) -> list[bytes]:
    """Inputs, the shortest first, that together reach every step from line to line that all of them reach."""
    kept: list[bytes] = []
    reached: set[tuple[str, int, int]] = set()
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        steps = _steps(target, data)
        if not steps <= reached:
            reached |= steps
            kept.append(data)
    return kept


def _steps(target: Callable[[bytes], None], data: bytes) -> set[tuple[str, int, int]]:
    """Steps in the proxy's own code: file, line and the line before."""
    steps: set[tuple[str, int, int]] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if "modelproxy" not in frame.f_code.co_filename:
            return None
        previous = frame.f_lineno

        def in_frame(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal previous
            steps.add((frame.f_code.co_filename, previous, frame.f_lineno))
            previous = frame.f_lineno
            return in_frame

        return in_frame

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return steps
