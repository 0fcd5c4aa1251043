"""`modelwhisk local`: the local platform on the command line."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from modelwhisk.local import docker_container, process_container, spray_json
from modelwhisk.local.actions import Action, WebMode, web_annotations
from modelwhisk.local.containers import ContainerFactory
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.limits import PlatformLimits
from modelwhisk.local.platform import LocalPlatform
from modelwhisk.local.report import JsonReport, Report, TextReport
from modelwhisk.local.spray_json import Json, JsonError
from modelwhisk.local.store import StoreProblem
from modelwhisk.local.watcher import changes

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Target:
    """What is to be served: an image, or the folder of a model, under a name.

    `alias` is what other actions can name as their image, to run the folder.
    """

    name: str
    image: str | None
    folder: Path | None
    alias: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Reads `[name=]image-or-folder`; the name defaults to the last component without its tag.

        A name that is an image's gives that image to the folder, and its last component to the action.
        """
        name, equals, place = text.partition("=")
        if not equals or Path(text).is_dir():
            name, place = "", text
        folder = Path(place).expanduser()
        if folder.is_dir():
            alias = name or folder.resolve().name
            return cls(_last_component(alias) if name else alias, None, folder.resolve(), alias)
        if folder.is_file():
            raise click.BadParameter(f"{place} is a file; give a folder, or the image that build.sh makes of a zip")
        if place.startswith((".", "/", "~")):
            raise click.BadParameter(f"there is no folder {place}")
        return cls(name or _last_component(place), place, None)


def _last_component(image: str) -> str:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def read_pairs(items: Sequence[str]) -> dict[str, Json]:
    """Reads `key=value` items, a value as JSON if it parses, else as text; ValueError for one that isn't."""
    result: dict[str, Json] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ValueError(f"{item!r} is not key=value")
        try:
            result[key] = spray_json.parse(text)
        except JsonError:
            result[key] = text
    return result


def read_env_file(path: Path) -> dict[str, str]:
    """Reads `NAME=value` lines, but not empty ones and those that begin with #; ValueError names a bad line."""
    result = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, text = line.partition("=")
        if not equals:
            raise ValueError(f"{path}, line {number} is not NAME=value")  # it may be a secret's second line
        result[name.strip()] = text
    return result


def _reader(read: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        try:
            return {} if value is None else read(value)
        except ValueError as problem:
            raise click.BadParameter(str(problem)) from problem

    return callback


def _key_values(*names: str, help_text: str) -> Callable[[Command], Command]:
    return click.option(*names, multiple=True, metavar="KEY=VALUE", callback=_reader(read_pairs), help=help_text)


def _limit(field: str, unit: str, help_text: str) -> Callable[[Command], Command]:
    default = getattr(PlatformLimits(), field)
    option = f"--{field.replace('_', '-')}"
    return click.option(
        option, field, type=click.IntRange(1), default=default, show_default=True, metavar=unit, help=help_text
    )


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--port", default=3233, show_default=True, help="Port to serve on; 0 picks a free one.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address to serve on.")
@click.option(
    "--auth",
    default=GUEST_KEY,
    envvar="MODELWHISK_LOCAL_AUTH",
    metavar="UUID:KEY",
    show_default="the key of every standalone OpenWhisk",
    help="Key of the namespace, for the REST API; in MODELWHISK_LOCAL_AUTH no other user of this machine sees it. The "
    "default is taken from yourself and root alone, on Linux, and so is any key while --bind is of the loopback.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder that keeps actions and activations; without it they go when this ends.",
)
@click.option("--reload", is_flag=True, help="Restart a folder's processes when its files change.")
@click.option("--namespace", default="guest", show_default=True, help="Namespace of the actions.")
@click.option(
    "--web",
    type=click.Choice(["raw", "true", "secure"]),
    default="raw",
    show_default=True,
    help="Kind of web action; `secure` makes up a secret and prints it.",
)
@click.option("--memory", default=512, show_default=True, metavar="MB", help="Memory limit of a container.")
@click.option("--timeout", default=60_000, show_default=True, metavar="MS", help="Time limit of /init and /run each.")
@click.option("--concurrency", default=1, show_default=True, help="Calls that one container gets at a time.")
@click.option("--max-containers", default=4, show_default=True, help="Containers of all actions together.")
@_limit("max_memory", "MB", "Most memory that an action may ask for.")
@_limit("max_timeout", "MS", "Longest time limit that an action may ask for.")
@_limit("max_concurrency", "N", "Most calls at a time in one container that an action may ask for.")
@_limit("invocations_per_minute", "N", "Calls in a minute; more get 429.")
@_limit("concurrent_invocations", "N", "Calls at a time; more get 429.")
@_key_values("-p", "--param", "parameters", help_text="Parameter bound to the actions; JSON if it parses.")
@_key_values("--init", "init_parameters", help_text="Parameter for the environment at /init only.")
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_reader(read_env_file),
    help="NAME=value lines for the targets' own environment; other images get none of it.",
)
@click.option(
    "--drift",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What `modelwhisk drift fit` made of the one target's training inputs: predictions are compared with it.",
)
@click.option("--python", default=sys.executable, show_default="this one", help="Interpreter for folders.")
@click.option("--idle-pause", default=10.0, show_default=True, metavar="S", help="Idle time before a pause.")
@click.option("--log-json", is_flag=True, help="One JSON object a line, for machines.")
def local(
    *,
    targets: tuple[str, ...],
    port: int,
    bind: str,
    auth: str,
    data: Path | None,
    reload: bool,
    namespace: str,
    web: WebMode,
    memory: int,
    timeout: int,
    concurrency: int,
    max_containers: int,
    parameters: dict[str, Json],
    init_parameters: dict[str, Json],
    env_file: dict[str, str],
    drift: Path | None,
    python: str,
    idle_pause: float,
    log_json: bool,
    **limits: int,
) -> None:
    """Serve models as web actions on this machine, as OpenWhisk would.

    Each TARGET is [name=]IMAGE, run in docker exactly as OpenWhisk's invoker does, or [name=]FOLDER of a model, run as
    a process by this tool's adapter: any that ./build.sh makes an image of, with what its requirements.txt names
    installed for --python. What a request becomes on its way to the model, and what the answer becomes on its
    way back, is as strict as on the platform.

    `wsk`, `modelwhisk deploy` and other clients of OpenWhisk's REST API work too, with the host and key that are
    printed. An action that they create with the image NAME of a NAME=FOLDER target runs that folder, so that all this
    works without docker; any other image runs in docker.

    This is for one desk, to try and test models. Real load belongs on OpenWhisk.
    """
    parsed = [Target.parse(text) for text in targets]
    names = [target.name for target in parsed]
    if len(set(names)) < len(names):
        raise click.UsageError(f"two targets have the same name; give them others with name=TARGET: {', '.join(names)}")
    if drift is not None and len(parsed) != 1:
        raise click.UsageError("--drift is for one target")
    secret = secrets.token_urlsafe(24) if web == "secure" else None
    report: Report = JsonReport() if log_json else TextReport(secret)
    factories = _factories(parsed, env_file, python, drift)
    actions = [
        Action(
            name=target.name,
            containers=factory,
            namespace=namespace,
            parameters=parameters,
            init_parameters=init_parameters,
            annotations=web_annotations(web, secret),
            memory=memory,
            timeout=timeout,
            concurrency=concurrency,
            image=target.image or target.alias,
        )
        for target, factory in zip(parsed, factories, strict=True)
    ]
    report.removed(process_container.remove_leftovers(), docker_container.remove_leftovers())
    platform = LocalPlatform(
        actions,
        bind=bind,
        port=port,
        credentials={auth: namespace},
        data=data,
        limits=PlatformLimits(**limits),
        max_containers=max_containers,
        idle_pause=idle_pause,
        on_exchange=report.exchange,
        on_activation=report.activation,
    )
    watched = {
        target.folder: factory for target, factory in zip(parsed, factories, strict=True) if target.folder is not None
    }
    try:
        asyncio.run(_serve(platform, actions, report, auth, watched if reload else {}))
    except OSError as problem:
        raise click.ClickException(f"can't serve on {bind}:{port}: {problem.strerror or problem}") from problem
    except StoreProblem as problem:
        raise click.ClickException(str(problem)) from problem


def _factories(
    targets: Sequence[Target], environment: Mapping[str, str], python: str, reference: Path | None
) -> list[ContainerFactory]:
    factories: list[ContainerFactory] = []
    for target in targets:
        files = None
        if reference is not None:
            from modelwhisk.local import drift  # noqa: PLC0415 - imports much that others don't need

            drift.check(reference, target.folder, target.image)
            environment = {**environment, **drift.variables(reference, in_image=target.folder is None)}
            files = drift.files_for_image(reference) if target.folder is None else None
        if target.folder is not None:
            factories.append(process_container.ProcessFactory(target.folder, python, environment))
        elif target.image is not None:
            try:
                factories.append(docker_container.DockerFactory(target.image, environment, files))
            except docker_container.NoDocker as problem:
                raise click.ClickException(
                    f"{target.image} is no folder here, and as an image it needs docker, which can't be reached: "
                    f"{problem}\nWithout docker, give the folder of the model's source."
                ) from problem
    return factories


async def _serve(
    platform: LocalPlatform,
    actions: Sequence[Action],
    report: Report,
    auth: str,
    watched: Mapping[Path, ContainerFactory],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the last one comes when the terminal is closed
        with contextlib.suppress(NotImplementedError, AttributeError):  # not all of them, or none, on Windows
            loop.add_signal_handler(getattr(signal, name), stop.set)
    async with platform:
        for action in actions:
            report.serving(action, platform.url_of(action))
        report.api(platform.url, auth if auth == GUEST_KEY else None)
        watching = [
            asyncio.ensure_future(_reload(platform, folder, factory, report)) for folder, factory in watched.items()
        ]
        await stop.wait()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        report.stopping()


async def _reload(platform: LocalPlatform, folder: Path, factory: ContainerFactory, report: Report) -> None:
    async for changed in changes(folder):
        report.reloading(folder, changed)
        await platform.restart(factory)
