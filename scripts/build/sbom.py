"""Writes what is in an image as a CycloneDX 1.5 document (a software bill of materials) on stdout.

build.sh feeds this to the Python inside the image, since that alone knows where its packages lie, and adds nothing to
it. ``sbom.py KEY=VALUE…``: ``path`` (the model's ``sys.path`` as a Python list, where this runs without a part of it),
``image``, ``version``, ``digest``, ``created`` (RFC 3339), ``base_name``, ``base_digest``, ``adapter_version`` and
``adapter_digest``. Python 3.6 or later, standard library alone.

Python's packages are those that the model would import, by their metadata; Debian's by dpkg's own status.
"""

import ast
import glob
import json
import os
import re
import sys
import uuid
from email.parser import HeaderParser
from urllib.parse import quote

DPKG = "/var/lib/dpkg/status"
DISTROLESS = "/var/lib/dpkg/status.d"  # images without dpkg have a file for each package there
OS_RELEASE = "/etc/os-release"


def python_packages(path):
    """(name, version, licence) of each installed distribution; the first on the path is the one that is imported."""
    found = {}
    for metadata in _metadata(path):
        name, version = metadata.get("Name"), metadata.get("Version")
        if name and version:
            licence = metadata.get("License-Expression") or metadata.get("License") or ""
            found.setdefault(_normal(name), (name, version, licence.strip().split("\n")[0]))
    return [found[name] for name in sorted(found)]


def _metadata(path):
    try:
        from importlib.metadata import distributions
    except ImportError:  # before Python 3.8
        return _metadata_files(path)
    return [distribution.metadata for distribution in distributions(path=path)]


def _metadata_files(path):
    for folder in map(glob.escape, path):
        for pattern in ("*.dist-info/METADATA", "*.egg-info/PKG-INFO", "*.egg-info"):
            for file in sorted(glob.glob(os.path.join(folder, pattern))):
                if os.path.isfile(file):
                    with open(file, encoding="utf-8", errors="replace") as lines:
                        yield HeaderParser().parse(lines)


def _normal(name):
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def debian_packages(status=DPKG, folder=DISTROLESS):
    """(name, version, architecture) of each package that is installed."""
    files = [file for file in [status] if os.path.isfile(file)]
    files += [file for file in sorted(glob.glob(os.path.join(folder, "*"))) if not file.endswith(".md5sums")]
    found = set()
    for file in files:
        with open(file, encoding="utf-8", errors="replace") as lines:
            for paragraph in lines.read().split("\n\n"):
                fields = HeaderParser().parsestr(paragraph.lstrip("\n"))
                installed = fields.get("Status", "install ok installed").endswith(" installed")
                if installed and fields.get("Package") and fields.get("Version"):
                    found.add((fields["Package"], fields["Version"], fields.get("Architecture", "")))
    return sorted(found)


def distribution(file=OS_RELEASE):
    """``ID`` and ``ID-VERSION`` of the operating system, as package URLs have them."""
    known = {"ID": "debian", "VERSION_ID": ""}
    if os.path.isfile(file):
        with open(file, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.strip().partition("=")
                known[name] = value.strip("\"'")
    return known["ID"], "-".join(filter(None, (known["ID"], known["VERSION_ID"])))


def components(path):
    """Python, its packages and Debian's, as CycloneDX has them."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield _component("platform", "python", version, "pkg:generic/python@" + version)
    for name, version, licence in python_packages(path):
        licences = [{"license": {"name": licence[:200]}}] if licence else []
        yield _component("library", name, version, "pkg:pypi/%s@%s" % (quote(_normal(name)), quote(version)), licences)
    system, release = distribution()
    for name, version, architecture in debian_packages():
        where = "&".join(
            key + "=" + quote(value) for key, value in (("arch", architecture), ("distro", release)) if value
        )
        url = "pkg:deb/%s/%s@%s?%s" % (quote(system), quote(name), quote(version), where)
        yield _component("library", name, version, url)


def _component(kind, name, version, url, licences=()):
    component = {"type": kind, "bom-ref": url, "name": name, "version": version, "purl": url}
    if licences:
        component["licenses"] = list(licences)
    return component


def document(facts, parts):
    """The whole, for the ``facts`` of the command line and a list of components."""
    base = {"type": "container", "bom-ref": "base", "name": facts["base_name"], "version": facts["base_digest"]}
    base["hashes"] = _hashes(facts["base_digest"])
    adapter = {
        "type": "application",
        "bom-ref": "modelproxy",
        "name": "modelproxy",
        "version": facts["adapter_version"],
        "hashes": _hashes(facts["adapter_digest"]),
    }
    image = {"type": "container", "bom-ref": "image", "name": facts["image"], "version": facts["version"]}
    image["properties"] = [{"name": "modelwhisk:image:id", "value": facts["digest"]}]
    tool = {"type": "application", "name": "modelwhisk", "version": facts["adapter_version"]}
    held = [base, adapter, *parts]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same of the same image.
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, facts["image"] + "@" + facts["digest"]).urn,
        "version": 1,
        "metadata": {"timestamp": facts["created"], "tools": {"components": [tool]}, "component": image},
        "components": held,
        "dependencies": [{"ref": "image", "dependsOn": sorted(part["bom-ref"] for part in held)}],
    }


def _hashes(digest):
    algorithm, _, content = digest.partition(":")
    return [{"alg": "SHA-256", "content": content}] if algorithm == "sha256" else []


def main(words):
    facts = dict(word.split("=", 1) for word in words)
    path = [folder for folder in ast.literal_eval(facts["path"]) if folder]
    sys.stdout.write(json.dumps(document(facts, list(components(path))), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
