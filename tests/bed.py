"""What the fixtures of conftest.py are made of: commands, images, containers, a registry."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import docker
import docker.errors
from docker.models.containers import Container

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
BED = CHECKOUT / "tests" / "docker_bed"
BASES = ("debian-python3", "python:3.6", "python:3.7", "python:3.11")
SAMPLE_MODELS = tuple(sorted(path.parent.name for path in CHECKOUT.glob("models/*/Dockerfile")))


@functools.cache
def engine_problem() -> str:
    """Why no docker test can run here; empty if they can."""
    if os.environ.get("MODELWHISK_NO_DOCKER", "") not in ("", "0"):
        return "docker tests are switched off (MODELWHISK_NO_DOCKER)"
    if shutil.which("docker") is None:
        return "no docker command here"
    try:
        found = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "the docker engine doesn't answer within 30 seconds"
    if found.returncode:
        return f"no docker engine answers: {found.stderr.strip().splitlines()[-1]}"
    return ""


def run(*command: str | os.PathLike[str], cwd: pathlib.Path = CHECKOUT, timeout: float = 900, **env: str) -> str:
    """Runs a command and returns what it printed on stdout; a failure shows all that it said."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        said = "\n".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-60:])
        # Not pytest.fail: a fixture that fails so isn't taken for a test that does.
        raise RuntimeError(f"exit status {done.returncode} from {' '.join(map(str, command))}:\n{said}")
    return done.stdout


def build_image(tag: str, context: pathlib.Path, **build_args: str) -> str:
    """`docker build`; what an earlier run built of other contents under the tag goes away."""
    before = image_id(tag)
    arguments = [item for name, value in build_args.items() for item in ("--build-arg", f"{name}={value}")]
    run("docker", "build", "--tag", tag, *arguments, context)
    if before and before != image_id(tag):
        # A container of another session may still use it.
        subprocess.run(["docker", "rmi", before], capture_output=True, check=False)
    return tag


def image_id(tag: str) -> str:
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", tag], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else ""


def tag_of(name: str, base: str) -> str:
    return f"{name}:{re.sub(r'[^a-z0-9.]+', '-', base.removeprefix('modelwhisk-test/').removesuffix(':latest'))}"


class Running:
    """A started container, and where its published ports are on this machine."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def address(self, port: int) -> tuple[str, int]:
        self.container.reload()
        published = self.container.ports.get(f"{port}/tcp")
        if not published:
            raise AssertionError(f"port {port} isn't there: {self.container.status}\n{self.logs()}")
        return published[0]["HostIp"], int(published[0]["HostPort"])

    def url(self, port: int, path: str = "") -> str:
        host, published = self.address(port)
        return f"http://{host}:{published}{path}"

    def wait(self, port: int, path: str = "/", timeout: float = 60) -> Running:
        """Until an HTTP server answers there, with whatever status. (A published port accepts before one listens.)"""
        end = time.monotonic() + timeout
        while True:
            try:
                with urllib.request.urlopen(self.url(port, path), timeout=timeout):
                    return self
            except urllib.error.HTTPError as answer:
                answer.close()
                return self
            except OSError as error:
                self.container.reload()
                if self.container.status != "running" or time.monotonic() > end:
                    problem = f"{self.container.status}, {error}"
                    raise AssertionError(f"nothing answers on port {port}: {problem}\n{self.logs()}") from None
            time.sleep(0.05)

    def logs(self) -> str:
        return bytes(self.container.logs()).decode(errors="replace")


class Containers:
    """Starts containers and removes them all at the end."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client
        self.started: list[Container] = []

    def run(self, image: str, *, ports: tuple[int, ...] = (8080,), **options: Any) -> Running:
        """`docker run -d` with each of `ports` on a free loopback port; `options` are the docker SDK's."""
        published: Any = {f"{port}/tcp": ("127.0.0.1", None) for port in ports}
        container = self.client.containers.create(image, detach=True, ports=published, **options)
        self.started.append(container)  # before it starts: that may fail
        container.start()
        return Running(container)

    def close(self) -> None:
        while self.started:
            with contextlib.suppress(docker.errors.NotFound):
                self.started.pop().remove(force=True, v=True)


def free_port() -> int:
    """One below those that the system gives to connections, any of which may come before the port is listened on."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)  # the tests' own random numbers are each worker's
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Registry:
    """An empty registry; `address` is what an image's name starts with: `f"{registry.address}/me/max-x:1"`."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Any:
        """The API's answer: `registry.get("_catalog")`, `registry.get("me/max-x/tags/list")`."""
        with urllib.request.urlopen(f"http://{self.address}/v2/{path}", timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def wait(self, alive: Callable[[], bool], log: Callable[[], str]) -> Registry:
        end = time.monotonic() + 30
        while True:
            try:
                self.get("")
            except OSError as error:
                if not alive() or time.monotonic() > end:
                    raise RuntimeError(f"the registry did not come up: {error}\n{log()}") from None
                time.sleep(0.05)
            else:
                return self


@contextlib.contextmanager
def registry_process(program: str) -> Iterator[Registry]:
    with tempfile.TemporaryDirectory() as folder:
        address = f"127.0.0.1:{free_port()}"
        config = pathlib.Path(folder, "config.json")  # which is YAML, too
        storage = {"filesystem": {"rootdirectory": folder}, "delete": {"enabled": True}}
        config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": address}}))
        with (
            pathlib.Path(folder, "log").open("w+") as log,
            subprocess.Popen([program, "serve", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
        ):
            try:
                log_text = pathlib.Path(log.name).read_text
                yield Registry(address).wait(lambda: process.poll() is None, log_text)
            finally:
                process.terminate()


@contextlib.contextmanager
def registry_container(client: docker.DockerClient) -> Iterator[Registry]:
    with contextlib.closing(Containers(client)) as started:
        client.images.pull("registry", "2")
        running = started.run("registry:2", ports=(5000,))
        host, port = running.address(5000)
        yield Registry(f"{host}:{port}").wait(lambda: True, running.logs)
