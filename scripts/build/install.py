"""Lays out the proxy inside a model's image: source, byte-code and the file that starts it.

Runs in the Dockerfile's first stage with the model's own Python (3.6 to 3.13, nothing but the standard library):
``install.py SOURCE ROOT HOME PYTHON`` reads SOURCE and writes HOME under ROOT, whose content the image takes over.
"""

import os
import py_compile
import shutil
import sys

# Python 3.6 knows byte-code only by its source's time and size, so times must survive every builder: those that
# rewrite times (SOURCE_DATE_EPOCH) only lower them. The same time everywhere also makes equal layers equal in digest.
EPOCH = 315532800  # 1980-01-01, the oldest that zip files can hold

# Linux before 5.1 cuts the first line of a script at 127 bytes, silently.
SHEBANG_LIMIT = 127


def python_files(source):
    """The runtime's modules as relative paths, in a fixed order; nothing else belongs in an image."""
    found = []
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        found += [os.path.relpath(os.path.join(folder, name), source) for name in names if name.endswith(".py")]
    return sorted(found)


def compile_module(source, target, shown_as):
    """Byte-code that is never checked against its source again (3.7+): one system call less for each import."""
    options = {}
    if sys.version_info >= (3, 7):
        options["invalidation_mode"] = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(source, cfile=target, dfile=shown_as, doraise=True, **options)


def start_file(python, home, main_source):
    """The entry point's text. The kernel starts the interpreter itself where it can, which saves a shell's start."""
    shebang = "#!" + python
    if len(shebang.encode()) < SHEBANG_LIMIT and python.startswith("/") and not set(python) & set(" \t\n"):
        return shebang + "\n" + main_source
    quoted = "'" + python.replace("'", "'\\''") + "'"
    return "#!/bin/sh\nexec {} {} \"$@\"\n".format(quoted, home)


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
    out = root + home
    if os.path.exists(home):
        sys.exit("modelproxy: {} exists already: this image is a wrapper itself. Wrap the model's own image.".format(home))
    modules = python_files(source)
    if "__main__.py" not in modules:
        sys.exit("modelproxy: {} has no __main__.py: is the checkout complete?".format(source))
    for module in modules:
        target = os.path.join(out, module)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.join(source, module), target)
        os.utime(target, (EPOCH, EPOCH))  # before compiling, which records it on 3.6
        name = "{}.{}.pyc".format(os.path.basename(module)[:-3], sys.implementation.cache_tag)
        cached = os.path.join(os.path.dirname(target), "__pycache__", name)
        compile_module(target, cached, os.path.join(home, module))
    with open(os.path.join(source, "__main__.py"), encoding="utf-8") as file:
        text = start_file(python, home, file.read())
    with open(os.path.join(out, "start"), "w", encoding="utf-8") as file:
        file.write(text)
    settle(root)


if __name__ == "__main__":
    main(*sys.argv[1:])
