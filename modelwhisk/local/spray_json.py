"""JSON as the platform reads and writes it: spray-json 1.3.

Objects come out with their keys sorted (by UTF-16 code unit), numbers as `java.math.BigDecimal` prints them, and of
duplicate keys the last one wins (JsonParser.scala, PrettyPrinter.scala, CompactPrinter.scala).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import accumulate, repeat
from json.encoder import encode_basestring
from typing import NoReturn, TypeAlias

from modelwhisk.local.spray_json_input import END
from modelwhisk.local.spray_json_parser import JsonError, explain

Json: TypeAlias = "bool | Decimal | int | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 1000
MAX_NUMBER_CHARACTERS = 100
# Ours alone: a result of 1 MiB that is nested deeply enough becomes 900 times as long by its indentation.
MAX_PRETTY = 16 * 1_048_576  # characters

# Also ours: all others wait while what is bad is read step by step, which takes up to two seconds a megabyte.
MOST_EXPLAINED = 16_384  # bytes or characters
# And this: of 16 million empty lists, which are 48 MB, Python makes 1.3 GB and a minute's work. Of what may be larger
# than a megabyte, the parameters and annotations of an action may be as large, and have half as many values each.
MOST_VALUES = 1_048_576

_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_LEVELS = {"[": 1, "{": 1, "]": -1, "}": -1}

__all__ = ["Json", "JsonError", "TooLong", "compact", "parse", "pretty", "utf_8"]


class TooLong(ValueError):
    """A value has more than `MAX_PRETTY` characters once it is indented."""


class _Suspect(ValueError):
    """The quick parser met what the platform's may not take; the message says what."""


class _TooMany(JsonError):
    """There are more values than are read at a time."""

    def __init__(self) -> None:
        super().__init__(f"The local platform reads no more than {MOST_VALUES} values, lists and objects at a time.")


def parse(data: bytes | str, max_depth: int = MAX_DEPTH) -> Json:
    """The value that `data` states, numbers as `Decimal`.

    Raises `JsonError` with the platform's own words, or with ours where `data` is longer than `MOST_EXPLAINED`: then
    also for what isn't UTF-8, of which the platform takes U+FFFD.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        if END in text:
            raise _Suspect("It has the character U+FFFF")
        if _is_deep(text, max_depth):
            raise _Suspect(f"It has {max_depth} levels or more")
        value: Json = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant)
    except _TooMany:
        raise
    except (ValueError, RecursionError) as problem:
        if len(data) > MOST_EXPLAINED:
            reason = "It has too many levels" if isinstance(problem, RecursionError) else str(problem)
            words = f"{reason}. The platform's own words are only known of up to {MOST_EXPLAINED} bytes of JSON."
            raise JsonError(words) from problem
        value = explain(data, max_depth, MAX_NUMBER_CHARACTERS)
    return value


def _is_deep(text: str, max_depth: int) -> bool:
    """Whether a JSON text has `max_depth` levels, raises `_TooMany`; whatever of a text that is none."""
    opened = text.count("[") + text.count("{")
    if opened < max_depth and opened + text.count(",") <= MOST_VALUES:
        return False
    outside = _outside_of_strings(text)
    opened = outside.count("[") + outside.count("{")
    if opened + outside.count(",") > MOST_VALUES:
        raise _TooMany
    brackets = _NO_BRACKETS.sub("", outside)
    return len(brackets) <= 2 * opened and max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0) >= max_depth


def _outside_of_strings(text: str) -> str:
    """What is left of JSON without its strings; raises `_TooMany` where there are more than so many values can have."""
    ends = text.replace("\\\\", "").replace('\\"', "")
    if ends.count('"') > 4 * MOST_VALUES:  # two of a name, two of what it is of
        raise _TooMany
    return "".join(ends.split('"')[::2])


def _number(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise _Suspect(f"A number has more than {MAX_NUMBER_CHARACTERS} characters")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise _Suspect(f"{text} is beyond all numbers") from error


def _refuse_constant(name: str) -> NoReturn:
    raise _Suspect(f"{name} is no number")


def pretty(value: Json) -> str:
    """`value` over several lines, indented by two spaces; arrays stay on theirs. Raises `TooLong`."""
    pieces: list[str] = []
    length = 0
    for piece in _print(value, indented=True):
        length += len(piece)
        if length > MAX_PRETTY:
            raise TooLong
        pieces.append(piece)
    return "".join(pieces)


def compact(value: Json) -> str:
    """`value` without any white space."""
    return "".join(_print(value, indented=False))


def utf_16_order(key: str) -> bytes:
    """What to sort an object's keys by to have them as Java's sorted maps do."""
    return key.encode("utf-16-be", "surrogatepass")


def number_text(value: Decimal | int) -> str:
    """A number as `java.math.BigDecimal.toString` writes it: it keeps trailing zeros and knows no negative zero."""
    number = value if isinstance(value, Decimal) else Decimal(value)
    return str(number) if number else str(number.copy_abs())


def _print(value: Json, *, indented: bool) -> Iterator[str]:
    # Not recursive: the platform takes values nested a thousand deep, which is more than Python's stack does.
    if not isinstance(value, (list, dict)):
        yield _leaf(value)
        return
    here = _Open(value, 0, indented=indented)
    around: list[_Open] = []
    yield here.opening
    while True:
        for name, child in here.items:
            before, here.before = here.before, here.between
            if isinstance(child, (list, dict)):
                around.append(here)
                here = _Open(child, here.depth, indented=indented)
                yield before + name + here.opening
                break
            yield before + name + _leaf(child)
        else:
            yield here.closing
            if not around:
                return
            here = around.pop()


class _Open:
    """An object or array that is being written; `depth` counts the objects around its items, itself included.

    `before` stands before the next item, `between` before all but the first one. Items come with their names' text.
    """

    __slots__ = ("before", "between", "closing", "depth", "items", "opening")

    def __init__(self, value: list[Json] | dict[str, Json], outer_depth: int, *, indented: bool) -> None:
        self.items: Iterator[tuple[str, Json]]
        if isinstance(value, list):
            self.items = zip(repeat(""), value, strict=False)
            self.depth = outer_depth
            self.opening, self.before, self.between, self.closing = "[", "", ", " if indented else ",", "]"
            return
        colon = ": " if indented else ":"
        self.items = ((encode_basestring(key) + colon, value[key]) for key in sorted(value, key=utf_16_order))
        self.depth = outer_depth + 1
        self.opening, self.before, self.between, self.closing = "{", "", ",", "}"
        if indented:
            self.before = "  " * self.depth
            self.opening, self.between = "{\n", f",\n{self.before}"
            self.closing = f"\n{'  ' * outer_depth}}}"


def _leaf(value: bool | Decimal | int | str | None) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)


def utf_8(text: str) -> bytes:
    """`text` as Java's `getBytes(UTF_8)` encodes it: halves of surrogate pairs that stand alone become `?`."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return paired.encode("utf-8", "replace")
