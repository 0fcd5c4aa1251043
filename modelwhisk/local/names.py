"""Names of entities, and where an entity is: namespace, package and name; pure.

Source: common/scala/.../core/entity/EntityPath.scala.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PACKAGE = "default"  # in the URLs of web actions
MAX_NAME = 256

_ENTITY_NAME = re.compile(r"[A-Za-z0-9_]|[A-Za-z0-9_][A-Za-z0-9_@ .&-]{0,254}[A-Za-z0-9_@.&-]")


def is_entity_name(text: str) -> bool:
    """Whether the platform lets an entity, a package or a namespace have that name."""
    return _ENTITY_NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class EntityId:
    """What an entity is found by; `package` is empty for those that are in none."""

    namespace: str
    package: str
    name: str

    @property
    def path(self) -> str:
        """The namespace as the platform shows it, with the package."""
        return f"{self.namespace}/{self.package}" if self.package else self.namespace

    @property
    def qualified(self) -> str:
        """The whole name, without a slash before it."""
        return f"{self.path}/{self.name}"

    @classmethod
    def parse(cls, qualified: str) -> EntityId:
        """From `[/]namespace/[package/]name`."""
        namespace, *package, name = qualified.strip("/").split("/")
        return cls(namespace, "/".join(package), name)
