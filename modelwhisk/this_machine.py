"""By which names a URL's host is this machine: a proxy has no way to it, and would get what is sent, keys too."""

from __future__ import annotations

import functools
import ipaddress
import socket
from pathlib import Path

# Also where the list below has none of them, as systemd's nss-myhostname(8) knows some, and some systems others.
_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "localhost4", "localhost6", "localhost.localdomain"})
_HOSTS = Path("/etc/hosts")  # hosts(5)


def is_this_machine(host: str) -> bool:
    """Whether it is the loopback, an unspecified address, which systems take for it, or a name that this machine has
    for itself or for those; nobody else is asked for it.
    """
    name = host.rstrip(".").lower()
    if name in _NAMES or name.endswith(".localhost"):
        return True
    return _leads_here(name) or (name != "" and (name == socket.gethostname().lower() or _is_listed(name)))


def _leads_here(name: str) -> bool:
    address = _address(name)
    address = getattr(address, "ipv4_mapped", None) or address
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(name))  # 127.1 and 0x7f000001, as systems take them
        except (OSError, ValueError):
            return None


@functools.lru_cache
def _is_listed(name: str) -> bool:
    """Whether the system's own list of names, which may have 100,000, has it for such an address."""
    try:
        lines = _HOSTS.read_text("utf-8", "replace").lower().splitlines()
    except OSError:  # there is none, as on Windows
        return False
    rows = (line.partition("#")[0].split() for line in lines if name in line)
    return any(name in row[1:] and _leads_here(row[0]) for row in rows)
