"""What an action is to those that run it and answer web requests with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from modelwhisk.local.names import DEFAULT_PACKAGE
from modelwhisk.local.spray_json import Json

if TYPE_CHECKING:
    from modelwhisk.local.containers import ContainerFactory

WebMode = Literal["raw", "true", "secure"]


def web_annotations(mode: WebMode = "raw", secret: str | None = None) -> dict[str, Json]:
    """The annotations that `wsk action create --web MODE` sets.

    `secure` is `raw` for callers that present `secret` in `X-Require-Whisk-Auth`.
    """
    annotations: dict[str, Json] = {"web-export": True, "raw-http": mode != "true", "final": True}
    if mode == "secure":
        if not secret:
            raise ValueError("a secure web action needs a secret")
        annotations["require-whisk-auth"] = secret
    return annotations


@dataclass(frozen=True)
class Action:
    """An action: how its containers are made, what it is called, its parameters, annotations and limits.

    `parameters` reach `/run`, `init_parameters` the environment at `/init` only. `timeout` is in milliseconds and
    applies to `/init` and `/run` each, `memory` and `logs` are in MB, `concurrency` is how many `/run` one container
    gets at a time. `image` is what REST clients see and can make other actions of; by default a name of our own.
    `code`, `main` and `binary` are what `/init` gets of them; `components` are the actions that a sequence runs.

    Containers are shared by equal `revision`s: what an action was before it was changed is another one.
    """

    name: str
    containers: ContainerFactory
    namespace: str = "guest"
    package: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    init_parameters: Mapping[str, Json] = field(default_factory=dict)
    annotations: Mapping[str, Json] = field(default_factory=web_annotations)
    memory: int = 256
    timeout: int = 60_000
    concurrency: int = 1
    logs: int = 10
    version: str = "0.0.1"
    image: str | None = None
    code: str | None = None
    main: str | None = None
    binary: bool = False
    components: tuple[str, ...] = ()
    revision: object = field(default_factory=object, compare=False)

    @property
    def kind(self) -> str:
        """What the platform calls its way of running."""
        return "sequence" if self.components else "blackbox"

    @property
    def path(self) -> str:
        """The fully qualified name as containers are told it: `/namespace/[package/]name`."""
        return "/" + "/".join(part for part in (self.namespace, self.package, self.name) if part)

    @property
    def key(self) -> tuple[str, str, str]:
        """What the action is found by: namespace, package (`default` for none) and name."""
        return self.namespace, self.package or DEFAULT_PACKAGE, self.name

    @property
    def web_path(self) -> str:
        """The public path of a web action."""
        return "/api/v1/web/" + "/".join(self.key)

    @property
    def limits(self) -> dict[str, Json]:
        """The limits as clients are shown them."""
        return {
            "timeout": self.timeout,
            "memory": self.memory,
            "logs": self.logs,
            "concurrency": self.concurrency,
        }

    def is_set(self, annotation: str) -> bool:
        """Whether a boolean annotation is true."""
        return self.annotations.get(annotation) is True

    @property
    def gets_api_key(self) -> bool:
        """Whether containers are told the namespace's key, as they are unless an annotation says otherwise.

        New actions get one that does (Actions.scala, `amendAnnotations`; Parameter.scala, `isTruthy`).
        """
        return self.annotations.get("provide-api-key", True) not in (False, None, 0, "")

    def arguments(self, payload: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
        """What a call with `payload` gives to `/run` and to the environment at `/init`.

        A parameter for `/init` never reaches `/run`, not even where the caller gives it another value
        (ContainerProxy.scala, `partitionArguments`).
        """
        merged = {**self.parameters, **self.init_parameters, **payload}
        run = {name: value for name, value in merged.items() if name not in self.init_parameters}
        return run, {name: merged[name] for name in self.init_parameters}

    def immutable_parameters(self) -> frozenset[str]:
        """Parameters that a request must not override: those with a value, where the action is `final`.

        Source: core/entity/WhiskAction.scala, `immutableParameters`.
        """
        if not self.is_set("final"):
            return frozenset()
        bound = {**self.parameters, **self.init_parameters}
        return frozenset(name for name, value in bound.items() if value is not None)
