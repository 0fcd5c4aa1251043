"""What runs inside the build of a folder's image: the zip's unpacking, links, requirements, hints, pip's reasons."""

from __future__ import annotations

import io
import pathlib
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from world import CHECKOUT

Write = Callable[[dict[str, str]], pathlib.Path]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ModuleType, ModuleType]]:
    """The modules prepare, unpack and packages."""
    monkeypatch.syspath_prepend(str(CHECKOUT / "scripts" / "build"))
    import packages
    import prepare
    import unpack

    monkeypatch.setattr(prepare, "HERE", str(CHECKOUT / "scripts" / "build"))
    yield prepare, unpack, packages
    for name in ("prepare", "unpack", "packages"):
        del sys.modules[name]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    def make(files: dict[str, str]) -> pathlib.Path:
        folder = tmp_path / "model"
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    return make


def zip_of(*entries: tuple[str | zipfile.ZipInfo, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries:
            archive.writestr(name, text)
    return packed.getvalue()


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def unpacked(scripts, folder: pathlib.Path, content: bytes) -> dict[str, str]:
    folder.mkdir()
    (folder / ".modelwhisk.zip").write_bytes(content)
    scripts[0].unpack_zip(str(folder))
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_one_top_folder_is_stepped_into(scripts, tmp_path: pathlib.Path) -> None:
    content = zip_of(
        ("deployment_package/", ""),
        ("deployment_package/deployment.py", "d"),
        ("deployment_package/libraries/a/__init__.py", ""),
        ("__MACOSX/._deployment.py", "x"),
        ("deployment_package/.DS_Store", "x"),
    )
    assert unpacked(scripts, tmp_path / "m", content) == {"deployment.py": "d", "libraries/a/__init__.py": ""}


def test_more_than_one_thing_at_the_top_stays_as_it_is(scripts, tmp_path: pathlib.Path) -> None:
    content = zip_of(("deployment_package/deployment.py", "d"), ("README.md", "r"))
    assert unpacked(scripts, tmp_path / "m", content) == {"deployment_package/deployment.py": "d", "README.md": "r"}
    assert unpacked(scripts, tmp_path / "n", zip_of(("main.py", "m"))) == {"main.py": "m"}


def test_what_stays_out_of_folders_stays_out_of_zips(scripts, tmp_path: pathlib.Path) -> None:
    names = (".git/HEAD", "a/__pycache__/x.pyc", ".env", "b/key.pem", "e/pyvenv.cfg", "e/lib/x.py", "main.py")
    kept = ("virtualenv/pyvenv.cfg", "virtualenv/bin/activate_this.py")
    content = zip_of(*[(name, "x") for name in (*names, "c/ID_RSA", "Secrets.JSON", "prod.env", "token.pickle", *kept)])
    assert set(unpacked(scripts, tmp_path / "m", content)) == {"main.py", *kept}


def test_modes_and_backslashes(scripts, tmp_path: pathlib.Path) -> None:
    content = zip_of(
        (entry("start.sh", stat.S_IFREG | 0o4755), "#!"),
        (entry("app.py", stat.S_IFREG | 0o600), "x"),
        ("lib\\a.py", "a"),
    )
    assert set(unpacked(scripts, tmp_path / "m", content)) == {"start.sh", "app.py", "lib/a.py"}
    assert [(tmp_path / "m" / name).stat().st_mode & 0o7777 for name in ("start.sh", "app.py")] == [0o755, 0o644]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zip_of(("../evil.py", "x")), "'../evil.py' would lie outside"),
        (zip_of(("a/../../evil.py", "x")), "would lie outside"),
        (zip_of(("/etc/cron.d/evil", "x")), "would lie outside"),
        (zip_of(("..\\evil.py", "x")), "would lie outside"),
        (zip_of(("C:\\evil.py", "x")), "would lie outside"),
        (zip_of((entry("link", stat.S_IFLNK | 0o777), "/etc/passwd")), "'link' is a link"),
        (zip_of((entry("pipe", stat.S_IFIFO | 0o777), "")), "neither a file nor a folder"),
        (zip_of(("a", "x"), ("a/b", "y")), "can't be unpacked"),
        (zip_of(("a" * 300, "x")), "can't be unpacked"),
        (b"no zip at all", "can't be unpacked: File is not a zip file"),
        (zip_of(("main.py", "x" * 1000)).replace(b"main.py", b"mein.py", 1), "can't be unpacked"),
    ],
)
def test_a_zip_that_could_do_harm_is_refused(scripts, tmp_path: pathlib.Path, content: bytes, reason: str) -> None:
    with pytest.raises(SystemExit, match=r"^modelproxy: the zip is refused: ") as refusal:
        unpacked(scripts, tmp_path / "m", content)
    assert reason in str(refusal.value)
    assert not (tmp_path / "evil.py").exists()


def test_bombs_and_absurd_counts_are_refused(scripts, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts[1], "MOST_ENTRIES", 3)
    with pytest.raises(SystemExit, match="it has 4 entries; 3 are allowed"):
        unpacked(scripts, tmp_path / "a", zip_of(*[(f"{i}", "") for i in range(4)]))
    monkeypatch.setattr(scripts[1], "HARMLESS_BYTES", 1000)
    with pytest.raises(SystemExit, match="would become 1000000, which no model's zip does"):
        unpacked(scripts, tmp_path / "b", zip_of(("zeros", "0" * 1_000_000)))
    monkeypatch.setattr(scripts[1], "MOST_BYTES", 10**6)
    with pytest.raises(SystemExit, match="unpacked it would be 2 MB; 1 are allowed"):
        unpacked(scripts, tmp_path / "c", zip_of(("zeros", "0" * 2_000_000)))


def test_a_path_of_absurdly_many_levels_is_refused(scripts, tmp_path: pathlib.Path) -> None:
    """A set of all folders above one entry took 4 GB for a zip of 128 kB, and deep folders ended in a traceback."""
    with pytest.raises(SystemExit, match=r"its entry '(a/){50}'\.\.\. lies 32000 folders deep$"):
        unpacked(scripts, tmp_path / "a", zip_of(("a/" * 32000 + "a", "x")))
    deep = "a/" * 98 + "b"
    content = zip_of((f"v/{deep}", "x"), ("e/pyvenv.cfg", ""), (f"e/{deep}", "x"))
    assert unpacked(scripts, tmp_path / "b", content) == {deep: "x"}


def test_an_encrypted_or_doubled_entry_is_refused(scripts, tmp_path: pathlib.Path) -> None:
    content = bytearray(zip_of(("main.py", "x")))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(SystemExit, match=r"'main.py' is encrypted"):
        unpacked(scripts, tmp_path / "a", bytes(content))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zip_of(("main.py", "x"), ("main.py", "y"))
    with pytest.raises(SystemExit, match=r"it has 'main.py' twice"):
        unpacked(scripts, tmp_path / "b", twice)


# Links


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "sub/../../outside", "nowhere", "."])
def test_links_stay_inside(scripts, write: Write, target: str) -> None:
    folder = write({"app.py": "x", "sub/data": "y", "../outside": "z"})
    (folder / "good").symlink_to("sub/data")
    (folder / "sub" / "up").symlink_to("../app.py")
    (folder / "folder").symlink_to("sub")
    scripts[0].check_links(str(folder))
    (folder / "sub" / "bad").symlink_to(target)
    if target == ".":
        scripts[0].check_links(str(folder))
        return
    with pytest.raises(SystemExit, match=f"the link sub/bad leads to {target}, which is not part"):
        scripts[0].check_links(str(folder))


# Requirements


@pytest.mark.parametrize(
    ("files", "copied"),
    [
        ({"app.py": "x"}, set()),
        ({"requirements.txt": "flask\n", "app.py": "x"}, {"requirements.txt"}),
        ({"deployment_package/requirements.txt": "flask\n"}, {"deployment_package/requirements.txt"}),
        (
            {
                "requirements.txt": "-r more/base.txt\n-cpins.txt # why\n",
                "more/base.txt": "-r ../pins.txt",
                "pins.txt": "",
            },
            {"requirements.txt", "more/base.txt", "pins.txt"},
        ),
        (
            {"requirements.txt": "--requirement=a.txt\nflask \\\n --hash=sha256:00\n-r missing.txt\n", "a.txt": ""},
            {"requirements.txt", "a.txt"},
        ),
        (
            {
                "requirements.txt": "torch @ https://x.example/torch.whl\n-f https://x.example/wheels\n-e git+https://x/y\n"
                "--extra-index-url https://x.example\n--pre\nfile-magic\n"
            },
            {"requirements.txt"},
        ),
        # A loop of files is pip's to refuse.
        ({"requirements.txt": "-r requirements.txt\n"}, {"requirements.txt"}),
    ],
)
def test_pip_sees_its_own_files_alone(scripts, write: Write, files: dict[str, str], copied: set[str]) -> None:
    folder = write({"predictor.py": "", **files})
    out = folder.parent / "out"
    scripts[0].copy_requirements(str(folder), str(out))
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == copied


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "./lib",
        "-r more.txt",
        "wheels/a-1-py3-none-any.whl",
        "--find-links wheels",
        "a @ file:///model/a.whl",
        ".",
    ],
)
def test_requirements_that_name_the_folder_see_all_of_it(
    scripts, write: Write, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write({"requirements.txt": f"flask\n{line}\n", "more.txt": "--editable=lib", "lib/setup.py": ""})
    scripts[0].copy_requirements(str(folder), str(folder.parent / "out"))
    assert (folder.parent / "out" / "lib" / "setup.py").exists()
    told = capsys.readouterr().out
    assert "names files of the folder" in told
    assert "can read pip's settings, a password in PIP_INDEX_URL too" in told


def test_requirements_outside_are_refused(scripts, write: Write) -> None:
    folder = write({"requirements.txt": "-r ../base.txt", "../base.txt": "flask"})
    with pytest.raises(SystemExit, match=r"the requirements name ../base.txt, which lies outside the folder"):
        scripts[0].copy_requirements(str(folder), str(folder.parent / "out"))


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"environment.yml": "", "app.py": ""}, "environment.yml is not read"),
        ({"pyproject.toml": "", "requirements.txt": ""}, ""),
        ({"Dockerfile": "", "app.py": ""}, "its Dockerfile is not read"),
        ({"app.py": ""}, ""),
    ],
)
def test_hints(scripts, write: Write, capsys: pytest.CaptureFixture[str], files: dict[str, str], hint: str) -> None:
    scripts[0].hint(str(write(files)))
    said = capsys.readouterr().out
    assert hint in said
    assert bool(hint) is bool(said)


def test_pips_own_sentence_is_the_reason(scripts) -> None:
    reason = scripts[2].reason
    version = "{}.{}".format(*sys.version_info)
    nothing = "ERROR: No matching distribution found for nosuch==1"
    assert reason(["Looking", nothing]) == f"{nothing} (for Python {version}; --base gives another)"
    compiler = ["error: command 'gcc' failed: No such file or directory", "ERROR: Failed building wheel for x", ""]
    assert reason(compiler) == f"{compiler[1]} (a base image with a compiler may help: --base python:3.13)"
    assert reason([]) == "?"


def test_the_environment_is_made_by_no_module_of_the_folder(
    scripts, write: Write, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shadows = dict.fromkeys(("logging.py", "venv.py", "types.py", "pip.py"), "raise SystemExit('the folder s own ran')")
    monkeypatch.chdir(write({"requirements.txt": "# none", **shadows}))
    scripts[2].main(".", str(tmp_path / "packages"))
    assert (tmp_path / "packages" / "bin" / "python").exists()
    assert "the folder" not in capfd.readouterr().out
