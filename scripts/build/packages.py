"""Installs a model's requirements into an environment of their own, which the image takes over whole.

``packages.py FOLDER TARGET``: pip reads the requirements files in FOLDER, and TARGET becomes a virtual environment that
sees the base image's packages too: what is there already is not installed twice, and where another version is asked
for, that one comes first. TARGET is empty where nothing is required. Runs with the base image's Python and its pip.
"""

import os
import subprocess
import sys

# Also in prepare.py, which puts them here.
REQUIREMENTS = ("requirements.txt", "deployment_package/requirements.txt")
CERTIFICATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certificates", "pip.pem")
KEPT_LINES = 30


def environment():
    """Settings of pip that are empty would be taken for settings."""
    found = {name: value for name, value in os.environ.items() if value or not name.startswith("PIP_")}
    if os.path.exists(CERTIFICATES):
        found["PIP_CERT"] = CERTIFICATES
    found.update(PIP_NO_CACHE_DIR="1", PIP_NO_INPUT="1", PIP_ROOT_USER_ACTION="ignore")
    found.update(PIP_DISABLE_PIP_VERSION_CHECK="1")
    return found


def call(command):
    """Runs the command, passing on what it says; its last lines where it fails, else None."""
    said = []
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            print(text, flush=True)
            said = [*said[-KEPT_LINES:], text]
    return said if process.returncode else None


def reason(said):
    """pip's own sentence, and what may help."""
    errors = [line for line in said if line.lower().startswith("error")] or [line for line in said if line] or ["?"]
    text = errors[-1]
    if any(word in line for line in said for word in ("'gcc'", "gcc: ", "compiler", "'cc'")):
        text += " (a base image with a compiler may help: --base python:3.13)"
    elif "No matching distribution" in text:
        text += " (for Python {}.{}; --base gives another)".format(*sys.version_info)
    return text


def main(folder, target):
    files = [name for name in REQUIREMENTS if os.path.isfile(os.path.join(folder, name))]
    if not files:
        os.makedirs(target)
        return
    try:
        import venv  # noqa: F401 - asked for by name below

        import pip  # noqa: F401
    except ImportError as error:
        sys.exit(
            "modelproxy: {} needs {}, which the base image's Python lacks; --base gives another".format(
                files[0], error.name
            )
        )
    said = call([sys.executable, "-I", "-m", "venv", "--system-site-packages", "--without-pip", target])
    if said is not None:
        sys.exit("modelproxy: no virtual environment can be made with the base image's Python: {}".format(reason(said)))
    for name in files:
        command = [
            os.path.join(target, "bin", "python"),
            "-I",
            "-m",
            "pip",
            "install",
            "--progress-bar",
            "off",
            "-r",
            name,
        ]
        said = call(command)
        if said is not None:
            sys.exit("modelproxy: pip can't install {}: {}".format(name, reason(said)))


if __name__ == "__main__":
    main(*sys.argv[1:])
