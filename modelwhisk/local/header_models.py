"""Request header values as the platform hands them on: parsed into the HTTP library's typed headers and written again.

A value that the library's grammar does not take stays as it came (pekko-http, impl/model/parser/SimpleHeaders.scala
and its neighbours for reading, scaladsl/model/headers/ for writing). Link, Set-Cookie and the challenge headers, which
have no place in a request, are left as they came too.
"""

from __future__ import annotations

from collections.abc import Callable

from modelwhisk.local.grammar import ALPHA, DIGIT, VCHAR, Mismatch, Scanner, parse_all
from modelwhisk.local.header_values import (
    cache_directive,
    comment_and_products,
    content_disposition,
    cookie_pair,
    credentials,
    entity_tag,
    http_date,
    ip_address,
)
from modelwhisk.local.negotiation import charset_range, media_range, qvalue, weight_text
from modelwhisk.local.uri import SCHEME_CHARS, host_and_port, normalise_reference

_MAX_INT = 2**31 - 1
_MAX_LONG = 10**18 - 1
_ENCODINGS = frozenset({"compress", "chunked", "deflate", "gzip", "identity", "x-compress", "x-zip"})
_TRANSFER_CODINGS = ("chunked", "gzip", "deflate", "compress", "trailers")


def normalise(name: str, value: str) -> str:
    """The value that an action sees in `__ow_headers` for a header of the lower-case `name`."""
    model = _MODELS.get(name)
    if model is None:
        return value
    try:
        return parse_all(model, value)
    except Mismatch:
        return value


def is_host(value: str) -> bool:
    """Whether the library takes `value` as a Host; it refuses a request without one."""
    try:
        parse_all(_host, value)
    except Mismatch:
        return False
    return True


Model = Callable[[Scanner], str]


def _joined(item: Model, *, at_least: int = 1) -> Model:
    return lambda scanner: ", ".join(scanner.listed(item, at_least=at_least))


def _weighted(name: Model) -> Model:
    def model(scanner: Scanner) -> str:
        text = "*" if scanner.take_ws("*") else name(scanner)
        q = qvalue(scanner)
        return f"{text};q={weight_text(q)}" if q < 1 else text

    return model


def _charset(scanner: Scanner) -> str:
    name, q = charset_range(scanner)
    return f"{name};q={weight_text(q)}" if q < 1 else name


def _encoding(scanner: Scanner) -> str:
    name = scanner.token()
    return name.lower() if name.lower() in _ENCODINGS else name


def _language(scanner: Scanner) -> str:
    tags = [scanner.some_of(ALPHA)]
    scanner.ows()
    while scanner.take("-"):
        tags.append(scanner.some_of(ALPHA | DIGIT))
        scanner.ows()
    return "-".join(tags)


def _seconds(scanner: Scanner) -> str:
    return str(scanner.number(_MAX_INT))


def _expect(scanner: Scanner) -> str:
    if not scanner.take("100-continue", ignore_case=True):
        raise Mismatch(scanner.rest)
    scanner.ows()
    return "100-continue"


def _cookie(scanner: Scanner) -> str:
    # Pairs that don't parse are left out; a header without any good one stays as it came.
    pairs = [cookie_pair(part.lstrip(" ")) for part in scanner.text.split(";")]
    scanner.at = len(scanner.text)
    if not any(pairs):
        raise Mismatch(scanner.text)
    return "; ".join(pair for pair in pairs if pair)


def _host(scanner: Scanner) -> str:
    host, port = host_and_port(scanner)
    return f"{host}:{port}" if port else host


def _forwarded_host(scanner: Scanner) -> str:
    return host_and_port(scanner)[0]


def _scheme(scanner: Scanner) -> str:
    return scanner.some_of(SCHEME_CHARS).lower()


def _reference(scanner: Scanner) -> str:
    text, scanner.at = scanner.text, len(scanner.text)
    return normalise_reference(text)


def _origin(scanner: Scanner) -> str:
    if scanner.take("null"):
        scanner.ows()
        return "null"
    origins = scanner.some_of(VCHAR | {" "}).split(" ")
    return " ".join(parse_all(_one_origin, origin) for origin in origins)


def _one_origin(scanner: Scanner) -> str:
    scheme = scanner.some_of(SCHEME_CHARS).lower()
    scanner.expect("://")
    return f"{scheme}://{_host(scanner)}"


def _tags(scanner: Scanner) -> str:
    if scanner.take_ws("*"):
        return "*"
    return ", ".join(scanner.listed(entity_tag))


def _range(scanner: Scanner) -> str:
    scanner.expect_ws("bytes")
    scanner.expect_ws("=")
    return "bytes=" + ", ".join(scanner.listed(_one_range))


def _one_range(scanner: Scanner) -> str:
    if scanner.take("-"):
        return f"-{scanner.number(_MAX_LONG)}"
    first = scanner.number(_MAX_LONG)
    scanner.expect_ws("-")
    last = scanner.attempt(lambda inner: inner.number(_MAX_LONG))
    if last is not None and last < first:
        raise Mismatch("first must be >= 0 and <= last")
    return f"{first}-{'' if last is None else last}"


def _forwarded_for(scanner: Scanner) -> str:
    return "unknown" if scanner.take("unknown") else ip_address(scanner)


def _transfer_coding(scanner: Scanner) -> str:
    for coding in _TRANSFER_CODINGS:
        if scanner.take(coding, ignore_case=True):
            scanner.ows()
            return coding
    return scanner.token()


def _protocol(scanner: Scanner) -> str:
    name = scanner.token()
    return f"{name}/{scanner.token()}" if scanner.take_ws("/") else name


_tokens = _joined(Scanner.token)
_any_tokens = _joined(Scanner.token, at_least=0)

_MODELS: dict[str, Model] = {
    "accept": _joined(lambda scanner: str(media_range(scanner)), at_least=0),
    "accept-charset": _joined(_charset),
    "accept-encoding": _joined(_weighted(_encoding), at_least=0),
    "accept-language": _joined(_weighted(_language)),
    "access-control-allow-headers": _any_tokens,
    "access-control-allow-methods": _any_tokens,
    "access-control-expose-headers": _any_tokens,
    "access-control-max-age": _seconds,
    "access-control-request-headers": _any_tokens,
    "access-control-request-method": Scanner.token,
    "age": _seconds,
    "allow": _any_tokens,
    "authorization": credentials,
    "cache-control": _joined(cache_directive),
    "connection": _tokens,
    "content-disposition": content_disposition,
    "content-encoding": _joined(_encoding),
    "content-location": _reference,
    "cookie": _cookie,
    "date": http_date,
    "etag": entity_tag,
    "expect": _expect,
    "host": _host,
    "if-match": _tags,
    "if-modified-since": http_date,
    "if-none-match": _tags,
    "if-range": lambda scanner: scanner.first_of(entity_tag, http_date),
    "if-unmodified-since": http_date,
    "last-modified": http_date,
    "origin": _origin,
    "proxy-authorization": credentials,
    "range": _range,
    "referer": _reference,
    "retry-after": lambda scanner: scanner.first_of(http_date, _seconds),
    "sec-websocket-protocol": _tokens,
    "server": comment_and_products,
    "te": _joined(_transfer_coding),
    "upgrade": _joined(_protocol),
    "user-agent": comment_and_products,
    "x-forwarded-for": _joined(_forwarded_for),
    "x-forwarded-host": _forwarded_host,
    "x-forwarded-proto": _scheme,
    "x-real-ip": ip_address,
}
