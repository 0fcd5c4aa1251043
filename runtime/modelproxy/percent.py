"""Percent-encoding of paths and forms on bytes (RFC 3986 section 2, WHATWG URL section 5), without urllib's import
cost.
"""

import json
import re
from functools import lru_cache

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNSAFE_IN_PATH = re.compile(rb"[^!$%&'()*+,\-./0-9:;=@A-Z_a-z~]|%(?![0-9A-Fa-f]{2})")
_UNSAFE_IN_FORM = re.compile(rb"[^\-.0-9A-Z_a-z~ ]")


@lru_cache(32)
def quoted_path(path):
    """``path`` with whatever can't stand in a URL's path escaped; escapes already there stay as they are."""
    return _UNSAFE_IN_PATH.sub(_escaped, path.encode("utf-8", "replace")).decode("ascii")


def mount_point(path):
    """A path that someone wrote by hand, as WSGI's SCRIPT_NAME wants it: no slash at its end, "" for the root."""
    return quoted_path("/" + path.strip("/")).rstrip("/")


def unquoted(path):
    """The bytes behind a percent-encoded path, each as one character, which is what PEP 3333 wants in PATH_INFO."""
    raw = path.encode("latin-1", "replace")
    if b"%" in raw:
        raw = _ESCAPE.sub(lambda match: bytes((int(match.group(1), 16),)), raw)
    return raw.decode("latin-1")


def form_encoded(parameters):
    """``a=1&b=two`` of a dict; a value that is no string is its JSON text."""
    return "&".join(_form_part(key) + "=" + _form_part(value) for key, value in parameters.items())


def _form_part(value):
    if not isinstance(value, str):
        value = json.dumps(value, separators=(",", ":"))
    return _UNSAFE_IN_FORM.sub(_escaped, value.encode("utf-8", "replace")).replace(b" ", b"+").decode("ascii")


def _escaped(match):
    return b"%%%02X" % ord(match.group())
