"""Modelwhisk: packaged Python models as OpenWhisk web actions; this package is the tool on the user's own machine.

`Model`, `AsyncModel` and `Client` call models from Python; the rest of the client is in `modelwhisk.client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelwhisk.client import AsyncModel, Client, Model

__version__ = "0.1.0"
__all__ = ["AsyncModel", "Client", "Model", "__version__"]


def __getattr__(name: str) -> Any:
    # The command line imports this package, too, and must not wait for HTTP libraries that it doesn't use.
    if name in ("AsyncModel", "Client", "Model"):
        from modelwhisk import client  # noqa: PLC0415

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
