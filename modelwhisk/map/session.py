"""One run of `map` from its settings to its exit status: rows to do, results kept, progress, summary."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwhisk.client.calls import Calls, read_specification
from modelwhisk.client.errors import ClientError, listed
from modelwhisk.client.exchange import EVERY_FAILURE, Policy
from modelwhisk.client.interface import Interface
from modelwhisk.client.transport import AsyncTransport
from modelwhisk.invoke.requests import parse_headers
from modelwhisk.map import report
from modelwhisk.map.inputs import BadInputs, Row, rows_of
from modelwhisk.map.interrupts import Interrupts
from modelwhisk.map.output import Output
from modelwhisk.map.results import Format, Results, ResultsInUse
from modelwhisk.map.runner import Result, Runner, Shrink
from modelwhisk.map.summary import Summary
from modelwhisk.openwhisk import Activation, OpenWhisk, OpenWhiskError
from modelwhisk.shown_text import Console

_INTERRUPTED, _USAGE = 130, 2
_PAGE = 200  # activations that the platform lists at a time
_MOST_PAGES = 250
# The platform's clock isn't ours, and lists activations by when they began.
_CLOCK_SECONDS = 60
_RECORDS_PATIENCE = 2.0  # seconds for the last records to appear
_LIST_SECONDS = 60.0  # for all pages, of which each may take its time


@dataclass(frozen=True)
class Settings:
    """What was asked for."""

    rows: list[Row]
    calls: Calls
    out: Path | None
    form: Format
    files: Path
    files_named: bool
    paths: bool
    jobs: int
    ordered: bool
    resume: bool
    retry_failed: bool
    overwrite: bool
    timeout: float
    memory: int | None
    shrink: bool
    as_json: bool


def settings_of(options: dict[str, Any], rows: list[Row]) -> Settings:
    """The settings that the command's options make; raises ValueError."""
    out = None if options["out"] in ("-", "/dev/stdout") else Path(options["out"])
    if out is None and (options["resume"] or options["overwrite"]):
        raise BadInputs("--resume and --overwrite need --out FILE")
    if options["retry_failed"] and not options["resume"]:
        raise BadInputs("--retry-failed goes with --resume")
    named: Format = "csv" if out is not None and out.suffix.lower() == ".csv" else "jsonl"
    policy = Policy(attempts=options["attempts"], statuses=EVERY_FAILURE, repeats=True, patience=options["patience"])
    specification = options["specification"]
    try:
        given = read_specification(specification, options["path"]) if specification else None
    except ClientError as problem:
        raise BadInputs(str(problem)) from problem
    headers = parse_headers(options["headers"])
    files = options["files"] or (out.with_suffix(".files") if out else Path("results.files"))
    return Settings(
        rows=rows,
        calls=Calls(
            options["model"],
            given=given,
            path=options["path"],
            policy=policy,
            headers=headers,
            limit=options["limit"],
        ),
        out=out,
        form=options["out_format"] or named,
        files=files,
        files_named=options["files"] is not None,
        jobs=options["jobs"],
        ordered=not options["unordered"],
        resume=options["resume"],
        retry_failed=options["retry_failed"],
        overwrite=options["overwrite"],
        timeout=options["timeout"],
        memory=options["memory"],
        shrink=options["shrink"],
        paths=options["paths"],
        as_json=options["as_json"],
    )


class Session:
    """Runs the settings; says on stderr what is going on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._console = Console(stderr=True)
        self._summary = Summary()
        self._done_now = 0
        self._interrupted = False

    def run(self) -> int:
        """The exit status."""
        try:
            return asyncio.run(self._run())
        except BadInputs as problem:
            return self._failure(str(problem), _USAGE)
        except (ClientError, OpenWhiskError, ResultsInUse, FileExistsError) as problem:
            return self._failure(str(problem))
        except OSError as problem:
            where = f"{problem.filename}: " if problem.filename else ""
            return self._failure(f"{where}{problem.strerror or problem}")
        except asyncio.CancelledError:
            return self._cut_off()

    def _failure(self, message: str, status: int = 1) -> int:
        self._console.print(f"modelwhisk map: {message}", style="red", soft_wrap=True)
        return status

    def _cut_off(self) -> int:
        self._console.print("interrupted; go on with --resume", style="yellow")
        return _INTERRUPTED

    async def _run(self) -> int:
        settings = self._settings
        transport = AsyncTransport(seconds=settings.timeout, jobs=settings.jobs)
        try:
            rows = checked_rows(settings.rows, await transport.run(settings.calls.interface()))
            began = time.time()
            with contextlib.closing(self._open()) as results:
                await self._send(transport, rows, results)
                if settings.ordered:
                    results.put_in_order(rows)
            await self._conclude(transport, began)
        finally:
            await transport.close()
        if self._interrupted:
            return self._cut_off()
        return 1 if self._summary.failed else 0

    def _open(self) -> Results | Output:
        settings = self._settings
        if settings.out is None:
            return Output(settings.form, ordered=settings.ordered)
        there = settings.out.exists() and settings.out.stat().st_size > 0
        if there and not (settings.resume or settings.overwrite):
            raise FileExistsError(f"{settings.out} has results already: go on with --resume, or --overwrite them")
        return Results(settings.out, settings.form, anew=settings.overwrite and not settings.resume)

    def _remaining(self, rows: list[Row], results: Results | Output) -> list[Row]:
        """The rows that have no line yet; those that have are counted in the summary."""
        if isinstance(results, Output):
            results.expect(rows)
            return rows
        if results.repaired:
            self._console.print("the last line was torn, and is removed", style="yellow")
        if self._settings.retry_failed and (forgotten := results.forget_failed()):
            self._console.print(f"{forgotten} that failed are tried again", style="yellow")
        done: Counter[str] = Counter()
        for line in results.lines():
            done[line.key] += 1
            self._summary.add(line)
        remaining = []
        for row in rows:
            if done[row.key] > 0:
                done[row.key] -= 1
            else:
                remaining.append(row)
        if others := sum(done.values()):
            self._console.print(f"{others} results are of other inputs, and are left as they are", style="yellow")
        return remaining

    async def _send(self, transport: AsyncTransport, rows: list[Row], results: Results | Output) -> None:
        remaining = self._remaining(rows, results)
        settings = self._settings
        runner = Runner(
            settings.calls,
            transport,
            settings.files,
            settings.jobs,
            _shrinker(settings.shrink),
            paths=settings.paths,
            through_link=settings.files_named,
        )
        start = time.perf_counter()
        done = len(rows) - len(remaining)
        with report.bar(self._console, len(rows), done) as bar, Interrupts(self._interrupt, runner, bar):

            def on_result(result: Result) -> None:
                results.append(result.line, result.row)
                self._summary.add(result.line, result.busy)
                self._done_now += 1
                bar.advance(result.line.ok)

            await runner.run(remaining, on_result)
        self._seconds = time.perf_counter() - start

    def _interrupt(self) -> None:
        self._interrupted = True

    async def _conclude(self, transport: AsyncTransport, began: float) -> None:
        settings, summary = self._settings, self._summary
        endpoint = await transport.run(settings.calls.endpoint())
        if endpoint.platform is not None and endpoint.action is not None and self._done_now:
            await asyncio.to_thread(self._charge, endpoint, began)
        summary.estimate(settings.memory or endpoint.memory)
        if settings.as_json:
            print(json.dumps(dict(summary.as_json(), seconds=round(self._seconds, 3))), file=sys.stderr)
        else:
            report.show(self._console, summary, self._seconds, self._done_now, str(settings.out or "stdout"))

    def _charge(self, endpoint: Any, began: float) -> None:
        """Asks the platform for this run's records, which tell cold starts and what is paid for."""
        since = int((began - _CLOCK_SECONDS) * 1000)
        name = endpoint.action.rpartition("/")[2]
        deadline = time.monotonic() + _RECORDS_PATIENCE
        end = time.monotonic() + _LIST_SECONDS
        while True:
            self._summary.charge(_records(endpoint.platform, name, since, end))
            if self._summary.cold_starts is not None or time.monotonic() > deadline:
                return
            time.sleep(0.5)


def _records(platform: OpenWhisk, name: str, since: int, end: float) -> Iterator[Activation]:
    """An action's records in lists, a page of them in memory at a time; fewer where the platform refuses more."""
    with contextlib.suppress(OpenWhiskError):
        for page in range(_MOST_PAGES):
            found = platform.list_activations(name, limit=_PAGE, skip=page * _PAGE, since=since)
            last = len(found) < _PAGE or time.monotonic() > end
            yield from found
            if last:
                return
            del found  # before the next page comes


def checked_rows(rows: list[Row], interface: Interface) -> list[Row]:
    """The rows with the field of bare lines named; raises `BadInputs` for a field that the model hasn't.

    A mistake that all rows share is one message before anything is sent.
    """
    if any("" in row.values for row in rows):
        sole = interface.sole_input
        if sole is None:
            raise BadInputs(f"say with --field which input the lines are for: {listed(interface.inputs)}")
        rows = rows_of(
            {(sole.name if name == "" else name): value for name, value in row.values.items()} for row in rows
        )
    for name in dict.fromkeys(name for row in rows for name in row.values):
        if interface.input(name) is None:
            raise BadInputs(f"{name}: the model has no such input. Its inputs: {listed(interface.inputs)}")
    return rows


def _shrinker(wanted: bool) -> Shrink | None:
    if not wanted:
        return None
    from modelwhisk.invoke.shrink import shrink_inputs  # noqa: PLC0415 (needs Pillow)

    return shrink_inputs
