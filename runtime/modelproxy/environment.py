"""The process's environment as an activation sees it: set for its length, and put back.

Bytes, not text: in the C locale of some images ``os.environ`` of Python 3.6 can't take a name beyond ASCII.
"""

import json
import os
import sys
from _operator import itemgetter
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
_put = os.putenv  # or what ``spare_memory`` has found


def export(variables):
    """Sets variables for good: a dict of name to JSON value, as /init's ``env`` has them.

    Names and values that no process can have are left out and returned, as sentences for the log.
    """
    refused = []
    for name, value in variables.items():
        try:
            if not name:  # which older Pythons would take
                raise ValueError("illegal environment variable name")
            os.environb[name.encode("utf-8")] = text_of(value).encode("utf-8")
        except (OSError, ValueError) as error:
            refused.append("the variable %r can't be set: %s" % (name, error))
    return refused


def enter(message):
    """Sets ``__OW_<KEY>`` for each key of a /run message but ``value``, removes those of ``ACTIVATION_KEYS`` that it
    hasn't.

    Returns what ``leave`` needs to put everything back.
    """
    keys, names, values_of = _names_of(tuple(message))
    before = _values(names, values_of)
    for name in names[len(keys) :]:
        _remove(name)
    for key, name, known in zip(keys, names, _texts(before)):
        value = message[key]
        if value == known:  # what names the action is as /init said
            continue
        if value is None:
            if name in _KNOWN:
                _remove(name)
            continue
        try:
            text = (value if type(value) is str else text_of(value)).encode("utf-8")
            _put(name, text)
        except (OSError, RecursionError, ValueError):
            continue  # a name or a value that no environment can hold, from a caller who isn't the platform
        _DATA[name] = text
    return names, before, values_of


@lru_cache(2)  # all of the platform's messages have the same ones
def _names_of(all_keys):
    """Those of a message's keys that have a variable, of several for one the last; the variables, those that the
    message lacks after them; and what gets the values of all of them where none is missing."""
    key_of = {}
    for key in all_keys:
        try:
            name = b"__OW_" + key.upper().encode("utf-8")
        except ValueError:  # half of a surrogate pair
            continue
        if key != "value" and b"=" not in name:
            key_of[name] = key
    names = list(key_of) + [name for name in _KNOWN if name not in key_of]
    return list(key_of.values()), names, itemgetter(*names)


def _values(names, values_of):
    try:
        return values_of(_DATA)
    except KeyError:
        return tuple(map(_value_of, names))


@lru_cache(2)  # between two activations they don't change
def _texts(values):
    return [None if value is None else value.decode("utf-8", "surrogateescape") for value in values]


def _remove(name):
    if _value_of(name) is not None:
        del os.environb[name]


def leave(entered):
    names, before, values_of = entered
    for name, known, now in zip(names, before, _values(names, values_of)):
        if now is known or now == known:
            continue
        if known is not None:
            os.putenv(name, known)  # which the C library may keep: it's the same again and again
            _DATA[name] = known
        else:
            _remove(name)


def text_of(value):
    """As the platform makes strings of a parameter's value: null "", true and numbers as text, the rest as compact
    JSON.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"))


_pairs = {}  # by name, what the C library's environment points to


def spare_memory():
    """Sets variables by putenv(3) from now on. setenv(3), which CPython calls since 3.9, keeps every value that there
    ever was (glibc, stdlib/setenv.c: known_values): 400 bytes an activation, a container's whole memory in the end.

    Takes some milliseconds and 0.7 MB where the model hasn't imported ctypes already. Without it all stays as it is.
    """
    if sys.version_info >= (3, 9):
        try:
            import ctypes

            putenv = ctypes.PyDLL(None).putenv
        except (AttributeError, ImportError, OSError):  # a Python without libffi, or one that is linked statically
            return
        _put_by(putenv)


def _put_by(putenv):
    global _put  # noqa: PLW0603 - a process has one environment

    def _put(name, text):
        pair = name + b"=" + text
        if 0 in pair:
            raise ValueError("embedded null byte")
        if putenv(pair):
            raise OSError("putenv failed")  # out of memory
        _pairs[name] = pair  # the one before is garbage only now
