"""The platform's JSON parser step by step, for what the quick one refuses: it knows the exact error message.

Followed: spray-json 1.3 JsonParser.scala.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from modelwhisk.local.spray_json_input import END, Input, join_pairs

_ESCAPES = {'"': '"', "/": "/", "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

_BLANKS = " \n\r\t"
_WHITE_SPACE = re.compile(r"[ \n\r\t]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')  # of a string
_ESCAPE = re.compile(r"u[0-9A-Fa-f]{4}")
# With what may follow one, so that none is taken for less than it is; what is longer is read in steps.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,9})?(?=[,\]} \n\r\t])")
_DIGITS = re.compile(r"[0-9]*")
_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "?")


class JsonError(ValueError):
    """The text is not JSON; the message is the platform's."""


def explain(data: bytes | str, max_depth: int, max_number_characters: int) -> Any:
    """The value of `data`, slowly: two seconds a megabyte; raises `JsonError` where the platform does."""
    return _Parser(data, max_depth, max_number_characters).document()


class _Parser:
    def __init__(self, data: bytes | str, max_depth: int, max_number_characters: int) -> None:
        self.input = Input(data)
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
        if self.current == '"':
            return self._string()
        if self.current == "-" or self.current in "0123456789":
            return self._number()
        mark = self.input.cursor
        for word, value in (("false", False), ("null", None), ("true", True)):
            if self.current == word[0]:
                if not all(self._take(character) for character in word):
                    self._fail("JSON Value", mark)
                self._white_space()
                return value
        self._fail("JSON Value")

    def _number(self) -> Decimal:
        start = self.input.cursor
        found = _NUMBER.match(self.input.units, start)
        if found is not None:
            self._go_to(found.end())
        else:
            self._number_in_steps()
        text = self.input.units[start : self.input.cursor]
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

    def _number_in_steps(self) -> None:
        self._take("-")
        if not self._take("0"):
            self._digits()
        if self._take("."):
            self._digits()
        if self._take("e") or self._take("E"):
            if not self._take("-"):
                self._take("+")
            self._digits()

    def _digits(self) -> None:
        if self.current not in "0123456789":
            self._fail("DIGIT")
        self._skip(_DIGITS)

    def _string(self) -> str:
        if self.current != '"':
            self._fail("'\"'")
        pieces = [self._next_in_string()]
        while self.current not in ('"', END) and self.current >= " ":
            pieces.append(self._escaped() if self.current == "\\" else self.current)
            pieces.append(self._next_in_string())
        self._require('"')
        self._white_space()
        return join_pairs("".join(pieces))

    def _next_in_string(self) -> str:
        """Plain characters, and the next one after them becomes the current one."""
        text = self.input.run(_PLAIN)
        self.current = self.input.next_utf_8()
        return text

    def _escaped(self) -> str:
        self._advance()
        if self.current in _ESCAPES:
            return _ESCAPES[self.current]
        if self.current != "u":
            self._fail("JSON escape sequence")
        found = _ESCAPE.match(self.input.units, self.input.cursor)
        if found is not None:
            self._go_to(found.end() - 1)
            return chr(int(found[0][1:], 16))
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
        if self.current in _BLANKS:
            self._skip(_WHITE_SPACE)

    def _skip(self, allowed: re.Pattern[str]) -> None:
        found = allowed.match(self.input.units, self.input.cursor)
        if found is not None:
            self._go_to(found.end())

    def _go_to(self, index: int) -> None:
        self.input.cursor = index - 1
        self._advance()

    def _require(self, character: str, name: str = "") -> None:
        if not self._take(character):
            self._fail(name or f"'{character}'")

    def _fail(self, expected: str, cursor: int | None = None) -> NoReturn:
        index = self.input.cursor if cursor is None else cursor
        number, column, text = self.input.line_at(index)
        found = "end-of-input"
        if self.current != END:
            mark = f"\\u{ord(self.current):04x}" if ord(self.current) in _CONTROL else self.current
            found = f"character '{mark}'"
        shown = f"{text.translate(_CONTROL)}\n{' ' * (column - 1)}^\n"
        place = f"input index {index} (line {number}, position {column})"
        raise JsonError(f"Unexpected {found} at {place}, expected {expected}:\n{shown}")
