"""Lays out the proxy inside a model's image: byte-code and the file that starts it.

Runs in the Dockerfile's first stage with the model's own Python (3.6 to 3.13, nothing but the standard library):
``install.py SOURCE ROOT HOME PYTHON`` reads SOURCE and writes HOME under ROOT, whose content the image takes over.

The image gets byte-code alone, which only this one Python will ever read: what opens the port lies where its source
would, the rest in a few archives (runtime/modelproxy/packed.py). Tracebacks keep their files and line numbers.
"""

import marshal
import os
import py_compile
import sys

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


def compiled(source, shown_as):
    """The code of a module, without docstrings, which nobody can ask for here."""
    with open(source, "rb") as file:
        return compile(file.read(), shown_as, "exec", dont_inherit=True, optimize=2)


def write_module(source, target, shown_as):
    """Writes the byte-code of a module where Python looks for its source."""
    options = {}
    if sys.version_info >= (3, 7):
        options["invalidation_mode"] = py_compile.PycInvalidationMode.UNCHECKED_HASH
    os.utime(source, (EPOCH, EPOCH))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    py_compile.compile(source, cfile=target, dfile=shown_as, doraise=True, optimize=2, **options)


def deflated(zlib, content):
    """As zlib does best: with the most memory (9), in longer blocks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
    return packer.compress(content) + packer.flush()


# How an archive may be compressed, the best first, by the byte that it begins with. No check: only the image's own
# layer brings it.
PACKERS = {
    b"b": ("bz2", lambda bz2, content: bz2.compress(content, 9)),
    b"x": ("lzma", lambda lzma, content: lzma.compress(content, check=lzma.CHECK_NONE, preset=9 | lzma.PRESET_EXTREME)),
    b"z": ("zlib", deflated),
}


def compressed(content, group):
    """What every start reads is compressed for speed, the rest for size; as this Python, which reads it, is able to."""
    for mark, (name, pack) in PACKERS.items():
        if mark == b"z" or group != "core":
            try:
                return mark + pack(__import__(name), content)
            except ImportError:
                continue
    return b"-" + content


def archived(members, group):
    """The shortest archive of some orders: what is alike, as modules of one length often are, is found sooner in some,
    and each is as good as the others. Without marshal's references (since its version 3), which depend on who else has
    a name."""
    members = sorted(members, key=lambda member: len(member[2]))
    orders = [[each for start in range(step) for each in members[start::step]] for step in range(1, 5)]
    return min((compressed(marshal.dumps(order, 2), group) for order in orders), key=len)


def write_archives(source, modules, folder, home):
    """The modules that runtime/modelproxy/packed.py finds; ``modules`` is a list of (name, path).

    What compares predictions with a reference is left out of an image that isn't built for it.
    """
    from modelproxy.packed import DRIFT, group_of

    with_drift = any(os.environ.get(name) for name in ("MODELPROXY_DRIFT", "MODELPROXY_DRIFT_COLLECT"))
    groups = {}
    for name, path in modules:
        if group_of(name) == DRIFT and not with_drift:
            continue
        code = marshal.dumps(compiled(os.path.join(source, path), os.path.join(home, path)))
        groups.setdefault(group_of(name), []).append((name, path.endswith("__init__.py"), code))
    os.makedirs(folder)
    for group, members in groups.items():
        with open(os.path.join(folder, group), "wb") as archive:
            archive.write(archived(members, group))


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
    sys.path.insert(0, source)
    from modelproxy.packed import UNPACKED

    packed = []
    for path in modules:
        name = path[: -len(".py")].replace(os.sep, ".")
        name = name[: -len(".__init__")] if name.endswith(".__init__") else name
        if name == "__main__" or name.partition(".")[2] in UNPACKED:
            write_module(os.path.join(source, path), os.path.join(out, path + "c"), os.path.join(home, path))
        else:
            packed.append((name, path))
    write_archives(source, packed, os.path.join(out, "modelproxy", "packed"), home)
    with open(os.path.join(source, "__main__.py"), encoding="utf-8") as file:
        text = start_file(python, home, file.read())
    with open(os.path.join(out, "start"), "w", encoding="utf-8") as file:
        file.write(text)
    settle(root)


if __name__ == "__main__":
    main(*sys.argv[1:])
