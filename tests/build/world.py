"""A world for build.sh without an engine: a fake docker on the PATH, and what a run of build.sh made of it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
from typing import Any

from fake_docker import FakeDocker, Image, Published, digest_of

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
# What build.sh reads itself, and what would change its output here.
VARIABLES = """
    MODELS MODELS_FROM USERNAME REGISTRY TAGS PLATFORM JOBS RETRIES RETRY_DELAY TEST_PATH MEMORY INIT_TIMEOUT
    SUMMARY SBOM DRIFT BUILD_ARGS BASE LOCAL NO_PUSH NO_TEST FORCE FAIL_FAST DRY_RUN VERBOSE SOURCE_URL NO_COLOR
    SOURCE_DATE_EPOCH
    HTTP_PROXY HTTPS_PROXY FTP_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy ftp_proxy no_proxy all_proxy
"""


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in VARIABLES.split()}


def run_build(*args: str, script: pathlib.Path = CHECKOUT / "build.sh", **variables: str) -> Done:
    """``build.sh ARGS`` with the docker command that there is."""
    process = subprocess.run(
        [script, *args],
        env={**clean_environment(), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Done(process.returncode, process.stdout, process.stderr)


@dataclasses.dataclass
class Done:
    status: int
    stdout: str
    stderr: str
    calls: list[list[str]] = dataclasses.field(default_factory=list)
    user: str = ""  # that the images were named for

    def docker(self, *words: str) -> list[list[str]]:
        """The calls of docker that begin with these words."""
        return [call[1:] for call in self.calls if call[0] == "docker" and call[1 : len(words) + 1] == list(words)]

    @property
    def pushed(self) -> list[str]:
        return [call[-1] for call in self.docker("push")]

    def row(self, image: str) -> str:
        """The table's line for an image; there is exactly one."""
        table = self.stdout.partition("IMAGE")[2].partition("\n\n")[0].splitlines()[1:]
        (row,) = [line for line in table if line.split()[0] == image]
        return row


def digest(seed: str) -> str:
    return digest_of("published", seed)


class World:
    """Each attribute of FakeDocker can be set beforehand."""

    def __init__(self, folder: pathlib.Path, docker: FakeDocker) -> None:
        self.folder = folder
        self.docker = docker

    def publish(self, *references: str, **more: Any) -> None:
        for reference in references:
            self.docker.remote[reference] = Published(**{"digest": digest(reference), "cmd": ["python"], **more})

    def have(self, reference: str, **more: Any) -> None:
        self.docker.local[reference] = Image(digest("id" + reference), cmd=["/bin/sh", "-c", "python app.py"], **more)

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            **clean_environment(),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(self.folder / "tmp"),
            "RETRY_DELAY": "0",
            **variables,
        }

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        self.docker.calls = []
        return subprocess.Popen(
            [shutil.which("bash") or "bash", CHECKOUT / "build.sh", *args],
            env=self.environment(**variables),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Done:
        stdout, stderr = process.communicate(timeout=120)
        return Done(process.returncode, stdout, stderr, self.docker.calls)

    def build(self, *args: str, **variables: str) -> Done:
        """Runs ``build.sh ARGS`` as the user ``me``, unless told otherwise."""
        return self.finish(self.start(*args, **{"USERNAME": "me", **variables}))
