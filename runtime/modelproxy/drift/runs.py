"""What the model computes while it answers a request, kept for that request whichever thread computes it."""

from threading import local

_MOST = 64  # values of one request: who slides a window over a recording makes thousands


class Runs:
    """Where one prediction runs at a time, all that is computed between ``begin`` and ``taken`` is its own. Where
    several do, a value belongs to the request in whose context (PEP 567, which threads of asyncio's inherit) or, before
    Python 3.7, in whose thread it was computed."""

    def __init__(self, several):
        self._only = None if several else _Only()
        if several:
            try:
                from contextvars import ContextVar

                self._only = _InContext(ContextVar("drift", default=None))
            except ImportError:
                self._only = local()

    def begin(self):
        self._only.values = []

    def add(self, value):
        values = getattr(self._only, "values", None)
        if values is not None and len(values) < _MOST:
            values.append(value)

    def taken(self):
        values = getattr(self._only, "values", None)
        self._only.values = None
        return values or []


class _Only:
    values = None


class _InContext:
    def __init__(self, variable):
        self._variable = variable

    @property
    def values(self):
        return self._variable.get()

    @values.setter
    def values(self, values):
        self._variable.set(values)
