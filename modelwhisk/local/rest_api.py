"""The REST API: from a request of `wsk` or another client to its response.

The order of the checks is the platform's. Source: core/controller/.../{RestAPIs,AuthorizedRouteDispatcher,Actions,
Packages,Limits,Namespaces,Controller}.scala and entitlement/Entitlement.scala.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from modelwhisk.local import local_hosts, messages
from modelwhisk.local.activations import Activations
from modelwhisk.local.catalogue import Catalogue, NotFound, WrongCollection
from modelwhisk.local.credentials import GUEST_KEY, Caller, caller_of
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, Rejected, negotiated
from modelwhisk.local.limits import PlatformLimits
from modelwhisk.local.names import EntityId
from modelwhisk.local.rest_activations import ActivationsApi, Ask, InvocationApi
from modelwhisk.local.rest_answers import CHALLENGE, CORS, Terminated, document, not_found
from modelwhisk.local.rest_entities import ActionsApi, PackagesApi
from modelwhisk.local.rest_routes import Parameters, Route, check_name, is_info, is_rest, match
from modelwhisk.local.spray_json import Json
from modelwhisk.local.throttle import Throttle
from modelwhisk.local.uri import Target
from modelwhisk.peer import TRUSTED_USERS

_FOREIGN_PAGE = "The REST API answers only clients of this machine, not web pages."
_OTHER_USER = (
    "This REST API is for the user who runs the platform (id {0}), and for root: who has its key can run code as them. "
    "For users of this machine whom they trust they name their ids in {1}; to all who have the key, one of its own in "
    "MODELWHISK_LOCAL_AUTH, it answers with --bind 0.0.0.0."
)
_NO_TRIGGERS = "The local platform has actions and packages, but no triggers and rules."


class RestApi:
    """Answers requests for which `takes` is true; `bind` is the address that the platform serves on."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        activations: Activations,
        throttle: Throttle,
        limits: PlatformLimits,
        credentials: Mapping[str, str],
        bind: str,
        wait: float,
    ) -> None:
        self._throttle = throttle
        self._limits = limits
        self._credentials = credentials
        self._bind = bind
        # Who opens the platform to others, with a key that is no common one, knows of them.
        self._is_for_oneself = GUEST_KEY in credentials or bind not in ("0.0.0.0", "::")  # noqa: S104
        self._actions = ActionsApi(catalogue, limits)
        self._packages = PackagesApi(catalogue, limits)
        self._activations = ActivationsApi(catalogue.store)
        self._invocation = InvocationApi(catalogue, activations, limits, wait)

    def takes(self, request: HttpRequest, target: Target) -> bool:
        """Whether a request is for this API; preflight requests are answered like those of other URLs."""
        if request.method == "GET" and (target.segments == ("", "") or is_info(target)):
            return True
        return is_rest(target) and request.method != "OPTIONS"

    async def answer(self, ask: Ask) -> HttpResponse:
        """The response to a request that this API takes."""
        try:
            response = negotiated(ask.request.preferences, await self._answer(ask))
        except Rejected as rejection:
            response = rejection.response(ask.transaction)
        return response.with_headers((("X-Request-ID", ask.transaction),))

    async def _answer(self, ask: Ask) -> HttpResponse:
        if ask.target.segments == ("", ""):
            return document(200, self._system_info())
        if is_info(ask.target):
            return document(200, _API_INFO, CORS)
        if not local_hosts.is_own(ask.request, self._bind):
            return document(403, {"error": _FOREIGN_PAGE, "code": ask.transaction})
        caller = caller_of(ask.request, self._credentials)
        if caller.namespace is None:
            raise _unauthenticated(caller)
        if self._is_for_oneself and ask.peer is not None and await ask.peer.is_another_user():
            refusal = _OTHER_USER.format(os.geteuid(), TRUSTED_USERS)
            return document(403, {"error": refusal, "code": ask.transaction})
        route = match(ask.request.method, ask.target, caller.namespace)
        try:
            response = await self._routed(ask, route, caller.namespace)
        except Terminated as end:
            response = end.response(ask.transaction)
        except NotFound:
            response = not_found().response(ask.transaction)
        except WrongCollection:
            response = Terminated(409, messages.WRONG_COLLECTION).response(ask.transaction)
        return response.with_headers(CORS)

    async def _routed(self, ask: Ask, route: Route | None, own_namespace: str) -> HttpResponse:
        if route is None or route.namespace != own_namespace:
            return document(200, [own_namespace]) if route is None else _foreign(ask.request.method, route)
        query = Parameters(ask.target.query, route.collection)
        if route.collection == "limits":
            return self._limits_of(route)
        if route.is_list:
            return self._list(route, query)
        if route.collection == "actions":
            return await self._action(ask, route, query)
        return self._activations.show(route) if route.collection == "activations" else self._other(ask, route, query)

    def _other(self, ask: Ask, route: Route, query: Parameters) -> HttpResponse:
        check_name(route.rest[0])
        if len(route.rest) > 1:
            raise Rejected(404, messages.NO_ROUTE)
        if route.collection == "packages":
            return self._package(ask.request, EntityId(route.namespace, "", route.rest[0]), query)
        raise not_found() if ask.request.method in ("GET", "DELETE") else Terminated(501, _NO_TRIGGERS)

    async def _action(self, ask: Ask, route: Route, query: Parameters) -> HttpResponse:
        method = ask.request.method
        check_name(route.rest[0])
        if len(route.rest) == 2 and route.rest[1] == "" and method == "GET":
            return self._actions.list(route.namespace, route.rest[0], query)
        id = _action_id(route)
        if method == "POST":
            if (refusal := self._throttle.refusal(route.namespace)) is not None:
                raise Terminated(429, refusal)
            return await self._invocation.invoke(id, ask, query)
        if method == "GET":
            return self._actions.show(id, query)
        if method == "DELETE":
            return self._actions.delete(id)
        return self._actions.put(id, ask.request, query)

    def _package(self, request: HttpRequest, id: EntityId, query: Parameters) -> HttpResponse:
        if request.method == "GET":
            return self._packages.show(id)
        if request.method == "DELETE":
            return self._packages.delete(id, query)
        return self._packages.put(id, request, query)

    def _list(self, route: Route, query: Parameters) -> HttpResponse:
        if route.collection == "actions":
            return self._actions.list(route.namespace, None, query)
        if route.collection == "activations":
            return self._activations.list(route.namespace, query)
        if route.collection == "packages":
            return self._packages.list(route.namespace, query)
        query.skip(), query.limit()  # refused like those of other lists
        return document(200, {route.collection: 0} if query.flag("count") else [])

    def _limits_of(self, route: Route) -> HttpResponse:
        if not route.is_list:
            raise Rejected(400, "Inner entity level routes for limits are not yet implemented.")
        return document(200, self._limits.namespace_view())

    def _system_info(self) -> dict[str, Json]:
        return {
            "description": "OpenWhisk",
            "support": {
                "github": "https://github.com/apache/openwhisk/issues",
                "slack": "http://slack.openwhisk.org",
            },
            "api_paths": ["/api/v1"],
            "limits": self._limits.system_view(),
            "runtimes": {},
        }


# What the recorded server says of itself (RestAPIs.scala, `info`).
_API_INFO: dict[str, Json] = {
    "description": "OpenWhisk API",
    "api_version": "1.0.0",
    "api_version_path": "v1",
    "build": "???",
    "buildno": "standalone",
    "swagger_paths": {"ui": "/docs", "api-docs": "/api-docs"},
}


def _action_id(route: Route) -> EntityId:
    """The action that a route names, in a package or in none."""
    if len(route.rest) == 1:
        return EntityId(route.namespace, "", route.rest[0])
    if len(route.rest) > 2 or route.rest[1] == "":
        raise Rejected(404, messages.NO_ROUTE)
    check_name(route.rest[1])
    return EntityId(route.namespace, route.rest[0], route.rest[1])


def _unauthenticated(caller: Caller) -> Rejected:
    message = messages.CREDENTIALS_REJECTED if caller.presented else messages.CREDENTIALS_MISSING
    return Rejected(401, message, CHALLENGE)


def _foreign(method: str, route: Route) -> HttpResponse:
    """What a caller gets of another namespace: only packages that are shared, of which there are none."""
    resource = "/".join((route.namespace, *route.rest)).rstrip("/")
    if route.collection == "packages" and method == "GET":
        if route.is_list:
            return document(200, [])
        raise Terminated(404, messages.named_not_found(resource))
    raise Terminated(403, messages.not_authorized(resource))
