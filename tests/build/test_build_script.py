"""build.sh against a fake docker: options, names, what is skipped, retries, failures, output. No engine is needed."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import time
from typing import Any

import pytest
from fake_docker import MARKER
from world import CHECKOUT, World, digest

TOOLS = [CHECKOUT / "build.sh", *sorted((CHECKOUT / "scripts" / "build").glob("*.sh"))]


# The ordinary way


def test_a_published_model_is_pulled_by_digest_built_tested_and_pushed(world: World) -> None:
    world.publish("codait/max-a:latest")
    done = world.build(MODELS="max-a")
    assert done.status == 0, done.stderr
    (pull,) = done.docker("pull")
    assert pull[-1] == f"codait/max-a@{digest('codait/max-a:latest')}"
    (build,) = done.docker("build")
    assert f"MODEL_IMAGE=codait/max-a@{digest('codait/max-a:latest')}" in build
    assert 'MODELPROXY_BASE_CMD=["python"]' in build
    assert "MODELPROXY_BASE_ENTRYPOINT=" in build
    assert build[-2:] == ["--", str(CHECKOUT)]
    tags = [image.rpartition(":")[2] for image in done.pushed]
    assert tags[:2] == ["0.1.0", "latest"]
    assert re.fullmatch("mw-[0-9a-f]{16}", tags[2])
    assert done.row("me/max-a").split()[1:3] == ["123", "kB"]
    assert done.row("me/max-a").endswith("built")
    assert "wsk action create max-a --docker me/max-a:0.1.0 --web raw -m 512 -t 60000" in done.stdout
    # Nothing is left but the result.
    assert done.docker("rm") == [["rm", "--force", "--volumes", done.docker("run")[0][3]]]
    assert not [name for name in world.docker.local if "untested" in name]
    assert not list((world.folder / "tmp").iterdir())


def test_more_jobs_than_a_pipe_has_places(world: World) -> None:
    world.publish("codait/max-a:latest", "codait/max-b:latest")
    assert world.build("--jobs", "70000", MODELS="max-a max-b").status == 0


def test_the_second_run_only_asks_the_registry(world: World) -> None:
    world.publish("codait/max-a:latest", "quay.io/codait/max-b:latest")
    world.build(MODELS="max-a max-b")
    done = world.build(MODELS="max-a max-b")
    assert done.status == 0
    assert done.row("me/max-a").endswith("up to date")
    assert done.row("me/max-b").endswith("up to date")
    # Not even a version of the base is wanted: a new machine has none of it.
    assert {call[1] for call in done.calls} == {"version", "manifest"}


def test_a_new_base_a_new_setting_or_force_is_a_new_build(world: World) -> None:
    world.publish("codait/max-a:latest")
    first = world.build(MODELS="max-a").pushed[-1]
    forced = world.build(MODELS="max-a", FORCE="1")
    assert forced.pushed[-1] == first
    with_setting = world.build("--build-arg", "MODELPROXY_PATH=/x", MODELS="max-a")
    assert "MODELPROXY_PATH=/x" in with_setting.docker("build")[0]
    world.publish("codait/max-a:latest", digest=digest("new"))
    with_base = world.build(MODELS="max-a")
    assert len({first, with_setting.pushed[-1], with_base.pushed[-1]}) == 3


def test_tags_that_went_astray_are_moved_back_without_a_build(world: World) -> None:
    world.publish("codait/max-a:latest")
    world.build(MODELS="max-a")
    world.publish("me/max-a:latest", digest=digest("someone else's"))
    del world.docker.remote["me/max-a:0.1.0"]
    for here in (True, False):
        if not here:
            world.docker.local = {}
            world.publish("me/max-a:latest", digest=digest("someone else's"))
        done = world.build(MODELS="max-a")
        assert done.status == 0, done.stderr
        assert not done.docker("build")
        assert len(done.docker("pull")) == (0 if here else 1)
        assert done.pushed == (["me/max-a:0.1.0", "me/max-a:latest"] if here else ["me/max-a:latest"])
        assert done.row("me/max-a").endswith("up to date")


def test_quay_is_asked_where_docker_hub_has_none(world: World) -> None:
    world.publish("quay.io/codait/max-a:latest")
    done = world.build(MODELS="max-a")
    assert done.status == 0
    assert f"MODEL_IMAGE=quay.io/codait/max-a@{digest('quay.io/codait/max-a:latest')}" in done.docker("build")[0]


@pytest.mark.parametrize("name", ["codait/max-a:latest", "quay.io/codait/max-a:latest", "max-a:latest"])
def test_an_image_that_only_this_machine_has_is_used_and_said(world: World, name: str) -> None:
    world.have(name)
    done = world.build(MODELS="max-a")
    assert done.status == 0, done.stderr
    assert f"using the local image {name.removesuffix(':latest')}: no registry gives it" in done.stderr
    assert not done.docker("pull")
    assert "org.opencontainers.image.base.digest=" in done.docker("build")[0]


def test_local_asks_no_registry_for_the_base(world: World) -> None:
    world.publish("codait/max-a:latest")
    world.have("codait/max-a:latest")
    done = world.build("--local", "--no-push", MODELS="max-a")
    assert done.status == 0
    assert not done.docker("manifest")
    assert "no image for max-b on this machine" in world.build("--local", MODELS="max-b").row("me/max-b")


def test_a_reference_is_itself_and_its_tag_becomes_the_version(world: World) -> None:
    world.publish("example.com:5000/team/other:1.2")
    done = world.build(MODELS="example.com:5000/team/other:1.2")
    assert done.pushed[:2] == ["me/other:1.2", "me/other:latest"]


def test_the_wrapper_never_replaces_the_models_own_image(world: World) -> None:
    world.publish("me/other:1.2", "docker.io/me/third:latest")
    done = world.build(MODELS="me/other:1.2 docker.io/me/third")
    assert done.status == 0, done.stderr
    assert {image.split(":")[0] for image in done.pushed} == {"me/other-action", "me/third-action"}
    (world.folder / "list").write_text("me/other:1.2 other\n")
    assert "the model's own image" in world.build(MODELS_FROM="list").row("me/other")


@pytest.mark.parametrize(
    ("model", "registry", "wrapper"),
    [
        ("index.docker.io/me/other:1.2", "", "me/other-action"),
        ("me/other:1.2", "index.docker.io", "docker.io/me/other-action"),
        ("registry-1.docker.io/me/other:1.2", "", "me/other-action"),
        ("me/other:1.2", "Index.Docker.io:443", "Index.Docker.io:443/me/other-action"),
        ("registry.hub.docker.com/me/other:1.2", "docker.io/", "docker.io/me/other-action"),
        ("Quay.io:443/me/other:1.2", "quay.io", "quay.io/me/other-action"),
        ("quay.io:5000/me/other:1.2", "quay.io", "quay.io/me/other"),
        ("quay.io/me/other:1.2", "", "me/other"),
    ],
)
def test_a_registry_s_other_names_are_its_own(world: World, model: str, registry: str, wrapper: str) -> None:
    world.publish(model)
    done = world.build(MODELS=model, REGISTRY=registry)
    assert done.status == 0, done.stderr
    assert {image.rpartition(":")[0] for image in done.pushed} == {wrapper}
    (world.folder / "list").write_text(f"{model} other\n")
    refused = "the model's own image" in world.build("--dry-run", MODELS_FROM="list", REGISTRY=registry).stderr
    assert refused == wrapper.endswith("-action")


def test_a_base_s_full_name_has_docker_hub_s_first(world: World) -> None:
    world.publish("index.docker.io/me/other:1.2", "index.docker.io/python:3.11")
    done = world.build(MODELS="index.docker.io/me/other:1.2 index.docker.io/python:3.11", USERNAME="you")
    assert done.status == 0, done.stderr
    names = [word.partition("base.name=")[2] for build in done.docker("build") for word in build]
    assert sorted(filter(None, names)) == ["docker.io/library/python:3.11", "docker.io/me/other:1.2"]


def test_a_wrapper_is_not_wrapped_again(world: World) -> None:
    labels = {"modelwhisk.adapter.digest": "sha256:x", "org.opencontainers.image.base.name": "docker.io/codait/max-a"}
    world.publish("you/max-a:latest", labels=labels)
    done = world.build(MODELS="you/max-a")
    assert done.status == 1
    assert "is a wrapper itself: give the model's own image, docker.io/codait/max-a" in done.row("me/max-a")


def test_the_image_for_the_platform_is_chosen_from_an_index(world: World) -> None:
    both = {"linux/arm64": digest("arm"), "linux/amd64": digest("amd"), "unknown/unknown": digest("attestation")}
    world.publish("codait/max-a:latest", platforms=both)
    assert world.build(MODELS="max-a").docker("pull")[0][-1] == f"codait/max-a@{digest('amd')}"
    assert world.build(MODELS="max-a", PLATFORM="linux/arm64").docker("pull")[0][-1] == f"codait/max-a@{digest('arm')}"
    done = world.build("--platform", "linux/s390x", MODELS="max-a")
    assert done.status == 1
    assert "there is none for linux/s390x, only for: linux/arm64 linux/amd64" in done.row("me/max-a")


def test_a_local_image_of_another_platform(world: World) -> None:
    world.have("codait/max-a:latest", platform="linux/arm64")
    done = world.build(MODELS="max-a")
    assert done.status == 0
    assert "linux/arm64" in done.docker("build")[0]
    assert world.build("--platform=linux/amd64", MODELS="max-a").status == 1


# Options


def test_a_flag_wins_over_its_variable(world: World) -> None:
    world.publish("codait/max-a:latest", "codait/max-b:latest")
    variables = {"MODELS": "max-b", "USERNAME": "you", "REGISTRY": "r.example", "TAGS": "1", "NO_TEST": "1"}
    done = world.build(
        "--username", "me", "--registry=127.0.0.1:9", "--tag", "2", "--tag=3", "--no-test=0", "max-a", **variables
    )
    assert done.status == 0, done.stderr
    assert done.pushed[:3] == [f"127.0.0.1:9/me/max-a:{tag}" for tag in ("2", "3", "latest")]
    assert done.docker("run")
    # A registry on the loopback may speak plain HTTP.
    assert [call for call in done.docker("manifest") if "--insecure" in call] == [
        call for call in done.docker("manifest") if "127.0.0.1" in call[-1]
    ]


def test_the_proxies_of_the_environment_reach_a_folder_s_build_by_name_alone(world: World) -> None:
    world.publish("python:3.13-slim", "codait/max-a:latest")
    (world.folder / "m").mkdir()
    (world.folder / "m" / "app.py").write_text("app = 1")
    proxies = {"HTTPS_PROXY": "http://user:secret@proxy:3128", "no_proxy": "localhost"}
    done = world.build("./m", **proxies)
    (build,) = done.docker("build")
    assert build[build.index("HTTPS_PROXY") - 1] == "--build-arg"
    assert "no_proxy" in build
    assert "secret" not in str(done.calls) + done.stderr + done.stdout
    # Nothing is downloaded where an image is wrapped, and the image's own Python runs there.
    (build,) = world.build("max-a", **proxies).docker("build")
    assert not {"HTTPS_PROXY", "no_proxy"} & set(build)


def test_the_proxies_of_docker_s_own_configuration_reach_no_image(world: World) -> None:
    """The docker command names them to all that it builds and runs: a hostile image put them into its wrapper."""
    world.publish("python:3.13-slim", "codait/max-a:latest")
    (world.folder / "m").mkdir()
    (world.folder / "m" / "app.py").write_text("app = 1")
    (world.folder / "config.json").write_text('{"Proxies": {"default": {"httpProxy": "http://user:secret@proxy"}}}')
    names = {f"{word}_PROXY=" for word in ("HTTP", "HTTPS", "FTP", "NO", "ALL")}
    names |= {name.lower() for name in names}

    def named(call: list[str], option: str) -> set[str]:
        return {name for word, name in itertools.pairwise(call) if word == option} & names

    for source, in_build in (("max-a", names), ("./m", set())):  # what a folder needs is downloaded
        done = world.build(source, "--sbom", "out", DOCKER_CONFIG=str(world.folder))
        assert done.status == 0, done.stderr
        (build,) = done.docker("build")
        assert named(build, "--build-arg") == in_build
        runs = done.docker("run")
        assert len(runs) == 2
        assert all(named(call, "--env") == names for call in runs)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, f"{pwd.getpwuid(os.geteuid()).pw_dir}/.docker"),  # as for a service; docker looks there
        ({"HOME": ""}, f"{pwd.getpwuid(os.geteuid()).pw_dir}/.docker"),
        ({"HOME": "/a b"}, "/a b/.docker"),
        ({"HOME": "/a", "DOCKER_CONFIG": "/c d"}, "/c d"),
    ],
)
def test_where_docker_has_its_configuration(variables: dict[str, str], folder: str) -> None:
    script = f"set -eu; source '{CHECKOUT}/scripts/build/proxies.sh'; docker_config"
    told = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, text=True, check=True).stdout
    assert told == f"{folder}/config.json"


def test_labels(world: World) -> None:
    world.publish("codait/max-a:latest")
    variables = {"SOURCE_DATE_EPOCH": "86400", "SOURCE_URL": "https://user:secret@example.com/a/b"}
    (call,) = world.build(MODELS="max-a", **variables).docker("build")
    labels = dict(label.split("=", 1) for word, label in itertools.pairwise(call) if word == "--label")
    oci = "org.opencontainers.image."
    assert labels[oci + "title"] == "max-a"
    assert labels[oci + "version"] == "0.1.0"
    assert labels[oci + "created"] == "1970-01-02T00:00:00Z"
    assert labels[oci + "source"] == "https://example.com/a/b"
    assert re.fullmatch("[0-9a-f]{40}|", labels[oci + "revision"])
    assert labels[oci + "base.name"] == "docker.io/codait/max-a:latest"
    assert labels[oci + "base.digest"] == digest("codait/max-a:latest")
    assert re.fullmatch("sha256:[0-9a-f]{64}", labels["modelwhisk.adapter.digest"])


@pytest.mark.parametrize(
    ("args", "variables", "complaint"),
    [
        ([], {}, "nothing to wrap"),
        (["max-a"], {"USERNAME": ""}, "whose images?"),
        (["max-a", "--registry", "index.docker.io"], {"USERNAME": ""}, "whose images?"),
        (["--nonsense"], {}, "no such option: --nonsense"),
        (["max-a", "--tag"], {}, "--tag needs a value"),
        (["max-a", "--tag", "a b;"], {}, "is not a tag"),
        (["max-a", "--tag", "latest"], {}, "sets itself"),
        (["max-a", "--jobs", "many"], {}, "--jobs must be a whole number"),
        (["max-a", "--jobs", "0"], {}, "--jobs must be a whole number"),
        (["max-a", "--memory", "8"], {}, "--memory must be a whole number"),
        (["max-a", "--platform", "amd64"], {}, "--platform is OS/ARCH"),
        (["max-a", "--test-path", "/a\r\nX: y"], {}, "--test-path is the path"),
        (["max-a", "--registry", "https://r.example"], {}, "without http"),
        (["max-a", "--registry", "example"], {}, "a dot or a port"),
        (["max-a", "--registry", "r.example/$(id)"], {}, "not the name of a registry"),
        (["max-a", "--username", "Me"], {}, "--username can't be"),
        (["max-a", "--build-arg", "MODEL_IMAGE=x"], {}, "set by build.sh itself"),
        (["max-a", "--build-arg", "MODELPROXY_PAHT=/x"], {}, "no such setting: MODELPROXY_PAHT"),
        (["max-a", "--build-arg", "a-b=1"], {}, "not a build argument"),
        (["max-a", "--models-from", "nowhere"], {}, "no file to read at nowhere"),
        (["max-a"], {"NO_PUSH": "perhaps"}, "NO_PUSH is a switch"),
        (["max-a"], {"SOURCE_DATE_EPOCH": "now"}, "SOURCE_DATE_EPOCH is not"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(world: World, args, variables, complaint: str) -> None:
    done = world.build(*args, **variables)
    assert done.status == 2
    assert complaint in done.stderr
    assert done.stdout == ""
    assert not done.calls


def test_help_tells_every_option_and_variable(world: World) -> None:
    done = world.build("--help")
    assert done.status == 0
    options = (CHECKOUT / "scripts" / "build" / "options.sh").read_text()
    flags = set(re.findall(r"^ +(--[a-z-]+)\)", options, re.M))
    assert len(flags) > 20
    assert flags - {flag for flag in flags if flag in done.stdout} == set()
    assert not done.calls


def test_print_list_and_version(world: World) -> None:
    assert world.build("--print").stdout == (CHECKOUT / "Dockerfile").read_text()
    assert len(world.build("--list").stdout.split()) == 35
    version = re.search(r'^version = "(.*)"$', (CHECKOUT / "pyproject.toml").read_text(), re.M)
    assert version
    assert world.build("--version").stdout.strip() == version[1]


def test_a_list_in_a_file_names_images_wrappers_and_settings(world: World) -> None:
    world.publish("codait/max-a:latest", "you/thing:1")
    (world.folder / "list").write_text("# ours\n\nmax-a  MODELPROXY_LOG=json # chatty\nyou/thing:1 their-thing\n*  x\n")
    done = world.build("--models-from", "list")
    assert done.status == 1  # the star, which no shell made into file names
    assert "MODELPROXY_LOG=json" in done.docker("build")[0] + done.docker("build")[1]
    assert "me/their-thing:1" in done.pushed
    assert "not the name of an image: *" in done.row("*")


def test_a_missing_engine_is_said_so(world: World) -> None:
    world.docker.failures["version"] = ["Cannot connect to the Docker daemon"]
    done = world.build(MODELS="max-a")
    assert (done.status, done.stdout) == (2, "")
    assert "the docker engine doesn't answer" in done.stderr
    (world.folder / "bin" / "docker").unlink()
    tools = world.folder / "tools"
    tools.mkdir()
    for tool in ("dirname", "sed", "find", "sort", "sha256sum", "cut", "date", "git", "head", "tr", "xargs"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = world.build(MODELS="max-a", PATH=str(tools))
    assert "there is no docker command" in done.stderr


# Hostile and mistaken names

HOSTILE = [
    "a;touch${IFS}pwned",
    "$(touch\tpwned)",
    "`id`",
    "a\\nRUN",
    "-v",
    "--privileged",
    "codait/../../etc",
    "UPPER/Case",
    "a..b",
    "a/b:tag:tag",
    "a/b:",
    "a/b@sha256:short",
    "x/" + "a" * 300,
    "é",
    "a/b\x1b[2J",
    '"quoted"',
    "a=b",
    "*",
    "a" * 64 + "/",
    "deadbeef" * 8,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_outside_the_grammar_is_a_row_and_runs_nothing(world: World, name: str) -> None:
    (world.folder / "list").write_text(name.replace("\t", "") + "\nmax-a\n")
    world.publish("codait/max-a:latest")
    done = world.build(MODELS_FROM="list")
    assert done.status == 1
    assert "not the name of an image" in done.stdout
    assert done.row("me/max-a").endswith("built")
    assert "\x1b" not in done.stdout + done.stderr
    told = [word for call in done.calls for word in call if name[:20] in word]
    assert not told or name in ("-v", "--privileged", "*", "a=b")
    assert not list(world.folder.glob("pwned*"))
    assert not list(CHECKOUT.glob("pwned*"))


@pytest.mark.parametrize("name", ["-v", "--privileged", "$(id)", "a;b"])
def test_a_hostile_word_in_models(world: World, name: str) -> None:
    done = world.build(MODELS=name)
    assert done.status == 1
    assert f"not the name of an image: {name}" in done.stdout
    assert not [call for call in done.calls if call[1] != "version"]


def test_two_models_with_one_name(world: World) -> None:
    world.publish("a/m:latest", "b/m:latest")
    done = world.build(MODELS="a/m b/m")
    assert done.status == 1
    assert "a/m is made into me/m already" in done.stdout


def test_control_characters_of_a_program_reach_neither_terminal_nor_summary(world: World) -> None:
    world.publish("codait/max-a:latest")
    world.docker.failures["build"] = ['error: \x1b[31m"boom" \\ \x07\ttab']
    done = world.build("--summary", "s.json", MODELS="max-a")
    assert done.status == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.stdout + done.stderr)
    (image,) = json.loads((world.folder / "s.json").read_text())["images"]
    assert image["reason"] == 'docker build: error: ?[31m"boom" \\ ? tab'


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_summary_that_was_private_stays_so(world: World, mode: int) -> None:
    summary = world.folder / "s.json"
    summary.touch()
    summary.chmod(mode)
    world.publish("codait/max-a:latest")
    assert world.build("--summary", "s.json", MODELS="max-a").status == 0
    assert json.loads(summary.read_text())["failures"] == 0
    assert summary.stat().st_mode & 0o777 == mode


def test_a_summary_goes_through_nobody_s_link(world: World) -> None:
    """Who may write to the folder can tell the name of the file that is written first."""
    (world.folder / "mine").write_text("mine")
    (world.folder / "-s.json.part").symlink_to("mine")
    assert world.build("--summary=-s.json", MODELS="max-a").status == 1
    assert (world.folder / "mine").read_text() == "mine"
    assert json.loads((world.folder / "-s.json").read_text())["failures"] == 1


@pytest.mark.parametrize("target", ["kept/s.json", "absolute", "second.json"])
def test_a_summary_goes_through_one_s_own_link(world: World, target: str) -> None:
    """To a file, to where there is none yet, and by way of another link."""
    kept = world.folder / "kept" / "s.json"
    kept.parent.mkdir()
    if target != "absolute":
        kept.write_text("earlier")
        kept.chmod(0o640)
    (world.folder / "second.json").symlink_to("kept/s.json")
    (world.folder / "s.json").symlink_to(kept if target == "absolute" else target)
    assert world.build("--summary", "s.json", MODELS="max-a").status == 1
    assert (world.folder / "s.json").is_symlink()
    assert (world.folder / "second.json").is_symlink()
    assert json.loads(kept.read_text())["failures"] == 1
    assert target == "absolute" or kept.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in kept.parent.iterdir()] == ["s.json"]


def of_another(world: World, link: pathlib.Path) -> None:
    """Makes a link another user's, or have find say so where only root could."""
    if os.geteuid() == 0:
        os.chown(link, 12345, 12345, follow_symlinks=False)
        return
    shim = world.folder / "bin" / "find"
    shim.write_text(f'#!/bin/sh\ncase "$*" in *-user*) ;; *) exec {shutil.which("find")} "$@" ;; esac\n')
    shim.chmod(0o755)


@pytest.mark.parametrize("through_own", [False, True])
@pytest.mark.parametrize("make", [pathlib.Path.touch, os.mkfifo, os.mkdir])
def test_another_s_link_is_replaced_by_the_summary(world: World, through_own: bool, make: Any) -> None:
    victim = world.folder / "victim"
    make(victim)
    link = world.folder / "s.json"
    link.symlink_to("victim")
    of_another(world, link)
    given = "s.json"
    if through_own and os.geteuid() == 0:
        (world.folder / "mine.json").symlink_to("s.json")
        given = "mine.json"
    assert world.build("--summary", given, MODELS="max-a").status == 1
    assert not link.is_symlink()
    assert json.loads(link.read_text())["failures"] == 1
    assert victim.is_fifo() or (victim.stat().st_size == 0 if victim.is_file() else not list(victim.iterdir()))


# A link to a folder comes by each name just before the file is moved to it or gets it.
LATE_LINK = """#!/bin/sh
for last; do :; done
case $last in *.json) ln -sfn "{folder}" "$last" ;; esac
case " $* " in *" -T "* | *" -h "*) {option} ;; esac
exec {program} "$@"
"""
KINDS_OF_MV = {
    "GNU's": ":",
    "BSD's": 'case $2 in -T) exit 1 ;; esac; shift 2; exec {mv} -f -T "$@"',
    "neither": "exit 1",
}


@pytest.mark.parametrize("kind", KINDS_OF_MV)
def test_a_link_that_comes_late_leads_nothing_astray(world: World, kind: str) -> None:
    """The summary went into the folder behind it, over a file of one's own, and nothing was said; so did a bill."""
    world.publish("you/a:1")
    (world.folder / "mine").mkdir()
    for name in ("mv", "ln"):
        real = shutil.which(name)
        option = KINDS_OF_MV[kind].format(mv=real) if name == "mv" else ":"
        shim = world.folder / "bin" / name
        shim.write_text(LATE_LINK.format(folder=world.folder / "mine", option=option, program=real))
        shim.write_text(shim.read_text().replace("ln -sfn", f"{shutil.which('ln')} -sfn"))
        shim.chmod(0o755)
    done = world.build("you/a:1", "--summary", "s.json", "--sbom", "out")
    assert done.status == 0, done.stderr
    assert list((world.folder / "mine").iterdir()) == []
    assert not (world.folder / "s.json").is_symlink()
    assert json.loads((world.folder / "s.json").read_text())["failures"] == 0
    assert [path.name for path in (world.folder / "out").iterdir()] == ["me_a.cdx.json"]
    assert json.loads((world.folder / "out" / "me_a.cdx.json").read_text()) == json.loads(world.docker.sbom)
    assert not [path for path in world.folder.iterdir() if path.name.startswith(".modelwhisk")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
@pytest.mark.parametrize("kind", ["link", "link to a link", "folder"])
@pytest.mark.parametrize("option", [["--summary", "x/s.json"], ["--sbom", "x"], ["--sbom", "./y/../x/new"]])
def test_nothing_is_written_through_another_s_folder_or_link(world: World, kind: str, option: list[str]) -> None:
    """It went over one's own file of that name in the folder behind the link."""
    world.publish("you/a:1")
    mine, shared, way = world.folder / "mine", world.folder / "shared", world.folder / "x"
    for folder in (mine, shared, world.folder / "y"):
        folder.mkdir()
    shared.chmod(0o1777)
    if kind == "folder":
        (shared / "theirs").mkdir()
    else:
        (shared / "theirs").symlink_to(mine)
    os.chown(shared / "theirs", 12345, 12345, follow_symlinks=False)
    way.symlink_to("shared/theirs" if kind != "link to a link" else "shared/../shared/theirs")
    done = world.build("you/a:1", *option)
    assert (done.status, "another user has put there" in done.stderr) == (2, True)
    assert not done.docker("build")
    assert list(mine.iterdir()) == []
    # A colleague's, in a folder that not everybody may write to, and one's own.
    shared.chmod(0o775)
    if kind != "folder":
        assert world.build("you/a:1", *option).status == 0
        assert len(list(mine.iterdir())) == 1


@pytest.mark.parametrize("given", ["renamed", "as a second name"])
def test_one_s_own_link_is_not_followed_by_a_name_that_anybody_may_have_given_it(world: World, given: str) -> None:
    mine, shared = world.folder / "mine", world.folder / "shared"
    mine.mkdir()
    (mine / "s.json").write_text("mine")
    shared.mkdir()
    for name, target in (("data", mine / "s.json"), ("folder", mine)):
        (shared / name).symlink_to(target)
    shared.chmod(0o777 if given == "renamed" else 0o1777)
    for name, by_another in (("data", "s.json"), ("folder", "x")):
        if given == "renamed":
            (shared / name).rename(shared / by_another)
        else:
            os.link(shared / name, shared / by_another, follow_symlinks=False)
    assert world.build("--summary", "shared/s.json", MODELS="max-a").status == 1
    done = world.build("--summary", "shared/x/s.json", MODELS="max-a")
    assert (done.status, "another user has put there, or may have" in done.stderr) == (2, True)
    assert (mine / "s.json").read_text() == "mine"
    assert json.loads((shared / "s.json").read_text())["failures"] == 1
    shared.chmod(0o755)
    assert world.build("--summary", "shared/x/s.json", MODELS="max-a").status == 1
    assert json.loads((mine / "s.json").read_text())["failures"] == 1


# One file, at the Nth command after the look at the folder around one that isn't there: another's link has its name.
COMING_LINK = """
set -Eeuo pipefail -f; export LC_ALL=C
. {tools}/place.sh
count=0
come() {{
  [[ ${{here-}} != "$PWD/shared" ]] || : $((++count))
  ((count == 0 || count++ != $1)) || {{ ln -s ../mine shared/x && chown -h 12345 shared/x; }}
}}
set -T; trap "come $1" DEBUG
place shared/x/s.json <<<'theirs'
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
def test_nothing_is_written_through_a_link_that_comes_for_a_folder_on_the_way(tmp_path: pathlib.Path) -> None:
    """What wasn't there was taken for nobody's, and there when it was entered."""
    script = COMING_LINK.format(tools=CHECKOUT / "scripts" / "build")
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    shared.mkdir()
    shared.chmod(0o1777)
    mine.mkdir()
    came = 0
    for command in range(1, 16):
        (mine / "s.json").write_text("mine")
        subprocess.run(
            ["bash", "-c", script, "bash", str(command)], check=False, cwd=tmp_path.resolve(), capture_output=True
        )
        assert (mine / "s.json").read_text() == "mine", command
        if (shared / "x").is_symlink():
            came += 1
            (shared / "x").unlink()
    assert came > 2


@pytest.mark.parametrize("option", [["--summary", "s.json"], ["--sbom", "."]])
def test_a_folder_in_a_file_s_place_is_a_failure(world: World, option: list[str]) -> None:
    world.publish("you/a:1")
    for name in ("s.json", "me_a.cdx.json"):
        (world.folder / name).mkdir()
    done = world.build("you/a:1", *option)
    assert done.status != 0
    assert [list((world.folder / name).iterdir()) for name in ("s.json", "me_a.cdx.json")] == [[], []]


def test_links_that_lead_to_each_other_are_told(world: World) -> None:
    (world.folder / "s.json").symlink_to("t.json")
    (world.folder / "t.json").symlink_to("s.json")
    done = world.build("--summary", "s.json", MODELS="max-a")
    assert (done.status, "its links lead to each other" in done.stderr) == (2, True)


def test_a_summary_leaves_a_pipe_in_its_place(world: World) -> None:
    os.mkfifo(world.folder / "pipe")
    reader = os.open(world.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert world.build("--summary", "pipe", MODELS="max-a").status == 1
    assert json.loads(os.read(reader, 65536))["failures"] == 1
    os.close(reader)


def test_another_s_pipe_is_replaced_by_the_summary(world: World) -> None:
    """Nobody reads it, or somebody who shouldn't."""
    os.mkfifo(world.folder / "s.json")
    of_another(world, world.folder / "s.json")
    assert world.build("--summary", "s.json", MODELS="max-a").status == 1
    assert json.loads((world.folder / "s.json").read_text())["failures"] == 1


# One write_summary, at whose Nth command another's link to `mine` takes the place of what stands by the summary's name.
LATER_LINK = """
set -Eeuo pipefail -f; export LC_ALL=C
. {tools}/reference.sh; . {tools}/output.sh; . {tools}/place.sh
SOURCES=(a) TARGETS=(b) WORK=/nonexistent
is_own() {{ [[ ! -L $1 ]]; }}
at=$1 count=0
exchange() {{ ((++count != at)) || [[ -e before ]] || {{ mv s.json before && ln -s mine s.json; }}; }}
set -T; trap exchange DEBUG
write_summary s.json 0
"""


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_summary_goes_through_no_link_that_takes_a_folder_s_or_pipe_s_place(
    tmp_path: pathlib.Path, make: Any
) -> None:
    """It was opened by its name after the look, and emptied what is behind the link."""
    script = LATER_LINK.format(tools=CHECKOUT / "scripts" / "build")
    summary, mine = tmp_path / "s.json", tmp_path / "mine"
    came = 0
    for command in range(5, 18):
        make(summary)
        reader = os.open(summary, os.O_RDONLY | os.O_NONBLOCK)
        mine.write_text("mine")
        subprocess.run(["bash", "-c", script, "bash", str(command)], check=False, cwd=tmp_path, capture_output=True)
        os.close(reader)
        assert mine.read_text() == "mine", command
        came += (tmp_path / "before").exists()
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert came > 9


# Failures


def test_pull_and_push_are_tried_again_and_nothing_else_is(world: World) -> None:
    world.publish("codait/max-a:latest")
    world.docker.failures = {"pull": ["TLS handshake timeout"] * 2, "push": ["unexpected EOF"]}
    done = world.build(MODELS="max-a")
    assert done.status == 0, done.stderr
    assert len(done.docker("pull")) == 3
    assert len(done.docker("push")) == 4
    assert "failed: TLS handshake timeout; try 2 of 3 in 0 s" in done.stderr
    world.docker.failures = {"build": ["unexpected EOF"]}
    done = world.build(MODELS="max-a", FORCE="1")
    assert (done.status, len(done.docker("build"))) == (1, 1)


def test_retries_wait_longer_each_time(world: World) -> None:
    world.publish("codait/max-a:latest")
    world.docker.failures = {"pull": ["i/o timeout"] * 3}
    started = time.monotonic()
    done = world.build(MODELS="max-a", RETRIES="2", RETRY_DELAY="1")
    assert 1 + 4 <= time.monotonic() - started < 30
    assert (done.status, len(done.docker("pull"))) == (1, 3)
    assert "failed: pulling codait/max-a@" in done.row("me/max-a")


@pytest.mark.parametrize("message", ["denied: requested access to the resource is denied", "unauthorized: log in"])
def test_a_refusal_is_final(world: World, message: str) -> None:
    world.publish("codait/max-a:latest")
    world.docker.failures = {"push": [message]}
    done = world.build(MODELS="max-a")
    assert (done.status, len(done.docker("push"))) == (1, 1)
    assert f"failed: pushing me/max-a:0.1.0: {message}" in done.row("me/max-a")


def test_a_push_that_breaks_off_is_done_again_in_the_next_run(world: World) -> None:
    world.publish("codait/max-a:latest")
    world.docker.failures = {"push": ["", "", "denied: quota"]}
    assert world.build(MODELS="max-a").status == 1
    done = world.build(MODELS="max-a")
    assert done.row("me/max-a").endswith("built")


def test_the_exit_status_counts_the_failures_and_the_others_go_on(world: World) -> None:
    world.publish("codait/max-a:latest", "codait/max-c:latest")
    done = world.build("--summary", "s.json", MODELS="max-a max-b ../x max-c")
    assert done.status == 2
    assert [done.row(f"me/max-{x}").endswith("built") for x in "ac"] == [True, True]
    assert "no image for max-b: codait/max-b: no such manifest: codait/max-b; quay.io/codait/max-b: no" in done.stdout
    summary = json.loads((world.folder / "s.json").read_text())
    assert summary["failures"] == 2
    assert [image["status"] for image in summary["images"]] == ["built", "failed", "failed", "built"]
    built = summary["images"][0]
    assert (built["added_bytes"], built["init_ms"], built["memory_mb"]) == (123456, 1234, 300)
    assert built["tags"].split()[:2] == ["0.1.0", "latest"]
    assert built["digest"].startswith("sha256:")


def test_the_exit_status_is_capped(world: World) -> None:
    (world.folder / "list").write_text("".join(f"../{i}\n" for i in range(130)))
    assert world.build(MODELS_FROM="list", JOBS="8").status == 125


def test_fail_fast_starts_no_more(world: World) -> None:
    world.publish("codait/max-c:latest")
    done = world.build("--fail-fast", MODELS="max-b max-c", JOBS="1")
    assert done.status == 1
    assert "skipped: another image failed" in done.row("me/max-c")
    assert not done.docker("build")


def test_an_unreachable_registry_is_asked_once_and_the_engine_gets_a_try(world: World) -> None:
    world.docker.failures = {"manifest": ["dial tcp: i/o timeout", "dial tcp: i/o timeout"]}
    world.publish("codait/max-a:latest")
    done = world.build("--no-push", MODELS="max-a max-b", JOBS="1")
    assert [call[-1] for call in done.docker("manifest")] == ["codait/max-a", "quay.io/codait/max-a"]
    assert done.row("me/max-a").endswith("built")
    assert "no image for max-b" in done.row("me/max-b")


# The smoke test


def test_the_container_is_started_as_the_platform_does(world: World) -> None:
    world.publish("codait/max-ocr:latest")
    (run,) = world.build(MODELS="max-ocr").docker("run")
    text = " ".join(run)
    parts = ["--memory 2048m --memory-swap 2048m", "--network bridge", "--cap-drop NET_RAW --cap-drop NET_ADMIN"]
    for part in (*parts, "--log-opt max-size=200m --log-opt max-file=2"):
        assert part in text
    assert "--publish" not in run
    assert run[-1].startswith("me/max-ocr:untested-")
    (other,) = world.build("--memory", "700", MODELS="max-ocr", FORCE="1").docker("run")
    assert "--memory 700m" in " ".join(other)


def test_nobody_else_on_the_machine_has_the_container_s_token(world: World) -> None:
    """All reach docker's bridge: the first /init, or one before it, was anybody's."""
    world.publish("codait/max-a:latest", "codait/max-b:latest")
    done = world.build("max-a", "max-b")
    assert done.status == 0
    commands, tokens = zip(*world.docker.tokens, strict=True)
    assert commands == ("run", "run")
    assert len(set(tokens)) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", token) for token in tokens)
    for call in done.docker("run"):
        assert call[call.index("MODELPROXY_TOKEN") - 1] == "--env"
    assert not any(token in word for token in tokens for call in done.calls for word in call)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"findings": "fault /init answered 502: no tensorflow"}, "/init answered 502: no tensorflow"),
        ({"stdout": "loading\n"}, "stdout has 0 end markers"),
        ({"stderr": f"{MARKER}\n{MARKER}\n"}, "stderr has 2 end markers"),
        ({"stdout": f"no newline{MARKER}\n"}, "stdout has 0 end markers"),
        ({"stderr": f"{MARKER}\nlate\n"}, "stderr goes on after the end marker: late"),
        ({"stdout": f"Traceback (most recent call last):\n  x\nKeyError: 'a'\n{MARKER}\n"}, "ending in: KeyError: 'a'"),
        ({"exec_status": 137, "container": "false true 137"}, "killed for want of memory at 2048 MB"),
        ({"exec_status": 137, "container": "false false 3"}, "the container ended with exit status 3"),
        ({"exec_status": 1}, "the test client failed inside the container"),
    ],
)
def test_a_failing_smoke_test_is_a_row_and_nothing_is_pushed(world: World, changes, reason: str) -> None:
    world.publish("codait/max-a:latest")
    for name, value in changes.items():
        setattr(world.docker, name, value)
    done = world.build(MODELS="max-a")
    assert done.status == 1
    assert reason in done.row("me/max-a")
    assert not done.docker("push")
    assert not done.docker("tag")
    assert len(done.docker("rm")) == 1
    # Not taken for a good one the next time, with or without a registry.
    assert world.build(MODELS="max-a", NO_PUSH="1").status == 1


def test_the_advice_follows_from_what_was_measured(world: World) -> None:
    world.publish("codait/max-ocr:latest")
    world.docker.findings = "init_ms 61234\nrun_status 200\nmemory_mb 900"
    done = world.build(MODELS="max-ocr")
    assert "--docker me/max-ocr:0.1.0 --web raw -m 1408 -t 190000" in done.stdout
    assert "its authors recommend 2048 MB; more than 512 MB has to be allowed" in done.stdout
    world.docker.findings = "init_ms 200000\nrun_status 200\nmemory_mb 50"
    done = world.build(MODELS="max-ocr", FORCE="1")
    assert "-m 256 -t 300000" in done.stdout
    assert "its /init took 200 s of the 300 s that OpenWhisk grants" in done.stdout


def test_a_run_removes_no_container_but_its_own(world: World) -> None:
    """Jobs that share an engine are often the first process of their containers each: its number tells none apart."""
    world.publish("codait/max-a:latest")
    names = []
    for _ in range(2):
        process = world.start("max-a", "--force", USERNAME="me")
        done = world.finish(process)
        (test,) = done.docker("run", "--detach")
        label = test[test.index("--label") + 1]
        names += [label, test[test.index("--name") + 1]]
        assert [call[call.index("--filter") + 1] for call in done.docker("ps")] == [f"label={label}"]
        assert label != f"modelwhisk.smoke={process.pid}"
        assert {tuple(call[1:]) for call in done.docker("rm")} == {("--force", "--volumes", names[-1])}
    assert len(set(names)) == 4


# Without side effects


def test_a_dry_run_changes_nothing_and_prints_what_a_run_does(world: World) -> None:
    world.publish("codait/max-a:latest")
    arguments = ("--build-arg", 'MODELPROXY_PATH=/it\'s "$HOME" `id`', "--tag", "9")
    variables = {"MODELS": "max-a", "SOURCE_DATE_EPOCH": "0"}
    dry = world.build("--dry-run", *arguments, **variables)
    assert dry.status == 0
    assert {call[1] for call in dry.calls} == {"version", "manifest", "image"}
    # Pasted into a shell, it does the same.
    world.docker.calls = []
    subprocess.run(["bash", "-euc", dry.stdout], env=world.environment(), capture_output=True, check=True)
    pasted = world.docker.calls
    for images in (world.docker.local, world.docker.remote):
        for name in [name for name in images if name.startswith("me/")]:
            del images[name]
    world.docker.local.clear()
    real = world.build(*arguments, **variables).calls

    def changes(calls: list[list[str]]) -> list[list[str]]:
        number = re.compile(r"modelwhisk([-.])smoke([-=])\w+")
        asked = ("version", "manifest", "image", "history", "ps")
        return [[number.sub("N", word) for word in call] for call in calls if call[1] not in asked]

    assert changes(pasted) == changes(real)


def test_a_dry_run_says_what_it_cannot_find(world: World) -> None:
    done = world.build("--dry-run", MODELS="max-a")
    assert done.status == 1
    assert "no image for max-a" in done.stderr


def test_without_a_push_the_engine_is_the_registry(world: World) -> None:
    world.publish("codait/max-a:latest")
    first = world.build("--no-push", MODELS="max-a")
    assert first.row("me/max-a").endswith("built")
    assert "me/max-a:latest" in world.docker.local
    del world.docker.local["me/max-a:latest"]
    second = world.build("--no-push", MODELS="max-a")
    assert second.row("me/max-a").endswith("up to date")
    assert "me/max-a:latest" in world.docker.local
    assert not first.docker("push") + second.docker("push")


# Many at one time


def test_jobs_run_at_one_time_and_no_more_than_asked(world: World) -> None:
    names = [f"max-{i}" for i in range(5)]
    world.publish(*[f"codait/{name}:latest" for name in names])
    world.docker.delays = {"build": 0.5}
    done = world.build("--jobs", "3", *names)
    assert done.status == 0
    assert world.docker.most_builds == 3
    assert len(done.pushed) == 15


def test_a_registry_is_asked_for_more_images_than_are_built(world: World) -> None:
    names = [f"max-{i}" for i in range(8)]
    world.publish(*[f"codait/{name}:latest" for name in names])
    world.docker.delays = {"manifest": 0.5, "build": 0.1}
    assert world.build("--jobs", "1", *names).status == 0
    assert (world.docker.most_asked > 2, world.docker.most_builds) == (True, 1)
    done = world.build("--jobs", "1", *names)
    assert all(done.row(f"me/{name}").endswith("up to date") for name in names)


def test_each_line_has_its_images_prefix(world: World) -> None:
    names = ["max-short", "max-much-longer"]
    world.publish(*[f"codait/{name}:latest" for name in names])
    done = world.build("--jobs", "2", "--verbose", *names)
    assert done.stderr
    assert {line.split("|")[0] for line in done.stderr.splitlines()} == {"max-short       ", "max-much-longer "}
    assert "Successfully built" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_colours_are_for_terminals_that_want_them(world: World) -> None:
    world.publish("codait/max-a:latest")
    command = shlex.join([str(CHECKOUT / "build.sh"), "--no-push", "max-a"])
    for no_colour, coloured in (("", True), ("1", False)):
        world.docker.local = {}
        seen = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            env=world.environment(USERNAME="me", TERM="xterm", NO_COLOR=no_colour),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("\x1b[" in seen.stdout) is coloured


@pytest.mark.parametrize(
    ("number", "command"),
    [(signal.SIGINT, "exec"), (signal.SIGTERM, "exec"), (signal.SIGINT, "build"), (signal.SIGTERM, "manifest")],
)
def test_an_interrupted_run_leaves_nothing_behind(world: World, number: int, command: str) -> None:
    world.publish("codait/max-a:latest", "codait/max-b:latest")
    world.docker.delays = {command: 30}
    process = world.start("--jobs", "2", "max-a", "max-b", USERNAME="me")
    deadline = time.monotonic() + 30
    while world.docker.running.count(command) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, number)
    done = world.finish(process)
    assert done.status == 128 + number
    assert bool(done.docker("ps")) is (command == "exec")
    assert not list((world.folder / "tmp").iterdir())
    left = subprocess.run(["pgrep", "-f", str(world.folder)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


# Amazon

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def test_amazons_registry_is_logged_in_to_and_its_repository_made(world: World) -> None:
    world.publish("codait/max-a:latest", "codait/max-b:latest")
    world.docker.ecr = ["max-b"]
    done = world.build("--registry", ECR, MODELS="max-a max-b", USERNAME="")
    assert done.status == 0, done.stderr
    assert len(done.docker("login")) == 1
    assert done.docker("login")[0] == ["login", "--username", "AWS", "--password-stdin", ECR]
    assert world.docker.password.strip() == "the-password"
    assert "the-password" not in str(done.calls) + done.stdout + done.stderr
    assert sorted(world.docker.ecr) == ["max-a", "max-b"]
    assert f"{ECR}/max-a:latest" in done.pushed


def test_amazons_login_may_fail(world: World) -> None:
    world.docker.failures = {"aws": ["Unable to locate credentials"], "login": ["Error: Password Required"]}
    done = world.build("--registry", ECR, MODELS="max-a")
    assert done.status == 2
    assert f"login to {ECR} failed: Error: Password Required" in done.stderr
    world.publish("codait/max-a:latest")
    world.docker.failures = {"aws": ["", "not found", "AccessDeniedException: no"]}
    done = world.build("--registry", ECR, MODELS="max-a")
    assert "creating the repository: AccessDeniedException: no" in done.stdout


def test_other_registries_need_no_aws(world: World) -> None:
    world.publish("codait/max-a:latest")
    done = world.build("--registry", "ecr.eu-west-1.amazonaws.com.evil.example", MODELS="max-a")
    assert done.status == 0
    assert not [call for call in done.calls if call[0] == "aws"]


# The catalogue and the scripts themselves


def test_all_is_the_catalogue(world: World) -> None:
    names = world.build("--list").stdout.split()
    lines = [line.split("\t") for line in (CHECKOUT / "models" / "catalogue.tsv").read_text().splitlines()]
    rows = [row for row in lines if not row[0].startswith("#")]
    assert [row[0] for row in rows] == names == sorted(names)
    assert {len(row) for row in rows} == {4}
    assert all(row[3] == "-" or int(row[3]) >= 1024 for row in rows)
    world.publish(*[f"{row[1]}:latest" for row in rows if row[1] != "-"])
    done = world.build("--dry-run", "--no-test", MODELS="all")
    assert done.status == 0, done.stderr
    unpublished = [row[0] for row in rows if row[1] == "-"]
    assert done.stdout.count("docker build") == len(rows) - len(unpublished)
    for name in unpublished:
        assert f"{name} has no published image" in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck isn't installed")
def test_shellcheck() -> None:
    subprocess.run(["shellcheck", "-x", *TOOLS], cwd=CHECKOUT, check=True)


@pytest.mark.skipif(shutil.which("shfmt") is None, reason="shfmt isn't installed")
def test_shfmt() -> None:
    subprocess.run(["shfmt", "-i", "2", "-ci", "-s", "-d", *TOOLS], check=True)


def test_no_bash_newer_than_macos_has_is_needed() -> None:
    text = "\n".join(path.read_text() for path in TOOLS)
    newer = r"declare -[Ang]|local -[An]\b|\bmapfile\b|\breadarray\b|wait -n|&>>|\|&|\$\{[A-Za-z_]+(,,|\^\^|@)"
    assert not re.search(newer, text)
    assert not re.search(r"\beval\b", text)


def test_the_settings_of_the_dockerfile_are_the_proxys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CHECKOUT / "runtime"))
    from modelproxy.settings import TABLE

    text = (CHECKOUT / "Dockerfile").read_text()
    names = [entry.variable for entry in TABLE]
    base = ["MODELPROXY_BASE_ENTRYPOINT", "MODELPROXY_BASE_CMD"]
    assert re.findall(r"^ARG (MODELPROXY_\w+)$", text, re.M) == names + [n for n in base if n not in names]
    assert re.findall(r"(MODELPROXY_\w+)=\$\{\1\}", text) == names + [n for n in base if n not in names]


def test_bash_is_all_the_scripts_name() -> None:
    assert pathlib.Path(CHECKOUT / "build.sh").read_text().startswith("#!/usr/bin/env bash\n")
    text = "\n".join(path.read_text() for path in TOOLS)
    assert not re.search(r"\b(jq|curl|perl)\b", text)
