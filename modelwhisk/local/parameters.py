"""Parameters and annotations of an entity, as requests state them and the platform stores and merges them; pure.

Source: common/scala/.../core/entity/Parameter.scala.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelwhisk.local.scala_order import map_order
from modelwhisk.local.spray_json import Json, compact, utf_8


class Malformed(ValueError):
    """A document that is no entity of the platform; the message is what the client is told."""


@dataclass(frozen=True)
class Parameter:
    """A value, and whether it is for `/init` only."""

    value: Json
    init: bool = False


@dataclass(frozen=True)
class Parameters:
    """Named values; where names meet, the later one wins, in the place of the earlier."""

    named: Mapping[str, Parameter] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Json], init: Mapping[str, Json] | None = None) -> Parameters:
        """Parameters with these values, those of `init` for `/init` only."""
        plain = {name: Parameter(value) for name, value in values.items()}
        return cls(plain | {name: Parameter(value, init=True) for name, value in (init or {}).items()})

    @classmethod
    def read(cls, document: Json) -> Parameters:
        """From an array of `{"key", "value"[, "init"]}`; raises `Malformed`."""
        if not isinstance(document, list):
            raise Malformed("parameters malformed!")
        return cls(dict(_read(item) for item in document))

    def to_json(self) -> list[Json]:
        """The array that clients get."""
        return [_written(name, self.named[name]) for name in map_order(self.named)]

    def values(self) -> dict[str, Json]:
        """Each name with its value."""
        return {name: parameter.value for name, parameter in self.named.items()}

    def for_init(self) -> frozenset[str]:
        """The names of those that go to `/init`."""
        return frozenset(name for name, parameter in self.named.items() if parameter.init)

    def get(self, name: str) -> Json:
        """A value, None where there is no such name."""
        return self.named[name].value if name in self.named else None

    def __or__(self, other: Parameters) -> Parameters:
        return Parameters({**self.named, **other.named})

    def without(self, names: Iterable[str]) -> Parameters:
        """All but these."""
        dropped = set(names)
        return Parameters({name: value for name, value in self.named.items() if name not in dropped})

    @property
    def size(self) -> int:
        """Bytes of all names and values, as limits count them."""
        return sum(len(utf_8(name)) + len(utf_8(compact(one.value))) for name, one in self.named.items())


def _read(item: Json) -> tuple[str, Parameter]:
    if not isinstance(item, dict):
        raise Malformed("parameters malformed!")
    key, init = item.get("key"), item.get("init", False)
    if not isinstance(key, str) or "value" not in item or not isinstance(init, bool):
        raise Malformed("parameters malformed!")
    return key, Parameter(item["value"], init)


def _written(name: str, parameter: Parameter) -> Json:
    written: dict[str, Json] = {"key": name, "value": parameter.value}
    if parameter.init:
        written["init"] = True
    return written
