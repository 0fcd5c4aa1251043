"""Lays out the proxy inside a model's image: byte-code and the file that starts it.

Runs in the Dockerfile's first stage with the model's own Python (3.6 to 3.13, nothing but the standard library):
``install.py SOURCE ROOT HOME PYTHON`` reads SOURCE and writes HOME under ROOT, whose content the image takes over.

The image gets the byte-code alone, where the source would lie: only this one Python will ever read it, it is half the
size, and importing it asks the file system once instead of thrice. Tracebacks keep their files and line numbers.
"""

import os
import py_compile
import sys
import zipfile

# The same time everywhere makes layers with the same content the same layer, in every builder: those that rewrite times
# (SOURCE_DATE_EPOCH) only lower them. Python 3.6 records its source's time in byte-code as well.
EPOCH = 315532800  # 1980-01-01, the oldest that zip files can hold

# Linux before 5.1 cuts the first line of a script at 127 bytes, silently.
SHEBANG_LIMIT = 127


def modules_of(source):
    """The runtime's modules as relative paths, in a fixed order; nothing else belongs in an image."""
    found = []
    for folder, _, names in os.walk(source):
        found += [os.path.relpath(os.path.join(folder, name), source) for name in names if name.endswith(".py")]
    return sorted(found)


def compile_module(source, target, shown_as):
    options = {}
    if sys.version_info >= (3, 7):
        options["invalidation_mode"] = py_compile.PycInvalidationMode.UNCHECKED_HASH
    os.utime(source, (EPOCH, EPOCH))
    # Without docstrings, which nobody can ask for here.
    py_compile.compile(source, cfile=target, dfile=shown_as, doraise=True, optimize=2, **options)


def is_rarely_used(module):
    """True for what a MAX model never imports: packed, it takes less than half the room, and importing it only little
    longer. (Unpacked, all hosts together would make the layer too large on Python 3.11 and later.)"""
    parts = module.split(os.sep)
    return parts[1:2] == ["formats"] or (parts[1:2] == ["hosts"] and parts[2] not in ("__init__.py", "max.py", "choice.py"))


def pack(root, modules, archive):
    """Moves modules from under ``root`` into one archive, from which Python imports them (zipimport)."""
    try:
        import zlib  # noqa: F401 - a Python without it can't unpack either
    except ImportError:
        compression = zipfile.ZIP_STORED
    else:
        compression = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(archive, "w", compression) as packed:
        for module in modules:
            path = os.path.join(root, module + "c")
            with open(path, "rb") as code:
                entry = zipfile.ZipInfo(module.replace(os.sep, "/") + "c")  # of 1980-01-01
                entry.compress_type = compression
                packed.writestr(entry, code.read())
            os.remove(path)


def start_file(python, home, main_source):
    """The entry point's text. The kernel starts the interpreter itself where it can, which saves a shell's start."""
    shebang = "#!" + python
    if len(shebang.encode()) < SHEBANG_LIMIT and python.startswith("/") and not set(python) & set(" \t\n"):
        return shebang + "\n" + main_source
    quoted = "'" + python.replace("'", "'\\''") + "'"
    return '#!/bin/sh\nexec {} {} "$@"\n'.format(quoted, home)


def settle(root):
    """Readable by any user, whatever the umask of the checkout was, and with the same time everywhere."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if name == "start" else 0o644)
            os.utime(path, (EPOCH, EPOCH))
        os.chmod(folder, 0o755)
        os.utime(folder, (EPOCH, EPOCH))


def main(source, root, home, python):
    if os.path.exists(home):
        sys.exit("modelproxy: there is a {} already: is this a wrapper? Wrap the model's own image.".format(home))
    modules = modules_of(source)
    if "__main__.py" not in modules:
        sys.exit("modelproxy: runtime/ has no __main__.py: is the checkout complete?")
    out = root + home
    for module in modules:
        target = os.path.join(out, module + "c")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        compile_module(os.path.join(source, module), target, os.path.join(home, module))
    rarely = [module for module in modules if is_rarely_used(module)]
    pack(out, rarely, os.path.join(out, "rarely.zip"))
    for folder in {os.path.dirname(os.path.join(out, module)) for module in rarely}:
        if not os.listdir(folder):
            os.rmdir(folder)
    with open(os.path.join(source, "__main__.py"), encoding="utf-8") as file:
        text = start_file(python, home, file.read())
    with open(os.path.join(out, "start"), "w", encoding="utf-8") as file:
        file.write(text)
    settle(root)


if __name__ == "__main__":
    main(*sys.argv[1:])
