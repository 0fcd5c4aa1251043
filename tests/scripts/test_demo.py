"""scripts/demo.sh as a newcomer runs it: what it prints, and that nothing is left behind."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable

import pytest
from bed import CHECKOUT, free_port

DEMO = CHECKOUT / "scripts" / "demo.sh"
URL = re.compile(r"http://127\.0\.0\.1:(\d+)/api/v1/web/guest/default/\S+")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="bash")


def demo(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"PORT": str(free_port()), **env}
    return subprocess.run(
        [DEMO, *arguments],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def port_of(output: str) -> int:
    found = URL.search(output)
    assert found, output
    return int(found[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_picture_comes_back_classified_and_the_server_is_gone() -> None:
    done = demo()
    assert done.returncode == 0, done.stderr
    assert "curl -F image=@assets/digit-7.png http://" in done.stdout
    assert ANSWERS["max-digit-classifier"] in done.stdout
    assert "What to try next" in done.stdout
    assert not is_open(port_of(done.stdout))


ANSWERS = {
    "max-digit-classifier": '"label_id": "7"',
    "max-digit-restorer": "bytes of image/png, saved as .cache/demo/max-digit-restorer.png",
    "max-language-identifier": '"language": "de"',
    "max-sound-generator": "bytes of audio/wav, saved as .cache/demo/max-sound-generator.wav",
    "flask-digits": '"digit":7',
    "fastapi-digits": '"digit":7',
    "predictor-wine-cultivar": '"cultivar": "Barolo"',
    "deployment-digit-neighbours": '"digit": 7',
    "function-diabetes-progression": '"progression"',
    "onnx-digits": '"digit":[7]',
    "gunicorn-cell-nuclei": '"diagnosis":"malignant"',
}


@pytest.mark.parametrize("model", sorted({*ANSWERS} - {"max-digit-classifier", "flask-digits", "onnx-digits"}))
def test_the_other_sample_models(model: str) -> None:
    done = demo(model)
    assert done.returncode == 0, done.stderr
    assert ANSWERS[model] in done.stdout


@pytest.mark.parametrize("model", ["max-digit-classifier", "max-language-identifier", "max-sound-generator"])
def test_without_curl(model: str, tmp_path: pathlib.Path) -> None:
    tools = "bash cat cp dirname env find git grep head kill mkdir mktemp rm sed seq sleep sort tail tr wc"
    for name in tools.split():
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = demo(model, PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert ANSWERS[model] in done.stdout


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo(PORT=str(port))
    assert done.returncode == 0, done.stderr
    assert f"Port {port} is taken" in done.stdout
    assert port_of(done.stdout) != port


def test_keep_serves_the_swagger_page_until_ctrl_c() -> None:
    process = subprocess.Popen(
        [DEMO, "--keep"],
        env={**os.environ, "PORT": str(free_port())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    with process:
        printed = ""
        try:
            for line in process.stdout:
                printed += line
                if "Ctrl-C" in line:
                    break
            url = URL.search(printed)
            assert url, printed
            with urllib.request.urlopen(f"{url[0]}/", timeout=30) as page:
                assert b"swagger" in page.read().lower()
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            rest = process.stdout.read()
        finally:
            if process.poll() is None:
                process.terminate()
    assert f"GET     {urllib.parse.urlsplit(url[0]).path}/ 200" in rest
    assert process.returncode == 128 + signal.SIGINT
    assert not is_open(port_of(printed))


def test_a_request_that_the_model_refuses() -> None:
    done = demo("-F", "image=@pyproject.toml")
    assert done.returncode == 1
    assert "please upload a picture" in done.stdout
    assert "status is 400" in done.stderr


def test_a_file_that_is_not_there() -> None:
    done = demo("-F", "image=@assets/no-such.png")
    assert done.returncode == 1
    assert "The call failed" in done.stderr


def test_an_image_without_docker() -> None:
    done = demo("max-facial-emotion-classifier", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert done.returncode == 1
    assert "max-facial-emotion-classifier is none of the sample models (deployment-digit-neighbours " in done.stderr
    assert "docker, which doesn't answer" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--nonsense"], "no such option: --nonsense"),
        (["max-a", "max-b"], "one model at a time, not max-a and max-b"),
        (["-F"], "-F needs a value"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], complaint: str) -> None:
    done = demo(*arguments)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_port_that_is_none() -> None:
    done = demo(PORT="http")
    assert done.returncode == 1
    assert "PORT=http is no number" in done.stderr


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text/plain; charset=utf-8", "\ufffd]0;PWNED\ufffd\ufffd[2J\ufffd31mé\n"),
        ("image/\x1b[2Jx", "23 bytes of image/??2Jx, saved as .cache/demo/esc.??2Jx\n"),
    ],
)
def test_no_answer_of_an_image_s_steers_the_terminal(kind: str, said: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "body").write_bytes("\x1b]0;PWNED\x07\x1b[2J\u009b31mé\n\n".encode())
    script = f"""
    set -euo pipefail
    eval "$(sed -n '/^show_answer() {{/,/^}}/p' {shlex.quote(str(DEMO))})"
    work=$PWD name=esc python={shlex.quote(sys.executable)}
    show_answer "$0"
    """
    done = subprocess.run(["bash", "-c", script, kind], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode() == said


@pytest.mark.docker
def test_a_models_image_is_wrapped_and_served(model_image: Callable[..., str]) -> None:
    done = demo(model_image("max-digit-classifier"))
    assert done.returncode == 0, done.stderr
    assert ANSWERS["max-digit-classifier"] in done.stdout
