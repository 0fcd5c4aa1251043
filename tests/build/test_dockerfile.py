"""The Dockerfile on bases of every kind, with a real engine: one small layer, nothing else changed, and it answers."""

from __future__ import annotations

import collections
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator

import docker
import pytest
from bed import BASES, Containers, build_image, image_id, run
from docker.models.containers import Container
from docker.models.images import Image
from world import CHECKOUT

pytestmark = pytest.mark.docker

MODEL = "max-digit-classifier"
CLIENT = CHECKOUT / "scripts" / "build" / "smoke.py"
LIMIT = 200_000
LONG = "/opt/" + "/".join(["a-folder-with-a-long-name"] * 5)

# What a base image may be like, as a few lines on top of a sample model's image.
KINDS = {
    "as a person of its own": "RUN useradd --create-home max\nUSER max",
    "as a number without a name": "USER 12345:12345",
    "with only python3": "RUN rm -f /usr/local/bin/python",
    "without pip": "RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip",
    "with entry point, command and health check": (
        'ENTRYPOINT ["/bin/false", "an argument"]\nCMD ["x", "$HOME \'quoted\' \\"twice\\""]\nHEALTHCHECK CMD false\n'
        "STOPSIGNAL SIGINT"
    ),
    "in an odd folder": 'WORKDIR "/srv/a b/é"\nRUN cp -r /workspace/. .',
    "with volumes in the way": 'VOLUME ["/tmp", "/opt", "/var/lib/x"]',
    "with a shell of its own": 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
    "with an old python and a new python3": (
        "RUN rm -f /usr/local/bin/python && printf '#!/bin/sh\\nexit 1\\n' >/usr/local/bin/python"
        " && chmod 755 /usr/local/bin/python"
    ),
    "with a python that is a script": (
        "RUN real=$(command -v python3) && rm -f /usr/local/bin/python"
        ' && printf \'#!/bin/sh\\nexec %s "$@"\\n\' "$real" >/usr/local/bin/python && chmod 755 /usr/local/bin/python'
    ),
    "with a blank in python's path": (
        'RUN mkdir "/opt/my \'python" && ln -s "$(command -v python3)" "/opt/my \'python/python"\n'
        'ENV PATH="/opt/my \'python:$PATH"'
    ),
    "with too long a path to python": (
        f'RUN mkdir -p {LONG} && ln -s "$(command -v python3)" {LONG}/python\nENV PATH="{LONG}:$PATH"'
    ),
}


@pytest.fixture
def variant(tmp_path: pathlib.Path) -> Iterator[Callable[[str, str], str]]:
    """`variant(image, lines)`: an image with more lines in its Dockerfile; removed after the test."""
    made: list[str] = []

    def make(image: str, lines: str) -> str:
        (tmp_path / "Dockerfile").write_text(f"FROM {image}\n{lines}\n")
        made.append(build_image(f"modelwhisk-test/variant:{len(made)}-{os.getpid()}", tmp_path))
        return made[-1]

    yield make
    for tag in made:
        subprocess.run(["docker", "rmi", tag], capture_output=True, check=False)


@pytest.fixture
def wrap() -> Iterator[Callable[..., str]]:
    """`wrap(image, setting=value)`: the wrapper by the Dockerfile alone, removed after the test."""
    made: list[str] = []

    def make(image: str, **build_args: str) -> str:
        made.append(f"modelwhisk-test/wrapper:{len(made)}-{os.getpid()}")
        arguments = [item for pair in build_args.items() for item in ("--build-arg", "=".join(pair))]
        network = ["--network", "none"]  # the build needs none
        run("docker", "build", *network, "--tag", made[-1], "--build-arg", f"MODEL_IMAGE={image}", *arguments, CHECKOUT)
        return made[-1]

    yield make
    for tag in made:
        subprocess.run(["docker", "rmi", tag], capture_output=True, check=False)


def ask(containers: Containers, image: str, **options: object) -> Container:
    """A new container of the image, in which smoke.py found no fault."""
    container = containers.run(image, ports=(), **options).container
    program = 'exec "$(command -v python3 || command -v python)" -I - "$@"'
    command = ["docker", "exec", "-i", container.id, "/bin/sh", "-c", program, "sh", "/model/metadata", "60"]
    with CLIENT.open() as client:
        done = subprocess.run(command, stdin=client, capture_output=True, text=True, check=False)
    logs = container.logs().decode()
    assert done.returncode == 0, f"{done.stderr}\n{logs}"
    findings = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert "fault" not in findings, f"{findings}\n{logs}"
    assert findings["run_status"] == "200"
    return container


def inside(container: Container, *command: str) -> str:
    status, output = container.exec_run(list(command))
    assert status == 0, output
    return output.decode().strip()


def last_layer(image: str) -> tarfile.TarFile:
    """The files of an image's topmost layer."""
    saved = subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        layer = archive.extractfile(json.load(manifest)[0]["Layers"][-1])
        assert layer
        return tarfile.open(fileobj=io.BytesIO(layer.read()))


def check_difference(base: Image, wrapper: Image) -> None:
    """One layer, the entry point, and settings; all else is the base's."""
    old, new = base.attrs["Config"], wrapper.attrs["Config"]
    layers = base.attrs["RootFS"]["Layers"]
    assert wrapper.attrs["RootFS"]["Layers"][:-1] == layers
    sizes = [line["Size"] for line in wrapper.history()][: -len(base.history())]
    assert 0 < sum(sizes) <= LIMIT
    assert len([size for size in sizes if size]) == 1
    for key in ("WorkingDir", "User", "Volumes", "StopSignal", "Shell"):
        assert new.get(key) == old.get(key), key
    assert new["Entrypoint"] == ["/modelproxy/start"]
    assert not new["Cmd"]
    assert new["Healthcheck"] == {"Test": ["NONE"]}
    assert set(new["ExposedPorts"]) - set(old.get("ExposedPorts") or {}) == {"8080/tcp"}
    added = [line for line in new["Env"] if line not in old["Env"]]
    assert set(old["Env"]) <= set(new["Env"])
    assert added
    assert all(re.fullmatch(r"MODELPROXY_\w+=", line) for line in added)


@pytest.mark.parametrize("base", BASES)
def test_every_era(
    base: str,
    model_image: Callable[..., str],
    wrap: Callable[..., str],
    containers: Containers,
    docker_client: docker.DockerClient,
) -> None:
    image = model_image(MODEL, base)
    wrapper = wrap(image)
    check_difference(docker_client.images.get(image), docker_client.images.get(wrapper))
    container = ask(containers, wrapper)
    # The interpreter that `python app.py` runs, started by the kernel and without flags, which children would inherit.
    words = inside(container, "cat", "/proc/1/cmdline").rstrip("\0").split("\0")
    python = inside(container, "/bin/sh", "-c", "command -v python || command -v python3")
    assert words == [python, "/modelproxy/start"]
    # As the platform never does, but people do.
    for options in ({"read_only": True, "user": "54321"}, {"network_mode": "none"}, {"cap_drop": ["ALL"]}):
        ask(containers, wrapper, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_base_of_another_kind(  # noqa: PLR0917 - fixtures
    kind: str,
    model_image: Callable[..., str],
    variant: Callable[[str, str], str],
    wrap: Callable[..., str],
    containers: Containers,
    docker_client: docker.DockerClient,
) -> None:
    image = variant(model_image(MODEL, "debian-python3" if kind == "with only python3" else "python:3.7"), KINDS[kind])
    wrapper = wrap(image)
    check_difference(docker_client.images.get(image), docker_client.images.get(wrapper))
    container = ask(containers, wrapper, read_only=True)
    config = docker_client.images.get(image).attrs["Config"]
    assert inside(container, "readlink", "/proc/1/cwd") == config["WorkingDir"]
    if config["User"]:
        assert inside(container, "id", "-u") != "0"
        assert inside(container, "stat", "-c", "%u", "/proc/1") != "0"


def test_the_layer_holds_the_proxy_alone_and_for_any_user(
    model_image: Callable[..., str], wrap: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with last_layer(wrap(model_image(MODEL, "python:3.7"))) as layer:
        members = layer.getmembers()
        start = layer.extractfile("modelproxy/start")
        assert start
        assert start.readline() == b"#!/usr/local/bin/python\n"
    monkeypatch.syspath_prepend(str(CHECKOUT / "runtime"))
    from modelproxy.packed import UNPACKED

    files = {member.name for member in members if member.isfile()}
    unpacked = {f"modelproxy/{name or '__init__'}.pyc" for name in UNPACKED} | {"__main__.pyc", "start"}
    assert files == {f"modelproxy/{name}" for name in unpacked | {"modelproxy/packed/core", "modelproxy/packed/hosts"}}
    assert sum(member.size for member in members) <= LIMIT
    for member in members:
        assert (member.uid, member.gid) == (0, 0)
        executable = member.isdir() or member.name == "modelproxy/start"
        assert member.mode & 0o7777 == (0o755 if executable else 0o644), member.name
        assert member.mtime == 315532800


def builders() -> list[dict[str, str]]:
    """The environments that make each docker command here build in each way it can."""
    found = []
    for folder in os.environ["PATH"].split(os.pathsep):
        command = pathlib.Path(folder, "docker")
        if not os.access(command, os.X_OK):
            continue
        found.append({"command": str(command), "DOCKER_BUILDKIT": "0"})
        version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
        buildx = subprocess.run([command, "buildx", "version"], capture_output=True, check=False).returncode == 0
        if buildx or ((match := re.search(r"version (\d+)", version)) and int(match[1]) < 23):
            found.append({"command": str(command), "DOCKER_BUILDKIT": "1"})
    return found


def test_the_layer_is_the_same_by_every_builder_at_any_time_and_over_any_model(
    model_image: Callable[..., str], tmp_path: pathlib.Path, docker_client: docker.DockerClient
) -> None:
    # A checkout by someone whose files are nobody else's business.
    for name in ("Dockerfile", ".dockerignore", "runtime", "scripts/build/install.py"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy)(CHECKOUT / name, target)
    (tmp_path / "runtime" / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "runtime" / "__pycache__" / "stray.cpython-37.pyc").write_bytes(b"stray")
    run("chmod", "-R", "go=", tmp_path)
    layers: dict[str, list[str]] = collections.defaultdict(list)
    images = []
    found = builders()
    assert found
    try:
        for number, (builder, model, base) in enumerate(
            [(each, MODEL, "python:3.6") for each in found] + [(found[0], "max-sound-generator", "python:3.6")]
        ):
            images.append(f"modelwhisk-test/layer:{number}-{os.getpid()}")
            argument = f"MODEL_IMAGE={model_image(model, base)}"
            command = [
                builder["command"],
                "build",
                "--no-cache",
                "--tag",
                images[-1],
                "--build-arg",
                argument,
                tmp_path,
            ]
            run(*command, DOCKER_BUILDKIT=builder["DOCKER_BUILDKIT"])
            layers[docker_client.images.get(images[-1]).attrs["RootFS"]["Layers"][-1]].append(str(builder))
    finally:
        for image in images:
            subprocess.run(["docker", "rmi", image], capture_output=True, check=False)
    assert len(layers) == 1, layers


def test_settings_and_the_bases_command_reach_the_environment_as_they_are(
    model_image: Callable[..., str], wrap: Callable[..., str], docker_client: docker.DockerClient
) -> None:
    given = {
        "MODELPROXY_PATH": "/a b/$HOME/'\"\\",
        "MODELPROXY_LOG": "json",
        "MODELPROXY_BASE_CMD": json.dumps(["/bin/sh", "-c", "python app.py --x=\"$Y\" 'z' \\n"]),
    }
    image = docker_client.images.get(wrap(model_image(MODEL, "python:3.7"), **given))
    environment = dict(line.split("=", 1) for line in image.attrs["Config"]["Env"])
    ours = {name: value for name, value in environment.items() if name.startswith("MODELPROXY_") and value}
    assert ours == given


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("RUN rm -f /usr/bin/python3* /usr/local/bin/python*", "no Python 3.6 or later named python or python3"),
        ("RUN mkdir /modelproxy", "is this a wrapper? Wrap the model's own image."),
    ],
)
def test_an_image_that_cannot_be_wrapped_says_why(
    lines: str,
    reason: str,
    model_image: Callable[..., str],
    variant: Callable[[str, str], str],
    wrap: Callable[..., str],
) -> None:
    image = variant(model_image(MODEL, "python:3.7"), lines)
    with pytest.raises(RuntimeError, match=r"modelproxy: .*" + re.escape(reason)):
        wrap(image)


def test_nothing_but_what_is_needed_is_sent_to_the_engine(tmp_path: pathlib.Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    tag = f"modelwhisk-test/context:{os.getpid()}"
    try:
        run("docker", "build", "--file", tmp_path / "Dockerfile", "--tag", tag, CHECKOUT)
        assert image_id(tag)
        with last_layer(tag) as layer:
            names = {member.name for member in layer.getmembers() if member.isfile()}
    finally:
        subprocess.run(["docker", "rmi", tag], capture_output=True, check=False)
    modules = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "runtime").rglob("*.py")}
    assert names >= modules | {"scripts/build/install.py"}
    for name in names - {"scripts/build/install.py"}:
        assert re.fullmatch(r"runtime(/[a-z][^/]*|/__init__.py|/__main__.py)+", name)
