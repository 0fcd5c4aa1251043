"""What others wrote, shown on a terminal: it must not steer it, nor be read as rich's markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment

# But for tabs and line ends: C0 and C1 controls, what turns the direction of writing or breaks lines unseen, and halves
# of surrogate pairs, which no encoding has.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """`text` with a replacement character for each control character."""
    return text if text.isprintable() else _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def json_shown(value: Any, indent: int | None = None, allow_nan: bool = True) -> str:
    """JSON of `value` in which control characters are escaped, those that JSON itself would let stand too. Without
    `allow_nan`, `ValueError` for what JSON has no number for."""
    return _escaped(json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=allow_nan))


def json_indented(value: Any, most: int) -> str | None:
    """The same with indentation, by which each value grows with its depth; None for more than `most` characters."""
    pieces, length = [], 0
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > most:
            return None
    return _escaped("".join(pieces))


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class Console(rich.console.Console):
    """rich's, whose own control sequences pass, and those of what it is to print don't; square brackets are text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, **options})

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of what is to be printed; what the output's encoding lacks as its number."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(self._writable(shown(segment.text)), segment.style)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Writes lines without any style; rich takes so long for each that 10 MB of empty ones would be minutes."""
        self.file.write(self._writable(shown("".join(f"{line}\n" for line in lines))))
        self.file.flush()

    def _writable(self, text: str) -> str:
        encoding = getattr(self.file, "encoding", None) or "utf-8"  # not rich's, which doesn't know stdout's
        return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)
