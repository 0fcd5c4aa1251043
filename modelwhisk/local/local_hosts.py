"""Which requests come from this machine's own user, and not from a web page that a browser here shows; pure.

The key is one that everybody knows, so that the REST API must not be had by a page whose name resolves to this machine
(DNS rebinding, seen in Host), nor by a script of any page: browsers say so in Origin, and where they leave that out in
Sec-Fetch-Site. A page of this machine's own is no better: it may be one that a model's web action answered, from the
REST API's own origin. Web actions are public anyway.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from modelwhisk.local.http_messages import HttpRequest


def is_own(request: HttpRequest, bind: str) -> bool:
    """Whether `request` names a local host, and doesn't come from a page; `bind` is what we serve on."""
    host, site = request.header("host"), request.header("sec-fetch-site")
    if host is None or not _is_local(_host_name(f"//{host}"), bind):
        return False
    return request.header("origin") is None and site in (None, "none")  # "none": an address that was typed in


def _host_name(url: str) -> str:
    try:
        return (urlsplit(url.strip()).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_local(name: str, bind: str) -> bool:
    if name == "localhost" or name.endswith(".localhost") or name == bind.lower():
        return name != ""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Whoever serves on all addresses is asked by them; an address can't be rebound.
    return address.is_loopback or bind in ("0.0.0.0", "::")  # noqa: S104
