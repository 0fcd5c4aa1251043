"""The controller's web action routes: a request to an invocation, and an invocation's end to the response; pure.

Source: core/controller/.../WebActions.scala (`routes`, `handleMatch`, `completeRequest`) and RestAPIs.scala; the
contract, B1 to B6. The order of the checks is the platform's.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from modelwhisk.local import messages
from modelwhisk.local.actions import Action
from modelwhisk.local.credentials import Caller, caller_of
from modelwhisk.local.header_models import normalise
from modelwhisk.local.http_messages import Headers, HttpRequest, HttpResponse, Rejected, error, negotiated, plain
from modelwhisk.local.names import is_entity_name
from modelwhisk.local.outcome import Outcome, Status
from modelwhisk.local.request_mapping import MalformedBody, ParametersNotAllowed, action_value
from modelwhisk.local.rest_answers import ALLOWED_HEADERS, CHALLENGE, CORS
from modelwhisk.local.result_mapping import EXTENSIONS, respond
from modelwhisk.local.spray_json import Json, number_text
from modelwhisk.local.uri import IllegalUri, Target, parse_target, render_path

MAX_PAYLOAD = 1_048_576  # bytes of a request's body

_METHODS = ("GET", "DELETE", "POST", "PUT", "HEAD", "OPTIONS", "PATCH")
_ALLOWED_METHODS = "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH"


@dataclass(frozen=True)
class Invocation:
    """An action to run for a web request: `value` is what the request adds to the action's parameters."""

    request: HttpRequest
    transaction: str
    action: Action
    extension: str
    value: dict[str, Json]

    def complete(self, outcome: Outcome, activation_id: str) -> HttpResponse:
        """The response to the client once the action has run."""
        try:
            response = _completed(self.request, self.extension, outcome, self.transaction)
        except Rejected as rejection:
            return _with_id(rejection.response(self.transaction), self.transaction)
        if response is None:
            return plain(500, messages.INTERNAL_ERROR)
        return self._wrapped(response.with_headers((("x-openwhisk-activation-id", activation_id),)))

    def not_ready(self, activation_id: str) -> HttpResponse:
        """The response when the platform no longer waits for the action."""
        response = error(202, messages.NOT_READY, self.transaction)
        try:
            response = negotiated(self.request.preferences, response)
        except Rejected as rejection:
            return _with_id(rejection.response(self.transaction), self.transaction)
        return self._wrapped(response.with_headers((("x-openwhisk-activation-id", activation_id),)))

    def _wrapped(self, response: HttpResponse) -> HttpResponse:
        return _with_id(response.with_headers(_cors(self.request, self.action)), self.transaction)


Lookup = Callable[[str, str, str], Action | None]
Throttle = Callable[[str], str | None]


def route(
    request: HttpRequest,
    lookup: Lookup,
    credentials: Mapping[str, str],
    transaction: str,
    throttle: Throttle = lambda namespace: None,
) -> Invocation | HttpResponse:
    """What to do with `request`: an invocation, or the response where the platform answers by itself.

    `lookup` finds an action by namespace, package (`default` for none) and name; `credentials` has the namespace of
    each `user:password`. `transaction` is the id that errors carry. `throttle` counts a call of a namespace's action,
    and returns the refusal of one that is too many.
    """
    try:
        target = parse_target(request.target)
        routed = _routed(request, target, lookup, throttle, transaction, caller=caller_of(request, credentials))
    except IllegalUri as problem:
        return plain(400, str(problem))
    except Rejected as rejection:
        routed = rejection.response(transaction)
    return routed if isinstance(routed, Invocation) else _with_id(routed, transaction)


def _routed(
    request: HttpRequest, target: Target, lookup: Lookup, throttle: Throttle, transaction: str, *, caller: Caller
) -> Invocation | HttpResponse:
    matched = _match(target.segments)
    if matched is None or request.method not in _METHODS:
        return _unmatched(request, target, caller)
    namespace, package, name, rest = matched
    base, extension = _split_extension(name)
    action = lookup(namespace, package, base)
    if action is None or not action.is_set("web-export"):
        return error(404, messages.NOT_FOUND, transaction)
    if (refusal := throttle(namespace)) is not None:
        return error(429, refusal, transaction)
    found = _Found(action, extension, rest)
    return _answer_or_invoke(request, target, found, caller, transaction)


@dataclass(frozen=True)
class _Found:
    """The action that a URL names, the extension, and the path after them."""

    action: Action
    extension: str
    rest: tuple[str, ...]


def _answer_or_invoke(
    request: HttpRequest, target: Target, found: _Found, caller: Caller, transaction: str
) -> Invocation | HttpResponse:
    action = found.action
    length = len(request.body or b"")
    if length > MAX_PAYLOAD:
        return error(413, messages.too_large(length, MAX_PAYLOAD), transaction)
    cors = _cors(request, action)
    if request.method == "OPTIONS":
        if not action.is_set("web-custom-options"):
            return HttpResponse(200, cors)
    elif not _authorized(request, action, caller):
        return error(401, messages.UNAUTHORIZED, transaction).with_headers(cors)
    try:
        value = _value(request, target, found, caller)
    except ParametersNotAllowed as problem:
        return error(400, str(problem), transaction).with_headers(cors)
    return Invocation(request, transaction, action, found.extension, value)


def _value(request: HttpRequest, target: Target, found: _Found, caller: Caller) -> dict[str, Json]:
    try:
        return action_value(
            request,
            render_path(found.rest),
            target.query,
            raw=found.action.is_set("raw-http"),
            user=caller.namespace,
            immutable=found.action.immutable_parameters(),
        )
    except MalformedBody as problem:
        raise Rejected(400, str(problem)) from problem


def _match(segments: tuple[str, ...]) -> tuple[str, str, str, tuple[str, ...]] | None:
    """Namespace, package, name with extension, and the segments after it, the first of them empty."""
    if segments[:4] != ("", "api", "v1", "web") or len(segments) < 7:
        return None
    namespace, package, name = segments[4:7]
    if not all(is_entity_name(part) for part in (namespace, package, name)):
        return None
    if package.startswith("default") and package != "default":
        return None  # the route takes the word `default` off the segment first, and then finds no slash
    return namespace, package, name, ("", *segments[7:]) if len(segments) > 7 else ()


def _split_extension(name: str) -> tuple[str, str]:
    for extension in EXTENSIONS:
        if name.endswith(extension):
            return name[: -len(extension)], extension
    return name, ".http"


def _unmatched(request: HttpRequest, target: Target, caller: Caller) -> HttpResponse:
    """The answer to what isn't a web action's URL, as far as the routes beside these don't take it."""
    if target.segments[:3] != ("", "api", "v1"):
        raise Rejected(404, messages.NO_ROUTE)
    if request.method == "OPTIONS":
        return HttpResponse(200, CORS, plain(200, "").content_type, b"OK")
    if request.method not in _METHODS:
        allowed = ", ".join(_METHODS)
        raise Rejected(405, f"HTTP method not allowed, supported methods: {allowed}", (("Allow", allowed),))
    if caller.namespace is not None:
        raise Rejected(404, messages.NO_ROUTE)
    raise Rejected(401, messages.CREDENTIALS_REJECTED if caller.presented else messages.CREDENTIALS_MISSING, CHALLENGE)


def _authorized(request: HttpRequest, action: Action, caller: Caller) -> bool:
    if "require-whisk-auth" not in action.annotations:
        return True
    required = action.annotations["require-whisk-auth"]
    if isinstance(required, bool):
        return caller.namespace is not None if required else True
    if isinstance(required, (Decimal, int)):
        required = number_text(required)
    presented = request.header("x-require-whisk-auth")
    if not isinstance(required, str) or presented is None:
        return False
    return hmac.compare_digest(_secret_bytes(presented.strip()), _secret_bytes(required))


def _secret_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # halves of surrogate pairs, which an annotation may have


def _cors(request: HttpRequest, action: Action) -> Headers:
    """The headers that every response of the action gets, unless it answers OPTIONS itself."""
    if action.is_set("web-custom-options"):
        return ()
    asked = request.header("access-control-request-headers")
    allowed = ALLOWED_HEADERS if asked is None else normalise("access-control-request-headers", asked.strip())
    return (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", _ALLOWED_METHODS),
        ("Access-Control-Allow-Headers", allowed),
    )


def _completed(request: HttpRequest, extension: str, outcome: Outcome, transaction: str) -> HttpResponse | None:
    """The response, or None where the platform trips over an array, whatever the extension."""
    if outcome.status not in (Status.SUCCESS, Status.APPLICATION_ERROR):
        return error(400, messages.ERROR_PROCESSING, transaction)
    if not isinstance(outcome.result, dict):
        return None
    projection: Json = outcome.result if outcome.status is Status.SUCCESS else outcome.result["error"]
    return respond(request.preferences, extension, projection, transaction)


def _with_id(response: HttpResponse, transaction: str) -> HttpResponse:
    return response.with_headers((("X-Request-ID", transaction),))
