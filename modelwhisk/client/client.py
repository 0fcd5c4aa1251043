"""A platform whose models are called by their names."""

from __future__ import annotations

from typing import Any

from modelwhisk.client.model import AsyncModel, Model
from modelwhisk.openwhisk import OpenWhisk


class Client:
    """An OpenWhisk: host and key as given, else from the environment, else from `~/.wskprops`.

    Raises `OpenWhiskError` where neither tells them.
    """

    def __init__(
        self,
        host: str | None = None,
        auth: str | None = None,
        namespace: str | None = None,
        insecure: bool | None = None,
    ) -> None:
        self.platform = OpenWhisk.connect(host, auth, namespace, insecure)

    def model(self, name: str, **options: Any) -> Model:
        """The model that an action is; `options` are those of `Model`."""
        return Model(name, platform=self.platform, **options)

    def async_model(self, name: str, **options: Any) -> AsyncModel:
        """The same for asyncio."""
        return AsyncModel(name, platform=self.platform, **options)

    def models(self) -> list[str]:
        """The names of the web actions in the namespace, `[package/]name`."""
        return sorted(action.path for action in self.platform.list_actions() if action.web != "no")
