"""The process's environment as an activation sees it: set for its length, and put back.

Bytes, not text: in the C locale of some images ``os.environ`` of Python 3.6 can't take a name beyond ASCII.
"""

import json
import os
import sys
from functools import lru_cache

# What /run says of the activation (ContainerProxy.scala, initializeAndRun); /init's env says the same of the first one.
ACTIVATION_KEYS = (
    "namespace",
    "action_name",
    "action_version",
    "activation_id",
    "transaction_id",
    "deadline",
    "api_key",
)

_KNOWN = tuple([b"__OW_" + key.upper().encode("ascii") for key in ACTIVATION_KEYS])
# What os.environb keeps beside the process's own environment, in every CPython; its methods check each name and value
# in Python, which took a quarter of what the proxy adds to a small call.
_DATA = getattr(os.environb, "_data", os.environb)
_value_of = _DATA.get


def export(variables):
    """Sets variables for good: a dict of name to JSON value, as /init's ``env`` has them.

    Names and values that no process can have are left out and returned, as sentences for the log.
    """
    refused = []
    for name, value in variables.items():
        try:
            _set(name.encode("utf-8"), text_of(value).encode("utf-8"))
        except (OSError, ValueError) as error:
            refused.append("the variable %r can't be set: %s" % (name, error))
    return refused


def enter(message):
    """Sets ``__OW_<KEY>`` for each key of a /run message but ``value``, removes those of ``ACTIVATION_KEYS`` that it
    hasn't.

    Returns what ``leave`` needs to put everything back.
    """
    names, missing = _names_of(tuple(message))
    before = []
    for name in missing:
        _remove(name, before)
    for name, value in zip(names, message.values()):
        if name is None:
            continue
        if value is None:
            if name in _KNOWN:
                _remove(name, before)
            continue
        known = _value_of(name)
        try:
            text = (value if type(value) is str else text_of(value)).encode("utf-8")
            if text != known:  # what names the action is as /init said
                _set(name, text)
            before.append((name, known))
        except (OSError, RecursionError, ValueError):
            continue  # a name or a value that no environment can hold, from a caller who isn't the platform
    return before


@lru_cache(2)  # all of the platform's messages have the same ones
def _names_of(keys):
    """The variables of a message's keys, None where a key has none, and those that a message without a key lacks."""
    names = []
    for key in keys:
        try:
            names.append(None if key == "value" else b"__OW_" + key.upper().encode("utf-8"))
        except ValueError:  # half of a surrogate pair
            names.append(None)
    return names, [name for name in _KNOWN if name not in names]


def _remove(name, before):
    known = _value_of(name)
    if known is not None:
        before.append((name, known))
        del os.environb[name]


def leave(before):
    for name, known in reversed(before):
        now = _value_of(name)
        if now == known:
            continue
        if known is not None:
            _set(name, known)
        else:
            del os.environb[name]


def text_of(value):
    """As the platform makes strings of a parameter's value: null "", true and numbers as text, the rest as compact
    JSON.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"))


_putenv = None  # once ``spare_memory`` was called and has found it
_pairs = {}  # by name, what the C library's environment points to


def spare_memory():
    """Sets variables by putenv(3) from now on. setenv(3), which CPython calls since 3.9, keeps every value that there
    ever was (glibc, stdlib/setenv.c: known_values): 400 bytes an activation, a container's whole memory in the end.

    Takes some milliseconds and 0.7 MB where the model hasn't imported ctypes already. Without it all stays as it is.
    """
    global _putenv  # noqa: PLW0603 - a process has one environment
    if sys.version_info >= (3, 9):
        try:
            import ctypes

            _putenv = ctypes.PyDLL(None).putenv
        except (AttributeError, ImportError, OSError):  # a Python without libffi, or one that is linked statically
            _putenv = None


def _set(name, text):
    if not name or b"=" in name:
        raise ValueError("illegal environment variable name")
    if _putenv is None:
        os.environb[name] = text
        return
    pair = name + b"=" + text
    if b"\0" in pair:
        raise ValueError("embedded null byte")
    if _putenv(pair):
        raise OSError("putenv failed")  # out of memory
    _pairs[name] = pair  # the one before is garbage only now
    _DATA[name] = text
