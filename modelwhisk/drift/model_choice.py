"""What MODEL on the command line means: a folder, a deployed action by its name or URL, or an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwhisk.client.endpoint import is_url
from modelwhisk.drift.local_model import LocalModel
from modelwhisk.openwhisk import NoCredentials, OpenWhisk, OpenWhiskError

_DEFAULT_VERSION = "default"


@dataclass(frozen=True)
class ModelChoice:
    """One of both: `local`, which is started here, or `deployed`, the name or URL of an action."""

    local: LocalModel | None = None
    deployed: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.local.name if self.local is not None else str(self.deployed)

    @property
    def folder(self) -> Path | None:
        """The model's folder, where that is what was given."""
        return self.local.folder if self.local is not None else None


def choose(text: str, *, python: str, environment: Mapping[str, str], memory: int) -> ModelChoice:
    """Reads MODEL. A name that is neither a folder nor an action's where `wsk` is set up is an image's.

    Raises `ValueError` for what is none of them.
    """
    folder = Path(text).expanduser()
    if folder.is_dir():
        return ModelChoice(LocalModel(folder.resolve(), None, python, environment, memory))
    if folder.exists():
        raise ValueError(f"{text} is a file; give the model's folder, its image, or the name of a deployed action")
    if text.startswith((".", "/", "~")):
        raise ValueError(f"there is no folder {text}")
    if is_url(text) or _is_action(text):
        return ModelChoice(deployed=text)
    return ModelChoice(LocalModel(None, text, python, environment, memory))


def _is_action(name: str) -> bool:
    if ":" in name or name.count("/") > 1:  # a tag, a registry
        return False
    try:
        with OpenWhisk.connect() as platform:
            if platform.find_action(name) is not None:
                return True
            return "/" not in name and platform.find_action(f"{name}/{_DEFAULT_VERSION}") is not None
    except (NoCredentials, OpenWhiskError):
        return False
