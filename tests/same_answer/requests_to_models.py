"""What is asked of each sample model: good, bad and odd requests, a table for each kind of model and one for all."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import written_differences as differs
from exchange import BOUNDARY, MULTIPART, Case, Headers
from PIL import Image

CHECKOUT = Path(__file__).parents[2]
PNG = (CHECKOUT / "assets" / "digit-3.png").read_bytes()
NOISY = (CHECKOUT / "assets" / "noisy-digit.png").read_bytes()
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
METADATA = "/model/metadata"
STYLE = "/swaggerui/droid-sans.css"
SCRIPT = "/swaggerui/swagger-ui-bundle.js"


# --- multipart ----------------------------------------------------------------------------------------------------


def part(
    data: bytes = PNG,
    *,
    name: str = 'name="image"',
    file: str | None = 'filename="3.png"',
    content_type: str | None = "image/png",
    more: bytes = b"",
) -> bytes:
    """One part with the parameters of its Content-Disposition as they stand there."""
    lines = ["Content-Disposition: " + "; ".join(filter(None, ["form-data", name, file]))]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join(lines).encode("utf-8") + more + b"\r\n\r\n" + data


def field(name: str, value: str) -> bytes:
    return part(value.encode(), name=f'name="{name}"', file=None, content_type=None)


def body_of(parts: Iterable[bytes], boundary: str = BOUNDARY, end: bytes = b"--\r\n") -> bytes:
    mark = b"--" + boundary.encode()
    return b"".join(mark + b"\r\n" + each + b"\r\n" for each in parts) + mark + end


def upload(name: str, *parts: bytes, more: Headers = (), **changes: Any) -> Case:
    """A case of multipart/form-data; `more` headers stand beside its Content-Type."""
    return Case(name, "POST", headers=(MULTIPART, *more), body=body_of(parts or [part()])).but(**changes)


def picture(mode: str, form: str = "PNG") -> bytes:
    """The digit in one of Pillow's modes."""
    with Image.open(io.BytesIO(PNG)) as digit, io.BytesIO() as file:
        digit.convert("RGB").convert(mode).save(file, form)
        return file.getvalue()


PICTURES = (
    upload("png"),
    upload("a noisy png", part(NOISY)),
    upload("jpeg", part(picture("RGB", "JPEG"), file='filename="3.jpg"', content_type="image/jpeg")),
    upload("grey jpeg", part(picture("L", "JPEG"), content_type="image/jpeg")),
    upload("grey", part(picture("L"))),
    upload("rgba", part(picture("RGBA"))),
    upload("palette", part(picture("P"))),
    upload("one bit", part(picture("1"))),
    upload("gif", part(picture("P", "GIF"), content_type="image/gif")),
    upload("bmp", part(picture("RGB", "BMP"), content_type="image/bmp")),
    upload("non-ASCII file name", part(file='filename="Ziffer für 雪.png"')),
    upload("non-ASCII file name, RFC 5987", part(file="filename*=UTF-8''%e9%9b%aa.png")),
    upload("quoted file name", part(file='filename="a \\"quoted\\" name; x=y.png"')),
    upload("file name with a path", part(file='filename="C:\\\\dir\\\\../../etc/passwd"')),
    upload("file name with a semicolon", part(file='filename="a;b,c.png"')),
    upload("unquoted file name", part(file="filename=3.png")),
    upload("no type of the part", part(content_type=None)),
    upload("wrong type of the part", part(content_type="text/plain; charset=utf-8")),
    upload("senseless type of the part", part(content_type="no type")),
    upload("more headers of the part", part(more=b"\r\nContent-Transfer-Encoding: binary\r\nX-Part: 1")),
    upload("two parts of one name", part(), part(NOISY)),
    upload("two parts of one name, a bad one first", part(b"text"), part()),
    upload("extra fields", field("a", "1"), part(), field("b", "zwei ü 雪")),
    upload("an extra file", part(), part(NOISY, name='name="other"')),
    upload("empty file", part(b"")),
    upload("no file chosen", part(b"", file='filename=""', content_type="application/octet-stream")),
    upload("text as picture", part("das ist kein Bild: ü".encode())),
    upload("half a picture", part(PNG[: len(PNG) // 2])),
    upload("wrong field name", part(name='name="picture"')),
    upload("field without a name", part(name="")),
    upload("a field where a file should be", field("image", "text")),
    upload("no parts", body=body_of([])),
    upload("no body", body=b""),
    upload("truncated multipart", body=body_of([part()])[:-20]),
    upload("truncated in the headers of a part", body=body_of([part()])[:40]),
    upload("without the last line end", body=body_of([part()], end=b"--")),
    upload("preamble and epilogue", body=b"preamble\r\n" + body_of([part()]) + b"epilogue"),
    upload("line feeds alone", body=body_of([part(b"x")]).replace(b"\r\n", b"\n")),
    upload("no boundary", headers=(("Content-Type", "multipart/form-data"),)),
    upload("another boundary", headers=(("Content-Type", "multipart/form-data; boundary=other"),)),
    upload(
        "quoted boundary",
        headers=(("Content-Type", 'multipart/form-data; boundary="a b:c"'),),
        body=body_of([part()], "a b:c"),
    ),
    upload("multipart, in capitals", headers=(("CONTENT-TYPE", f"Multipart/Form-Data; Boundary={BOUNDARY}"),)),
    upload(
        "multipart with a charset",
        headers=(("Content-Type", f"multipart/form-data; charset=utf-8; boundary={BOUNDARY}"),),
    ),
    upload(
        "sent in chunks",
        headers=(MULTIPART, ("Transfer-Encoding", "chunked")),
        body=b"%x\r\n" % len(body_of([part()])) + body_of([part()]) + b"\r\n0\r\n\r\n",
    ),
    upload("picture as the body", headers=(("Content-Type", "image/png"),), body=PNG),
    upload("picture without a type", headers=(), body=PNG),
    upload("form", headers=(FORM,), body=b"image=abc"),
    upload("JSON where a picture should be", headers=(JSON,), body=b'{"image": "abc"}'),
    upload("no body and no type", headers=(), body=None),
    upload("a query beside the file", target="/model/predict?top=1"),
    upload("a large upload", part(PNG + b"\0" * 1_000_000)),
    upload("too large an upload", part(PNG + b"\0" * 1_048_576), **differs.TOO_LARGE),
)

DIGITS = (
    upload("top", target="/model/predict?top=2"),
    upload("top as a field", part(), field("top", "2")),
    upload("top twice", target="/model/predict?top=2&top=5", **differs.last_of_two("/model/predict?top=5")),
    upload("top as field and in the query", part(), field("top", "4"), target="/model/predict?top=2"),
    upload("top out of range", target="/model/predict?top=11"),
    upload("top without a value", target="/model/predict?top"),
    upload("top empty", target="/model/predict?top="),
    upload("top no number", target="/model/predict?top=%E9%9B%AA"),
    upload("top with plus and escapes", target="/model/predict?t%6Fp=%32&x=a+b%20c"),
    upload("mask", more=(("X-Fields", "{status}"),)),
    upload("nested mask", more=(("X-Fields", "predictions{label,probability}"),)),
    upload("mask of nothing", more=(("X-Fields", "{none}"),)),
    upload("bad mask", more=(("X-Fields", "{status"),)),
    upload("mask twice", more=(("X-Fields", "{status}"), ("X-Fields", "{predictions}")), **differs.LAST_MASK),
    upload("json accepted", more=(("Accept", "application/json"),)),
    upload(
        "only a picture accepted",
        more=(("Accept", "image/png"),),
        **differs.not_acceptable("application/json", "accept image/png for application/json 200"),
    ),
    upload("only a picture accepted, for an error", part(b"text"), more=(("Accept", "image/png"),)),
)

RESTORED = (
    upload("png accepted", part(NOISY), more=(("Accept", "image/png"),)),
    upload("pictures accepted", part(NOISY), more=(("Accept", "text/html, image/*;q=0.8"),)),
    upload(
        "only JSON accepted",
        part(NOISY),
        more=(("Accept", "application/json"),),
        **differs.not_acceptable("image/png", "accept application/json for image/png 200"),
    ),
    upload("only JSON accepted, for an error", part(b"text"), more=(("Accept", "application/json"),)),
    upload("gzip accepted", part(NOISY), more=(("Accept-Encoding", "gzip"),)),
    upload("a mask on a picture", part(NOISY), more=(("X-Fields", "{status}"),)),
)


# --- JSON ---------------------------------------------------------------------------------------------------------


def text(name: str, body: Any, *headers: tuple[str, str], **changes: Any) -> Case:
    """A JSON request; `body` is its exact bytes, or a value."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Case(name, "POST", headers=(JSON, *headers), body=data).but(**changes)


GOOD = {"text": ["The weather is fine today", "Das Wetter ist heute schön"]}
TEXTS = (
    text("texts", GOOD),
    text("unicode", json.dumps({"text": ["Привет мир", "雪が降る", "😀 naïve café"]}, ensure_ascii=False).encode()),
    text("escaped", {"text": ["Привет мир", "雪が降る", "😀 naïve café"]}),
    text("escapes of all kinds", rb'{"text": ["a\"b\\c\/d\b\f\n\r\t\u0041\u00e9"]}'),
    text("a lone surrogate", rb'{"text": ["abc \ud800 def"]}'),
    text("a null character", rb'{"text": ["abc\u0000def"]}'),
    text("spread over lines", json.dumps(GOOD, indent=4).replace("\n", "\r\n").encode()),
    text("many texts", {"text": ["one sentence of many"] * 200}),
    text("a long text", {"text": ["lorem ipsum dolor sit amet " * 2000]}),
    text("texts without letters", {"text": ["", "123", "!?"]}),
    text("no texts", {"text": []}),
    text("one string", {"text": "one string"}),
    text("numbers", {"text": [1, 2]}),
    text("null", {"text": None}),
    text("missing field", {"txt": ["a"]}),
    text("empty object", {}),
    text("more fields", {"text": ["hello world"], "a": 1, "error": "x", "body": "y", "statusCode": 404}),
    text("our own names", {"text": ["hello world"], "__ow_x": 1}),
    text("the platform's names", {"text": ["hello world"], "__ow_body": "x"}, **differs.RESERVED),
    text("a key twice", b'{"text": ["bonjour le monde"], "text": ["hello world"]}'),
    text("empty", b"", **differs.EMPTY_IS_AN_OBJECT),
    text("array", [1, "a"]),
    text("empty array", []),
    text("array of texts", ["hello world"]),
    text("string", "hello world"),
    text("a string that looks like base64", "abcd"),
    text("number", b"3.0"),
    text("true", b"true"),
    text("null body", b"null"),
    text("malformed", b'{"text": ["a"', **differs.malformed()),
    text("single quotes", b"{'text': ['a']}", **differs.malformed()),
    text("trailing comma", b'{"text": ["a"],}', **differs.malformed()),
    text("garbage behind", b'{"text": ["hello world"]} x', **differs.malformed("JSON trailing garbage")),
    text("with a byte order mark", b'\xef\xbb\xbf{"text": ["hello world"]}', **differs.malformed("JSON bom")),
    text("NaN", b'{"text": ["hello world"], "x": NaN}', **differs.malformed()),
    text("latin-1, undeclared", '{"text": ["caf\xe9"]}'.encode("latin-1"), **differs.malformed("JSON latin-1")),
    text("latin-1, declared", '{"text": ["caf\xe9"]}'.encode("latin-1"), **differs.malformed("JSON latin-1")).but(
        headers=(("Content-Type", "application/json; charset=iso-8859-1"),)
    ),
    text("utf-8, declared", GOOD).but(headers=(("Content-Type", "application/json; charset=utf-8"),)),
    text("utf-16", json.dumps(GOOD).encode("utf-16"), **differs.malformed()),
    text("big numbers", b'{"text": ["hello world"], "n": 123456789012345678901234567890, "m": 1e400, "z": -0.0}'),
    text("a very big number", b'{"text": ["hello world"], "n": ' + b"9" * 5000 + b"}", **differs.malformed()),
    text("deep", b'{"text": ["hello world"], "deep": ' + b"[" * 50 + b"]" * 50 + b"}"),
    text(
        "as deep as the platform lets pass",
        b'{"text": ["hello world"], "deep": ' + b"[" * 995 + b"]" * 995 + b"}",
        **differs.TOO_DEEP,
    ),
    text("too deep", b'{"text": ["hello world"], "deep": ' + b"[" * 20000 + b"]" * 20000 + b"}", **differs.malformed()),
    text("wrong type: text", GOOD).but(headers=(("Content-Type", "text/plain"),)),
    text("wrong type: form", GOOD, **differs.NO_FORM).but(headers=(FORM,)),
    text("wrong type: octets", GOOD).but(headers=(("Content-Type", "application/octet-stream"),)),
    text("wrong type: none at all", GOOD).but(headers=()),
    text("wrong type: malformed", GOOD).but(headers=(("Content-Type", "not a type"),)),
    text("a type with +json", GOOD).but(headers=(("Content-Type", "application/vnd.api+json"),)),
    text("an unknown type with +json", GOOD).but(headers=(("Content-Type", "application/hal+json"),)),
    text("a type with a parameter", GOOD).but(headers=(("Content-Type", "application/json; profile=x"),)),
    text("a type in capitals", GOOD).but(headers=(("content-type", "APPLICATION/JSON"),)),
    text("form", b"text=hello").but(headers=(FORM,)),
    text("multipart", b"").but(headers=(MULTIPART,), body=body_of([field("text", "hello")])),
    text("a query beside JSON", GOOD, target="/model/predict?a=1"),
    text("a query of the same name", GOOD, target="/model/predict?text=x"),
    text("in chunks", b"").but(
        headers=(JSON, ("Transfer-Encoding", "chunked")),
        body=b'1a\r\n{"text": ["hello world x"]\r\n1\r\n}\r\n0\r\n\r\n',
    ),
    text("mask", GOOD, ("X-Fields", "{status}")),
    text("nested mask", GOOD, ("X-Fields", "predictions{language,alternatives{probability}}")),
    text("bad mask", GOOD, ("X-Fields", "predictions{language")),
    text("json accepted", GOOD, ("Accept", "application/json")),
    text("something else accepted, too", GOOD, ("Accept", "text/html;q=0.5, application/*;q=0.1")),
    text(
        "only html accepted",
        GOOD,
        ("Accept", "text/html"),
        **differs.not_acceptable("application/json", "accept text/html for application/json 200"),
    ),
    text("only html accepted, for an error", {}, ("Accept", "text/html")),
    text("another charset accepted", GOOD, ("Accept-Charset", "iso-8859-1"), **differs.NO_CHARSET),
    text("too large", {"text": ["x" * 1_048_576]}, **differs.TOO_LARGE),
)


# --- a GET with a query -------------------------------------------------------------------------------------------


def sound(name: str, query: str = "", *headers: tuple[str, str], **changes: Any) -> Case:
    return Case(name, target="/model/predict" + query, headers=headers).but(**changes)


SOUNDS = (
    sound("the default word"),
    sound("a word", "?model=three"),
    sound("a word and a voice", "?model=three&seed=7"),
    sound("the last voice", "?seed=4294967295"),
    sound("a voice too many", "?seed=4294967296"),
    sound("a voice below zero", "?seed=-1"),
    sound("a voice that is no number", "?seed=abc"),
    sound("an empty voice", "?seed="),
    sound("a voice in other digits", "?seed=%D9%A3"),
    sound("an unknown word", "?model=eleven"),
    sound("a non-ASCII word", "?model=f%C3%BCnf"),
    sound("a word in bytes that aren't UTF-8", "?model=f%FCnf"),
    sound("an empty word", "?model="),
    sound("a word without a value", "?model"),
    sound("a word twice", "?model=one&model=two", **differs.last_of_two("/model/predict?model=two")),
    sound("another parameter", "?model=one&x=1&y=%00"),
    sound("escaped", "?%6Dodel=%6Fne&seed=%31"),
    sound("plus and blanks", "?model=one&x=a+b%20c%2Bd"),
    sound("only ampersands", "?&&model=one&&"),
    sound("semicolons", "?model=one;seed=3"),
    sound("a question mark more", "?model=one?"),
    sound("brackets", "?model[]=one", **differs.illegal_target('query ?a="x"')),
    sound("quotes", '?model="one"', **differs.illegal_target('query ?a="x"')),
    sound("a bad escape", "?model=%zz", **differs.illegal_target("query ?a=%zz")),
    sound("an empty query", "?"),
    sound("a wav accepted", "?model=one", ("Accept", "audio/wav")),
    sound("any sound accepted", "?model=one", ("Accept", "audio/*;q=0.3")),
    sound(
        "only html accepted",
        "?model=one",
        ("Accept", "text/html"),
        **differs.not_acceptable("audio/wav", "accept text/html for audio/wav 200"),
    ),
    sound("only JSON accepted, for an error", "?model=x", ("Accept", "application/json")),
    sound("a range", "?model=one", ("Range", "bytes=0-99")),
    sound("gzip accepted", "?model=one", ("Accept-Encoding", "gzip, deflate")),
    sound("HEAD with a query", "?model=one", method="HEAD"),
    sound("POST with a query", "?model=one", method="POST"),
    sound("POST with an empty body", "?model=one", method="POST", body=b""),
    sound("POST of a form", method="POST", headers=(FORM,), body=b"model=one"),
    sound("POST of JSON", method="POST", headers=(JSON,), body=b'{"model": "one"}'),
    sound("a body with GET", "?model=one", headers=(("Content-Type", "text/plain"),), body=b"abc"),
    sound("JSON with GET", "?model=one", headers=(JSON,), body=b'{"model": "two"}', **differs.BODY_WINS),
)


# --- of every model -----------------------------------------------------------------------------------------------

LABELS = "/model/labels"
ROUTES = ("/", "/swagger.json", "/model/predict", METADATA, LABELS, STYLE, "/nothing")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH")


def get(name: str, target: str = METADATA, *headers: tuple[str, str], **changes: Any) -> Case:
    return Case(name, target=target, headers=headers).but(**changes)


EVERY_MODEL = tuple(Case(f"{method} {route}", method, route) for route in ROUTES for method in METHODS)

# The affair of the server and its packages more than of the model.
ODD = (
    get("the script", SCRIPT, ("Accept-Encoding", "gzip, deflate, br")),
    get("the script, uncompressed", SCRIPT),
    get("the script, not gzip", SCRIPT, ("Accept-Encoding", "gzip;q=0, br")),
    get("another script", "/swaggerui/swagger-ui-standalone-preset.js"),
    get("the style", "/swaggerui/swagger-ui.css"),
    get("an icon", "/swaggerui/favicon-32x32.png"),
    get("an asset that isn't there", "/swaggerui/nothing.css"),
    get("out of the assets", "/swaggerui/../config.py", **differs.OUT_OF_THE_ASSETS),
    get("out of the assets, escaped", "/swaggerui/..%2f..%2fconfig.py"),
    get("a file of the model", "/config.py"),
    get("trailing slash", METADATA + "/"),
    get("trailing slash of the assets", "/swaggerui/"),
    get("no slash of the assets", "/swaggerui"),
    get("two slashes", "/model//metadata"),
    get("two slashes at the start", "//model/metadata", **differs.NO_HOST),
    get("a dot", "/model/./metadata", **differs.DOTS_ARE_RESOLVED),
    get("escaped letters", "/m%6Fdel/met%61data"),
    get("escaped slash", "/model%2Fmetadata"),
    get("escaped percent", "/model/100%25"),
    get("non-ASCII, escaped", "/caf%C3%A9/%E9%9B%AA"),
    get("non-ASCII, not UTF-8", "/caf%E9"),
    get("non-ASCII, unescaped", "/caf\xc3\xa9", **differs.NOT_ASCII),
    get("a null character in a path", "/a%00b"),
    get("a line end", "/a%0D%0Ab"),
    get("a bad escape of a path", "/a%zz", **differs.illegal_target("query ?a=%zz")),
    get("a plus", "/a+b"),
    get("every mark", "/~!$&'()*+,;=:@-._"),
    get("HTML in the path", "/%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
    get("a parameter of the path", METADATA + ";a=b"),
    get("a query nobody asked for", METADATA + "?a=1&b=%C3%A9"),
    get("another case", "/Model/Metadata"),
    get("a long path", "/" + "a" * 4000),
    get("a long query", METADATA + "?a=" + "b" * 4000),
    get("an absolute target", "http://other.example" + METADATA),
    get("a range of a file", STYLE, ("Range", "bytes=0-9")),
    get("the end of a range", STYLE, ("Range", "bytes=-5")),
    get("a range beyond the end", STYLE, ("Range", "bytes=9999999-")),
    get("two ranges", STYLE, ("Range", "bytes=0-1,4-5")),
    get("a senseless range", STYLE, ("Range", "bytes=x")),
    get("not modified since", STYLE, ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")),
    get("modified since", STYLE, ("If-Modified-Since", "Mon, 01 Jan 1990 00:00:00 GMT")),
    get("a senseless date", STYLE, ("If-Modified-Since", "yesterday")),
    get("any version known", STYLE, ("If-None-Match", "*")),
    get("another version known", STYLE, ("If-None-Match", '"abc"')),
    get("cookie", METADATA, ("Cookie", 'a=1; b="zwei drei"')),
    get("two cookies", METADATA, ("Cookie", "a=1"), ("Cookie", "b=2")),
    get("mask of metadata", METADATA, ("X-Fields", "{id,name}")),
    get("mask of all of metadata", METADATA, ("X-Fields", "*")),
    get("mask of nothing of metadata", METADATA, ("X-Fields", "")),
    get("bad mask of metadata", METADATA, ("X-Fields", "}{")),
    get("non-ASCII mask", METADATA, ("X-Fields", "{\xc3\xa9}"), **differs.RESET),
    get("mask with an underscore", METADATA, ("X_Fields", "{id}"), **differs.NO_UNDERSCORES),
    get("a header of every mark", METADATA, ("X-!#$%&'*+.^`|~1", "a")),
    get("an empty header", METADATA, ("X-Empty", "")),
    get("a long header", METADATA, ("X-Long", "x" * 8000)),
    get("many headers", METADATA, *((f"X-{number}", str(number)) for number in range(50))),
    get("another host", "/", ("Host", "other.example:8443")),
    get("a host in numbers", "/", ("Host", "[::1]:5000")),
    get("behind a proxy", METADATA, ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Host", "evil.example")),
    get("an origin", METADATA, ("Origin", "https://page.example")),
    get("a proxy to use", METADATA, ("Proxy", "http://evil.example")),
    get("another method asked for", METADATA, ("X-HTTP-Method-Override", "DELETE")),
    get("an expectation", METADATA, ("Expect", "100-continue")),
    get("hop by hop", METADATA, ("Connection", "close, X-Fields"), ("X-Fields", "{id}"), ("TE", "trailers")),
    get("html accepted", "/", ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")),
    get(
        "only JSON accepted of the page",
        "/",
        ("Accept", "application/json"),
        **differs.not_acceptable("text/html; charset=UTF-8", "accept application/json for text/html 200"),
    ),
    get(
        "only html accepted of metadata",
        METADATA,
        ("Accept", "text/html"),
        **differs.not_acceptable("application/json", "accept text/html for application/json 200"),
    ),
    get("only html accepted of what isn't there", "/nothing", ("Accept", "application/json")),
    get("nothing accepted", METADATA, ("Accept", "")),
    get("a senseless accept", METADATA, ("Accept", "x")),
    Case("a method of its own", "PROPFIND", METADATA, **differs.NO_METHOD),
    Case("a method in small letters", "get", METADATA, **differs.NO_METHOD),
)

TABLE: dict[str, tuple[Case, ...]] = {
    "max-digit-classifier": (*PICTURES, *DIGITS),
    "max-digit-restorer": (*PICTURES, *RESTORED),
    "max-language-identifier": TEXTS,
    "max-sound-generator": SOUNDS,
}
