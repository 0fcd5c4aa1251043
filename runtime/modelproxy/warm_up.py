"""The call that an image may have made of its model at /init, so that no caller waits for what a model does only once:
compiling a graph, reading weights that are mapped, importing what a first prediction imports.
"""

import base64
import json
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
        return _answered(host.invoke(_parameters(text, None)).shown)
    path = settings.path or host.default_path
    inputs = host.describe(mount, path.partition("?")[0])
    request = plain_action.request(_parameters(text, inputs), inputs, mount, {}, path)
    return _answered(host.handle(request).status)


def _answered(status):
    return "was answered with status %d" % status


def _parameters(text, inputs):
    """The parameters of a plain call: JSON as it stands or from a file, or a file for the model's one file input."""
    name = text[:80]
    if not text.startswith(("{", "[")):
        if ".." in text.split("/"):  # the setting may come with /init
            raise BadValue("%s isn't in the model's folder" % name)
        try:
            with open(text, "rb") as file:
                content = file.read()
        except OSError as error:
            raise BadValue("%s can't be read: %s" % (text, error.strerror)) from None
        if not text.endswith(".json"):
            if inputs is None or len(inputs.files) != 1:
                raise BadValue("%s is no .json file, and the model isn't known to take one file" % text)
            return {name: base64.b64encode(content).decode("ascii") for name in inputs.files}
        text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadValue("%s isn't JSON: %s" % (name, error)) from None
