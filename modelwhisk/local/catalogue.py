"""The entities of the platform, found by name through packages and their bindings, and what runs them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from modelwhisk.local.actions import Action
from modelwhisk.local.entities import ActionEntity, Entity, PackageEntity
from modelwhisk.local.executables import BlackBox
from modelwhisk.local.images import Images, NoContainers
from modelwhisk.local.limits import ActionLimits
from modelwhisk.local.names import DEFAULT_PACKAGE, EntityId
from modelwhisk.local.parameters import Parameter, Parameters
from modelwhisk.local.store import Store

Kind = TypeVar("Kind", ActionEntity, PackageEntity)


class NotFound(LookupError):
    """There is no such entity."""


class WrongCollection(LookupError):
    """The name is that of another kind of entity."""


@dataclass(frozen=True)
class Resolved:
    """An action with the parameters of its package under its own; `binding` is the path it was asked through."""

    entity: ActionEntity
    binding: str | None = None


class Catalogue:
    """Looks up in `store`, and changes it; `on_change` is told of each action that isn't any more what it was."""

    def __init__(self, store: Store, images: Images, on_change: Callable[[EntityId], None]) -> None:
        self.store = store
        self._images = images
        self._on_change = on_change
        self._last_time = 0

    def now(self) -> int:
        """The time in milliseconds, later with each call, so that lists have one order."""
        self._last_time = max(self._last_time + 1, int(time.time() * 1000))
        return self._last_time

    def find(self, id: EntityId, kind: type[Kind]) -> Kind:
        """The entity of that name; raises `NotFound` and `WrongCollection`."""
        found = self.store.get(id)
        if found is None:
            raise NotFound(id.qualified)
        if not isinstance(found, kind):
            raise WrongCollection(id.qualified)
        return found

    def package(self, namespace: str, name: str) -> PackageEntity:
        """A package or a binding."""
        return self.find(EntityId(namespace, "", name), PackageEntity)

    def resolve(self, id: EntityId) -> Resolved:
        """An action, through its package's binding if that is one."""
        if not id.package:
            return Resolved(self.find(id, ActionEntity))
        package = self.package(id.namespace, id.package)
        parameters = package.parameters
        binding = package.binding
        if binding is not None:
            provider = self.package(binding.namespace, binding.name)
            parameters = provider.parameters | parameters
            found = self.find(EntityId(binding.namespace, binding.name, id.name), ActionEntity)
            return Resolved(found.inheriting(parameters), id.path)
        return Resolved(self.find(id, ActionEntity).inheriting(parameters))

    def put(self, entity: Entity) -> None:
        """Stores an entity, new or changed."""
        self.store.put(entity)
        self._on_change(entity.id)

    def delete(self, id: EntityId) -> None:
        """Removes an entity."""
        self.store.delete(id)
        self._on_change(id)

    def web_action(self, namespace: str, package: str, name: str) -> Action | None:
        """The action that the URL of a web action names, `package` being `default` for none."""
        in_package = "" if package == DEFAULT_PACKAGE else package
        try:
            return self.runnable(self.resolve(EntityId(namespace, in_package, name)).entity)
        except LookupError:
            return None

    def runnable(self, entity: ActionEntity) -> Action:
        """What runs an action."""
        chosen = entity.exec
        init = entity.parameters.for_init()
        values = entity.parameters.values()
        return Action(
            name=entity.id.name,
            containers=self._images.factory(chosen.image) if isinstance(chosen, BlackBox) else NoContainers(),
            namespace=entity.id.namespace,
            package=entity.id.package or None,
            parameters={name: value for name, value in values.items() if name not in init},
            init_parameters={name: value for name, value in values.items() if name in init},
            annotations=entity.annotations.values(),
            memory=entity.limits.memory,
            timeout=entity.limits.timeout,
            concurrency=entity.limits.concurrency,
            logs=entity.limits.logs,
            version=entity.version,
            image=chosen.image if isinstance(chosen, BlackBox) else None,
            code=chosen.code if isinstance(chosen, BlackBox) else None,
            main=chosen.main if isinstance(chosen, BlackBox) else None,
            binary=chosen.binary,
            components=() if isinstance(chosen, BlackBox) else chosen.components,
            revision=(entity.id, entity.updated),
        )

    def offer(self, action: Action) -> None:
        """Has an action of the caller's own, whatever the limits; one that is stored just so stays as it is.

        Its image is known by `image_of`.
        """
        id = EntityId(action.namespace, action.package or "", action.name)
        if action.package and self.store.get(EntityId(action.namespace, "", action.package)) is None:
            self.put(PackageEntity(EntityId(action.namespace, "", action.package), updated=self.now()))
        offered = _entity_of(id, action)
        stored = self.store.get(id)
        if not isinstance(stored, ActionEntity):
            self.put(replace(offered, updated=self.now()))
        elif offered != replace(stored, version=offered.version, updated=offered.updated):
            major, minor, patch = stored.version.split(".")
            version = f"{major}.{minor}.{int(patch) + 1}"
            self.put(replace(offered, version=version, updated=self.now()))


def image_of(action: Action) -> str:
    """What REST clients see as an offered action's image."""
    return action.image or "/".join(action.key)


def _entity_of(id: EntityId, action: Action) -> ActionEntity:
    annotations = Parameters.of(action.annotations)
    if "provide-api-key" not in annotations.named:
        annotations |= Parameters({"provide-api-key": Parameter(False)})
    return ActionEntity(
        id,
        BlackBox(image_of(action), action.code, action.main),
        Parameters.of(action.parameters, action.init_parameters),
        ActionLimits(action.timeout, action.memory, action.logs, action.concurrency),
        action.version,
        annotations=annotations | Parameters({"exec": Parameter(BlackBox.kind)}),
    )
