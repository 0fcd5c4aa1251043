"""What others wrote, shown on a terminal: it must not steer it, nor be read as rich's markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import rich.console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text

# But for tabs and line ends: C0 and C1 controls, what turns the direction of writing or breaks lines unseen, and halves
# of surrogate pairs, which no encoding has.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CODES = [code for code in range(0xE000) if _CONTROLS.match(chr(code))]
_REPLACED = dict.fromkeys(_CODES, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _CODES}
_PIECE = 65_536  # characters that are looked through at a time: what is made of each takes many times its memory

# Characters of one text that rich is given, which it takes apart: a kilobyte and up to 0.1 ms for each line or tab, and
# in a table the square of their number.
MOST_STYLED = 50_000
_MOST_IN_A_CELL = 1_000
_MORE = "… and {:,} more characters"
_IN_ONE_LINE = {ord("\t"): " ", ord("\n"): " "}


def shown(text: str) -> str:
    """`text` with a replacement character for each control character."""
    return text if text.isprintable() else _without_controls(text, _REPLACED)


def _without_controls(text: str, instead: dict[int, str]) -> str:
    if not _CONTROLS.search(text):
        return text
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return "".join(piece.translate(instead) for piece in pieces)


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
    return _without_controls(text, _ESCAPED)


def _cut(text: Text, most: int = MOST_STYLED) -> Text:
    if len(text) <= most:
        return text
    left = most - len(_MORE) - 10  # so that it isn't cut again
    beginning = text.copy()
    beginning.plain = text.plain[:left] + _MORE.format(len(text) - left)
    return beginning


class Table(RichTable):
    """rich's; a text in it is in one line, and no longer than a name or a path."""

    def add_row(self, *cells: rich.console.RenderableType | None, **options: Any) -> None:
        """Adds a row of strings, texts or other renderables."""
        super().add_row(*map(_in_a_cell, cells), **options)


def _in_a_cell(cell: rich.console.RenderableType | None) -> rich.console.RenderableType | None:
    if not isinstance(cell, str | Text):
        return cell
    text = _cut(Text(cell) if isinstance(cell, str) else cell.copy(), _MOST_IN_A_CELL)
    text.plain = text.plain.translate(_IN_ONE_LINE)
    return text


class Console(rich.console.Console):
    """rich's, whose own control sequences pass, and those of what it is to print don't; square brackets are text.

    Of a text no more than `MOST_STYLED` characters are shown, and none is looked through for what could be coloured,
    which takes the square of a word's length, or for names of emoji. What may be longer is for `write_lines`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "highlight": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """A text of the beginning of `text`."""
        return _cut(super().render_str(text, **options))

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of what is to be printed; what the output's encoding lacks as its number."""
        for segment in super().render(_cut(renderable) if isinstance(renderable, Text) else renderable, options):
            yield segment if segment.control else Segment(self._writable(shown(segment.text)), segment.style)

    def write_lines(self, lines: Iterable[str], style: str = "") -> None:
        """Writes lines of any length and number in one style: rich doesn't look into them."""
        text = "".join(f"{line}\n" for line in lines)
        self.print(Segments([Segment(text, Style.parse(style))]), soft_wrap=True, end="")

    def _writable(self, text: str) -> str:
        encoding = getattr(self.file, "encoding", None) or "utf-8"  # not rich's, which doesn't know stdout's
        return text if text.isascii() else text.encode(encoding, "backslashreplace").decode(encoding)
