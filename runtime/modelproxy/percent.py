"""Percent-encoding of paths, queries and forms on bytes, and what can be a host (RFC 3986 sections 2 and 3.2.2, WHATWG
URL section 5), without urllib's import cost.
"""

import binascii
import json
import re

from .remembered import remembered

# Runs, of text, and escapes that all share: single ones of bytes were 150 MB for a megabyte, which a caller may send.
_RUN_OF_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2}){1,64}")  # bounded: such a group takes memory for each time it matches
_UNSAFE_IN_PATH = re.compile(r"[^!$%&'()*+,\-./0-9:;=@A-Z_a-z~]+|%(?![0-9A-Fa-f]{2})")
_UNSAFE_IN_QUERY = re.compile(r"[^\x21-\x7e]+")
_UNSAFE_IN_FORM = re.compile(r"[^\-.0-9A-Z_a-z~ ]+")
_HOST = re.compile(r"[!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]{0,260}\Z")  # 253 of a name, and a port
_ESCAPES = tuple(["%%%02X" % code for code in range(256)])


@remembered(32)
def quoted_path(path):
    """``path`` with whatever can't stand in a URL's path escaped; escapes already there stay as they are."""
    return _UNSAFE_IN_PATH.sub(_escaped, path.encode("utf-8", "replace").decode("latin-1"))


def quoted_query(query):
    """``query`` with whatever can't stand in a request line escaped."""
    return _UNSAFE_IN_QUERY.sub(_escaped, query.encode("utf-8", "replace").decode("latin-1"))


@remembered(16, 400)
def is_host(text):
    """Whether it can be a Host header's: a name or an address, and perhaps a port, or nothing. In others, and longer
    ones, Werkzeug up to 2.x looks for names in other alphabets, 10 seconds a megabyte."""
    return _HOST.match(text) is not None


def mount_point(path):
    """A path that someone wrote by hand, as WSGI's SCRIPT_NAME wants it: no slash at its end, "" for the root."""
    return quoted_path("/" + path.strip("/")).rstrip("/")


def unquoted(path):
    """The bytes behind a percent-encoded path, each as one character, which is what PEP 3333 wants in PATH_INFO."""
    text = path.encode("latin-1", "replace").decode("latin-1")
    return _RUN_OF_ESCAPES.sub(_unescaped, text) if "%" in text else text


def unquoted_bytes(text):
    """The bytes behind text of which some are escaped, and all else is UTF-8."""
    return unquoted(text.encode("utf-8", "surrogatepass").decode("latin-1")).encode("latin-1")


def form_text(text):
    """What a name or value of a query or a form stands for (WHATWG URL section 5.1). Up to Python 3.11 urllib's takes
    180 bytes for each ``%``."""
    return unquoted_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _unescaped(match):
    return binascii.unhexlify(match.group().replace("%", "")).decode("latin-1")


def form_encoded(parameters):
    """``a=1&b=two`` of a dict; a value that is no string is its JSON text."""
    return "&".join(_form_part(key) + "=" + _form_part(value) for key, value in parameters.items())


def _form_part(value):
    if not isinstance(value, str):
        value = json.dumps(value, separators=(",", ":"))
    return _UNSAFE_IN_FORM.sub(_escaped, value.encode("utf-8", "replace").decode("latin-1")).replace(" ", "+")


def _escaped(match):
    run = match.group()
    return _ESCAPES[ord(run)] if len(run) == 1 else run.translate(_ESCAPES)
