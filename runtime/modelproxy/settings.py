"""Owns every environment variable that the proxy reads: its name, default, meaning and when it may be set.

The README's table is made from ``TABLE`` and the comments in it, which take no room in an image. Knows nothing of who
uses a setting.
"""

PREFIX = "MODELPROXY_"


class Setting:
    """One declared variable.

    name      as in ``Settings``; the variable is ``MODELPROXY_`` + the name in capitals.
    kind      "text", "whole" (a number >= 0), "share" (one from 0 to 1), or the tuple of the words that are allowed.
    at_init   True where an ``init`` parameter of the action may set it too; what selects code or a port can't be.
    """

    __slots__ = ("at_init", "default", "kind", "name")

    def __init__(self, name, kind, default, at_init=False):
        self.name = name
        self.kind = kind
        self.default = default
        self.at_init = at_init

    @property
    def variable(self):
        return PREFIX + self.name.upper()

    def read(self, text):
        """The value that ``text`` stands for. Raises ``ValueError`` with a sentence for the user."""
        if self.kind == "text":
            return text
        if self.kind == "whole":
            if text.isdecimal() and len(text) < 19:  # which a float holds, too
                return int(text)
            raise ValueError("%s is %r; it must be a whole number" % (self.variable, text[:80]))
        if self.kind == "share":
            try:
                if 0 <= float(text) <= 1:
                    return float(text)
            except ValueError:
                pass
            raise ValueError("%s is %r; it must be a number from 0 to 1" % (self.variable, text))
        if text.lower() in self.kind:
            return text.lower()
        raise ValueError("%s is %r; it must be one of: %s" % (self.variable, text, ", ".join(self.kind)))


TABLE = (
    # `action` answers OpenWhisk's /init and /run, `web` serves the model itself over plain HTTP. Unset: `web` when
    # `PORT` is set and `__OW_API_HOST` isn't, else `action`.
    Setting("mode", ("action", "web"), ""),
    # Port to listen on; 0 picks a free one. It is printed at start. In `web` mode `PORT` is the default.
    Setting("port", "whole", 8080),
    # IPv4 address to listen on; `127.0.0.1` keeps a proxy without a container to this machine.
    Setting("address", "text", "0.0.0.0"),
    # The model's interface: `max`, `wsgi`, `asgi`, `predictor`, `deployment`, `function`, `onnx` or `command`. Unset:
    # found by looking at the folder, and logged.
    Setting("host", "text", ""),
    # What the host loads: `module:attribute` for `wsgi` and `asgi`, a file for the others, a command line for
    # `command`. Unset: found with the host.
    Setting("target", "text", ""),
    # Whether `/init` may bring code, for an image that runs `main(params)` actions of whoever creates them.
    Setting("init_code", ("refuse", "accept"), "refuse"),
    # Port on which what the `command` host starts listens. Unset: the one that it opens; 80 for OpenBayes' `start.sh`
    # where that opens several.
    Setting("command_port", "whole", 0),
    # Path of a request that names none. Unset: the host's own, as `/model/predict` for `max`.
    Setting("path", "text", "", at_init=True),
    # Public path of the action, for the links that a model makes. Unset: `/api/v1/web/<namespace>/<package>/<action>`
    # from the action's name.
    Setting("public_path", "text", "", at_init=True),
    # Who sets the CORS headers: `platform` drops the model's, since OpenWhisk adds its own; `app` keeps them, for
    # actions with `web-custom-options`.
    Setting("cors", ("platform", "app"), "platform", at_init=True),
    # Predictions at one time. Unset: 1, or 64 where `__OW_ALLOW_CONCURRENT` is true.
    Setting("concurrency", "whole", 0),
    # Largest request body in bytes; a larger one is refused unread.
    Setting("max_body", "whole", 64 * 1024 * 1024),
    # Largest result in bytes of JSON that the platform passes on; a larger one is compressed or explained.
    Setting("result_limit", "whole", 1024 * 1024, at_init=True),
    # Milliseconds before the deadline at which a late prediction is answered with a 504; a tenth of the time given if
    # that is less.
    Setting("deadline_margin", "whole", 250, at_init=True),
    # A call made of the model at `/init`, for models whose first prediction takes longer: a path to GET
    # (`/model/metadata`), parameters as `wsk action invoke -p` would send them (a JSON object), or a file in the
    # model's folder: such JSON, or the picture of a model that takes one. What it answers only the log tells.
    Setting("warm_up", "text", "", at_init=True),
    # Seconds that a client may take to send a request.
    Setting("read_timeout", "whole", 30),
    # Seconds that an idle connection is kept in `web` mode.
    Setting("keep_alive", "whole", 75),
    # `web` mode: answers 200 once the model is loaded, 503 before.
    Setting("health_path", "text", "/healthz"),
    # Form of the line that is logged for each activation.
    Setting("log", ("text", "json"), "text", at_init=True),
    # A reference from `modelwhisk drift fit`: each prediction is compared with it. `build.sh --drift` sets it.
    Setting("drift", "text", ""),
    # Milliseconds by which a comparison may delay an answer; what takes longer is left out, and logged.
    Setting("drift_budget", "whole", 50, at_init=True),
    # Predictions over which the share of drifted ones is taken.
    Setting("drift_window", "whole", 100, at_init=True),
    # Share of drifted predictions, over a full window, beyond which there is an alert.
    Setting("drift_bound", "share", 0.1, at_init=True),
    # Where an alert goes, as JSON: a webhook's URL by POST, or `trigger:NAME`, a trigger of the action's namespace (the
    # action needs the annotation `provide-api-key`).
    Setting("drift_alert", "text", ""),
    # Declaration of an embedding as JSON: each prediction then carries its vector in `Model-Embedding`. `modelwhisk
    # drift` sets it to fit references.
    Setting("drift_collect", "text", ""),
)


class Settings:
    """The settings in force, one attribute for each entry of ``TABLE``; ``base_command``, the list of words that the
    model's own image would start; ``token``, the bytes that /init and /run must be shown, None where anybody may ask:
    ``modelwhisk local`` makes one for each container, whose port other users of the machine reach; the platform has
    none. Raises ``ValueError`` on an unusable value."""

    def __init__(self, environ):
        for entry in TABLE:
            text = environ.get(entry.variable, "")
            setattr(self, entry.name, entry.read(text) if text else entry.default)
        if not self.mode:
            self.mode = "web" if environ.get("PORT") and not environ.get("__OW_API_HOST") else "action"
        if self.mode == "web" and not environ.get(PREFIX + "PORT") and environ.get("PORT"):
            self.port = Setting("port", "whole", 0).read(environ["PORT"])
        self.base_command = _words(environ, "BASE_ENTRYPOINT") + _words(environ, "BASE_CMD")
        token = environ.get(PREFIX + "TOKEN")
        self.token = token.encode("utf-8", "surrogateescape") if token else None
        if not self.concurrency:
            allowed = environ.get("__OW_ALLOW_CONCURRENT", "").lower() in ("true", "1", "yes")
            self.concurrency = 64 if allowed else 1

    def update(self, variables):
        """Takes what ``variables`` (the ``env`` of /init) may set; returns a sentence for each that may not."""
        refused = []
        for entry in TABLE:
            text = variables.get(entry.variable, "")
            if not text:
                continue
            if entry.at_init:
                setattr(self, entry.name, entry.read(text))
            else:
                refused.append(
                    "%s can't be set by a parameter of the action; build it into the image or set it "
                    "when the container starts" % entry.variable
                )
        return refused


def _words(environ, name):
    """An ENTRYPOINT or CMD as build.sh passes it on: a JSON list, "" or null for none."""
    text = environ.get(PREFIX + name, "")
    if not text or text == "null":
        return []
    import json

    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if type(words) is not list or not all(isinstance(word, str) for word in words):
        raise ValueError("%s is %r; it must be a JSON list of strings" % (PREFIX + name, text))
    return words
