"""Imports what a target names: ``module:attribute``, a dotted attribute, a factory ``module:create_app()``, or a file."""

import importlib
import importlib.util
import os
import re
import sys

from . import Unloadable

_TARGET = re.compile(r"([A-Za-z_][\w.]*)(?::([A-Za-z_][\w.]*)(\(\))?)?\Z")


def attribute_of(target):
    """The object that ``module:attribute`` or ``module:factory()`` names, as Gunicorn and Uvicorn write it. Raises
    ``Unloadable`` where there is no such module or attribute; what the module itself raises passes through."""
    match = _TARGET.match(target)
    if match is None or not match.group(2):
        raise Unloadable("the target %r is not written as module:attribute or module:factory()" % target)
    module_name, path, called = match.groups()
    found = module_named(module_name)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise Unloadable("the module %s has no %s" % (module_name, path)) from None
    return found() if called else found


def module_named(name):
    """The module, imported. Raises ``Unloadable`` where it isn't there; not where an import of its own fails."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = getattr(error, "name", None) or ""
        if isinstance(error, ModuleNotFoundError) and (name == missing or name.startswith(missing + ".")):
            raise Unloadable("there is no module %s in %s" % (name, os.getcwd())) from None
        raise


def module_in(file, name):
    """The module ``name``, imported from ``file``, whose folder comes first on the path, as for a script."""
    path = os.path.abspath(file)
    if not os.path.isfile(path):
        raise Unloadable("there is no file %s" % path)
    folder = os.path.dirname(path)
    if folder not in sys.path[:1]:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
