"""Each sample model's image as it is and wrapped, on the stack of an era, started when first asked for."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from bed import Containers
from exchange import Answer, Case, ask

from modelwhisk.local import Action
from modelwhisk.local.actions import WebMode, web_annotations
from modelwhisk.local.docker_container import DockerFactory

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from running_platform import running

# The order of a set of methods, as in Allow, is another one in each process else.
SAME_ORDER = {"PYTHONHASHSEED": "0"}
WEB_MODES: dict[str, WebMode] = {"raw": "raw", "cooked": "true"}


class Sides:
    """One model on one stack: its bare image, and the wrapped one in each mode."""

    def __init__(
        self,
        bare: Callable[[Case], Answer],
        modes: dict[str, Callable[[Case], Answer]],
        mounts: dict[str, str],
    ) -> None:
        self.bare = bare
        self.modes = modes
        self.mounts = mounts


@pytest.fixture(scope="module")
def sides(
    module_containers: Containers, model_image: Callable[..., str], wrapped_image: Callable[..., str]
) -> Iterator[Callable[[str, str], Sides]]:
    """`sides("max-digit-classifier", "python:3.7")`, with containers that live until the module's end."""
    with ExitStack() as platforms:

        def action(model: str, base: str, mode: str) -> Action:
            return Action(
                f"{model}-{base[-3:].strip(':').replace('.', '')}-{mode}",
                DockerFactory(wrapped_image(model, base), SAME_ORDER),
                annotations=web_annotations(WEB_MODES[mode]),
            )

        @functools.cache
        def make(model: str, base: str) -> Sides:
            own = module_containers.run(model_image(model, base), ports=(5000,), environment=SAME_ORDER)
            web = module_containers.run(
                wrapped_image(model, base), ports=(8000,), environment={**SAME_ORDER, "PORT": "8000"}
            )
            actions = {mode: action(model, base, mode) for mode in WEB_MODES}
            platform = platforms.enter_context(running(*actions.values(), max_containers=64, idle_pause=600))
            address = ("127.0.0.1", int(platform.url.rpartition(":")[2]))
            mounts = {mode: made.web_path for mode, made in actions.items()}
            behind = {mode: functools.partial(ask, address, mount=mount) for mode, mount in mounts.items()}
            bare = functools.cache(functools.partial(ask, own.wait(5000).address(5000)))
            return Sides(
                bare, {**behind, "web": functools.partial(ask, web.wait(8000).address(8000))}, {**mounts, "web": ""}
            )

        yield make
