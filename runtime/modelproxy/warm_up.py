"""The call that an image may have made of its model at /init, so that no caller waits for what a model does only once:
compiling a graph, reading weights that are mapped, importing what a first prediction imports.
"""

import base64
import json
import os
import stat
from time import monotonic

from . import log, plain_action
from .messages import BadValue, Request
from .percent import quoted_path


def warm_up(settings, host, mount):
    """Makes the call of ``settings.warm_up``. It can't cost the model: whatever it raises goes to the log."""
    began = monotonic()
    try:
        outcome = _called(settings, host, mount)
    except BadValue as error:
        outcome = "couldn't be made: %s" % error
    except BaseException as error:  # SystemExit too, as in any prediction
        log.traceback_of(error)
        outcome = "failed with %s, which only the log tells" % type(error).__name__
    log.line("the warm-up call %s, after %d ms" % (outcome, round((monotonic() - began) * 1000)))


def _called(settings, host, mount):
    text = settings.warm_up
    if text.startswith("/"):
        if not hasattr(host, "handle"):
            raise BadValue("this model takes parameters, no path")
        path, _, query = text.partition("?")
        request = Request("GET", quoted_path(path), query, [("host", "localhost")], b"", mount)
        return _answered(host.handle(request).status)
    if hasattr(host, "invoke"):
        return _answered(host.invoke(_parameters(text, None, settings.max_body)).shown)
    path = settings.path or host.default_path
    inputs = host.describe(mount, path.partition("?")[0])
    request = plain_action.request(_parameters(text, inputs, settings.max_body), inputs, mount, {}, path)
    return _answered(host.handle(request).status)


def _answered(status):
    return "was answered with status %d" % status


def _parameters(text, inputs, most):
    """The parameters of a plain call: JSON as it stands or from a file, or a file for the model's one file input."""
    if text.startswith(("{", "[")):
        return _of_json(text, text[:80])
    content = _content(text, most)
    if text.endswith(".json"):
        return _of_json(content.decode("utf-8", "replace"), text)
    if inputs is None or len(inputs.files) != 1:
        raise BadValue("%s is no .json file, and the model isn't known to take one file" % text)
    return {name: base64.b64encode(content).decode("ascii") for name in inputs.files}


def _content(name, most):
    """Of a file in the model's folder, ``most`` bytes at most. Its name may come with /init: none leads out of the
    folder but by a link of the image's own, and what has no end isn't read."""
    if ".." in name.split("/"):
        raise BadValue("%s isn't in the model's folder" % name)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise BadValue("%s is no file" % name)
        with open(name, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise BadValue("%s can't be read: %s" % (name, error.strerror)) from None
    if len(content) > most:
        raise BadValue("%s has more than %d bytes (MODELPROXY_MAX_BODY)" % (name, most))
    return content


def _of_json(text, name):
    try:
        return json.loads(text)
    except ValueError as error:  # which tells where, and nothing of what is there
        raise BadValue("%s isn't JSON: %s" % (name, error)) from None
