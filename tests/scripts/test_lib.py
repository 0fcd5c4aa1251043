"""The helpers of demo.sh and test.sh: which Pythons are found, and what is said where none will do."""

from __future__ import annotations

import contextlib
import gzip
import os
import pathlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from bed import CHECKOUT

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def bare(tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment of a machine that has no Python at all."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ["bash", "cat", "dirname", "find", "rm", "sort"]:
        (tools / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(tools), "HOME": str(tmp_path)}


def script(path: pathlib.Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def find_python(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHECKOUT / "scripts" / "lib" / "find-python.sh"), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_a_shim_whose_version_is_not_installed_is_passed_over(bare: dict[str, str]) -> None:
    script(pathlib.Path(bare["PATH"], f"python{VERSION}"), "echo 'no such version is selected' >&2", "exit 127")
    done = find_python(bare, VERSION)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no Python {VERSION} here" in done.stderr


def test_a_version_managers_python_is_found_without_its_shim(bare: dict[str, str]) -> None:
    installed = pathlib.Path(bare["HOME"], ".pyenv", "versions", f"{VERSION}.99", "bin", f"python{VERSION}")
    real = os.path.realpath(sys.executable)
    script(installed, f'exec {real} "$@"')
    assert find_python(bare, VERSION).stdout == f"{real}\n"


def test_a_python_of_another_version_under_that_name_is_passed_over(bare: dict[str, str]) -> None:
    script(pathlib.Path(bare["PATH"], "python3.6"), f'exec {os.path.realpath(sys.executable)} "$@"')
    assert find_python(bare, "3.6").returncode == 1


@pytest.mark.parametrize("python", ["exit 127", "[ $1 = --version ] && echo Python 3.9.2; exit 1"])
def test_a_machine_without_a_new_enough_python(bare: dict[str, str], tmp_path: pathlib.Path, python: str) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / "scripts" / "lib", checkout / "scripts" / "lib")
    shutil.copy(CHECKOUT / "pyproject.toml", checkout)
    script(pathlib.Path(bare["PATH"], "python3"), python)
    command = [str(checkout / "scripts" / "lib" / "venv.sh"), "samples"]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "need Python 3.10 or newer" in done.stderr
    assert not (checkout / ".venv").exists()


@contextlib.contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The address of a server that gives one answer to all, and the list of what it was sent."""
    asked = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def called(folder: pathlib.Path, url: str, *options: str) -> tuple[str, bytes]:
    """What is printed by the stand-in for curl, and the body that it writes."""
    (folder / "data").write_text("{}")
    command = [sys.executable, CHECKOUT / "scripts" / "lib" / "call.py", "body", *(options or ("-d", "@data")), url]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout, (folder / "body").read_bytes()


def test_without_curl_no_redirect_is_followed(tmp_path: pathlib.Path) -> None:
    """An image has no way to a service on this machine's loopback, and its answer none either."""
    with answering(307, {"Location": "/admin"}, b"moved") as (address, asked):
        printed, body = called(tmp_path, f"{address}/predict")
    assert (printed.split()[0], body) == ("307", b"moved")
    assert asked == [("/predict", b"{}")]


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "deflate"])
def test_without_curl_no_answer_is_unpacked(tmp_path: pathlib.Path, coding: str) -> None:
    """As with curl, who doesn't know how much a few bytes of an image's become: 1,257 became 700 MB."""
    packed = gzip.compress(bytes(1_000_000))
    with answering(200, {"Content-Type": "image/png", "Content-Encoding": coding}, packed) as (address, _):
        printed, body = called(tmp_path, f"{address}/predict")
    assert (printed.split()[0], printed.split()[2]) == ("200", "image/png")
    assert body == packed


def test_without_curl_fields_are_texts_and_files(tmp_path: pathlib.Path) -> None:
    """The sample of deployment-digit-neighbours has both."""
    with answering(200, {}, b"") as (address, asked):
        called(tmp_path, address, "-F", "zoom=1", "-F", "image=@data")
    ((_, sent),) = asked
    assert b'form-data; name="zoom"\r\n\r\n1\r\n' in sent
    assert b'form-data; name="image"; filename="data"\r\n' in sent
    assert b"\r\n\r\n{}\r\n" in sent
