"""The characters of JSON as the platform's parser reads them: decoded one by one where strings are, and counted so.

Followed: spray-json 1.3 JsonParser.scala. Here many are looked at together, which is to be seen
in nothing but the time that it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

END = "\uffff"  # the parser's own mark for the end of the input
_REPLACEMENT = "\ufffd"

_ANYTHING = re.compile(r".*", re.DOTALL)
_TWO_IN_JAVA = re.compile(r"[^\x00-\uffff]")
_RUN = 4096  # units that are looked at together
_ALONE = 64  # characters that are looked at one by one where one wasn't UTF-8: others needn't be, which costs as much


class Input:
    """Characters of a text, or of bytes that are decoded as they are read.

    `units` are what the cursor counts, as characters: those of a text, or each byte as one.
    """

    def __init__(self, data: bytes | str) -> None:
        self.data = data
        self.units = data if isinstance(data, str) else data.decode("latin-1")
        self.cursor = -1
        self.pending = ""  # second half of a character that takes two in Java
        self._alone = 0

    def next(self) -> str:
        """The next character where only ASCII is allowed: of bytes, the byte itself."""
        self.cursor += 1
        return self.units[self.cursor] if self.cursor < len(self.units) else END

    def next_utf_8(self) -> str:
        """The next character within a string."""
        if isinstance(self.data, str):
            return self.next()
        if self.pending:
            result, self.pending = self.pending, ""
            return result
        self.cursor += 1
        if self.cursor >= len(self.data):
            return END
        lead = self.data[self.cursor]
        if lead < 0x80:
            return chr(lead)
        more = 1 if lead & 0xE0 == 0xC0 else 2 if lead & 0xF0 == 0xE0 else 3 if lead & 0xF8 == 0xF0 else 0
        return self._decode(self.cursor, more) if more else _REPLACEMENT

    def _decode(self, start: int, more: int) -> str:
        assert isinstance(self.data, bytes)
        self.cursor = min(start + more, len(self.data))
        if start + more >= len(self.data):
            return _REPLACEMENT
        try:
            character = self.data[start : start + more + 1].decode("utf-8")
        except UnicodeDecodeError:
            return _REPLACEMENT
        if ord(character) > 0xFFFF:
            pair = character.encode("utf-16-be")
            self.pending = chr(int.from_bytes(pair[2:], "big"))
            return chr(int.from_bytes(pair[:2], "big"))
        return character

    def run(self, allowed: re.Pattern[str]) -> str:
        """What `next_utf_8` would give, as long as that is `allowed` and nothing special: many characters at once.

        It may end early, and be nothing; characters that take two in Java are one here.
        """
        if self.pending or self._alone:
            self._alone = max(0, self._alone - 1)
            return ""
        start = self.cursor + 1
        found = allowed.match(self.units, start, start + _RUN)
        text = found[0] if found is not None else ""
        is_bytes = isinstance(self.data, bytes) and not text.isascii()
        if is_bytes:
            text = self._decoded(start, start + len(text))
        if END in text:
            text = text[: text.index(END)]
        self.cursor += len(text.encode("utf-8")) if is_bytes else len(text)
        return text

    def _decoded(self, start: int, end: int) -> str:
        """These bytes, as far as they are UTF-8."""
        assert isinstance(self.data, bytes)
        try:
            return self.data[start:end].decode("utf-8")
        except UnicodeDecodeError as problem:
            self._alone = _ALONE
            return self.data[start : start + problem.start].decode("utf-8")

    def line_at(self, index: int) -> tuple[int, int, str]:
        """Number, column and text of the line that holds `index`; columns count as the platform counts them."""
        text = "".join(Input(self.data)._all())
        counted = _JavaCount(text) if isinstance(self.data, bytes) and _TWO_IN_JAVA.search(text) else _Count()
        end = text.find("\n", counted.place(index))
        end = len(text) if end < 0 else end
        start = text.rfind("\n", 0, end) + 1
        return text.count("\n", 0, end) + 1, index - counted.before(start) + 1, text[start:end]

    def _all(self) -> Iterator[str]:
        """All that `next_utf_8` gives, in pieces."""
        while True:
            yield self.run(_ANYTHING)
            character = self.next_utf_8()
            if character == END:
                return
            yield join_pairs(character + self.next_utf_8()) if self.pending else character


class _Count:
    """Places in a text, each of whose characters is one to Java, too."""

    def place(self, count: int) -> int:
        """Where the character is that comes after so many of Java's."""
        return count

    def before(self, place: int) -> int:
        """How many of Java's there are before it."""
        return place


class _JavaCount(_Count):
    """Places in a text with characters that are two to Java."""

    def __init__(self, text: str) -> None:
        self._text = text

    def place(self, count: int) -> int:
        return len(self._text[:count].encode("utf-16-le")[: 2 * count].decode("utf-16-le", "ignore"))

    def before(self, place: int) -> int:
        return len(self._text[:place].encode("utf-16-le")) // 2


def join_pairs(text: str) -> str:
    """Surrogate pairs, which Java keeps as two characters, as the one character they are."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
