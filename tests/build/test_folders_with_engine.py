"""Folders and zips with a real engine: what is in the image, whose it is, what a second build costs, what pip says."""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from bed import Containers, run
from test_dockerfile import builders, inside
from world import CHECKOUT, Done, run_build

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

APP = """\
import os
import flask
import itsdangerous
app = flask.Flask(__name__)

@app.route("/")
def health():
    return "version 1\\n"

@app.route("/who")
def who():
    import tempfile
    tempfile.NamedTemporaryFile(dir=os.environ["HOME"]).close()
    return flask.jsonify(user=os.getuid(), folder=os.getcwd(), signer=itsdangerous.__file__)
"""
# Not what the base has: so it must be installed, and it is small and needs nothing else.
PIN = "itsdangerous==2.1.2"
HASHES = (
    "--hash=sha256:2c2349112351b88699d8d4b6b075022c0808887cb7ad10069318a8b0bc88db44 "
    "--hash=sha256:5dbbc68b317e5e42f327f9021763545dc3fc3bfe22e6deb96aaf1fc38874156a"
)
Build = Callable[..., Done]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A checkout that nobody changes meanwhile: what is measured is a change of the model alone."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("build.sh", "Dockerfile", "pyproject.toml", "scripts/build", "runtime", "models/catalogue.tsv"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy)(CHECKOUT / name, copy / name)
    return copy


@pytest.fixture
def build(base_image: Callable[[str], str], checkout: pathlib.Path) -> Iterator[Build]:
    """`build(path)`: build.sh on the test bed's Python 3.11; `.image` of what it returns is the wrapper's name."""
    user = f"modelwhisk-test/f{uuid.uuid4().hex[:8]}"

    def call(*words: str | os.PathLike[str], base: str = "python:3.11", **variables: str) -> Done:
        arguments = ["--base", base_image(base), "--local", "--no-push", "--username", user, *map(str, words)]
        done = run_build(*arguments, script=checkout / "build.sh", **variables)
        done.user = user
        return done

    yield call
    listed = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{user}/*").split()
    if listed:
        subprocess.run(["docker", "rmi", *listed], capture_output=True, check=False)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    target = tmp_path / "Digit's model"
    target.mkdir()
    (target / "app.py").write_text(APP)
    (target / "requirements.txt").write_text(PIN + "\n")
    return target


def files_in(client: docker.DockerClient, image: str) -> dict[str, tarfile.TarInfo]:
    """All files of an image, by path."""
    container = client.containers.create(image)
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
            return {member.name: member for member in archive.getmembers()}
    finally:
        container.remove()


def busy() -> float:
    """How many times longer than alone something takes on this machine now; at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_a_flask_folder_from_nothing_to_an_answer_and_again(
    folder: pathlib.Path, build: Build, containers: Containers, docker_client: docker.DockerClient
) -> None:
    secrets = (
        "id_rsa",
        ".env",
        ".git/config",
        ".venv/bin/x",
        "__pycache__/app.cpython-311.pyc",
        "tls/server.pem",
        "notes.txt",
    )
    for name in secrets:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("SECRET")
    (folder / ".dockerignore").write_text("*.txt\n!requirements.txt\n")
    (folder / "app.py").chmod(0o600)
    done = build(folder)
    image = f"{done.user}/digit-s-model"
    assert done.status == 0, done.stderr + done.stdout
    assert done.row(image).endswith("built")
    assert "served by the host wsgi" in done.stderr

    attributes = docker_client.images.get(image).attrs
    environment = dict(line.split("=", 1) for line in attributes["Config"]["Env"])
    assert attributes["Config"]["User"] == "10001:10001"
    assert attributes["Config"]["WorkingDir"] == "/model"
    assert environment["HOME"] == "/tmp"
    assert environment["MODELPROXY_BASE_CMD"] == '["python3"]'
    assert (
        attributes["Config"]["Labels"]["org.opencontainers.image.base.name"] == "docker.io/modelwhisk-test/python:3.11"
    )
    assert not [name for name in environment if name.startswith("PIP_")]

    files = files_in(docker_client, image)
    model = {name: member for name, member in files.items() if name.startswith("model/")}
    assert {name for name, member in model.items() if not member.isdir()} == {"model/app.py", "model/requirements.txt"}
    assert {(member.uid, member.gid, member.mode & 0o022) for member in model.values()} == {(0, 0, 0)}
    assert not [name for name in files if "/.cache/pip" in name or name.startswith(".modelwhisk")]
    assert not [name for name in files if name.endswith(tuple(secrets)) and "/site-packages/" not in name]
    adapter = [member.size for name, member in files.items() if name.startswith("modelproxy/") and member.isfile()]
    assert 0 < sum(adapter) <= 200_000

    container = containers.run(image, ports=()).container
    assert inside(container, "id", "-u") == "10001"
    assert b"denied" in container.exec_run(["touch", "/model/x"]).output
    assert web(container, "/") == (200, "version 1\n")
    status, body = web(container, "/who")
    body = body.replace(" ", "")
    assert (status, '"user":10001' in body, "/model-packages/" in body, '"folder":"/model"' in body) == (
        200,
        True,
        True,
        True,
    )

    assert build(folder).row(image).endswith("up to date")
    seconds = []
    for number in (2, 3, 4, 5):
        (folder / "app.py").write_text(APP.replace("version 1", f"version {number}"))
        started = time.monotonic()
        again = build(folder)
        seconds.append((time.monotonic() - started) / busy())
        assert again.status == 0, again.stderr
        if seconds[-1] < 5:
            break
    assert min(seconds) < 5, seconds
    assert web(containers.run(image, ports=()).container, "/") == (200, f"version {number}\n")
    # Nothing but the wrapper has a name.
    names = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{done.user}/*").split()
    assert {name.rpartition(":")[0] for name in names} == {image}
    assert not [name for name in names if "untested" in name]


# One activation: reads the value of /run on standard input's behalf, and prints status and body of the answer.
ASK = """
import base64, http.client, json, sys, time
def post(path, message):
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
    connection.request("POST", path, json.dumps(message), {"Content-Type": "application/json"})
    return connection.getresponse().read()
for _ in range(200):
    try:
        post("/init", {"value": {}})
        break
    except ConnectionRefusedError:
        time.sleep(0.05)
answer = json.loads(post("/run", {"value": json.loads(sys.argv[1]), "action_name": "/guest/a"}))
answer = answer.get("error", answer)
# What is no HTTP answer is one of 200.
print(answer.get("statusCode", 200), json.dumps(answer.get("body", answer)), sep="\\n", end="")
"""


def web(  # what a raw web action is called with
    container: docker.models.containers.Container, path: str, body: bytes = b"", media_type: str = ""
) -> tuple[int, Any]:
    value = {
        "__ow_method": "post" if media_type else "get",
        "__ow_path": path,
        "__ow_query": "",
        "__ow_body": base64.b64encode(body).decode(),
        "__ow_headers": {"accept": "*/*", **({"content-type": media_type} if media_type else {})},
    }
    status, _, answer = inside_text(container, "python3", "-c", ASK, json.dumps(value)).partition("\n")
    return int(status), json.loads(answer)


def inside_text(container: docker.models.containers.Container, *command: str) -> str:
    status, output = container.exec_run(list(command))
    assert status == 0, output
    return output.decode()


@pytest.mark.parametrize(
    "builder", builders() if shutil.which("docker") else [], ids=lambda b: f"{b['command']}-{b['DOCKER_BUILDKIT']}"
)
def test_a_zip_by_every_builder(
    builder: dict[str, str],
    folder: pathlib.Path,
    build: Build,
    tmp_path: pathlib.Path,
    docker_client: docker.DockerClient,
) -> None:
    # As UbiOps' users upload it.
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as archive:
        archive.write(folder / "app.py", "deployment_package/app.py")
        archive.write(folder / "requirements.txt", "deployment_package/requirements.txt")
        archive.writestr("deployment_package/.env", "SECRET")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(builder["command"])
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = build(tmp_path / "upload.zip", PATH=path, DOCKER_BUILDKIT=builder["DOCKER_BUILDKIT"])
    assert done.status == 0, done.stderr
    image = f"{done.user}/upload"
    names = {name for name in files_in(docker_client, image) if name.startswith("model/") and name != "model/"}
    assert names == {"model/app.py", "model/requirements.txt"}
    history = run("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "PIP_" not in history


def test_the_oldest_python(folder: pathlib.Path, build: Build) -> None:
    (folder / "requirements.txt").write_text("itsdangerous==2.0.0\n")
    done = build(folder, base="python:3.6")
    assert done.row(f"{done.user}/digit-s-model").endswith("built"), done.stderr


@pytest.mark.parametrize(
    ("requirements", "reason"),
    [
        (
            "no-such-package-of-ours==1\n",
            r"pip can't install requirements.txt: ERROR: No matching distribution found for",
        ),
        (f"{PIN} --hash=sha256:{'0' * 64}\n", r"pip can't install requirements.txt: .*"),
        ("flask ===== 1\n", r"pip can't install requirements.txt: ERROR: Invalid requirement"),
        ("-r missing.txt\n", r"pip can't install requirements.txt: ERROR: Could not open requirements file"),
    ],
)
def test_what_pip_refuses_is_the_rows_reason(
    folder: pathlib.Path, build: Build, requirements: str, reason: str
) -> None:
    (folder / "requirements.txt").write_text(requirements)
    done = build(folder)
    assert done.status == 1
    assert re.search(f"failed: docker build: {reason}", done.row(f"{done.user}/digit-s-model"))


def test_hashes_are_checked_and_more_files_read(folder: pathlib.Path, build: Build) -> None:
    (folder / "requirements.txt").write_text("-r pins/base.txt\n")
    (folder / "pins").mkdir()
    (folder / "pins" / "base.txt").write_text(f"{PIN} {HASHES}\n")
    assert build(folder).status == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"app.py": "x = 1\n"}, "found no model in /model: looked for app.py"),
        ({"predictor.py": "class Predictor: pass"}, "/model could be served in more than one way"),
        ({"data": pathlib.Path("/etc/passwd")}, "the link data leads to /etc/passwd, which is not part"),
        ({"app.py": APP + "1/0\n"}, "smoke test: /init answered 502: .*ZeroDivisionError"),
    ],
)
def test_an_unsuitable_folder_gets_the_proxys_own_reason(
    folder: pathlib.Path, build: Build, change: dict[str, str | pathlib.Path], reason: str
) -> None:
    (folder / "requirements.txt").unlink()
    for name, content in change.items():
        if isinstance(content, str):
            (folder / name).write_text(content)
        else:
            (folder / name).symlink_to(content)
    done = build(folder)
    assert done.status == 1
    assert re.search(reason, done.row(f"{done.user}/digit-s-model")), done.stdout
    if "more than one" in reason:
        assert build(folder, "--build-arg", "MODELPROXY_HOST=wsgi").status == 0


def test_a_base_without_pip_is_told(folder: pathlib.Path, build: Build) -> None:
    done = build(folder, base="debian-python3")
    assert "requirements.txt needs pip, which the base image's Python lacks" in done.row(f"{done.user}/digit-s-model")
