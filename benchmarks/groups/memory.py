"""Resident memory and the time to the first answer: the model's own process, and the same model behind the proxy."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import INSIDE, SAMPLE_MODEL, Environment
from benchmarks.figures import Bar, Row, Series, Table
from benchmarks.processes import Server, call, free_port, is_ok, request, serving

from .inside import run_inside

# MB more than the bare model.
BAR = 3
# Copies of a payload alive at one time, the message itself among them, that of a bar's case and of others.
COPIES_BAR = 3
COPIES_OF = ("700 kB upload in", "750 kB PNG out")
LEAST_ROUNDS = 5
# What a server does after it has answered (collecting garbage, say) is over by then.
REST = 0.3

_BOUNDARY = "benchmark"


@dataclass(frozen=True)
class Seen:
    memory: float
    first_answer: float


def measure(environment: Environment, rounds: int) -> Table:
    bare, ours = [], []
    for _ in range(max(LEAST_ROUNDS, rounds // 30)):
        bare.append(_bare(environment))
        ours.append(_ours(environment))
    weights = {"bare": Series.of([seen.memory for seen in bare]), "ours": Series.of([seen.memory for seen in ours])}
    bar = Bar("ours more than bare", weights["ours"].p50 - weights["bare"].p50, BAR, " MB")
    times = {
        "bare": Series.of([seen.first_answer for seen in bare]),
        "ours": Series.of([seen.first_answer for seen in ours]),
    }
    return Table(
        "memory",
        environment.version,
        "A MAX model's process after one prediction",
        "bare: python app.py, on Flask's development server. first answer: since the process's start, with /init.\n"
        "copies alive: at the worst moment of a call in process, the message and the application's own included.",
        (
            Row("resident memory", weights, {"ours/bare": weights["ours"].p50 / weights["bare"].p50}, (bar,), "MB"),
            Row("first answer", times, {"ours/bare": times["ours"].p50 / times["bare"].p50}),
            *[_peak(case, sides) for case, sides in run_inside(environment, "memory_peak.py").items()],
        ),
    )


def _peak(case: str, sides: dict[str, list[float]]) -> Row:
    series = {side: Series.of(copies) for side, copies in sides.items()}
    bars = (Bar("copies", series["ours"].p50, COPIES_BAR),) if case in COPIES_OF else ()
    return Row(f"copies alive, {case}", series, {"ours/naive": series["ours"].p50 / series["naive"].p50}, bars, "")


def _bare(environment: Environment) -> Seen:
    port = free_port()
    with serving([environment.python, INSIDE / "bare_model.py", port], SAMPLE_MODEL, port, _log(environment)) as server:
        return _seen(server, lambda: call(port, request("/model/predict", *_upload())))


def _ours(environment: Environment) -> Seen:
    port = free_port()
    command = [environment.python, environment.start_file]
    with serving(command, SAMPLE_MODEL, port, _log(environment), MODELPROXY_PORT=str(port)) as server:
        body, content_type = _upload()
        server.post("/init", {"value": {"name": "model", "main": "main", "binary": False, "code": "", "env": {}}})
        value = {
            "__ow_method": "post",
            "__ow_query": "",
            "__ow_path": "",
            "__ow_headers": {"content-type": content_type},
            "__ow_body": base64.b64encode(body).decode(),
        }
        message = request("/run", json.dumps({"value": value}).encode(), "application/json")
        return _seen(server, lambda: call(port, message))


def _seen(server: Server, predict: Callable[[], bytes | memoryview]) -> Seen:
    reply = bytes(predict())
    first_answer = time.perf_counter() - server.started
    if not is_ok(reply) or b"predictions" not in reply:
        raise server.failed(f"answered {reply[:300]!r}")
    time.sleep(REST)
    return Seen(server.memory(), first_answer)


def _upload() -> tuple[bytes, str]:
    picture = (SAMPLE_MODEL / "samples" / "digit-3.png").read_bytes()
    start = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="digit-3.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    return start + picture + f"\r\n--{_BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={_BOUNDARY}"


def _log(environment: Environment) -> Path:
    return environment.proxy.parent / "memory.log"
