"""The model interfaces. Each module has a class ``Host`` with

``Host(settings)``        touches nothing yet.
``load()``                imports the model; called once, in the main thread, with the activation's environment set.
``handle(request)``       Request → Response; may raise whatever the model raises.
``describe(mount, path)`` the inputs of ``path`` (see ``plain_action.Inputs``) when seen at ``mount``, None where they
                          aren't known.
``is_described``          of a host that may know them later: whether it gives the same from now on.
``close()``               at exit.
``default_path``          path of a request that names none.
``embedder(name)``        of a host whose model is an object: a function of a request, and of the ``monotonic()`` time
                          until which it is waited for, that calls a method of it.
``content_of(request)``   of a host that undoes a Content-Encoding: the body without it.

A host whose interface is OpenWhisk's own has also

``invoke(value)``         an activation's object or array → ``messages.Result``, in place of ``handle``.
``takes_code``            True where /init may bring code; its ``value`` then goes to ``take(value)`` before ``load``.
``unloadable``            the sentence for a load that failed, with ``%s`` for the reason.
"""


class Unloadable(Exception):
    """There is no model to load here; the text says what was looked for and what to set.

    ``status`` of /init's answer; None: 502, with the host's sentence around the text.
    """

    status = None


def make(settings, folder):
    """The host for this folder, not loaded yet, and the sentence to log about the choice. Raises ``Unloadable``."""
    from .choice import choose

    choice = choose(settings, folder)
    settings.target = choice.target
    module = __import__("modelproxy.hosts." + choice.name, fromlist=("Host",))
    return module.Host(settings), "host %s%s, since %s" % (
        choice.name,
        " of " + choice.target if choice.target else "",
        choice.reason,
    )


def is_browser(request):
    """True for who opens an address in a browser, as the bare URL of a model that predicts on POST."""
    from ..web_action import accepts

    accept = request.header("accept")
    return request.method in ("GET", "HEAD") and "html" in accept and accepts(accept, "text/html")


class Missing:
    """Stands in where no host could be chosen: ``load`` says why, so that /init can answer with the reason."""

    default_path = "/"

    def __init__(self, reason):
        self._reason = reason

    def load(self):
        raise self._reason.with_traceback(None)  # or it would grow by each call's frames

    def close(self):
        """Nothing was loaded."""
