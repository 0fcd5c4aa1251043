"""The model's HTTP response → the result from which the platform makes the same response again. Pure."""

import json
import re
from json.encoder import encode_basestring, encode_basestring_ascii

from .. import base64_codec, media_types
from ..messages import HOP_BY_HOP, Response, error_response
from ..remembered import remembered, size_of_texts

# The platform adds these three itself (WebActions.scala, defaultCorsResponse); a browser refuses a second set.
PLATFORM_CORS = frozenset(
    ("access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers")
)

# What the platform sets itself whatever an action says.
NOT_RELAYED = HOP_BY_HOP | {"proxy-authenticate", "content-length", "date", "server"}
_OF_CODED = ("content-length", "content-encoding")

_COMPACT = json.JSONEncoder(separators=(",", ":")).encode
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110 section 5.5
_JSON_START = re.compile(rb"[ \t\r\n]*[\[{]")
_UTF_8 = ("", "utf-8", "utf8")
_NOTHING = (b'""',)
_OPENING = (b"{", b"[")  # of nearly all
MOST_LEVELS = 990  # of a result: the platform reads 1000 (spray-json, maxDepth) and puts some around it
_JOINED = 65536  # bytes
_NEVER_FITS = 4  # a body of so many limits doesn't fit, though UTF-32 becomes UTF-8
_SCRIPTS = frozenset(
    ("application/javascript", "application/x-javascript", "application/ecmascript", "text/javascript")
)


class Outcome:
    """``body``: the bytes that /run answers, or a tuple of them, since every copy of a large body costs as much as its
    encoding, where a small one is quicker sent in one piece; ``size`` in bytes; ``response``: what the client gets;
    ``notes``: lines for the log."""

    __slots__ = ("body", "notes", "response", "size")

    def __init__(self, parts, response, notes):
        self.size = size = sum(map(len, parts))
        self.body = parts if size >= _JOINED else b"".join(parts)
        self.response = response
        self.notes = notes

    @classmethod
    def unmade(cls, response, size, notes):
        """Of what is too long for any result: making it would only cost time and memory."""
        outcome = cls((), response, notes)
        outcome.size = size
        return outcome

    @property
    def parts(self):
        return self.body if type(self.body) is tuple else (self.body,)

    @property
    def result(self):
        return b"".join(self.parts)


def encode(response, request, limit=1048576, keep_cors=False, server_timing=None):
    """The ``Outcome`` that makes the platform answer ``request`` with ``response``, never longer than ``limit`` bytes.

    keep_cors       False drops the CORS headers that the platform sets itself.
    server_timing   called once the body is encoded, for the value of a Server-Timing header.
    A 5xx goes under ``error``: the client sees the same response and the activation counts as failed.
    """
    notes = []
    if len(response.body) > _NEVER_FITS * limit and _has_body(response.status, request):
        outcome = Outcome.unmade(response, len(response.body) * 4 // 3, notes)  # as base64
    else:
        outcome = _encode(response, request, limit, keep_cors, server_timing, notes)
    if outcome.size > limit:
        smaller = _gzipped(outcome.response, request)
        if smaller is not None:
            outcome = _encode(smaller, request, limit, keep_cors, server_timing, notes)
        if outcome.size > limit:
            size = outcome.size
            notes.append("the result has %d bytes, more than the platform's %d" % (size, limit))
            outcome = _encode(_too_large(response, size, limit), request, limit, keep_cors, server_timing, notes)
    _note_negotiation(request.header("accept"), outcome.response, notes)
    return outcome


def _encode(response, request, limit, keep_cors, server_timing, notes):
    response = _relayable(response, request, notes)
    body = response.body
    pairs = tuple([pair for pair in response.headers if pair[0] != "Content-Length"])
    head = head_of((pairs, response.status, keep_cors))
    notes.extend(head.notes)
    if body:
        if head.is_packed_text:
            most = _NEVER_FITS * limit
            plain = _inflated(body, most + 1)
            if plain is not None:
                if len(plain) > most:
                    return Outcome.unmade(response, len(plain), notes)
                notes.append("decompressed the model's text, which the platform can't carry")
                pairs = tuple([pair for pair in pairs if pair[0].lower() not in _OF_CODED])
                body, head = plain, head_of((pairs, response.status, keep_cors))
        members, encoded = head.encode(head, body, notes)
    else:
        # And no type: the platform drops it, unless it stumbles over it first.
        members, encoded = head.bare, _NOTHING
    timing = "" if server_timing is None else server_timing()
    if head.timing:
        timing = timing + ", " + head.timing if timing else head.timing
    if timing:
        opening = '%s"Server-Timing":"%s"%s},"body":' % (head.opening, timing, members)
    else:
        opening = '%s%s},"body":' % (head.opening, members[1:])
    parts = (opening.encode("ascii"),) + encoded + (head.closing,)
    return Outcome(parts, response, notes)


def _relayable(response, request, notes):
    """The response with a status that the platform passes on, and without a body where there can't be one."""
    status = response.status
    if not 200 <= status <= 599:
        # The platform refuses what is outside 100..599 and can't relay an interim response.
        notes.append("the model answered with status %s, which can't be relayed" % status)
        response = error_response(502, "The model answered with the HTTP status %s, which can't be relayed." % status)
        status = response.status
    if status == 205:
        # The platform sends a 205 without saying that it is empty, so clients wait for the rest until they give up.
        notes.append("sent the model's 205 as 204, since no client gets a 205 through the platform")
        status = 204
    return Response(status, response.headers, response.body if _has_body(status, request) else b"")


class _Head:
    """What a result says beside its times and its body: the same again and again for most models.

    opening   up to the first header, and ``closing`` what ends the result.
    bare      the headers as JSON, each after a comma, but Content-Type and Server-Timing, whose own value, in JSON, is
              ``timing``; ``members`` has the Content-Type too, ``as_bytes`` that of bytes that have no other.
    form      of the content type (``media_types``), None where that can't be read.
    encode    of the functions below the one for bodies of this type: (head, body, notes) → the headers, the body as
              JSON text in one or several parts.
    usual     of a 200 that says nothing in the log: the result up to the times, and from there to the body; else None.
    """

    def __init__(self, pairs_status_and_keep_cors):
        pairs, status, keep_cors = pairs_status_and_keep_cors
        self.opening, self.closing = ('{"error":{', b"}}") if status >= 500 else ("{", b"}")
        self.opening += '"statusCode":%d,"headers":{' % status
        self.notes = []
        self.content_type, headers = _relayed(pairs, keep_cors, self.notes)
        self.parsed = parsed = media_types.parse(self.content_type)
        self.form = None if parsed is None else parsed.form
        coding = _content_coding(headers)
        self.is_packed_text = bool(coding) and self.form == media_types.TEXT
        self.encode = self._encoder(coding)
        timing = headers.pop("Server-Timing", ())
        timing = timing if isinstance(timing, str) else ", ".join(timing)
        self.timing = encode_basestring_ascii(timing)[1:-1]
        # Names need no escaping.
        self.bare = "".join([',"%s":%s' % (name, _COMPACT(value)) for name, value in headers.items()])
        named = self.bare + ',"Content-Type":'
        self.members = named + encode_basestring_ascii("" if parsed is None else parsed.rendered())
        self.as_bytes = named + '"application/octet-stream"'
        self.usual = None
        if status == 200 and parsed is not None and not (self.notes or self.timing or self.is_packed_text):
            before, after = self.opening + '"Server-Timing":"', '"%s},"body":' % self.members
            self.usual = before.encode("ascii"), after.encode("ascii")

    def _encoder(self, coding):
        if self.parsed is None:
            return _untyped
        if self.form == media_types.TEXT:
            return _text
        if self.form != media_types.JSON or coding:
            return _bytes
        return _json if self.parsed.charset.lower() in _UTF_8 else _json_in_other_charset


def _size_of_pairs(pairs_status_and_keep_cors):
    return sum(map(size_of_texts, pairs_status_and_keep_cors[0]))


head_of = remembered(16, 2000, _size_of_pairs)(_Head)


def _has_body(status, request):
    return status not in (204, 205, 304) and request.method != "HEAD"


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


def _untyped(head, body, notes):
    """Without a type the platform says text/html, so a body that has none is called what RFC 9110 section 8.3 calls
    it.
    """
    if head.content_type:
        notes.append("the content type %r isn't well formed: sent as application/octet-stream" % head.content_type)
    else:
        notes.append("the model sent a body without a content type: sent as application/octet-stream")
    return head.as_bytes, _base64(body)


def _bytes(head, body, notes):
    return head.members, _base64(body)


def _text(head, body, notes):
    text = _decoded(body, head.parsed.charset)
    if text is None:
        notes.append("the body isn't text in the charset of %r: sent as application/octet-stream" % head.content_type)
        return head.as_bytes, _base64(body)
    return head.members, (_json_string(text),)


def _json(head, body, notes):
    """An object or array as its exact text, or as base64 where that is shorter; a scalar always as base64.

    The platform decodes a JSON string that looks like base64, which ``true`` and ``1234`` do; ``{`` and ``[`` never do.
    """
    if body.startswith(_OPENING) or _JSON_START.match(body):
        try:
            text = _json_string(body.decode("utf-8"))
        except UnicodeDecodeError:
            return head.members, _base64(body)
        if len(text) <= 2 + (len(body) + 2) // 3 * 4:
            return head.members, (text,)
    return head.members, _base64(body)


def _json_in_other_charset(head, body, notes):
    text = _decoded(body, head.parsed.charset)
    return _json(head, body if text is None else text.encode("utf-8"), notes)


def _json_string(text):
    encoded = encode_basestring(text).encode("utf-8")
    # Asked of the text, which Python knows to be without such characters nearly always, not of all its bytes.
    return escaped_mark(encoded) if "\uffff" in text else encoded


def escaped_mark(text):
    """JSON text without U+FFFF, which the platform's parser takes for the end of its input (spray-json's
    JsonParser.scala, EOI): there would be no result, and soon no container. Swagger UI's own scripts have it."""
    return text.replace(b"\xef\xbf\xbf", b"\\uffff")


def is_too_deep(text):
    """True where JSON text has more levels than the platform reads, for which it would end the container (contract A7).
    Up to Python 3.11 ``json`` itself neither writes nor reads so many."""
    if text.count("[") + text.count("{") <= MOST_LEVELS:
        return False
    from ..formats.json_text import levels_of

    return levels_of(text) > MOST_LEVELS


def _base64(body):
    return (b'"', base64_codec.encode(body), b'"')


def _decoded(body, charset):
    """The text of a body, or None where it isn't in the charset declared (UTF-8 when none is), nor in UTF-8."""
    names = ("utf-8",)
    if charset.lower() not in _UTF_8:
        from ..charsets import codec_of

        names = (codec_of(charset), "utf-8")
    for name in names:
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


def _inflated(body, most):
    """The text behind a compressed body, since the platform can't carry bytes under a text type, or the first ``most``
    bytes of it; None if unreadable."""
    import gzip
    import zlib
    from io import BytesIO

    try:
        if body.startswith(b"\x1f\x8b"):  # which may have several members (RFC 1952 section 2.2)
            plain = gzip.GzipFile(fileobj=BytesIO(body)).read(most)
        else:
            unpacker = zlib.decompressobj()
            plain = unpacker.decompress(body, most)
            if len(plain) < most and (not unpacker.eof or unpacker.unused_data):
                return None
    except (EOFError, OSError, zlib.error):  # cut off, or something else
        return None
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
    # In UTF-8, since no charset goes with a type that the platform takes as bytes or as JSON.
    text = _decoded(response.body, parsed.charset) if parsed.charset and parsed.form != media_types.BYTES else None
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = packer.compress(response.body if text is None else text.encode("utf-8")) + packer.flush()
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
        % (len(response.body), response.header("content-type")[:80] or "no type", size, limit)
    )
    return error_response(500, sentence, size=size, limit=limit)


def _note_negotiation(accept, response, notes):
    """The platform answers 406 after the prediction ran (contract C3); only the log can say so."""
    if response.body and response.status < 400:
        parsed = media_types.parse(response.header("content-type"))
        name, parameters = (parsed.name, parsed.parameters) if parsed else ("application/octet-stream", "")
        if not accepts(accept, name, parameters):
            notes.append("the client's Accept (%s) doesn't cover %s: the platform answers 406" % (accept[:80], name))


def accepts(accept, name, parameters=""):
    """True where an Accept header's ranges cover the media type ``name`` (RFC 9110 section 12.5.1), and where the
    header can't be read: the platform doesn't look at it then.

    parameters   the type's, without charset, as ``media_types.MediaType`` has them.
    """
    ranges = media_types.ranges(accept)
    if ranges is None:
        return True
    given = media_types.pairs(parameters)
    best, answer = (), not ranges
    for wanted, demanded, quality in ranges:
        if wanted == name:
            precision, demands = 2, {pair for pair in demanded if pair[0] != "charset"}
        elif wanted in ("*/*", "*", name.partition("/")[0] + "/*"):
            precision, demands = int(wanted[0] != "*"), demanded
        else:
            continue
        # The most specific range decides, of several such the one that says most, then the friendliest.
        rank = (precision, len(demanded), quality)
        if demands <= given and rank > best:
            best, answer = rank, quality > 0
    return answer
