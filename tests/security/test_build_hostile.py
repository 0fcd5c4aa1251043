"""build.sh against hostile words: names, paths, settings, labels, what an image says of itself and prints."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bed import build_image, run
from fake_docker import MARKER
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from world import World, run_build

# Each would make a file `pwned`, end a word, or be an option, where it got into a shell or a Dockerfile.
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    ";touch pwned;",
    "a b|touch pwned",
    "'\";touch pwned #",
    "x\nRUN touch pwned",
    "x\ttouch pwned",
    "--privileged",
    "-v=/:/host",
    "${HOME}",
    "*",
    "\x1b]0;pwned\x07",
    "caf\u00e9\u202e\u009b31m",
    os.fsdecode(b"caf\xc3\xa9\x9b31m"),
    "a[$(touch pwned)]",
    "$(docker image inspect --format;touch pwned)",
    "x$(docker image inspect --format\ntouch pwned; #",
    "\x7f';touch pwned;'",
    "\x7f\\';touch pwned;'",
]
WORST = ["$(touch pwned)", "a[$(touch pwned)]", "x\nRUN touch pwned", "\x1b]0;pwned\x07"]
ROOT = Path(__file__).parents[2]
PARTS_FOLDER = ROOT / "scripts" / "build"
ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def summary_of(world: World) -> dict[str, Any]:
    found = json.loads((world.folder / "s.json").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_names_of_images(world: World) -> None:
    done = world.build("--", *HOSTILE, SUMMARY="s.json")
    assert done.status >= len(HOSTILE)
    assert not done.docker("pull") + done.docker("build") + done.docker("run")
    assert not ESCAPES.search(done.stdout + done.stderr)
    assert len(summary_of(world)["images"]) == done.status


@pytest.mark.parametrize("word", WORST)
@pytest.mark.parametrize("option", ["--username", "--registry", "--platform", "--base", "--test-path", "--memory"])
def test_the_value_of_an_option(world: World, option: str, word: str) -> None:
    world.publish("you/a:1")
    done = world.build(f"{option}={word}", "you/a:1")
    assert done.status == 2
    assert not done.calls
    assert not ESCAPES.search(done.stdout + done.stderr)


def test_tags(world: World) -> None:
    world.publish("you/a:1")
    for word in WORST:
        done = world.build("--tag", word, "you/a:1")
        tags = [call[-1] for call in done.docker("tag")]
        assert done.status == 2 or all(re.fullmatch(r"me/a:[A-Za-z0-9_.-]+", tag) for tag in tags)


def test_lines_of_a_list(world: World) -> None:
    lines = [f"you/a:1 {word}\n{word} name\nyou/b:1 b{at} MODELPROXY_PATH={word}" for at, word in enumerate(WORST)]
    (world.folder / "list").write_text("\n".join(lines))
    world.publish("you/a:1", "you/b:1")
    done = world.build("--models-from", "list", SUMMARY="s.json")
    assert not ESCAPES.search(done.stdout + done.stderr)
    assert len(summary_of(world)["images"]) >= 2 * len(WORST)
    assert done.docker("build")
    for call in done.docker("build"):
        assert call[-2] == "--"
        assert "--privileged" not in call


def test_a_build_argument_is_one_word(world: World) -> None:
    world.publish("you/a:1")
    words = [f"X{at}={word}" for at, word in enumerate(HOSTILE) if "\n" not in word]
    done = world.build(*[f"--build-arg={word}" for word in words], "you/a:1")
    (call,) = done.docker("build")
    assert set(words) <= set(call)


def test_folders_and_their_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [word.replace("/", "_") for word in (*WORST, "'\";touch pwned #", "-rf")]
    for at, name in enumerate(names):
        folder = world.folder / "models" / f"{at}{name}"
        (folder / f"d{name}").mkdir(parents=True)
        (folder / "app.py").write_text("app = 1")
        (folder / "requirements.txt").write_text("-r $(touch pwned)\n")
        (folder / name).write_text("x")
        (folder / f"d{name}" / "f").write_text("x")
        (folder / ".dockerignore").write_text(f"x{name}\n!{name}\n")
    world.publish("python:3.13-slim")
    labels = []

    def build(args: list[str], own: Callable[[list[str]], str] = world.docker.build) -> str:
        context = Path(args[-1])
        files = {str(path.relative_to(context / "source")) for path in (context / "source").rglob("*")}
        assert any({name, f"d{name}/f", "app.py"} <= files for name in names)
        dockerfile = (context / "Dockerfile").read_text()
        assert "touch pwned" not in dockerfile
        labels.extend(line for line in dockerfile.splitlines() if line.startswith("LABEL org.opencontainers.image.t"))
        return own(args)

    monkeypatch.setattr(world.docker, "build", build)
    sources = [f"{world.folder}/models/{at}{name}" for at, name in enumerate(names)]
    done = world.build("--no-test", "--no-push", *sources, SUMMARY="s.json")
    assert not ESCAPES.search(done.stdout + done.stderr)
    images = summary_of(world)["images"]
    (refused,) = [image["reason"] for image in images if image["status"] != "built"]
    assert "line break" in refused
    assert len(labels) == len(names) - 1
    for line in labels:
        assert re.fullmatch(r'LABEL( [a-z.]+="(?:[^"\\$]|\\.)*")+', line)


def left_out(rules: str, paths: list[str], folder: Path) -> set[str]:
    environment = {**os.environ, "RULES": rules, "LEFT": str(folder / "left"), "LC_ALL": "C"}
    command = ["awk", "-f", str(PARTS_FOLDER / "ignore.awk")]
    lines = "".join(f"./{path}\n" for path in paths)
    done = subprocess.run(command, env=environment, input=lines, capture_output=True, text=True, check=True)
    return set(paths) - {line.removeprefix("./") for line in done.stdout.splitlines()}


@pytest.mark.parametrize("pattern", ["**/" * 30 + "x", "**/a/" * 20 + "x", "*a" * 30 + "z", "?*" * 30 + "z", "[[]"])
def test_no_rule_of_dockerignore_takes_for_ever(tmp_path: Path, pattern: str) -> None:
    """Awk tried all ways to share a path out among a rule's stars, and never came to an end of a set like `[[]`."""
    paths = ["a/" * 60 + "y", "a" * 200, "a/" * 2000 + "y", "["]
    assert left_out(pattern, paths, tmp_path) == ({"["} if pattern == "[[]" else set())
    fitting = [path.replace("y", "x") if "x" in pattern else path + "z" for path in paths[:2]]
    assert left_out(pattern, fitting, tmp_path) == (set() if pattern == "[[]" else {fitting["x" not in pattern]})


def test_all_rules_and_paths_together_have_an_end(tmp_path: Path) -> None:
    """Each rule had its bound, of half a minute for one path: a hundred kilobytes of rules took days."""
    rules = "x" * 4000 + "\n" + "*a" * 20 + "b"
    paths = [f"{at:04}/" + "a" * 3995 for at in range(1249)]
    assert left_out(rules, paths, tmp_path) == set()
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        left_out(rules, [*paths, "a" * 4000], tmp_path)
    assert refusal.value.stderr == "its rules would take too long, for so many or such long paths\n"
    with pytest.raises(subprocess.CalledProcessError):
        left_out(rules, [*paths, paths[0]], tmp_path)


def test_rules_of_megabytes_are_told(world: World) -> None:
    world.publish("python:3.13-slim")
    (world.folder / "m").mkdir()
    (world.folder / "m" / ".dockerignore").write_text("a\n" * 60_000)
    assert "its .dockerignore has more than 100000 bytes" in world.build("./m").row("me/m")


@pytest.mark.parametrize("target", ["/proc/kmsg", "/dev/zero", "nowhere"])
def test_rules_behind_a_link_are_not_read(world: World, target: str) -> None:
    """On this machine, before anything of the folder was looked at: one without an end held build.sh for ever."""
    world.publish("python:3.13-slim")
    (world.folder / "m").mkdir()
    (world.folder / "m" / ".dockerignore").symlink_to(target)
    assert "its .dockerignore is a link" in world.build("./m").row("me/m")


@pytest.mark.parametrize("name", ["m/weights.bin", "m.zip"])
def test_a_sparse_file_fills_no_disk(world: World, name: str) -> None:
    world.publish("python:3.13-slim")
    (world.folder / "m").mkdir()
    with (world.folder / name).open("wb") as file:
        file.truncate(2**43)
    row = world.build(f"./{name.partition('/')[0]}").row("me/m")
    assert "it has 8796093 MB, for which there is no room in " in row


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_rules_that_are_no_file_are_not_taken_for_none(world: World, kind: str) -> None:
    world.publish("python:3.13-slim")
    rules = world.folder / "m" / ".dockerignore"
    rules.parent.mkdir()
    os.mkfifo(rules) if kind == "pipe" else rules.mkdir()
    assert "its .dockerignore is no file" in world.build("./m").row("me/m")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ('copy_zip "$PWD/m.zip" 1000', "the zip can't be read: it has not come to its end in 1 s"),
        ("read_rules m/.dockerignore", "its .dockerignore can't be read: it has not come to its end in 1 s"),
    ],
)
def test_a_pipe_that_comes_after_the_look_is_not_waited_for(tmp_path: Path, call: str, reason: str) -> None:
    """By who may write to the folder: build.sh was held for ever."""
    for name in ("m", "context/source", "groups"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("m/.dockerignore", "m.zip"):
        (tmp_path / name).write_text("x")
    folder = (PARTS_FOLDER / "folder.sh").read_text()
    patience = "RULES_SECONDS=60 ZIP_SECONDS=3600\n"
    assert patience in folder
    (tmp_path / "folder.sh").write_text(folder.replace(patience, "RULES_SECONDS=1 ZIP_SECONDS=1\n"))
    script = f"""
    set -Eeuo pipefail
    ROOT=. HERE=$0 CONTEXT=$PWD/context JOB=$PWD WORK=$PWD MOST_WORDS=100
    source "$0/within.sh"
    source ./folder.sh
    fail() {{ echo "$1"; exit 1; }}
    why() {{ cat "$JOB/out"; }}
    beginning() {{ rm -- "$2" && mkfifo -- "$2" && head -c "$1" "$2"; }}
    {call}
    """
    done = subprocess.run(
        ["bash", "-c", script, str(PARTS_FOLDER)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [reason], done.stderr


# Of a disk of 50 MB that nobody else uses.
DF = """#!/bin/sh
used=$(du -sk "$TMPDIR" | cut -f 1)
sleep 0.2
printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\nx 50000 %d %d 0%% /\\n' "$used" "$((50000 - used))"
"""


@pytest.mark.parametrize("name", ["m/weights.bin", "m.zip"])
def test_what_is_copied_side_by_side_fills_no_disk(world: World, name: str) -> None:
    world.publish("python:3.13-slim")
    (world.folder / "bin" / "df").write_text(DF)
    (world.folder / "bin" / "df").chmod(0o755)
    paths = []
    for number in range(3):
        path = world.folder / f"{number}{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(30 * 10**6))
        paths.append(f"./{path.relative_to(world.folder).parts[0]}")
    done = world.build("--jobs", "3", *paths)
    rows = [done.row(f"me/{number}m") for number in range(3)]
    assert sum(row.endswith(" built") for row in rows) == 1, rows
    assert sum("it has 30 MB, for which there is no room in " in row for row in rows) == 2, rows


# Lets the model grow once it was looked at.
GROWING = """#!/bin/sh
case "$*" in *"{word}"*) truncate -s 200M {file} ;; esac
exec {program} "$@"
"""


@pytest.mark.parametrize(
    ("program", "word", "name"),
    [("tar", "-C . -cf", "m/weights.bin"), ("head", "m.zip", "m.zip")],
    ids=["folder", "zip"],
)
def test_what_grows_while_it_is_copied_fills_no_disk(world: World, program: str, word: str, name: str) -> None:
    """By who may write to the folder: what was looked at beforehand isn't what was copied."""
    world.publish("python:3.13-slim")
    path = world.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    growing = GROWING.format(word=word, file=path, program=shutil.which(program))
    for command, script in (("df", DF), (program, growing)):
        (world.folder / "bin" / command).write_text(script)
        (world.folder / "bin" / command).chmod(0o755)
    row = world.build(f"./{name.partition('/')[0]}").row("me/m")
    assert row.endswith("can't be read: it grew while it was copied, and there is no room for that"), row


MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "[ab]": "[ab]", "\\*": "\\*"}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["**/", "**", "*", "*", "?", "[ab]", "\\*", "a", "b", "c", "/"]), max_size=9),
    st.lists(st.text("abc/*", min_size=1, max_size=9), min_size=1, max_size=20),
)
def test_a_rule_of_many_stars_means_the_same_as_of_few(tmp_path: Path, parts: list[str], paths: list[str]) -> None:
    pattern = re.sub("//+", "/", "".join(parts)).strip("/")
    assume(pattern)
    # As ignore.awk reads it: what is two parts here may be one there.
    found = re.findall(r"\*\*/|\*\*|\*|\?|\[ab\]|\\\*|.", pattern)
    expression = re.compile("".join(MEANINGS.get(part, part) for part in found) + "(?:/|$)")
    paths = [path for path in map(str.strip, paths) if not path.endswith("/")]
    assert left_out(pattern, paths, tmp_path) == {path for path in paths if expression.match(path)}


@pytest.mark.parametrize("name", ["a\x1b[2J'b", "a\u009b2J", os.fsdecode(b"a\x9b2J")], ids=["C0", "C1", "no UTF-8"])
def test_a_dry_run_shows_such_names_as_they_can_be_pasted(world: World, name: str) -> None:
    folder = world.folder / name
    folder.mkdir()
    (folder / "app.py").write_text("app = 1")
    world.publish("python:3.13-slim")
    done = world.build("--dry-run", str(folder))
    assert not ESCAPES.search(done.stdout)
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


def test_what_a_dry_run_prints_runs_nothing_of_others(world: World) -> None:
    """A word that looked like the command by which build.sh asks for an ENTRYPOINT was taken for it."""
    world.publish("python:3.13-slim", "you/z:1", entrypoint=["sh"])
    folders = []
    for at, word in enumerate(HOSTILE):
        world.have(f"you/a{at}:1", entrypoint=[word, json.dumps([word])])
    for at, word in enumerate(HOSTILE[-4:]):
        folder = world.folder / f"m{at}{word}"
        folder.mkdir()
        (folder / "app.py").write_text("app = 1")
        folders.append(str(folder))
    images = ["you/z:1", *[f"you/a{at}:1" for at in range(len(HOSTILE))]]
    arguments = [f"--build-arg=X={word}" for word in HOSTILE if "\n" not in word]
    done = world.build("--dry-run", "--no-push", *arguments, *images, *folders)
    assert done.status == 0
    assert not ESCAPES.search(done.stdout)
    for shell in ("sh", "bash"):
        world.docker.calls = []
        subprocess.run([shell, "-ec", done.stdout], cwd=world.folder, env=world.environment(), check=True)
        builds = [call for call in world.docker.calls if call[1] == "build"]
        assert len(builds) == len(HOSTILE) + len(folders) + 1
        # It was asked for only then.
        assert 'MODELPROXY_BASE_ENTRYPOINT=["sh"]' in builds[0]
    for word, call in zip(HOSTILE, builds[1:], strict=False):
        assert f"MODELPROXY_BASE_ENTRYPOINT={json.dumps([word, json.dumps([word])], ensure_ascii=False)}" in call


def test_a_command_too_long_for_a_build_is_told(world: World) -> None:
    world.publish("you/a:1", cmd=["'" * 100_000])
    assert "you/a@" in (row := world.build("you/a:1").row("me/a"))
    assert "has an ENTRYPOINT, CMD or ONBUILD of more than 100000 bytes" in row


PIECES = [b"\xc2", b"\x9b", b"\xe2", b"\x80", b"\x81", b"\xae", b"\xf0", b"\xff", b"\x01", b"\x02", b"a"]


def harmless(words: list[bytes]) -> list[bytes]:
    """What build.sh shows of each."""
    script = "source scripts/build/output.sh; harmless"
    done = subprocess.run(
        ["bash", "-c", script],
        input=b"\n".join(words),
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C"},
        check=True,
    )
    return done.stdout.split(b"\n")


def test_nothing_that_is_around_a_control_character_becomes_one() -> None:
    """Nor is a byte left that isn't UTF-8: 0x9b alone is a terminal's CSI, where that reads another encoding."""
    words = [b"".join(pieces) for pieces in itertools.product(PIECES, repeat=5)]
    lines = harmless(words)
    assert len(lines) == len(words)
    assert not [line for line in lines if ESCAPES.search(line.decode())]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), min_size=1, max_size=40))
@settings(max_examples=30)
def test_text_is_shown_as_it_is_but_for_what_steers(texts: list[str]) -> None:
    """The last bytes of many a letter are those of C1 controls."""
    words = [text.replace("\n", " ") for text in [*texts, "caf\u00e9 \u045b\u201b \u26c4 \U0001f600"]]
    steering = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
    assert harmless([word.encode() for word in words]) == [steering.sub("?", word).encode() for word in words]


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=40))
@settings(max_examples=30)
def test_bytes_that_are_no_text_leave_the_text_around_them(words: list[bytes]) -> None:
    words = [re.sub(rb"[\x00-\x1f\x7f]", b" ", word) for word in words]
    shown = [re.sub("[\udc80-\udcff]+", "?", word.decode("utf-8", "surrogateescape")) for word in words]
    steering = re.compile("[\x80-\x9f\u202a-\u202e\u2066-\u2069]")
    assert [line.decode() for line in harmless(words)] == [steering.sub("?", text) for text in shown]


@pytest.mark.parametrize("word", ["WORK[$(touch pwned)]", "1;touch pwned", "08", "", "9" * 40])
@pytest.mark.parametrize("key", ["init_ms", "memory_mb"])
def test_what_an_image_s_python_prints_is_never_calculated_with(world: World, key: str, word: str) -> None:
    """Bash runs commands within an array's index that stands in a variable: an image ruled its builder's shell."""
    world.publish("you/a:1")
    world.docker.findings = f"init_ms 1\nrun_status 200\nmemory_mb 2\n{key} {word}"
    done = world.build("you/a:1", SUMMARY="s.json")
    assert f"no number for {key}" in done.row("me/a")
    assert done.status == 1
    assert not done.pushed
    assert summary_of(world)["images"][0][key] is None


def test_what_an_image_s_python_prints_has_an_end(world: World) -> None:
    """It filled the disk of the machine that wrapped it."""
    world.publish("you/a:1")
    world.docker.findings = "init_ms 1\n" + "x" * 150_000
    done = world.build("you/a:1")
    assert "the image's Python wrote more than 100000 bytes" in done.row("me/a")
    assert not done.pushed
    # Its client has gone, but it hasn't.
    (test,) = done.docker("run", "--detach")
    assert [call[-1] for call in done.docker("kill")] == [test[test.index("--name") + 1]]


# A container's part, with the command that asks in it: an endless one ends with the container alone.
ENDLESS = """
set -Eeuo pipefail
JOB=$PWD WORK=$PWD
mkdir groups
docker() { kill "$(cat pid)"; printf '%s ' "$@" >>killed; }
source "$0/within.sh"
source "$0/question.sh"
ask the-container "$1" 1000 /dev/null answer bash -c "echo \\$\\$ >pid; $2" || printf '%s' "$UNANSWERED"
"""


@pytest.mark.parametrize(
    ("seconds", "command", "reason"),
    [
        ("1", "exec sleep 1000", "gave no answer in 1 s"),
        ("1", "while true; do read -t 1 <> /dev/zero; done", "gave no answer in 1 s"),
        ("500", "exec yes", "wrote more than 1000 bytes"),
        ("500", "exec yes >&2", "wrote more than 100000 bytes of errors"),
        ("500", "echo yes", ""),
    ],
)
def test_an_image_s_python_that_has_no_end(tmp_path: Path, seconds: str, command: str, reason: str) -> None:
    done = subprocess.run(
        ["bash", "-c", ENDLESS, str(PARTS_FOLDER), seconds, command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (f"the image's Python {reason}" if reason else "")
    assert (tmp_path / "answer").stat().st_size <= 1001
    assert (tmp_path / "out").stat().st_size <= 100_001
    assert (tmp_path / "killed").exists() is bool(reason)


# The parts of build.sh, with ends that come sooner.
SOONER = """
set -Eeuo pipefail
WORK=$PWD/work JOB=$PWD/work/0 DRY_RUN=0 FAIL_FAST=1 PREFIX=x WIDTH=1 COLOUR_ON= COLOUR_OFF=
SECONDS_EACH=$1 VERBOSE=$2 MODEL_DIGEST=$3
mkdir -p "$JOB" "$WORK/groups" "$WORK/unreachable"
for part in output reference registry within question wrap; do
  sed -E -e "s/(ANSWER|IMAGE|FOLDER)_SECONDS=[0-9]+/\\\\1_SECONDS=$SECONDS_EACH/g" -e 's/10 \\* 1024 \\* 1024/99999/' \\
    "$0/$part.sh" >"$part.sh"
  source "./$part.sh"
done
fail_with_log() { printf '%s\n' "$1"; exit 1; }
"""
FOR_EVER = "docker() { bash -c 'sleep 1000 & echo $! >child; echo $$ >parent; exec sleep 1000'; }\n"
BUILD = "run_build docker build"
ASK = 'remote_digest 127.0.0.1:1/a || printf "%s\\n" "$REMOTE_ERROR"'


def sooner(folder: Path, script: str, seconds: int = 600, verbose: int = 0, digest: str = "") -> str:
    command = ["bash", "-c", SOONER + script, str(PARTS_FOLDER), str(seconds), str(verbose), digest]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("script", "digest", "reason"),
    [
        (BUILD, "", "docker build: it hadn't ended after 1 s"),
        (BUILD, "sha256:1", "docker build: it hadn't ended after 1 s"),
        (ASK, "", "no answer in 1 s"),
    ],
    ids=["image", "folder", "registry"],
)
def test_what_says_nothing_is_ended(tmp_path: Path, script: str, digest: str, reason: str) -> None:
    """With what it started: a plug-in of docker's goes on without it."""
    assert sooner(tmp_path, FOR_EVER + script, seconds=1, digest=digest) == f"{reason}\n"
    for name in ("parent", "child"):
        assert not Path("/proc", (tmp_path / name).read_text().strip()).exists()
    assert not list((tmp_path / "work" / "groups").iterdir())


@pytest.mark.parametrize("verbose", [0, 1])
def test_what_a_build_prints_has_an_end(tmp_path: Path, verbose: int) -> None:
    """It filled the disk of the machine that builds, with --verbose the screen too."""
    said = sooner(tmp_path, "docker() { yes $(seq 9999); }\n" + BUILD, verbose=verbose)
    assert said == "docker build: it wrote more than 99999 bytes\n"
    assert (tmp_path / "work" / "0" / "log").stat().st_size == 99999


LINES = {
    "é ✓ 🤖 \t|".encode(): "é ✓ 🤖 \t|",
    b"\x80 alone": "? alone",
    b"\x1b[2J \xc3\xa9": "?[2J é",
    b"\xc2\x9b31m": "?31m",
    b"\xe2\x80\xae turned": "? turned",
    b"\xe2\x80": "?",
    b"nul \0 \r \x7f \1 \2": "nul ? ? ? ? ?",
    b"": "",
    b"x" * 4096: "x" * 4096,
    b"x" * 4097: "x" * 4096 + "…",
    b"x" * 4095 + "é".encode(): "x" * 4095 + "?…",
    b"\xc3" * 5000: "?…",
    b"the end": "the end",
}

PREFIXED = """
set -Eeuo pipefail
export LC_ALL=C
COLOUR_ON= COLOUR_OFF= PREFIX='x/\\&' WIDTH=1
source "$0/output.sh"
exec 5>trace
BASH_XTRACEFD=5
set -x
prefixed
"""
COMMAND = ["bash", "-c", PREFIXED, str(PARTS_FOLDER)]


def test_no_line_of_an_image_s_takes_a_command(tmp_path: Path) -> None:
    """Programs took 14 ms for each that was not ASCII, and bash then half a minute for a megabyte of short ones."""
    commands = []
    for times in (1, 100):
        lines = b"\n".join([*LINES] * times)
        done = subprocess.run(COMMAND, cwd=tmp_path, input=lines, capture_output=True, check=True)
        assert done.stdout == b""
        assert done.stderr.decode().splitlines() == [f"x/\\& | {said}" for said in LINES.values()] * times
        assert done.stderr.endswith(b"the end\n")
        commands.append((tmp_path / "trace").read_bytes().count(b"\n"))
    assert commands[0] == commands[1]


def test_a_line_of_an_image_s_is_shown_whole_when_it_comes(tmp_path: Path) -> None:
    """Where several are built at once, each write of one stands between those of others."""
    out, shown = os.pipe2(os.O_DIRECT)  # keeps writes apart
    with subprocess.Popen(COMMAND, cwd=tmp_path, stdin=subprocess.PIPE, stderr=shown) as process:
        os.close(shown)
        assert process.stdin
        for line in ("one", "two" * 1000):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert os.read(out, 100_000) == f"x/\\& | {line}\n".encode()
        process.stdin.write(b"\n" * 1000 + b"the end")
        process.stdin.close()
        for line in ("",) * 1000 + ("the end",):
            assert os.read(out, 100_000) == f"x/\\& | {line}\n".encode()
        assert os.read(out, 100_000) == b""
    os.close(out)
    assert process.returncode == 0


def test_what_a_registry_sends_has_an_end(tmp_path: Path) -> None:
    """The docker command keeps all of it."""
    script = "docker() { python3 -c 'bytearray(5 * 1024**3)'; }\n" + ASK
    assert sooner(tmp_path, script) == "MemoryError\n"
    (tmp_path / "b").mkdir()
    assert sooner(tmp_path / "b", "docker() { yes; }\n" + ASK)
    assert (tmp_path / "b" / "work" / "0" / "manifest").stat().st_size == 32 * 1024**2 + 1


@pytest.mark.parametrize("stream", [1, 2])
def test_what_a_model_logs_has_an_end(tmp_path: Path, stream: int) -> None:
    script = f"""
    set -Eeuo pipefail
    JOB=$PWD
    docker() {{ cat /dev/zero >&{stream}; }}
    source "$0/output.sh"
    source "$0/smoke.sh"
    collect_logs the-container 1
    log_fault good
    """
    done = subprocess.run(
        ["bash", "-c", script, str(PARTS_FOLDER)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"it logs more to {['stdout', 'stderr'][stream - 1]} than the 10 MB that the platform keeps"
    assert (tmp_path / "log").stat().st_size == 10 * 1024**2


@pytest.mark.parametrize("character", ["\u009b", '"'])
def test_of_an_image_s_words_a_screen_is_shown(world: World, character: str) -> None:
    """Each character that was replaced was a copy of the line, and a line had no end: 2 MB took minutes."""
    long = character * 1_000_000
    label = {"modelwhisk.adapter.digest": "x", "org.opencontainers.image.base.name": long}
    world.publish("you/a:1", labels=label)
    world.publish("you/b:1")
    world.docker.stdout = f"{long}\n{MARKER}\n{long}"
    done = world.build("you/a:1", "you/b:1", SUMMARY="s.json")
    assert done.status == 2
    assert max(map(len, (done.stdout + done.stderr).splitlines())) < 2 * 4096
    reasons = [image["reason"] for image in summary_of(world)["images"]]
    assert "is a wrapper itself" in reasons[0]
    assert "stdout goes on after the end marker" in reasons[1]
    assert all(reason.endswith("\u2026") and len(reason) <= 4097 for reason in reasons)


def test_what_an_image_says_of_itself(world: World) -> None:
    said = '\x1b]0;x\x07\u009b31m\u202e$(touch pwned)","x":"\n\\'
    world.publish("you/a:1", labels={"modelwhisk.adapter.digest": said, "org.opencontainers.image.base.name": said})
    world.publish("you/b:1", entrypoint=["sh", "-c", said, "${PATH}"], cmd=[said])
    world.docker.stdout = f"{said}\nmodelproxy: {said}\n" + os.fsdecode(b"modelproxy: \x9b31m\n")
    done = world.build("you/a:1", "you/b:1", "--verbose", SUMMARY="s.json")
    assert done.status == 2
    assert not ESCAPES.search(done.stdout + done.stderr)
    assert len(summary_of(world)["images"]) == 2
    (call,) = done.docker("build")
    assert f"MODELPROXY_BASE_ENTRYPOINT={json.dumps(['sh', '-c', said, '${PATH}'], ensure_ascii=False)}" in call


@pytest.mark.parametrize(
    "platform",
    [
        f"linux/amd64 codait/max-a@sha256:{'a' * 64}",
        f"linux/amd64\ncodait/max-a@sha256:{'a' * 64}",
        f"linux /amd64 codait/max-a@sha256:{'a' * 64}",
        "linux/--privileged",
        "linux/\x1b]0;pwned\x07",
        "/",
    ],
)
def test_a_local_image_s_platform_is_no_digest_of_it(world: World, platform: str) -> None:
    """It chose the digest of its base, and so the tag of the genuine image's wrapper, which was "up to date" then."""
    world.have("codait/max-a:latest", platform=platform)
    done = world.build("--local", "--no-test", MODELS="max-a", SUMMARY="s.json")
    assert done.status == 1
    assert "the local image codait/max-a says of itself no platform" in done.row("me/max-a")
    assert not done.docker("build")
    assert "a" * 64 not in (world.folder / "s.json").read_text()
    assert not ESCAPES.search(done.stdout + done.stderr)


def test_a_base_s_onbuild_is_not_carried_out(world: World) -> None:
    """It ran in each stage, with the proxies' passwords in its environment, and what it wrote was pushed."""
    steps = ["RUN env >/leaked", "RUN \x1b]0;x\x07"]
    world.publish("you/a:1", "python:3.13-slim", onbuild=steps)
    (world.folder / "m").mkdir()
    (world.folder / "m" / "app.py").write_text("app = 1")
    done = world.build("you/a:1", "./m")
    assert done.status == 2
    assert "has ONBUILD instructions" in done.row("me/a")
    assert "has ONBUILD instructions" in done.row("me/m")
    assert not done.docker("build")


def test_a_registry_s_digest_is_one(world: World) -> None:
    world.publish("you/a:1", digest="$(touch pwned)")
    done = world.build("you/a:1")
    assert done.status == 1
    assert not [call for call in done.calls if "$(touch" in " ".join(call)]


def test_words_that_are_no_utf_8_still_make_a_summary() -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            'source "$0"; source "$1"; export LC_ALL=C; json_string "$(printf "caf\\303\\251\\377\\n\\t\\"")"',
        ]
        + [str(PARTS_FOLDER / part) for part in ("reference.sh", "output.sh")],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == 'caf\u00e9?\n\t"'


TARGET = "modelwhisk-test/security-hostile-action"


@pytest.mark.docker
def test_a_real_hostile_base(base_image: Callable[[str], str], tmp_path: Path) -> None:
    """Its Python prints what bash would run, its command and labels are words that a Dockerfile would take apart."""
    word = "$(touch pwned) ${HOME} `id` \"'\\ #"
    shim = tmp_path / "python3"
    shim.write_text(
        "#!/bin/sh\n"
        f'[ "$2" != - ] || {{ echo "init_ms WORK[\\$(touch {tmp_path}/pwned)]" && echo memory_mb 1 && exit; }}\n'
        'exec /usr/bin/python3.real "$@"\n'
    )
    shim.chmod(0o755)
    escaped = json.dumps(word.replace("$", "\\$")).replace("\\\\$", "\\$")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base_image('debian-python3')}\nCOPY python3 /usr/local/bin/python3\n"
        "RUN ln -s $(readlink -f /usr/bin/python3) /usr/bin/python3.real\n"
        f"LABEL evil={escaped}\nENTRYPOINT {json.dumps(['sh', '-c', word])}\nCMD {json.dumps([word])}\n"
    )
    image = build_image("modelwhisk-test/security-hostile:1", tmp_path)
    arguments = ("--local", "--no-push", "--username", "modelwhisk-test", image)
    done = run_build(*arguments)
    assert "no number for init_ms" in done.stdout
    assert not (tmp_path / "pwned").exists()
    # What failed its test has no tag but this.
    target = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{TARGET}*").split()[0]
    (config,) = [found["Config"] for found in json.loads(run("docker", "image", "inspect", target))]
    environment = dict(line.split("=", 1) for line in config["Env"])
    assert json.loads(environment["MODELPROXY_BASE_ENTRYPOINT"]) == ["sh", "-c", word]
    assert json.loads(environment["MODELPROXY_BASE_CMD"]) == [word]
    assert config["Labels"]["evil"] == word
    assert config["Entrypoint"] == ["/modelproxy/start"]


@pytest.mark.docker
def test_a_real_base_with_onbuild(base_image: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {base_image('debian-python3')}\nONBUILD RUN env >/leaked\n")
    image = build_image("modelwhisk-test/security-onbuild:1", tmp_path)
    done = run_build("--local", "--no-push", "--username", "modelwhisk-test", image)
    assert f"{image} has ONBUILD instructions" in done.stdout
    assert not run("docker", "images", "--quiet", "modelwhisk-test/security-onbuild-action").split()


@pytest.mark.docker
def test_a_real_python_that_writes_without_end_in_the_build(base_image: Callable[[str], str], tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexec yes $(seq 9999)\n")
    shim.chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f"FROM {base_image('debian-python3')}\nCOPY python3 /usr/local/bin/python3\n")
    image = build_image("modelwhisk-test/security-flood:1", tmp_path)
    done = run_build("--local", "--no-push", "--username", "modelwhisk-test", image, TMPDIR=str(tmp_path))
    assert "docker build: it wrote more than 10485760 bytes" in done.stdout
    assert not run("docker", "images", "--quiet", "modelwhisk-test/security-flood-action").split()


@pytest.mark.docker
def test_a_real_python_that_writes_without_end(base_image: Callable[[str], str], tmp_path: Path) -> None:
    """A container goes on when nobody reads any more, and keeps what it writes in its log."""
    shim = tmp_path / "python3"
    shim.write_text(
        '#!/bin/sh\ncase " $* " in *" - "*) exec yes $(seq 9999) ;; esac\nexec /usr/bin/python3.real "$@"\n'
    )
    shim.chmod(0o755)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base_image('debian-python3')}\nCOPY python3 /usr/local/bin/python3\n"
        "RUN ln -s $(readlink -f /usr/bin/python3) /usr/bin/python3.real\n"
    )
    image = build_image("modelwhisk-test/security-endless:1", tmp_path)
    arguments = ("--local", "--no-push", "--username", "modelwhisk-test", image)
    assert "the image's Python wrote more than 100000 bytes" in run_build(*arguments).stdout
    done = run_build("--no-test", "--sbom", str(tmp_path / "sbom"), *arguments)
    assert "the image's Python wrote more than 67108864 bytes" in done.stdout
    assert not list((tmp_path / "sbom").iterdir())
    wrapper = run("docker", "images", "--quiet", "modelwhisk-test/security-endless-action").split()[0]
    assert not run("docker", "ps", "--quiet", "--filter", f"ancestor={wrapper}").split()
