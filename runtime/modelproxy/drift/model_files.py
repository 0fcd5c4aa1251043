"""The files that make a model, by which a reference knows whose it is.

Hidden files, caches and virtual environments don't count, nor does what never goes into an image
(scripts/build/exclude).
"""

import fnmatch
import hashlib
import os
import re

_ENVIRONMENT = "pyvenv.cfg"
_NAMED = 10  # files that an error names
# Those names of scripts/build/exclude that don't begin with a dot.
LEFT_OUT = (
    "__pycache__",
    "*.pyc",
    "*.pyo",
    "node_modules",
    "__MACOSX",
    "Thumbs.db",
    "desktop.ini",
    "*.swp",
    "*~",
    "modelwhisk-build.*",
    "*.env",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.p8",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "ssh_host_*_key",
    "pip.conf",
    "pip.ini",
    "poetry.toml",
    "uv.toml",
    "pgpass.conf",
    "kaggle.json",
    "_netrc",
    "secret.ini",
    "secret.json",
    "secret.properties",
    "secret.toml",
    "secret.yaml",
    "secret.yml",
    "secrets.ini",
    "secrets.json",
    "secrets.properties",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
    "credentials.csv",
    "credentials.db",
    "credentials.ini",
    "credentials.json",
    "credentials.toml",
    "credentials.yaml",
    "credentials.yml",
    "access_tokens.db",
    "application_default_credentials.json",
    "auth.json",
    "client_secret*.json",
    "service-account*.json",
    "service_account*.json",
    "serviceaccount*.json",
    "*-firebase-adminsdk-*.json",
    "token.json",
    "token.pickle",
    "config.local",
    "rclone.conf",
    "clearml.conf",
    "ngrok.yml",
    "*.ovpn",
    "kubeconfig",
    "kubeconfig.y*ml",
    "*.kubeconfig",
    "*.tfstate",
    "*.tfstate.backup",
    "*.tfvars",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
)
# Names are compared in capitals or not, as when images are built; and with all the rules at a time, which is five times
# as quick.
_LEFT_OUT = re.compile("|".join(fnmatch.translate(rule.lower()) for rule in LEFT_OUT))


def is_model_file(parts):
    """Whether a file of a model counts, by the parts of its path within the model's folder."""
    return not any(part.startswith(".") or _LEFT_OUT.match(part.lower()) for part in parts)


def digests_of(folder):
    """SHA-256 (hex) of each of a model's files by its path within the folder, with ``/``. Raises ``OSError``."""
    found = {}
    for place, folders, names in os.walk(str(folder), onerror=_raise):
        inside = os.path.relpath(place, str(folder))
        parts = [] if inside == "." else inside.split(os.sep)
        folders[:] = [
            name
            for name in sorted(folders)
            if is_model_file((name,)) and not os.path.exists(os.path.join(place, name, _ENVIRONMENT))
        ]
        for name in names:
            path = os.path.join(place, name)
            if is_model_file((name,)) and os.path.isfile(path):
                found["/".join(parts + [name])] = digest_of_file(path)
    return found


def digest_of(files):
    """The digest of a whole list of files: of its lines ``path NUL sha256 LF`` in the order of the paths' bytes."""
    whole = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.encode("utf-8", "surrogateescape")):
        whole.update(path.encode("utf-8", "surrogateescape") + b"\0" + files[path].encode("ascii") + b"\n")
    return "sha256:" + whole.hexdigest()


def differing(files, present, itself=""):
    """(path, what is wrong) of each file of ``present`` that isn't as in ``files``, both digests by path; one that is
    missing does no harm.

    itself   digest of the reference, which may lie among the model's files.
    """
    return [
        (path, "differs" if path in files else "isn't in the reference's list")
        for path, digest in sorted(present.items())
        if digest not in (files.get(path), itself)
    ]


def other_model(others):
    """The sentence for a reference that is of another model, from what ``differing`` found."""
    named = ", ".join(["%s %s" % pair for pair in others[:_NAMED]])
    if len(others) > _NAMED:
        named += " and %d more" % (len(others) - _NAMED)
    return "the drift reference was made with another model: %s. Make it anew with modelwhisk drift fit" % named


def digest_of_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _raise(error):
    raise error
