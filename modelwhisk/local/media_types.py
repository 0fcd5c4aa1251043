"""Media types as the platform's HTTP library knows them: which are binary, which have a charset, how they are written.

The names are those of pekko-http 1.1 (scaladsl/model/MediaType.scala). A type that it does not know is binary, unless
its Content-Type carries a charset parameter (impl/model/parser/CommonActions.scala, `getMediaType`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import resources

from modelwhisk.local.grammar import Mismatch, Scanner, parse_all, word

UTF_8 = "UTF-8"

# The charsets, with the other names they go by, that the library writes in its own way; others are written as they came
# (scaladsl/model/HttpCharset.scala).
_CHARSETS = {
    "US-ASCII": "iso-ir-6 ANSI_X3.4-1968 ANSI_X3.4-1986 ISO_646.irv:1991 ASCII ISO646-US us IBM367 cp367 csASCII",
    "ISO-8859-1": "iso-ir-100 ISO_8859-1 latin1 l1 IBM819 CP819 csISOLatin1",
    "UTF-8": "UTF8",
    "UTF-16": "UTF16",
    "UTF-16BE": "",
    "UTF-16LE": "",
    "ISO-8859-2": "iso-ir-101 ISO_8859-2 latin2 l2 csISOLatin2",
    "ISO-8859-3": "iso-ir-109 ISO_8859-3 latin3 l3 csISOLatin3",
    "ISO-8859-4": "iso-ir-110 ISO_8859-4 latin4 l4 csISOLatin4",
    "ISO-8859-5": "iso-ir-144 ISO_8859-5 cyrillic csISOLatinCyrillic",
    "ISO-8859-6": "iso-ir-127 ISO_8859-6 ECMA-114 ASMO-708 arabic csISOLatinArabic",
    "ISO-8859-7": "iso-ir-126 ISO_8859-7 ELOT_928 ECMA-118 greek greek8 csISOLatinGreek",
    "ISO-8859-8": "iso-ir-138 ISO_8859-8 hebrew csISOLatinHebrew",
    "ISO-8859-9": "iso-ir-148 ISO_8859-9 latin5 l5 csISOLatin5",
    "ISO-8859-10": "iso-ir-157 l6 ISO_8859-10 csISOLatin6 latin6",
    "UTF-32": "UTF32",
    "UTF-32BE": "",
    "UTF-32LE": "",
    "windows-1250": "cp1250 cp5346",
    "windows-1251": "cp1251 cp5347",
    "windows-1252": "cp1252 cp5348",
    "windows-1253": "cp1253 cp5349",
    "windows-1254": "cp1254 cp5350",
    "windows-1257": "cp1257 cp5353",
}
_CHARSET_NAMES = {alias.lower(): name for name, aliases in _CHARSETS.items() for alias in (name, *aliases.split())}


class Kind(Enum):
    """How a type's bytes relate to characters."""

    BINARY = "binary"
    OPEN_CHARSET = "open charset"
    FIXED_UTF_8 = "utf-8"


@dataclass(frozen=True)
class MediaType:
    """`main`/`sub`, both in lower case, with parameters (but charset) in the order of their names."""

    main: str
    sub: str
    kind: Kind
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        """The type without its parameters."""
        return f"{self.main}/{self.sub}"

    def __str__(self) -> str:
        return self.essence + "".join(f"; {name}={word(value)}" for name, value in self.parameters)

    @property
    def binary(self) -> bool:
        """Whether a body of this type has no characters."""
        return self.kind is Kind.BINARY

    @property
    def is_json(self) -> bool:
        """Whether the platform takes a body of this type as JSON: parameters other than charset make it plain text."""
        return str(self).lower() == "application/json" or str(self).endswith("+json")


@dataclass(frozen=True)
class ContentType:
    """A media type with the charset of a body; `charset` is None for binary types and where none was given."""

    media_type: MediaType
    charset: str | None = None

    def __str__(self) -> str:
        if self.media_type.kind is Kind.OPEN_CHARSET and self.charset is not None:
            return f"{self.media_type}; charset={self.charset}"
        return str(self.media_type)

    @property
    def text_charset(self) -> str | None:
        """The charset that the library takes the body to be in, None for what isn't text or has no charset."""
        return UTF_8 if self.media_type.kind is Kind.FIXED_UTF_8 else self.charset


@cache
def _registered() -> dict[str, Kind]:
    table = json.loads(resources.files("modelwhisk.local").joinpath("media_types.json").read_text("utf-8"))
    kinds = {"text": Kind.OPEN_CHARSET, "utf-8": Kind.FIXED_UTF_8, "binary": Kind.BINARY}
    return {name.lower(): kinds[group] for group, names in table.items() for name in names}


def canonical_charset(name: str) -> str:
    """The charset's name as the library writes it."""
    return _CHARSET_NAMES.get(name.lower(), name)


def media_type(main: str, sub: str, parameters: dict[str, str], *, charset_given: bool) -> MediaType:
    """The type of that name; raises `Mismatch` for `multipart/*`, which the library refuses as a type."""
    main, sub = main.lower(), sub.lower()
    ordered = tuple(sorted(parameters.items()))
    if main == "multipart":
        if sub == "*":
            raise Mismatch("multipart/*")
        return MediaType(main, sub, Kind.BINARY, ordered)
    unknown = Kind.OPEN_CHARSET if charset_given else Kind.BINARY
    return MediaType(main, sub, _registered().get(f"{main}/{sub}", unknown), ordered)


def type_and_parameters(scanner: Scanner) -> tuple[str, str, list[tuple[str, str]]]:
    """Takes `main/sub; name=value…` (RFC 7231 section 3.1.1.1)."""
    main = scanner.token()
    scanner.expect("/")
    sub = scanner.token()
    return main, sub, parameters_of(scanner)


def parameters_of(scanner: Scanner) -> list[tuple[str, str]]:
    """Takes `; name=value…`, as far as it goes."""
    parameters = []
    while (parameter := scanner.attempt(_parameter)) is not None:
        parameters.append(parameter)
    return parameters


def _parameter(scanner: Scanner) -> tuple[str, str]:
    scanner.expect_ws(";")
    name = scanner.token()
    scanner.expect_ws("=")
    return name, scanner.word()


def parse_content_type(text: str) -> ContentType | None:
    """The content type that a header value states, None where it does not parse (RFC 7231 section 3.1.1.5)."""
    try:
        main, sub, parameters = parse_all(type_and_parameters, text)
        charsets = [value for name, value in parameters if name.lower() == "charset"]
        others = {name: value for name, value in parameters if name.lower() != "charset"}
        parsed = media_type(main, sub, others, charset_given=bool(charsets))
    except Mismatch:
        return None
    keeps_charset = charsets and parsed.kind is Kind.OPEN_CHARSET
    return ContentType(parsed, canonical_charset(charsets[-1]) if keeps_charset else None)


def known(essence: str, charset: str | None = None) -> ContentType:
    """The content type of one of the registered names."""
    main, sub = essence.split("/")
    return ContentType(media_type(main, sub, {}, charset_given=False), charset)


OCTETS = known("application/octet-stream")
JSON = known("application/json")
FORM = known("application/x-www-form-urlencoded")
HTML = known("text/html", UTF_8)
PLAIN_TEXT = known("text/plain", UTF_8)
SVG = known("image/svg+xml")
