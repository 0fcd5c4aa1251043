"""Content negotiation as the platform's HTTP library does it after an action ran: `Accept` and `Accept-Charset`.

Followed: pekko-http's scaladsl/server/ContentNegotiation.scala; RFC 7231 section 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelwhisk.local.grammar import DIGIT, Mismatch, Scanner, parse_all, word
from modelwhisk.local.media_types import UTF_8, ContentType, MediaType, canonical_charset, media_type, parameters_of

# Ranges that the library has a name for are tried by order of parameters and q like the others; what is not a single
# type comes after those that are.
_SINGLE, _MAIN_ONLY, _ANY = range(3)


@dataclass(frozen=True)
class MediaRange:
    """One range of an `Accept` header: a type, or `main/*` or `*/*` where `mime` is None; parameters and weight."""

    main: str
    mime: MediaType | None
    parameters: tuple[tuple[str, str], ...]
    q: float

    def __str__(self) -> str:
        weight = f";q={weight_text(self.q)}" if self.q < 1 else ""
        if self.mime is not None:
            return f"{self.mime}{weight}"
        return f"{self.main}/*{weight}" + "".join(f"; {name}={word(value)}" for name, value in self.parameters)

    def matches(self, other: MediaType) -> bool:
        """Whether a response of the type `other` is meant."""
        wanted = self.parameters
        if self.mime is not None:
            if self.mime.essence != other.essence:
                return False
            wanted = tuple(item for item in wanted if item[0] != "charset")
        elif self.main not in ("*", other.main):
            return False
        return all(item in other.parameters for item in wanted)

    @property
    def order(self) -> tuple[int, int, float]:
        """Most specific first, then most parameters, then the highest weight."""
        generality = _ANY if self.main == "*" else _MAIN_ONLY if self.mime is None else _SINGLE
        return generality, -len(self.parameters), -self.q


def weight_text(q: float) -> str:
    """A weight as the library writes it: at least one digit after the point, at most three."""
    text = f"{q:.3f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def media_range(scanner: Scanner) -> MediaRange:
    """Takes one range of an `Accept` header."""
    if scanner.take("*/*") or scanner.take("*"):
        main, sub = "*", "*"
        scanner.ows()
    else:
        main = scanner.token()
        scanner.expect("/")
        sub = scanner.token()
    given = dict(parameters_of(scanner))
    q = _float(given.pop("q", "1"))
    if not 0 <= q <= 1:
        raise Mismatch(f"q={q}")
    parameters = tuple(sorted(given.items()))
    if sub == "*":
        return MediaRange(main.lower(), None, parameters, q)
    mime = media_type(main, sub, given, charset_given="charset" in given)
    return MediaRange(mime.main, mime, parameters, q)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def qvalue(scanner: Scanner) -> float:
    """Takes `;q=…` as all headers but `Accept` have it; 1 where it is absent."""
    weight = scanner.attempt(_weight)
    return 1.0 if weight is None else weight


def _weight(scanner: Scanner) -> float:
    for literal in (";", "q", "="):
        scanner.expect_ws(literal)
    start = scanner.at
    if scanner.take("0"):
        if scanner.take("."):
            scanner.while_in(DIGIT)
    elif scanner.take("."):
        scanner.some_of(DIGIT)
    else:
        scanner.expect("1")
        if scanner.take("."):
            scanner.while_in(frozenset("0"))
    value = float(scanner.text[start : scanner.at])
    scanner.ows()
    return value


def charset_range(scanner: Scanner) -> tuple[str, float]:
    """Takes one range of an `Accept-Charset` header: charset or `*`, and weight."""
    name = "*" if scanner.take_ws("*") else canonical_charset(scanner.token())
    return name, qvalue(scanner)


@dataclass(frozen=True)
class Preferences:
    """What a client accepts."""

    media_ranges: tuple[MediaRange, ...] = ()
    charsets: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, headers: Sequence[tuple[str, str]]) -> Preferences:
        """The preferences that request headers state; headers that don't parse are not looked at."""
        ranges: list[MediaRange] = []
        charsets: list[tuple[str, float]] = []
        for name, value in headers:
            try:
                if name.lower() == "accept":
                    ranges += parse_all(lambda scanner: scanner.listed(media_range, at_least=0), value)
                elif name.lower() == "accept-charset":
                    charsets += parse_all(lambda scanner: scanner.listed(charset_range), value)
            except Mismatch:
                continue
        by_weight = sorted(charsets, key=lambda item: 1.0 if item[0] == "*" else -item[1])
        return cls(tuple(sorted(ranges, key=lambda item: item.order)), tuple(by_weight))

    def accepts(self, content_type: ContentType) -> bool:
        """Whether a response of that type may be sent."""
        if self._weight_of(content_type.media_type) <= 0:
            return False
        charset = content_type.text_charset
        return charset is None or self._charset_weight(charset) > 0

    def accepts_type(self, wanted: MediaType) -> bool:
        """Whether a text of that type may be sent, in some charset."""
        return self._weight_of(wanted) > 0 and self.best_charset() is not None

    def _weight_of(self, wanted: MediaType) -> float:
        if not self.media_ranges:
            return 1.0
        return next((accepted.q for accepted in self.media_ranges if accepted.matches(wanted)), 0.0)

    def _charset_weight(self, charset: str) -> float:
        if not self.charsets:
            return 1.0
        return next((q for name, q in self.charsets if name == "*" or name.lower() == charset.lower()), 0.0)

    def best_charset(self) -> str | None:
        """The charset that the client likes best, UTF-8 where it doesn't mind, None where it takes none."""
        if not self.charsets:
            return UTF_8
        name, q = self.charsets[0]
        if name != "*":
            return name
        return UTF_8 if q > 0 else None
