"""Sends the inputs, a number of them at a time, and hands over each result as it comes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwhisk.client.answers import Answer, Binary, Reply, ending_of
from modelwhisk.client.calls import Calls
from modelwhisk.client.errors import ClientError, ModelError, cut
from modelwhisk.client.transport import AsyncTransport
from modelwhisk.map.inputs import Row
from modelwhisk.map.results import Line
from modelwhisk.nested_json import is_too_deep
from modelwhisk.own_folder import OwnFolder

# What a model may call its answers: files of others' endings may be settings or code for one's programs.
_DATA = re.compile(
    r"\.(avi|bin|bmp|csv|flac|geojson|gif|glb|gz|html?|jpe?g|jsonl?|m4a|midi?|mkv|mov|mp[34]|np[yz]|obj|ogg|opus|parquet|"
    r"pdf|ply|png|stl|svg|tar|tiff?|tsv|txt|wav|webm|webp|xml|ya?ml|zip)",
    re.IGNORECASE,
)
_ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "audio/wav": ".wav", "text/plain": ".txt"}
_LONGEST_TEXT = 1_048_576  # bytes: in a line each character may take 4, in each of ten copies on the way
Shrink = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """A row, its line, and how many milliseconds the container was busy, where it told."""

    row: Row
    line: Line
    busy: float | None = None


class Runner:
    """Runs rows through a model with `jobs` at a time.

    Answers that are no JSON and no text, JSON too deep for a line, or text too long for one, become files in `folder`.
    `shrink` may change inputs before they are sent. With `paths`, rows name files by texts. `folder` may be one's own
    link with `through_link` alone, which is for one that somebody has named.
    """

    def __init__(
        self,
        calls: Calls,
        transport: AsyncTransport,
        folder: Path,
        jobs: int,
        shrink: Shrink | None = None,
        *,
        paths: bool = False,
        through_link: bool = False,
    ) -> None:
        self._calls = calls
        self._transport = transport
        self._folder = folder
        self._jobs = jobs
        self._shrink = shrink
        self._paths = paths
        self._through_link = through_link
        self._stopping = False

    def stop(self) -> None:
        """Starts no more inputs; those on their way are waited for."""
        self._stopping = True

    async def run(self, rows: Iterable[Row], on_result: Callable[[Result], None]) -> None:
        """Returns when all rows have a result, or those on their way after `stop`. What `on_result` raises ends it."""
        if self._folder.exists() or self._folder.is_symlink():
            OwnFolder(
                self._folder, through_link=self._through_link
            ).close()  # where it can't be used, nothing is asked for
        await self._transport.run(self._calls.ready())
        waiting = iter(rows)
        workers = [asyncio.create_task(self._work(waiting, on_result)) for _ in range(self._jobs)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, rows: Iterator[Row], on_result: Callable[[Result], None]) -> None:
        while not self._stopping and (row := next(rows, None)) is not None:
            on_result(await self._one(row))

    async def _one(self, row: Row) -> Result:
        shown = {name: str(value) if isinstance(value, Path) else value for name, value in row.values.items()}
        try:
            values = row.typed(await self._transport.run(self._calls.interface()), paths=self._paths)
            files = [name for name, value in values.items() if isinstance(value, Path)]
            if self._shrink is not None:
                values = await asyncio.to_thread(self._shrink, values)
            reply = await self._transport.run(self._calls.reply(values))
            return Result(row, self._line(row, shown, files, reply), _busy(reply))
        except ModelError as problem:
            line = Line(shown, problem.status, activation=problem.activation, error=problem.message)
        except (ClientError, OSError) as problem:
            line = Line(shown, None, error=cut(str(problem)))
        except Exception as problem:  # a defect of ours that one answer shows: the others' results aren't lost for it
            line = Line(shown, None, error=cut(f"{type(problem).__name__}: {problem}"))
        return Result(row, line)

    def _line(self, row: Row, shown: dict[str, Any], files: list[str], reply: Reply) -> Line:
        known: dict[str, Any] = {
            "input": shown,
            "status": reply.status,
            "ms": round(reply.seconds * 1000, 3),
            "attempts": reply.attempts,
            "activation": reply.activation,
            "cold": reply.cold,
            "drift": _drift(reply),
            "sent_files": files or None,
        }
        if not reply.ok:
            return Line(**known, error=f"{reply.status}: {reply.message()}")
        answer = _answer(reply)
        if isinstance(answer, Binary):
            return Line(**known, file=str(self._save(row, answer)))
        return Line(**known, answer=answer)

    def _save(self, row: Row, answer: Binary) -> Path:
        """Writes a whole file under a name that is this input's alone."""
        ending = ending_of(answer.file_name)
        if not _DATA.fullmatch(ending):
            ending = _ENDINGS.get(answer.content_type, ".bin")
        path = self._folder / f"{row.label}{ending}"
        with OwnFolder(self._folder, through_link=self._through_link) as folder:
            folder.put(path.name, answer)
        return path


def _answer(reply: Reply) -> Answer:
    """The answer as it is kept; by its bytes alone a long text, and JSON nested too deeply to be read or written."""
    if reply.is_text and len(reply.body) > _LONGEST_TEXT:
        return Binary(reply.body, reply.content_type, reply.file_name)
    try:
        answer = reply.value()
        deep = is_too_deep(answer)
    except ModelError as problem:
        deep = isinstance(problem.__cause__, RecursionError)
        if not deep:
            raise
    return Binary(reply.body, reply.content_type, reply.file_name or "answer.json") if deep else answer


def _drift(reply: Reply) -> str | None:
    """`Model-Drift` where it begins as ours does: with `=` or `+` a table would calculate with a model's words."""
    told = str(reply.headers.get("model-drift", ""))
    return told if re.match(r"[a-z]+=", told) else None


def _busy(reply: Reply) -> float | None:
    return sum(reply.timing.values()) if reply.timing else None
