"""build.sh over forty images of which nothing has changed: what it takes to know that."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from benchmarks.environments import ROOT
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import Failed

# The stand-in for docker with which build.sh is tested.
sys.path.append(str(ROOT / "tests" / "build"))
from fake_docker import FakeDocker
from world import World

IMAGES = 40
# What a registry takes to answer `docker manifest inspect`.
REGISTRY_SECONDS = 0.1
BAR = 5.0
LEAST_ROUNDS = 3


def measure(scratch: Path, rounds: int) -> Table:
    for name in ("bin", "tmp"):
        (scratch / name).mkdir()
    world = World(scratch, FakeDocker(delays={"manifest": REGISTRY_SECONDS}))
    models = [f"docker.io/model/number-{number}:1.0" for number in range(IMAGES)]
    with world.docker.on_path(scratch / "bin"):
        world.publish(*models)
        first, _ = _built(world, models, "--jobs", "4")
        again = [_built(world, models) for _ in range(max(LEAST_ROUNDS, rounds // 60))]
    unchanged = Series.of([seconds for seconds, _ in again])
    row = Row(
        f"{IMAGES} images",
        {"the first time, --jobs 4": Series.of([first]), "unchanged": unchanged},
        {"docker commands for each, unchanged": again[0][1] / IMAGES},
        (Bar("unchanged", unchanged.p50, BAR, " s"),),
    )
    return Table(
        "build",
        "",
        "build.sh over many images",
        f"The docker command is a stand-in, whose registry takes {REGISTRY_SECONDS:g} s for each answer and whose\n"
        "builds take no time: what is left is build.sh's own.",
        (row,),
    )


def _built(world: World, models: list[str], *options: str) -> tuple[float, int]:
    """Seconds, and how many docker commands it took."""
    began = perf_counter()
    process = world.start(*options, *models, USERNAME="me")
    _, said = process.communicate()
    took = perf_counter() - began
    if process.returncode:
        raise Failed(f"build.sh failed:\n{said[-2000:]}")
    return took, len(world.docker.calls)
