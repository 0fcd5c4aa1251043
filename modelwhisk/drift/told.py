"""New inputs whose distance their action told already: lines of `map`'s results, records of activations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from math import isclose
from pathlib import Path
from typing import Any

from modelwhisk.drift import header
from modelwhisk.drift.header import Told
from modelwhisk.drift.observations import Observation, Observations, came_at
from modelwhisk.map.results import Format, Line, parse_line
from modelwhisk.openwhisk import Activation, NotFound, OpenWhisk, OpenWhiskError

_PAGE = 200  # activations that the platform lists at a time
_MOST_LISTED = 100_000  # of which each of the action's own is asked for by itself
# How far a threshold that was told may be from the reference's: a header has three digits after the point.
_ROUNDED = 6e-4
_EXCERPT = 200  # characters
# A model's other routes (metadata, its Swagger page) have no distance, and are none of the inputs.
_FAILED, _UNTOLD = "failed", "without Model-Drift"


class OtherReference(ValueError):
    """The distances were told by an action with another reference; the text says so."""


def is_results(path: Path) -> bool:
    """Whether a file has results of `map` in it, by its first line."""
    form = form_of(path)
    if form is None or not path.is_file():
        return False
    with path.open("rb") as stream:
        if form == "csv":
            return stream.readline().startswith(b"input,status,")
        first = parse_line(stream.readline(), form)
    return first is not None


def form_of(path: Path) -> Format | None:
    """The form of results that a file's name stands for."""
    return {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}.get(path.suffix.lower())  # type: ignore[return-value]


def of_results(path: Path, reference: Any) -> Observations:
    """The inputs in a file of results that were answered with a distance. Raises `OtherReference`, `OSError`."""
    items, skipped = [], Counter[str]()
    for line in _lines(path):
        told = header.of_header(line.drift) if line.drift else None
        if told is None:
            skipped[_UNTOLD if line.ok else _FAILED] += 1
            continue
        _check(told, reference, str(path))
        items.append(_of_line(line, told, path.parent))
    return Observations(items, str(path), None, skipped)


def _lines(path: Path) -> Iterator[Line]:
    form = form_of(path) or "jsonl"
    with path.open("rb") as stream:
        if form == "csv":
            stream.readline()
        for data in stream:
            if (line := parse_line(data, form)) is not None:
                yield line


def _of_line(line: Line, told: Told, folder: Path) -> Observation:
    values = line.input if isinstance(line.input, dict) else {"": line.input}
    texts = [value for value in values.values() if isinstance(value, str)]
    # A text that was sent as one may be a stranger's, and any path. Paths are as they were given to `map`, from where
    # that ran; beside the results is the next best place.
    paths = [text for name in line.sent_files or () if isinstance(text := values.get(name), str)]
    files = (candidate for path in paths for candidate in (Path(path), folder / path) if _is_file(candidate))
    file = next(files, None)
    name = str(file) if file else " ".join(line.key.split())[:_EXCERPT]
    text = "" if file else (texts[0] if len(values) == 1 and texts else line.key)
    return Observation(name, told.distance, None, file, text[:_EXCERPT], line.activation or "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text that is no path: too long, or with a NUL
        return False


def of_activations(whisk: OpenWhisk, name: str, since: timedelta, reference: Any) -> Observations:
    """The calls of an action since then, by the platform's records. Raises `OtherReference`, `OpenWhiskError`."""
    began = datetime.now(timezone.utc) - since
    items, skipped = [], Counter[str]()
    for record in _records(whisk, name, began):
        told = _told_of(record)
        if told is None:
            skipped[_UNTOLD if record.success else _FAILED] += 1
            continue
        _check(told, reference, name)
        when = came_at(record.start / 1000)
        name = f"{when:%Y-%m-%d %H:%M:%S}" if when else record.id
        items.append(Observation(name, told.distance, when, where=record.id))
    return Observations(items[::-1], f"the calls of {name} since {began:%Y-%m-%d %H:%M} UTC", None, skipped)


def _told_of(record: Activation) -> Told | None:
    result = record.result if isinstance(record.result, dict) else {}
    answer = result.get("error", result)
    headers = answer.get("headers") if isinstance(answer, dict) else None
    return header.of_headers(headers) or header.of_log(record.logs)


def _records(whisk: OpenWhisk, name: str, began: datetime) -> Iterator[Activation]:
    """Whole records, the latest first, a page of ids at a time: a list of whole ones could be of any size.

    Raises `OpenWhiskError` for a list that has no end.
    """
    since = int(began.timestamp() * 1000)
    short = name.rpartition("/")[2]
    seen: set[str] = set()
    upto: int | None = None
    while len(seen) < _MOST_LISTED:
        page = whisk.list_activations(short, limit=_PAGE, since=since, upto=upto)
        fresh = [item for item in page if item.id not in seen]
        seen |= {item.id for item in fresh}
        yield from _whole(whisk, (item for item in fresh if _is_of(item, name)))
        if len(page) < _PAGE or not fresh:
            return
        upto = page[-1].start  # calls made meanwhile move what an offset would skip
    many = f"{_MOST_LISTED:,} calls of an action {short} since {began:%Y-%m-%d %H:%M} UTC"
    raise OpenWhiskError(
        f"{whisk.settings.host} lists more than {many}.",
        advice="Ask for fewer, by a shorter --since.",
    )


def _is_of(item: Activation, name: str) -> bool:
    """Whether it is the action's own: a list's names don't tell the package."""
    wanted = name.removeprefix("/")
    return item.path == wanted or item.path.split("/", 1)[-1] == wanted


def _whole(whisk: OpenWhisk, listed: Iterable[Activation]) -> Iterator[Activation]:
    for item in listed:
        try:
            yield whisk.activation(item.id)
        except NotFound:  # expired since it was listed
            continue


def _check(told: Told, reference: Any, where: str) -> None:
    limit = float(reference.threshold)
    if told.threshold is not None and not isclose(told.threshold, limit, rel_tol=1e-5, abs_tol=_ROUNDED):
        raise OtherReference(
            f"{where} has distances by another reference: its threshold is {told.threshold:g}, that of "
            f"{reference.path} {limit:g}. Give the reference that the action was built with."
        )
