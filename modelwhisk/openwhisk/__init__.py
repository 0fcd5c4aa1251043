"""A typed client of OpenWhisk's REST API: any OpenWhisk, `modelwhisk local` among them."""

from modelwhisk.openwhisk.client import OpenWhisk
from modelwhisk.openwhisk.errors import NoCredentials, NotFound, OpenWhiskError, TimedOut
from modelwhisk.openwhisk.records import (
    Action,
    Activation,
    Invocation,
    Json,
    Limits,
    NamespaceLimits,
    Package,
    Parameter,
)
from modelwhisk.openwhisk.settings import Settings

__all__ = [
    "Action",
    "Activation",
    "Invocation",
    "Json",
    "Limits",
    "NamespaceLimits",
    "NoCredentials",
    "NotFound",
    "OpenWhisk",
    "OpenWhiskError",
    "Package",
    "Parameter",
    "Settings",
    "TimedOut",
]
