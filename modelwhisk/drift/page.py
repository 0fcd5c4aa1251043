"""A comparison as a page and as JSON. The page needs nothing but itself: no script, no font, no address of another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2

from modelwhisk import __version__, adapter
from modelwhisk.drift import charts, data_urls
from modelwhisk.drift.comparison import Comparison
from modelwhisk.drift.observations import Neighbour, Observation
from modelwhisk.drift.verdict import LEVEL, Kind, percent

TITLES: dict[Kind, str] = {
    "none": "No drift",
    "shift": "The inputs have shifted",
    "retrain": "Drift",
    "unknown": "Too few inputs",
}
_SHOWN_NEIGHBOURS = 3


@dataclass(frozen=True)
class Shown:
    """An input or a training input as a reader sees it: a picture, a text, or only its name."""

    name: str
    distance: float
    picture: str | None = None
    text: str = ""
    when: str = ""
    where: str = ""
    neighbours: Sequence[Shown] = ()

    @property
    def alternative(self) -> str:
        """What the picture is, for who can't see it."""
        return f"{Path(self.name).name}, distance {self.distance:.3g}"


class Examples:
    """Training inputs as a reference lets them be shown: its own thumbnails and excerpts, else the files themselves."""

    def __init__(self, reference: Any) -> None:
        self._reference = reference

    @cached_property
    def _texts(self) -> list[str]:
        if not self._reference.has("examples.jsonl"):
            return []
        content = self._reference.content("examples.jsonl").decode("utf-8")
        return [str(json.loads(line)) for line in content.split("\n") if line]

    def show(self, neighbour: Neighbour) -> Shown:
        """The training input."""
        member = f"thumbnails/{neighbour.row}.jpg"
        if self._reference.has(member):
            picture = data_urls.of_bytes(bytes(self._reference.content(member)))
        else:
            picture = data_urls.of_file(Path(neighbour.name))
        text = self._texts[neighbour.row] if neighbour.row < len(self._texts) else ""
        return Shown(neighbour.name, neighbour.distance, picture, text)


def render(comparison: Comparison, reference: Any) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("modelwhisk.drift", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["chance"] = chance
    return environment.get_template("page.html.jinja").render(
        title=TITLES[comparison.verdict.kind],
        comparison=comparison,
        evidence=comparison.evidence,
        share=comparison.evidence.share,
        facts=facts(reference),
        boxes=charts.box_plots(comparison.groups, comparison.threshold),
        histogram=charts.histogram(comparison.groups, comparison.threshold),
        over_time=_over_time(comparison),
        worst=shown(comparison.worst, Examples(reference)),
        level=LEVEL,
        version=__version__,
        made=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
    )


def _over_time(comparison: Comparison) -> str:
    if not comparison.windows:
        return ""
    return charts.over_time(comparison.new.items, comparison.windows, comparison.threshold)


def shown(worst: Sequence[Observation], examples: Examples) -> list[Shown]:
    """The farthest inputs with their nearest training inputs."""
    return [
        Shown(
            name=item.name,
            distance=item.distance,
            picture=data_urls.of_file(item.file) if item.file else None,
            text=item.text,
            when=f"{item.time:%Y-%m-%d %H:%M:%S}" if item.time else "",
            where=item.where,
            neighbours=[examples.show(neighbour) for neighbour in item.neighbours[:_SHOWN_NEIGHBOURS]],
        )
        for item in worst
    ]


def facts(reference: Any) -> list[tuple[str, str]]:
    """What the reference is, as pairs of a name and a value."""
    about = reference.about
    threshold = about["threshold"]
    model = about["model"]
    result = [
        ("Reference", f"{reference.path}, made {about.get('made', 'at an unknown time')}"),
        ("Model", f"{model.get('name') or 'unnamed'}, {str(model['digest'])[:19]}…"),
        ("Embedding", adapter.part("drift.declaration").in_words(reference.declaration)),
        ("Training inputs", f"{reference.count:,}, {reference.dimensions} numbers each"),
        ("Distance", f"{reference.metric}, mean of the {reference.neighbours} nearest"),
        ("Threshold", f"{threshold['distance']:.4g}, the {percent(threshold['quantile'])} quantile of training inputs"),
    ]
    for found in about.get("calibration") or []:
        if found["quantile"] == threshold["quantile"] and found["inputs"]:
            part = percent(found["beyond"] / found["inputs"])
            result.append(("Calibration", f"{part} of {found['inputs']:,} training inputs left out were above it"))
    return result


def chance(probability: float) -> str:
    """A probability as people write it."""
    return "below 0.0001" if probability < 0.0001 else f"{probability:.2g}"


def as_json(comparison: Comparison, reference: Any) -> dict[str, Any]:
    """Everything that the page says, for machines."""
    evidence = comparison.evidence
    return {
        "format": "modelwhisk-drift-report",
        "version": 1,
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "verdict": comparison.verdict.kind,
        "sentence": comparison.verdict.sentence,
        "exit_status": comparison.verdict.exit_status,
        "reference": {
            "path": reference.path,
            "model": reference.digest,
            "embedding": reference.declaration,
            "metric": reference.metric,
            "count": reference.count,
            "dimensions": reference.dimensions,
            "quantile": evidence.quantile,
        },
        "source": comparison.new.source,
        "skipped": dict(comparison.new.skipped),
        "repeats": comparison.repeats,
        "threshold": comparison.threshold,
        "share": {
            **_of(evidence.share),
            "expected": evidence.expected,
            "bound": evidence.bound,
        },
        "superiority": evidence.superiority,
        "tests": {name: {**asdict(test), "significant": test.is_significant} for name, test in evidence.tests.items()},
        "level": LEVEL,
        "distances": {group.name: group.summary() for group in comparison.groups},
        "windows": [
            {"start": window.start.isoformat(), "end": window.end.isoformat(), **_of(window.share)}
            for window in comparison.windows
        ],
        "inputs": [
            {
                "name": item.name,
                "distance": item.distance,
                "drifted": item.distance > comparison.threshold,
                **({"time": item.time.isoformat()} if item.time else {}),
                **({"activation": item.where} if item.where else {}),
                **({"neighbours": [asdict(neighbour) for neighbour in item.neighbours]} if item.neighbours else {}),
            }
            for item in comparison.new.items
        ],
    }


def _of(share: Any) -> Mapping[str, Any]:
    return {**asdict(share), "value": share.value}
