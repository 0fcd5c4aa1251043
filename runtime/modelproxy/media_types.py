"""Owns the platform's table of media types, and the one question asked of it: does a body travel as text or base64?

The platform's HTTP library (pekko-http 1.1, MediaType.scala) knows these by name. A type it doesn't know is binary
unless the Content-Type carries a charset; all multipart types are binary.
"""

import re

from .remembered import remembered


def _listed(**subtypes):
    return frozenset(main + "/" + sub for main, subs in subtypes.items() for sub in subs.split())


# Text in a charset that the header may declare; in a response the platform forces it to UTF-8.
OPEN_CHARSET = _listed(
    application="atom+xml base64 javascript problem+xml rss+xml soap+xml vnd.google-earth.kml+xml x-latex x-vrml "
    "xhtml+xml xml xml-dtd",
    text="asp cache-manifest calendar css csv html markdown mcf plain richtext tab-separated-values "
    "uri-list vnd.wap.wml vnd.wap.wmlscript x-asm x-c x-component x-h x-java-source x-pascal x-script "
    "x-scriptcsh x-scriptelisp x-scriptksh x-scriptlisp x-scriptperl x-scriptperl-module "
    "x-scriptphyton x-scriptrexx x-scriptscheme x-scriptsh x-scripttcl x-scripttcsh x-scriptzsh "
    "x-server-parsed-html x-setext x-sgml x-speech x-uuencode x-vcalendar x-vcard xml",
)

# Text that is always UTF-8: a charset in the header is dropped.
ALWAYS_UTF8 = _listed(
    application="json json-patch+json merge-patch+json problem+json vnd.api+json x-www-form-urlencoded",
    text="event-stream",
)

BINARY = _listed(
    application="cbor gnutar grpc+proto java-archive lha lzx msword octet-stream pdf postscript "
    "vnd.google-earth.kmz vnd.ms-excel vnd.ms-excel.addin.macroenabled.12 "
    "vnd.ms-excel.sheet.binary.macroenabled.12 vnd.ms-excel.sheet.macroenabled.12 "
    "vnd.ms-excel.template.macroenabled.12 vnd.ms-fontobject vnd.ms-powerpoint "
    "vnd.ms-powerpoint.addin.macroenabled.12 vnd.ms-powerpoint.presentation.macroenabled.12 "
    "vnd.ms-powerpoint.slideshow.macroenabled.12 vnd.ms-word.document.macroenabled.12 "
    "vnd.ms-word.template.macroenabled.12 vnd.oasis.opendocument.chart "
    "vnd.oasis.opendocument.database vnd.oasis.opendocument.formula vnd.oasis.opendocument.graphics "
    "vnd.oasis.opendocument.image vnd.oasis.opendocument.presentation "
    "vnd.oasis.opendocument.spreadsheet vnd.oasis.opendocument.text "
    "vnd.oasis.opendocument.text-master vnd.oasis.opendocument.text-web "
    "vnd.openxmlformats-officedocument.presentationml.presentation "
    "vnd.openxmlformats-officedocument.presentationml.slide "
    "vnd.openxmlformats-officedocument.presentationml.slideshow "
    "vnd.openxmlformats-officedocument.presentationml.template "
    "vnd.openxmlformats-officedocument.spreadsheetml.sheet "
    "vnd.openxmlformats-officedocument.spreadsheetml.template "
    "vnd.openxmlformats-officedocument.wordprocessingml.document "
    "vnd.openxmlformats-officedocument.wordprocessingml.template x-7z-compressed x-ace-compressed "
    "x-apple-diskimage x-arc-compressed x-bzip x-bzip2 x-chrome-extension x-compress x-compressed "
    "x-debian-package x-dvi x-font-opentype x-font-truetype x-gtar x-gzip x-rar-compressed "
    "x-redhat-package-manager x-shockwave-flash x-tar x-tex x-texinfo x-x509-ca-cert x-xpinstall zip",
    audio="aiff basic midi mod mpeg ogg voc vorbis voxware wav webm x-pn-realaudio x-psid xm",
    font="woff woff2",
    image="gif jpeg pict png svg+xml tiff webp x-icon x-ms-bmp x-pcx x-pict x-quicktime x-rgb x-xbitmap x-xpixmap",
    message="delivery-status http rfc822",
    video="avs-video divx gl mp4 mpeg ogg quicktime webm x-dv x-flv x-motion-jpeg x-ms-asf x-msvideo x-sgi-movie",
)

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # RFC 9110 section 5.6.2
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"'
# The platform forgives blanks after a token (pekko-http's CommonRules.scala, ``token``), which RFC 9110 doesn't.
_PARAMETER = r"[ \t]*;[ \t]*%s[ \t]*=[ \t]*(?:%s|%s)" % (_TOKEN, _TOKEN, _QUOTED)
_CONTENT_TYPE = re.compile(r"[ \t]*(%s)[ \t]*/(%s)((?:%s)*)\Z" % (_TOKEN, _TOKEN, _PARAMETER))
_NAME_AND_VALUE = re.compile(r"(%s)[ \t]*=[ \t]*(%s|%s)" % (_TOKEN, _TOKEN, _QUOTED))
_RANGE = r"(\*/\*|\*|(?!\*)%s/%s)((?:%s)*)" % (_TOKEN, _TOKEN, _PARAMETER)
_RANGES = re.compile(r"[ \t]*(?:%s(?:[ \t]*,[ \t]*%s)*[ \t]*)?\Z" % (_RANGE, _RANGE))
_EACH_RANGE = re.compile(_RANGE)

# Characters of a header, as many as all of a web server's have: an expression keeps 300 bytes for each repetition.
LONGEST = 64 * 1024

JSON, TEXT, BYTES = "json", "text", "bytes"


class MediaType:
    """A parsed Content-Type: ``name`` in lower case, ``charset`` ("" if none), ``parameters`` rendered without it.

    form              ``JSON``, ``TEXT`` or ``BYTES``: how the platform takes a response's body of this type.
    arrives_as_text   True where a request body of this type is handed to a raw action as a string, False where as
                      base64.
    """

    __slots__ = ("arrives_as_text", "charset", "form", "name", "parameters")

    def __init__(self, name, charset, parameters):
        self.name = name
        self.charset = charset
        self.parameters = parameters
        self.form = self._form()
        self.arrives_as_text = self.form != BYTES and not (name == "application/json" and not parameters)

    def _form(self):
        """JSON (WebActions.scala, isJsonFamily: the type's value ends in ``+json``, parameters included) is decoded
        when it looks like base64 and passed as it is otherwise; text is always passed as it is; bytes must be base64.
        """
        name = self.name
        if name in ALWAYS_UTF8 or name in OPEN_CHARSET:
            known_text = True
        elif name in BINARY or name.startswith("multipart/"):
            return BYTES
        else:
            known_text = False
        if not known_text and not self.charset:
            return BYTES
        if not self.parameters and (name == "application/json" or name.endswith("+json")):
            return JSON
        return TEXT

    @property
    def is_json(self):
        """True where a cooked web action's JSON body arrives parsed: a JSON type with no parameter but a charset."""
        return not self.parameters and (self.name == "application/json" or self.name.endswith("+json"))

    def rendered(self):
        """The Content-Type for a response whose text is UTF-8."""
        charset = "; charset=UTF-8" if self.charset and self.form != BYTES and self._unlisted() else ""
        return self.name + self.parameters + charset

    def _unlisted(self):
        return self.name not in ALWAYS_UTF8 and self.name not in OPEN_CHARSET and self.name not in BINARY


@remembered(64)
def parse(text):
    """The ``MediaType`` of a Content-Type header, or None where the platform couldn't read it either.

    The platform takes a range for a type (``text/*``), but for ``multipart/*`` (CommonActions.scala, getMediaType).
    A trailing ``;``, which the platform refuses and servers do send, is forgiven.
    """
    match = _CONTENT_TYPE.match(text.rstrip("; \t")) if len(text) <= LONGEST else None
    if match is None:
        return None
    essence = ("%s/%s" % match.group(1, 2)).lower()
    if essence == "multipart/*":
        return None
    charset, parameters = "", ""
    for name, value in _NAME_AND_VALUE.findall(match.group(3)):
        if name.lower() == "charset":
            charset = value.strip('"')
        else:
            parameters += "; " + name + "=" + value
    return MediaType(essence, charset, parameters)


def pairs(parameters):
    """Names and values in the text of parameters, values without quotation marks."""
    return {
        (name, re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] == '"' else value)
        for name, value in _NAME_AND_VALUE.findall(parameters)
    }


def ranges(accept):
    """The ranges of an Accept header as a list of (name in lower case, set of parameters, weight from 0 to 1), None
    where the header isn't well formed (RFC 9110 section 12.5.1), or too long to be one."""
    if len(accept) > LONGEST or not _RANGES.match(accept):
        return None
    found = []
    for name, parameters in _EACH_RANGE.findall(accept):
        given = dict(pairs(parameters))
        try:
            weight = float(given.pop("q", 1))
        except ValueError:
            weight = 1.0
        if not 0 <= weight <= 1:
            return None
        found.append((name.lower(), set(given.items()), weight))
    return found
