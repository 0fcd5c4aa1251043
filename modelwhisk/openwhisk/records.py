"""What OpenWhisk stores and answers, as records: actions, packages, activations, limits. Pure.

Each `from_json` raises `Malformed` for what isn't such a record; what may be left out may also be null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from modelwhisk.nested_json import TooDeep, is_too_deep

# Not recursive: what a model answers is looked into at run time, and `Any` says so.
Json: TypeAlias = Any
Kind = TypeVar("Kind")

_LONG = 2**63  # what the platform's own numbers are below
_LONGEST = 1000  # characters of a name: the platform's own have 256 at most, an image's some 700
_LAST_MS = 253_402_300_799_999  # of the year 9999, where dates end
_KINDS: dict[type, str] = {str: "text", int: "a whole number", dict: "an object", list: "a list"}


class Malformed(ValueError):
    """What the platform told isn't the record that it should be; the message says what is wrong with it."""


def checked(value: Json, kind: type[Kind], name: str) -> Kind:
    """`value`, which is `name` and must be of a kind; raises `Malformed`."""
    if not isinstance(value, kind) or (kind is int and not _is_number(value)):
        raise Malformed(f"{name} is {'missing' if value is None else f'not {_KINDS[kind]}'}")
    return value


def checked_name(value: Json, name: str) -> str:
    """A text that may be part of a URL; raises `Malformed`, also for half of a surrogate pair, for which JSON has an
    escape."""
    found = checked(value, str, name)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise Malformed(f"{name} is not text") from None
    return found


def fits_in_header(text: str) -> bool:
    """Whether it goes as it is: other than ASCII is written differently by each client, and a line end ends it."""
    return text.isascii() and text.isprintable()


def _is_number(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_LONG <= value < _LONG


def _writable(value: Json) -> Json:
    """`value`, which must be such that it can be written again: a copy of an action has its parameters."""
    if is_too_deep(value):
        raise Malformed(str(TooDeep()))
    return value


def _field(value: Json, name: str, kind: type[Kind]) -> Kind:
    found = checked(checked(value, dict, "the record").get(name), kind, name)
    if isinstance(found, str) and len(found) > _LONGEST:
        raise Malformed(f"{name} has more than {_LONGEST:,} characters")
    return found


def _name(value: Json, name: str) -> str:
    return checked_name(_field(value, name, str), name)


def _optional(value: Json, name: str, kind: type[Kind]) -> Kind | None:
    return None if checked(value, dict, "the record").get(name) is None else _field(value, name, kind)


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
        names = ("memory", "timeout", "logs", "concurrency")
        return cls(*(_optional(value, name, int) for name in names))

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
        return cls(_field(value, "key", str), value.get("value"), bool(value.get("init", False)))

    def to_json(self) -> dict[str, Json]:
        return {"key": self.key, "value": self.value, **({"init": True} if self.init else {})}


def _annotations(value: Mapping[str, Json]) -> dict[str, Json]:
    return {_field(item, "key", str): item.get("value") for item in _optional(value, "annotations", list) or []}


def _time(value: Json, name: str) -> int:
    """Epoch ms, 0 where it isn't told."""
    found = _optional(value, name, int) or 0
    if not 0 <= found <= _LAST_MS:
        raise Malformed(f"{name} is not a time")
    return found


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
        namespace, _, package = _name(_writable(value), "namespace").partition("/")
        exec_ = _optional(value, "exec", dict) or {}
        annotations = _annotations(value)
        return cls(
            name=_name(value, "name"),
            namespace=namespace,
            package=package or None,
            version=_optional(value, "version", str) or "",
            updated=_time(value, "updated"),
            kind=_optional(exec_, "kind", str) or str(annotations.get("exec", ""))[:_LONGEST],
            image=_optional(exec_, "image", str),
            limits=Limits.from_json(value.get("limits") or {}),
            annotations=annotations,
            parameters=tuple(map(Parameter.from_json, _optional(value, "parameters", list) or [])),
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
    def secret_headers(self) -> dict[str, str]:
        """What presents it, none where it isn't asked for. Raises `Malformed` for one that no header can have."""
        if self.secret is None:
            return {}
        if not fits_in_header(self.secret):
            raise Malformed(f"the secret of {self.path} has characters that no header can have")
        return {"X-Require-Whisk-Auth": self.secret}

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
        name, namespace = _name(_writable(value), "name"), _name(value, "namespace")
        bound = value.get("binding")  # of what is none: {} in a record, false in a list
        return cls(
            name=name,
            namespace=namespace,
            version=_optional(value, "version", str) or "",
            updated=_time(value, "updated"),
            annotations=_annotations(value),
            binding=f"{_field(bound, 'namespace', str)}/{_field(bound, 'name', str)}" if bound else None,
        )


def lines_of(value: Json) -> tuple[str, ...]:
    """The lines of a log in a record's `logs`; raises `Malformed`."""
    return tuple(checked(line, str, "a line of its log") for line in _optional(value, "logs", list) or [])


def _number(value: Json) -> int | None:
    """An annotation that is a number; what else it may be tells nothing."""
    return value if _is_number(value) else None


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
        response = _optional(value, "response", dict) or {}
        code = value.get("statusCode", response.get("statusCode"))
        named = _STATUSES[code] if isinstance(code, int) and code in range(len(_STATUSES)) else ""
        return cls(
            id=_name(value, "activationId"),
            name=checked_name(_optional(value, "name", str) or "", "name"),
            namespace=checked_name(_optional(value, "namespace", str) or "", "namespace"),
            version=_optional(value, "version", str) or "",
            start=_time(value, "start"),
            end=_time(value, "end") or None,
            duration=_optional(value, "duration", int),
            status=_optional(response, "status", str) or named,
            result=response.get("result"),
            logs=lines_of(value),
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
        return _number(self.annotations.get("initTime"))

    @property
    def wait_time(self) -> int | None:
        """Milliseconds between the request and the container."""
        return _number(self.annotations.get("waitTime"))

    @property
    def memory(self) -> int | None:
        """MB that the action was allowed."""
        limits = self.annotations.get("limits")
        return _number(limits.get("memory")) if isinstance(limits, dict) else None

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
            max_memory=_optional(value, "maxActionMemory", int),
            min_memory=_optional(value, "minActionMemory", int),
            max_timeout=_optional(value, "maxActionTimeout", int),
            min_timeout=_optional(value, "minActionTimeout", int),
            max_logs=_optional(value, "maxActionLogs", int),
            min_logs=_optional(value, "minActionLogs", int),
            max_concurrency=_optional(value, "maxActionConcurrency", int),
            min_concurrency=_optional(value, "minActionConcurrency", int),
            invocations_per_minute=_optional(value, "invocationsPerMinute", int),
            concurrent_invocations=_optional(value, "concurrentInvocations", int),
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
