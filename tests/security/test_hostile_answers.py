"""The client and the tool against answers made to harm: terminals, memory, time, file names, tables."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import tracemalloc
from collections.abc import Callable

import httpx
import pytest
from rich.text import Text

from modelwhisk.client import growth
from modelwhisk.client.answers import Reply, file_name_of, reply_of_response, reply_of_result, timing_of
from modelwhisk.client.errors import ModelError
from modelwhisk.client.exchange import Send, Sent
from modelwhisk.client.transport import AsyncTransport, SyncTransport
from modelwhisk.deploy import logs
from modelwhisk.deploy.failure import Failure
from modelwhisk.local.report import TextReport
from modelwhisk.shown_text import Console, json_shown, shown

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
    from modelwhisk.openwhisk import Activation

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


def test_the_emulator_s_report_takes_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    report = TextReport()
    report.removed([1], [f"[/]{STEERING}"])
    assert is_harmless(capsys.readouterr().out)


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


def bomb(size: int) -> bytes:
    return gzip.compress(b"0" * size)


def carried_out(transport: SyncTransport | AsyncTransport, request: httpx.Request) -> Sent:
    def steps():  # type: ignore[no-untyped-def]
        return (yield Send(request))

    if isinstance(transport, SyncTransport):
        return transport.run(steps())
    return asyncio.run(transport.run(steps()))


@pytest.mark.parametrize("kind", [SyncTransport, AsyncTransport])
def test_a_compressed_bomb_is_no_answer(kind: Callable[[], SyncTransport | AsyncTransport]) -> None:
    content = bomb(growth.HARMLESS + 1)
    small = gzip.compress(b'{"a": 1}')

    def answer(request: httpx.Request) -> httpx.Response:
        body = content if request.url.path == "/bomb" else small
        headers = {"content-encoding": "gzip", "content-type": "application/json", "x-y": "z"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    transport = kind()
    mock = httpx.MockTransport(answer)
    transport._http = httpx.Client(transport=mock) if kind is SyncTransport else httpx.AsyncClient(transport=mock)  # type: ignore[assignment]
    sent = carried_out(transport, httpx.Request("GET", "http://x/bomb"))
    assert sent.response is None
    assert "which no model's answer does" in str(sent.failure)
    sent = carried_out(transport, httpx.Request("GET", "http://x/small"))
    assert sent.response is not None
    assert sent.response.json() == {"a": 1}
    assert (sent.response.headers["x-y"], "content-encoding" in sent.response.headers) == ("z", False)


def test_a_bomb_in_an_activation_s_record() -> None:
    import base64

    packed = bomb(4 * growth.HARMLESS)
    headers = {"content-encoding": "gzip", "content-type": "image/png"}
    result = {"statusCode": 200, "headers": headers, "body": base64.b64encode(packed).decode()}
    tracemalloc.start()
    reply = reply_of_result(result, "a")
    assert tracemalloc.get_traced_memory()[1] < 2.2 * growth.HARMLESS
    tracemalloc.stop()
    assert reply.body == packed
    assert growth.inflated(gzip.compress(b"x")) == b"x"
    assert growth.inflated(b"no gzip") == b"no gzip"


def reply(body: bytes, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply_of_response(httpx.Response(500, headers=named, content=body))


@pytest.mark.parametrize(
    "work",
    [
        lambda: timing_of("a" * 60_000),
        lambda: timing_of("a;" * 30_000),
        lambda: timing_of("a;dur=" + "1" * 60_000),
        lambda: timing_of(",".join(["a;dur=1." + "1" * 100] * 500)),
        lambda: reply(b"<script" * 1_000_000, content_type="text/html").message(),
        lambda: reply(b"<" * 8_000_000, content_type="text/html").message(),
        lambda: reply(b"[" * 1_000_000, content_type="application/json").message(),
        lambda: reply(b"a-" + b"b" * 500_000, content_type="text/plain; charset=punycode").value(),
        lambda: reply(b"x" * 500_000, content_type="text/plain; charset=idna").value(),
        lambda: reply(b"x", content_type="text/plain; charset=zlib").value(),
    ],
    ids=range(10),
)
def test_no_answer_takes_more_time_than_its_length(work: Callable[[], object]) -> None:
    """Each took minutes to ages; the test's own time limit tells."""
    work()


def test_json_nested_too_deeply_is_a_model_s_error() -> None:
    with pytest.raises(ModelError, match="no JSON"):
        reply(b"[" * 1_000_000, content_type="application/json").value()


@pytest.mark.parametrize("identity", ["=cmd|' /C calc'!A0", "../../x", "a\tb", "\u202e", "x" * 65])
def test_an_activation_s_id_is_one(identity: str) -> None:
    assert reply(b"", x_openwhisk_activation_id=identity.encode("ascii", "replace").decode()).activation is None
    assert reply(b"", x_openwhisk_activation_id="0f" * 16).activation == "0f" * 16
