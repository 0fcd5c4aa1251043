"""Hypothesis strategies for every HTTP request that the platform lets through to a web action, and for every answer
that a WSGI application may give.

Texts are drawn as bytes and mapped into their alphabet: one choice instead of one for each character, so that a million
examples take an hour.
"""

from __future__ import annotations

import gzip
import json
import string
import zlib
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from modelwhisk.local.header_models import is_host
from modelwhisk.local.http_messages import HttpRequest

WEB_PATH = "/api/v1/web/guest/default/hello"

TCHAR = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
VCHAR = "".join(map(chr, range(0x21, 0x7F)))
PCHAR = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@"


def texts(alphabet: str, max_size: int, min_size: int = 0) -> st.SearchStrategy[str]:
    """Texts of characters up to U+00FF."""
    table = bytes(ord(alphabet[index % len(alphabet)]) for index in range(256))
    return st.binary(min_size=min_size, max_size=max_size).map(lambda raw: raw.translate(table).decode("latin-1"))


# --- what both have -----------------------------------------------------------------------------------------------

TOKENS = texts(TCHAR, 8, 1)
FIELD_VALUES = texts(VCHAR + ' \t,;="', 16).map(lambda text: text.strip(" \t"))
MEDIA_NAMES = [
    *("application/json", "application/hal+json", "application/vnd.api+json", "application/problem+json"),
    *("application/x-www-form-urlencoded", "application/octet-stream", "application/javascript", "application/xml"),
    *("application/x-own", "application/msgpack", "audio/wav", "image/png", "image/svg+xml", "a/b", "video/mp4"),
    *("multipart/form-data", "multipart/mixed", "text/html", "text/plain", "text/csv", "text/event-stream"),
    *("text/javascript", "text/x-own", "Text/HTML", "Application/JSON", "font/woff2", "message/http"),
]
CHARSETS = [
    *("utf-8", "UTF8", "us-ascii", "iso-8859-1", "ISO-8859-15", "windows-1252", "utf-16", "utf-16-be", "utf-32"),
    *("utf-7", "shift_jis", "gb18030", "koi8-r", "x-none", "rot13", "idna", "base64", "undefined", "unicode_escape"),
]
PARAMETERS = st.one_of(
    st.just(""),
    st.sampled_from(CHARSETS).map("; charset={}".format),
    st.sampled_from(CHARSETS).map(';charset="{}"'.format),
    st.sampled_from(["; profile=x", "; boundary=abc", '; q="a;b"', "; charset=utf-8; v=1", "; v=1; charset=latin1"]),
    st.tuples(TOKENS, FIELD_VALUES).map(lambda pair: "; {}={}".format(*pair)),
)
CONTENT_TYPES = st.one_of(
    st.builds(str.__add__, st.sampled_from(MEDIA_NAMES), PARAMETERS),
    st.builds("{}/{}{}".format, TOKENS, TOKENS, PARAMETERS),
    st.sampled_from(["", "text/html;", "image", "text/*", "*/*", "text/ html", "multipart/*", "a/b;c"]),
    FIELD_VALUES,
)

JSON_TEXTS = st.one_of(
    st.sampled_from(["{}", "[1]", "true", "null", "1234", '"abcd"', '{"a": 1e400}', '{"a":1,"a":2}', "[1, 2.50, -0]"]),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=4,
    ).map(json.dumps),
).map(str.encode)
FORMS = texts(VCHAR.replace("#", "") + "&&&===++", 30).map(str.encode)
MULTIPART = st.binary(max_size=40).map(
    lambda data: b'--abc\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + data + b"\r\n--abc--\r\n"
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.just(b""),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
    JSON_TEXTS,
    FORMS,
    MULTIPART,
    st.sampled_from([b"abcd", b"\xef\xbb\xbf{}", b"\xef\xbf\xbf", b"\xed\xa0\x80", b"\xff\xfea\x00", b"\x00"]),
)

# --- requests -----------------------------------------------------------------------------------------------------

ESCAPES = st.binary(max_size=3).map(lambda raw: "".join(f"%{byte:02x}" for byte in raw))
SEGMENTS = st.one_of(
    texts(PCHAR, 6), st.builds(str.__add__, texts(PCHAR, 4), ESCAPES), st.sampled_from([".", "..", "%2e%2E", "%2F", ""])
)
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: "".join("/" + segment for segment in segments))
QUERIES = st.one_of(
    st.none(),
    texts(PCHAR.replace("&", "") + "/?&&&&====++", 20),
    st.builds(str.__add__, texts(PCHAR, 6), ESCAPES),
    st.sampled_from(["", "a", "a=", "=", "&", "a=1&a=2", "a=1&b=%26", "__ow_body=x", "a+b=%2B", "%zz"]),
)
# Names for which the platform has a grammar, and those that mean something to the proxy.
KNOWN_REQUEST_HEADERS = [
    *("Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection"),
    *("Content-Disposition", "Content-Encoding", "Content-Length", "Cookie", "Date", "Expect", "Host", "If-Match"),
    *("If-Modified-Since", "If-None-Match", "Keep-Alive", "Origin", "Proxy", "Proxy-Authorization", "Range"),
    *("Referer", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Forwarded-For"),
    *("X-Forwarded-Proto", "X-Real-Ip", "Access-Control-Request-Headers", "X_Y", "X-Y", "x-y", "Timeout-Access"),
]
KNOWN_VALUES = st.sampled_from(
    [
        *("*/*", "text/html", "image/*;q=0.5, */*;q=0", "application/json, text/plain", "gzip, br;q=0", "identity"),
        *("a=b; c=d", 'a="b"', "Basic YTpi", "Bearer abc", "no-cache", "max-age=3", "close", "Keep-Alive, x", "en-GB"),
        *('W/"x"', '"x", "y"', "*", "bytes=0-4, -3", "Sun, 06 Nov 1994 08:49:37 GMT", "http://a/b?c", "null", "x"),
        *("curl/8.0 (x; y)", "1.2.3.4, ::1", "https", "HTTPS, http", "ftp", 'form-data; name="a"; filename="b"', "5"),
        *("100-continue", "whisk.example"),
    ]
)
REQUEST_HEADERS = st.one_of(
    st.tuples(TOKENS, FIELD_VALUES),
    st.tuples(st.sampled_from(KNOWN_REQUEST_HEADERS), st.one_of(KNOWN_VALUES, FIELD_VALUES)),
)
METHODS = st.sampled_from(["POST", "GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])


def _is_let_through(name: str, value: str) -> bool:
    """A second Host, which the platform lets through beside a good one, must be one for the proxy."""
    return name.lower() != "content-type" and (name.lower() != "host" or is_host(value.strip()))


@st.composite
def requests(draw: Any) -> HttpRequest:
    """A request to the web action ``WEB_PATH``, as the platform's HTTP library takes it from a socket."""
    headers = [pair for pair in draw(st.lists(REQUEST_HEADERS, max_size=3)) if _is_let_through(*pair)]
    if draw(st.integers(0, 3)):
        headers.insert(draw(st.integers(0, len(headers))), ("Content-Type", draw(CONTENT_TYPES)))
    target = WEB_PATH + draw(PATHS)
    query = draw(QUERIES)
    if query is not None:
        target += "?" + query
    if draw(st.integers(0, 15)) == 15:
        target = "http://whisk.example" + target
    return HttpRequest(draw(METHODS), target, (("Host", "whisk.example"), *headers), draw(st.none() | BODIES))


# What an action's creator may bind, and a request's own parameters replace.
DEFAULTS = st.dictionaries(
    st.sampled_from(["a", "b", "threshold", "", "\u00fc"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(0, 9), max_size=2),
    max_size=2,
)

# --- responses ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a WSGI application answers: status line, headers, pieces of its body."""

    status: str
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


LATIN = texts("".join(map(chr, range(256))), 10)
KNOWN_RESPONSE_HEADERS = [
    *("Set-Cookie", "set-cookie", "Connection", "Transfer-Encoding", "Keep-Alive", "Date", "Server", "ETag", "Vary"),
    *("Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers", "Location"),
    *("Content-Encoding", "Content-Disposition", "Content-Language", "Cache-Control", "WWW-Authenticate", "Trailer"),
    *("Proxy-Authenticate", "X-Request-ID", "X-OpenWhisk-Activation-Id", "Server-Timing", "X_Y", "Upgrade"),
]
RESPONSE_HEADERS = st.one_of(
    st.tuples(TOKENS, FIELD_VALUES),
    st.tuples(
        st.sampled_from(KNOWN_RESPONSE_HEADERS),
        FIELD_VALUES | st.sampled_from(["gzip", "deflate", "identity", "br", "a=b; Path=/", "*", "close", "caf\u00e9"]),
    ),
    st.tuples(TOKENS | LATIN, LATIN),  # also what is no header
)
STATUSES = st.sampled_from([200, 200, 200, 201, 202, 204, 205, 206, 301, 302, 304, 400, 404, 422, 500, 503, 599])


def _compressed(body: bytes) -> st.SearchStrategy[bytes]:
    halves = gzip.compress(body[:20], 1) + gzip.compress(body[20:], 1)
    return st.sampled_from([gzip.compress(body, 1), zlib.compress(body, 1), halves, gzip.compress(body, 1)[:-3]])


@st.composite
def answers(draw: Any) -> Answer:
    """What a WSGI application may answer (PEP 3333), and the malformed headers that some do."""
    headers = draw(st.lists(RESPONSE_HEADERS, max_size=3))
    if draw(st.integers(0, 7)):
        name = draw(st.sampled_from(["Content-Type", "content-type"]))
        headers.insert(draw(st.integers(0, len(headers))), (name, draw(CONTENT_TYPES | LATIN)))
    body = draw(BODIES)
    if any(name.lower() == "content-encoding" for name, _ in headers):
        body = draw(st.just(body) | _compressed(body))
    status = draw(STATUSES | st.integers(100, 999))
    if draw(st.booleans()) and status not in (204, 304):
        headers.append(("Content-Length", str(len(body))))
    cut = draw(st.integers(0, 20))
    return Answer(f"{status} Reason", tuple(headers), (body[:cut], body[cut:]))


LARGE_BODIES = st.one_of(
    st.binary(min_size=200, max_size=3000),
    st.integers(200, 9000).map(lambda size: b"[" + b"1," * (size // 2) + b"1]"),
    st.integers(100, 4000).map(lambda size: "\u00e9".encode() * size),
)
ACCEPT_ENCODINGS = st.sampled_from(["", "gzip", "*", "br", "gzip;q=0", "identity, x-gzip", "*;q=0, gzip;q=0.1"])
