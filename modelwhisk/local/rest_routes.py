"""The REST API's URLs and query parameters: what a request asks for; pure.

Source: core/controller/.../{AuthorizedRouteDispatcher,Actions,Packages,Activations,RestAPIs}.scala and pekko-http's
ParameterDirectives.scala.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwhisk.local import messages, names
from modelwhisk.local.http_messages import Rejected
from modelwhisk.local.uri import Query, Target

DEFAULT_LIST_LIMIT = 30
MAX_LIST_LIMIT = 200

_BASE = ("", "api", "v1")
_METHODS = {
    "actions": ("PUT", "GET", "DELETE", "POST"),
    "packages": ("PUT", "GET", "DELETE"),
    "triggers": ("PUT", "GET", "DELETE", "POST"),
    "rules": ("PUT", "GET", "DELETE", "POST"),
    "activations": ("GET",),
    "limits": ("GET",),
}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Route:
    """A collection of a namespace, or what is in it: `rest` are the segments after the collection's name."""

    collection: str
    namespace: str
    rest: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        """Whether the collection itself is asked for."""
        return self.rest in ((), ("",))


def is_rest(target: Target) -> bool:
    """Whether a target is for the API of this module."""
    return target.segments[:4] == (*_BASE, "namespaces")


def is_info(target: Target) -> bool:
    """Whether a target is the API's own address, where it says what it is."""
    return target.segments in (_BASE, (*_BASE, ""))


def match(method: str, target: Target, own_namespace: str) -> Route | None:
    """The route of a request by a caller of that namespace, None for the list of namespaces; raises `Rejected`."""
    rest = target.segments[4:]
    if rest in ((), ("",)):
        if method == "GET":
            return None
        raise Rejected(404, messages.NO_ROUTE)
    if len(rest) < 2 or rest[1] not in _METHODS:
        raise Rejected(404, messages.NO_ROUTE)
    namespace, collection = rest[0], rest[1]
    if not names.is_entity_name(namespace):
        raise Rejected(400, _refusal("Namespace", namespace, messages.NAMESPACE_ILLEGAL))
    route = Route(collection, own_namespace if namespace == "_" else namespace, rest[2:])
    if method not in (("GET",) if route.is_list else _METHODS[collection]):
        raise Rejected(404, messages.NO_ROUTE)
    return route


def check_name(name: str) -> None:
    """Raises `Rejected` for what is no entity's name."""
    if not names.is_entity_name(name):
        # As written there.
        raise Rejected(400, _refusal("Name segement", name, messages.NAME_ILLEGAL))


def check_activation_id(id: str) -> None:
    """Raises `Rejected` for what is no activation's id."""
    if len(id) != 32:
        raise Rejected(400, f"Activation id length is {len(id)} but must be 32.")
    if any(character not in "0123456789abcdef" for character in id):
        raise Rejected(400, messages.ACTIVATION_ID_ILLEGAL)


def _refusal(what: str, name: str, illegal: str) -> str:
    too_long = len(name) > names.MAX_NAME
    return messages.name_too_long(what, len(name), names.MAX_NAME) if too_long else illegal


class Parameters:
    """The query of a request, read as the platform reads it; raises `Rejected` for what it doesn't take."""

    def __init__(self, query: Query, collection: str = "") -> None:
        self._collection = collection
        self._values: dict[str, str] = {}
        for key, value in query.pairs:
            self._values.setdefault(key, value or "")

    def text(self, name: str) -> str | None:
        """A parameter as it came."""
        return self._values.get(name)

    def flag(self, name: str) -> bool:
        """A boolean one, false where it is missing."""
        return self.default_flag(name, default=False)

    def default_flag(self, name: str, *, default: bool) -> bool:
        """A boolean one."""
        value = self._values.get(name, "")
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        if value:
            raise _malformed(name, f"'{value}' is not a valid Boolean value")
        return default

    def limit(self) -> int:
        """How many items of a list."""
        value = self._integer("limit", DEFAULT_LIST_LIMIT)
        if not 0 <= value <= MAX_LIST_LIMIT:
            reason = f"The value '{value}' is not in the range of 0 to {MAX_LIST_LIMIT} for {self._collection}."
            raise _malformed("limit", reason)
        return value or MAX_LIST_LIMIT

    def skip(self) -> int:
        """How many items of a list are left out at its beginning."""
        value = self._integer("skip", 0)
        if value < 0:
            reason = f"The value '{value}' is not greater than or equal to 0 for {self._collection}."
            raise _malformed("skip", reason)
        return value

    def milliseconds(self, name: str, most: int) -> int:
        """A time to wait, `most` where it is missing."""
        value = self._values.get(name)
        if value is None:
            return most
        if (number := _number(value)) is None or not 0 < number <= most:
            raise _malformed(name, f"Timeout must be number of milliseconds up to {most}.")
        return number

    def epoch(self, name: str) -> int | None:
        """A point in time."""
        value = self._values.get(name)
        if value is None:
            return None
        if (number := _number(value)) is None:
            raise _malformed(name, f"Parameter is not a valid value for epoch seconds: {value}")
        return number

    def action_name(self, name: str) -> str | None:
        """`[package/]name`."""
        value = self._values.get(name)
        if value is None or not value.strip():
            return None
        parts = [part for part in value.split("/") if part]
        if not 0 < len(parts) <= 2 or not all(names.is_entity_name(part) for part in parts):
            reason = f"Parameter may be a 'simple' name or 'package-name/simple' name: {value}"
            raise _malformed(name, reason)
        return "/".join(parts)

    def _integer(self, name: str, default: int) -> int:
        value = self._values.get(name)
        if value is None:
            return default
        if (number := _number(value)) is None or abs(number) >= 2**31:
            raise _malformed(name, f"The value '{value}' is not an integer for {self._collection}.")
        return number


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _malformed(name: str, reason: str) -> Rejected:
    return Rejected(400, messages.malformed_query(name, reason))
