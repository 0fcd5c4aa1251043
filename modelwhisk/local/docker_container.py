"""An action's image in docker, started with what the platform's invoker gives to `docker run` (the contract, A1)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import docker
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import LogConfig, Ulimit
from docker.utils import parse_host

from modelwhisk.local import messages, owner
from modelwhisk.local.actions import Action
from modelwhisk.local.containers import TOKEN_VARIABLE, StartFailed
from modelwhisk.local.logs import ContainerLog, Stream

T = TypeVar("T")

OWNER_LABEL = "modelwhisk.local.owner"

_NAMES = ("wsk", "modelwhisk-drift-")  # how what we make is called: pool.py, drift/local_model.py
_UNIX = "http+unix://"
_PORT = 8080  # of every action container
_OUT_OF_MEMORY_PATIENCE = 2.0  # seconds in which docker may notice that the kernel killed a container
_READ_AHEAD = 64  # pieces of a stream that may wait for the platform; then docker has to, and so the container
_LOG_END_PATIENCE = 2.0  # seconds for the end of a removed container's output
# What is read of a log is bounded, and so must be what the engine keeps of it on its disk, as long as we run.
_LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "200m", "max-file": "2"})
_COMMAND_NOT_FOUND = ("executable file not found", "no such file or directory")


class NoDocker(Exception):
    """There is no docker engine to talk to."""


class DockerContainer:
    """A running container, on the address that docker's bridge network gave it."""

    def __init__(self, container: Any, token: str) -> None:
        self._container = container
        self.token = token
        self._destroyed = False
        self.name: str = container.name
        self.log = ContainerLog()
        self._loop = asyncio.get_running_loop()
        self._followers = [
            threading.Thread(target=self._follow, args=(stream,), name=f"{stream} of {self.name}", daemon=True)
            for stream in ("stdout", "stderr")
        ]
        for follower in self._followers:
            follower.start()

    @cached_property
    def address(self) -> tuple[str, int]:
        """The container's own address, and the port that the platform prescribes."""
        networks = self._container.attrs["NetworkSettings"]["Networks"]
        return next(network["IPAddress"] for network in networks.values()), _PORT

    @property
    def ended(self) -> bool:
        """Whether both of its streams did."""
        return not any(follower.is_alive() for follower in self._followers)

    async def pause(self) -> None:
        """Freezes the container."""
        await asyncio.to_thread(self._container.pause)

    async def resume(self) -> None:
        """Thaws it."""
        await asyncio.to_thread(self._container.unpause)

    async def out_of_memory(self) -> bool:
        """Whether the kernel killed the container, asked of docker for a while since it notices late."""
        deadline = self._loop.time() + _OUT_OF_MEMORY_PATIENCE
        while True:
            try:
                await asyncio.to_thread(self._container.reload)
            except APIError:
                return False
            state = self._container.attrs["State"]
            if state["OOMKilled"] or not state["Running"] or self._loop.time() > deadline:
                return bool(state["OOMKilled"])
            await asyncio.sleep(0.1)

    async def destroy(self) -> None:
        """Removes the container, which kills it."""
        if not self._destroyed:
            self._destroyed = True
            await asyncio.to_thread(_remove, self._container)
            for follower in self._followers:
                await asyncio.to_thread(follower.join, _LOG_END_PATIENCE)

    def _follow(self, stream: Stream) -> None:
        """Reads one of the container's streams until it ends, in a thread of its own."""
        wanted = {"stdout": stream == "stdout", "stderr": stream == "stderr"}
        with contextlib.suppress(DockerException, OSError, RuntimeError), contextlib.ExitStack() as opened:
            chunks = opened.enter_context(contextlib.closing(self._container.logs(stream=True, follow=True, **wanted)))
            room = threading.Semaphore(_READ_AHEAD)

            def take(chunk: bytes) -> None:
                room.release()
                self.log.feed(stream, chunk)

            for chunk in chunks:
                while not room.acquire(timeout=1) and not self._loop.is_closed():
                    pass
                # RuntimeError: the loop is closed, and nobody reads the log any more.
                self._loop.call_soon_threadsafe(take, chunk)


@dataclass
class DockerFactory:
    """Starts containers of `image`, with `environment` added to what the platform sets; raises `NoDocker`.

    `files` is a tar that is unpacked in each before it starts.
    """

    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: bytes | None = None

    def __post_init__(self) -> None:
        self._client = _client()

    async def start(self, action: Action, name: str, api_host: str) -> DockerContainer:
        """A new container; the image is pulled where docker doesn't have it."""
        token = secrets.token_urlsafe()
        container = await _unbroken(lambda: self._run(action, name, api_host, token), _remove)
        return DockerContainer(container, token)

    def close(self) -> None:
        """Closes the connections to the engine."""
        self._client.close()

    def _run(self, action: Action, name: str, api_host: str, token: str) -> Any:
        try:
            self._client.images.get(self.image)
        except ImageNotFound:
            self._pull()
        try:
            container = self._client.containers.create(
                self.image,
                name=owner.named(name),
                labels={OWNER_LABEL: owner.current()},
                environment={**self.environment, TOKEN_VARIABLE: token, "__OW_API_HOST": api_host},
                network="bridge",
                cpu_shares=_cpu_shares(action.memory),
                mem_limit=f"{action.memory}m",
                memswap_limit=f"{action.memory}m",
                pids_limit=1024,
                ulimits=[Ulimit(name="nofile", soft=1024, hard=1024)],
                cap_drop=["NET_RAW", "NET_ADMIN"],
                log_config=_LOG,
                use_config_proxy=False,  # a password's place, which the platform hasn't
            )
        except DockerException as problem:
            raise StartFailed(messages.PROVISION_ERROR, developer=False, detail=str(problem)) from problem
        try:
            if self.files is not None:
                container.put_archive("/", self.files)
            container.start()
            container.reload()
        except APIError as problem:
            _remove(container)
            if any(text in str(problem) for text in _COMMAND_NOT_FOUND):
                raise StartFailed(messages.command_not_found(self.image), developer=True) from problem
            raise StartFailed(messages.PROVISION_ERROR, developer=False, detail=str(problem)) from problem
        return container

    def _pull(self) -> None:
        try:
            repository, tag = _repository_and_tag(self.image)
            self._client.images.pull(repository, tag=tag)
        except DockerException as problem:
            raise StartFailed(messages.image_pull_failed(self.image), developer=True, detail=str(problem)) from problem


@dataclass(frozen=True)
class ImageFolder:
    """The folder of an image at `path`, which no link is part of; `pieces` are those of a tar of it, and `size` is that
    of all the image's files."""

    path: str
    pieces: Iterable[bytes]
    size: int
    _container: Any

    def end_of(self, path: str) -> str | None:
        """The path to which all links lead from a link of the image, if they do."""
        try:
            return _opened(self._container, path)[0]
        except APIError:  # also for a circle
            return None

    def tar_of(self, path: str) -> Iterable[bytes] | None:
        """A tar, in pieces, of a path to which links have led; None where there is nothing."""
        try:
            pieces: Iterable[bytes] = self._container.get_archive(path)[0]
        except APIError:
            return None
        return pieces


def _opened(container: Any, path: str) -> tuple[str, Iterator[bytes]]:
    """Where a path leads, and a tar of that."""
    pieces, told = container.get_archive(path)
    if not told["linkTarget"]:
        return path, pieces
    for _ in pieces:  # of the link alone
        pass
    return told["linkTarget"], _archive(container, told["linkTarget"])


def _archive(container: Any, path: str) -> Iterator[bytes]:
    """A tar of a path in pieces, for which the engine is asked only once they are wanted."""
    yield from container.get_archive(path)[0]


@contextlib.contextmanager
def working_directory(image: str) -> Iterator[ImageFolder]:
    """The folder in which an image starts; it isn't run. Raises `NoDocker`, `DockerException`."""
    client = _client()
    try:
        container = client.containers.create(
            image,
            name=owner.named(f"modelwhisk-drift-files-{secrets.token_hex(4)}"),
            labels={OWNER_LABEL: owner.current()},
            use_config_proxy=False,
        )
        try:
            told = client.images.get(image).attrs
            opened = _opened(container, told["Config"].get("WorkingDir") or "/")
            yield ImageFolder(*opened, told["Size"], container)
        finally:
            _remove(container)
    finally:
        client.close()


def _cpu_shares(memory: int) -> int:
    """The part of 1024 shares that the invoker gives for `memory` MB of its default pool of 1024 MB.

    Source: common/scala/.../containerpool/ContainerFactory.scala, `cpuShare`.
    """
    return max(2, 1024 // max(1, 1024 // memory))


def _repository_and_tag(image: str) -> tuple[str, str | None]:
    if "@" in image:
        return image, None
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, "latest")


def remove_leftovers() -> list[str]:
    """Removes containers of runs that ended without doing so; returns their names. Does nothing without docker."""
    try:
        client = _client()
    except NoDocker:
        return []
    removed = []
    for container in client.containers.list(all=True, ignore_removed=True, filters={"label": OWNER_LABEL}):
        if _is_leftover(str(container.name), container.labels[OWNER_LABEL]):
            _remove(container)
            removed.append(str(container.name))
    client.close()
    return removed


def _is_leftover(name: str, mark: str) -> bool:
    """Whether we made it in a run that is over; a mark alone may be its image's, whoever runs that."""
    return name.startswith(_NAMES) and owner.is_named_by(mark, name) and owner.is_gone(mark)


def _client() -> docker.DockerClient:
    """A client of the engine that the docker command would talk to."""
    try:
        if os.environ.get("DOCKER_HOST"):
            _probe(os.environ["DOCKER_HOST"])
            return docker.from_env()
        context = ContextAPI.get_current_context()
        host = context.Host if context is not None else None
        tls = context.TLSConfig if context is not None else None
        _probe(host)
        return docker.DockerClient(base_url=host, tls=tls or False, version="auto")
    except (DockerException, OSError) as problem:
        raise NoDocker(str(problem)) from problem


def _probe(host: str | None) -> None:
    """Finds out that nobody listens on a local socket, which the docker package does without closing its own."""
    address = str(parse_host(host, is_win32=sys.platform == "win32"))
    if address.startswith(_UNIX):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address.removeprefix(_UNIX))


def _remove(container: Any) -> None:
    try:
        container.remove(force=True, v=True)
    except APIError as problem:
        if problem.status_code not in (404, 409):  # another run has removed it, or is about to
            raise


async def _unbroken(work: Callable[[], T], undo: Callable[[T], None]) -> T:
    """What `work` returns from a thread; if the caller is cancelled meanwhile, what it made is undone first."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with contextlib.suppress(StartFailed):
            await asyncio.to_thread(undo, await running)
        raise
