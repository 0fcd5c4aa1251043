"""Looks at a model's folder while its image is built, and says what is wrong with it or how it will be served.

``prepare.py FOLDER REQUIREMENTS``: unpacks FOLDER/ZIP_NAME where build.sh put a zip, checks that links stay inside,
copies what pip needs into REQUIREMENTS, and chooses the host as the proxy will. Runs with the Python of the base image
(3.6 or later, standard library alone), beside the proxy in runtime/.

A line that begins with NOTE is for the user; build.sh shows it.
"""

import fnmatch
import os
import re
import shutil
import sys

from unpack import Refused, unpack

HERE = os.path.dirname(os.path.abspath(__file__))
ZIP_NAME = ".modelwhisk.zip"
NOTE = "modelwhisk-note: "

# As pip would be called by the model's author; UbiOps looks into the package's own folder (model-interfaces.md, 5).
REQUIREMENTS = ("requirements.txt", "deployment_package/requirements.txt")
OTHER_MANAGERS = ("pyproject.toml", "setup.py", "Pipfile", "environment.yml", "environment.yaml", "conda.yaml")

# pip's own grammar of a requirements file, as far as it names other files: options -r, -c, -e and -f, paths and URLs.
_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)(?:\s*=\s*|\s+|(?=[^-\s]))(\S+)")
_COMMENT = re.compile(r"(^|\s)#.*$")
_ARCHIVE = re.compile(r"\S+\.(whl|zip|tar\.gz|tgz|tar\.bz2)(\s|;|$)")


def unpack_zip(folder):
    archive = os.path.join(folder, ZIP_NAME)
    if not os.path.exists(archive):
        return
    with open(os.path.join(HERE, "exclude"), encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    patterns = [line.lower() for line in lines if line and not line.startswith("#")]

    def is_excluded(name):
        return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in patterns)

    try:
        unpack(archive, folder, is_excluded)
    except Refused as error:
        sys.exit("modelproxy: the zip is refused: {}".format(error))
    os.remove(archive)


def check_links(folder):
    """A link that leads out of the folder would lead to something else, or nowhere, in the image."""
    root = os.path.realpath(folder)
    for place, folders, files in os.walk(folder):
        for path in (os.path.join(place, name) for name in folders + files):
            if not os.path.islink(path):
                continue
            target = os.readlink(path)
            inside = (os.path.realpath(path) + os.sep).startswith(root + os.sep)
            if target.startswith("/") or not inside or not os.path.exists(path):
                sys.exit(
                    "modelproxy: the link {} leads to {}, which is not part of what goes into the image: put the file "
                    "itself there, or leave the link out by .dockerignore".format(os.path.relpath(path, folder), target)
                )


def logical_lines(path):
    """The lines of a requirements file, continued ones joined, without comments."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = re.sub(r"\\\r?\n", "", file.read())
    lines = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def files_of(folder, path, found):
    """Adds to ``found`` the requirements file and those that it names. False where it names anything else in the
    folder: a package's source, a wheel."""
    if path in found or not os.path.isfile(os.path.join(folder, path)):
        return True  # pip will tell what is missing
    found.append(path)
    alone = True
    for line in logical_lines(os.path.join(folder, path)):
        option = _OPTION.match(line)
        name = option.group(2).strip("'\"") if option else line
        if option and option.group(1) in ("-r", "--requirement", "-c", "--constraint"):
            if "://" not in name:
                # pip takes these from the folder of the file that names them.
                other = os.path.normpath(os.path.join(os.path.dirname(path), name))
                alone = files_of(folder, other, found) and alone
        elif option:
            alone = alone and "://" in name and not name.startswith("file:")
        elif "file:" in line or (line.startswith(".") or ("://" not in line and _ARCHIVE.match(line))):
            alone = False
    return alone


def copy_requirements(folder, out):
    """What the installation needs to see, so that no other change of the model repeats it."""
    os.makedirs(out)
    found = []
    alone = True
    for name in REQUIREMENTS:
        alone = files_of(folder, name, found) and alone
    for name in found:
        if name.startswith(("..", "/")):
            sys.exit("modelproxy: the requirements name {}, which lies outside the folder".format(name))
    if not alone:
        tell("requirements.txt names files of the folder, so its packages are installed anew with every change of it")
        tell("what these files run while they are installed can read pip's settings, a password in PIP_INDEX_URL too")
        os.rmdir(out)
        shutil.copytree(folder, out, symlinks=True)
        return
    for name in found:
        target = os.path.join(out, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.join(folder, name), target)


def hint(folder):
    names = os.listdir(folder)
    if not any(os.path.isfile(os.path.join(folder, name)) for name in REQUIREMENTS):
        for name in OTHER_MANAGERS:
            if name in names:
                tell("{} is not read: what the model needs is installed from requirements.txt alone".format(name))
    if "Dockerfile" in names:
        tell("its Dockerfile is not read; to wrap the image that it makes, build that and give its name to build.sh")


def choose_host(folder):
    """The proxy's own choice, or its own reason."""
    sys.path.insert(0, os.path.join(HERE, "runtime"))
    from modelproxy.hosts import Unloadable, choice
    from modelproxy.settings import Settings

    try:
        tell("served by the host {}".format(choice.choose(Settings(os.environ), folder)))
    except (Unloadable, ValueError) as error:
        sys.exit("modelproxy: {}".format(error))


def tell(text):
    print(NOTE + text, flush=True)


def main(folder, requirements):
    unpack_zip(folder)
    check_links(folder)
    hint(folder)
    choose_host(folder)
    copy_requirements(folder, requirements)


if __name__ == "__main__":
    main(*sys.argv[1:])
