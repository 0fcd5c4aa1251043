"""build.sh --drift against a fake docker: where the reference goes, what names the result, what is refused."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import threading

import pytest
from fake_docker import digest_of
from world import CHECKOUT, Done, World


def reference_of(content: str) -> bytes:
    """A zip in its first bytes, with a comment that gives a digest, which ends all references."""
    return b"PK\x03\x04 " + content.encode() + b"\0sha256:" + hashlib.sha256(content.encode()).hexdigest().encode()


REFERENCE = reference_of("a reference")
COPY = "COPY drift/ /modelwhisk-drift/"


@pytest.fixture
def reference(world: World) -> pathlib.Path:
    world.publish("python:3.13-slim", "codait/max-ocr:latest", "me/other:1.2")
    (world.folder / "m").mkdir()
    (world.folder / "m" / "predictor.py").write_text("class Predictor: pass\n")
    path = world.folder / "digits.drift"
    path.write_bytes(REFERENCE)
    path.chmod(0o600)
    return path


@pytest.fixture
def contexts(world: World, monkeypatch: pytest.MonkeyPatch) -> list[pathlib.Path]:
    """A copy of the context of each build, which build.sh removes."""
    copies: list[pathlib.Path] = []
    build = world.docker.build

    def keep(args: list[str]) -> str:
        copies.append(world.folder / f"context-{len(copies)}")
        if args[-1] != str(CHECKOUT):
            shutil.copytree(args[-1], copies[-1], symlinks=True)
        return build(args)

    monkeypatch.setattr(world.docker, "build", keep)
    return copies


def tag_of(done: Done) -> str:
    assert done.status == 0, done.stderr + done.stdout
    return done.pushed[-1].rpartition(":")[2]


@pytest.mark.parametrize("model", ["./m", "max-ocr"])
def test_the_reference_is_the_last_layer(
    world: World, reference: pathlib.Path, contexts: list[pathlib.Path], model: str
) -> None:
    done = world.build(model, "--drift", "digits.drift")
    tag_of(done)
    (context,) = contexts
    assert (context / "drift" / "reference").read_bytes() == REFERENCE
    assert (context / "drift" / "reference").stat().st_mode & 0o777 == 0o644
    lines = (context / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith(("COPY", "RUN", "USER"))][-1] == COPY
    assert (context / "runtime" / "modelproxy" / "drift" / "watching.py").is_file()
    (build,) = done.docker("build")
    assert "MODELPROXY_DRIFT=/modelwhisk-drift/reference" in build
    (check,) = [call for call in done.docker("run") if call[1] == "--rm"]
    assert check[-1] == "/modelwhisk-drift/reference"
    assert "none" in check
    assert "drift: 8 vectors" in done.stderr
    assert f"--docker me/{model.rpartition('/')[2]}:{tag_of(done)} " in done.stdout
    digest = f"modelwhisk.drift.digest=sha256:{hashlib.sha256(REFERENCE).hexdigest()}"
    assert digest in build or digest in lines[-1].replace('"', "")


def test_nothing_of_it_where_there_is_none(world: World, reference: pathlib.Path, contexts: list[pathlib.Path]) -> None:
    done = world.build("./m")
    tag_of(done)
    assert COPY not in (contexts[0] / "Dockerfile").read_text()
    assert not (contexts[0] / "drift").exists()
    assert not [call for call in done.docker("run") if call[1] == "--rm"]


def test_the_tag_names_the_reference_s_content(world: World, reference: pathlib.Path) -> None:
    without = tag_of(world.build("./m"))
    first = tag_of(world.build("./m", DRIFT=str(reference)))
    reference.write_bytes(reference_of("a reference of more"))
    second = tag_of(world.build("./m", "--drift", str(reference)))
    assert len({without, first, second}) == 3
    again = world.build("./m", "--drift", str(reference))
    assert again.row("me/m").endswith("up to date")
    assert not again.docker("build")


def test_one_for_each_line(world: World, reference: pathlib.Path, contexts: list[pathlib.Path]) -> None:
    (world.folder / "models.txt").write_text("./m DRIFT=digits.drift MODELPROXY_LOG=json\nmax-ocr\nme/other:1.2 mine\n")
    done = world.build("--models-from", "models.txt")
    tag_of(done)
    assert len([context for context in contexts if (context / "drift" / "reference").exists()]) == 1
    (build,) = [call for call in done.docker("build") if "MODELPROXY_DRIFT=/modelwhisk-drift/reference" in call]
    assert "MODELPROXY_LOG=json" in build
    assert not [word for word in build if word.startswith("DRIFT=")]


def test_one_for_several_is_refused(world: World, reference: pathlib.Path) -> None:
    done = world.build("./m", "max-ocr", "--drift", "digits.drift")
    assert done.status == 2
    assert "--drift is for one model" in done.stderr
    assert not done.docker("build")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("nothing", None, "there is no drift reference ./nothing"),
        ("text", b"no zip", "not a reference of modelwhisk drift fit: ./text"),
        ("a.docx", b"PK\x03\x04 of one's own", "not a reference of modelwhisk drift fit: ./a.docx"),
        ("empty", b"", "not a reference of modelwhisk drift fit: ./empty"),
        ("-dash", b"no zip", "not a reference of modelwhisk drift fit: ./-dash"),
    ],
)
def test_what_is_no_reference(
    world: World, reference: pathlib.Path, name: str, content: bytes | None, why: str
) -> None:
    if content is not None:
        (world.folder / name).write_bytes(content)
    done = world.build("./m", "--drift", name)
    assert done.status == 1
    assert why in done.row("me/m")
    (world.folder / "models.txt").write_text(f"./m DRIFT={name}\n")
    assert why in world.build("--models-from", "models.txt").row("me/m")


@pytest.mark.parametrize("comes", ["a link", "another file", "a pipe that ends", "a folder", "nothing"])
def test_what_comes_after_the_look_is_looked_at(
    world: World, reference: pathlib.Path, comes: str, monkeypatch: pytest.MonkeyPatch, contexts: list[pathlib.Path]
) -> None:
    """Another's link led to a file of one's own, which went into the image."""
    secret = world.folder / "secret"
    secret.write_bytes(b"PK of one's own")
    answer = world.docker.manifest

    def exchange(name: str) -> str:
        if not secret.is_file() or not reference.is_file() or reference.is_symlink():
            return answer(name)
        reference.unlink()
        if comes == "a link":
            reference.symlink_to(secret)
        elif comes == "another file":
            reference.write_bytes(REFERENCE[:-1])
        elif comes == "a pipe that ends":
            os.mkfifo(reference)
            threading.Thread(target=reference.write_bytes, args=(b"theirs",), daemon=True).start()
        elif comes == "a folder":
            reference.mkdir()
        return answer(name)

    monkeypatch.setattr(world.docker, "manifest", exchange)
    done = world.build("./m", "--drift", "digits.drift")
    assert done.status == 1
    why = "not a reference of modelwhisk drift fit: ./digits.drift"
    assert (why if comes in ("a link", "another file", "a pipe that ends") else "can't be read") in done.row("me/m")
    assert not contexts


def test_the_image_s_own_word_against_it(world: World, reference: pathlib.Path) -> None:
    world.docker.drift = "fault the drift reference was made with another model: app.py differs"
    done = world.build("./m", "--drift", "digits.drift")
    assert "failed: the drift reference was made with another model: app.py differs" in done.row("me/m")
    assert not done.pushed
    world.docker.drift = "neither"
    assert "said nothing" in world.build("./m", "--drift", "digits.drift").row("me/m")
    world.docker.failures["run"] = ["Error response from daemon: no such file"]
    assert "checking the drift reference" in world.build("./m", "--drift", "digits.drift").row("me/m")


def test_the_smoke_test_shows_the_header_or_why_there_will_be_none(world: World, reference: pathlib.Path) -> None:
    header = "distance=0.5; threshold=1.0; drifted=?0"
    world.docker.findings += f"\ndrift {header}"
    done = world.build("./m", "--drift", "digits.drift", "--test-path", "/predict")
    assert f"Model-Drift: {header}" in done.stderr
    log = world.docker.stdout
    world.docker.stdout = (
        "modelproxy: drift: no vector can be had: ValueError: x. Predictions are no longer watched.\n" + log
    )
    done = world.build("./m", "--drift", "digits.drift", "--force")
    assert "smoke test: drift: no vector can be had: ValueError: x" in done.row("me/m")


def test_a_dry_run_shows_the_commands(world: World, reference: pathlib.Path) -> None:
    done = world.build("./m", "--drift", "digits.drift", "--dry-run")
    assert done.status == 0, done.stderr
    assert "scripts/build/drift.py" in done.stdout
    assert "MODELPROXY_DRIFT=/modelwhisk-drift/reference" in done.stdout
    assert digest_of("built") not in done.stdout
