"""The REST API's calls: actions, packages, invocations, activations, limits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import requests
import urllib3

from modelwhisk.content_coding import HARMLESS, MOST_MEMORY, memory_of
from modelwhisk.openwhisk.errors import NotFound, OpenWhiskError, error_of_exception, error_of_response
from modelwhisk.openwhisk.records import (
    Action,
    Activation,
    Invocation,
    Json,
    Malformed,
    NamespaceLimits,
    Package,
    checked,
    checked_name,
    lines_of,
)
from modelwhisk.openwhisk.session import open_session
from modelwhisk.openwhisk.settings import OWN_NAMESPACE, Settings

_CONNECT_SECONDS = 10.0
# What the platform answers from its database.
_READ_SECONDS = 30.0
# A blocking invocation is answered after 60 s at the latest, with a 202; the controller's own limit is 65 s.
_CALL_SECONDS = 75.0
# The most that a list gives at once (core/controller, `whisk.entity.list-max`).
_PAGE = 200
_MOST_LISTED = 100_000  # a namespace has hundreds
# All of a list is kept, so it may take no more memory than a single answer: 65,000 entities of a kilobyte.
_MOST_KEPT = MOST_MEMORY
_POLL_SECONDS = 0.5
# An action without its code: a megabyte of parameters, one of annotations. `list` asks for eight of them at a time.
_MOST_OF_ACTION = HARMLESS // 8
Found = TypeVar("Found")
Make = Callable[[Json], Found]  # raises Malformed for what is no such thing

_ACTIVATION_ID = "x-openwhisk-activation-id"

# Nothing has happened yet where the connection couldn't be made, whatever the method; after that only reading is safe
# to repeat. An update would make another version, and an invocation another run.
_RETRIES = urllib3.Retry(
    total=3,
    connect=2,
    read=1,
    redirect=0,
    other=0,
    status=2,
    status_forcelist=(502, 503, 504),
    allowed_methods=("GET", "HEAD"),
    backoff_factor=0.2,
    raise_on_status=False,
    respect_retry_after_header=False,
)


class OpenWhisk:
    """An OpenWhisk, with a key. Every method raises OpenWhiskError where the platform refuses or can't be reached.

    Names of actions are `name`, `package/name` or `/namespace/[package/]name`. A client may be used from several
    threads.
    """

    def __init__(self, settings: Settings, *, retries: urllib3.Retry = _RETRIES) -> None:
        self.settings = settings
        user, _, key = settings.auth.partition(":")
        self._session = open_session(settings, (user, key), retries)
        self._actions = open_session(settings, (user, key), retries, _MOST_OF_ACTION)
        # A 503 of a model's is an answer, and asking again would run it again.
        self._anonymous = open_session(settings, lambda request: request, retries.new(status=0, read=False))
        self._own_namespaces: list[str] | None = None
        if settings.insecure:  # asked for; a warning at each request would say nothing new
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    @classmethod
    def connect(
        cls,
        host: str | None = None,
        auth: str | None = None,
        namespace: str | None = None,
        insecure: bool | None = None,
    ) -> OpenWhisk:
        """A client for what is given, else the environment's, else that of `~/.wskprops`; nothing is sent yet.

        Raises NoCredentials where no host or no key is set.
        """
        return cls(Settings.find(host, auth, namespace, insecure))

    def __enter__(self) -> OpenWhisk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()
        self._actions.close()
        self._anonymous.close()

    # Actions

    def get_action(self, name: str) -> Action:
        response = self._send("GET", self._path("actions", name), params={"code": "false"}, session=self._actions)
        return self._made(Action.from_json, self._succeeded(response))

    def find_action(self, name: str) -> Action | None:
        """The action, or None where there is none of that name."""
        return _none_if_missing(self.get_action, name)

    def put_action(self, name: str, body: Mapping[str, Json], overwrite: bool = True) -> Action:
        """Creates an action, or replaces what is in `body` of one that is there.

        Without `overwrite` an action that is there is a 409.
        """
        params = {"overwrite": str(overwrite).lower()}
        return self._told(Action.from_json, "PUT", self._path("actions", name), params=params, body=body)

    def delete_action(self, name: str) -> Action:
        return self._told(Action.from_json, "DELETE", self._path("actions", name))

    def list_actions(self, package: str | None = None) -> list[Action]:
        """All actions, or those of a package, the last updated first; their images aren't told."""
        path = self._path("actions", f"{package}/" if package else "")
        return list(self._pages(path, Action.from_json))

    # Packages

    def get_package(self, name: str) -> Package:
        return self._told(Package.from_json, "GET", self._path("packages", name))

    def find_package(self, name: str) -> Package | None:
        """The package, or None where there is none of that name."""
        return _none_if_missing(self.get_package, name)

    def put_package(self, name: str, body: Mapping[str, Json] | None = None, overwrite: bool = True) -> Package:
        params = {"overwrite": str(overwrite).lower()}
        return self._told(Package.from_json, "PUT", self._path("packages", name), params=params, body=body or {})

    def delete_package(self, name: str) -> Package:
        """Deletes an empty package; one with actions in it is a 409."""
        return self._told(Package.from_json, "DELETE", self._path("packages", name))

    def list_packages(self) -> list[Package]:
        return list(self._pages(self._path("packages", ""), Package.from_json))

    # Invocations and activations

    def invoke(
        self,
        name: str,
        parameters: Mapping[str, Json] | None = None,
        *,
        blocking: bool = True,
        result: bool = False,
        seconds: float = _CALL_SECONDS,
    ) -> Invocation:
        """Runs an action once; never repeated by itself once it was sent.

        An action that fails is an Invocation, too (status 502), not an exception; where the whole record was asked
        for, it tells how. A blocking call that takes longer than the platform waits has status 202.
        """
        params = {"blocking": str(blocking).lower(), "result": str(result).lower()}
        response = self._send("POST", self._path("actions", name), params=params, body=parameters or {}, read=seconds)
        value = _json_or_none(response)
        activation_id = response.headers.get(_ACTIVATION_ID)
        if response.status_code == 202 and isinstance(value, dict):
            return Invocation(202, str(activation_id or value.get("activationId", "")))
        whole = isinstance(value, dict) and "activationId" in value and not result
        if not (whole or activation_id) or response.status_code not in (200, 500, 502):
            missing = "activationId is missing" if response.status_code == 200 else ""
            raise error_of_response(response, self.settings.origin, missing)
        activation = self._made(Activation.from_json, response) if whole else None
        if activation is None:
            return Invocation(response.status_code, str(activation_id), value)
        return Invocation(response.status_code, activation_id or activation.id, activation.result, activation)

    def activation(self, activation_id: str, patience: float = 0) -> Activation:
        """The record of an activation, which appears when it is over: waits `patience` seconds for it."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return self._told(Activation.from_json, "GET", self._path("activations", activation_id))
            except NotFound:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0)))

    def activation_result(self, activation_id: str) -> Json:
        return self._told(_result_of, "GET", self._path("activations", f"{activation_id}/result"))

    def activation_logs(self, activation_id: str) -> list[str]:
        """Lines of the log, each `timestamp [stream:] text` as the platform stores them."""
        return self._told(_log_of, "GET", self._path("activations", f"{activation_id}/logs"))

    def list_activations(
        self,
        name: str | None = None,
        *,
        limit: int = 30,
        skip: int = 0,
        since: int | None = None,
        upto: int | None = None,
        docs: bool = False,
    ) -> list[Activation]:
        """Activations, the latest first; `since` and `upto` are epoch ms, `docs` asks for whole records. No more than
        `limit`, whatever is told."""
        params = {"limit": limit, "skip": skip, "docs": str(docs).lower()}
        optional = {"name": name, "since": since, "upto": upto}
        params |= {key: value for key, value in optional.items() if value is not None}
        return self._told(_each(Activation.from_json, limit), "GET", self._path("activations", ""), params=params)

    # The namespace

    def limits(self) -> NamespaceLimits:
        return self._told(NamespaceLimits.from_json, "GET", self._path("limits", ""))

    def namespaces(self) -> list[str]:
        return self._told(_each(lambda name: checked_name(name, "a namespace")), "GET", "/api/v1/namespaces")

    @property
    def namespace(self) -> str:
        """The namespace by its name; the key's own is asked for once."""
        if self.settings.namespace != OWN_NAMESPACE:
            return self.settings.namespace
        names = self._own()
        if not names:
            raise OpenWhiskError(f"{self.settings.host} has no namespace for the key.", advice="Name one yourself.")
        return names[0]

    def owns(self, action: Action) -> bool:
        """Whether an action is in a namespace of the key's own: another's must not get the key, which it would see."""
        return action.namespace in self._own()

    def _own(self) -> list[str]:
        if self._own_namespaces is None:
            self._own_namespaces = self.namespaces()
        return self._own_namespaces

    def web_url(self, name: str) -> str:
        """The public URL of a web action, whether there is one or not."""
        return self.settings.host + self._web_path(name)

    @staticmethod
    def secret_headers(action: Action) -> dict[str, str]:
        """What presents an action's secret, where it asks for one; raises OpenWhiskError for one that can't be sent."""
        try:
            return action.secret_headers
        except Malformed as problem:
            advice = "Give it one of ASCII: modelwhisk deploy NAME --secret TEXT."
            raise OpenWhiskError(f"{problem}.", advice=advice) from problem

    def get_web(self, action: Action, path: str = "", seconds: float = _CALL_SECONDS) -> requests.Response:
        """GETs `path` (with its slash and query) of a web action, once; any response is one, whatever its status.

        What the action asks of callers, a secret or a key, is sent along; the key only then, and to one's own actions
        alone, since the platform hands it on to the model. Raises OpenWhiskError where there is no response.
        """
        secret = self.secret_headers(action)
        with_key = action.needs_key and self.owns(action)
        return self._send(
            "GET",
            self._web_path(action.full_name) + path,
            session=self._session if with_key else self._anonymous,
            headers={"Accept": "*/*", **secret},
            read=seconds,
        )

    # HTTP

    def _path(self, collection: str, name: str) -> str:
        namespace, path = _split(name)
        chosen = quote(namespace or self.settings.namespace, safe="")
        return f"/api/v1/namespaces/{chosen}/{collection}" + (f"/{quote(path)}" if path else "")

    def _web_path(self, name: str) -> str:
        namespace, path = _split(name)
        package, _, action = path.rpartition("/")
        parts = (namespace or self.namespace, package or "default", action)
        return "/api/v1/web/" + "/".join(quote(part, safe="") for part in parts)

    def _pages(self, path: str, make: Make[Found]) -> Iterator[Found]:
        """What a list has, whole; raises OpenWhiskError where the platform gives the same page again and again, or more
        than can be kept."""
        skip = 0
        kept = 0
        seen: set[int] = set()
        while skip < _MOST_LISTED:
            response = self._succeeded(self._send("GET", path, params={"limit": _PAGE, "skip": skip}))
            kept += sum(memory_of(response.content))
            if kept > _MOST_KEPT:
                raise OpenWhiskError(
                    f"{self.settings.host} lists more than can be kept, after {len(seen):,} things.",
                    advice="They are long beyond what they are listed for, as by annotations of megabytes.",
                )
            page = self._made(_each(_keyed(make)), response)
            fresh = {key: item for item, key in page if key not in seen}
            seen |= fresh.keys()
            yield from fresh.values()
            if len(page) < _PAGE:
                return
            if not fresh:
                break
            skip += len(page)
        raise OpenWhiskError(
            f"{self.settings.host} lists {len(seen):,} things and then the same again, or more without end.",
            advice="It, or a proxy before it, drops `skip` from what it is asked: the list can't be had whole.",
        )

    def _told(
        self,
        make: Make[Found],
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Json] | None = None,
    ) -> Found:
        return self._made(make, self._succeeded(self._send(method, path, params=params, body=body)))

    def _succeeded(self, response: requests.Response) -> requests.Response:
        if response.status_code != 200:
            raise error_of_response(response, self.settings.origin)
        return response

    def _made(self, make: Make[Found], response: requests.Response) -> Found:
        try:
            return make(json.loads(response.content))
        except Malformed as problem:
            raise error_of_response(response, self.settings.origin, str(problem)) from problem
        except (ValueError, RecursionError) as problem:
            raise error_of_response(response, self.settings.origin, "it is no JSON that can be read") from problem

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
        session: requests.Session | None = None,
        read: float = _READ_SECONDS,
    ) -> requests.Response:
        types = {"Content-Type": "application/json"} if body is not None else {}
        try:
            return (session or self._session).request(
                method,
                self.settings.host + path,
                params=params,
                data=None if body is None else json.dumps(body).encode(),
                headers={**types, **(headers or {})},
                timeout=(_CONNECT_SECONDS, read),
                allow_redirects=False,  # a PUT that was redirected would arrive as a GET
                # Said with each request: requests would let REQUESTS_CA_BUNDLE overrule a session's.
                verify=False if self.settings.insecure else None,
            )
        except requests.RequestException as problem:
            raise error_of_exception(problem, self.settings.host) from problem


def _split(name: str) -> tuple[str, str]:
    """Namespace ("" for the client's own) and the rest."""
    if not name.startswith("/"):
        return "", name
    namespace, _, path = name[1:].partition("/")
    return namespace, path


def _each(make: Make[Found], most: int = _PAGE) -> Make[list[Found]]:
    """The first things of a list: who is asked for so many may tell any number."""
    return lambda value: [make(item) for item in checked(value, list, "what it lists")[:most]]


def _keyed(make: Make[Found]) -> Make[tuple[Found, int]]:
    """With the hash of the item's text, by which two that are the same are known."""
    return lambda item: (make(item), hash(json.dumps(item, sort_keys=True)))


def _result_of(value: Json) -> Json:
    if "result" not in checked(value, dict, "the answer"):
        raise Malformed("result is missing")
    return value["result"]


def _log_of(value: Json) -> list[str]:
    checked(checked(value, dict, "the answer").get("logs"), list, "logs")
    return list(lines_of(value))


def _json_or_none(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _none_if_missing(get: Callable[[str], Found], name: str) -> Found | None:
    try:
        return get(name)
    except NotFound:
        return None
