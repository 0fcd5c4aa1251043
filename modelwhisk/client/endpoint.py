"""Where a model is: the address behind a URL or a name, what a caller must present there, and who knows activations."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import httpx

from modelwhisk.client.encoding import MAX_REQUEST
from modelwhisk.client.errors import ClientError, NotReady
from modelwhisk.client.exchange import Lookup, Record
from modelwhisk.openwhisk import NoCredentials, NotFound, OpenWhisk, OpenWhiskError

_PREDICT = "/model/predict"
_WEB_ACTIONS = "/api/v1/web/"
_PASSING = frozenset({None, 429, 500, 502, 503, 504})  # statuses of a platform that is asked again
_DEFAULT_VERSION = "default"
_WITHHELD = (
    "{name} asks its callers for an OpenWhisk key, and would see it: it isn't sent, since {namespace} is another's "
    "namespace. Call it with --plain, or send a key that you want it to have in an Authorization header"
)


@dataclass(frozen=True)
class Endpoint:
    """A model's address without a slash at its end, and the headers that it asks for.

    `platform` knows its activations, where there are credentials for it; `action` is the model's name there and
    `memory` (MB) its limit, where they are known. `withheld` says why it doesn't get the key that it asks for.
    """

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    platform: OpenWhisk | None = None
    action: str | None = None
    memory: int | None = None
    withheld: str = ""

    @property
    def limit(self) -> int | None:
        """How many bytes of a body are taken: a platform's default for a web action, None for other servers."""
        return MAX_REQUEST if _WEB_ACTIONS in self.address else None

    @property
    def lookup(self) -> Lookup | None:
        """Finds the record of an activation that is over."""
        return partial(_record, self.platform) if self.platform is not None else None


def is_url(text: str) -> bool:
    """Whether `text` is an address rather than a name."""
    return text.startswith(("http://", "https://"))


def resolve(url_or_name: str, platform: OpenWhisk | None = None) -> Endpoint:
    """Where `url_or_name` leads; a name is asked for at `platform`, or the one that is configured. Blocks.

    Raises `ClientError` that says what is wrong with it, and `OpenWhiskError` where the platform refuses.
    """
    if is_url(url_or_name):
        return _of_url(url_or_name, platform)
    if "://" in url_or_name:
        raise ClientError(f"{url_or_name} is neither an http(s) address nor the name of an action")
    return _of_name(url_or_name, platform or OpenWhisk.connect())


def _of_url(url: str, platform: OpenWhisk | None) -> Endpoint:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as problem:
        raise ClientError(f"{url} is no address: {problem}") from problem
    if not parsed.host:
        raise ClientError(f"{url} names no host")
    if parsed.query:
        raise ClientError(f"{url} has a query: give its parameters as inputs")
    address = str(parsed.copy_with(fragment=None)).rstrip("/").removesuffix(_PREDICT)
    if platform is None:
        try:
            platform = OpenWhisk.connect()
        except NoCredentials:
            return Endpoint(address)
    # Its key is nobody else's business.
    same = _origin(httpx.URL(platform.settings.host)) == _origin(parsed)
    return Endpoint(address, platform=platform if same else None, action=_action_of(parsed.path) if same else None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default = {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.host, url.port or default


def _action_of(path: str) -> str | None:
    """`/namespace/[package/]action` of a web action's path, None for another."""
    parts = path.removeprefix(_WEB_ACTIONS).split("/")
    if not path.startswith(_WEB_ACTIONS) or len(parts) < 3:
        return None
    namespace, package, action = parts[:3]
    return f"/{namespace}/{action}" if package == "default" else f"/{namespace}/{package}/{action}"


def _of_name(name: str, platform: OpenWhisk) -> Endpoint:
    action = platform.find_action(name)
    if action is None and "/" not in name.strip("/"):  # versions side by side are a package's actions
        name = f"{name}/{_DEFAULT_VERSION}"
        action = platform.find_action(name)
    if action is None:
        name = name.removesuffix(f"/{_DEFAULT_VERSION}")
        raise ClientError(f"there is no action {name} at {platform.settings.host}")
    if action.web == "no":
        raise ClientError(f"{name} is no web action: deploy it with --web, or call it with --plain")
    found = Endpoint(platform.web_url(name), platform=platform, action=name, memory=action.limits.memory)
    if action.secret is not None:
        return replace(found, headers=platform.secret_headers(action))
    if action.needs_key and not platform.owns(action):
        return replace(found, withheld=_WITHHELD.format(name=name, namespace=action.namespace))
    return replace(found, headers=_key_of(platform)) if action.needs_key else found


def _key_of(platform: OpenWhisk) -> dict[str, str]:
    key = base64.b64encode(platform.settings.auth.encode()).decode()
    return {"Authorization": f"Basic {key}"}


def _record(platform: OpenWhisk, activation: str) -> Record | None:
    try:
        found = platform.activation(activation)
    except NotFound:
        return None
    except OpenWhiskError as problem:
        if problem.status in _PASSING:
            return None
        raise NotReady(202, f"the activation can't be followed: {problem.message}", activation) from problem
    return found if found.end is not None else None
