"""The model's HTTP response → the result from which the platform makes the same response again. Pure."""

import binascii
import json
import re
from json.encoder import encode_basestring

from .. import media_types
from ..messages import HOP_BY_HOP, Response, error_response

# The platform adds these three itself (WebActions.scala, defaultCorsResponse); a browser refuses a second set.
PLATFORM_CORS = frozenset(
    ("access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers")
)

# What the platform sets itself whatever an action says.
NOT_RELAYED = HOP_BY_HOP | {"proxy-authenticate", "content-length", "date", "server"}

_COMPACT = json.JSONEncoder(separators=(",", ":")).encode
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110 section 5.5
_JSON_START = re.compile(rb"[ \t\r\n]*[\[{]")
MOST_INFLATED = 1 << 26  # bytes of text, of which the platform passes on a sixty-fourth
_NEVER_FITS = 4  # a body of so many limits doesn't fit, though UTF-32 becomes UTF-8
_SCRIPTS = frozenset(
    ("application/javascript", "application/x-javascript", "application/ecmascript", "text/javascript")
)


class Outcome:
    """``result``: the bytes that /run answers; ``response``: what the client gets; ``notes``: lines for the log."""

    __slots__ = ("notes", "response", "result")

    def __init__(self, result, response, notes):
        self.result = result
        self.response = response
        self.notes = notes


def encode(response, request, limit=1048576, keep_cors=False, server_timing=None):
    """The result that makes the platform answer ``request`` with ``response``, never longer than ``limit`` bytes.

    keep_cors       False drops the CORS headers that the platform sets itself.
    server_timing   called once the body is encoded, for the value of a Server-Timing header.
    A 5xx goes under ``error``: the client sees the same response and the activation counts as failed.
    """
    notes = []
    if len(response.body) <= _NEVER_FITS * limit or request.method == "HEAD":
        result, answer = _encode(response, request, keep_cors, server_timing, notes)
        size = len(result)
    else:
        answer, size = response, len(response.body) * 4 // 3  # as base64; making it would only cost time and memory
    if size > limit:
        smaller = _gzipped(answer, request)
        if smaller is not None:
            result, answer = _encode(smaller, request, keep_cors, server_timing, notes)
            size = len(result)
    if size > limit:
        notes.append("the result has %d bytes, more than the platform's %d" % (size, limit))
        result, answer = _encode(_too_large(response, size, limit), request, keep_cors, server_timing, notes)
    _note_negotiation(answer, request, notes)
    return Outcome(result, answer, notes)


def _encode(response, request, keep_cors, server_timing, notes):
    status = response.status
    if not 200 <= status <= 599:
        # The platform refuses what is outside 100..599 and can't relay an interim response.
        notes.append("the model answered with status %s, which can't be relayed" % status)
        response = error_response(502, "The model answered with the HTTP status %s, which can't be relayed." % status)
        status = 502
    if status == 205:
        # The platform sends a 205 without saying that it is empty, so clients wait for the rest until they give up.
        notes.append("sent the model's 205 as 204, since no client gets a 205 through the platform")
        status = 204
    body = b"" if status in (204, 304) or request.method == "HEAD" else response.body
    content_type, headers = _relayed(response.headers, keep_cors, notes)
    if body:
        content_type, encoded = _body(content_type, body, headers, notes)
        headers["Content-Type"] = content_type
    else:
        encoded = (b'""',)  # and no type: the platform drops it, unless it stumbles over it first
    if server_timing is not None:
        own = headers.get("Server-Timing", [])  # the model's; the field is a list, so both fit into one line
        headers["Server-Timing"] = ", ".join([server_timing()] + ([own] if isinstance(own, str) else own))
    opening, closing = (b'{"error":', b"}}") if status >= 500 else (b"", b"}")
    opening += b'{"statusCode":%d,"headers":%s,"body":' % (status, _COMPACT(headers).encode("ascii"))
    # Joined once, since every copy of a large body costs as much as its encoding.
    result = b"".join((opening,) + encoded + (closing,))
    return result, Response(status, response.headers, body)


def _relayed(pairs, keep_cors, notes):
    """Content type and the other headers as the platform takes them: name → value, or list of values."""
    content_type, headers, spelled = "", {}, {}
    for name, value in pairs:
        lower = name.lower()
        if lower == "content-type":
            content_type = content_type or value
        elif lower in NOT_RELAYED or (lower in PLATFORM_CORS and not keep_cors):
            continue
        elif not _TOKEN.match(name) or not _FIELD_VALUE.match(value):
            notes.append("dropped the header %r, which isn't well formed" % name)
        else:
            name = spelled.setdefault(lower, name)
            known = headers.get(name)
            if known is None:
                headers[name] = value
            elif type(known) is list:
                known.append(value)
            else:
                headers[name] = [known, value]
    return content_type, headers


def _body(content_type, body, headers, notes):
    """Content type, and body as JSON text in one or several parts, by how the platform takes a body of that type."""
    if not content_type:
        return _typeless(body, notes)
    parsed = media_types.parse(content_type)
    if parsed is None:
        notes.append("the content type %r isn't well formed: sent as application/octet-stream" % content_type)
        return "application/octet-stream", _base64(body)
    form = parsed.form
    if form == media_types.BYTES:
        return parsed.rendered(), _base64(body)
    coding = _content_coding(headers)
    if form == media_types.JSON:
        return parsed.rendered(), _base64(body) if coding else _json_text(body, parsed)
    text = _decoded(_inflated(body, headers, notes) if coding else body, parsed.charset)
    if text is None:
        notes.append("the body isn't text in the charset of %r: sent as application/octet-stream" % content_type)
        return "application/octet-stream", _base64(body)
    return parsed.rendered(), (_json_string(text),)


def _typeless(body, notes):
    """Without a type the platform says text/html, so a body that has none is called what RFC 9110 section 8.3 calls
    it.
    """
    notes.append("the model sent a body without a content type: sent as application/octet-stream")
    return "application/octet-stream", _base64(body)


def _json_string(text):
    return escaped_mark(encode_basestring(text).encode("utf-8"))


def escaped_mark(text):
    """JSON text without U+FFFF, which the platform's parser takes for the end of its input (spray-json's
    JsonParser.scala, EOI): there would be no result, and soon no container. Swagger UI's own scripts have it."""
    return text.replace(b"\xef\xbf\xbf", b"\\uffff")


def _base64(body):
    return (b'"', binascii.b2a_base64(body, newline=False), b'"')


def _json_text(body, parsed):
    """An object or array as its exact text, or as base64 where that is shorter; a scalar always as base64.

    The platform decodes a JSON string that looks like base64, which ``true`` and ``1234`` do; ``{`` and ``[`` never do.
    """
    if parsed.charset and parsed.charset.lower() not in ("utf-8", "utf8"):
        text = _decoded(body, parsed.charset)
        body = body if text is None else text.encode("utf-8")
    if _JSON_START.match(body):
        try:
            text = _json_string(body.decode("utf-8"))
        except UnicodeDecodeError:
            return _base64(body)
        if len(text) <= 2 + (len(body) + 2) // 3 * 4:
            return (text,)
    return _base64(body)


def _decoded(body, charset):
    """The text of a body, or None where it isn't in the charset declared (UTF-8 when none is), nor in UTF-8."""
    for name in (charset, "utf-8"):
        try:
            text = body.decode(name)
            text.encode("utf-8")  # some codecs let lone surrogates through, which no JSON text can carry
            return text
        except (LookupError, ValueError):  # "" is no codec either
            continue
    return None


def _content_coding(headers):
    for name, value in headers.items():
        if name.lower() == "content-encoding":
            coding = (value if isinstance(value, str) else ", ".join(value)).strip().lower()
            return "" if coding == "identity" else coding
    return ""


def _inflated(body, headers, notes):
    """The text behind a compressed body, since the platform can't carry bytes under a text type; itself if
    unreadable.
    """
    import zlib

    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or deflate, by its first bytes
    try:
        plain = unpacker.decompress(body, MOST_INFLATED)
    except zlib.error:
        return body
    if not unpacker.eof:  # cut off, or a bomb
        return body
    for name in [name for name in headers if name.lower() == "content-encoding"]:
        del headers[name]
    notes.append("decompressed the model's text, which the platform can't carry")
    return plain


# --- the size limit and the client's Accept -----------------------------------------------------------------------


def _gzipped(response, request):
    """``response`` compressed, or None where the client doesn't take gzip or the platform couldn't carry it."""
    import zlib

    parsed = media_types.parse(response.header("content-type"))
    if parsed is None or response.header("content-encoding") or not _takes_gzip(request.header("accept-encoding")):
        return None
    content_type = parsed.rendered()
    if parsed.name in _SCRIPTS:
        content_type = "text/javascript"  # which the platform takes as bytes, unlike application/javascript
    elif parsed.form == media_types.TEXT:
        return None
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = packer.compress(response.body) + packer.flush()
    headers = [pair for pair in response.headers if pair[0].lower() != "content-type"]
    headers += [("Content-Type", content_type), ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    return Response(response.status, headers, body)


def _takes_gzip(accept_encoding):
    """RFC 9110 section 12.5.3."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def _too_large(response, size, limit):
    sentence = (
        "The model's answer (%d bytes of %s) makes a result of %d bytes; OpenWhisk passes on %d. "
        "Ask for less or send a smaller input; JSON, pictures and sound also fit compressed, when the request "
        "says Accept-Encoding: gzip and they compress well enough."
        % (len(response.body), response.header("content-type") or "no type", size, limit)
    )
    return error_response(500, sentence, size=size, limit=limit)


def _note_negotiation(response, request, notes):
    """The platform answers 406 after the prediction ran (contract C3); only the log can say so."""
    accept = request.header("accept")
    if accept and accept != "*/*" and response.body and response.status < 400:
        parsed = media_types.parse(response.header("content-type"))
        name = parsed.name if parsed else "application/octet-stream"
        if not accepts(accept, name):
            notes.append("the client's Accept (%s) doesn't cover %s: the platform answers 406" % (accept[:80], name))


def accepts(accept, name):
    """True where an Accept header's ranges cover the media type ``name`` (RFC 9110 section 12.5.1)."""
    best, answer = -1, False
    for part in accept.lower().split(","):
        wanted, _, parameters = part.partition(";")
        wanted = wanted.strip()
        if wanted == name:
            precision = 2
        elif wanted == name.partition("/")[0] + "/*":
            precision = 1
        elif wanted in ("*/*", "*"):
            precision = 0
        else:
            continue
        if precision > best:
            best, answer = precision, not re.search(r"(^|;)\s*q=0(\.0*)?\s*(;|$)", parameters)
    return answer
