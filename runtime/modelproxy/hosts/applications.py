"""Finds WSGI and ASGI applications in a folder by reading its source: nothing is imported, so nothing runs twice."""

import ast
import os

FILES = ("app.py", "main.py", "server.py", "wsgi.py", "asgi.py")
_ASGI = frozenset(("fastapi", "starlette", "quart", "litestar", "blacksheep"))


def found_in(folder):
    """The applications of a folder: a list of (kind, ``module:attribute``), kind "wsgi" or "asgi"."""
    found = []
    for file in FILES:
        if os.path.isfile(os.path.join(folder, file)):
            for name in ("app", "application"):
                if defines(folder, file, name):
                    target = "%s:%s" % (file[:-3], name)
                    found.append((kind_of(folder, target), target))
                    break
    return found


def defines(folder, file, name):
    """True where ``file`` gives ``name`` a value at its top level."""
    return name in _names(_tree(os.path.join(folder, file)))


def kind_of(folder, target):
    """"wsgi" or "asgi" for ``module:attribute``, None where there is no such module in the folder."""
    path = os.path.join(folder, *target.partition(":")[0].split(".")) + ".py"
    if not os.path.isfile(path):
        return None
    imported = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            imported.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    return "asgi" if imported & _ASGI else "wsgi"


def _tree(path):
    with open(path, "rb") as source:
        return ast.parse(source.read(), path)


def _names(tree):
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name) for alias in node.names)
    return names
