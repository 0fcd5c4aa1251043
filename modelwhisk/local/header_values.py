"""The parts of request headers that have a grammar of their own: dates, credentials, cookies, products, addresses.

Each function takes its part from a `Scanner` and returns it as the platform's HTTP library writes it again
(pekko-http, impl/model/parser/CommonRules.scala and scaladsl/model/headers/).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from datetime import datetime

from modelwhisk.local.grammar import DIGIT, HEXDIG, TOKEN68, VCHAR, Mismatch, Scanner, parse_all, quoted, word
from modelwhisk.local.uri import decode, encode

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_COOKIE_OCTETS = VCHAR - frozenset('",;\\')
_COMMENT_TEXT = (VCHAR | frozenset(" \t")) - frozenset("()\\")
_ETAG_TEXT = VCHAR - frozenset('"')
_ATTRIBUTE_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~")
_FILENAME_SAFE = frozenset(chr(code) for code in range(0x20, 0x7F)) - frozenset('%"\\')
_BARE_DIRECTIVES = (
    "no-store",
    "no-transform",
    "only-if-cached",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "immutable",
)
_MAX_INT = 2**31 - 1
_MAX_COMMENT_DEPTH = 5


def http_date(scanner: Scanner) -> str:
    """A date in any of the three forms of RFC 7231 section 7.1.1.1, written in the first of them."""
    moment = scanner.first_of(_fixdate, _asctime)
    scanner.ows()
    # Not strftime, which writes the names of days and months in the user's language.
    day, month = _DAYS[moment.weekday()][:3], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year} {moment:%H:%M:%S} GMT"


def _fixdate(scanner: Scanner) -> datetime:
    weekday = _weekday(scanner)
    scanner.expect(", ")
    day = _digits(scanner, 2, 1)
    _date_separator(scanner)
    month = _month(scanner)
    _date_separator(scanner)
    year = _year(scanner)
    scanner.expect(" ")
    time = _time(scanner)
    if not (scanner.take(" GMT") or scanner.take(" UTC")):
        raise Mismatch(scanner.rest)
    return _moment(year, month, day, time, weekday)


def _asctime(scanner: Scanner) -> datetime:
    weekday = _weekday(scanner)
    scanner.expect(" ")
    month = _month(scanner)
    scanner.expect(" ")
    day = _digits(scanner, 1) if scanner.take(" ") else _digits(scanner, 2)
    scanner.expect(" ")
    time = _time(scanner)
    scanner.expect(" ")
    return _moment(_year(scanner), month, day, time, weekday)


def _moment(year: int, month: int, day: int, time: tuple[int, int, int], weekday: int) -> datetime:
    try:
        moment = datetime(year, month, day, *time)
    except ValueError as error:
        raise Mismatch(str(error)) from error
    if moment.weekday() != weekday:
        raise Mismatch("Illegal weekday in date")
    return moment


def _weekday(scanner: Scanner) -> int:
    for names in (_DAYS, tuple(day[:3] for day in _DAYS)):
        for number, name in enumerate(names):
            if scanner.take(name):
                return number
    raise Mismatch(scanner.rest)


def _month(scanner: Scanner) -> int:
    for number, name in enumerate(_MONTHS, start=1):
        if scanner.take(name):
            return number
    raise Mismatch(scanner.rest)


def _date_separator(scanner: Scanner) -> None:
    if not (scanner.take("-") or scanner.take(" ")):
        raise Mismatch(scanner.rest)


def _year(scanner: Scanner) -> int:
    run = scanner.some_of(DIGIT)
    if len(run) == 4:
        return int(run)
    if len(run) != 2:
        raise Mismatch(run)
    return int(run) + (2000 if int(run) <= 69 else 1900)


def _time(scanner: Scanner) -> tuple[int, int, int]:
    hour = _digits(scanner, 2)
    scanner.expect(":")
    minute = _digits(scanner, 2)
    scanner.expect(":")
    return hour, minute, _digits(scanner, 2)


def _digits(scanner: Scanner, *counts: int) -> int:
    for count in counts:
        text = scanner.text[scanner.at : scanner.at + count]
        if len(text) == count and set(text) <= DIGIT:
            scanner.at += count
            return int(text)
    raise Mismatch(scanner.rest)


def entity_tag(scanner: Scanner) -> str:
    """An entity tag, strong or weak (RFC 7232 section 2.3), and the list's white space after it."""
    weak = "W/" if scanner.take("W/") else ""
    scanner.expect('"')
    start = scanner.at
    scanner.while_in(_ETAG_TEXT)
    tag = scanner.text[start : scanner.at]
    scanner.expect('"')
    return weak + quoted(tag)


def credentials(scanner: Scanner) -> str:
    """Credentials of any scheme; those of Basic are decoded and encoded again, which adds a missing colon."""
    return scanner.first_of(_basic, _bearer, _other_credentials)


def _basic(scanner: Scanner) -> str:
    if not scanner.take("basic", ignore_case=True):
        raise Mismatch(scanner.rest)
    scanner.ows()
    text = _token68(scanner).rstrip("=")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "replace")
    except binascii.Error as error:
        raise Mismatch(text) from error
    full = decoded if ":" in decoded else f"{decoded}:"
    return "Basic " + base64.b64encode(full.encode("utf-8")).decode("ascii")


def _bearer(scanner: Scanner) -> str:
    if not scanner.take("bearer", ignore_case=True):
        raise Mismatch(scanner.rest)
    scanner.ows()
    return f"Bearer {_token68(scanner)}"


def _other_credentials(scanner: Scanner) -> str:
    scheme = scanner.token()
    parameters = scanner.attempt(lambda inner: inner.listed(_auth_parameter))
    if parameters is not None:
        return f"{scheme} " + ",".join(f"{name}={word(value)}" for name, value in sorted(dict(parameters).items()))
    token = scanner.attempt(_token68)
    return f"{scheme} {token}" if token else scheme


def _auth_parameter(scanner: Scanner) -> tuple[str, str]:
    name = scanner.token()
    scanner.expect_ws("=")
    return name, scanner.word()


def _token68(scanner: Scanner) -> str:
    text = scanner.some_of(TOKEN68) + scanner.while_in(frozenset("="))
    scanner.ows()
    return text


def cookie_pair(text: str) -> str | None:
    """One `name=value` of a Cookie header, without the value's quotes; None where it isn't one (RFC 6265, 4.1)."""
    try:
        return parse_all(_cookie_pair, text)
    except Mismatch:
        return None


def _cookie_pair(scanner: Scanner) -> str:
    name = scanner.token()
    scanner.expect_ws("=")
    opening = scanner.take('"')
    value = scanner.while_in(_COOKIE_OCTETS)
    if opening:
        scanner.expect('"')
    scanner.ows()
    return f"{name}={value}"


def cache_directive(scanner: Scanner) -> str:
    """One directive of a Cache-Control header."""
    for name in _BARE_DIRECTIVES:
        if scanner.take(name):
            return name
    for name in ("max-age=", "min-fresh=", "s-maxage="):
        if scanner.take(name):
            return f"{name}{scanner.number(_MAX_INT)}"
    if scanner.take("max-stale"):
        return f"max-stale={scanner.number(_MAX_INT)}" if scanner.take_ws("=") else "max-stale"
    for name in ("private", "no-cache"):
        if scanner.take(name):
            return f'{name}="{",".join(_field_names(scanner))}"' if scanner.take_ws("=") else name
    name = scanner.token()
    return f"{name}={word(scanner.word())}" if scanner.take_ws("=") else name


def _field_names(scanner: Scanner) -> list[str]:
    if not scanner.text.startswith('"', scanner.at):
        return [scanner.token()]
    return [name.lstrip(" ") for name in scanner.quoted_string().split(",")]


def comment_and_products(scanner: Scanner) -> str:
    """Products and comments of a User-Agent header (RFC 7231 section 5.5.3), with one space between them."""
    parts = [_product_or_comment(scanner)]
    while (part := scanner.attempt(_product_or_comment)) is not None:
        parts.append(part)
    return " ".join(parts)


def _product_or_comment(scanner: Scanner) -> str:
    if scanner.text.startswith("(", scanner.at):
        return f"({_comment(scanner, _MAX_COMMENT_DEPTH)})"
    product = scanner.token()
    return f"{product}/{scanner.token()}" if scanner.take_ws("/") else product


def _comment(scanner: Scanner, depth: int) -> str:
    if depth < 0:
        raise Mismatch("Header comment nested too deeply")
    scanner.expect_ws("(")
    text = ""
    while not scanner.take_ws(")"):
        if scanner.text.startswith("(", scanner.at):
            text = f"{text} ({_comment(scanner, depth - 1)})"
        elif scanner.take("\\") or scanner.at == len(scanner.text):
            raise Mismatch(scanner.rest)
        else:
            text += scanner.some_of(_COMMENT_TEXT)
    return text


def content_disposition(scanner: Scanner) -> str:
    """A Content-Disposition (RFC 6266) with its file name first and in the form that old clients understand."""
    kind = scanner.token()
    given: dict[str, str] = {}
    while scanner.take_ws(";"):
        name = scanner.token()
        scanner.expect_ws("=")
        name = name.lower() if name.lower() in ("filename", "filename*") else name
        given[name] = _extended_value(scanner) if name.endswith("*") else scanner.word()
    if "filename*" in given:
        given["filename"] = given.pop("filename*")
    if not set(given.get("filename", "")) <= _FILENAME_SAFE:
        given["filename*"] = given["filename"]
    known_kind = kind.lower() if kind.lower() in ("inline", "attachment", "form-data") else kind
    return known_kind + "".join(f"; {_disposition_parameter(name, value)}" for name, value in sorted(given.items()))


def _disposition_parameter(name: str, value: str) -> str:
    if name == "filename":
        return 'filename="' + "".join(character if character in _FILENAME_SAFE else "?" for character in value) + '"'
    if name.endswith("*"):
        return f"{name}=UTF-8''{encode(value, _ATTRIBUTE_CHARS)}"
    return f"{name}={quoted(value)}"


def _extended_value(scanner: Scanner) -> str:
    if not scanner.take("utf-8", ignore_case=True):
        raise Mismatch(scanner.rest)
    scanner.expect("'")
    scanner.while_in(_ATTRIBUTE_CHARS)
    scanner.expect("'")
    return decode(scanner.while_in(_ATTRIBUTE_CHARS | {"%"}))


def ip_address(scanner: Scanner) -> str:
    """An address as Java writes it: an IPv6 one with all its groups, without leading zeros or `::`."""
    text = scanner.some_of(HEXDIG | frozenset(".:"))
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise Mismatch(text) from error
    if address.version == 4:
        return str(address)
    return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))
