"""Cold starts in containers, from `docker start` to the first prediction: the model's own image beside the wrapped."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from benchmarks.environments import ROOT, Environment
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import PAUSE_BETWEEN_CONNECTS, START_SECONDS, Failed, call, free_port, is_ok, request

from .sockets import init_value

LEAST_ROUNDS = 3
ROUNDS_FOR_ONE = 20  # those of other groups for one of these, of which p50 is uncertain by 3 % then
# By which two series of one thing differ on a busy machine.
NOISE = 1.05
USER = "modelwhisk-bench"
MODELS = ROOT / "models"
MAX_PORT = 5000  # app.py has it fixed

NOTE = (
    "Containers that are made already, on the host's network, from `docker start`. bare: the image's own server, up\n"
    "to the first 200 to a prediction. ours: until a connection is taken, /init is answered, the first prediction is.\n"
    f"An ONNX file has no server of its own. The bar allows {NOISE - 1:.0%} of noise."
)


@dataclass(frozen=True)
class Sample:
    """folder      of ``models/``.
    picture     of ``assets/``, sent as the form's ``image``; "" for what is sent otherwise.
    serve       the image's own server, given a port; its port is fixed where that is None; no server where it is ().
    path        of a prediction, on that server.
    """

    folder: str
    picture: str = ""
    serve: Callable[[int], list[str]] | tuple[()] | None = None
    path: str = "/model/predict"

    @property
    def is_max(self) -> bool:
        return (MODELS / self.folder / "Dockerfile").exists()

    def http(self) -> tuple[str, str, bytes, str]:
        """Method, query, body and content type of a prediction."""
        if self.folder == "max-sound-generator":
            return "get", "model=seven&seed=3", b"", ""
        if not self.picture:
            return "post", "", (ROOT / "assets" / "sentence.json").read_bytes(), "application/json"
        picture = (ROOT / "assets" / self.picture).read_bytes()
        head = (
            b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        )
        return "post", "", head + picture + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"

    def message(self) -> bytes:
        """As a client sends it to the image's own server."""
        method, query, body, content_type = self.http()
        if method == "get":
            return f"GET {self.path}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        return request(self.path, body, content_type)

    def activation(self) -> bytes:
        """The same as the platform sends it to /run."""
        method, query, body, content_type = self.http()
        value = {
            "__ow_method": method,
            "__ow_query": query,
            "__ow_path": "",
            "__ow_headers": {"content-type": content_type} if content_type else {},
            "__ow_body": base64.b64encode(body).decode(),
        }
        return request("/run", json.dumps({"value": value}).encode(), "application/json")


def _uvicorn(port: int) -> list[str]:
    return ["python", "-m", "uvicorn", "server:app", "--port", str(port)]


SAMPLES = (
    Sample("max-digit-classifier", "digit-7.png"),
    Sample("max-digit-restorer", "noisy-digit.png"),
    Sample("max-language-identifier"),
    Sample("max-sound-generator"),
    Sample("fastapi-digits", "digit-7.png", _uvicorn, "/predict"),
    Sample("onnx-digits", "digit-7.png", ()),
)
# Whose packages are for a newer Python than those of the MAX models' era.
NEW_PYTHON = ("3.11",)


def measure(environment: Environment, rounds: int) -> Table:
    base = f"modelwhisk-test/python:{environment.version}"
    _run("tests/docker_bed/bases.sh", f"python:{environment.version}")
    rows = []
    for sample in SAMPLES:
        if sample.is_max or environment.version in NEW_PYTHON:
            rows.append(_row(sample, *_built(sample, base), max(LEAST_ROUNDS, rounds // ROUNDS_FOR_ONE)))
    return Table("cold", environment.version, "Cold starts in containers", NOTE, tuple(rows))


def _built(sample: Sample, base: str) -> tuple[str, str]:
    """The image with the model's own server, and the wrapped one."""
    folder, wrapped = MODELS / sample.folder, f"{USER}/{sample.folder}"
    source = str(folder)
    if sample.is_max:
        source = f"{USER}-own/{sample.folder}:{base.rpartition(':')[2]}"
        arguments = ["--build-arg", f"BASE_IMAGE={base}", "--build-arg", "INSTALL=true"]
        _run("docker", "build", "--quiet", "--tag", source, *arguments, folder)
    _run("./build.sh", "--local", "--no-push", "--username", USER, "--base", base, source)
    return source if sample.is_max else wrapped, wrapped


def _row(sample: Sample, own: str, wrapped: str, rounds: int) -> Row:
    times: dict[str, list[float]] = {"bare": [], "port open": [], "/init done": [], "ours": []}
    for number in range(rounds + 1):
        bare = _bare(sample, own) if sample.serve != () else None
        marks = _ours(sample, wrapped)
        if number:  # the first ones read the disk
            for name, took in zip(("port open", "/init done", "ours"), marks, strict=True):
                times[name].append(took)
            if bare is not None:
                times["bare"].append(bare)
    series = {name: Series.of(taken) for name, taken in times.items() if taken}
    if "bare" not in series:
        return Row(sample.folder, series)
    ratio = series["ours"].p50 / series["bare"].p50
    return Row(sample.folder, series, {"ours/bare": ratio}, (Bar("ours/bare", ratio, NOISE),))


def _bare(sample: Sample, image: str) -> float:
    port = free_port() if callable(sample.serve) else MAX_PORT
    command = sample.serve(port) if callable(sample.serve) else []
    with _container("--entrypoint", command[0], image, *command[1:]) if command else _container(image) as start:
        began = start()
        _until_open(port)
        _answered(port, sample.message())
        return perf_counter() - began


def _ours(sample: Sample, image: str) -> tuple[float, float, float]:
    """Seconds until the port is open, /init is done, the first prediction is answered."""
    port = free_port()
    with _container("--env", f"MODELPROXY_PORT={port}", image) as start:
        began = start()
        _until_open(port)
        opened = perf_counter()
        _answered(port, request("/init", json.dumps({"value": init_value()}).encode(), "application/json"))
        ready = perf_counter()
        _answered(port, sample.activation())
        return opened - began, ready - began, perf_counter() - began


@contextmanager
def _container(*arguments: str) -> Iterator[Callable[[], float]]:
    """Creates a container; what is yielded starts it and returns ``perf_counter()`` from before."""
    # The most of the processor that one can have: as `precedence`, which containers don't inherit.
    identity = _run("docker", "create", "--network", "host", "--cpu-shares", "262144", *arguments).strip()

    def start() -> float:
        began = perf_counter()
        _run("docker", "start", identity)
        return began

    try:
        yield start
    finally:
        _run("docker", "rm", "--force", identity)


def _until_open(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(PAUSE_BETWEEN_CONNECTS)
    raise Failed(f"nothing listens on port {port} after {START_SECONDS} s")


def _answered(port: int, message: bytes) -> None:
    reply = call(port, message)
    if not is_ok(reply):
        raise Failed(f"{message[:60]!r} was answered with {bytes(reply[:300])!r}")


def _run(*command: object) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(words)}:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
