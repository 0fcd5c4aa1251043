"""The client and the tool against answers made to harm: terminals, memory, time, file names, tables."""

from __future__ import annotations

import asyncio
import contextlib
import encodings
import gzip
import io
import json
import os
import pkgutil
import re
import shlex
import socket
import socketserver
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import click
import httpx
import pytest
import requests
from click.testing import CliRunner
from little_openwhisk import KEY, Outcome, little_openwhisk
from rich.segment import Segments
from rich.text import Text

from modelwhisk import content_coding
from modelwhisk.cli import main
from modelwhisk.client import specification, swagger
from modelwhisk.client import transport as transport_module
from modelwhisk.client.answers import (
    Binary,
    Reply,
    ending_of,
    file_name_of,
    reply_of_response,
    reply_of_result,
    timing_of,
)
from modelwhisk.client.calls import Calls, _status_of
from modelwhisk.client.checking import check
from modelwhisk.client.encoding import request, url_below
from modelwhisk.client.errors import ClientError, InputError, InterfaceError, ModelError
from modelwhisk.client.exchange import Policy, Send, Sent, Sleep, Step, Steps, exchange
from modelwhisk.client.files import file_part
from modelwhisk.client.interface import Field, Interface
from modelwhisk.client.transport import AsyncTransport, SyncTransport
from modelwhisk.deploy import curl_line as curl_line_module
from modelwhisk.deploy import logs
from modelwhisk.deploy.apply import Deployed
from modelwhisk.deploy.command import _with_way_back
from modelwhisk.deploy.curl_line import curl_line
from modelwhisk.deploy.diagnosis import error_text, failure_of
from modelwhisk.deploy.failure import Failure
from modelwhisk.deploy.plan import Wish, lowered_by_refusal, make_plan
from modelwhisk.deploy.report import TextReport as DeployReport
from modelwhisk.drift import embedding, local_model
from modelwhisk.drift.collection import collect
from modelwhisk.drift.declaration import Candidate
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.new_inputs import _reason
from modelwhisk.drift.store import Store
from modelwhisk.invoke import output
from modelwhisk.local import container_client
from modelwhisk.local.outcome import ContainerReply, of_run
from modelwhisk.local.report import TextReport
from modelwhisk.openwhisk import (
    Action,
    Activation,
    Limits,
    NamespaceLimits,
    OpenWhisk,
    OpenWhiskError,
    Settings,
    session,
)
from modelwhisk.openwhisk.errors import error_of_response
from modelwhisk.shown_text import Console, Table, json_shown, shown

STEERING = "\x1b]0;title\x07\x1b[2J\x9b31m\x85\x90\u202egnp.exe\u2066\x7f\x00"


def is_harmless(text: str) -> bool:
    return not set(STEERING) & set(text) - set("]0;title[2J31mgnp.exe")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [None, 1000])
def test_a_console_passes_its_own_colours_and_nobody_else_s(width: int | None) -> None:
    out = Terminal()
    console = Console(file=out, force_terminal=True, color_system="standard", width=width)
    console.print(Text(STEERING, "red"), soft_wrap=True)
    console.print(STEERING, style="green")
    console.print("[bold]no markup[/nothing] [link=file:///x]a[/link]", highlight=False)
    said = out.getvalue()
    assert "\x1b[31m" in said
    assert "[bold]no markup[/nothing] [link=file:///x]a[/link]" in said
    assert is_harmless(re.sub(r"\x1b\[[0-9;]*m", "", said))


def test_what_a_model_logs_and_what_its_error_says(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {
        "activationId": "1" * 32,
        "name": "a",
        "namespace": "n",
        "start": 1,
        "end": 2,
        "duration": 1,
        "logs": [f"2026-01-01T00:00:00Z stdout: {STEERING}"],
        "response": {"status": STEERING, "success": False, "result": {"error": STEERING}},
    }
    out = Terminal()
    logs._print(Console(file=out, force_terminal=False), Activation.from_json(record))
    assert "title" in out.getvalue()
    assert is_harmless(out.getvalue())
    told = io.StringIO()
    Failure(STEERING, STEERING, log=[STEERING], activation=STEERING).show(told)
    assert is_harmless(told.getvalue())


def test_a_log_and_an_error_of_many_lines_are_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {
        "activationId": "1",
        "name": "a",
        "namespace": "n",
        "start": 1,
        "end": 2,
        "logs": [""] * 100_000,
        "response": {"status": "whisk internal error", "success": False, "result": {"error": "\n" * 100_000}},
    }
    out, printed, print_one = Console(file=io.StringIO()), [], Console.print

    def print_counted(*words: Any, **options: Any) -> None:
        printed.append(type(words[1]))
        print_one(*words, **options)

    monkeypatch.setattr(Console, "print", print_counted)
    logs._print(out, Activation.from_json(record))
    assert printed == [Text, Segments, Segments]
    assert out.file.getvalue().endswith("  " + "\n" * 100_001 + "  \n" * 100_000)  # type: ignore[attr-defined]


def test_lines_may_have_a_style() -> None:
    out = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    out.write_lines(["a", STEERING], "red")
    said = out.file.getvalue()  # type: ignore[attr-defined]
    assert said.startswith("\x1b[31ma\n")
    assert is_harmless(re.sub(r"\x1b\[[0-9;]*m", "", said))


@pytest.mark.parametrize("words", ["\n" * 300_000, "\t\u4e00\n" * 100_000, "\t" * 300_000, "a" * 300_000])
@pytest.mark.parametrize("style", [None, "red"])
def test_of_a_text_without_end_rich_is_given_the_beginning(words: str, style: str | None) -> None:
    """A megabyte of line ends took half a minute and 800 MB, one of letters the square of its length."""
    said = []
    for given in (words, Text(words, "bold")):
        out = Console(file=io.StringIO(), width=1000)
        out.print(given, style=style, soft_wrap=True)
        said.append(out.file.getvalue())  # type: ignore[attr-defined]
    beginning, _, more = said[0].partition("… and ")
    kept = len(words) - int(more.replace(",", "").removesuffix(" more characters\n"))
    assert said[0] == said[1]
    assert beginning.split() == words[:kept].split()
    assert 49_000 < kept < 50_000


def test_nothing_is_read_into_what_others_wrote() -> None:
    out = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    out.print("12 'a' http://x :smiley: [b]")
    assert out.file.getvalue() == "12 'a' http://x :smiley: [b]\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", ["\n" * 300_000, "\t" * 300_000, "\t\u4e00\n" * 100_000])
def test_what_a_table_tells_is_a_name_in_one_line(words: str) -> None:
    out, table = Console(file=io.StringIO(), width=1000), Table("name", "other")
    table.add_row(words, Text("red", "red"))
    table.add_row(Text(words), None)
    out.print(table)
    said = out.file.getvalue()  # type: ignore[attr-defined]
    assert said.count("299,0") == 2
    assert len(said.splitlines()) < 20


def test_a_failure_of_any_length_is_shown() -> None:
    told = io.StringIO()
    Failure("\n" * 300_000, "try again", log=["\t" * 300_000, "the end"]).show(told)
    assert " more characters\n  try again\nThe log:\n  \t" in told.getvalue()
    assert told.getvalue().endswith("\t\n  the end\n")


@pytest.mark.parametrize("vector", ["[1, 2, " + "9" * 400 + "]", "[" * 700 + "1" + "]" * 700])
def test_a_vector_that_none_is_ends_no_collection(vector: str) -> None:
    class Answering:
        async def reply(self, _: object) -> Reply:
            return reply(b'{"v": %b}' % vector.encode(), content_type="application/json")

    collecting = embedding._FromAnswer(Answering(), {"pointer": "/v", "by": None}, 1)  # type: ignore[arg-type]
    with pytest.raises(embedding.NoVector, match="/v leads to is no vector"):
        asyncio.run(collecting.vector(None))  # type: ignore[arg-type]


def test_why_an_input_has_no_vector_is_kept_in_short(tmp_path: Path) -> None:
    class Refusing:
        async def vector(self, _: object) -> object:
            return embedding.vector_in(reply(b"{}", model_embedding_error="a" + " " * 90_000 + "x"))

    bar = SimpleNamespace(advance=lambda _: None)
    with contextlib.closing(Store(tmp_path / "vectors", {}, resume=False)) as store:
        asyncio.run(collect(Refusing(), [Given("one", {})], store, 1, bar))  # type: ignore[arg-type]
        assert len(store.failures["one"]) == 4_000


@pytest.mark.parametrize("part", [" ", "<", "< at 0x", " <at 0x1", "<at 0x1> "])
def test_why_inputs_have_no_vector_is_put_in_a_line_at_once(part: str) -> None:
    """Each took minutes to hours; the test's own time limit tells."""
    _reason("a" + part * 500_000 + "x")
    assert _reason("no  <PIL.Image at 0x7f1b> of\n" + part * 10) == _reason("no of " + part * 10)


@pytest.mark.parametrize(("encoding", "written"), [("latin-1", b"\xe9\\u96ea\n"), ("utf-8", "é雪\n".encode())])
def test_what_an_output_s_encoding_lacks_ends_no_command(
    encoding: str, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    console = Console()
    console.print("é雪")
    sys.stdout.flush()
    assert raw.getvalue() == written


def test_the_emulator_s_report_takes_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    report = TextReport()
    report.removed([1], [f"[/]{STEERING}"])
    assert is_harmless(capsys.readouterr().out)


def test_the_emulator_writes_a_model_s_log_without_a_look_at_each_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an activation's 10 MB, empty lines took half a minute, in which all others waited; of its error, too."""
    monkeypatch.setattr(Text, "__init__", lambda *_, **__: pytest.fail("rich has been asked"))
    lines = [SimpleNamespace(text=f"[b]{number}{STEERING}") for number in range(3)]
    outcome = of_run(ContainerReply(200, f"\t\u4e00\n{STEERING}"))
    TextReport().activation(SimpleNamespace(logs=lines, container="c", outcome=outcome))  # type: ignore[arg-type]
    said = capsys.readouterr().out
    assert is_harmless(said)
    assert [line[:8] for line in said.splitlines()[:3]] == ["  c [b]0", "  c [b]1", "  c [b]2"]
    assert "developer error: " in said.splitlines()[3]


@pytest.mark.parametrize("words", ["x[/b]", "[link=file:///etc/passwd]click[/link]", STEERING])
def test_a_deployment_s_progress_takes_no_markup(words: str) -> None:
    action = Action.from_json({"name": words, "namespace": "guest"})
    with OpenWhisk(Settings("http://127.0.0.1:1", KEY)) as whisk:
        report = DeployReport(whisk)
        report._err = Console(file=Terminal(), force_terminal=True, width=1000)
        with report.progress(action) as tell:
            tell(words)
    said = report._err.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b]" not in said
    assert words.replace(STEERING, "title") in said


def test_a_deployment_s_progress_is_a_line() -> None:
    """It is drawn ten times a second, and what the platform answers may be a megabyte."""
    action = Action.from_json({"name": "m", "namespace": "guest"})
    with OpenWhisk(Settings("http://127.0.0.1:1", KEY)) as whisk:
        report = DeployReport(whisk)
        report._err = Console(file=Terminal(), force_terminal=True, width=1000)
        with report.progress(action) as tell:
            tell("a\n" * 300_000)
    said = report._err.file.getvalue()  # type: ignore[attr-defined]
    assert "m: a a a a" in said
    assert len(said) < 5_000


def test_json_on_a_terminal_stays_json() -> None:
    value = {"a": STEERING, STEERING: ["\u00e9"]}
    assert json.loads(json_shown(value)) == value
    assert is_harmless(json_shown(value))
    assert shown("\u00e9\n\t") == "\u00e9\n\t"


@pytest.mark.parametrize(
    "name",
    [
        "../../.bashrc",
        "..\\..\\evil.exe",
        "/etc/passwd",
        "%2e%2e%2f.bashrc",
        f"a{STEERING}.png",
        "-rf",
        "..",
        "",
        "a\x00b",
        "C:\\x",
    ],
)
def test_a_file_name_is_one_and_shows_itself(name: str) -> None:
    for header in (f'attachment; filename="{name}"', f"attachment; filename*=UTF-8''{name}"):
        found = file_name_of(header)
        assert "/" not in found
        assert "\\" not in found
        assert found[:1] not in (".", "-")
        assert is_harmless(found)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a" * 300 + ".png", ".png"),
        ("\u20ac" * 200 + ".png", ".png"),
        ("x." + "p" * 300, ""),
        ("x." + "\u20ac" * 7, ""),
        ("." + "x" * 300, ""),
    ],
)
def test_a_file_name_is_one_that_any_file_system_takes(name: str, ending: str, tmp_path: Path) -> None:
    """The answer was lost, for its name."""
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    named = reply(b"theirs", content_type="image/x", content_disposition=disposition)
    for _ in range(2):
        output.write(named, str(tmp_path), io.TextIOWrapper(io.BytesIO()), Console(file=io.StringIO()))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"] * 2
    assert ending_of(named.file_name) == ending
    assert all(path.name.endswith(ending) for path in tmp_path.iterdir())


def bomb(size: int) -> bytes:
    return gzip.compress(b"0" * size)


def by_model(url: str, seconds: float = 30) -> bytes | str:
    """The body of what is at `url`, or what is said against it."""
    transport = SyncTransport(seconds=seconds)
    try:
        sent = transport.run(_sent(url))
    finally:
        transport.close()
    return sent.response.content if sent.response is not None else str(sent.failure)


def by_async_model(url: str, seconds: float = 30) -> bytes | str:
    async def asked() -> Sent:
        transport = AsyncTransport(seconds=seconds)
        try:
            return await transport.run(_sent(url))
        finally:
            await transport.close()

    sent = asyncio.run(asked())
    return sent.response.content if sent.response is not None else str(sent.failure)


def _sent(url: str, method: str = "GET", body: bytes = b"") -> Steps[Sent]:
    return (yield Send(httpx.Request(method, url, content=body)))


def by_platform(url: str, seconds: float = 30) -> bytes | str:
    with OpenWhisk(Settings(url, KEY, namespace="_")) as whisk:
        try:
            return whisk.get_web(Action.from_json({"name": "a", "namespace": "guest"}), seconds=seconds).content
        except OpenWhiskError as problem:
            return problem.message


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    """The address of a server that answers so, each connection in a thread."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(
    coding: str, body: bytes, status: int = 200, pause: float | None = None
) -> Iterator[tuple[str, list[str]]]:
    """The address of a server with this answer, and the codings that it is asked for; with `pause` (seconds) the body
    comes again and again, for as long as somebody reads."""
    accepted = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            accepted.append(self.headers["accept-encoding"])
            self.send_response(status)
            for name, value in (("Content-Encoding", coding), ("Location", "/elsewhere"), ("X-Y", "z")):
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # by whom had enough
                self.wfile.write(body)
                while pause is not None:
                    time.sleep(pause)
                    self.wfile.write(body)

    with serving(Handler) as address:
        yield address, accepted


CLIENTS = pytest.mark.parametrize("client", [by_model, by_async_model, by_platform])
SMALL = gzip.compress(b"small")
ZEROS = b"0" * (2 * content_coding.HARMLESS)
BOMB = gzip.compress(ZEROS)


@CLIENTS
@pytest.mark.parametrize(
    ("coding", "body", "problem"),
    [
        ("gzip", BOMB, "became more than|is larger than"),
        ("deflate", zlib.compress(ZEROS), "became more than|is larger than"),
        ("gzip", SMALL * 2 + BOMB, "became more than|is larger than"),
        ("gzip, gzip", gzip.compress(BOMB), "in gzip, gzip, where gzip alone"),
        ("gzip, deflate, gzip", gzip.compress(zlib.compress(SMALL)), "where gzip alone"),
        ("br", b"\x0b\x02\x80small\x03", "in br, where gzip alone"),
        ("gzip", SMALL[:-4], "ends too early"),
        ("gzip", SMALL + b"more", "incorrect header check"),
        ("gzip", gzip.compress(b"\xef\xbb\xbf [" + b"{}," * 2_000_000 + b"0]"), "more values and text"),
        ("gzip", gzip.compress("[{'':''},0]".replace("0", "{'':''}," * 1_400_000).encode("utf-16")), "more values"),
        ("gzip", gzip.compress(b'{"a": "' + b"A" * 23_000_000 + '\U0001f600"}'.encode()), "more values and text"),
        ("gzip", gzip.compress(b'{"a": "' + b"A" * 23_000_000 + rb'\uD83D\uDE00"}'), "more values and text"),
    ],
    ids=[
        "gzip",
        "deflate",
        "members",
        "stacked",
        "three",
        "other",
        "short",
        "more",
        "objects",
        "keys",
        "emoji",
        "escape",
    ],
)
def test_no_coding_of_an_answer_fills_the_memory(
    client: Callable[[str], bytes | str], coding: str, body: bytes, problem: str
) -> None:
    for status in (200, 302):  # requests reads a redirection, even if it isn't to follow it
        tracemalloc.start()
        with answering(coding, body, status) as (address, _):
            said = client(address)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert isinstance(said, str)
        assert re.search(problem, said)
        assert most < 1.7 * content_coding.HARMLESS


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("plain", 1),
        ("\u00e9", 1),
        (r"\u00e9\u00Ff", 1),
        (r"\u0101", 2),
        ("\u0101", 2),
        (r"\ud7ff \ue000", 2),
        (r"\ud83d\ude00", 4),
        (r"\uDBFF\uDFFF", 4),
        ("\U0001f600", 4),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-be"])
def test_of_a_text_each_character_counts_as_its_widest(text: str, width: int, encoding: str) -> None:
    """One that was escaped was none, and made all the others four times as large."""
    content = json.dumps("a" * 1000).replace("aaa", f"a{text}a", 1).encode(encoding)
    assert len(json.loads(content)) * width <= content_coding.memory_of(content)[1] // 3
    if encoding == "utf-8":
        assert content_coding.memory_of(content)[1] == len(content) * width * 3


@pytest.mark.parametrize("told", [b'"' + b"x" * 9_000_000 + b'"', b"[" + b"{}," * 400_000 + b"0]"])
def test_of_an_action_no_more_is_read_than_one_may_have(told: bytes) -> None:
    """`list` asks for eight at a time."""
    body = b'{"name": "a", "namespace": "guest", "annotations": [{"key": "a", "value": ' + told + b"}]}"
    tracemalloc.start()
    with answering("gzip", gzip.compress(body)) as (address, _), OpenWhisk(Settings(address, KEY)) as whisk:
        with pytest.raises(OpenWhiskError, match=r"larger than|more values and text"):
            whisk.get_action("a")
        most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 0.3 * content_coding.HARMLESS


@contextmanager
def holding_back(jobs: int, body: bytes) -> Iterator[str]:
    """The address of a server that sends the last bytes of its answers when `jobs` have begun."""
    begun = threading.Barrier(jobs)

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body[:-8])
            begun.wait(30)
            time.sleep(0.5)  # so that all that was sent has been read
            self.wfile.write(body[-8:])

    with serving(Handler) as address:
        yield address


def test_answers_on_their_way_take_what_has_come_of_them() -> None:
    """`map` had as many large ones as it has jobs: 2 GB of 61 kB each, whose ends were held back."""
    jobs, length = 8, 16_000_000

    async def lengths(address: str) -> list[int]:
        transport = AsyncTransport(jobs=jobs)

        async def one() -> int:
            return len((await transport.run(_sent(address))).response.content)  # type: ignore[union-attr]

        try:
            return await asyncio.gather(*(one() for _ in range(jobs)))
        finally:
            await transport.close()

    with holding_back(jobs, gzip.compress(b"0" * length)) as address:
        tracemalloc.start()
        try:
            assert asyncio.run(lengths(address)) == [length] * jobs
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 3 * length


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_no_answer_is_kept_while_another_is_waited_for(status: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, waits = [], []
    whole = transport_module._whole

    def noted(*arguments: Any) -> httpx.Response:
        response = whole(*arguments)
        answers.append(weakref.ref(response))
        return response

    def on_sleep(sleep: Sleep) -> None:
        waits.append([answer() for answer in answers])
        sleep.__dict__["seconds"] = 0.0

    monkeypatch.setattr(transport_module, "_whole", noted)
    policy = Policy(attempts=2, patience=0.5, first_wait=0.2)
    with answering("gzip", SMALL, status) as (address, _):
        steps = exchange(httpx.Request("GET", address), policy, None)
        if kind == "blocking":
            SyncTransport(on_sleep=on_sleep).run(steps)
        else:
            asyncio.run(AsyncTransport(on_sleep=on_sleep).run(steps))
    assert waits
    assert set(waits[0]) == {None}


def test_an_error_of_a_coding_keeps_nothing_of_the_body() -> None:
    """It is kept itself while the request is sent again."""
    body = content_coding.Body("gzip")
    body.add(gzip.compress(b"0" * 16_000_000)[:-4])
    tracemalloc.start()
    try:
        with pytest.raises(content_coding.Undecodable, match="ends too early") as _raised:
            body.whole()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_a_map_of_millions_of_pixels_is_an_answer() -> None:
    body = content_coding.Body("gzip")
    body.add(gzip.compress(b"[" + b"0," * 8_294_400 + b"0]"))  # of 3840 by 2160
    assert len(body.whole()) == 16_588_803


def test_no_error_of_megabytes_is_read_and_base64_takes_what_it_is_long() -> None:
    error = b"[" + b"{}," * 400_000 + b"{}]"
    response = requests.Response()
    response.status_code, response.url = 502, "http://x"
    response._content = error
    packed = {"headers": {"content-type": "application/json"}, "body": "MTIz" * 1_000_000}
    tracemalloc.start()
    assert error_of_response(response).message.startswith("http://x answered 502")
    assert reply(error, content_type="application/json").message().startswith("[{},{},")
    assert reply_of_result(packed, "a").body == b"123" * 1_000_000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000


def test_no_list_is_longer_than_was_asked_for() -> None:
    many = json.dumps([{"activationId": "a", "name": "p", "namespace": "guest"}] * 300).encode()
    with answering("", many) as (address, _), OpenWhisk(Settings(address, KEY, namespace="_")) as whisk:
        assert len(whisk.list_activations("x", limit=10)) == 10
        assert len(whisk.list_activations("x", limit=200)) == 200
        with pytest.raises(OpenWhiskError, match="lists 1 things and then the same again"):
            whisk.list_packages()


@pytest.mark.parametrize("more", [b"y", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_model_s_health_in_a_trickle_is_none(more: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "_LOAD_PATIENCE", 0.5)
    monkeypatch.setattr(local_model, "_HEALTH_SECONDS", 0.2)

    async def destroyed() -> None:
        pass

    with trickling(b"" if more[:1] == b"H" else HEAD + b"X: ", more) as address:
        at = ("127.0.0.1", int(address.rpartition(":")[2]))
        said = SimpleNamespace(take=list)
        container = SimpleNamespace(address=at, ended=False, destroy=destroyed, log=said)
        with pytest.raises(local_model.NoModel, match="the model did not load"):
            asyncio.run(local_model._loaded(container))  # type: ignore[arg-type]


@pytest.mark.parametrize("coding", ["", "gzip", "gzip, gzip"])
def test_a_model_s_health_is_its_status_alone(coding: str) -> None:
    body = {"": ZEROS, "gzip": BOMB, "gzip, gzip": gzip.compress(BOMB)}[coding]
    tracemalloc.start()
    with answering(coding, body) as (address, _):
        at = ("127.0.0.1", int(address.rpartition(":")[2]))
        asyncio.run(local_model._loaded(SimpleNamespace(address=at, ended=False)))  # type: ignore[arg-type]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 0.2 * content_coding.HARMLESS


@CLIENTS
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", SMALL),
        ("X-GZip", SMALL),
        ("deflate", zlib.compress(b"small")),
        ("gzip", gzip.compress(b"sm") + gzip.compress(b"") + gzip.compress(b"all")),
        ("identity, gzip", SMALL),
        ("identity", b"small"),
        ("", b"small"),
    ],
    ids=range(7),  # what gzip makes isn't the same in each worker
)
def test_one_coding_is_undone(client: Callable[[str], bytes | str], coding: str, body: bytes) -> None:
    with answering(coding, body) as (address, accepted):
        assert client(address) == b"small"
    assert accepted == ["gzip"]
    with answering(coding, b"") as (address, accepted):
        assert client(address) == b""


def test_the_headers_of_an_answer_are_those_of_its_body() -> None:
    transport = SyncTransport()
    with answering("gzip", SMALL) as (address, _):
        response = transport.run(_sent(address)).response
    transport.close()
    assert response is not None
    assert (response.headers["x-y"], "content-encoding" in response.headers) == ("z", False)


@pytest.mark.parametrize("client", [by_model, by_async_model])
def test_an_answer_without_end_is_left(client: Callable[..., bytes | str], monkeypatch: pytest.MonkeyPatch) -> None:
    with answering("", b"x", pause=0.05) as (address, _):  # never still for as long as a read may take
        assert "went on and on" in str(client(address, seconds=0.5))
    monkeypatch.setattr(transport_module, "_MOST", 10_000_000)
    with answering("", b"x" * 1_000_000, pause=0) as (address, _):
        assert "is larger than" in str(client(address))


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@CLIENTS
@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"HTTP/1.1 200 ", b"O"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"X: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED + b"1;", b"x"),
        (CHUNKED + b"0\r\nX: ", b"y"),
    ],
    ids=["reason", "headers", "a header", "informational", "body", "chunks", "a chunk's head", "trailer"],
)
def test_an_answer_in_a_trickle_is_left(
    client: Callable[..., bytes | str], begin: bytes, more: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never still for as long as a read may take, so that no bound of a read's ends it."""
    monkeypatch.setattr(session, "_WHOLE_SECONDS", 0.2)
    with trickling(begin, more) as address:
        said = client(address, seconds=0.2)
    assert re.search("went on and on|came to no end|took the request but didn't answer in time", str(said))


def test_who_takes_a_request_in_a_trickle_is_left() -> None:
    transport = SyncTransport(seconds=0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        taker = threading.Thread(target=_take, args=(listener,))
        taker.start()
        sent = transport.run(_sent(address, "POST", bytes(100_000_000)))
        transport.close()
        taker.join()
    assert isinstance(sent.failure, httpx.WriteTimeout)


def _take(listener: socket.socket) -> None:
    """All that comes of one request, slowly, but always some of it before the next write is too late."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        while connection.recv(200_000):
            time.sleep(0.02)


@contextmanager
def trickling(begin: bytes, more: bytes) -> Iterator[str]:
    """The address of a server that answers with `begin`, and then `more` again and again."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # by whom had enough
                self.request.recv(65_536)
                self.request.sendall(begin)
                while True:
                    time.sleep(0.02)
                    self.request.sendall(more)

    with serving(Handler) as address:
        yield address


def test_more_than_an_answer_of_the_platform_s_may_be_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_MOST", 1_000)
    for coding, body in (("", b"x" * 1_001), ("gzip", bomb(1_001))):
        with answering(coding, body) as (address, _):
            assert "is larger than 1,000 bytes" in str(by_platform(address))
    with answering("", b"x" * 1_000) as (address, _):
        assert by_platform(address) == b"x" * 1_000


def test_a_bomb_in_an_activation_s_record() -> None:
    import base64

    packed = bomb(4 * content_coding.HARMLESS)
    headers = {"content-encoding": "gzip", "content-type": "image/png"}
    result = {"statusCode": 200, "headers": headers, "body": base64.b64encode(packed).decode()}
    tracemalloc.start()
    reply = reply_of_result(result, "a")
    assert tracemalloc.get_traced_memory()[1] < 2.2 * content_coding.HARMLESS
    tracemalloc.stop()
    assert reply.body == packed
    assert content_coding.inflated(gzip.compress(b"x")) == b"x"
    assert content_coding.inflated(b"no gzip") == b"no gzip"


def reply(body: bytes, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply_of_response(httpx.Response(500, headers=named, content=body))


WISH = Wish("me/m:1")
PLAN = make_plan(WISH, None, NamespaceLimits())


@pytest.mark.parametrize(
    "work",
    [
        lambda: lowered_by_refusal(PLAN, WISH, "a" * 300_000),
        lambda: lowered_by_refusal(PLAN, WISH, "1" * 300_000 + " exceeds allowed threshold of "),
        lambda: lowered_by_refusal(PLAN, WISH, "1 a" * 100_000),
        lambda: timing_of("a" * 60_000),
        lambda: timing_of("a;" * 30_000),
        lambda: timing_of("a;dur=" + "1" * 60_000),
        lambda: timing_of(",".join(["a;dur=1." + "1" * 100] * 500)),
        lambda: reply(b"", content_disposition="attachment" + ';"' * 3_000_000, content_type="image/png").value(),
        lambda: reply(b"", content_type="text/html; " + 'a="b";' * 1_000_000).value(),
        lambda: reply(b"<script" * 1_000_000, content_type="text/html").message(),
        lambda: reply(b"<" * 8_000_000, content_type="text/html").message(),
        lambda: [reply(b"<style" * 3_000, content_type="text/html").message() for _ in range(2_000)],
        lambda: [reply(b"<title></" * 2_000, content_type="text/html").message() for _ in range(2_000)],
        lambda: reply(b"[" * 1_000_000, content_type="application/json").message(),
        lambda: reply(b"a-" + b"b" * 500_000, content_type="text/plain; charset=punycode").value(),
        lambda: reply(b"x" * 500_000, content_type="text/plain; charset=idna").value(),
        lambda: reply(b"x", content_type="text/plain; charset=zlib").value(),
    ],
    ids=range(17),
)
def test_no_answer_takes_more_time_than_its_length(work: Callable[[], object]) -> None:
    """Each took minutes to ages; the test's own time limit tells."""
    work()


TIMES_TO_WAIT = [
    "nan",
    "-5",
    "0",
    "inf",
    "1e999",
    "9" * 400,
    "\u0663",
    "Mon, 1 Jan 2024 00:00:00 +99999999999999",
    "Mon, 1 Jan 99999999999 00:00:00 GMT",
    "Mon, 1 Jan 2024 00:00:00 GMT",
]


def ended(steps: Steps[Reply], come_of: Callable[[Step], Sent | None], most: int = 10_000) -> Reply:
    """What the steps lead to, within so many."""
    try:
        step = next(steps)
        for _ in range(most):
            step = steps.send(come_of(step))
    except StopIteration as end:
        return end.value
    raise AssertionError(f"no end after {most} steps")


@pytest.mark.parametrize("told", TIMES_TO_WAIT, ids=range(len(TIMES_TO_WAIT)))
def test_no_time_to_wait_that_is_told_makes_a_call_endless(told: str) -> None:
    headers = {"retry-after": told.encode(), "date": b"Mon, 01 Jan 2024 00:00:00 GMT"}
    busy = httpx.Response(429, headers=headers, content=b"{}")
    steps = exchange(httpx.Request("GET", "http://x"), Policy(patience=60.0), None)
    waited = 0.0

    def come_of(step: Step) -> Sent | None:
        nonlocal waited
        if isinstance(step, Sleep):
            assert step.seconds > 0
            waited += step.seconds
            return None
        return Sent(busy, None, 0.0)

    assert ended(steps, come_of).status == 429
    assert waited <= 60.0


@pytest.mark.parametrize("told", TIMES_TO_WAIT, ids=range(len(TIMES_TO_WAIT)))
def test_a_platform_s_time_to_wait_is_one(told: str) -> None:
    response = requests.Response()
    response.status_code, response.raw = 429, io.BytesIO(b"{}")
    response.headers["retry-after"] = told
    seconds = error_of_response(response).retry_after
    assert seconds is not None
    assert 1 <= seconds < 1e9


CHARSETS = [*(module.name for module in pkgutil.iter_modules(encodings.__path__)), "no-such", "a\0b", "é", "\ud800", ""]


@pytest.mark.parametrize("charset", CHARSETS, ids=ascii)
def test_any_charset_may_be_named(charset: str) -> None:
    """One of Python's raises whatever it is given, some make no texts, and some warn of what they are given."""
    headers = {"content-type": f"text/plain; charset={charset}"}
    assert isinstance(reply_of_result({"body": r"hello \]", "headers": headers}, "a").value(), str)
    assert isinstance(container_client._decode(rb"hello \]", headers["content-type"].encode("utf-8", "replace")), str)
    assert isinstance(file_name_of(f"attachment; filename*={charset}''hello%5c%5d.txt"), str)


@pytest.mark.parametrize("charset", ["cp1252", "utf-7", "iso8859-6"])
def test_a_long_text_in_a_charset_that_lacks_its_bytes_is_none(charset: str) -> None:
    """61 kB in gzip took 14 seconds in which no other call of the same loop went on."""
    garbled = b"\x81\xff" * 600_000
    with pytest.raises(ModelError, match=f"a long text that isn't in {charset}"):
        reply(garbled, content_type=f"text/plain; charset={charset}").value()
    assert len(reply(b"a" * 2_000_000, content_type=f"text/plain; charset={charset}").value()) == 2_000_000
    assert "\ufffd" in reply(b"a\xff\x81", content_type=f"text/plain; charset={charset}").value()
    for fast in ("utf-8", "ascii", "unknown"):
        assert len(reply(garbled, content_type=f"text/plain; charset={fast}").value()) == len(garbled)


def test_a_name_in_a_charset() -> None:
    assert file_name_of("attachment; filename*=UTF-8''%e2%82%ac.txt") == "€.txt"
    assert file_name_of("attachment; filename*=undefined''a%41.txt") == "aA.txt"
    assert file_name_of(f"attachment; filename*{'1' * 5_000}=a.txt") == ""
    headers = {"content-type": "text/plain; charset=undefined"}
    assert reply_of_result({"body": "é", "headers": headers}, "a").value() == "é"


@pytest.mark.parametrize(
    "result",
    [
        {"body": "x", "headers": ["no", "object"]},
        {"body": "x", "headers": {"a": "é", "é": "\ud800", "content-type": "\ud800"}},
        {"body": "x", "statusCode": float("inf")},
        {"body": "é", "headers": {"content-type": "image/png"}},
        {"body": {"a": "\ud800"}},
        {"a": "\ud800"},
    ],
    ids=range(6),
)
def test_an_activation_s_record_may_hold_anything(result: dict[str, object]) -> None:
    reply_of_result(result, "a").value()


def test_json_nested_too_deeply_is_a_model_s_error() -> None:
    with pytest.raises(ModelError, match="no JSON"):
        reply(b"[" * 1_000_000, content_type="application/json").value()


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [800, *range(960, 1000, 2), 200_000])
def test_an_activation_s_result_nested_too_deeply_is_an_error_with_a_message(levels: int) -> None:
    """What was just about read couldn't be written again."""
    deep = nested(levels)
    assert len(error_text({"error": deep})) < 2 * levels + 2
    for result in ({"a": deep}, {"error": deep}, {"body": deep}, {"body": "", "headers": {"a": deep}}):
        try:
            written = len(reply_of_result(result, "a").headers["content-type"]) > 0
        except ModelError as problem:
            written = "nested too deeply" not in problem.message
        assert written or levels > 800
        assert not written or levels < 100_000


@pytest.mark.parametrize("identity", ["=cmd|' /C calc'!A0", "../../x", "a\tb", "\u202e", "x" * 65])
def test_an_activation_s_id_is_one(identity: str) -> None:
    assert reply(b"", x_openwhisk_activation_id=identity.encode("ascii", "replace").decode()).activation is None
    assert reply(b"", x_openwhisk_activation_id="0f" * 16).activation == "0f" * 16


def described(*fields: dict[str, object], consumes: str = "multipart/form-data") -> dict[str, object]:
    asked = [{"in": "formData", "type": "string", "required": True, **field} for field in fields]
    return {"swagger": "2.0", "paths": {"/model/predict": {"post": {"consumes": [consumes], "parameters": asked}}}}


# A curl line of a model's own Swagger is there to be pasted into a shell.
HOSTILE_FIELDS: list[dict[str, object]] = [
    {"name": "$(touch pwned)", "type": "file"},
    {"name": "$(touch pwned)"},
    {"name": "`touch pwned`", "default": "$(touch pwned)"},
    {"name": "x", "default": "'; touch pwned; '"},
    {"name": "$(sed -n s/^AUTH", "default": "//p ~/.wskprops)"},  # together what is ours to ask the shell for
    {"name": "x", "default": "@secret"},
    {"name": "x", "default": "<secret"},
    {"name": "x", "default": "y;type=@secret"},
    {"name": "x=@secret;y", "type": "file"},
    {"name": "x=@secret;y"},
    {"name": "@secret", "default": ""},
    {"name": "-K secret"},
]


@pytest.mark.parametrize("consumes", ["multipart/form-data", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("field", HOSTILE_FIELDS, ids=range(len(HOSTILE_FIELDS)))
def test_a_model_s_curl_line_runs_no_command_and_sends_no_file(
    field: dict[str, object], consumes: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("top secret")
    (tmp_path / ".wskprops").write_text("AUTH=top secret\n")
    (tmp_path / "FILE").write_text("mine")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/web/guest/default/m"
        line = curl_line(url, described(field, consumes=consumes), "m", folder=tmp_path).command
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        with subprocess.Popen(["sh", "-c", line + " -m 20"], cwd=tmp_path, env=environment, stderr=PIPE) as curl:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                got = b"".join(iter(stream.readline, b"\r\n"))
                length = re.search(rb"Content-Length: (\d+)", got)
                got += stream.read(int(length[1]) if length else 0)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            curl.communicate()
    assert b"top secret" not in got
    assert not (tmp_path / "pwned").exists()


ELSEWHERE = [
    "@127.0.0.1:18933/containers/create",
    ":2375/containers/create",
    "1/x",
    ".evil.example/x",
    "http://evil.example/x",
    "\\\\evil.example\\x",
    "x",
    "/../../../../namespaces/_/actions/x",
    "/%2e%2e/%2E%2e/x",
    "/..\\x",
    "/a\x00",
    "/\ud800",
]


@pytest.mark.parametrize("path", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_no_path_that_a_model_describes_leads_to_others(path: str) -> None:
    document = {"swagger": "2.0", "paths": {path: {"post": {"parameters": [{"in": "query", "name": "text"}]}}}}
    with pytest.raises(InterfaceError, match="is no path below"):
        swagger.interface_of(document)
    with pytest.raises(InterfaceError, match="is no path below"):
        specification.interface_of({"inputs": [], "path": path})
    assert curl_line("http://model", document, "m").command == "curl http://model/model/metadata"
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.url.path))
        body = httpx.ByteStream(json.dumps(document).encode())
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=body)

    transport = SyncTransport()
    transport._http = httpx.Client(transport=httpx.MockTransport(answer))
    with pytest.raises(InterfaceError):
        transport.run(Calls("http://model", headers={"X-Api-Key": "mine"}).answer({"text": "private"}))
    assert asked == [("model", "/swagger.json")]


@pytest.mark.parametrize("address", ["http://model", "http://me:key@model:5000", "https://host/api/v1/web/guest/m"])
def test_what_is_below_an_address_has_its_host(address: str) -> None:
    here = httpx.URL(address)
    for path in ("", "/", "/model/predict", "//evil.example/x", "/@evil", "/a b", "/{id}?x=@evil", "/..x", "/é"):
        url = url_below(address, path)
        assert (url.scheme, url.userinfo, url.netloc) == (here.scheme, here.userinfo, here.netloc)
        assert url.path.startswith(here.path.rstrip("/"))
    up = [] if here.path == "/" else ["/../../../../../x"]
    for path in ("@evil/x", ":81/x", ".evil/x", "x", "/a\x00", "/\ud800", *up):
        with pytest.raises(InterfaceError):
            url_below(address, path)


def many(count: int, schema: str) -> dict[str, object]:
    return {"properties": {f"p{at}": {"$ref": f"#/definitions/{schema}"} for at in range(count)}}


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": many(7, "A")},  # 433 bytes made a line of 58 MB
        {"A": {**many(40, "A"), "required": [f"p{at}" for at in range(40)]}},
        {"A": {"type": "array", "items": many(40, "A")}},
        {**{"A" * at: many(40, "A" * (at + 1)) for at in range(1, 9)}, "A" * 9: {"type": "string"}},
        {"A": many(1_000, "B"), "B": {"example": "x" * 5_000}},
        {"A": many(1_000, "B"), "B": {"enum": ["x" * 5_000]}},
        {"A": many(1_000, "B"), "B": {"type": "number", "minimum": "x" * 5_000}},
        {"A": many(1_000, "B"), "B": {}},
        {"A": {"example": "x" * 100_000}},
    ],
    ids=range(9),
)
def test_a_schema_of_itself_makes_no_long_curl_line(schemas: dict[str, object]) -> None:
    asked = {"in": "body", "name": "b", "schema": {"$ref": "#/definitions/A"}}
    document = {"paths": {"/model/predict": {"post": {"parameters": [asked]}}}, "definitions": schemas}
    tracemalloc.start()
    try:
        made = curl_line("http://model", document, "m")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(made.command) <= 16_000
    assert peak < 2_000_000


class Counted(str):
    """A name that counts how often it is looked at."""

    looks = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return str.__eq__(self, other)


def test_each_name_that_is_needed_is_looked_for_once() -> None:
    Counted.looks = 0
    schema = {"properties": {f"a{at}": {} for at in range(1_000)}, "required": [Counted(f"a{at}") for at in range(999)]}
    asked = {"in": "body", "name": "b", "schema": schema}
    found = swagger.interface_of({"paths": {"/model/predict": {"post": {"parameters": [asked]}}}})
    assert [field.required for field in found.inputs] == [True] * 999 + [False]
    assert Counted.looks < 10_000


def test_each_input_that_is_given_is_found_at_once() -> None:
    """200 of 60,000 took a second for each input; so did a specification of 9,000."""
    fields = tuple(Field(Counted(f"a{at}"), id=Counted(f"i{at}")) for at in range(1_000))
    interface = Interface("POST", "/", "json", fields)
    described = [{"name": Counted(f"a{at}")} for at in range(1_000)]
    Counted.looks = 0
    assert [field.name for field, _ in check(interface, {f"i{at}": 1 for at in range(1_000)})] == [
        f"a{at}" for at in range(1_000)
    ]
    assert len(specification.interface_of(described).inputs) == 1_000
    with pytest.raises(InterfaceError, match="two inputs called a998"):
        specification.interface_of([*described, {"name": Counted("a998")}, {"name": Counted("a999")}])
    assert Counted.looks < 20_000


@pytest.mark.parametrize(
    ("limit", "size", "problem"),
    [(None, 2**28 + 1, "268,435,457 bytes, of 268,435,456 that are taken"), (1_000, 1_001, "takes 1,000 at most")],
)
def test_no_file_is_read_that_is_larger_than_is_taken(
    tmp_path: Path, limit: int | None, size: int, problem: str
) -> None:
    """One of 1.5 GB, of which nothing is on the disk, took 6 GB for each of `map`'s jobs."""
    path = tmp_path / "sparse.png"
    path.touch()
    os.truncate(path, size)
    interface = Interface("POST", "/", "multipart", (Field("image", kind="file"),))
    calls = Calls("http://model", given=interface, limit=limit)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=f"^image: .*{problem}"):
            SyncTransport().run(calls.reply({"image": path}))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"x" * 100_000), daemon=True).start()
    assert len(file_part("f", tmp_path / "pipe", 2**28).content) == 100_000
    threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"x" * 100), daemon=True).start()
    with pytest.raises(InputError, match="f: the request would be 11 bytes with it, and the platform takes 10 at most"):
        file_part("f", tmp_path / "pipe", 10)


class CountedNumber(int):
    """A choice that counts how often it is looked at."""

    looks = 0
    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        CountedNumber.looks += 1
        return int.__eq__(self, other)

    def __lt__(self, other: int) -> bool:
        CountedNumber.looks += 1
        return int.__lt__(self, other)


@pytest.mark.parametrize("step", [1, sys.hash_info.modulus], ids=["one by one", "of one hash"])
def test_each_of_many_numbers_is_found_among_many_choices(step: int) -> None:
    """The numbers of one picture took a minute."""
    choices = [CountedNumber(at * step) for at in range(3_000)]
    schema = {"properties": {"pixels": {"type": "array", "items": {"enum": choices}}}}
    asked = {"in": "body", "name": "b", "schema": schema}
    interface = swagger.interface_of({"paths": {"/model/predict": {"post": {"parameters": [asked]}}}})
    CountedNumber.looks = 0
    check(interface, {"pixels": [at * step for at in range(3_000)]})
    with pytest.raises(InputError, match=r"pixels\[1\]: must be one of 0, .* and 2,980 more, not 7.5"):
        check(interface, {"pixels": [0, 7.5]})
    assert CountedNumber.looks < 200_000


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#/long"}}, "required": ["a"] * 1_000},
        {"properties": {f"a{at}": {"$ref": "#/long"} for at in range(1_000)}},
        {"properties": {f"a{at}": {"$ref": "#/short"} for at in range(1_000)}},
        {"properties": {f"a{at}": {"allOf": [{"$ref": "#/short"}]} for at in range(1_000)}},
    ],
    ids=["required", "properties", "chain", "allOf"],
)
def test_each_reference_is_followed_once(schema: dict[str, object]) -> None:
    """With a name of a megabyte each takes a millisecond."""
    followed = []

    class Document(dict[str, object]):
        def __getitem__(self, name: str) -> object:
            followed.append(name)
            return dict.__getitem__(self, name)

    asked = {"in": "body", "name": "b", "schema": {"properties": {"o": {**schema, "type": "object"}}}}
    paths = {"/model/predict": {"post": {"parameters": [asked]}}}
    document = Document(paths=paths, long={}, short={"$ref": "#/long"})
    curl_line("http://model", document, "m")
    assert len([name for name in followed if name != "paths"]) <= 4


def test_many_fields_of_one_schema_have_its_choices_together() -> None:
    """Copies of a list of 50 kB for each of 3,000 fields were 670 MB."""
    properties = {f"a{at}": {"$ref": "#/s"} for at in range(1_000)}
    asked = {"in": "body", "name": "b", "schema": {"properties": properties}}
    query = [{"in": "query", "name": "q", "enum": [0] * 1_000}]
    paths = {"/model/predict": {"parameters": [asked], "post": {"parameters": query * 1_000}}}
    schema = {"type": "array", "items": {"enum": [0] * 1_000}, "enum": [0] * 1_000}
    found = swagger.interface_of({"paths": paths, "s": schema})
    assert [field.name for field in found.inputs] == [*properties, "q"]
    assert len({id(field.choices) for field in found.inputs}) == 2
    assert len({id(field.items) for field in found.inputs}) == 2


@pytest.mark.parametrize(
    "said",
    [
        {"type": "string", "default": "x" * 10_000},
        {"type": "string", "format": "binary", "description": "x" * 10_000},
    ],
)
def test_a_value_of_many_fields_is_written_no_more_often_than_a_line_may_be_long(said: dict[str, object]) -> None:
    properties = {f"a{at}": {"$ref": "#/s"} for at in range(1_000)}
    content = {"multipart/form-data": {"schema": {"properties": properties, "required": [*properties]}}}
    document = {"paths": {"/model/predict": {"post": {"requestBody": {"content": content}}}}, "s": said}
    tracemalloc.start()
    try:
        made = curl_line("http://model", document, "m")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.command == "curl http://model/model/metadata"
    assert peak < 4_000_000


@pytest.mark.parametrize("field", [{"in": "query", "default": "x" * 20_000}, {"in": "formData", "type": "file"}])
def test_a_line_that_would_be_too_long_asks_for_a_page(field: dict[str, object]) -> None:
    field = {"name": "n", "required": True, "description": "x" * 20_000, **field}
    document = {"paths": {"/model/predict": {"post": {"parameters": [field]}}}}
    made = curl_line("http://model", document, "m")
    assert (made.command, made.note) == ("curl http://model/model/metadata", "")


@pytest.mark.parametrize(
    "said",
    [
        {"type": "integer", "minimum": "x"},
        {"type": "integer", "minimum": [1]},
        {"type": "number", "minimum": float("inf"), "maximum": float("nan")},
        {"type": "integer", "minimum": True},
        {"default": "\ud800"},
        {"name": "\ud800"},
        {"default": [[[]]], "enum": {}},
    ],
    ids=range(7),
)
def test_no_description_ends_a_deployment_that_succeeded(said: dict[str, object]) -> None:
    field = {"in": "query", "name": "n", "required": True, **said}
    document = {"paths": {"/model/predict": {"post": {"parameters": [field]}}}}
    action = Action.from_json({"name": "m", "namespace": "guest"})
    with answering("", json.dumps(document).encode()) as (address, _), OpenWhisk(Settings(address, KEY)) as whisk:
        whisk._own_namespaces = ["guest"]
        command = curl_line_module.ask(whisk, action).command
    assert shown(command).encode().startswith(b"curl ")
    with contextlib.suppress(InterfaceError):
        for bound in [(found.minimum, found.maximum) for found in swagger.interface_of(document).inputs]:
            assert all(end is None or abs(end) < float("inf") for end in bound)


def test_an_embedding_s_options_are_words_for_a_shell() -> None:
    for pointer, by in (
        ("/x'; touch pwned; echo '", "l$(touch pwned)"),
        ("/e/*/p", "`touch pwned`"),
        ("/a b", None),
        ("/e", ""),
    ):
        words = ["--embedding", f"answer:{pointer}", *([] if by is None else ["--by", by])]
        assert shlex.split(Candidate(pointer, 2, by).options) == words


@pytest.mark.parametrize("name", ["x;touch pwned", "x`touch pwned`", "x$(touch pwned)", "x'\"$(touch pwned)'"])
def test_a_command_that_is_advised_runs_no_other(name: str) -> None:
    """Names and images are the platform's words, and what is between backticks is there to be pasted."""
    action = Action.from_json({"name": name, "namespace": "guest", "exec": {"kind": "blackbox", "image": name}})
    said = [failure_of(action, text, NamespaceLimits()).advice for text in ("Failed to pull container image", "?")]
    for limits in (Limits(memory=256), Limits(timeout=60_000)):
        failing = replace(action, limits=limits)
        message = "exhausted its memory" if limits.memory else "exceeded its time limits"
        said.append(failure_of(failing, message, NamespaceLimits()).advice)
    plan = make_plan(Wish("me/m:2"), action, NamespaceLimits())
    deployed = Deployed(replace(action, image="me/m:2"), plan, NamespaceLimits())
    said.append(_with_way_back(Failure("", ""), deployed).advice)
    option = make_plan(Wish("me/m:2"), replace(action, image="--host=https://evil.example"), NamespaceLimits())
    optional = _with_way_back(Failure("", ""), replace(deployed, plan=option)).advice
    command = re.search(r"`(modelwhisk .*)`", optional)
    assert command
    assert shlex.split(command[1]) == ["modelwhisk", "deploy", "--", action.path, "--host=https://evil.example"]
    with little_openwhisk() as platform:
        platform.actions["x"] = {"name": name, "namespace": "guest", "annotations": []}
        said.append(CliRunner().invoke(main, ["url", "x", "--host", platform.host, "-u", KEY]).stderr)
    for advice in said:
        command = re.search(r"`((?:modelwhisk|docker) .*)`", advice)
        assert command, advice
        assert name in shlex.split(command[1]), advice


@pytest.mark.parametrize("command", [["logs", "x"], ["logs", "x", "--json"], ["status", "x"], ["list", "--json"]])
def test_half_a_surrogate_pair_ends_no_command(command: list[str]) -> None:
    with little_openwhisk() as platform:
        kind = [{"key": "exec", "value": "blackbox"}]
        platform.actions["x"] = {"name": "x", "namespace": "guest", "version": "\ud800", "annotations": kind}
        for text in ("half \ud800 a pair", "after it"):
            line = f"2026-01-01T00:00:00Z stdout: {text}"
            platform.models["x"] = lambda *_, line=line: Outcome(logs=(line,))
            with OpenWhisk(Settings(platform.host, KEY)) as whisk:
                whisk.invoke("x", {})
        ran = CliRunner().invoke(main, [*command, "--host", platform.host, "-u", KEY])
    assert ran.exit_code == 0, ran.output
    assert "\ufffd" in ran.output or "\\ud800" in ran.output
    assert ("after it" in ran.output) == (command[0] == "logs")


def shown_on_a_terminal(body: bytes, content_type: str = "application/json") -> str:
    """What `invoke` shows of an answer."""
    terminal = Terminal()
    output.write(reply(body, content_type=content_type), None, terminal, Console(file=io.StringIO()))
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.mark.parametrize(
    ("body", "state", "title"),
    [
        (b'{"info": null}', "ready", ""),
        (b'{"info": [1]}', "ready", ""),
        (b'{"info": {"title": {"a": 1}, "version": 2}}', "ready", ""),
        (b'{"info": {"title": "MAX"}}', "ready", "MAX"),
        (b"[]", "ready", ""),
        (b"no JSON", "failing", ""),
        (b"[" * 100_000, "failing", ""),
    ],
)
def test_no_description_ends_who_watches_models(body: bytes, state: str, title: str) -> None:
    """A loop over many ended by the words of one."""
    found = _status_of(replace(reply(body, content_type="application/json"), status=200))
    assert (found.state, found.title, found.version) == (state, title, "")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "image/png", "application/octet-stream"])
def test_what_a_terminal_is_named_for_steers_it_no_more(content_type: str) -> None:
    """As `-o -`, which on a terminal wrote all bytes as they are."""
    terminal = Terminal()
    answer = reply(f"a{STEERING}b".encode(), content_type=content_type)
    output.write(answer, "-", terminal, Console(file=io.StringIO()))
    said = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert is_harmless(said)
    assert "title" in said
    pipe = io.TextIOWrapper(io.BytesIO())
    output.write(answer, "-", pipe, Console(file=io.StringIO()))
    assert pipe.buffer.getvalue() == answer.body


@pytest.mark.parametrize("levels", [1, 800])
def test_an_answer_on_a_terminal_takes_no_more_than_it_is_worth(levels: int) -> None:
    """By its indentation each number of 800 levels had 1,600 characters, and each that was coloured a kilobyte."""
    body = b"[" * levels + b"1," * 100_000 + b"1" + b"]" * levels
    tracemalloc.start()
    try:
        said = shown_on_a_terminal(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert json.loads(said) == json.loads(body)
    assert ("\n" in said.strip()) == (levels == 1)
    assert len(said) < 1_000_000
    assert peak < 60_000_000


def test_json_on_a_terminal_is_indented() -> None:
    assert shown_on_a_terminal(b'{"a":[1,"\xc2\x9b"]}') == '{\n  "a": [\n    1,\n    "\\u009b"\n  ]\n}\n'
    assert shown_on_a_terminal(b"[1, 2") == "[1, 2\n"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("\U0001f600".encode() + b"a" * 8_000_000, "text/plain"),
        ("\U0001f600".encode() + b"\x01" * 8_000_000, "text/plain"),
        ("\u4e00\x01".encode() * 2_000_000, "text/plain"),
        (b'"' + "\U0001f600\x85".encode() * 1_000_000 + b'"', "application/json"),
    ],
)
def test_a_long_text_is_shown_piece_by_piece(body: bytes, content_type: str) -> None:
    """61 kB in gzip took a gigabyte: by one emoji all characters had four bytes, in each of some copies."""

    class Counting(Terminal):
        length = 0

        def write(self, text: str) -> int:
            self.length += len(text)
            return len(text)

    terminal = Counting()
    tracemalloc.start()
    try:
        output.write(reply(body, content_type=content_type), None, terminal, Console(file=io.StringIO()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert terminal.length == len(body.decode()) + 1
    assert peak < 5_000_000


def test_a_long_text_s_characters_are_whole() -> None:
    text = "a" + "\u4e00\U0001f600é\n" * 30_000
    assert shown_on_a_terminal(text.encode(), "text/plain") == text
    assert shown_on_a_terminal(text.encode()[:-1] + b"\xf0", "text/plain") == text[:-1] + "\ufffd\n"
    assert shown_on_a_terminal(b"", "text/plain") == "\n"


@pytest.mark.parametrize("pair", ["\x85", "\u4e00\x85", "a\x85"])
def test_what_steers_is_replaced_in_the_memory_of_the_text(pair: str) -> None:
    """Each that was escaped had an object, and what was between two: 64 MB took 2.5 GB."""
    text = pair * 1_000_000
    for replaced, grown in ((shown, 1), (json_shown, 6)):
        tracemalloc.start()
        try:
            said = replaced(text)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "\x85" not in said
        assert peak < 4 * sys.getsizeof(text) * grown + 12_000_000


def test_half_a_surrogate_pair_is_sent() -> None:
    field = Field("x", "string")
    built = request(Interface("POST", "/x", "json", (field,)), "http://x", [(field, "a\ud83dé")])
    assert json.loads(built.content) == {"x": "a\ud83dé"}


def test_half_a_surrogate_pair_is_shown() -> None:
    assert shown("half \ud800 a pair").encode() == "half \ufffd a pair".encode()
    assert json.loads(json_shown({"\ud800": "\udfff"}).encode()) == {"\ud800": "\udfff"}


@pytest.mark.parametrize(
    "proxy", ["socks5://u:SECRET@127.0.0.1:1", "http://u:SECRET@127.0.0.1:x", "ftp://u:SECRET@h:1"]
)
@pytest.mark.parametrize("transport_of", [SyncTransport, AsyncTransport])
def test_a_proxy_that_can_not_be_used_is_told_without_its_password(
    proxy: str, transport_of: type[SyncTransport] | type[AsyncTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ClientError, match="ALL_PROXY names can't be used") as problem:
        transport_of()
    assert "SECRET" not in str(problem.value)


@pytest.mark.parametrize(
    ("fields", "values", "said"),
    [
        ((Field("x", "string", choices=tuple(map(str, range(100_000)))),), {"x": "a"}, "19 and 99,980 more, not 'a'"),
        ((Field("x", "string", choices=("long" * 1_000_000,)),), {"x": "a"}, "longlong"),
        ((Field("long" * 1_000_000, "file", required=True),), {}, "is missing"),
        (tuple(Field(f"x{place}") for place in range(100_000)), {"y": 1}, "x19 (any) and 99,980 more"),
        ((Field("x", minimum=10**4_000),), {"x": 1}, "must be at least"),
    ],
    ids=["choices", "choice", "name", "names", "minimum"],
)
def test_what_is_wrong_with_an_input_is_said_in_a_few_words(
    fields: tuple[Field, ...], values: dict[str, Any], said: str
) -> None:
    """For each input: a description of a megabyte made gigabytes of results."""
    with pytest.raises(InputError) as refused:
        check(Interface("POST", "/x", "json", fields), values)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 5_000


def test_a_curl_line_asks_for_one_url() -> None:
    paths = {"/{a,b}/[1-9]": {"post": {}}}
    line = curl_line("http://model", {"paths": paths}, "m").command
    assert line == "curl -X POST http://model/%7Ba,b%7D/%5B1-9%5D"


def test_an_answer_is_written_over_no_file(tmp_path: Path) -> None:
    (tmp_path / "readings.csv").write_text("mine")
    (tmp_path / "link.png").symlink_to(tmp_path / "elsewhere")
    for name, written in (("readings.csv", "readings-2.csv"), ("link.png", "link-2.png")):
        named = reply(b"theirs", content_type="image/x", content_disposition=f"attachment; filename={name}")
        output.write(named, str(tmp_path), io.TextIOWrapper(io.BytesIO()), Console(file=io.StringIO()))
        assert (tmp_path / written).read_text() == "theirs"
        assert named.value().save(tmp_path).name not in (name, written)
    assert (tmp_path / "readings.csv").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("name", "content_type", "written"),
    [
        *((name, "image/x", "result.bin") for name in ("json.py", "matplotlibrc", "Makefile", "a.pth", "a.png.sh", "")),
        ("json.py", "image/png", "result.png"),
        ("requirements.txt", "image/x", "result.bin"),
        ("package.json", "image/x+json", "result.json"),
        ("Seven.PNG", "image/png", "Seven.PNG"),
        ("speech.wav", "image/x", "speech.wav"),
        ("readings.csv", "image/x", "readings.csv"),
    ],
)
def test_an_answer_in_a_folder_is_no_file_that_programs_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content_type: str, written: str
) -> None:
    """The folder may be where one works, and `json.py` there is what Python imports."""
    named = reply(b"theirs", content_type=content_type, content_disposition=f"attachment; filename={name}")
    ways: dict[str, Callable[[], object]] = {
        "-o .": lambda: output.write(named, ".", Terminal(), Console(file=io.StringIO())),
        "save": lambda: Binary(named.body, named.content_type, named.file_name).save("."),
    }
    if not named.is_json:  # which is shown
        ways["unasked"] = lambda: output.write(named, None, Terminal(), Console(file=io.StringIO()))
    for way, write in ways.items():
        (tmp_path / way).mkdir()
        monkeypatch.chdir(tmp_path / way)
        write()
        assert [path.name for path in (tmp_path / way).iterdir()] == [written]


def test_an_answer_is_written_over_no_file_that_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 400 answers that four processes saved 50 were lost."""
    monkeypatch.setattr(Path, "exists", lambda self: False)  # when it looked
    (tmp_path / "a.bin").write_text("mine")
    named = reply(b"theirs", content_type="image/x", content_disposition="attachment; filename=a.bin")
    assert named.value().save(tmp_path) == tmp_path / "a-2.bin"
    output.write(named, str(tmp_path), io.TextIOWrapper(io.BytesIO()), Console(file=io.StringIO()))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.bin": "mine",
        "a-2.bin": "theirs",
        "a-3.bin": "theirs",
    }


@pytest.mark.parametrize(
    ("command", "path", "status"),
    [
        (["delete", "p", "--all"], f"p/{STEERING}", 1),
        (["list"], f"p/{STEERING}", 0),
        (["status", "p/v"], "p/v", 0),
        (["url", "p/v"], "p/v", 0),
    ],
    ids=["delete", "list", "status", "url"],
)
def test_no_name_of_the_platform_s_steers_the_terminal(command: list[str], path: str, status: int) -> None:
    with little_openwhisk() as platform:
        platform.packages["p"] = {"name": "p", "namespace": "guest"}
        annotations = [{"key": "web-export", "value": True}, {"key": "exec", "value": "blackbox"}]
        platform.actions[path] = {"name": STEERING, "namespace": "guest/p", "annotations": annotations}
        platform.actions[path]["exec"] = {"kind": "blackbox", "image": STEERING}
        ran = CliRunner().invoke(main, [*command, "--host", platform.host, "-u", KEY], color=True)
    assert ran.exit_code == status, ran.output
    assert "title" in ran.output
    assert is_harmless(re.sub(r"\x1b\[[0-9;]*m", "", ran.output))


def test_no_command_s_error_steers_the_terminal() -> None:
    @main.command("steer")
    def steer() -> None:
        raise click.ClickException(STEERING)

    try:
        ran = CliRunner().invoke(main, ["steer"], color=True)
    finally:
        del main.commands["steer"]
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: ")
    assert is_harmless(ran.stderr)
