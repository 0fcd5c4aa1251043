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

from modelwhisk.openwhisk.errors import NotFound, OpenWhiskError, error_of_exception, error_of_response
from modelwhisk.openwhisk.records import Action, Activation, Invocation, Json, NamespaceLimits, Package
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
_POLL_SECONDS = 0.5
Found = TypeVar("Found")

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
        # A 503 of a model's is an answer, and asking again would run it again.
        self._anonymous = open_session(settings, lambda request: request, retries.new(status=0, read=False))
        self._own_namespace: str | None = None
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
        self._anonymous.close()

    # Actions

    def get_action(self, name: str) -> Action:
        return Action.from_json(self._json("GET", self._path("actions", name), params={"code": "false"}))

    def find_action(self, name: str) -> Action | None:
        """The action, or None where there is none of that name."""
        return _none_if_missing(self.get_action, name)

    def put_action(self, name: str, body: Mapping[str, Json], overwrite: bool = True) -> Action:
        """Creates an action, or replaces what is in `body` of one that is there.

        Without `overwrite` an action that is there is a 409.
        """
        params = {"overwrite": str(overwrite).lower()}
        return Action.from_json(self._json("PUT", self._path("actions", name), params=params, body=body))

    def delete_action(self, name: str) -> Action:
        return Action.from_json(self._json("DELETE", self._path("actions", name)))

    def list_actions(self, package: str | None = None) -> list[Action]:
        """All actions, or those of a package, the last updated first; their images aren't told."""
        path = self._path("actions", f"{package}/" if package else "")
        return [Action.from_json(item) for item in self._pages(path)]

    # Packages

    def get_package(self, name: str) -> Package:
        return Package.from_json(self._json("GET", self._path("packages", name)))

    def find_package(self, name: str) -> Package | None:
        """The package, or None where there is none of that name."""
        return _none_if_missing(self.get_package, name)

    def put_package(self, name: str, body: Mapping[str, Json] | None = None, overwrite: bool = True) -> Package:
        params = {"overwrite": str(overwrite).lower()}
        return Package.from_json(self._json("PUT", self._path("packages", name), params=params, body=body or {}))

    def delete_package(self, name: str) -> Package:
        """Deletes an empty package; one with actions in it is a 409."""
        return Package.from_json(self._json("DELETE", self._path("packages", name)))

    def list_packages(self) -> list[Package]:
        return [Package.from_json(item) for item in self._pages(self._path("packages", ""))]

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
        whole = isinstance(value, dict) and "activationId" in value and not result
        activation_id = response.headers.get(_ACTIVATION_ID) or (value.get("activationId") if whole else None)
        if response.status_code == 202 and isinstance(value, dict):
            return Invocation(202, str(activation_id or value.get("activationId", "")))
        if activation_id is None or response.status_code not in (200, 500, 502):
            raise error_of_response(response, self.settings.origin)
        activation = Activation.from_json(value) if whole and isinstance(value, dict) else None
        outcome = activation.result if activation is not None else value
        return Invocation(response.status_code, activation_id, outcome, activation)

    def activation(self, activation_id: str, patience: float = 0) -> Activation:
        """The record of an activation, which appears when it is over: waits `patience` seconds for it."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return Activation.from_json(self._json("GET", self._path("activations", activation_id)))
            except NotFound:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0)))

    def activation_result(self, activation_id: str) -> Json:
        return self._json("GET", self._path("activations", f"{activation_id}/result"))["result"]

    def activation_logs(self, activation_id: str) -> list[str]:
        """Lines of the log, each `timestamp [stream:] text` as the platform stores them."""
        return list(self._json("GET", self._path("activations", f"{activation_id}/logs"))["logs"])

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
        """Activations, the latest first; `since` and `upto` are epoch ms, `docs` asks for whole records."""
        params = {"limit": limit, "skip": skip, "docs": str(docs).lower()}
        optional = {"name": name, "since": since, "upto": upto}
        params |= {key: value for key, value in optional.items() if value is not None}
        listed = self._json("GET", self._path("activations", ""), params=params, kind=list)
        return [Activation.from_json(item) for item in listed]

    # The namespace

    def limits(self) -> NamespaceLimits:
        return NamespaceLimits.from_json(self._json("GET", self._path("limits", "")))

    def namespaces(self) -> list[str]:
        return list(self._json("GET", "/api/v1/namespaces", kind=list))

    @property
    def namespace(self) -> str:
        """The namespace by its name; the key's own is asked for once."""
        if self.settings.namespace != OWN_NAMESPACE:
            return self.settings.namespace
        if self._own_namespace is None:
            self._own_namespace = self.namespaces()[0]
        return self._own_namespace

    def web_url(self, name: str) -> str:
        """The public URL of a web action, whether there is one or not."""
        return self.settings.host + self._web_path(name)

    def get_web(self, action: Action, path: str = "", seconds: float = _CALL_SECONDS) -> requests.Response:
        """GETs `path` (with its slash and query) of a web action, once; any response is one, whatever its status.

        What the action asks of callers, a secret or a key, is sent along; the key only then, since the platform hands
        it on to the model. Raises OpenWhiskError where there is no response.
        """
        secret = {"X-Require-Whisk-Auth": action.secret} if action.secret is not None else {}
        return self._send(
            "GET",
            self._web_path(action.full_name) + path,
            session=self._session if action.needs_key else self._anonymous,
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

    def _pages(self, path: str) -> Iterator[Mapping[str, Json]]:
        """What a list has, whole; raises OpenWhiskError where the platform gives the same page again and again."""
        skip = 0
        seen: set[str] = set()
        while skip < _MOST_LISTED:
            page = self._json("GET", path, params={"limit": _PAGE, "skip": skip}, kind=list)
            fresh = {text: item for item in page if (text := json.dumps(item, sort_keys=True)) not in seen}
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

    def _json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Json] | None = None,
        kind: type = dict,
    ) -> Any:
        response = self._send(method, path, params=params, body=body)
        value = _json_or_none(response)
        if response.status_code != 200 or not isinstance(value, kind):
            raise error_of_response(response, self.settings.origin)
        return value

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
