"""What must arrive, stated once more and apart from the code that does it: all that was sent, less the losses that
README ("What the platform takes away") and the design name.

Each loss is a sentence here. What the platform's own library makes of a header's value, a path's dots and a query's
keys is taken from the emulator.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from http_grammar import WEB_PATH, Answer
from journey import DEFAULT_PATH, Received

from modelwhisk.local.grammar import Mismatch, parse_all
from modelwhisk.local.header_models import normalise
from modelwhisk.local.http_messages import HttpRequest, HttpResponse
from modelwhisk.local.media_types import OCTETS, ContentType, Kind, parse_content_type, type_and_parameters
from modelwhisk.local.uri import IllegalUri, collapse_dots, parse_query

RESERVED = {"__ow_method", "__ow_headers", "__ow_path", "__ow_user", "__ow_query", "__ow_body"}

# --- requests -----------------------------------------------------------------------------------------------------

# Never shown to an action, or of a connection, or no business of a model's (design, fixed points).
_KEPT_BACK = {
    *("content-length", "transfer-encoding", "timeout-access", "x-ow-extra-logging"),
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "accept-encoding", "proxy"),
}


def request_type(sent: HttpRequest) -> ContentType | None:
    """A body without a type that can be read counts as octets."""
    stated = sent.header("content-type")
    parsed = None if stated is None else parse_content_type(stated.replace("\t", " ").strip(" "))
    chunked = sent.header("transfer-encoding") is not None
    return OCTETS if parsed is None and (sent.body or chunked) else parsed


def expected_headers(sent: HttpRequest) -> dict[str, str]:
    """Of repeated headers the last one counts; the platform writes values that it has a grammar for in its own way;
    names with an underscore stay out of the environ, where they couldn't be told from those with a hyphen."""
    shown: dict[str, str] = {}
    for name, value in sent.headers:
        lower = name.lower()
        if lower not in _KEPT_BACK and lower != "content-type" and "_" not in lower:
            text = value.replace("\t", " ").strip(" ")
            shown["HTTP_" + name.upper().replace("-", "_")] = normalise(lower, text)
    return shown


def expected_content_type(sent: HttpRequest) -> str | None:
    parsed = request_type(sent)
    if parsed is not None:
        return str(parsed)
    stated = sent.header("content-type")
    return None if stated is None else stated.replace("\t", " ").strip(" ")


def expected_path(sent: HttpRequest) -> str:
    """As PEP 3333 wants it. The platform resolves dot segments, and reads escapes as UTF-8."""
    path = sent.target.partition("?")[0].removeprefix("http://whisk.example").removeprefix(WEB_PATH)
    if not path:
        return DEFAULT_PATH
    segments = collapse_dots(tuple(unquote(segment, "utf-8", "replace") for segment in path.split("/")))
    return "/".join(segments).encode("utf-8").decode("latin-1")


def query_of(sent: HttpRequest) -> str:
    return sent.target.partition("?")[2]


def expected_raw_body(sent: HttpRequest) -> bytes:
    """Text is read as UTF-8, and what isn't UTF-8 becomes U+FFFD."""
    body = sent.body or b""
    parsed = request_type(sent)
    if parsed is None or parsed.media_type.binary or str(parsed.media_type) == "application/json":
        return body
    return body.decode("utf-8", "replace").encode("utf-8")


def parameters_of(sent: HttpRequest, bound: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """The parameters of a cooked request, and its body where that isn't among them (else ``...``).

    The last of repeated keys counts; the body's fields come before the query's, and both before what is bound.
    """
    query = dict(parse_query(query_of(sent)).last_values())
    fields = _fields(sent)
    if isinstance(fields, dict):
        return {**bound, **query, **fields}, ...
    return {**bound, **query}, fields


def _fields(sent: HttpRequest) -> Any:
    """A JSON object's or a form's fields; {} for no body; any other body as it is (JSON as its value)."""
    parsed, body = request_type(sent), sent.body or b""
    if parsed is None:
        return {}
    if parsed.media_type.is_json:
        return json.loads(body.decode("utf-8", "replace")) if body else {}
    if str(parsed.media_type) == "application/x-www-form-urlencoded":
        return dict(parse_query(body.decode("utf-8", "replace")).last_values())
    return expected_raw_body(sent)


def refusal_is_the_platform_s(sent: HttpRequest, response: HttpResponse, *, raw: bool, custom_options: bool) -> bool:
    """Whether a request that never reached the proxy is one that the platform answers by itself."""
    segments = sent.target.partition("?")[0].split("/")
    leads_out = any(unquote(segment) == ".." for segment in segments)
    if response.status == 200:
        return sent.method == "OPTIONS" and (leads_out or not custom_options)
    if response.status in (401, 404):
        return leads_out
    return response.status == 400 and (_malformed_target(sent) or (not raw and _refused_cooked(sent)))


def _malformed_target(sent: HttpRequest) -> bool:
    return re.search("%(?![0-9A-Fa-f]{2})", sent.target) is not None


def _refused_cooked(sent: HttpRequest) -> bool:
    """Reserved names among the parameters; JSON or a form that can't be read."""
    try:
        parameters, _ = parameters_of(sent, {})
    except (ValueError, IllegalUri):
        return True
    return not RESERVED.isdisjoint(parameters) or _only_python_reads(sent.body or b"")


def _only_python_reads(body: bytes) -> bool:
    """JSON that Python takes and the platform doesn't: numbers of more than a hundred characters, U+FFFF, a NaN."""
    return re.search(rb"[-+.0-9eE]{101}|\xef\xbf\xbf|NaN|Infinity|\xff|\xed", body) is not None


# --- responses ----------------------------------------------------------------------------------------------------

# Of a connection, or what the platform sets whatever an action says.
_NOT_RELAYED = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    *("proxy-authenticate", "content-length", "date", "server", "content-type"),
}
CORS = {"access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_VALUE = re.compile("[\t -~\x80-\xff]*")


def relayed_headers(answer: Answer, *, keep_cors: bool) -> dict[str, list[str]]:
    """By name: what isn't well formed is left out; CORS headers are the platform's unless the action says otherwise.

    The lines of Server-Timing become one, behind the proxy's own; it is a list (RFC 9110 section 5.3), and none where
    it is empty.
    """
    relayed: dict[str, list[str]] = {}
    for name, value in answer.headers:
        lower = name.lower()
        if lower in _NOT_RELAYED or (lower in CORS and not keep_cors):
            continue
        if _TOKEN.fullmatch(name) and _VALUE.fullmatch(value):
            relayed.setdefault(lower, []).append(value.strip(" \t"))
    if "server-timing" in relayed:
        timing = ", ".join(relayed.pop("server-timing")).strip(" \t")
        if timing:
            relayed["server-timing"] = [timing]
    return relayed


def expected_status(answer: Answer) -> int:
    """A 205 becomes a 204, what is outside 200 to 599 a 502."""
    status = int(answer.status[:3])
    return 204 if status == 205 else status if 200 <= status <= 599 else 502


def answer_type(answer: Answer) -> ContentType | None:
    """The content type as the platform reads it; a semicolon at the end is forgiven. None for none or a bad one."""
    stated = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    return parse_content_type(stated.strip(" \t").rstrip("; \t"))


def expected_body(answer: Answer) -> tuple[str, bytes, bool]:
    """Content type, body, and whether a content coding was undone.

    Bytes without a type, and what isn't text in its charset, are octets; text becomes UTF-8; compressed text, which the
    platform can't carry, arrives as what it says. Text that has come to nothing has no type, as no empty body has.
    """
    body, parsed = answer.body, answer_type(answer)
    if parsed is None:
        return str(OCTETS), body, False
    media = parsed.media_type
    if media.binary:
        return str(parsed), body, False
    coding = coding_of(answer)
    charset = declared_charset(answer)
    if media.is_json:
        text = None if coding or charset.lower() in ("", "utf-8", "utf8") else decoded(body, charset)
        return _typed(parsed), body if text is None else text.encode("utf-8"), False
    plain = inflated(body) if coding else None
    text = decoded(body if plain is None else plain, charset)
    if text is None:
        return str(OCTETS), body if plain is None else plain, plain is not None
    return _typed(parsed), text.encode("utf-8"), plain is not None


def _typed(parsed: ContentType) -> str:
    return str(ContentType(parsed.media_type, "UTF-8") if parsed.media_type.kind is Kind.OPEN_CHARSET else parsed)


def coding_of(answer: Answer) -> str:
    values = relayed_headers(answer, keep_cors=True).get("content-encoding", [])
    coding = ", ".join(values).lower()
    return "" if coding == "identity" else coding


def declared_charset(answer: Answer) -> str:
    stated = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    try:
        _, _, parameters = parse_all(type_and_parameters, stated.strip(" \t").rstrip("; \t"))
    except Mismatch:
        return ""
    return next((value for name, value in reversed(parameters) if name.lower() == "charset"), "")


def decoded(body: bytes, charset: str) -> str | None:
    """Its text in the charset, else in UTF-8; Python's codecs of source and of names are no charsets."""
    known = charset.lower().replace("-", "_") not in ("idna", "punycode", "raw_unicode_escape", "unicode_escape")
    for name in (charset, "utf-8") if known else ("utf-8",):
        try:
            text = body.decode(name)
            text.encode("utf-8")
        except (LookupError, ValueError):
            continue
        return text
    return None


def inflated(body: bytes) -> bytes | None:
    """All members of a gzip, or a deflate; None for what is neither, or isn't whole."""
    try:
        return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else _deflated(body)
    except (EOFError, OSError, zlib.error):
        return None


def _deflated(body: bytes) -> bytes | None:
    stream = zlib.decompressobj()
    plain = stream.decompress(body)
    return plain if stream.eof and not stream.unused_data else None


def is_platform_s_own(received: Received) -> bool:
    """Whether the platform answered in the model's stead."""
    return b'"code":' in received.body and received.status in (400, 406, 500)


def same_query(ours: str, theirs: str) -> bool:
    """The platform writes a query anew, with the same meaning."""
    return parse_qsl(ours, keep_blank_values=True) == parse_qsl(theirs, keep_blank_values=True)
