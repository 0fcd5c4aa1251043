"""What an action is: the entity that the platform stores, as far as web requests and containers need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from modelwhisk.local.spray_json import Json

if TYPE_CHECKING:
    from modelwhisk.local.containers import ContainerFactory

WebMode = Literal["raw", "true", "secure"]

DEFAULT_PACKAGE = "default"


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
    applies to `/init` and `/run` each, `memory` is in MB, `concurrency` is how many `/run` one container gets at a
    time.
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
    version: str = "0.0.1"

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

    def is_set(self, annotation: str) -> bool:
        """Whether a boolean annotation is true."""
        return self.annotations.get(annotation) is True

    def immutable_parameters(self) -> frozenset[str]:
        """Parameters that a request must not override: those with a value, where the action is `final`.

        Source: core/entity/WhiskAction.scala, `immutableParameters`.
        """
        if not self.is_set("final"):
            return frozenset()
        bound = {**self.parameters, **self.init_parameters}
        return frozenset(name for name, value in bound.items() if value is not None)
