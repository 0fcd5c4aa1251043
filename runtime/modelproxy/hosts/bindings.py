"""The names that the source of a module or of a function binds, as an import or a call would. Nothing is run. Pure."""

import ast


class Scope:
    """The names that a module or a function binds. ``names``: a list of (position, node) for each, where a node is an
    expression, a definition, an ``Import``, or None for what can't be told."""

    def __init__(self, body, module, package, parent=None):
        self.module = module
        self.parent = parent
        self.names = {}
        self.stars = []
        self.returned = []
        self._package = package
        for position, node in enumerate(_statements(body)):
            self._take(node, position)

    def _take(self, node, position):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, position)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, node.value, position)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.bind(node.name, node, position)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self.bind(name, Import(alias.name if alias.asname else name), position)
        elif isinstance(node, ast.ImportFrom):
            self._import_from(node, position)
        elif isinstance(node, ast.Return) and node.value is not None:
            self.returned.append((node.value, position))

    def _assign(self, target, value, position):
        if isinstance(target, ast.Name):
            self.bind(target.id, value, position)
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = [value] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                values = value.elts
            for one, its in zip(target.elts, values):
                self._assign(one, its, position)

    def _import_from(self, node, position):
        base = node.module or ""
        if node.level:
            above = self._package.split(".")
            above = above[: len(above) - node.level + 1]
            base = ".".join(above + ([base] if base else []))
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(base)
            else:
                self.bind(alias.asname or alias.name, Import(base + "." + alias.name), position)

    def bind(self, name, node, position):
        self.names.setdefault(name, []).append((position, node))

    def bound(self, name, before=None):
        """The nodes bound to a name, the last first."""
        known = reversed(self.names.get(name, ()))
        return [(position, node) for position, node in known if before is None or position < before]


class Import:
    """A name bound by an import: ``dotted`` is the module, or the module and what it is asked for."""

    __slots__ = ("dotted",)

    def __init__(self, dotted):
        self.dotted = dotted


def _statements(body):
    """The statements that an import would run, those of blocks included; not what only a script's start runs."""
    for node in body:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for handler in getattr(node, "handlers", ()):  # before the body, which is what counts where all goes well
            yield from _statements(handler.body)
        blocks = (
            ("orelse",) if isinstance(node, ast.If) and _asks_for_main(node.test) else ("body", "orelse", "finalbody")
        )
        for block in blocks:
            yield from _statements(getattr(node, block, ()))


def _asks_for_main(test):
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_asks_for_main(value) for value in test.values)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [test.left, test.comparators[0]]
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    return names == ["__name__"] and any(_text_of(side) == "__main__" for side in sides)


def _text_of(node):
    fields = vars(node)
    return fields.get("s", fields.get("value"))  # Str before Python 3.8, Constant since
