"""The test bed for everything that runs on the user's machine: a docker engine, base images, a registry, the sample
models' images and their wrapped ones, containers that are removed again.

tests/runtime doesn't see this file: it runs on every Python from 3.6 on, with its own configuration.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Generator, Iterator

import docker
import hypothesis
import pytest
from bed import (
    BED,
    CHECKOUT,
    Containers,
    Registry,
    build_image,
    engine_problem,
    registry_container,
    registry_process,
    run,
    tag_of,
)

# In CI a docker test that isn't executed is a failure; elsewhere it is skipped and says why.
DOCKER_REQUIRED = os.environ.get("MODELWHISK_REQUIRE_DOCKER", "") not in ("", "0")

# A busy machine is no failure; and CI tries the same examples each time, so that what fails there fails here.
hypothesis.settings.register_profile("bed", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("bed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Whoever uses the engine needs it, marked or not.
        if "docker_client" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.docker)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") and (problem := engine_problem()):
        pytest.skip(problem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # pytest reports an expected failure as skipped, too; that one was executed.
    if DOCKER_REQUIRED and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("docker"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"MODELWHISK_REQUIRE_DOCKER is set, but this docker test was not executed. {reason}"
    return report


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """The engine that the docker command talks to."""
    if problem := engine_problem():
        pytest.skip(problem)
    host = (
        os.environ.get("DOCKER_HOST")
        or run("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").strip()
    )
    with contextlib.closing(docker.DockerClient(base_url=host, timeout=120)) as client:
        yield client


@pytest.fixture(scope="session")
def base_image(docker_client: docker.DockerClient) -> Callable[[str], str]:
    """`base_image("python:3.7")`: the name and tag of one of BASES, made where the engine hasn't got it."""

    @functools.cache
    def make(name: str) -> str:
        return run(BED / "bases.sh", name).split()[1]

    return make


@pytest.fixture(scope="session")
def model_image(base_image: Callable[[str], str]) -> Callable[..., str]:
    """`model_image("max-digit-classifier", base="python:3.7")`: a sample model's own image, from its Dockerfile."""

    @functools.cache
    def make(model: str, base: str = "python:3.7") -> str:
        image = base_image(base)
        # The bases have all that the requirements name, and may have no pip.
        return build_image(
            tag_of(f"modelwhisk-test/{model}", base), CHECKOUT / "models" / model, BASE_IMAGE=image, INSTALL="true"
        )

    return make


@pytest.fixture(scope="session")
def wrapped_image(docker_client: docker.DockerClient, model_image: Callable[..., str]) -> Callable[..., str]:
    """`wrapped_image("max-digit-classifier", base="python:3.7")`: the model's image, wrapped by the Dockerfile.

    `wrapped_image(image="any/image:tag", MODELPROXY_PATH="/x")` wraps another image, with build arguments.
    """

    @functools.cache
    def make(model: str = "", base: str = "python:3.7", image: str = "", **build_args: str) -> str:
        image = image or model_image(model, base)
        name, _, tag = image.removeprefix("modelwhisk-test/").replace("/", "-").partition(":")
        if build_args:
            tag += "-" + hashlib.sha256(json.dumps(build_args, sort_keys=True).encode()).hexdigest()[:8]
        target = f"modelwhisk-test/wrapped-{name}:{tag or 'latest'}"
        return build_image(target, CHECKOUT, MODEL_IMAGE=image, **build_args)

    return make


@pytest.fixture
def containers(docker_client: docker.DockerClient) -> Iterator[Containers]:
    """`containers.run(image, ports=(5000,)).wait(5000).url(5000, "/model/metadata")`; removed after the test."""
    with contextlib.closing(Containers(docker_client)) as started:
        yield started


@pytest.fixture(scope="module")
def module_containers(docker_client: docker.DockerClient) -> Iterator[Containers]:
    """The same for all tests of a module, for fixtures of their own that start a model once."""
    with contextlib.closing(Containers(docker_client)) as started:
        yield started


@pytest.fixture(scope="session")
def registry(docker_client: docker.DockerClient) -> Iterator[Registry]:
    """A real registry on loopback, which docker pushes to without TLS."""
    program = shutil.which("docker-registry")
    # Where docker runs in a virtual machine, its loopback isn't ours; a published port is on both.
    local = program is not None and platform.system() == "Linux"
    with registry_process(str(program)) if local else registry_container(docker_client) as started:
        yield started
