"""Actions and packages over REST: made, changed, shown, listed and deleted.

Source: core/controller/.../{Actions,Packages,Entities,ApiUtils}.scala. What runs an action is in `rest_invocation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelwhisk.local import executables, messages
from modelwhisk.local.catalogue import Catalogue, NotFound, WrongCollection
from modelwhisk.local.entities import ActionEntity, ActionPut, Entity, PackageEntity, PackagePut, Undefined
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, Rejected
from modelwhisk.local.limits import LimitPassed, PlatformLimits, check_limits
from modelwhisk.local.names import DEFAULT_PACKAGE, EntityId
from modelwhisk.local.parameters import Malformed
from modelwhisk.local.parameters import Parameters as EntityParameters
from modelwhisk.local.rest_answers import Terminated, document, json_body
from modelwhisk.local.rest_routes import Parameters
from modelwhisk.local.spray_json import Json
from modelwhisk.local.store import Window

_Find = Callable[[Window], Sequence[Entity]]


@dataclass(frozen=True)
class ActionsApi:
    """The actions of a catalogue."""

    catalogue: Catalogue
    limits: PlatformLimits

    def list(self, namespace: str, package: str | None, query: Parameters) -> HttpResponse:
        """A namespace's actions, or those of a package."""
        if package is not None:
            found = self.catalogue.package(namespace, package)
            if found.binding is not None:
                namespace, package = found.binding.namespace, found.binding.name
        return _listed(query, lambda window: self.catalogue.store.actions(namespace, package, window), "actions")

    def show(self, id: EntityId, query: Parameters) -> HttpResponse:
        """An action, with its code or without."""
        code = query.default_flag("code", default=True)
        resolved = self.catalogue.resolve(id)
        return document(200, resolved.entity.to_json(code=code, binding=None if code else resolved.binding))

    def put(self, id: EntityId, request: HttpRequest, query: Parameters) -> HttpResponse:
        """A new action, or one that is changed."""
        self._writable_package(id)
        put = _read_action(request, id.namespace)
        self._check_sizes(put)
        overwrite = query.flag("overwrite")
        try:
            check_limits(put.limits or {}, self.limits)
        except LimitPassed as problem:
            raise Terminated(400, str(problem)) from problem
        try:
            known = self.catalogue.find(id, ActionEntity)
        except NotFound:
            known = None
        if known is not None and not overwrite:
            raise Terminated(409, messages.ALREADY_EXISTS)
        if isinstance(put.exec, executables.Sequence):
            self._check_sequence(id, put.exec.components)
        now = self.catalogue.now()
        try:
            entity = ActionEntity.create(id, put, now) if known is None else known.update(put, now)
        except Undefined as problem:
            raise Terminated(400, str(problem)) from problem
        self.catalogue.put(entity)
        return document(200, entity.to_json())

    def delete(self, id: EntityId) -> HttpResponse:
        """An action is removed."""
        self._writable_package(id)
        entity = self.catalogue.find(id, ActionEntity)
        self.catalogue.delete(id)
        return document(200, entity.to_json())

    def _writable_package(self, id: EntityId) -> None:
        if id.package and self.catalogue.package(id.namespace, id.package).binding is not None:
            raise Terminated(400, messages.NOT_ALLOWED_ON_BINDING)

    def _check_sizes(self, put: ActionPut) -> None:
        if put.exec is not None and put.exec.size > self.limits.code:
            raise Terminated(413, messages.too_large(put.exec.size, self.limits.code, "exec"))
        _check_parameter_sizes(self.limits, put.parameters, put.annotations)

    def _check_sequence(self, id: EntityId, components: Sequence[str]) -> None:
        if not components:
            raise Terminated(400, messages.SEQUENCE_EMPTY)
        try:
            count = self._atoms(components, {id: None})
        except LookupError as problem:
            raise Terminated(400, messages.SEQUENCE_COMPONENT_MISSING) from problem
        if count > self.limits.sequence_length:
            raise Terminated(400, messages.SEQUENCE_TOO_LONG)

    def _atoms(self, components: Sequence[str], known: dict[EntityId, int | None]) -> int:
        """How many actions a sequence runs in the end.

        `known` has those of what was looked at, as often as it may come, and None for what is being looked at.
        """
        if len(components) > self.limits.sequence_length:
            raise Terminated(400, messages.SEQUENCE_TOO_LONG)
        total = 0
        for component in components:
            entity = self.catalogue.resolve(EntityId.parse(component)).entity
            if entity.id not in known:
                inner = entity.exec
                known[entity.id] = None
                known[entity.id] = (
                    self._atoms(inner.components, known) if isinstance(inner, executables.Sequence) else 1
                )
            count = known[entity.id]
            if count is None:
                raise Terminated(400, messages.SEQUENCE_CYCLIC)
            total += count
        return total


@dataclass(frozen=True)
class PackagesApi:
    """The packages of a catalogue."""

    catalogue: Catalogue
    limits: PlatformLimits

    def list(self, namespace: str, query: Parameters) -> HttpResponse:
        """A namespace's packages."""
        return _listed(query, lambda window: self.catalogue.store.packages(namespace, window), "packages")

    def show(self, id: EntityId) -> HttpResponse:
        """A package with its actions, a binding with those of the package that it is for."""
        package = self.catalogue.find(id, PackageEntity)
        provider = package
        if package.binding is not None:
            provider = self.catalogue.find(package.binding, PackageEntity)
            package = package.inheriting(provider.parameters)
        actions = self.catalogue.store.actions(provider.id.namespace, provider.id.name)
        return document(200, package.with_actions(actions))

    def put(self, id: EntityId, request: HttpRequest, query: Parameters) -> HttpResponse:
        """A new package or binding, or one that is changed."""
        try:
            put = PackagePut.read(json_body(request), id.namespace)
        except Malformed as problem:
            raise Rejected(400, messages.malformed(str(problem))) from problem
        _check_parameter_sizes(self.limits, put.parameters, put.annotations)
        overwrite = query.flag("overwrite")
        if id.name == DEFAULT_PACKAGE:
            raise Terminated(400, messages.package_name_reserved(id.name))
        try:
            known = self.catalogue.find(id, PackageEntity)
        except NotFound:
            known = None
        if known is not None and not overwrite:
            raise Terminated(409, messages.ALREADY_EXISTS)
        if put.binding is not None:
            if known is not None and known.binding is None:
                raise Terminated(409, messages.PACKAGE_CANNOT_BECOME_BINDING)
            self._check_binding(put.binding)
        now = self.catalogue.now()
        entity = PackageEntity.create(id, put, now) if known is None else known.update(put, now)
        self.catalogue.put(entity)
        return document(200, entity.to_json())

    def delete(self, id: EntityId, query: Parameters) -> HttpResponse:
        """A package is removed, by force with all that is in it."""
        force = query.flag("force")
        package = self.catalogue.find(id, PackageEntity)
        inside = [] if package.binding is not None else self.catalogue.store.actions(id.namespace, id.name)
        if inside and not force:
            raise Terminated(409, messages.package_not_empty(len(inside)))
        for action in inside:
            self.catalogue.delete(action.id)
        self.catalogue.delete(id)
        return document(200, package.to_json())

    def _check_binding(self, binding: EntityId) -> None:
        try:
            provider = self.catalogue.find(binding, PackageEntity)
        except NotFound as problem:
            raise Terminated(400, messages.BINDING_DOES_NOT_EXIST) from problem
        except WrongCollection as problem:
            raise Terminated(409, messages.BINDING_OF_NO_PACKAGE) from problem
        if provider.binding is not None:
            raise Terminated(400, messages.BINDING_OF_A_BINDING)


def _read_action(request: HttpRequest, namespace: str) -> ActionPut:
    try:
        return ActionPut.read(json_body(request), namespace)
    except Malformed as problem:
        raise Rejected(400, messages.malformed(str(problem))) from problem


def _check_parameter_sizes(
    limits: PlatformLimits, parameters: EntityParameters | None, annotations: EntityParameters | None
) -> None:
    for field, given in (("parameters", parameters), ("annotations", annotations)):
        if given is not None and given.size > limits.parameters:
            raise Terminated(413, messages.too_large(given.size, limits.parameters, field))


def _listed(query: Parameters, find: _Find, collection: str) -> HttpResponse:
    skip, limit, count = query.skip(), query.limit(), query.flag("count")
    if count:
        return document(200, {collection: len(find(Window(skip)))})
    found: list[Json] = [entity.summary() for entity in find(Window(skip, limit))]
    return document(200, found)
