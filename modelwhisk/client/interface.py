"""What a model takes and gives, as plain records; read from Swagger by `swagger`, from a file by `specification`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import unquote

from modelwhisk.client.errors import InterfaceError

Kind = Literal["file", "string", "integer", "number", "boolean", "array", "object", "any"]
Place = Literal["query", "form", "json"]
Form = Literal["json", "multipart", "urlencoded", "query"]

PLAIN = "data"  # the name of an input that is the whole JSON body, and of an output that has no name


@dataclass(frozen=True)
class Field:
    """One input or output: its name, type, where it travels and what its values may be.

    `items` is the type of an array's elements; `repeated` tells that an array outside JSON is one field for each
    element rather than a list with commas. `id` is the specification's own, where it has one.
    """

    name: str
    kind: Kind = "any"
    place: Place = "json"
    required: bool = False
    description: str = ""
    default: Any = None
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    items: Field | None = None
    repeated: bool = False
    id: str = ""

    def __str__(self) -> str:
        kind = f"array of {self.items.kind}" if self.kind == "array" and self.items else self.kind
        return f"{self.name} ({kind}{', required' if self.required else ''})"


@dataclass(frozen=True)
class Interface:
    """How predictions are asked for: `method` and `path` below the model's address, the inputs and their `form`.

    `whole_body` tells that the JSON body is the value of the one input in it, and not an object of several.
    `produces` has the media types of the answer, as far as they are stated. Raises `InterfaceError` for a path that
    isn't "" and begins with no slash, or leads up.
    """

    method: str
    path: str
    form: Form
    inputs: tuple[Field, ...] = ()
    outputs: tuple[Field, ...] = ()
    produces: tuple[str, ...] = ()
    whole_body: bool = False
    title: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        # A description's path is its author's word: `@host/x` and `:80/x` would lead to others than the model.
        up = ".." in re.split(r"[/\\]", unquote(self.path))
        if self.path[:1] not in ("", "/") or up or not self.path.isprintable():
            raise InterfaceError(f"{self.path!r} is no path below the model's address")

    def input(self, name: str) -> Field | None:
        """The input called `name`, or with that id."""
        return self._by_name.get(name) or self._by_id.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in reversed(self.inputs)}

    @cached_property
    def _by_id(self) -> dict[str, Field]:
        return {field.id: field for field in reversed(self.inputs) if field.id}

    @property
    def sole_input(self) -> Field | None:
        """The input that a bare value is meant for: the only one that is required, or the only one."""
        required = [field for field in self.inputs if field.required]
        candidates = required or list(self.inputs)
        return candidates[0] if len(candidates) == 1 else None
