"""Imports what a target names: ``module:attribute``, a dotted attribute, a factory ``module:create_app()``, or a file;
and looks into what came of it."""

import importlib
import importlib.util
import os
import re
import sys

from . import Unloadable

_TARGET = re.compile(r"([A-Za-z_][\w.]*?)(\.py)?(?::([A-Za-z_][\w.]*)(\(.*\))?)?\Z", re.DOTALL)
_IN_FOLDER = re.compile(r"(?:\./)?([\w/]+\.py(?::.*)?)\Z", re.DOTALL)


def attribute_of(target, names=(), ends=()):
    """The object that ``module:attribute`` or ``module:factory()`` names, as Gunicorn, Flask and Uvicorn write it: the
    module may be given as a file of the folder, a factory may have literal arguments. Without an attribute it is the
    first of ``names`` that the module has. Raises ``Unloadable`` where there is no such module or attribute; what the
    module itself raises passes through, but for ``ends`` (see ``module_named``)."""
    in_folder = _IN_FOLDER.match(target)
    match = _TARGET.match(in_folder.group(1).replace("/", ".") if in_folder else target)
    if match is None or not (match.group(3) or names):
        raise Unloadable("the target %r is not written as module:attribute or module:factory()" % target)
    module_name, _, path, called = match.groups()
    module = module_named(module_name, ends)
    if path is None:
        known = [name for name in names if hasattr(module, name)]
        if not known:
            raise Unloadable("the module %s has none of %s; %s" % (module_name, ", ".join(names), _what_has(module)))
        path = known[0]
    found = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise Unloadable("the module %s has no %s; %s" % (module_name, path, _what_has(module))) from None
    return _called(found, called, target) if called else found


def _called(factory, arguments, target):
    if not callable(factory):
        raise Unloadable("the target %r calls what can't be called, %s" % (target, type(factory).__name__))
    if arguments == "()":
        return factory()
    import ast

    try:
        call = ast.parse("f" + arguments, mode="eval").body
        positional = [ast.literal_eval(value) for value in call.args]
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        is_plain = call.func.id == "f" and None not in named  # not make()(), not make(**{})
    except (AttributeError, SyntaxError, ValueError):
        is_plain = False
    if not is_plain:
        raise Unloadable("the target %r has arguments that are no literals" % target)
    return factory(*positional, **named)


def _what_has(module):
    """For an error's text: what a module made itself, as far as it can be called."""
    own = []
    for name, value in sorted(vars(module).items()):
        kind = type(value)  # not isinstance, which would wake flask's proxies of the request
        if name.startswith("_") or not callable(value) or kind.__name__ == "LocalProxy":
            continue
        knows_its_module = hasattr(kind, "__get__") or issubclass(kind, type)  # functions and classes
        if not knows_its_module or value.__module__ == module.__name__:
            own.append(name)
    return "it has " + ", ".join(own[:20]) if own else "it has nothing that can be called"


def module_named(name, ends=()):
    """The module, imported. Raises ``Unloadable`` where it isn't there; not where an import of its own fails.

    ends   exceptions that end its code without being failures: the module stays as it is then.
    """
    try:
        if ends:
            return _module_until(name, ends)
        return importlib.import_module(name)
    except ImportError as error:
        missing = getattr(error, "name", None) or ""
        if isinstance(error, ModuleNotFoundError) and (name == missing or name.startswith(missing + ".")):
            raise Unloadable("there is no module %s in %s" % (name, os.getcwd())) from None
        raise


def _module_until(name, ends):
    if name in sys.modules:
        return sys.modules[name]
    try:
        spec = importlib.util.find_spec(name)
    except AttributeError:  # up to Python 3.6, where what is above is no package
        spec = None
    if spec is None or spec.loader is None:
        return importlib.import_module(name)  # which tells what is wrong
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ends:
        pass
    except BaseException:
        sys.modules.pop(name, None)
        raise
    module = sys.modules[name]  # a module may put something else in its own place
    above, _, own = name.rpartition(".")
    if above:
        setattr(sys.modules[above], own, module)
    return module


def module_in(file, name, ends=(), as_main=False):
    """The module ``name``, imported from ``file``, whose folder comes first on the path, as for a script.

    ends      as for ``module_named``.
    as_main   whether it stands for ``__main__`` too, where pickles made by running the file look for their classes.
    """
    path = os.path.abspath(file)
    if not os.path.isfile(path):
        raise Unloadable("there is no file %s" % path)
    folder = os.path.dirname(path)
    if folder not in sys.path[:1]:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    main = sys.modules["__main__"]
    sys.modules[name] = module
    if as_main:
        sys.modules["__main__"] = module
    try:
        spec.loader.exec_module(module)
    except ends:
        pass
    except BaseException:
        del sys.modules[name]
        sys.modules["__main__"] = main
        raise
    return module


def held_by(application, wanted):
    """The first that is ``wanted`` of an application and what its wrappers hold: middleware keeps what it wraps in an
    attribute, a function's in its closure. None where there is none."""
    reached = [application]
    for thing in reached:
        if wanted(thing):
            return thing
        held = list(getattr(thing, "__dict__", {}).values()) + [getattr(thing, "__self__", None)]
        held += [value for each in held if type(each) is dict for value in each.values()]
        held += [cell.cell_contents for cell in getattr(thing, "__closure__", None) or () if _is_filled(cell)]
        held = [one for one in held if callable(one) and type(one).__name__ != "LocalProxy"]  # which asks for a request
        reached += [one for one in held if not any(one is known for known in reached)]
        if len(reached) > 100:
            return None
    return None


def _is_filled(cell):
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
