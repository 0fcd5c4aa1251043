"""A wrapped sample model as a container: how it ends, and what it needs beside what the bare one does."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from activations import TIGHT, activation, post, web
from bed import SAMPLE_MODELS, Containers, Running
from exchange import Case, ask, receive, send
from requests_to_models import TABLE

pytestmark = pytest.mark.docker

ACTION = {"__OW_API_HOST": "https://whisk.example"}
PLAIN = {"PORT": "8080"}
PREDICTIONS = {
    "max-digit-classifier": "png",
    "max-digit-restorer": "a noisy png",
    "max-language-identifier": "texts",
    "max-sound-generator": "a word",
}
# What the proxy may need, and what two starts of one process differ in.
LIMIT, TOLERANCE = 3_000_000, 1_000_000


def prediction(model: str) -> Case:
    return next(case for case in TABLE[model] if case.name == PREDICTIONS[model])


@pytest.mark.parametrize("environment", [ACTION, PLAIN], ids=["action", "web server"])
@pytest.mark.parametrize("model", SAMPLE_MODELS)
def test_it_runs_read_only_as_anybody_in_512_megabytes_and_ends_when_it_is_told_to(
    model: str,
    environment: dict[str, str],
    wrapped_image: Callable[..., str],
    containers: Containers,
) -> None:
    running = containers.run(wrapped_image(model), environment=environment, **{**TIGHT, "tmpfs": {}}).wait(8080)
    case, address = prediction(model), running.address(8080)
    if environment is ACTION:
        assert send(address, post("/init", b"{}"), "POST").status == 200
        assert json.loads(send(address, post("/run", activation(case)), "POST").body)["statusCode"] == 200
    else:
        assert ask(address, case).status == 200
    began = time.monotonic()
    running.container.kill("SIGTERM")
    assert running.container.wait(timeout=20)["StatusCode"] == 0
    assert time.monotonic() - began < 3
    assert running.logs().endswith("modelproxy: ended\n")


def test_a_prediction_that_is_under_way_is_answered_before_the_end(
    wrapped_image: Callable[..., str], containers: Containers
) -> None:
    running = containers.run(wrapped_image("max-digit-classifier"), environment=ACTION).wait(8080)
    with socket.create_connection(running.address(8080), timeout=30) as connection:
        connection.sendall(post("/run", web()))  # not initialised yet, so that it takes its time
        time.sleep(0.1)
        running.container.kill("SIGTERM")
        assert json.loads(receive(connection, "POST").body)["statusCode"] == 200
    assert running.container.wait(timeout=20)["StatusCode"] == 0


def resident(running: Running) -> int:
    """Bytes of resident memory of the container's largest process, which is the one that has the model."""
    status, output = running.container.exec_run(["/bin/sh", "-c", "cat /proc/[0-9]*/smaps_rollup 2>/dev/null; true"])
    assert status == 0
    return max(int(kilobytes) * 1024 for kilobytes in re.findall(rb"^Rss:\s+(\d+) kB", output, re.MULTILINE))


@pytest.mark.parametrize("base", ["python:3.6", "python:3.7", "python:3.11"])
def test_the_proxy_takes_little_memory(
    base: str,
    model_image: Callable[..., str],
    wrapped_image: Callable[..., str],
    containers: Containers,
    record_property: Callable[[str, Any], None],
) -> None:
    """Beside what the development server of the bare model takes: both after the same predictions."""
    model = "max-digit-classifier"
    case = prediction(model)
    bare = containers.run(model_image(model, base), ports=(5000,)).wait(5000)
    wrapped = containers.run(wrapped_image(model, base), environment=ACTION).wait(8080)
    web_server = containers.run(wrapped_image(model, base), environment=PLAIN).wait(8080)
    assert send(wrapped.address(8080), post("/init", b"{}"), "POST").status == 200
    for _ in range(10):
        assert ask(bare.address(5000), case).status == 200
        assert send(wrapped.address(8080), post("/run", activation(case)), "POST").status == 200
        assert ask(web_server.address(8080), case).status == 200
    sizes = {"bare": resident(bare), "action": resident(wrapped), "web server": resident(web_server)}
    print(f"{base}: " + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items()))
    for name, size in sizes.items():
        record_property(name, size)
        assert size - sizes["bare"] <= LIMIT + TOLERANCE
