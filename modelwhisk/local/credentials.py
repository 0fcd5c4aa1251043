"""Who sends a request: HTTP's Basic credentials, which are a namespace's key; pure.

Source: core/controller/.../BasicAuthenticationDirective.scala.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from modelwhisk.local.http_messages import HttpRequest

# The key that every standalone OpenWhisk and its `wsk` are set up with (ansible/files/auth.guest).
GUEST_KEY = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"


@dataclass(frozen=True)
class Caller:
    """Who sent a request: `namespace` is None without valid credentials, `presented` whether there were any."""

    namespace: str | None = None
    presented: bool = False


def caller_of(request: HttpRequest, credentials: Mapping[str, str]) -> Caller:
    """The caller; `credentials` has the namespace of each `user:password`."""
    scheme, _, token = (request.header("authorization") or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return Caller(presented=bool(scheme))
    try:
        key = base64.b64decode(token.strip(), validate=True)
    except binascii.Error:
        return Caller(presented=True)
    return Caller(_namespace(key, credentials), presented=True)


def _namespace(key: bytes, credentials: Mapping[str, str]) -> str | None:
    found = None
    for known, namespace in credentials.items():  # all of them, and each in constant time
        if hmac.compare_digest(key, known.encode("utf-8")):
            found = namespace
    return found
