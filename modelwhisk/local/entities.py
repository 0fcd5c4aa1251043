"""Actions and packages as the platform stores them: made and changed by requests, written for clients; pure.

Source: core/controller/.../{Actions,Packages}.scala (`make`, `update`) and common/scala/.../core/entity/{WhiskAction,
WhiskPackage}.scala.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from modelwhisk.local import executables, names
from modelwhisk.local.executables import Executable
from modelwhisk.local.limits import ActionLimits, read_limits
from modelwhisk.local.names import EntityId
from modelwhisk.local.parameters import Malformed, Parameter, Parameters
from modelwhisk.local.spray_json import Json, compact

FIRST_VERSION = "0.0.1"

_VERSION_NUMBER = re.compile(r"[+-]?[0-9]+")
_MAX_INT = 2**31 - 1


class Undefined(ValueError):
    """A new action without anything to run."""


@dataclass(frozen=True)
class ActionPut:
    """What a request says of an action; None for what it doesn't mention."""

    exec: Executable | None = None
    parameters: Parameters | None = None
    limits: Mapping[str, int] | None = None
    version: str | None = None
    publish: bool | None = None
    annotations: Parameters | None = None
    dropped_annotations: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: Json, namespace: str) -> ActionPut:
        """From the body of a request in that namespace; raises `Malformed`."""
        fields = _object(document, "exec")
        chosen = executables.read_executable(fields["exec"]) if "exec" in fields else None
        return cls(
            exec=chosen.resolved(namespace) if isinstance(chosen, executables.Sequence) else chosen,
            parameters=_parameters(fields, "parameters"),
            limits=read_limits(fields["limits"]) if "limits" in fields else None,
            version=_version(fields),
            publish=_flag(fields, "publish"),
            annotations=_parameters(fields, "annotations"),
            dropped_annotations=_texts(fields, "delAnnotations"),
        )


@dataclass(frozen=True)
class ActionEntity:
    """An action as it is stored; `updated` is in milliseconds."""

    id: EntityId
    exec: Executable
    parameters: Parameters = field(default_factory=Parameters)
    limits: ActionLimits = field(default_factory=ActionLimits)
    version: str = FIRST_VERSION
    publish: bool = False
    annotations: Parameters = field(default_factory=Parameters)
    updated: int = 0

    kind = "action"

    @classmethod
    def create(cls, id: EntityId, put: ActionPut, now: int) -> ActionEntity:
        """A new action; raises `Undefined`."""
        if put.exec is None:
            raise Undefined("exec undefined")
        annotations = put.annotations or Parameters()
        if "provide-api-key" not in annotations.named:
            annotations |= Parameters({"provide-api-key": Parameter(False)})
        return cls(
            id,
            put.exec,
            _own_parameters(put.exec) or put.parameters or Parameters(),
            ActionLimits().changed(put.limits or {}),
            put.version or FIRST_VERSION,
            bool(put.publish),
            _with_kind(annotations, put.exec),
            now,
        )

    def update(self, put: ActionPut, now: int) -> ActionEntity:
        """The action with what a request changes of it."""
        chosen = put.exec or self.exec
        was_sequence = isinstance(self.exec, executables.Sequence)
        kept = Parameters() if was_sequence else self.parameters
        parameters = put.parameters if put.parameters is not None else kept
        annotations = self.annotations.without(put.dropped_annotations) | (put.annotations or Parameters())
        return replace(
            self,
            exec=chosen,
            parameters=_own_parameters(chosen) or parameters,
            limits=self.limits.changed(put.limits or {}),
            version=put.version or _next_patch(self.version),
            publish=self.publish if put.publish is None else put.publish,
            annotations=_with_kind(annotations, chosen),
            updated=now,
        )

    def inheriting(self, parameters: Parameters) -> ActionEntity:
        """The action with parameters of its package under its own."""
        return replace(self, parameters=parameters | self.parameters)

    def to_json(self, *, code: bool = True, binding: str | None = None) -> dict[str, Json]:
        """The document that clients get; `binding` is the path of the package binding it was asked through."""
        written: dict[str, Json] = {
            **_common(self),
            "exec": self.exec.to_json(code=code),
            "parameters": self.parameters.to_json(),
            "limits": self.limits.to_json(),
        }
        return written if binding is None else {**written, "binding": binding}

    def summary(self) -> dict[str, Json]:
        """The document's short form in lists."""
        return {**_common(self), "limits": self.limits.to_json(), "exec": {"binary": self.exec.binary}}

    def in_package(self) -> dict[str, Json]:
        """What a package's document says of the action."""
        return {"name": self.id.name, "version": self.version, "annotations": self.annotations.to_json()}

    @classmethod
    def stored(cls, id: EntityId, document: Json) -> ActionEntity:
        """From what `to_json` wrote."""
        assert isinstance(document, dict)
        assert isinstance(document["exec"], dict)
        return cls(
            id,
            executables.stored_executable(document["exec"]),
            limits=ActionLimits().changed(read_limits(document["limits"])),
            **_stored_common(document),
        )


@dataclass(frozen=True)
class PackagePut:
    """What a request says of a package; None for what it doesn't mention."""

    binding: EntityId | None = None
    parameters: Parameters | None = None
    version: str | None = None
    publish: bool | None = None
    annotations: Parameters | None = None

    @classmethod
    def read(cls, document: Json, namespace: str) -> PackagePut:
        """From the body of a request in that namespace; raises `Malformed`."""
        fields = _object(document, "binding")
        return cls(
            binding=_binding(fields.get("binding"), namespace),
            parameters=_parameters(fields, "parameters"),
            version=_version(fields),
            publish=_flag(fields, "publish"),
            annotations=_parameters(fields, "annotations"),
        )


@dataclass(frozen=True)
class PackageEntity:
    """A package as it is stored, or the binding of another one."""

    id: EntityId
    binding: EntityId | None = None
    parameters: Parameters = field(default_factory=Parameters)
    version: str = FIRST_VERSION
    publish: bool = False
    annotations: Parameters = field(default_factory=Parameters)
    updated: int = 0

    kind = "package"

    @classmethod
    def create(cls, id: EntityId, put: PackagePut, now: int) -> PackageEntity:
        """A new package."""
        return cls(
            id,
            put.binding,
            put.parameters or Parameters(),
            put.version or FIRST_VERSION,
            bool(put.publish),
            _with_binding(put.annotations or Parameters(), put.binding),
            now,
        )

    def update(self, put: PackagePut, now: int) -> PackageEntity:
        """The package with what a request changes of it."""
        binding = put.binding or self.binding
        annotations = put.annotations if put.annotations is not None else self.annotations
        return replace(
            self,
            binding=binding,
            parameters=self.parameters if put.parameters is None else put.parameters,
            version=put.version or _next_patch(self.version),
            publish=self.publish if put.publish is None else put.publish,
            annotations=_with_binding(annotations, binding),
            updated=now,
        )

    def inheriting(self, parameters: Parameters) -> PackageEntity:
        """The binding with the parameters of its package under its own."""
        return replace(self, parameters=parameters | self.parameters)

    def to_json(self) -> dict[str, Json]:
        """The document that clients get."""
        return {**_common(self), "parameters": self.parameters.to_json(), "binding": _binding_json(self.binding)}

    def with_actions(self, actions: Sequence[ActionEntity]) -> dict[str, Json]:
        """The document with what is in the package."""
        feeds = [action for action in actions if "feed" in action.annotations.named]
        others = [action for action in actions if "feed" not in action.annotations.named]
        return {
            **self.to_json(),
            "actions": [action.in_package() for action in others],
            "feeds": [action.in_package() for action in feeds],
        }

    def summary(self) -> dict[str, Json]:
        """The document's short form in lists."""
        return {**_common(self), "binding": _binding_json(self.binding) or False}

    @classmethod
    def stored(cls, id: EntityId, document: Json) -> PackageEntity:
        """From what `to_json` wrote."""
        assert isinstance(document, dict)
        return cls(id, _binding(document["binding"], id.namespace), **_stored_common(document))


Entity = ActionEntity | PackageEntity


def _common(entity: Entity) -> dict[str, Json]:
    return {
        "namespace": entity.id.path,
        "name": entity.id.name,
        "version": entity.version,
        "publish": entity.publish,
        "annotations": entity.annotations.to_json(),
        "updated": entity.updated,
    }


def _stored_common(document: dict[str, Json]) -> dict[str, Any]:
    return {
        "parameters": Parameters.read(document["parameters"]),
        "version": document["version"],
        "publish": document["publish"],
        "annotations": Parameters.read(document["annotations"]),
        "updated": int(str(document["updated"])),
    }


def _own_parameters(chosen: Executable) -> Parameters | None:
    """A sequence's parameters are its components, and nothing else."""
    if not isinstance(chosen, executables.Sequence):
        return None
    return Parameters({"_actions": Parameter(list(chosen.components))})


def _with_kind(annotations: Parameters, chosen: Executable) -> Parameters:
    return annotations | Parameters({"exec": Parameter(chosen.kind)})


def _with_binding(annotations: Parameters, binding: EntityId | None) -> Parameters:
    kept = annotations.without(["binding"])
    return kept if binding is None else kept | Parameters({"binding": Parameter(_binding_json(binding))})


def _binding_json(binding: EntityId | None) -> dict[str, Json]:
    return {} if binding is None else {"namespace": binding.namespace, "name": binding.name}


def _next_patch(version: str) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def _object(document: Json, first_field: str) -> dict[str, Json]:
    """The document's fields, null ones left out as the platform does with optional ones."""
    if not isinstance(document, dict):
        raise Malformed(f"Object expected in field '{first_field}'")
    return {name: value for name, value in document.items() if value is not None}


def _parameters(fields: Mapping[str, Json], name: str) -> Parameters | None:
    return Parameters.read(fields[name]) if name in fields else None


def _flag(fields: Mapping[str, Json], name: str) -> bool | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise Malformed(f"Expected JsTrue or JsFalse, but got {compact(value)}")
    return value


def _texts(fields: Mapping[str, Json], name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise Malformed(f"Expected Array as JsArray, but got {compact(value)}")
    texts = [item for item in value if isinstance(item, str)]
    if len(texts) < len(value):
        raise Malformed("Expected String as JsString")
    return tuple(texts)


def _version(fields: Mapping[str, Json]) -> str | None:
    if "version" not in fields:
        return None
    stated = fields["version"]
    parts = stated.split(".") if isinstance(stated, str) and stated else [] if stated == "" else ["?"]
    if not all(_VERSION_NUMBER.fullmatch(part) for part in parts[:3]):
        raise Malformed("semantic version malformed")
    numbers = [Decimal(part) for part in parts[:3]] + [Decimal(0)] * (3 - len(parts[:3]))
    if not 0 <= min(numbers) <= max(numbers) <= _MAX_INT or not any(numbers):
        raise Malformed("semantic version malformed")
    return ".".join(str(int(number)) for number in numbers)


def _binding(value: Json, namespace: str) -> EntityId | None:
    """A package's binding; `_` stands for `namespace`."""
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise Malformed("Object expected in field 'namespace'")
    parts = []
    for name in ("namespace", "name"):
        if name not in value:
            raise Malformed(f"Object is missing required member '{name}'")
        part = value[name]
        if not isinstance(part, str) or not names.is_entity_name(part):
            raise Malformed("name malformed")
        parts.append(part)
    return EntityId(namespace if parts[0] == "_" else parts[0], "", parts[1])
