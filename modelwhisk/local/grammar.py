"""The tokens that HTTP header fields are made of (RFC 7230 section 3.2.6), read left to right with backtracking.

It accepts what the platform's HTTP library accepts (pekko-http, impl/model/parser/CommonRules.scala), which is in
places more and in places less than the RFC.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SHOWN = 20  # characters
_WHITE_SPACE = re.compile(r"[ \t]+|(?:\r\n[ \t]+)+")

ALPHA = frozenset(string.ascii_letters)
DIGIT = frozenset(string.digits)
HEXDIG = frozenset(string.hexdigits)
VCHAR = frozenset(chr(code) for code in range(0x21, 0x7F))
TCHAR = VCHAR - frozenset('()<>@,;:\\"/[]?={}')
QUOTED_TEXT = (VCHAR | frozenset(" \t")) - frozenset('"\\')
QUOTABLE = VCHAR | frozenset(" \t")
TOKEN68 = ALPHA | DIGIT | frozenset("-._~+/")


class Mismatch(ValueError):
    """The text does not follow the grammar."""


class Scanner:
    """A cursor over one header value; each method takes what it names, or raises `Mismatch`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def rest(self) -> str:
        """The beginning of what has not been taken yet, for messages: most are of attempts, and nobody reads them."""
        return self.text[self.at : self.at + _SHOWN]

    def end(self) -> None:
        """Demands that everything was taken."""
        if self.at != len(self.text):
            raise Mismatch(self.rest)

    def ows(self) -> None:
        """Takes optional white space."""
        self.while_in(frozenset(" \t"))

    def take(self, literal: str, *, ignore_case: bool = False) -> bool:
        """Takes `literal` if it is next, and says whether it was."""
        found = self.text[self.at : self.at + len(literal)]
        if found == literal or (ignore_case and found.lower() == literal.lower()):
            self.at += len(literal)
            return True
        return False

    def expect(self, literal: str) -> None:
        """Demands `literal`."""
        if not self.take(literal):
            raise Mismatch(f"{literal!r} expected at {self.rest!r}")

    def take_ws(self, literal: str) -> bool:
        """Takes `literal` and the white space after it, if it is next."""
        if not self.take(literal):
            return False
        self.ows()
        return True

    def expect_ws(self, literal: str) -> None:
        """Demands `literal`, and takes the white space after it."""
        self.expect(literal)
        self.ows()

    def while_in(self, characters: frozenset[str]) -> str:
        """Takes the longest run of `characters`, which may be empty."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1
        return self.text[start : self.at]

    def some_of(self, characters: frozenset[str]) -> str:
        """Takes the longest run of `characters`, at least one."""
        if not (run := self.while_in(characters)):
            raise Mismatch(self.rest)
        return run

    def token(self) -> str:
        """A token, and the white space after it."""
        token = self.some_of(TCHAR)
        self.ows()
        return token

    def quoted_string(self) -> str:
        """The text of a quoted string, unescaped, and the white space after it."""
        self.expect('"')
        parts = []
        while not self.take('"'):
            parts.append(self._quoted_character(QUOTED_TEXT))
        self.ows()
        return "".join(parts)

    def _quoted_character(self, plain: frozenset[str]) -> str:
        allowed = QUOTABLE if self.take("\\") else plain
        if self.at == len(self.text) or not (self.text[self.at] in allowed or self.text[self.at] >= "\x80"):
            raise Mismatch(self.rest)
        self.at += 1
        return self.text[self.at - 1]

    def word(self) -> str:
        """A token or a quoted string."""
        return self.quoted_string() if self.text.startswith('"', self.at) else self.token()

    def number(self, cap: int) -> int:
        """Digits, and the white space after them; larger numbers count as `cap`."""
        digits = self.some_of(DIGIT).lstrip("0")
        self.ows()
        # Only what may be below is read as a number: of thousands of digits Python makes none, or takes long.
        return cap if len(digits) > len(str(cap)) else min(int(digits or "0"), cap)

    def attempt(self, rule: Callable[[Scanner], T]) -> T | None:
        """What `rule` takes, or None and nothing taken."""
        start = self.at
        try:
            return rule(self)
        except Mismatch:
            self.at = start
            return None

    def first_of(self, *rules: Callable[[Scanner], T]) -> T:
        """What the first of `rules` that matches takes; the choice is final, as in a PEG."""
        start = self.at
        for rule in rules:
            try:
                return rule(self)
            except Mismatch:
                self.at = start
        raise Mismatch(self.rest)

    def listed(self, rule: Callable[[Scanner], T], *, at_least: int = 1) -> list[T]:
        """A comma-separated list of what `rule` takes."""
        items: list[T] = []
        start = self.at
        while True:
            try:
                items.append(rule(self))
            except Mismatch:
                self.at = start
                break
            start = self.at
            if not self.take_ws(","):
                break
        if len(items) < at_least:
            raise Mismatch(self.rest)
        return items


def field_value(text: str) -> str:
    """`text` as the value of a header field that a program made (RFC 7230 section 3.2): white space around it removed
    and that within made one space; `Mismatch` for characters that a field can't have."""
    collapsed = _WHITE_SPACE.sub(" ", text).strip(" ")
    if any(
        character not in VCHAR and not "\x80" <= character < "\uffff" and character != " " for character in collapsed
    ):
        raise Mismatch(text)
    return collapsed


def quoted(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def word(text: str) -> str:
    """`text` as it is where it is a token, else as a quoted string."""
    return text if text and all(character in TCHAR for character in text) else quoted(text)


def parse_all(rule: Callable[[Scanner], T], text: str) -> T:
    """What `rule` makes of the whole of `text`; raises `Mismatch` where anything is left."""
    scanner = Scanner(text)
    result = rule(scanner)
    scanner.end()
    return result
