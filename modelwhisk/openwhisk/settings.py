"""Which OpenWhisk, with which key: flags, then the environment, then the properties file, as `wsk` reads them.

Sources: openwhisk-cli, commands/property.go (`WHISK_APIHOST`, `WHISK_AUTH`, `WSK_CONFIG_FILE`; today's `wsk` always
uses the key's own namespace, `NAMESPACE` in the file and `WHISK_NAMESPACE` were an earlier one's);
openwhisk-client-go, whisk/wskprops.go (the file); openwhisk-client-js (`__OW_API_HOST`, `__OW_API_KEY`,
`__OW_NAMESPACE`, `__OW_IGNORE_CERTS`, which are set inside an action).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from modelwhisk.openwhisk.errors import NoCredentials

# What `wsk` writes where no namespace is set: the key's own.
OWN_NAMESPACE = "_"


@dataclass(frozen=True)
class Settings:
    """A host (`scheme://name[:port]`, no slash at the end), a key (`uuid:key`), a namespace, and how TLS is checked.

    `certificate` is the client's own (certificate file, key file), and `origin` tells people where the key was found.
    """

    host: str
    auth: str
    namespace: str = OWN_NAMESPACE
    insecure: bool = False
    certificate: tuple[str, str] | None = None
    origin: str = ""

    @classmethod
    def find(
        cls,
        host: str | None = None,
        auth: str | None = None,
        namespace: str | None = None,
        insecure: bool | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Arguments where they are given, else the environment, else the properties file.

        Raises NoCredentials where no host or no key is found.
        """
        path = properties_file(environment)
        file = _Source(str(path), read_properties(path)) if path else _Source("", {})
        sources = (_Source("the environment", environment), file)
        found_host = _first(host, "--host", sources, "WHISK_APIHOST", "__OW_API_HOST", "APIHOST")
        found_auth = _first(auth, "--auth", sources, "WHISK_AUTH", "__OW_API_KEY", "AUTH")
        where = "" if path is None else f" in {path}"
        if not found_host.value:
            raise NoCredentials(
                "No OpenWhisk is set.",
                advice=f"Give --host, set WHISK_APIHOST, or run `wsk property set --apihost HOST` (APIHOST{where}).",
            )
        if not found_auth.value:
            raise NoCredentials(
                f"No key is set for {found_host.value}.",
                advice=f"Give --auth, set WHISK_AUTH, or run `wsk property set --auth KEY` (AUTH{where}).",
            )
        pair = (file.values.get("CERT", ""), file.values.get("KEY", ""))
        if insecure is None:
            insecure = environment.get("__OW_IGNORE_CERTS", "").lower() not in ("", "0", "false")
        return cls(
            host=with_scheme(found_host.value),
            auth=found_auth.value,
            namespace=_first(namespace, "", sources, "WHISK_NAMESPACE", "__OW_NAMESPACE", "NAMESPACE").value
            or OWN_NAMESPACE,
            insecure=insecure,
            certificate=pair if all(pair) else None,
            origin=found_auth.origin,
        )

    def stand_in(self, path: Path) -> bool:
        """Whether a properties file has this key, for this host."""
        file = read_properties(path)
        return (with_scheme(file.get("APIHOST", "")), file.get("AUTH")) == (self.host, self.auth)


class _Source(NamedTuple):
    name: str
    values: Mapping[str, str]


class _Found(NamedTuple):
    value: str
    origin: str


def _first(given: str | None, flag: str, sources: tuple[_Source, _Source], *names: str) -> _Found:
    """The flag's value, else the first variable that is set and not empty; the last name is the file's."""
    if given:
        return _Found(given.strip(), flag)
    environment, file = sources
    for name in names[:-1]:
        if environment.values.get(name):
            return _Found(environment.values[name].strip(), name)
    return _Found(file.values.get(names[-1], ""), file.name)


def with_scheme(host: str) -> str:
    """The host as an URL: https where it names no scheme, as `wsk` does it."""
    host = host.rstrip("/")
    return host if "://" in host else f"https://{host}"


def properties_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """`WSK_CONFIG_FILE`, which switches the file off where it is empty, else `~/.wskprops`."""
    if "WSK_CONFIG_FILE" in environment:
        named = environment["WSK_CONFIG_FILE"]
        return Path(named) if named else None
    home = environment.get("HOME") or environment.get("USERPROFILE")
    return Path(home, ".wskprops") if home else None


def read_properties(path: Path) -> dict[str, str]:
    """The `KEY=VALUE` lines of a properties file; a missing or unreadable file has none, as for `wsk`.

    `wsk` drops lines with a second `=`, which would lose a key that ends in one; here they are kept.
    """
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}
