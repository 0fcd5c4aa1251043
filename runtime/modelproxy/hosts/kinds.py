"""What is known of applications by their names and by the arguments that they take: WSGI, ASGI or neither. Pure."""

import ast
import re

WSGI = "wsgi"
ASGI = "asgi"
NEITHER = ""
UNKNOWN = "unknown"

BY_PACKAGE = {}
for _kind, _packages in (
    (WSGI, "apiflask bottle cherrypy dash django eve falcon flask flask_openapi3 pecan pyramid webob werkzeug"),
    (ASGI, "blacksheep channels datasette fastapi fasthtml litestar quart responder sanic starlette"),
    # Things that are often called app, and that no WSGI or ASGI server can call.
    (NEITHER, "aiohttp celery chalice click gradio kivy modal slack_bolt streamlit textual tornado typer"),
):
    BY_PACKAGE.update(dict.fromkeys(_packages.split(), _kind))
# Adapters are named after what they take.
_BY_NAME = {"a2wsgi.ASGIMiddleware": WSGI, "gradio.mount_gradio_app": ASGI, "gradio.routes.mount_gradio_app": ASGI}
_NOT_APPLICATIONS = ("APIRouter", "Blueprint")  # but parts of one
_ADAPTER = re.compile(r"to_?(wsgi|asgi)\Z", re.IGNORECASE)
_PARTS_OF_APPLICATIONS = ("app", "application", "asgi_app", "server", "wsgi_app")  # which are applications themselves


class Found:
    """``kind``; ``maker``, the (module, name) that the object was first bound to; ``wraps``, the makers of the
    applications that it was made around; ``attribute``, where the application is an attribute of what was found."""

    __slots__ = ("attribute", "kind", "maker", "wraps")

    def __init__(self, kind, maker=None, wraps=(), attribute=""):
        self.kind = kind
        self.maker = maker
        self.wraps = wraps
        self.attribute = attribute

    @property
    def is_application(self):
        return self.kind in (WSGI, ASGI)


def named(path):
    """The kind of what a call of this dotted name gives, by the names that libraries go by; None where unknown."""
    if path in _BY_NAME:
        return _BY_NAME[path]
    first, *between = path.split(".")
    last = between.pop() if between else first
    if last in _NOT_APPLICATIONS:
        return NEITHER
    adapter = _ADAPTER.search(last)
    if adapter is not None:
        return adapter.group(1).lower()
    if last == "WSGIMiddleware":  # of a2wsgi, Starlette, FastAPI and Uvicorn
        return ASGI
    for kind in (WSGI, ASGI):
        if kind in between or kind in last.lower():
            return kind
    return BY_PACKAGE.get(first)


def takes(arguments, count, own=0):
    """True where a function can be called with ``count`` positional arguments, after ``own`` that it is bound to."""
    known = len(positional(arguments)) - own
    needed = known - len(arguments.defaults)
    return needed <= count and (count <= known or arguments.vararg is not None) and None not in arguments.kw_defaults


def positional(arguments):
    """The arguments of a definition that may be given by their place."""
    return getattr(arguments, "posonlyargs", []) + arguments.args


def kind_by_arguments(node, own=0):
    """PEP 3333: ``(environ, start_response)``; ASGI 3: ``(scope, receive, send)``."""
    needed = len(positional(node.args)) - own - len(node.args.defaults)
    if node.args.vararg is not None and needed <= 0:
        return UNKNOWN
    if needed == 2 and not isinstance(node, ast.AsyncFunctionDef):
        return WSGI
    return ASGI if needed == 3 else NEITHER


def is_class_of_pep_3333(node):
    """True for a class that is an application itself: its instances are the iterables that answer."""
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    return "__iter__" in methods and "__init__" in methods and takes(methods["__init__"].args, 2, 1)


def likeliest(found):
    """Of the ways in which something may come about the first that gives an application."""
    for wanted in ((WSGI, ASGI), (UNKNOWN,)):
        for one in found:
            if one.kind in wanted:
                return one
    return Found(NEITHER)


def part_of(found, name):
    """An attribute of what was found."""
    if found.is_application and name in _PARTS_OF_APPLICATIONS:
        return Found(found.kind, found.maker, found.wraps)
    return Found(UNKNOWN)
