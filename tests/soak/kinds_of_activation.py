"""The kinds of activations that a soak mixes: the message of each, and what its answer must be to the last byte."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from invoker import Reply

# In a prepared message, in place of what is another thing each time; as long as that, so that lengths stay.
IDENTITY = "@" * 32
DEADLINE = "#" * 13
VARIANTS = 16  # prepared of each kind
GIVEN_SECONDS = 60.0
LATE_AFTER, LATE_SLEEP = 1.0, 1.1  # seconds: when a late one's deadline is, and how long the model takes

Check = Callable[[Reply, str], str]


@dataclass(frozen=True)
class Case:
    """A prepared activation. `check` says what is wrong with the answer to the activation of an id: "" for nothing."""

    kind: str
    message: bytes
    check: Check
    given: float = GIVEN_SECONDS

    def filled(self, identity: str) -> bytes:
        """The /run message of an activation that begins now."""
        deadline = b"%013d" % int((time.time() + self.given) * 1000)
        return self.message.replace(IDENTITY.encode(), identity.encode(), 1).replace(DEADLINE.encode(), deadline, 1)


def cases(seed: int) -> Iterator[Case]:
    """Endless cases in the proportions of `KINDS`, the same ones for the same seed."""
    # Not for secrets.
    source = random.Random(seed)
    prepared = {name: [make(source, name) for _ in range(VARIANTS)] for name, (_, make) in KINDS.items()}
    names, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
    while True:
        for name in source.choices(names, weights, k=1000):
            yield source.choice(prepared[name])


def of_kind(kind: str) -> Case:
    """Always the same case of a kind."""
    return KINDS[kind][1](random.Random(0), kind)


def _case(kind: str, value: Any, check: Check, given: float = GIVEN_SECONDS) -> Case:
    message = {
        # First, so that what replaces them doesn't read through a picture.
        "activation_id": IDENTITY,
        "deadline": DEADLINE,
        "action_name": "/guest/soak",
        "action_version": "0.0.1",
        "namespace": "guest",
        "transaction_id": "soak",
        "value": value,
    }
    return Case(kind, json.dumps(message, separators=(",", ":")).encode(), check, given)


# --- messages -----------------------------------------------------------------------------------------------------


def _raw(method: str, path: str = "", query: str = "", body: bytes = b"", **headers: str) -> dict[str, Any]:
    named = {"host": "soak.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    is_text = named.get("content-type", "").startswith("text/")
    return {
        "__ow_method": method,
        "__ow_path": path,
        "__ow_query": query,
        "__ow_headers": named,
        "__ow_body": body.decode() if is_text else base64.b64encode(body).decode(),
    }


def _cooked(method: str, path: str, parameters: dict[str, Any], **headers: str) -> dict[str, Any]:
    named = {"host": "soak.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {"__ow_method": method, "__ow_path": path, "__ow_headers": named, **parameters}


def _numbers(source: random.Random) -> list[int]:
    return [source.randrange(1 << 30) for _ in range(source.randrange(1, 40))]


def _upload(content: bytes) -> bytes:
    return (
        b'--soak\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        + content
        + b'\r\n--soak\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--soak--\r\n'
    )


# --- answers ------------------------------------------------------------------------------------------------------


def _web(status: int, kind: str, right: Callable[[bytes, str], bool], *, of_the_model: bool = True) -> Check:
    """Checks a web result: as an error from 500 on, named by the model unless the proxy spoke in its place."""

    def check(reply: Reply, identity: str) -> str:
        result = reply.json
        if (reply.status, reply.truncated, "error" in result) != (200, False, status >= 500):
            return f"{reply.status} {reply.body[:300]!r}"
        result = result.get("error", result)
        headers = {name.lower(): value for name, value in result["headers"].items()}
        body = result["body"]
        is_text = headers["content-type"].startswith("text/") or body[:1] in ("{", "[")
        content = body.encode() if is_text else base64.b64decode(body, validate=True)
        if headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        named = headers.get("x-activation", "") == (identity if of_the_model else "")
        if (result["statusCode"], headers["content-type"]) != (status, kind) or not named:
            return f"{result['statusCode']} {headers}"
        return "" if right(content, identity) else f"{content[:300]!r}"

    return check


def _json(expected: dict[str, Any]) -> Callable[[bytes, str], bool]:
    return lambda content, identity: json.loads(content) == {"activation": identity, **expected}


def _plain(expected: dict[str, Any]) -> Check:
    def check(reply: Reply, identity: str) -> str:
        right = (reply.status, reply.json) == (200, {"activation": identity, **expected})
        return "" if right else f"{reply.status} {reply.body[:300]!r}"

    return check


def _says(*words: str) -> Callable[[bytes, str], bool]:
    return lambda content, identity: all(word.encode() in content for word in words)


# --- kinds --------------------------------------------------------------------------------------------------------


def _raw_json(source: random.Random, kind: str) -> Case:
    numbers = _numbers(source)
    value = _raw("post", body=json.dumps({"numbers": numbers}).encode(), content_type="application/json")
    return _case(kind, value, _web(200, "application/json", _json({"total": sum(numbers)})))


def _cooked_json(source: random.Random, kind: str) -> Case:
    numbers = _numbers(source)
    value = _cooked("post", "", {"numbers": numbers}, content_type="application/json")
    return _case(kind, value, _web(200, "application/json", _json({"total": sum(numbers)})))


def _raw_multipart(source: random.Random, kind: str) -> Case:
    content = source.randbytes(source.choice((0, 3, 2000, 20_000, 300_000)))
    expected = {
        "files": {"image": ["a.png", "image/png", hashlib.sha256(content).hexdigest()]},
        "fields": {"note": "hello"},
    }
    value = _raw("post", "/digests", body=_upload(content), content_type="multipart/form-data; boundary=soak")
    return _case(kind, value, _web(200, "application/json", _json(expected)))


def _raw_query(source: random.Random, kind: str) -> Case:
    query = {"a": str(source.random()), "snow": "❄ ☃"}
    value = _raw("get", "/parameters", urlencode(query))
    return _case(kind, value, _web(200, "application/json", _json({"query": query, "fields": {}})))


def _cooked_form(source: random.Random, kind: str) -> Case:
    fields = {"a": str(source.random()), "snow": "❄ ☃"}
    value = _cooked("post", "/parameters", fields, content_type="application/x-www-form-urlencoded")
    return _case(kind, value, _web(200, "application/json", _json({"query": {}, "fields": fields})))


def _raw_text(source: random.Random, kind: str) -> Case:
    text = f"snow ❄ {source.random()}"
    value = _raw("post", "/text", body=text.encode(), content_type="text/plain; charset=UTF-8")
    expected = text.upper().encode()
    return _case(kind, value, _web(200, "text/plain", lambda content, identity: content == expected))


def _plain_json(source: random.Random, kind: str) -> Case:
    numbers = _numbers(source)
    return _case(kind, {"numbers": numbers}, _plain({"total": sum(numbers)}))


def _plain_file(source: random.Random, kind: str) -> Case:
    content = source.randbytes(source.randrange(4000))
    url = "data:image/png;base64," + base64.b64encode(content).decode()
    files = {"image": ["image.png", "image/png", hashlib.sha256(content).hexdigest()]}
    return _case(kind, {"image": url, "note": "hello"}, _plain({"files": files, "fields": {"note": "hello"}}))


def _big_picture(source: random.Random, kind: str) -> Case:
    size, first = source.randrange(500_000, 780_000), source.randrange(256)
    block = bytes((first + number) % 256 for number in range(256))
    digest = hashlib.sha256((block * (size // 256 + 1))[:size]).digest()
    value = _raw("get", f"/bytes/{size}/{first}")
    return _case(
        kind, value, _web(200, "image/png", lambda content, identity: hashlib.sha256(content).digest() == digest)
    )


def _small_picture(source: random.Random, kind: str) -> Case:
    first = source.randrange(256)
    expected = bytes((first + number) % 256 for number in range(300))
    value = _raw("get", f"/bytes/300/{first % 256}")
    return _case(kind, value, _web(200, "image/png", lambda content, identity: content == expected))


def _compressed(source: random.Random, kind: str) -> Case:
    count = source.randrange(100_000, 150_000)  # some 2 MB
    value = _raw("get", f"/json/{count}", accept_encoding="gzip, deflate")
    values = [f"value {number}" for number in range(count)]
    return _case(kind, value, _web(200, "application/json", _json({"values": values})))


def _too_large(source: random.Random, kind: str) -> Case:
    value = _raw("get", f"/json/{source.randrange(100_000, 150_000)}")
    check = _web(500, "application/json", _says("bytes", "1048576"), of_the_model=False)
    return _case(kind, value, check)


def _refused(source: random.Random, kind: str) -> Case:
    status, kind_of_body = source.choice((404, 409, 422)), "text/html"
    return _case(kind, _raw("get", f"/status/{status}"), _web(status, kind_of_body, _says("<title>")))


def _failed(source: random.Random, kind: str) -> Case:
    status, kind_of_body = source.choice((500, 503)), "text/html"
    return _case(kind, _raw("get", f"/status/{status}"), _web(status, kind_of_body, _says("<title>")))


def _raised(source: random.Random, kind: str) -> Case:
    check = _web(500, "text/html", _says("Internal Server Error"))
    return _case(kind, _raw("get", "/raise"), check)


def _left(source: random.Random, kind: str) -> Case:
    check = _web(500, "application/json", _says("SystemExit"), of_the_model=False)
    return _case(kind, _raw("get", "/exit"), check)


def _printed(source: random.Random, kind: str) -> Case:
    value = _raw("get", f"/print/{source.randrange(1, 20)}")
    return _case(kind, value, _web(200, "application/json", _json({})))


def _late(source: random.Random, kind: str) -> Case:
    value = _raw("get", f"/sleep/{LATE_SLEEP}")
    check = _web(504, "application/json", _says("wasn't ready after"), of_the_model=False)
    return _case(kind, value, check, LATE_AFTER)


def _no_object(source: random.Random, kind: str) -> Case:
    def check(reply: Reply, identity: str) -> str:
        right = reply.status == 200 and "must be an object or an array" in reply.json["error"]
        return "" if right else f"{reply.status} {reply.body[:300]!r}"

    return _case(kind, source.choice((3, "text", True)), check)


def _no_base64(source: random.Random, kind: str) -> Case:
    value = {**_raw("post", content_type="image/png"), "__ow_body": "no base64!"}
    return _case(kind, value, _web(400, "application/json", _says("__ow_body"), of_the_model=False))


# In 10,000.
KINDS: dict[str, tuple[int, Callable[[random.Random, str], Case]]] = {
    "raw JSON": (2300, _raw_json),
    "cooked JSON": (1500, _cooked_json),
    "raw multipart": (1000, _raw_multipart),
    "raw query": (500, _raw_query),
    "cooked form": (500, _cooked_form),
    "raw text": (500, _raw_text),
    "plain JSON": (1500, _plain_json),
    "plain file": (500, _plain_file),
    "small picture": (700, _small_picture),
    "large picture": (40, _big_picture),
    "compressed JSON": (5, _compressed),
    "too large": (5, _too_large),
    "the model's 4xx": (250, _refused),
    "the model's 5xx": (150, _failed),
    "exception": (150, _raised),
    "SystemExit": (150, _left),
    "printing": (149, _printed),
    "past its deadline": (1, _late),
    "value is no object": (50, _no_object),
    "body is no base64": (50, _no_base64),
}
