"""What a name of a module would be if it were imported, told by reading source with ``ast``: a WSGI or an ASGI
application, something else, or beyond what can be told. Nothing is imported, so nothing of the model runs twice.

What decides is the call that makes the object, not what else its file imports. Names are followed through assignments,
functions, classes, and imports of whatever has source on the path.
"""

import ast
import os
import sys

from .bindings import Import, Scope
from .kinds import (
    BY_PACKAGE,
    NEITHER,
    UNKNOWN,
    WSGI,
    Found,
    is_class_of_pep_3333,
    kind_by_arguments,
    likeliest,
    named,
    part_of,
    positional,
    takes,
)

_LONGEST_CHAIN = 20  # of imports that lead to a name; those in a circle may make ever longer names


class Reader:
    """Reads the modules of a folder, and what they import of what is installed. ``broken`` are the files that aren't
    Python."""

    def __init__(self, folder):
        self.broken = []
        self._folder = folder
        self._modules = {}
        self._found = {}

    def module(self, name):
        """The scope of a module, None where its source isn't to be had."""
        if name not in self._modules:
            self._modules[name] = None
            for place in [self._folder] + sys.path:
                path = os.path.join(place, *name.split("."))
                if os.path.isfile(os.path.join(path, "__init__.py")):
                    self._modules[name] = self._read(os.path.join(path, "__init__.py"), name, name)
                    break
                if os.path.isfile(path + ".py"):
                    self._modules[name] = self._read(path + ".py", name, name.rpartition(".")[0])
                    break
        return self._modules[name]

    def _read(self, file, name, package):
        try:
            with open(file, "rb") as source:
                return Scope(ast.parse(source.read(), file).body, name, package)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.broken.append(file)
            return None

    # --- what a name is -------------------------------------------------------------------------------------------

    def application(self, scope, name, before=None):
        """What a name is once the module is imported, None where it isn't bound. Of several bindings the last that
        may be an application counts: ``app = None`` is only for where an import fails."""
        last = None
        for position, node in scope.bound(name, before):
            found = self._bound(scope, name, node, position)
            if found.kind != NEITHER:
                return found
            last = last or found
        for star in scope.stars if last is None else ():
            if self._exports(star, name):
                return self._dotted(star + "." + name)
        if last is None and scope.parent is not None:
            return self.application(scope.parent, name)
        return last

    def returned(self, scope, name, has_arguments=False):
        """What calling a name gives, without arguments or with a target's; NEITHER where it is no function, or wants
        some and gets none."""
        for place, node in self._definitions(scope, name):
            if isinstance(node, ast.FunctionDef) and (has_arguments or takes(node.args, 0)):
                return self._result(place, node)
        return Found(NEITHER)

    def function(self, scope, name):
        """The definition behind a name, where that is a function (not ``async``), else None."""
        for _, node in self._definitions(scope, name):
            return node if isinstance(node, (ast.FunctionDef, ast.Lambda)) else None
        return None

    def _definitions(self, scope, name):
        """The (scope, node) behind a name, the last first, imports followed."""
        for _, node in scope.bound(name):
            if not isinstance(node, Import):
                yield scope, node
                continue
            site = self._site(node.dotted)
            for _, other in site[0].bound(site[1][0]) if site is not None and len(site[1]) == 1 else ():
                if not isinstance(other, Import):
                    yield site[0], other

    def _bound(self, scope, name, node, position):
        if node is None:
            return Found(UNKNOWN)
        if isinstance(node, Import):
            return self._dotted(node.dotted)
        found = self._value(scope, node, position)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return found  # another name for what was made elsewhere
        maker = (scope.module, name) if scope.parent is None else None
        return Found(found.kind, found.maker or maker, found.wraps, found.attribute)

    def _value(self, scope, node, before):
        """What an expression or a definition gives, worked out once."""
        if id(node) not in self._found:
            self._found[id(node)] = Found(UNKNOWN)  # where it depends on itself
            self._found[id(node)] = self._worked_out(scope, node, before)
        return self._found[id(node)]

    def _worked_out(self, scope, node, before):
        found = Found(NEITHER)
        if isinstance(node, ast.Name):
            found = self.application(scope, node.id, before) or found
        elif isinstance(node, ast.Attribute):
            found = self._attribute(scope, node, before)
        elif isinstance(node, ast.Call):
            found = self._call(scope, node, before)
        elif isinstance(node, ast.IfExp):
            found = likeliest([self._value(scope, part, before) for part in (node.body, node.orelse)])
        elif isinstance(node, ast.BoolOp):
            found = likeliest([self._value(scope, part, before) for part in node.values])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found = self._defined(scope, node, before)
        elif isinstance(node, ast.ClassDef):
            found = Found(WSGI if is_class_of_pep_3333(node) else NEITHER)
        elif isinstance(node, (ast.Subscript, ast.Await)):
            found = Found(UNKNOWN)
        return found

    def _defined(self, scope, node, before):
        for decorator in getattr(node, "decorator_list", ()):
            path = self._path(scope, decorator, before)
            if path is not None and not self._is_in_folder(path) and named(path) is not None:
                return Found(named(path))  # werkzeug's Request.application, webob's wsgify
        return Found(kind_by_arguments(node))

    def _attribute(self, scope, node, before):
        path = self._path(scope, node, before)
        if path is not None:
            return self._dotted(path)
        return part_of(self._value(scope, node.value, before), node.attr)

    def _dotted(self, path):
        """What an absolute name such as ``package.module.app`` is."""
        if path not in self._found:
            self._found[path] = Found(UNKNOWN)  # where it leads to itself
            self._found[path] = self._imported(path)
        return self._found[path]

    def _imported(self, path):
        if path.partition(".")[0] in BY_PACKAGE and not self._is_in_folder(path):
            return Found(NEITHER)  # such as flask.current_app
        site = self._site(path)
        if site is None:
            return Found(NEITHER if _is_standard(path) else UNKNOWN, ("", path))
        scope, rest = site
        if not rest:
            return Found(NEITHER)  # a module
        found = self.application(scope, rest[0]) or Found(UNKNOWN)
        for name in rest[1:]:
            found = part_of(found, name)
        return found

    # --- calls ----------------------------------------------------------------------------------------------------

    def _call(self, scope, node, before):
        inner = [self._value(scope, part, before) for part in node.args + [keyword.value for keyword in node.keywords]]
        inner = [found for found in inner if found.is_application]
        wraps = tuple(found.maker for found in inner if found.maker)
        made = self._made(scope, node.func, before)
        if made.kind == UNKNOWN and inner:
            made = Found(inner[0].kind)  # middleware that nothing is known of
        maker = made.maker
        if maker is not None and (node.args or node.keywords):
            maker = (maker[0], maker[1] + ast.dump(ast.Call(node.func, node.args, node.keywords)))
        return Found(made.kind, maker, wraps + tuple(made.wraps), made.attribute)

    def _made(self, scope, function, before):
        """What calling ``function`` gives."""
        path = self._path(scope, function, before)
        if path is not None:
            return self._made_by_path(path)
        if isinstance(function, ast.Name):
            place = scope
            while place is not None:
                for _, node in place.bound(function.id, before if place is scope else None):
                    return self._result(place, node)
                place = place.parent
            return Found(NEITHER)  # a builtin
        if isinstance(function, ast.Attribute):
            kind = named(function.attr)
            if kind is not None:
                return Found(kind)  # config.make_wsgi_app()
            base = self._value(scope, function.value, before)
            return base if base.is_application else Found(UNKNOWN)
        return Found(UNKNOWN)

    def _made_by_path(self, path):
        is_own = self._is_in_folder(path)
        kind = named(path)
        if kind is not None and not is_own:
            return Found(kind, attribute=".server" if path.endswith(".Dash") else "")
        site = self._site(path)
        found = Found(NEITHER if _is_standard(path) and not is_own else UNKNOWN)
        if site is not None and len(site[1]) == 1:
            definitions = [node for _, node in site[0].bound(site[1][0]) if not isinstance(node, Import)]
            found = self._result(site[0], definitions[0])
        return Found(kind) if found.kind == UNKNOWN and kind is not None else found

    def _result(self, scope, node):
        """What calling what is defined by ``node`` gives."""
        if isinstance(node, ast.ClassDef):
            return Found(self._kind_of_instances(scope, node))
        if not isinstance(node, ast.FunctionDef):
            return Found(NEITHER if isinstance(node, ast.AsyncFunctionDef) else UNKNOWN)
        body = Scope(node.body, scope.module, "", scope)
        for argument in positional(node.args) + node.args.kwonlyargs:
            body.names.setdefault(argument.arg, []).insert(0, (-1, None))
        found = likeliest([self._value(body, value, position) for value, position in body.returned])
        if not found.is_application and node.returns is not None:
            found = self._made(scope, node.returns, None)  # the class that it is said to be of
        return Found(found.kind, found.maker or (scope.module, node.name + "()"), found.wraps, found.attribute)

    def _kind_of_instances(self, scope, node):
        """Of a class: by its ``__call__``, or its bases."""
        for item in node.body:
            if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name == "__call__":
                return kind_by_arguments(item, 1)
        key = (id(node), "instances")
        if key not in self._found:
            self._found[key] = UNKNOWN  # where a class is its own base
            before = [position for position, bound in scope.bound(node.name) if bound is node]
            bases = [self._made(scope, base, before[0] if before else None) for base in node.bases]
            self._found[key] = likeliest(bases).kind
        return self._found[key]

    # --- where a name leads ---------------------------------------------------------------------------------------

    def _path(self, scope, node, before):
        """The absolute dotted name of an expression that leads through an import, else None."""
        if isinstance(node, ast.Attribute):
            path = self._path(scope, node.value, before)
            return None if path is None else path + "." + node.attr
        if isinstance(node, ast.Name):
            for position, bound in scope.bound(node.id, before):
                if isinstance(bound, Import):
                    return bound.dotted
                is_alias = isinstance(bound, (ast.Name, ast.Attribute))
                return self._path(scope, bound, position) if is_alias else None
            for star in scope.stars:
                if self._exports(star, node.id) or named(star) is not None:
                    return star + "." + node.id
            return None if scope.parent is None else self._path(scope.parent, node, None)
        return None

    def _site(self, path, seen=()):
        """The scope in which a dotted name is bound, other than by an import, and what of it is left from there on; as
        Python would find it: what a package binds comes before its submodules. None where there is no source."""
        if path in seen or len(seen) > _LONGEST_CHAIN or (_is_standard(path) and not self._is_in_folder(path)):
            return None
        parts = path.split(".")
        scope = None
        for index, part in enumerate(parts):
            if scope is not None:
                own = ".".join(parts[: index + 1]) + "."
                for _, node in scope.bound(part):
                    if not isinstance(node, Import):
                        return scope, parts[index:]
                    if index + 1 < len(parts) and node.dotted.startswith(own):
                        break  # ``from .name import name`` in a package: what follows is in the module of that name
                    site = self._site(".".join([node.dotted] + parts[index + 1 :]), seen + (path,))
                    if site is not None:
                        return site
                for star in scope.stars if not scope.bound(part) else ():
                    if self._exports(star, part):
                        return self._site(".".join([star] + parts[index:]), seen + (path,))
            scope = self.module(".".join(parts[: index + 1]))
            if scope is None:
                return None
        return scope, []

    def _exports(self, module, name, seen=()):
        """True where ``from module import *`` binds a name."""
        scope = None if module in seen else self.module(module)
        if scope is None:
            return False
        return bool(scope.bound(name)) or any(self._exports(star, name, seen + (module,)) for star in scope.stars)

    def _is_in_folder(self, path):
        first = os.path.join(self._folder, path.partition(".")[0])
        return os.path.isfile(first + ".py") or os.path.isdir(first)


def _is_standard(path):
    """True for a module of the standard library; wsgiref's are read like any other."""
    first = path.partition(".")[0]
    library = os.path.join(os.path.dirname(os.__file__), first)
    return first != "wsgiref" and (
        first in sys.builtin_module_names or os.path.isfile(library + ".py") or os.path.isfile(library + "/__init__.py")
    )
