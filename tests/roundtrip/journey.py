"""One exchange on its whole way: client → platform → proxy → WSGI application → proxy → platform → client.

The platform's part is the emulator's, which the recorded vectors hold to the real one; the proxy's is what the image
runs. No sockets: messages pass as the bytes and records that travel between the parts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h11
from http_grammar import WEB_PATH, Answer

from modelwhisk.local.actions import Action
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, render
from modelwhisk.local.outcome import ContainerReply, Status, of_run
from modelwhisk.local.spray_json import compact, utf_8
from modelwhisk.local.web_actions import Invocation, route

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime"))

from modelproxy import web_action
from modelproxy.messages import BadValue
from modelproxy.wsgi_gateway import call

DEFAULT_PATH = "/model/predict"
LIMIT = 1_048_576

# The model answers OPTIONS and the CORS questions itself, so that every method reaches it and every header counts.
RAW = {"web-export": True, "raw-http": True, "web-custom-options": True}
COOKED = {"web-export": True, "raw-http": False, "web-custom-options": True}


class Refused(Exception):
    """The platform answers by itself; ``response`` is what the client gets."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass
class Application:
    """A WSGI application that remembers what it got, and gives one answer."""

    answer: Answer
    environ: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environ, self.body = environ, environ["wsgi.input"].read()
        start_response(self.answer.status, list(self.answer.headers))
        return list(self.answer.pieces)


@dataclass(frozen=True)
class Received:
    """What the client read from its connection, whether the activation failed, and the proxy's notes in the log."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    failed: bool
    notes: list[str]

    def values(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]


def travel(
    sent: HttpRequest,
    application: Application,
    annotations: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    limit: int = LIMIT,
    keep_cors: bool = True,
) -> Received:
    """What the client of an action gets that has these annotations and bound parameters. Raises ``Refused``."""
    action = Action("hello", SimpleNamespace(), annotations=annotations, parameters=parameters or {})  # type: ignore[arg-type]
    routed = route(sent, lambda *names: action if names == action.key else None, {}, "transaction")
    if not isinstance(routed, Invocation):
        raise Refused(routed)
    value, _ = action.arguments(routed.value)
    message = json.loads(utf_8(compact({"value": value})).decode("utf-8"))  # as the proxy reads /run's body
    result, notes = _through_the_proxy(message["value"], application, limit=limit, keep_cors=keep_cors)
    assert len(result) <= max(limit, 2000)
    outcome = of_run(ContainerReply(200, result.decode("utf-8")))
    assert outcome.status in (Status.SUCCESS, Status.APPLICATION_ERROR)
    answer = routed.complete(outcome, "activation")
    assert not answer.resets
    return _read(sent.method, answer, outcome.status is Status.APPLICATION_ERROR, notes)


def _through_the_proxy(value: Any, application: Application, *, limit: int, keep_cors: bool) -> tuple[bytes, list[str]]:
    try:
        request = web_action.decode(value, WEB_PATH, default_path=DEFAULT_PATH)
    except BadValue as error:
        raise AssertionError(f"the proxy doesn't take what the platform sends: {error}") from error
    outcome = web_action.encode(call(application, request), request, limit, keep_cors)
    return outcome.result, outcome.notes


def _read(method: str, answer: HttpResponse, failed: bool, notes: list[str]) -> Received:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(render(answer, connection="close", with_body=method != "HEAD"))
    client.receive_data(b"")
    head = client.next_event()
    assert isinstance(head, h11.Response), head
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers]
    return Received(head.status_code, headers, body, failed, notes)
