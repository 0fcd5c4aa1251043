"""The model interfaces. Each module has a class ``Host`` with

``Host(settings)``        touches nothing yet.
``load()``                imports the model; called once, in the main thread, with the activation's environment set.
``handle(request)``       Request → Response; may raise whatever the model raises.
``describe(mount, path)`` the inputs of ``path`` (see ``plain_action.Inputs``) when seen at ``mount``, None where they
                          aren't known.
``close()``               at exit.
``default_path``          path of a request that names none.
"""

import os


class Unloadable(Exception):
    """There is no model to load here; the text says what was looked for and what to set."""


def _is_max(folder):
    # Every MAX image has these beside its app.py (max-models.md (c)); those before maxfw have core/ and api/ as well.
    return os.path.isfile(os.path.join(folder, "app.py")) and os.path.isdir(os.path.join(folder, "api"))


RULES = (("max", _is_max, "app.py beside a folder api/"),)


def choose(settings, folder):
    """Name of the host and the reason, from the settings or by looking at the folder. Raises ``Unloadable``."""
    names = [name for name, _, _ in RULES]
    if settings.host:
        if settings.host not in names:
            raise Unloadable("MODELPROXY_HOST is %r; this proxy has: %s" % (settings.host, ", ".join(names)))
        return settings.host, "MODELPROXY_HOST says so"
    found = [(name, sign) for name, matches, sign in RULES if matches(folder)]
    if len(found) == 1:
        return found[0][0], "found " + found[0][1]
    if found:
        raise Unloadable(
            "%s could be served by %s; set MODELPROXY_HOST to one of them"
            % (folder, " or ".join(name for name, _ in found))
        )
    raise Unloadable(
        "found no model in %s: looked for %s. Start the proxy in the model's folder, or set MODELPROXY_HOST"
        % (folder, "; ".join("%s (%s)" % (sign, name) for name, _, sign in RULES))
    )


def make(settings, folder):
    """The host for this folder, not loaded yet, and the sentence to log about the choice."""
    name, reason = choose(settings, folder)
    module = __import__("modelproxy.hosts." + name, fromlist=("Host",))
    return module.Host(settings), "host %s, since %s" % (name, reason)


class Missing:
    """Stands in where no host could be chosen: ``load`` says why, so that /init can answer with the reason."""

    default_path = "/"

    def __init__(self, reason):
        self._reason = reason

    def load(self):
        raise self._reason

    def close(self):
        """Nothing was loaded."""
