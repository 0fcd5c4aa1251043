"""What OpenWhisk stores and answers, as records: actions, packages, activations, limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

# Not recursive: what a model answers is looked into at run time, and `Any` says so.
Json: TypeAlias = Any


@dataclass(frozen=True)
class Limits:
    """An action's limits: `memory` and `logs` in MB, `timeout` in ms, `concurrency` in calls per container.

    None leaves a limit to the platform's default.
    """

    memory: int | None = None
    timeout: int | None = None
    logs: int | None = None
    concurrency: int | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Limits:
        return cls(value.get("memory"), value.get("timeout"), value.get("logs"), value.get("concurrency"))

    def to_json(self) -> dict[str, int]:
        """The limits that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Parameter:
    """A parameter bound to an action; `init` ones are in the environment at `/init` and not in `/run`."""

    key: str
    value: Json
    init: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Parameter:
        return cls(value["key"], value.get("value"), bool(value.get("init", False)))

    def to_json(self) -> dict[str, Json]:
        return {"key": self.key, "value": self.value, **({"init": True} if self.init else {})}


def _annotations(value: Mapping[str, Json]) -> dict[str, Json]:
    return {item["key"]: item.get("value") for item in value.get("annotations") or []}


def to_key_values(values: Mapping[str, Json]) -> list[dict[str, Json]]:
    """`[{"key", "value"}]`, the platform's form of annotations."""
    return [{"key": key, "value": value} for key, value in values.items()]


@dataclass(frozen=True)
class Action:
    """An action. `image` is None where the platform doesn't tell it (lists) or there is none; `updated` is epoch ms."""

    name: str
    namespace: str
    package: str | None
    version: str
    updated: int
    kind: str
    image: str | None
    limits: Limits
    annotations: Mapping[str, Json]
    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Action:
        namespace, _, package = str(value["namespace"]).partition("/")
        exec_ = value.get("exec") or {}
        annotations = _annotations(value)
        return cls(
            name=value["name"],
            namespace=namespace,
            package=package or None,
            version=value.get("version", ""),
            updated=value.get("updated", 0),
            kind=exec_.get("kind") or str(annotations.get("exec", "")),
            image=exec_.get("image"),
            limits=Limits.from_json(value.get("limits") or {}),
            annotations=annotations,
            parameters=tuple(Parameter.from_json(item) for item in value.get("parameters") or []),
        )

    @property
    def path(self) -> str:
        """How the action is named within its namespace: `[package/]name`."""
        return f"{self.package}/{self.name}" if self.package else self.name

    @property
    def full_name(self) -> str:
        """`/namespace/[package/]name`, which means the same to every caller."""
        return f"/{self.namespace}/{self.path}"

    @property
    def web_path(self) -> str:
        """`/namespace/package/name` as it stands in a web action's URL, `default` for no package."""
        return f"/{self.namespace}/{self.package or 'default'}/{self.name}"

    @property
    def web(self) -> str:
        """The kind of web action, as `--web` names it: `raw`, `true`, `secure` or `no`.

        `secure` is a raw or parsed one that needs a secret or a key.
        """
        if self.annotations.get("web-export") is not True:
            return "no"
        if self.annotations.get("require-whisk-auth") not in (None, False):
            return "secure"
        return "raw" if self.annotations.get("raw-http") is True else "true"

    @property
    def secret(self) -> str | None:
        """What a caller must present in `X-Require-Whisk-Auth`; None where nothing, or an OpenWhisk key, is asked."""
        value = self.annotations.get("require-whisk-auth")
        return None if value is None or isinstance(value, bool) else str(value)

    @property
    def needs_key(self) -> bool:
        """Whether callers must present an OpenWhisk key."""
        return self.annotations.get("require-whisk-auth") is True


@dataclass(frozen=True)
class Package:
    """A package; `binding` is `namespace/name` of the one it refers to, if it is a binding."""

    name: str
    namespace: str
    version: str
    updated: int
    annotations: Mapping[str, Json]
    binding: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Package:
        bound = value.get("binding") or {}
        return cls(
            name=value["name"],
            namespace=value["namespace"],
            version=value.get("version", ""),
            updated=value.get("updated", 0),
            annotations=_annotations(value),
            binding=f"{bound['namespace']}/{bound['name']}" if isinstance(bound, dict) and bound.get("name") else None,
        )


# The names of a list's `statusCode`, as records spell them (core/entity/ActivationResult.scala).
_STATUSES = ("success", "application error", "action developer error", "whisk internal error")


@dataclass(frozen=True)
class Activation:
    """One run of an action. Times are epoch ms, `duration` ms; `end` and `duration` are None while it isn't over.

    `result` is None and `logs` are empty in lists.
    """

    id: str
    name: str
    namespace: str
    version: str
    start: int
    end: int | None
    duration: int | None
    status: str
    result: Json = None
    logs: tuple[str, ...] = ()
    annotations: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Activation:
        response = value.get("response") or {}
        code = value.get("statusCode", response.get("statusCode"))
        named = _STATUSES[code] if isinstance(code, int) and code in range(len(_STATUSES)) else ""
        return cls(
            id=value["activationId"],
            name=value.get("name", ""),
            namespace=value.get("namespace", ""),
            version=value.get("version", ""),
            start=value.get("start", 0),
            end=value.get("end") or None,
            duration=value.get("duration"),
            status=response.get("status") or named,
            result=response.get("result"),
            logs=tuple(value.get("logs") or ()),
            annotations=_annotations(value),
        )

    @property
    def success(self) -> bool:
        return self.status == "success"

    @property
    def path(self) -> str:
        """`namespace/[package/]action` that was run; a list's `name` alone doesn't tell the package."""
        return str(self.annotations.get("path", f"{self.namespace}/{self.name}"))

    @property
    def init_time(self) -> int | None:
        """Milliseconds of `/init`; None for a warm start."""
        return self.annotations.get("initTime")

    @property
    def wait_time(self) -> int | None:
        """Milliseconds between the request and the container."""
        return self.annotations.get("waitTime")

    @property
    def memory(self) -> int | None:
        """MB that the action was allowed."""
        return (self.annotations.get("limits") or {}).get("memory")

    @property
    def timed_out(self) -> bool:
        return self.annotations.get("timeout") is True


@dataclass(frozen=True)
class Invocation:
    """The answer to an invocation: HTTP `status`, the activation's id, and what is known of its outcome.

    202 means that it isn't over (or wasn't waited for): `result` and `activation` are None, the activation will have
    them. `activation` is there for a blocking call that asked for the whole record.
    """

    status: int
    activation_id: str
    result: Json = None
    activation: Activation | None = None

    @property
    def done(self) -> bool:
        return self.status != 202

    @property
    def success(self) -> bool:
        return self.status == 200


@dataclass(frozen=True)
class NamespaceLimits:
    """What a namespace may use; None where the platform doesn't tell. Memory and logs are in MB, timeouts in ms."""

    max_memory: int | None = None
    min_memory: int | None = None
    max_timeout: int | None = None
    min_timeout: int | None = None
    max_logs: int | None = None
    min_logs: int | None = None
    max_concurrency: int | None = None
    min_concurrency: int | None = None
    invocations_per_minute: int | None = None
    concurrent_invocations: int | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> NamespaceLimits:
        return cls(
            max_memory=value.get("maxActionMemory"),
            min_memory=value.get("minActionMemory"),
            max_timeout=value.get("maxActionTimeout"),
            min_timeout=value.get("minActionTimeout"),
            max_logs=value.get("maxActionLogs"),
            min_logs=value.get("minActionLogs"),
            max_concurrency=value.get("maxActionConcurrency"),
            min_concurrency=value.get("minActionConcurrency"),
            invocations_per_minute=value.get("invocationsPerMinute"),
            concurrent_invocations=value.get("concurrentInvocations"),
        )


def parameters_of(values: Mapping[str, Json], *, init: bool = False) -> tuple[Parameter, ...]:
    """Parameters from a mapping, all of one kind."""
    return tuple(Parameter(key, value, init) for key, value in values.items())


def action_body(
    image: str,
    annotations: Mapping[str, Json],
    parameters: Iterable[Parameter] = (),
    limits: Limits | None = None,
) -> dict[str, Json]:
    """The body that creates a docker action."""
    return {
        "exec": {"kind": "blackbox", "image": image},
        "annotations": to_key_values(annotations),
        "parameters": [parameter.to_json() for parameter in parameters],
        "limits": (limits or Limits()).to_json(),
    }
