"""The platform's JSON parser step by step, for what the quick one refuses: it knows the exact error message.

Followed: spray-json 1.3 JsonParser.scala, whose bytes are decoded character by character while strings are read.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

END = "\uffff"  # the parser's own mark for the end of the input
_REPLACEMENT = "\ufffd"
_ESCAPES = {'"': '"', "/": "/", "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class JsonError(ValueError):
    """The text is not JSON; the message is the platform's."""


class _Input:
    """Characters of a text, or of bytes that are decoded as they are read."""

    def __init__(self, data: bytes | str) -> None:
        self.data = data
        self.cursor = -1
        self.pending = ""  # second half of a character that takes two in Java

    def next(self) -> str:
        """The next character where only ASCII is allowed: of bytes, the byte itself."""
        self.cursor += 1
        if self.cursor >= len(self.data):
            return END
        unit = self.data[self.cursor]
        return unit if isinstance(unit, str) else chr(unit)

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

    def line_at(self, index: int) -> tuple[int, int, str]:
        """Number, column and text of the line that holds `index`; columns count as the platform counts them."""
        reader = _Input(self.data)
        text: list[str] = []
        position, line_start, number = 0, 0, 1
        while (character := reader.next_utf_8()) != END:
            if character == "\n":
                if index <= position:
                    break
                text.clear()
                line_start, number = position + 1, number + 1
            else:
                text.append(character)
            position += 1
        return number, index - line_start + 1, "".join(text)


def explain(data: bytes | str, max_depth: int, max_number_characters: int) -> Any:
    """The value of `data`, slowly; raises `JsonError` where the platform does."""
    return _Parser(data, max_depth, max_number_characters).document()


class _Parser:
    def __init__(self, data: bytes | str, max_depth: int, max_number_characters: int) -> None:
        self.input = _Input(data)
        self.max_depth = max_depth
        self.max_number_characters = max_number_characters
        self.current = self.input.next()

    def document(self) -> Any:
        self._white_space()
        value = self._value()
        self._require(END, "end-of-input")
        return value

    def _value(self) -> Any:
        """A value, with a stack of our own: each open container with the key that its next value goes to."""
        stack: list[tuple[Any, str | None]] = []
        while True:
            if len(stack) >= self.max_depth:
                raise JsonError(
                    "JSON input nested too deeply:JSON input was nested more deeply than the configured limit of "
                    f"maxNesting = {self.max_depth}"
                )
            container = self._open_container()
            if container is not None and self._has_items(container):
                stack.append((container, self._key() if isinstance(container, dict) else None))
                continue
            value = container if container is not None else self._scalar()
            if container is not None:
                self._advance()
                self._white_space()
            value = self._close_containers(stack, value)
            if not stack:
                return value

    def _open_container(self) -> Any:
        if self.current not in ("{", "["):
            return None
        container: Any = {} if self.current == "{" else []
        self._advance()
        self._white_space()
        return container

    def _has_items(self, container: Any) -> bool:
        return self.current != ("}" if isinstance(container, dict) else "]")

    def _key(self) -> str:
        key = self._string()
        self._require(":")
        self._white_space()
        return key

    def _close_containers(self, stack: list[tuple[Any, str | None]], value: Any) -> Any:
        """Puts `value` where it belongs, and closes what ends with it; what is left open stays on the stack."""
        while stack:
            container, key = stack.pop()
            if isinstance(container, dict):
                container[key] = value
            else:
                container.append(value)
            if self._take(","):
                self._white_space()
                stack.append((container, self._key() if isinstance(container, dict) else None))
                return None
            self._require("}" if isinstance(container, dict) else "]")
            self._white_space()
            value = container
        return value

    def _scalar(self) -> Any:
        mark = self.input.cursor
        for word, value in (("false", False), ("null", None), ("true", True)):
            if self.current == word[0]:
                if not all(self._take(character) for character in word):
                    self._fail("JSON Value", mark)
                self._white_space()
                return value
        if self.current == '"':
            return self._string()
        if self.current == "-" or self.current in "0123456789":
            return self._number()
        self._fail("JSON Value")

    def _number(self) -> Decimal:
        start = self.input.cursor
        self._take("-")
        if not self._take("0"):
            self._digits()
        if self._take("."):
            self._digits()
        if self._take("e") or self._take("E"):
            if not self._take("-"):
                self._take("+")
            self._digits()
        text = self.input.data[start : self.input.cursor]
        text = text.decode("ascii") if isinstance(text, bytes) else text
        self._white_space()
        if len(text) > self.max_number_characters:
            raise JsonError(
                f"Number too long:The number starting with '{text[:20]}' had {len(text)} characters which is more than "
                f"the allowed limit maxNumberCharacters = {self.max_number_characters}. If this is legit input "
                "consider increasing the limit."
            )
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise JsonError("Too many nonzero exponent digits.") from error

    def _digits(self) -> None:
        if self.current not in "0123456789":
            self._fail("DIGIT")
        while self.current in "0123456789":
            self._advance()

    def _string(self) -> str:
        if self.current != '"':
            self._fail("'\"'")
        self.current = self.input.next_utf_8()
        characters: list[str] = []
        while self.current not in ('"', END) and self.current >= " ":
            characters.append(self._escaped() if self.current == "\\" else self.current)
            self.current = self.input.next_utf_8()
        self._require('"')
        self._white_space()
        return _join_pairs("".join(characters))

    def _escaped(self) -> str:
        self._advance()
        if self.current in _ESCAPES:
            return _ESCAPES[self.current]
        if self.current != "u":
            self._fail("JSON escape sequence")
        code = 0
        for _ in range(4):
            self._advance()
            if self.current not in "0123456789abcdefABCDEF":
                self._fail("hex digit")
            code = code * 16 + int(self.current, 16)
        return chr(code)

    def _advance(self) -> None:
        self.current = self.input.next()

    def _take(self, character: str) -> bool:
        if self.current != character:
            return False
        self._advance()
        return True

    def _white_space(self) -> None:
        while self.current in (" ", "\n", "\r", "\t"):
            self._advance()

    def _require(self, character: str, name: str = "") -> None:
        if not self._take(character):
            self._fail(name or f"'{character}'")

    def _fail(self, expected: str, cursor: int | None = None) -> NoReturn:
        index = self.input.cursor if cursor is None else cursor
        number, column, text = self.input.line_at(index)
        found = "end-of-input"
        if self.current != END:
            shown = f"\\u{ord(self.current):04x}" if _is_control(self.current) else self.current
            found = f"character '{shown}'"
        line = "".join("?" if _is_control(character) else character for character in text)
        raise JsonError(
            f"Unexpected {found} at input index {index} (line {number}, position {column}), expected {expected}:"
            f"\n{line}\n{' ' * (column - 1)}^\n"
        )


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


def _join_pairs(text: str) -> str:
    """Surrogate pairs, which Java keeps as two characters, as the one character they are."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
