"""A query and the headers as plain dicts that answer as Flask's ``request.args`` and ``request.headers`` do."""

import contextlib

from ..percent import form_text


class Params(dict):
    """The query's parameters, the first value of each, with what more Flask's ``request.args`` has: ``getlist``, and
    ``get`` with a type."""

    def __init__(self, query):
        super().__init__()
        self._all = {}
        with contextlib.suppress(UnicodeError):
            query = query.encode("latin-1").decode("utf-8")  # bytes that the client didn't escape
        for part in query.split("&"):
            name, _, value = (form_text(text) for text in part.partition("="))
            if part:
                self._all.setdefault(name, []).append(value)
                self.setdefault(name, value)

    def get(self, name, default=None, type=None):
        try:
            return self[name] if type is None else type(self[name])
        except (KeyError, ValueError):
            return default

    def getlist(self, name):
        return list(self._all.get(name, ()))


class Headers(dict):
    """The headers by the names that Flask gives them (``Content-Type``); asked for, the case doesn't matter."""

    def __init__(self, environ):
        super().__init__()
        for key, value in environ.items():
            if key.startswith("HTTP_"):
                self[key[5:].replace("_", "-").title()] = value
            elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                self[key.replace("_", "-").title()] = value

    def __missing__(self, name):
        known = name.title() if isinstance(name, str) else name
        if known != name:
            return self[known]
        raise KeyError(name)

    def __contains__(self, name):
        return super().__contains__(name.title() if isinstance(name, str) else name)

    def get(self, name, default=None):
        return self[name] if name in self else default
