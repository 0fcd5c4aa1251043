"""Every recorded exchange with a real platform's REST API holds against ours, in its order, over real HTTP.

The recordings are one session: what a request made is there for the next one. Left aside are ids, times and lengths of
bodies in which these are, the addresses of containers, and the key, which the recordings don't show.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from little_containers import LittleFactory, reply, result
from raw_http import RawResponse, message, send
from running_platform import running, wait_until

from modelwhisk.local import Action, LocalPlatform, web_annotations
from modelwhisk.local.credentials import GUEST_KEY

VECTORS = Path(__file__).parent.parent / "vectors" / "rest.jsonl"
LINES = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
BASIC = "Basic " + base64.b64encode(GUEST_KEY.encode()).decode()
IMAGE = "local/echo:2"
# What the recording client put into headers of which the recordings have only the names.
HEADERS = {
    "Authorization": BASIC,
    "X-Require-Whisk-Auth": "s3cret",
    "Origin": "https://page.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "X-A, X-B",
}
UNRECORDED = ("server", "date", "x-request-id", "content-length", "x-openwhisk-activation-id")
ID = re.compile(r"[0-9a-f]{32}")
TIMES = frozenset({"updated", "start", "end", "duration", "waitTime", "initTime", "started"})


class Echo:
    """The recorded image: tells what it was given, or fails as it is asked to."""

    def __init__(self) -> None:
        self.factory = LittleFactory(self.answer)
        self.inits: list[dict[str, Any]] = []

    def answer(self, path: str, sent: dict[str, Any]) -> bytes:
        if path == "/init":
            self.inits.append(sent)
            return reply("{}")
        asked = str(sent["value"].get("path", sent["value"].get("__ow_path", ""))).strip("/")
        assert self.factory.answering is not None
        self.factory.answering.log.add("stdout", f"ran ['{asked}']")
        if asked.startswith("err/"):
            body = base64.b64encode(b'{"message":"bad"}').decode()
            failed = {"statusCode": int(asked[4:]), "headers": {"content-type": "application/json"}, "body": body}
            return result({"error": failed})
        if asked.startswith("status/"):
            return reply('{"error": "status 500"}', int(asked[7:]))
        answered = sent
        if asked == "state":
            answered = {"started": 0, "init": {"n": 1, "body": self.inits[-1]}, "run": sent}
        body = base64.b64encode(json.dumps(answered).encode()).decode()
        return result({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body})


class Session:
    """The platform under test, and the ids that it gave where the recorded one gave others."""

    def __init__(self, platform: LocalPlatform, echo: Echo) -> None:
        self.platform = platform
        self.echo = echo
        self.ids: dict[str, str] = {}

    def replay(self, line: dict[str, Any]) -> RawResponse:
        asked = line["request"]
        fields = [("Host", "127.0.0.1:3233"), *((name, HEADERS[name]) for name in asked["headers"])]
        if line["name"] == "bad credentials":
            fields[1] = ("Authorization", "Basic " + base64.b64encode(b"no:body").decode())
        body = None if asked["body"] is None else json.dumps(asked["body"]).encode()
        if body is not None:
            fields.append(("Content-Type", "application/json"))
        path = ID.sub(lambda match: self.ids.get(match[0], match[0]), asked["path"])
        response = send(self.platform.url, message(asked["method"], path, fields, body), method=asked["method"])
        self.learn(line, response)
        return response

    def learn(self, line: dict[str, Any], response: RawResponse) -> None:
        name = "x-openwhisk-activation-id"
        recorded, ours = (dict(headers).get(name) for headers in (line["response"]["headers"], response.headers))
        if recorded and ours:
            self.ids[recorded] = ours

    def written_down(self, count: int) -> None:
        """Waits until the records of that many activations are there, logs and all."""
        path = "/api/v1/namespaces/_/activations?count=true"
        head = message("GET", path, [("Host", "localhost"), ("Authorization", BASIC)])
        wait_until(lambda: json.loads(send(self.platform.url, head).body)["activations"] >= count)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """The recorded session as a whole; each test looks at one of its lines."""
    echo = Echo()
    older = Action("e2", echo.factory, image=IMAGE, annotations={**web_annotations(), "provide-api-key": False})
    settings: dict[str, Any] = {"credentials": {GUEST_KEY: "guest"}, "images": {IMAGE: echo.factory}}
    with running(older, max_containers=20, **settings) as platform:
        yield Session(platform, echo)


@pytest.fixture(scope="module")
def replayed(session: Session) -> list[RawResponse]:
    responses, invoked = [], 0
    for line in LINES:
        if "/activations" in line["request"]["path"]:
            session.written_down(invoked)
        if line["name"] == "invoke without a body":
            # The recorded lists show an activation that the recordings leave out.
            session.replay(next(other for other in LINES if other["name"] == "invoke with an error result"))
            invoked += 1
        responses.append(session.replay(line))
        invoked += "x-openwhisk-activation-id" in dict(responses[-1].headers)
    return responses


def comparable(value: Any, key: str = "") -> Any:
    """A document without what differs from one run to the next."""
    if isinstance(value, dict):
        named = value.get("key")
        return {
            name: comparable(item, named if name == "value" and isinstance(named, str) else name)
            for name, item in value.items()
            if name not in ("size",)
        }
    if isinstance(value, list):
        # Whether a container was still warm is a matter of time, too.
        return [
            comparable(item, key) for item in value if not (isinstance(item, dict) and item.get("key") == "initTime")
        ]
    if key in TIMES:
        return type(value).__name__ in ("int", "float")
    if isinstance(value, str) and key == "logs":
        return re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", "*", value)
    return "*" if isinstance(value, str) and ID.fullmatch(value) else value


def decoded(document: Any) -> Any:
    """The echo's answer laid open, as the recordings have it, without what tells of its host."""
    if isinstance(document, list):
        return [decoded(item) for item in document]
    if not isinstance(document, dict):
        return document
    document = {name: decoded(item) for name, item in document.items()}
    if isinstance(document.get("body"), str) and "statusCode" in document:
        told = document.pop("body decoded", None)
        if told is None:
            told = json.loads(base64.b64decode(document["body"]))
        return {**document, "body": told_apart(told)}
    return told_apart(document)


def told_apart(told: Any) -> Any:
    """What a container was given, but for keys, times and what the HTTP client adds."""
    if not isinstance(told, dict):
        return told
    if "init" in told and "run" in told:
        told = {"init": {"body": told["init"]["body"]}, "run": told["run"]}
        environment = told["init"]["body"]["value"]["env"]
        for name in {"__OW_DEADLINE", "__OW_TRANSACTION_ID", "__OW_API_KEY"} & environment.keys():
            environment[name] = "*"
    for run in (told, told.get("run")):
        if isinstance(run, dict):
            run |= {name: "*" for name in ("deadline", "transaction_id", "api_key") if name in run}
    return told


@pytest.mark.parametrize("number", range(len(LINES)), ids=lambda number: f"{LINES[number]['name']} {number}")
def test_line(session: Session, replayed: list[RawResponse], number: int) -> None:
    line, response = LINES[number], replayed[number]
    expected = line["response"]
    assert response.status == expected["status"]
    kept = [[name, value] for name, value in response.without(*UNRECORDED) if name]
    recorded = [[name, value] for name, value in expected["headers"] if name.lower() not in UNRECORDED]
    assert kept == recorded
    if expected["body"] == "":
        assert response.body == b""
        return
    ours = json.loads(response.body)
    if isinstance(ours, dict) and "error" in ours and "code" in ours:
        ours["code"] = "*"
    assert comparable(decoded(ours)) == comparable(decoded(expected["body"]))
    if not ("/activations" in line["request"]["path"] or "x-openwhisk-activation-id" in dict(response.headers)):
        lengths = [dict(headers)["Content-Length"] for headers in (expected["headers"], response.headers)]
        assert lengths[0] == lengths[1]
