"""`build.sh --sbom`: what is in an image, said by the image's own Python and held to CycloneDX's own schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bed import CHECKOUT, run
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from world import World, digest, run_build

sys.path.insert(0, str(CHECKOUT / "scripts" / "build"))

import sbom

FACTS = {
    "image": "me/a",
    "version": "1",
    "digest": "sha256:" + "1" * 64,
    "created": "2026-01-02T03:04:05Z",
    "base_name": "docker.io/library/python:3.13",
    "base_digest": "sha256:" + "2" * 64,
    "adapter_version": "0.1.0",
    "adapter_digest": "sha256:" + "3" * 64,
}


def checked(text: str) -> dict[str, Any]:
    """A document that the schema lets pass."""
    problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert problem is None, problem
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def urls(document: dict[str, Any]) -> list[str]:
    return [part["purl"] for part in document["components"] if "purl" in part]


def test_this_python_s_packages() -> None:
    document = checked(json.dumps(sbom.document(FACTS, list(sbom.components(sys.path)))))
    assert any(url.startswith("pkg:pypi/pytest@") for url in urls(document))
    names = {part["name"]: part for part in document["components"]}
    assert names["modelproxy"]["hashes"] == [{"alg": "SHA-256", "content": "3" * 64}]
    assert names["docker.io/library/python:3.13"]["version"] == FACTS["base_digest"]


def test_metadata_files_say_the_same_as_importlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of Python 3.6 and 3.7."""
    folders = [folder for folder in sys.path if folder.endswith("site-packages")]
    known = sbom.python_packages(folders)
    monkeypatch.setattr(sbom, "_metadata", sbom._metadata_files)
    assert sbom.python_packages(folders) == known
    assert len(known) > 20


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    for folder, version in (("first", "2"), ("second", "1")):
        metadata = tmp_path / folder / "A_b.C-1.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Name: A_b.C\nVersion: {version}\nLicense: MIT\n and more\n")
    assert sbom.python_packages([str(tmp_path / "first"), str(tmp_path / "second")]) == [("A_b.C", "2", "MIT")]


def test_debian_s_status_and_distroless_files(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u4\n"
        "Description: a\n .\n Package: not-one\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\nPackage: half\n"
    )
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "tzdata").write_text("Package: tzdata\nVersion: 1:2\n")
    (tmp_path / "d" / "tzdata.md5sums").write_text("Package: no\nVersion: 1\n")
    assert sbom.debian_packages(str(status), str(tmp_path / "d")) == [
        ("libc6", "2.36-9+deb12u4", "amd64"),
        ("tzdata", "1:2", ""),
    ]
    assert sbom.debian_packages(str(tmp_path / "none"), str(tmp_path / "none")) == []


def test_one_file_for_each_image_beside_the_summary(world: World) -> None:
    world.publish("you/a:1", "you/b:1")
    done = world.build("you/a:1", "you/b:1", "--sbom", "-out", "--summary", "s.json")
    assert done.status == 0, done.stderr
    assert sorted(path.name for path in (world.folder / "-out").iterdir()) == ["me_a.cdx.json", "me_b.cdx.json"]
    told = json.loads((world.folder / "s.json").read_text())
    assert [image["sbom"] for image in told["images"]] == ["./-out/me_a.cdx.json", "./-out/me_b.cdx.json"]
    (call, _) = done.docker("run", "--rm")
    assert call[call.index("--network") + 1] == "none"
    assert {word.partition("=")[0] for word in call[call.index("sh") + 1 :]} == set(FACTS)
    # What the registry has already gets one, too.
    (world.folder / "-out" / "me_a.cdx.json").unlink()
    again = world.build("you/a:1", "--sbom", "-out")
    assert again.row("me/a").endswith("up to date")
    assert not again.docker("build")
    assert (world.folder / "-out" / "me_a.cdx.json").exists()


def test_no_two_images_get_one_file(world: World) -> None:
    """The second replaced the first, whose row named it all the same."""
    names = ["a/b", "a_b", "a__b", "a/b_c", "a_b/c", "a_b_c", "a/b__c"]
    world.publish("you/a:1")
    (world.folder / "list").write_text("".join(f"you/a:1 {name}\n" for name in names))
    done = world.build("--models-from", "list", "--sbom", "out", "--summary", "s.json", "--registry", "127.0.0.1:9")
    assert done.status == 0, done.stderr
    told = json.loads((world.folder / "s.json").read_text())["images"]
    assert len({image["sbom"] for image in told}) == len(names)
    assert {image["sbom"] for image in told} == {f"./out/{path.name}" for path in (world.folder / "out").iterdir()}
    assert told[0]["sbom"] == "./out/127.0.0.1+9_me_a_b.cdx.json"


def test_a_bill_goes_through_nobody_s_link(world: World) -> None:
    """Who may write to the folder can tell beforehand what it will be called."""
    world.publish("you/a:1", "you/b:1")
    (world.folder / "mine").write_text("mine")
    out, folder = world.folder / "out", world.folder / "folder"
    out.mkdir()
    folder.mkdir()
    (out / "me_a.cdx.json").symlink_to("../mine")
    (out / "me_b.cdx.json").symlink_to("../folder")
    assert world.build("you/a:1", "you/b:1", "--sbom", "out").status == 0
    assert (world.folder / "mine").read_text() == "mine"
    assert not list(folder.iterdir())
    for name in ("me_a.cdx.json", "me_b.cdx.json"):
        assert not (out / name).is_symlink()
        assert json.loads((out / name).read_text()) == json.loads(world.docker.sbom)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Traceback",
        "$(touch pwned)",
        '{"bomFormat": "\x1b]0;steered\x07"}',
        '{"bomFormat": "\x7f"}',
        '{"bomFormat": "\u009b2J"}',
        '{"bomFormat": "Cycl',
    ],
)
def test_an_image_that_writes_none_is_a_row(world: World, said: str) -> None:
    world.publish("you/a:1")
    world.docker.sbom = said
    done = world.build("you/a:1", "--sbom", "out")
    assert "bill of materials" in done.row("me/a")
    assert done.status == 1
    assert not done.pushed
    assert not list((world.folder / "out").iterdir())
    assert not (world.folder / "pwned").exists()


def test_a_dry_run_shows_the_command(world: World) -> None:
    world.publish("you/a:1")
    done = world.build("you/a:1", "--sbom", "out", "--dry-run")
    assert f"base_digest={digest('you/a:1')}" in done.stdout
    assert ">./out/me_a.cdx.json" in done.stdout
    assert not (world.folder / "out").exists()


@pytest.mark.docker
def test_a_real_image_and_nothing_is_added_to_it(base_image: Callable[[str], str], tmp_path: Path) -> None:
    image = base_image("python:3.6")
    arguments = ["--local", "--no-push", "--no-test", "--username", "mw-sbom", "--sbom", str(tmp_path), image]
    done = run_build(*arguments, SUMMARY=str(tmp_path / "s.json"))
    assert done.status == 0, done.stderr
    (told,) = json.loads((tmp_path / "s.json").read_text())["images"]
    document = checked(Path(told["sbom"]).read_text())
    listing = run(
        "docker", "run", "--rm", "--entrypoint", "sh", image, "-c", "dpkg-query -W -f '${Package} ${Version}\\n'"
    )
    known = {(part["name"], part["version"]) for part in document["components"] if "pkg:deb/" in part.get("purl", "")}
    assert known == {tuple(line.split()) for line in listing.splitlines()}
    assert any("pkg:pypi/numpy@" in url for url in urls(document))
    assert any(url.startswith("pkg:generic/python@3.") for url in urls(document))
    container = run("docker", "create", told["image"]).strip()
    try:
        assert run("docker", "diff", container) == ""
    finally:
        run("docker", "rm", container)
