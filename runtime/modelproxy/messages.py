"""The plain records that pass between the protocols (web action, plain action, web server) and the hosts."""

# Of a connection, not of what is said over it (RFC 9110 section 7.6.1; two of them are older than that).
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)

# Characters of a header's value: as many as the platform's own server takes (pekko-http, max-header-value-length). Of
# some fewer, since Werkzeug takes the square of them: up to 3.0 of the quotes in a list of tags, a quarter of a second
# for 8,000, and all of them of a row of blanks, a whole one: in a Content-Type, a Cookie, an Accept.
LONGEST_VALUE = 8192
SHORT_VALUE = 1024
_SHORT = ("content-type", "if-match", "if-none-match")
_BLANKS = " " * 100

# Bytes of an answer that doesn't say how long it is: a camera's pictures and a server's events may have no end. Each
# piece counts as 40 more, which Python takes for it.
MOST_UNANNOUNCED = 1 << 26
ENDLESS = "sent more than 64 MB with neither a length nor an end"

NO_PEER = "127.0.0.1"  # where a call came by no connection


class Request:
    """One HTTP request for the model.

    method       upper case.
    path         as in the URL, percent-encoded, with its leading ``/``; relative to ``mount``.
    query        as in the URL, without the ``?``; "" for none.
    headers      (lower-case name, value) in order, to be gone through as often as needed: a list of pairs, or a dict's
                 items where a dict was given. Values are ``str`` as sent, any ISO-8859-1 character.
    by_name      a dict of the headers' last values, None where it wasn't given nor needed yet.
    names        a tuple of the headers' names where each came once and is well formed, else None.
    body         bytes.
    mount        public path at which the model is seen, percent-encoded, "" for the root (WSGI's SCRIPT_NAME).
    scheme       "http" or "https", as the client sees it.
    activation   dict of the activation's metadata when an OpenWhisk action answers, None when a web server does.
    default      True when the client named no path, so that ``path`` is the host's default.
    peer         IP address of who sent it to the container: of a web server's client, for an action of the invoker.
    """

    __slots__ = (
        "activation",
        "body",
        "by_name",
        "default",
        "headers",
        "method",
        "mount",
        "names",
        "path",
        "peer",
        "query",
        "scheme",
    )

    def __init__(
        self, method, path, query="", headers=(), body=b"", mount="", scheme="http", activation=None, default=False
    ):
        self.method = method
        self.path = path
        self.query = query
        if type(headers) is dict:
            self.by_name, self.headers = headers, headers.items()
        else:
            self.by_name, self.headers = None, headers
        self.body = body
        self.mount = mount
        self.scheme = scheme
        self.activation = activation
        self.default = default
        self.names = None
        self.peer = NO_PEER

    def header(self, name):
        """The last value of a header by its lower-case name, "" when there is none."""
        if self.by_name is None:
            self.by_name = dict(self.headers)
        return self.by_name.get(name, "")


class Response:
    """What the model answered: ``status`` 100..999, ``headers`` list of (name, value) as sent, ``body`` bytes.

    drift   what a comparison with the training inputs gave, for the log (``drift.verdict``); None where there was none.
    """

    __slots__ = ("body", "drift", "headers", "status")

    def __init__(self, status, headers, body, drift=None):
        self.status = status
        self.headers = headers
        self.body = body
        self.drift = drift

    def header(self, name):
        """The first value of a header by its lower-case name, "" when there is none."""
        for known, value in self.headers:
            if known.lower() == name:
                return value
        return ""


class Result:
    """What a host that is called without HTTP answers: ``body``, the result as JSON bytes, passed on as it is.

    status   of /run's reply; anything but 200 costs the container (contract A7).
    shown    the HTTP status that a web client gets to see, for the log.
    drift    as in a ``Response``.
    """

    __slots__ = ("body", "drift", "shown", "status")

    def __init__(self, body, status=200, shown=200, drift=None):
        self.body = body
        self.status = status
        self.shown = shown
        self.drift = drift


_KINDS = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "an array",
    str: "a string",
    type(None): "null",
}


def kind_of(value):
    """What JSON calls a value, for sentences that get into the log: the value itself may be nobody's business."""
    return _KINDS[type(value)]


def error_response(status, sentence, **details):
    """A JSON error: ``{"error": sentence, …details}``."""
    import json

    body = json.dumps(dict(details, error=sentence), sort_keys=True).encode("ascii")
    return Response(status, [("Content-Type", "application/json")], body)


def too_long(fields):
    """The name of a header that has more characters than it may, and how many it may have; "" where none has. All
    values by one name count together, since servers join them."""
    lengths = {}
    for name, value in fields:
        length = lengths[name] = lengths.get(name, 0) + len(value)
        if length > SHORT_VALUE:
            most = SHORT_VALUE if name in _SHORT or _BLANKS in value.replace("\t", " ") else LONGEST_VALUE
            if length > most:
                return "%r of more than %d characters" % (name[:80], most)
    return ""


class BadValue(Exception):
    """A ``value`` that can't be turned into a request; the text says what was wrong and what to do. ``logged`` is the
    sentence without the value and the names in it: they may be a caller's words."""

    def __init__(self, sentence, logged=""):
        Exception.__init__(self, sentence)
        self.logged = logged or sentence
