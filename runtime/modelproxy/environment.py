"""The process's environment as an activation sees it: set for its length, and put back.

Bytes, not text: in the C locale of some images ``os.environ`` of Python 3.6 can't take a name beyond ASCII.
"""

import json
import os

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

_NAMES = {key: b"__OW_" + key.upper().encode("ascii") for key in ACTIVATION_KEYS}


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
    before = []
    environ = os.environb  # whose get and pop raise and catch a KeyError for what isn't there
    for key, name in _NAMES.items():
        if message.get(key) is None and name in environ:
            before.append((name, environ[name]))
            del environ[name]
    for key, value in message.items():
        if value is None or key == "value":
            continue
        try:
            name = _NAMES.get(key) or b"__OW_" + key.upper().encode("utf-8")
            known = environ[name] if name in environ else None
            _set(name, text_of(value).encode("utf-8"))
            before.append((name, known))
        except (OSError, RecursionError, ValueError):
            continue  # a name or a value that no environment can hold, from a caller who isn't the platform
    return before


def leave(before):
    for name, known in before:
        if known is not None:
            os.environb[name] = known
        elif name in os.environb:
            del os.environb[name]


def text_of(value):
    """As the platform makes strings of a parameter's value: null "", true and numbers as text, the rest as compact
    JSON.
    """
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def _set(name, text):
    if not name or b"=" in name:
        raise ValueError("illegal environment variable name")
    os.environb[name] = text
