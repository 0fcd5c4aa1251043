"""By which names a URL's host is this machine: a proxy has no way to it, and would get what is sent, keys too."""

from __future__ import annotations

import ipaddress
import socket

_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback"})


def is_this_machine(host: str) -> bool:
    """Whether it is the loopback, or an unspecified address, which systems take for it; no name is looked up."""
    name = host.rstrip(".").lower()
    if name in _NAMES or name.endswith(".localhost"):
        return True
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
