"""Folders and zips in build.sh, against a fake docker: what is a path, names, what goes into the context, options."""

from __future__ import annotations

import io
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable

import pytest
from fake_docker import FakeDocker
from world import CHECKOUT, Done, World

BASE = "docker.io/library/python:3.13-slim"
Make = Callable[..., pathlib.Path]


@pytest.fixture
def make(world: World) -> Make:
    """`make("folder", {"app.py": "…"})`: a folder below the one that build.sh runs in."""
    world.publish("python:3.13-slim")

    def write(name: str, files: dict[str, str] | None = None) -> pathlib.Path:
        folder = world.folder / name
        folder.mkdir(parents=True)
        for path, text in (files or {"predictor.py": "class Predictor: pass\n"}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder

    return write


@pytest.fixture
def contexts(world: World, monkeypatch: pytest.MonkeyPatch) -> list[pathlib.Path]:
    """A copy of the context of each build, which build.sh removes."""
    copies: list[pathlib.Path] = []
    build = world.docker.build

    def keep(args: list[str]) -> str:
        copies.append(world.folder / f"context-{len(copies)}")
        shutil.copytree(args[-1], copies[-1], symlinks=True)
        return build(args)

    monkeypatch.setattr(world.docker, "build", keep)
    return copies


def source_of(context: pathlib.Path) -> set[str]:
    return {str(path.relative_to(context / "source")) for path in (context / "source").rglob("*") if not path.is_dir()}


def labels_in(context: pathlib.Path) -> dict[str, str]:
    (line,) = [line for line in (context / "Dockerfile").read_text().splitlines() if line.startswith("LABEL ")][-1:]
    return dict(re.findall(r'(\S+?)="(.*?)"(?: |$)', line))


def tag_of(done: Done) -> str:
    return done.pushed[-1].rpartition(":")[2]


# What a path is, and what it is called


def test_a_folder_becomes_an_image_on_the_default_base(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    make("my-folder", {"predictor.py": "x", "requirements.txt": "flask\n", "lib/util.py": "y"})
    done = world.build("./my-folder")
    assert done.status == 0, done.stderr
    (build,) = done.docker("build")
    assert [word for word in build if word.startswith("MODEL_IMAGE=python@sha256:")]
    assert [image.rpartition(":")[0] for image in done.pushed] == ["me/my-folder"] * 3
    (context,) = contexts
    assert source_of(context) == {"predictor.py", "requirements.txt", "lib/util.py"}
    labels = labels_in(context)
    assert labels["org.opencontainers.image.base.name"] == BASE
    assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")
    assert labels["org.opencontainers.image.title"] == "my-folder"
    assert labels["modelwhisk.model.digest"].startswith("sha256:")
    # A folder changes under its version tag, which a platform pulls only once.
    assert f"wsk action create my-folder --docker me/my-folder:{tag_of(done)} --web raw" in done.stdout
    assert not list((world.folder / "tmp").iterdir())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("My Model", "my-model"),
        ('it\'s "quoted" $(touch pwned) `id`', "it-s-quoted-touch-pwned-id"),
        ("line\nbreak", "line-break"),
        ("-rf", "rf"),
        ("a__b..c", "a-b-c"),
        ("*", ""),
        ("é", ""),
    ],
)
def test_the_last_word_is_the_name(
    world: World, make: Make, contexts: list[pathlib.Path], path: str, name: str
) -> None:
    make(f"deep/{path}")
    for word in (f"./deep/{path}", f"{world.folder}/deep/{path}///"):
        done = world.build(word)
        assert done.status == (0 if name else 1), done.stderr
        if name:
            assert done.row(f"me/{name}")
            assert source_of(contexts[0]) == {"predictor.py"}
        else:
            assert "its name can't be an image's" in done.stdout
    assert not list(world.folder.rglob("pwned"))


def test_dots_tildes_and_zips_are_paths(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    home = make("home/Model A").parent
    shutil.make_archive(str(world.folder / "b"), "zip", home)
    done = world.build("~/Model A", "b.zip", "./b.zip", HOME=str(home))
    assert done.status == 1  # b.zip twice
    assert "b.zip is made into me/b already" in done.stdout
    assert done.row("me/model-a").endswith("built")
    assert sorted(map(len, map(source_of, contexts))) == [1, 1]
    assert {".modelwhisk.zip"} in map(source_of, contexts)
    process = subprocess.run(
        [CHECKOUT / "build.sh", "."],
        cwd=home / "Model A",
        env=world.environment(USERNAME="me"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "me/model-a " in process.stdout


def test_models_are_words_and_a_list_gives_names(world: World, make: Make) -> None:
    make("a")
    make("b c")
    world.publish("codait/max-a:latest")
    (world.folder / "list").write_text("./a thing MODELPROXY_LOG=json\n./nowhere\n")
    done = world.build(MODELS="./a max-a ./b", MODELS_FROM="list")
    assert done.row("me/a").endswith("built")
    assert done.row("me/max-a").endswith("built")
    assert done.row("me/b").endswith("failed: there is no folder or zip ./b")
    assert done.row("me/thing").endswith("built")
    assert done.status == 2
    named = [call for call in done.docker("build") if "MODELPROXY_LOG=json" in call]
    assert len(named) == 1


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("./missing", "there is no folder or zip ./missing"),
        ("./missing.zip", "there is no folder or zip ./missing.zip"),
        ("./file.py", "neither a folder nor a .zip: ./file.py"),
        ("./empty", "there is nothing in the folder that could go into an image"),
        ("./only-secrets", "there is nothing in the folder that could go into an image"),
        ("./newline", "a file's name has a line break: ./a b.py"),
    ],
)
def test_what_cannot_be_a_model(world: World, make: Make, word: str, reason: str) -> None:
    make("here")
    (world.folder / "file.py").write_text("")
    (world.folder / "empty").mkdir()
    make("only-secrets", {".env": "", ".git/HEAD": ""})
    make("newline", {"a\nb.py": ""})
    done = world.build(word)
    assert done.status == 1
    assert f"failed: {reason}" in done.stdout
    assert not done.docker("build")


def test_a_folder_without_its_dot_slash_is_told(world: World, make: Make) -> None:
    make("thing")
    assert "for the folder thing write ./thing" in world.build("thing").stdout


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_what_cannot_be_read_is_named() -> None:
    # pytest's own folders are nobody else's.
    with tempfile.TemporaryDirectory() as text:
        world = World(pathlib.Path(text), FakeDocker())
        world.folder.chmod(0o755)
        for name in ("bin", "tmp", "locked", "shut", "shut/inner"):
            (world.folder / name).mkdir()
        (world.folder / "tmp").chmod(0o777)
        for name in ("locked/app.py", "locked/weights.bin"):
            (world.folder / name).write_text("x")
        (world.folder / "locked/weights.bin").chmod(0)
        (world.folder / "shut/inner").chmod(0)
        world.publish("python:3.13-slim")
        with world.docker.on_path(world.folder / "bin"):
            done = subprocess.run(
                [CHECKOUT / "build.sh", "./locked", "./shut", "./shut/inner"],
                cwd=world.folder,
                env=world.environment(USERNAME="me", HOME="/"),
                capture_output=True,
                text=True,
                user=65534,
                check=False,
            )
    assert done.returncode == 3, done.stderr
    assert re.search("the folder can't be read: .*weights.bin.*Permission denied", done.stdout)
    assert re.search("the folder can't be read: .*inner.*Permission denied", done.stdout)
    assert "failed: the folder can't be read: ./shut/inner" in done.stdout


# What goes into the context


def test_secrets_history_and_caches_stay_out(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    out = {
        *(".git/config", "sub/.git", "__pycache__/x.cpython-311.pyc", "sub/__pycache__/y.pyc", "old.pyc"),
        *(
            ".venv/bin/python",
            "envs/a/pyvenv.cfg",
            "envs/a/lib/x.py",
            "node_modules/a/index.js",
            ".DS_Store",
            "._app.py",
        ),
        *(".env", "sub/.env.local", "tls/server.pem", "id_rsa", ".ssh/id_ed25519.pub", ".aws/credentials", ".netrc"),
        *(".pgpass", "sub/kaggle.json", "service-account-1.json", "infra/x.tfstate", ".streamlit/secrets.toml"),
        *(".ipynb_checkpoints/n-checkpoint.ipynb", ".dockerignore"),
        *("pip.conf", ".pip.conf", "pip.ini", "poetry.toml", ".condarc", ".dockercfg", ".databrickscfg", ".my.cnf"),
        *(".terraformrc", "terraform.tfvars", "a.tfstate.backup", "application_default_credentials.json"),
        *("client_secret_1.json", "secrets.json", "secrets.yaml", "sub/secrets.yml", "putty.ppk"),
        *(".bash_history", ".python_history"),
        *("prod.env", "sub/secrets.env", ".secret", ".secrets.toml", "secret.json", "secrets.ini"),
        *("credentials.yaml", ".cargo/credentials.toml", "credentials.db", "credentials.csv", "access_tokens.db"),
        *("service_account.json", "serviceAccountKey.json", "my-app-firebase-adminsdk-ab12.json"),
        *("secrets.properties", "auth.json", "token.json", "token.pickle"),
        *(".dvc/config.local", "rclone.conf", "kubeconfig", "prod.kubeconfig", "kubeconfig.yaml"),
        *(".vault_pass", ".vault-password.txt"),
        *(".env-prod", ".env_local", ".credentials.json", ".kaggle.json", ".comet.config", "clearml.conf", ".cdsapirc"),
        *(".mylogin.cnf", "pgpass.conf", "AuthKey_1.p8", "debug.keystore", ".passwd-s3fs", ".smbcredentials"),
        *(
            ".yarnrc.yml",
            "uv.toml",
            ".pg_service.conf",
            "ngrok.yml",
            ".modal.toml",
            ".sentryclirc",
            ".oci/x",
            ".bluemix/x",
        ),
        *("office.ovpn", "ssh_host_rsa_key", ".viminfo", ".lesshst"),
        *("caps/.ENV", "caps/ID_RSA", "caps/server.PEM", "caps/Secrets.Json", "caps/.AWS/x", "caps/__macosx/x"),
    }
    kept = {
        "app.py",
        "sub/model.onnx",
        ".hidden",
        "virtualenv/pyvenv.cfg",
        "virtualenv/bin/activate_this.py",
        "env/x.py",
        "caps/App.py",
        *("secrets.py", "credentials/__init__.py", "credentials.py", "kubeconfig.py", ".dvc/config", "auth.py"),
        *("tokenizer.json", "tokens.txt", "token.txt", "config.json", "env.py", "secrets/app.py", "vault_pass.py"),
    }
    make("m", dict.fromkeys(out | kept, "x") | {".dockerignore": ""})
    done = world.build("./m")
    assert source_of(contexts[0]) == kept
    assert "left out: " in done.stderr
    assert " .aws " in done.stderr  # the first twelve are named


@pytest.mark.parametrize(
    ("rules", "out"),
    [
        ("*.dat", {"a.dat"}),
        ("**/*.dat", {"a.dat", "data/b.dat", "data/deep/c.dat"}),
        ("data", {"data/b.dat", "data/deep/c.dat", "data/keep.txt"}),
        ("/data/\n!data/keep.txt", {"data/b.dat", "data/deep/c.dat"}),
        ("data/*/c.dat", {"data/deep/c.dat"}),
        ("# *\n\n  ?.dat  \r\n", {"a.dat"}),
        ("[a-b].dat", {"a.dat"}),
        ("**", {"a.dat", "data/b.dat", "data/deep/c.dat", "data/keep.txt", "app.py", "x+y(1).txt"}),
        ("*\n!app.py", {"a.dat", "data/b.dat", "data/deep/c.dat", "data/keep.txt", "x+y(1).txt"}),
        ("x+y(1).txt", {"x+y(1).txt"}),
        ("app?py.bak\nx.y(1).txt\n\\a.dat", {"a.dat"}),
        ("!tls/ca.pem", set()),
        ("*.DAT\nDATA", set()),
    ],
)
def test_the_rules_of_dockerignore(
    world: World, make: Make, contexts: list[pathlib.Path], rules: str, out: set[str]
) -> None:
    files = {"a.dat", "data/b.dat", "data/deep/c.dat", "data/keep.txt", "app.py", "x+y(1).txt"}
    make("m", {**dict.fromkeys(files, "x"), "tls/ca.pem": "x", ".dockerignore": rules})
    world.build("./m")
    taken_back = {"tls/ca.pem"} if "!tls/ca.pem" in rules else set()
    assert (source_of(contexts[0]) if contexts else set()) == (files - out) | taken_back


def test_modes_and_links_and_times_are_settled(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    folder = make("m", {"start.sh": "x", "app.py": "x", "a 'b\" $c": "x", "-rf": "x"})
    (folder / "start.sh").chmod(0o4700)
    (folder / "app.py").chmod(0o600)
    (folder / "link.py").symlink_to("app.py")
    (folder / "empty").mkdir(0o700)
    os.mkfifo(folder / "fifo")
    world.build("./m")
    source = contexts[0] / "source"
    assert source_of(contexts[0]) == {"start.sh", "app.py", "a 'b\" $c", "-rf", "link.py"}
    assert [oct((source / name).stat().st_mode & 0o7777) for name in ("start.sh", "app.py", "empty")] == [
        "0o755",
        "0o644",
        "0o755",
    ]
    assert os.readlink(source / "link.py") == "app.py"
    assert len({path.lstat().st_mtime for path in source.rglob("*")}) == 1


def test_the_tag_tells_every_change_and_nothing_else(world: World, make: Make) -> None:
    folder = make("m", {"app.py": "x", ".env": "1"})
    first = tag_of(world.build("./m"))

    def unchanged() -> bool:
        return world.build("./m").row("me/m").endswith("up to date")

    os.utime(folder / "app.py", (1, 1))
    (folder / ".env").write_text("2")
    assert unchanged()
    seen = {first}
    changes: list[Callable[[], object]] = [
        lambda: (folder / "app.py").write_text("y"),
        lambda: (folder / "app.py").chmod(0o755),
        lambda: (folder / "app.py").rename(folder / "wsgi.py"),
        (folder / "data").mkdir,
        lambda: (folder / "l").symlink_to("wsgi.py"),
    ]
    for number, change in enumerate(changes, start=2):
        change()
        seen.add(tag_of(world.build("./m")))
        assert len(seen) == number
    assert tag_of(world.build("./m", FORCE="1")) in seen
    world.publish("python:3.12-slim")
    seen.add(tag_of(world.build("./m", BASE="python:3.12-slim")))
    assert len(seen) == len(changes) + 2


# Options


def test_base_by_flag_and_variable(world: World, make: Make) -> None:
    make("m")
    world.have("local/python:1")
    done = world.build("--base", "local/python:1", "--local", "./m", BASE="nobody/has:1")
    assert done.status == 0, done.stderr
    assert "MODEL_IMAGE=local/python:1" in done.docker("build")[0]
    assert not [call for call in done.docker("manifest") if "python" in call[-1]]
    assert "no image for nobody/has:1" in world.build("./m", BASE="nobody/has:1").stdout
    refused = world.build("--base", "a b", "./m")
    assert (refused.status, refused.calls) == (2, [])
    assert "--base is not the name of an image: a b" in refused.stderr


def test_a_bare_base_is_no_max_model(world: World, make: Make) -> None:
    make("m")
    world.publish("python:latest", "codait/python:latest")
    assert [word for word in world.build("--base=python", "./m").docker("build")[0] if "MODEL_IMAGE=python@" in word]


def test_pips_settings_reach_the_build_by_name_alone(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    make("m")
    certificates = world.folder / "company.pem"
    certificates.write_text("-----BEGIN CERTIFICATE-----\n")
    settings = {"PIP_INDEX_URL": "https://me:secret@pypi.example/simple", "PIP_CERT": str(certificates)}
    done = world.build("./m", **settings)
    (build,) = done.docker("build")
    assert build[build.index("PIP_INDEX_URL") - 1] == "--build-arg"
    assert "secret" not in str(done.calls) + done.stderr + done.stdout
    assert (contexts[0] / "certificates" / "pip.pem").read_text() == certificates.read_text()
    # Where packages come from doesn't change what they are.
    assert world.build("./m", PIP_CERT="/nowhere").row("me/m").endswith("up to date")


def test_print_shows_the_dockerfile_for_what_is_named(world: World, make: Make) -> None:
    make("m")
    plain = (CHECKOUT / "Dockerfile").read_text()
    assert world.build("--print", USERNAME="").stdout == plain
    assert world.build("--print", "max-ocr", USERNAME="").stdout == plain
    printed = world.build("--print", "./m", USERNAME="")
    assert printed.status == 0
    assert not printed.calls
    assert (
        printed.stdout == world.build("./m", "--print", MODELS="").stdout == world.build("--print", MODELS="./m").stdout
    )
    text = printed.stdout
    # What changes least comes first, and the wrapper's own part is the plain Dockerfile's.
    places = [text.index(part) for part in (" AS packages", " AS environment", " AS compile", "COPY --from=compile")]
    assert places == sorted(places)
    assert text.index("MODELPROXY_LOG=${MODELPROXY_LOG}") < text.index("COPY --from=source /model/ /model/")
    assert text.count("ARG MODEL_IMAGE\n") == 2
    assert "--mount" not in text


def test_the_smoke_test_of_a_folder_takes_any_answer_of_the_model(world: World, make: Make) -> None:
    make("m")
    world.docker.findings = "init_ms 10\nrun_status 400\nunhappy GET / was answered 400: no image\nmemory_mb 30"
    world.docker.stderr = "Traceback (most recent call last):\nKeyError: 'image'\n" + world.docker.stderr
    done = world.build("./m")
    assert done.status == 0, done.stdout
    assert done.docker("exec")[0][-3:] == ["/", "300", "any"]
    assert "it loads, but GET / was answered 400: no image; --test-path" in done.stderr
    # A path that somebody names has to answer.
    strict = world.build("--test-path", "/health", "--force", "./m")
    assert strict.docker("exec")[0][-3:] == ["/health", "300", "good"]
    assert "a traceback in the log, ending in: KeyError" in strict.stdout


def test_a_program_of_its_own_may_log_after_the_answer(world: World, make: Make) -> None:
    make("m")
    world.docker.stdout += "GET / 200\n"
    assert "stdout goes on after the end marker: GET / 200" in world.build("./m").stdout
    world.docker.stdout = "modelproxy: host command of start.sh, since found start.sh\n" + world.docker.stdout
    assert world.build("./m").status == 0


def test_a_dry_run_of_a_folder(world: World, make: Make) -> None:
    make("m m")
    done = world.build("--dry-run", "./m m")
    assert done.status == 0, done.stderr
    assert {call[1] for call in done.calls} == {"version", "manifest", "image"}
    assert "is a copy of './m m', made and removed by build.sh" in done.stdout
    assert re.search("^docker build .* --file .*/context/Dockerfile ", done.stdout, re.M)


def test_what_the_build_has_to_say_is_shown_once(world: World, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("m")
    build = world.docker.build
    line = "#9 0.4 modelwhisk-note: served by the host predictor (found predictor.py)\n"
    monkeypatch.setattr(world.docker, "build", lambda args: line * 2 + build(args))
    done = world.build("./m")
    assert done.stderr.count("served by the host predictor (found predictor.py)") == 1


def test_help_tells_of_folders(world: World) -> None:
    text = world.build("--help").stdout
    for part in ("./my-folder", "--base IMAGE", ".dockerignore", "PIP_INDEX_URL", "scripts/build/exclude", "10001"):
        assert part in text


def test_a_zip_is_taken_as_it_is(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    make("unused")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def main(args): return args")
    (world.folder / "My Function.zip").write_bytes(packed.getvalue())
    done = world.build("My Function.zip")
    assert done.row("me/my-function").endswith("built")
    assert (contexts[0] / "source" / ".modelwhisk.zip").read_bytes() == packed.getvalue()


# Another user's doing: an exchange of the folder's `a` for a link while the files are copied, and back.
EXCHANGE = """#!/bin/sh
case " $* " in *" -cf "*) ;; *) exec {tar} "$@" ;; esac
if [ -s {left} ]; then
  sed -i 1d {left}
  mv {folder}/a {folder}/kept; ln -s {secret} {folder}/a
  {tar} "$@"; status=$?
  rm {folder}/a; mv {folder}/kept {folder}/a
  exit $status
fi
exec {tar} "$@"
"""


def exchange(world: World, folder: pathlib.Path, times: int) -> None:
    """`times` copies get the link; the first is that of the proxy itself."""
    (world.folder / "secret" / "b").mkdir(parents=True)
    for name in ("config.json", "b/c"):
        (world.folder / "secret" / name).write_text("SECRET")
    (world.folder / "left").write_text("\n" * times)
    quick = world.folder / "bin" / "sleep"  # where times are finer than whole seconds
    quick.write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 0.05\n")
    quick.chmod(0o755)
    shim = world.folder / "bin" / "tar"
    names = {"folder": folder, "secret": world.folder / "secret", "left": world.folder / "left"}
    shim.write_text(EXCHANGE.format(tar=shutil.which("tar"), **names))
    shim.chmod(0o755)


FILES = {"predictor.py": "class Predictor: pass\n", "a/config.json": "{}", "a/b/c": "c"}


@pytest.mark.parametrize(("place", "mode"), [(".", 0o777), ("a", 0o1777), ("a/b", 0o702)])
def test_a_folder_that_others_exchange_while_it_is_copied(world: World, make: Make, place: str, mode: int) -> None:
    """One's own file came into the image, by the name of one that was there when the folder was listed."""
    folder = make("m", FILES)
    (folder / place).chmod(mode)
    exchange(world, folder, 100)
    done = world.build("./m")
    assert "build a copy to which only you may write" in done.row("me/m")
    assert not done.docker("build")


def test_a_folder_that_was_changed_once_is_copied_again(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    folder = make("m", FILES)
    folder.chmod(0o777)
    exchange(world, folder, 2)
    done = world.build("./m")
    assert done.status == 0, done.stderr
    assert done.stderr.count("taking 3 files") == 1
    assert (contexts[0] / "source" / "a" / "config.json").read_text() == "{}"
    assert source_of(contexts[0]) == set(FILES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize(("user", "group", "mode"), [(12345, 0, 0o755), (0, 12345, 0o775)])
def test_others_are_its_owner_and_its_group(world: World, make: Make, user: int, group: int, mode: int) -> None:
    folder = make("m", FILES)
    os.chown(folder / "a", user, group)
    (folder / "a").chmod(mode)
    exchange(world, folder, 100)
    assert "build a copy to which only you may write" in world.build("./m").row("me/m")


@pytest.mark.parametrize("mode", [0o777, 0o755])
def test_an_ordinary_folder_is_built_whoever_may_write_to_it(
    world: World, make: Make, contexts: list[pathlib.Path], mode: int
) -> None:
    """A checkout of a runner that has no umask, a Windows disk, another's files in a container."""
    folder = make("m", FILES)
    for path in (folder, folder / "a", folder / "a" / "b"):
        path.chmod(mode)
    done = world.build("./m")
    assert done.status == 0, done.stderr
    assert source_of(contexts[0]) == set(FILES)


def test_no_ordinary_folder_is_waited_for(world: World, make: Make, contexts: list[pathlib.Path]) -> None:
    """Group-writable for one's own group, as where umask is 002: watching it would take a second."""
    folder = make("m", FILES)
    folder.chmod(0o775)
    for name, said in (
        ("sleep", "exit 1"),
        ("id", f"case $1 in -un | -gn) echo ann ;; *) exec {shutil.which('id')} $1 ;; esac"),
        ("getent", "echo ann:x:1000:"),
    ):
        (world.folder / "bin" / name).write_text(f"#!/bin/sh\necho {name} $1 >>{world.folder}/asked\n{said}\n")
        (world.folder / "bin" / name).chmod(0o755)
    assert world.build("./m").status == 0
    assert "sleep" not in (world.folder / "asked").read_text()
    folder.chmod(0o777)
    assert world.build("./m").status != 0
    assert "sleep 1.1\nsleep 2\n" in (world.folder / "asked").read_text()
