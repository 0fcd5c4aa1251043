"""Every recorded exchange of a real platform holds against ours, over real HTTP on both sides."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from little_containers import LittleFactory, after_init, result
from raw_http import RawResponse, message, send
from running_platform import running

from modelwhisk.local import Action, LocalPlatform, web_annotations

VECTORS = Path(__file__).parent.parent / "vectors"
# The recordings leave these out. Ids are `*` in bodies.
UNRECORDED = ("server", "date", "x-request-id", "x-openwhisk-activation-id")
TRANSACTION = "0123456789abcdefghijklmnopqrstuv"
# Names as long as the recorded actions' were, which shows in error messages about positions in the URL.
RECORDED_NAMES = {"raw": "echo-raw", "cooked": "echo-cooked"}


def vectors(name: str) -> list[Any]:
    lines = [json.loads(line) for line in (VECTORS / name).read_text("utf-8").splitlines()]
    return [
        pytest.param(line, id=f"{line.get('mode', '')} {line['name']} {number}") for number, line in enumerate(lines)
    ]


def comparable(response: RawResponse) -> dict[str, Any]:
    """The response as the recordings show it."""
    kept = response.without(*UNRECORDED)
    return {
        "status": response.status,
        # An empty name is what the recording client did not see.
        "headers": [[name, value] for name, value in kept if name],
        "body": base64.b64encode(response.body.replace(TRANSACTION.encode(), b"*")).decode(),
    }


class Recorded:
    """Platforms with the recorded actions, and the reply that their container gives next."""

    def __init__(self, platform: LocalPlatform, factory: LittleFactory) -> None:
        self.platform = platform
        self.factory = factory
        self.reply: Any = {}

    def ask(self, method: str, path: str, headers: list[Any], body: bytes | None = None) -> RawResponse:
        fields = [tuple(item) for item in headers] + [("X-Request-ID", TRANSACTION)]
        return send(
            self.platform.url, message(method, "/api/v1/web/guest/default/" + path, fields, body), method=method
        )


@pytest.fixture(scope="module")
def recorded() -> Iterator[Recorded]:
    factory = LittleFactory()
    actions = [
        Action(
            name=name,
            containers=factory,
            parameters={"default": "d"},
            annotations={**web_annotations("raw" if mode == "raw" else "true"), "web-custom-options": options},
        )
        for mode, name in RECORDED_NAMES.items()
        for name, options in ((name, False), (f"{name}-options", True))
    ]
    with running(*actions) as platform:
        answers = Recorded(platform, factory)
        factory.answer = after_init(lambda message: result(answers.reply))
        yield answers


@pytest.mark.parametrize("vector", vectors("requests.jsonl"))
def test_request(recorded: Recorded, vector: dict[str, Any]) -> None:
    request = vector["request"]
    body = None if request["body"] is None else base64.b64decode(request["body"])
    # What the recording action answered, as far as it shows: a client that doesn't accept it gets 406.
    recorded.reply = {"statusCode": 200, "headers": {"content-type": "application/octet-stream"}, "body": "AAAA"}
    before = len(recorded.factory.runs)
    response = recorded.ask(
        request["method"], RECORDED_NAMES[vector["mode"]] + request["path"], request["headers"], body
    )
    if "value" not in vector:
        assert comparable(response) == vector["response"]
        return
    (run,) = recorded.factory.runs[before:]
    headers = run["value"]["__ow_headers"]
    assert headers.pop("x-request-id") == TRANSACTION
    assert run["value"] == vector["value"]


@pytest.mark.parametrize("vector", vectors("responses.jsonl"))
def test_response(recorded: Recorded, vector: dict[str, Any]) -> None:
    request = vector["request"]
    recorded.reply = vector["result"]
    name = RECORDED_NAMES["raw"] + ("-options" if vector.get("custom_options") else "") + request["extension"]
    headers = [["Host", "whisk.example"], ["Content-Type", "application/json"], *request["headers"]]
    if "failed" in vector:
        with pytest.raises(ConnectionError):
            recorded.ask(request["method"], name, headers, b"{}")
        return
    expected = {key: vector["response"][key] for key in ("status", "headers", "body")}
    assert comparable(recorded.ask(request["method"], name, headers, b"{}")) == expected
