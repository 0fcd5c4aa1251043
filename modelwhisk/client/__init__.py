"""Models as Python functions: `Model(url_or_name)(image="x.jpg")`.

`interface`, `swagger`, `specification`, `checking`, `encoding`, `answers` and `exchange` are pure; `transport` alone
has sockets, and `endpoint` asks the platform.
"""

from modelwhisk.client.answers import Binary
from modelwhisk.client.calls import Status
from modelwhisk.client.client import Client
from modelwhisk.client.errors import (
    ClientError,
    InputError,
    InterfaceError,
    ModelError,
    NotReady,
    TooLarge,
    Unreachable,
)
from modelwhisk.client.files import FilePart
from modelwhisk.client.interface import Field, Interface
from modelwhisk.client.model import AsyncModel, Model

__all__ = [
    "AsyncModel",
    "Binary",
    "Client",
    "ClientError",
    "Field",
    "FilePart",
    "InputError",
    "Interface",
    "InterfaceError",
    "Model",
    "ModelError",
    "NotReady",
    "Status",
    "TooLarge",
    "Unreachable",
]
