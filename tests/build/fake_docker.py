"""A docker command (and an aws command) for the tests of build.sh: keeps images, records each call, and fails or
dawdles as it is told.

What is on the PATH are small shell scripts that ask this server, which lives in the test's process: a Python started
for each of some forty calls would take most of a test's time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"

# Sends its words, the token in its environment and, where the command reads it, its standard input; gets lines marked
# o(utput), e(rror), s(tatus).
CLIENT = r"""#!/usr/bin/env bash
input=
case $1 in exec | login | run) input=$(cat) ;; esac
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\0' "$(($# + 3))" {program} "$@" "${{MODELPROXY_TOKEN-}}" "$input" >&3
while IFS= read -r line <&3; do
  case $line in
    o*) printf '%s\n' "${{line#o}}" ;;
    e*) printf '%s\n' "${{line#e}}" >&2 ;;
    s*) exit "${{line#s}}" ;;
  esac
done
exit 98
"""


class Failed(Exception):
    """The command prints this and ends with the status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass
class Image:
    id: str
    platform: str = "linux/amd64"
    digests: list[str] = dataclasses.field(default_factory=list)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    onbuild: list[str] | None = None
    sizes: tuple[int, ...] = (100_000_000, 0)


@dataclasses.dataclass
class Published:
    """An image in a registry; with ``platforms``, an index of several."""

    digest: str
    platforms: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    onbuild: list[str] | None = None


@dataclasses.dataclass
class FakeDocker:
    local: dict[str, Image] = dataclasses.field(default_factory=dict)
    remote: dict[str, Published] = dataclasses.field(default_factory=dict)
    calls: list[list[str]] = dataclasses.field(default_factory=list)
    tokens: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # the commands that had one, and it
    # For a command, a message for each call that is to fail ("" for one that isn't), and the seconds that it takes.
    failures: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    delays: dict[str, float] = dataclasses.field(default_factory=dict)
    # What the smoke test's client prints in a container, the status it ends with, and how `docker inspect` finds that.
    findings: str = "init_ms 1234\nrun_status 200\nmemory_mb 300"
    exec_status: int = 0
    sbom: str = '{"bomFormat": "CycloneDX"}'
    drift: str = "reference 8 vectors"  # what the image's Python says of a drift reference
    container: str = "true false 0"
    # A container's log.
    stdout: str = f"loading\n{MARKER}\n"
    stderr: str = f"{MARKER}\n"
    ecr: list[str] = dataclasses.field(default_factory=list)
    password: str = ""
    running: list[str] = dataclasses.field(default_factory=list)
    most_builds: int = 0  # that ran at one time
    most_asked: int = 0  # of a registry at one time

    @contextlib.contextmanager
    def on_path(self, folder: pathlib.Path) -> Iterator[None]:
        """Puts both commands into the folder and answers them meanwhile."""
        lock = threading.Lock()

        class Handler(socketserver.StreamRequestHandler):
            def handle(handler) -> None:
                output, error, status = self.answer(lock, read_words(handler.rfile))
                lines = [f"o{line}" for line in output.splitlines()] + [f"e{line}" for line in error.splitlines()]
                with contextlib.suppress(OSError):  # the command may have been ended
                    handler.wfile.write(os.fsencode("".join(f"{line}\n" for line in [*lines, f"s{status}"])))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

        with Server(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            for program in ("docker", "aws"):
                script = folder / program
                script.write_text(CLIENT.format(port=server.server_address[1], program=program))
                script.chmod(0o755)
            yield
            server.shutdown()

    def answer(self, lock: threading.Lock, words: list[str]) -> tuple[str, str, int]:
        program, *args, token, stdin = words
        key = args[0] if program == "docker" else program
        with lock:
            self.calls.append([program, *args])
            if token:
                self.tokens.append((key, token))
            self.running.append(key)
            self.most_builds = max(self.most_builds, self.running.count("build"))
            self.most_asked = max(self.most_asked, self.running.count("manifest"))
            failures = self.failures.get(key, [])
            failure = failures.pop(0) if failures else ""
        time.sleep(self.delays.get(key, 0))
        with lock:
            self.running.remove(key)
            try:
                if failure:
                    raise Failed(failure)
                output = self.docker(args, stdin) if program == "docker" else self.aws(args)
            except Failed as failed:
                return "", str(failed), failed.status
            return output, self.stderr if key == "logs" else "", self.exec_status if key == "exec" else 0

    def docker(self, args: list[str], stdin: str) -> str:  # noqa: PLR0911, PLR0912 - a table of commands
        last = args[-1]
        match args:
            case ["version", *_]:
                return "28.0.0"
            case ["manifest", "inspect", *_]:
                return self.manifest(last)
            case ["image", "inspect", *_]:
                return self.inspect(option(args, "--format"), last)
            case ["inspect", *_]:
                return self.container
            case ["pull", *_]:
                return self.pull(last)
            case ["build", *_]:
                return self.build(args)
            case ["history", *_]:
                return "\n".join(map(str, self.image(last).sizes))
            case ["run", "--rm", *_, "/modelwhisk-drift/reference"]:
                return self.drift
            case ["run", "--rm", *_]:
                return self.sbom
            case ["run", *_]:
                return self.image(last).id[7:]
            case ["exec", *_]:
                return self.findings
            case ["logs", *_]:
                return self.stdout
            case ["tag", *_]:
                self.local[last] = self.image(args[-2])
            case ["rmi", *_]:
                del self.local[last]
            case ["push", *_]:
                return self.push(last)
            case ["login", *_]:
                self.password = stdin
            case ["buildx", *_]:
                raise Failed("docker: 'buildx' is not a docker command.")
            case ["rm" | "ps" | "kill", *_]:
                pass
            case _:
                raise Failed(f"fake docker knows no {args}", 99)
        return ""

    def aws(self, args: list[str]) -> str:
        match args[1]:
            case "get-login-password":
                return "the-password"
            case "describe-repositories":
                if option(args, "--repository-names") not in self.ecr:
                    raise Failed("An error occurred (RepositoryNotFoundException)")
            case "create-repository":
                self.ecr.append(option(args, "--repository-name"))
            case _:
                raise Failed(f"fake aws knows no {args}", 99)
        return ""

    def image(self, reference: str) -> Image:
        found = self.local.get(tagged(reference))
        found = found or next((image for image in self.local.values() if reference in image.digests), None)
        if found is None:
            raise Failed(f"Error: No such image: {reference}")
        return found

    def manifest(self, reference: str) -> str:
        found = self.remote.get(tagged(reference))
        if found is None:
            raise Failed(f"no such manifest: {reference}")

        def entry(digest: str, platform: str) -> dict[str, Any]:
            system, _, processor = platform.partition("/")
            descriptor = {"mediaType": "x", "digest": digest, "platform": {"architecture": processor, "os": system}}
            layers = [{"digest": digest_of("layer", digest)}]
            return {"Ref": reference, "Descriptor": descriptor, "Raw": "e30=", "SchemaV2Manifest": {"layers": layers}}

        if found.platforms:
            return json.dumps([entry(digest, platform) for platform, digest in found.platforms.items()], indent="\t")
        return json.dumps(entry(found.digest, "linux/amd64"), indent="\t")

    def inspect(self, template: str, reference: str) -> str:
        image = self.image(reference)
        if template.startswith("{{index .Config.Labels "):
            return image.labels.get(template.split('"')[1], "")
        answers = {
            "{{.Id}}": image.id,
            '{{.Id}}{{range .RepoDigests}} {{.}}{{end}}{{"\\n"}}{{.Os}}/{{.Architecture}}': (
                f"{' '.join([image.id, *image.digests])}\n{image.platform}"
            ),
        }
        for key, value in (("Entrypoint", image.entrypoint), ("Cmd", image.cmd), ("OnBuild", image.onbuild)):
            text = json.dumps(value, ensure_ascii=False) if value else ""
            answers[f"{{{{if .Config.{key}}}}}{{{{json .Config.{key}}}}}{{{{end}}}}"] = text
        return answers[template]

    def pull(self, reference: str) -> str:
        name, _, wanted = reference.partition("@")
        for known, image in self.remote.items():
            digests = [image.digest, *image.platforms.values()]
            if tagged(reference) == known or (repository(known) == name and wanted in digests):
                digest = wanted or image.digest
                self.local[tagged(reference)] = Image(
                    digest_of("id", digest),
                    digests=[f"{repository(reference)}@{digest}"],
                    labels=image.labels,
                    entrypoint=image.entrypoint,
                    cmd=image.cmd,
                    onbuild=image.onbuild,
                )
                return f"Digest: {digest}"
        raise Failed(f"Error response from daemon: manifest for {reference} not found: manifest unknown")

    def build(self, args: list[str]) -> str:
        arguments = dict(options(args, "--build-arg"))
        base = self.image(arguments["MODEL_IMAGE"])
        self.local[option(args, "--tag")] = Image(
            digest_of("built", base.id, arguments),
            base.platform,
            labels={**base.labels, **dict(options(args, "--label"))},
            entrypoint=["/modelproxy/start"],
            sizes=(0, 123_456, *base.sizes),
        )
        return "Successfully built"

    def push(self, reference: str) -> str:
        image = self.image(reference)
        digest = digest_of("manifest", image.id)
        self.remote[reference] = Published(digest, labels=image.labels)
        image.digests = sorted({*image.digests, f"{repository(reference)}@{digest}"})
        return f"{reference.rsplit(':', 1)[1]}: digest: {digest} size: 1234"


def read_words(stream: Any) -> list[str]:
    def word() -> str:
        text = bytearray()
        while (byte := stream.read(1)) not in (b"\0", b""):
            text += byte
        return os.fsdecode(bytes(text))

    return [word() for _ in range(int(word()))]


def digest_of(*parts: object) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tagged(reference: str) -> str:
    return reference if "@" in reference or ":" in reference.rsplit("/", 1)[-1] else reference + ":latest"


def repository(reference: str) -> str:
    head, slash, last = reference.partition("@")[0].rpartition("/")
    return head + slash + last.split(":")[0]


def option(args: list[str], name: str) -> str:
    return args[args.index(name) + 1]


def options(args: list[str], name: str) -> list[tuple[str, str]]:
    """NAME=VALUE of each option of that name."""
    values = [args[i + 1].partition("=") for i, arg in enumerate(args) if arg == name]
    return [(key, value) for key, _, value in values]
