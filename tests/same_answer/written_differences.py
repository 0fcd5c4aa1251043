"""The written list: all in which an answer through OpenWhisk, or of the plain web server, may differ from the bare
model's. Whatever isn't here is a failure.

First what holds of every answer, then what single requests run into. Each entry names the record in tests/vectors
that shows it, or where it is decided.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from exchange import HOST, MULTIPART, Answer, Case

ACTION_MODES = ("raw", "cooked")
LIMIT = 1_048_576

# --- of every answer ----------------------------------------------------------------------------------------------

# Of the connection and of the server, not of the model; Server-Timing is the proxy's own.
NOT_COMPARED = ("date", "server", "connection", "content-length", "server-timing")

# responses.jsonl, in every record; its README for the ids.
ADDED_BY_THE_PLATFORM = (
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "x-openwhisk-activation-id",
    "x-request-id",
)


def comparable(answer: Answer, *ignored: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, sorted headers and body; what is sent compressed counts as what it says."""
    headers = [
        (name.lower(), _seconds_from_now(answer, value) if name.lower() == "expires" else value)
        for name, value in answer.headers
        if name.lower() not in (*NOT_COMPARED, *ignored)
    ]
    compressed = answer.header("content-encoding") == "gzip"
    return answer.status, sorted(headers), gzip.decompress(answer.body) if compressed else answer.body


def _seconds_from_now(answer: Answer, moment: str) -> str:
    """Static files expire some time after they were asked for, which each container is at its own time."""
    if "," not in moment:
        return moment  # "0", which is no date
    seconds = parsedate_to_datetime(moment) - parsedate_to_datetime(answer.header("date"))
    return f"{round(seconds.total_seconds() / 100) * 100} s"  # on a busy machine the date may be a while later


@dataclass(frozen=True)
class Own:
    """The platform or the proxy answers by itself: status (0: the connection is reset) and a part of the body."""

    status: int
    text: str
    vector: str = ""
    decided: str = ""


@dataclass(frozen=True)
class Seen:
    """The model sees another request, and gives the answer that it gives to that one; `only` on that era's packages."""

    changes: dict[str, Any] = field(hash=False)
    vector: str = ""
    decided: str = ""
    only: str = ""


Step = Callable[[Case, str, Answer], "Answer | Own"]


def options_are_the_platforms(case: Case, mount: str, answer: Answer) -> Answer | Own:
    """Contract B5: without `web-custom-options` the action isn't asked."""
    return Answer(200, (), b"") if case.method == "OPTIONS" else answer


def links_have_the_public_path(case: Case, mount: str, answer: Answer) -> Answer:
    """Design, decision 7: SCRIPT_NAME is the action's public path, in all links; `produces` is */*."""
    host, path = (case.header("host") or HOST).encode(), mount.encode()
    body = answer.body.replace(b"//%s/" % host, b"//%s%s/" % (host, path))
    if answer.header("location"):
        answer = answer.with_header("Location", answer.header("location").replace(f"//{HOST}/", f"//{HOST}{mount}/"))
    if case.target == "/" and answer.status == 200:
        body = body.replace(b'"/swagger', b'"%s/swagger' % path)
    if case.target == "/swagger.json" and answer.status == 200:
        body = body.replace(b'"basePath": "/"', b'"basePath": "%s"' % path)
        body = body.replace(b'"produces": ["application/json"]', b'"produces": ["*/*"]')
    return answer.but(body=body)


def types_are_written_anew(case: Case, mount: str, answer: Answer) -> Answer:
    """The platform writes `charset=UTF-8` behind each text type, and nothing behind JSON."""
    media = answer.header("content-type").partition(";")[0]
    if media.startswith("text/") or media == "application/javascript":
        return answer.with_header("Content-Type", f"{media}; charset=UTF-8")
    return answer.with_header("Content-Type", media) if media else answer


def no_type_without_a_body(case: Case, mount: str, answer: Answer) -> Answer:
    """The platform drops the type of what has no body, as the answers to HEAD."""
    return answer if answer.body and case.method != "HEAD" else answer.without("content-type")


def large_results_are_compressed_or_refused(case: Case, mount: str, answer: Answer) -> Answer | Own:
    """README of the vectors: more than a MiB of JSON becomes an unexplained 400; design, decision 10."""
    size = len(json.dumps(answer.body.decode("latin-1")))
    if size <= LIMIT or not answer.header("content-type").startswith("application/javascript"):
        return answer
    if case.header("accept-encoding").startswith("gzip,"):
        packed = answer.with_header("Content-Type", "text/javascript").with_header("Content-Encoding", "gzip")
        return packed.with_header("Vary", "Accept-Encoding").but(body=gzip.compress(answer.body))
    return Own(500, f'"limit": {LIMIT}', decided="design, decision 10")


STEPS: tuple[Step, ...] = (
    options_are_the_platforms,
    links_have_the_public_path,
    types_are_written_anew,
    no_type_without_a_body,
    large_results_are_compressed_or_refused,
)

# Records of responses.jsonl that show `types_are_written_anew` and `no_type_without_a_body`.
SHOWN = (
    "type text/html; charset=utf-8 body b64json",
    "type text/html; charset=iso-8859-1 body json",
    "type text/css body text",
    "type text/plain body text",
    "type application/javascript body text",
    "type application/json; charset=utf-8 body json",
    "status 404 headers only",
    "status 201 headers only",
    "status 204 headers only",
)


def expected(case: Case, mode: str, base: str, mount: str, bare: Callable[[Case], Answer]) -> Answer | Own:
    """The answer to `case` in `mode`, from the bare model's answers."""
    difference = getattr(case, mode)
    if isinstance(difference, Own):
        return difference
    asked = case
    if difference and difference.only in ("", base):
        asked = case.but(**difference.changes)
    answer: Answer | Own = bare(asked)
    for step in STEPS if mode in ACTION_MODES else ():
        if isinstance(answer, Answer):
            answer = step(asked, mount, answer)
    return answer


# --- of single requests -------------------------------------------------------------------------------------------


def by_the_platform(difference: Own | Seen) -> dict[str, Any]:
    """What happens before any action is run, or after it has run, whatever its mode."""
    return {"raw": difference, "cooked": difference}


def not_acceptable(media_type: str, vector: str) -> dict[str, Any]:
    text = f"Resource representation is only available with these types:\\n{media_type}"
    return by_the_platform(Own(406, text, vector))


def malformed(vector: str = "JSON invalid") -> dict[str, Any]:
    """`--web true`: the platform reads JSON by its own grammar."""
    return {"cooked": Own(400, "The request content was malformed", vector)}


def illegal_target(vector: str) -> dict[str, Any]:
    return by_the_platform(Own(400, "Illegal request-target", vector))


def last_of_two(target: str) -> dict[str, Any]:
    """`--web true`: of a query's repeated keys the last stays."""
    return {"cooked": Seen({"target": target}, "query ?a=1&a=2")}


NO_FORM = {"cooked": Own(400, "Illegal query", "form utf-8 raw")}
TOO_LARGE = by_the_platform(Own(413, "Request larger than allowed", decided="README of the vectors: the upload limit"))
NO_METHOD = by_the_platform(Own(501, "Unsupported HTTP method", decided="contract B1: seven methods"))
RESET = by_the_platform(Own(0, "", decided="README of the vectors: a request header with bytes beyond ASCII"))
# The proxy's own words: json.loads, which has to read the whole activation, takes some 985 levels.
TOO_DEEP = {"cooked": Own(400, "nested too deeply", decided="spray-json's maxDepth is 1000")}
RESERVED = {"cooked": Own(400, "Request defines parameters that are not allowed", "JSON reserved key")}
EMPTY_IS_AN_OBJECT = {"cooked": Seen({"body": b"{}"}, "JSON empty")}
BODY_WINS = {"cooked": Seen({"target": "/model/predict?model=two"}, "query and JSON")}
DOTS_ARE_RESOLVED = by_the_platform(Seen({"target": "/model/metadata"}, "path /a/../b"))
OUT_OF_THE_ASSETS = by_the_platform(Seen({"target": "/config.py"}, "path /a/../b"))
LAST_MASK = by_the_platform(Seen({"headers": (MULTIPART, ("X-Fields", "{predictions}"))}, "headers two cookies"))
NO_CHARSET = by_the_platform(Own(406, "Resource representation is only available", decided="contract C3"))
# That era's development server takes what follows two slashes for a host.
NO_HOST = dict.fromkeys(
    ("raw", "cooked", "web"), Seen({"target": "/model/metadata"}, decided="design, decision 7", only="python:3.6")
)
# The platform passes the header on ("headers underscore"); the proxy keeps it from the model.
NO_UNDERSCORES = dict.fromkeys(("raw", "cooked", "web"), Seen({"headers": ()}, decided="design, fixed points"))
NOT_ASCII = {
    **by_the_platform(Own(400, "", decided="RFC 3986; only the status is the platform's")),
    "web": Own(400, "Bad request: the request line isn't well formed", decided="design, decision 14"),
}
