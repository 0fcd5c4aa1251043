"""A program behind its own usual server and behind the proxy, asked the same: what differs is written down."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path[:0] = [str(Path(__file__).parent.parent / folder) for folder in ("local", "same_answer")]

from exchange import Answer, Case, send  # noqa: E402
from written_differences import (  # noqa: E402
    ADDED_BY_THE_PLATFORM,
    comparable,
    no_type_without_a_body,
    types_are_written_anew,
)

START_SECONDS = 60
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}  # else each start compiles all of Django
HOST = "localhost"  # what Django allows before a project is configured
THE_PLATFORMS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BOUNDARY = "xBOUNDARYx"
_threads = ThreadPoolExecutor(2)
RANDOM_COOKIE = re.compile(r"(?<==)[\w.:-]{24,}(?=; )")
JUST_NOW = 300  # seconds
# As in headers, and as in names of files and in bodies.
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
DATE_AND_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T _](\d\d)[:-](\d\d)[:-](\d\d)(?:\.\d+)?")
COOKIE_END = re.compile(r"(?i)(?<=expires=)[^;]+")


@contextlib.contextmanager
def process(command: list[str], folder: Path, port: int, log: Path, **environ: str) -> Iterator[Callable[[], None]]:
    """A server in a process group of its own, until the block ends, and what waits until it listens."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MODELPROXY_", "__OW_"))}
    with log.open("w") as output, subprocess.Popen(
        command, cwd=folder, env={**inherited, **environ}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        start_new_session=True,
    ) as server:  # fmt: skip

        def listens() -> None:
            end = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    return
                assert server.poll() is None, f"{command} ended with status {server.returncode}:\n{log.read_text()}"
                assert time.monotonic() < end, f"{command} listens on no port {port}:\n{log.read_text()}"
                time.sleep(0.02)

        try:
            yield listens
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


class Side:
    """A client of one server, as a browser is: it keeps cookies, and what it was told to remember."""

    def __init__(self, port: int, prefix: str, folder: Path, ready: Callable[[], None] = lambda: None) -> None:
        self.last = Answer(0, (), b"")
        self.remembered: dict[str, str] = {}
        self._address = "127.0.0.1", port
        self._ready = ready
        self._prefix = prefix
        self._folder = folder
        self._cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, form: dict[str, str] | None
    ) -> None:
        self._ready()
        self._ready = lambda: None
        headers = {"Host": HOST, **{name: self.filled(value) for name, value in headers.items()}}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if form is not None:
            body = urlencode({key: self.filled(value) for key, value in form.items()}).encode()
        case = Case("", method, self.filled(path), tuple(headers.items()), body)
        self.last = send(self._address, case.message(self._prefix), method)
        for name, value in self.last.headers:
            if name.lower() == "set-cookie":
                for cookie, morsel in SimpleCookie(value).items():
                    self._cookies[cookie] = morsel.value
                    if morsel["max-age"] == "0" or not morsel.value:
                        del self._cookies[cookie]

    def remember(self, name: str, pattern: str) -> None:
        head = "".join(f"{header}: {value}\n" for header, value in self.last.headers)
        match = re.search(pattern, head + self.last.body.decode("utf-8", "replace"))
        assert match, f"{pattern} isn't in {self.last}"
        self.remembered[name] = match[1]

    def filled(self, text: str) -> str:
        """`text` with what was remembered as `name` in place of `<name>`."""
        for name, value in self.remembered.items():
            text = text.replace(f"<{name}>", value)
        return text

    def masked(self, patterns: list[str]) -> Answer:
        """The last answer without what is of this side alone: its folder, and what was made by chance."""
        headers = [(name, self._without_own(value, patterns)) for name, value in self.last.headers]
        body = self._without_own(self.last.body.decode("latin-1"), patterns).encode("latin-1")
        return self.last.but(headers=tuple(map(_without_chance, headers)), body=body)

    def _without_own(self, text: str, patterns: list[str]) -> str:
        text = text.replace(str(self._folder), "<folder>")
        for pattern in patterns:
            text = re.sub(pattern, "<masked>", text)
        return _without_now(text)


def _without_now(text: str) -> str:
    """Both sides are asked within seconds, not within the same one."""
    text = HTTP_DATE.sub(lambda date: _unless_now(date[0], parsedate_to_datetime(date[0])), text)
    return DATE_AND_TIME.sub(lambda date: _unless_now(date[0], _read("{}T{}:{}:{}".format(*date.groups()))), text)


def _read(text: str) -> datetime | None:
    with contextlib.suppress(ValueError):  # it only looks like one
        return datetime.fromisoformat(text)
    return None


def _unless_now(text: str, moment: datetime | None) -> str:
    """`text`, or what stands for it where the moment is near; one without a time zone is of this place or of UTC."""
    if moment is None:
        return text
    readings = [moment] if moment.tzinfo else [moment.replace(tzinfo=timezone.utc), moment.astimezone()]
    now = datetime.now(timezone.utc)
    return "<just now>" if any(abs((now - one).total_seconds()) < JUST_NOW for one in readings) else text


def _without_chance(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    if name.lower() == "set-cookie":
        return name, COOKIE_END.sub("<then>", RANDOM_COOKIE.sub("<random>", value))
    return header


class Both:
    """The two sides. What the steps of a program ask is asked of both, and `differences` gathers what isn't the same.

    mode   "action" or "web", which has all methods.
    mount  where the program is seen.
    knows_mount  False for a server that the command host starts: its own pages don't know where they are.
    """

    def __init__(self, mode: str, usual: Side, ours: Side, mount: str, knows_mount: bool = True) -> None:
        self.mode = mode
        self.mount = mount
        self.masks: list[str] = []
        self.differences: list[str] = []
        self.asked = 0
        self._sides = usual, ours
        self._knows_mount = knows_mount

    def get(self, status: int, path: str, has: str = "", **headers: str) -> None:
        self.ask(status, "GET", path, has, headers=headers)

    def form(self, status: int, path: str, fields: dict[str, str], has: str = "", **headers: str) -> None:
        self.ask(status, "POST", path, has, form=fields, headers=headers)

    def upload(self, status: int, path: str, fields: dict[str, str], file: tuple[str, str, bytes]) -> None:
        """A multipart form as a browser sends it; `file` is its field, its name and its content."""
        name, file_name, content = file
        parts = [f'"{key}"\r\n\r\n{value}' for key, value in fields.items()]
        parts.append(f'"{name}"; filename="{file_name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
        text = "".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; name={part}\r\n" for part in parts)
        body = text.removesuffix("\r\n").encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        self.ask(status, "POST", path, body=body, headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})

    def ask(
        self,
        status: int,
        method: str,
        path: str,
        has: str = "",
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        form: dict[str, str] | None = None,
    ) -> None:
        """One request. The usual server must answer with `status`, and `has` in its head or body, and ours the same.

        Names of headers are written with `_` here; the platform has seven methods, and others are asked of a web server
        only.
        """
        if self.mode == "action" and method not in THE_PLATFORMS_METHODS:
            return
        headers = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        asked = [_threads.submit(side.ask, method, path, headers, body, form) for side in self._sides]
        for one in asked:
            one.result()
        self.asked += 1
        self._compare(status, f"{method} {path}", has)

    def remember(self, name: str, pattern: str) -> None:
        """The pattern's group in the last answer stands for `<name>` in later requests; each side has its own."""
        for side in self._sides:
            side.remember(name, pattern)

    def _compare(self, status: int, what: str, has: str) -> None:
        usual, ours = (side.masked(self.masks) for side in self._sides)
        text = "".join(f"{name}: {value}\n" for name, value in usual.headers) + usual.body.decode("utf-8", "replace")
        if usual.status != status or has not in text:
            self.differences.append(f"{what}: not the {status} with {has!r} that was expected\n  usual {_short(usual)}")
        ignored = ("transfer-encoding",)
        if self.mode == "action":
            case = Case("", what.partition(" ")[0])
            usual = no_type_without_a_body(case, "", _types_as_of_the_platform(case, usual))
            ignored += ADDED_BY_THE_PLATFORM[3:]  # web-custom-options: it adds no CORS headers
            if not self._knows_mount and usual.header("location").startswith("/"):
                usual = usual.with_header("Location", self.mount + usual.header("location"))
        parts = zip(("status", "headers", "body"), comparable(usual, *ignored), comparable(ours, *ignored), strict=True)
        self.differences += [
            f"{what}: {part}\n  usual {_from_difference(one, other)}\n  ours  {_from_difference(other, one)}"
            for part, one, other in parts
            if one != other
        ]


def _types_as_of_the_platform(case: Case, answer: Answer) -> Answer:
    """Beside the written list's: XML is text to it, too (responses.jsonl, "type application/xml body text"), and the
    proxy gives a type to what has none.
    """
    if answer.body and not answer.header("content-type"):
        return answer.with_header("Content-Type", "application/octet-stream")
    if answer.header("content-type").partition(";")[0] == "application/xml":
        return answer.with_header("Content-Type", "application/xml; charset=UTF-8")
    return types_are_written_anew(case, "", answer)


def _short(answer: Answer) -> str:
    return f"{answer.status} {dict(answer.headers)} {answer.body[:200]!r}"


def _from_difference(one: Any, other: Any) -> Any:
    """The part of `one` that isn't in `other`, as far as a reader wants to see it."""
    if isinstance(one, list):
        return [header for header in one if header not in other]
    if isinstance(one, bytes):
        same = next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
        start = max(0, same - 60)
        return f"{len(one)} bytes, from {start} {one[start:][:160]!r}"
    return one
