"""Request targets, paths and queries as the platform's HTTP library reads them and writes them again.

Followed: pekko-http's impl/model/parser/UriParser.scala in its strict mode (the default), scaladsl/model/Uri.scala for
decoding, dot segments and rendering; RFC 3986.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from urllib.parse import unquote

from modelwhisk.local.grammar import ALPHA, DIGIT, HEXDIG, VCHAR, Mismatch, Scanner

UNRESERVED = ALPHA | DIGIT | frozenset("-._~")
SUB_DELIMS = frozenset("!$&'()*+,;=")
PATH_CHARS = UNRESERVED | SUB_DELIMS | frozenset("@:")
QUERY_CHARS = PATH_CHARS | frozenset("/?")
QUERY_KEPT = QUERY_CHARS - frozenset("&=;+")  # written as they are between & and =
REG_NAME_CHARS = UNRESERVED | SUB_DELIMS
USERINFO_CHARS = UNRESERVED | SUB_DELIMS | frozenset(":")
SCHEME_CHARS = ALPHA | DIGIT | frozenset("+-.")
FORM_KEY_CHARS = VCHAR - frozenset("%&=#")  # a form is read in the library's relaxed mode
FORM_VALUE_CHARS = VCHAR - frozenset("%&#")

_DEFAULT_PORTS = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "tftp": 69, "http": 80, "ws": 80, "pop3": 110,
    "nntp": 119, "imap": 143, "snmp": 161, "ldap": 389, "https": 443, "wss": 443, "imaps": 993, "nfs": 2049,
}  # fmt: skip


class IllegalUri(ValueError):
    """The library refuses the text; the message is what it tells the client."""

    def __init__(self, target: str, text: str, at: int, expected: str) -> None:
        found = f"Invalid input '{text[at]}'" if at < len(text) else "Unexpected end of input"
        self.summary = f"Illegal {target}: {found}, expected {expected} (line 1, column {at + 1})"
        self.detail = f"{text}\n{' ' * at}^"
        super().__init__(self.summary)


@dataclass(frozen=True)
class Target:
    """What a request asks for: decoded path segments, the first of them empty as the path starts with a slash."""

    segments: tuple[str, ...]
    raw_query: str | None

    @property
    def query(self) -> Query:
        """The query's keys and values."""
        return parse_query(self.raw_query) if self.raw_query else Query(())


@dataclass(frozen=True)
class Query:
    """Keys and values in order; a value is None where the key had no equals sign."""

    pairs: tuple[tuple[str, str | None], ...]

    def __str__(self) -> str:
        return "&".join(
            _query_text(key) if value is None else f"{_query_text(key)}={_query_text(value)}"
            for key, value in self.pairs
        )

    def last_values(self) -> dict[str, str]:
        """Each key with the last of its values, as the platform makes parameters of them."""
        return {key: value or "" for key, value in self.pairs}


def parse_target(text: str) -> Target:
    """The target of a request line, in origin form or absolute form; raises `IllegalUri`."""
    path, question, query = text.partition("?")
    if not path.startswith("/"):
        path = _path_of_absolute(text, path)
    at = _first_illegal(text, len(text.partition("?")[0]) - len(path), len(text.partition("?")[0]), PATH_CHARS | {"/"})
    if at is not None:
        raise _illegal_target(text, at, "pchar, '/', '?' or 'EOI'")
    if question:
        start = len(text) - len(query)
        if (at := _first_illegal(text, start, len(text), QUERY_CHARS)) is not None:
            raise _illegal_target(text, at, "query-char, pct-encoded or 'EOI'")
    return Target(collapse_dots(tuple(decode(segment) for segment in path.split("/"))), query if question else None)


def _illegal_target(text: str, at: int, expected: str) -> IllegalUri:
    in_escape = "%" in text[max(at - 2, 0) : at]
    return IllegalUri("request-target", text, at, "HEXDIG" if in_escape else expected)


def _path_of_absolute(text: str, path: str) -> str:
    scheme, separator, rest = path.partition("://")
    if not separator or not scheme or any(character not in SCHEME_CHARS for character in scheme):
        raise IllegalUri("request-target", text, 0, "absolute-path, absolute-URI or authority")
    return "/" + rest.partition("/")[2]


def _first_illegal(text: str, start: int, end: int, allowed: frozenset[str]) -> int | None:
    """Where the library stops reading between `start` and `end`, None if it doesn't."""
    at = start
    while at < end:
        if text[at] == "%":
            for digit in (at + 1, at + 2):
                if digit >= end or text[digit] not in HEXDIG:
                    return digit
            at += 3
        elif text[at] in allowed:
            at += 1
        else:
            return at
    return None


def decode(text: str) -> str:
    """Percent-escapes decoded as UTF-8; bytes that aren't UTF-8 become U+FFFD."""
    return unquote(text, "utf-8", "replace")


def encode(text: str, kept: frozenset[str]) -> str:
    """All characters but `kept` as percent-escapes of their UTF-8 bytes, in upper case."""
    return "".join(
        character if character in kept else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        for character in text
    )


def render_path(segments: tuple[str, ...]) -> str:
    """Decoded segments as a path again."""
    return "/".join(encode(segment, PATH_CHARS) for segment in segments)


def collapse_dots(segments: tuple[str, ...]) -> tuple[str, ...]:
    """`.` and `..` removed (RFC 3986 section 5.2.4), also where they were escaped; empty segments stay."""
    if "." not in segments and ".." not in segments:
        return segments
    pending = deque(segments[1:])
    result: list[str] = []
    while pending:
        segment = pending.popleft()
        if segment in (".", ".."):
            # An empty segment before `..` is not climbed over: the library looks for a segment with text.
            if segment == ".." and result and result[-1]:
                result.pop()
            if not pending:
                result.append("")
        else:
            result.append(segment)
    return ("", *result)


def _query_text(text: str) -> str:
    return "+".join(encode(part, QUERY_KEPT) for part in text.split(" "))


@dataclass(frozen=True)
class _Part:
    """A key or a value of a query: its characters, and what the library says it expected instead of others."""

    allowed: frozenset[str]
    expected_first: str
    expected_after: str


_KEY = _Part(FORM_KEY_CHARS, "keyValuePairsWithReversalAvoidance or 'EOI'", "'=', '&' or 'EOI'")
_VALUE = _Part(FORM_VALUE_CHARS, "part, '&' or 'EOI'", "'&' or 'EOI'")


def parse_query(raw: str) -> Query:
    """A query or a form of keys and values; raises `IllegalUri` for characters that must be escaped."""
    pairs: list[tuple[str, str | None]] = []
    if not raw:
        return Query(())
    start = 0
    for part in raw.split("&"):
        key, equals, value = part.partition("=")
        value_start = start + len(key) + 1
        _check_part(raw, range(start, start + len(key)), _KEY)
        _check_part(raw, range(value_start, value_start + len(value)), _VALUE)
        pairs.append((_decode_part(key), _decode_part(value) if equals else None))
        start += len(part) + 1
    return Query(tuple(pairs))


def _decode_part(text: str) -> str:
    return decode(text.replace("+", " "))


def _check_part(raw: str, where: range, part: _Part) -> None:
    at = _first_illegal(raw, where.start, where.stop, part.allowed)
    if at is None:
        return
    if "%" in raw[max(at - 2, where.start) : at]:
        expected = "HEXDIG"
    elif at == where.start:
        expected = part.expected_first if at else "parseQuery"
    else:
        expected = f"'+', query-char, pct-encoded, {part.expected_after}"
    raise IllegalUri("query", raw, at, expected)


def authority(scanner: Scanner) -> tuple[str, str, int]:
    """Takes `userinfo@host:port`: userinfo, host as it is written again, port (0: none given)."""
    userinfo = scanner.attempt(_userinfo) or ""
    host, port = host_and_port(scanner)
    return userinfo, host, port


def _userinfo(scanner: Scanner) -> str:
    text = _escaped_run(scanner, USERINFO_CHARS)
    scanner.expect("@")
    return decode(text)


def host_and_port(scanner: Scanner) -> tuple[str, int]:
    """Takes `host:port`: the host as it is written again (lower case), the port (0: none given)."""
    host = scanner.attempt(_ip_literal)
    if host is None:
        text = _escaped_run(scanner, REG_NAME_CHARS)
        decoded = decode(text).lower() if "%" in text else text.lower()
        host = encode(decoded, REG_NAME_CHARS)
    port = scanner.attempt(_port) or 0
    if port > 0xFFFF:
        raise Mismatch(f"Illegal port: {port}")
    return host, port


def _ip_literal(scanner: Scanner) -> str:
    scanner.expect("[")
    address = scanner.some_of(HEXDIG | frozenset(":."))
    scanner.expect("]")
    return f"[{address}]"


def _port(scanner: Scanner) -> int:
    scanner.expect(":")
    digits = scanner.some_of(DIGIT)
    if len(digits) > 5:
        raise Mismatch(digits)
    return int(digits)


def _escaped_run(scanner: Scanner, allowed: frozenset[str]) -> str:
    start = scanner.at
    end = _first_illegal(scanner.text, start, len(scanner.text), allowed)
    if end is not None and "%" in scanner.text[max(end - 2, start) : end]:
        raise Mismatch(scanner.rest)
    scanner.at = len(scanner.text) if end is None else end
    return scanner.text[start : scanner.at]


def normalise_reference(text: str) -> str:
    """A URI reference as a Referer header writes it again; raises `Mismatch` where the library refuses it."""
    scanner = Scanner(text)
    scheme = scanner.attempt(_scheme) or ""
    result = f"{scheme}:" if scheme else ""
    if scanner.take("//"):
        userinfo, host, port = authority(scanner)
        if userinfo:
            raise Mismatch("a userinfo component is not allowed here")
        shown_port = "" if port in (0, _DEFAULT_PORTS.get(scheme)) else f":{port}"
        result += f"//{host}{shown_port}"
    path = _escaped_run(scanner, PATH_CHARS | {"/"})
    result += _normal_path(path, absolute=bool(scheme))
    if scanner.take("?"):
        result += f"?{_escaped_run(scanner, QUERY_CHARS)}"
    scanner.end()  # a fragment is refused too
    return result


def _scheme(scanner: Scanner) -> str:
    scheme = scanner.some_of(SCHEME_CHARS)
    scanner.expect(":")
    if scheme[0] not in ALPHA:
        raise Mismatch(scheme)
    return scheme.lower()


def _normal_path(path: str, *, absolute: bool) -> str:
    segments = tuple(decode(segment) for segment in path.split("/"))
    if absolute and path.startswith("/"):
        segments = collapse_dots(segments)
    return render_path(segments)
