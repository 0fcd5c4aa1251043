"""Inputs that nobody has measured yet: their vectors by the model, or without one, and their distances."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwhisk import adapter
from modelwhisk.drift import embedding
from modelwhisk.drift.collection import collect
from modelwhisk.drift.embedding import Asking, Embedder, OfPictures
from modelwhisk.drift.inputs import Given
from modelwhisk.drift.local_model import LocalModel
from modelwhisk.drift.model_choice import ModelChoice
from modelwhisk.drift.observations import Observation, Observations, came_at, measured
from modelwhisk.drift.store import Store
from modelwhisk.map.report import bar
from modelwhisk.shown_text import Console

_NAMED_FILES = 5


class OtherModel(ValueError):
    """The model isn't the one that the reference was made with; the text names the files that differ."""


class NeedsModel(ValueError):
    """The embedding comes out of the model, and none was given."""


class Interrupted(Exception):
    """Ctrl-C ended it; there is no report of a part."""


@dataclass(frozen=True)
class How:
    """model     that gives embeddings; None where none is needed.
    asking    how it is asked.
    jobs      copies of it, or calls at a time.
    modified  take the time at which a file was last modified for when the input came.
    """

    model: ModelChoice | None
    asking: Asking
    jobs: int
    modified: bool = False


def embedded(inputs: Sequence[Given], source: str, reference: Any, how: How, console: Console) -> Observations:
    """The inputs with their distances. Raises `OtherModel`, `NeedsModel`, `NoModel`, `ValueError`, `Interrupted`."""
    return asyncio.run(_embedded(inputs, source, reference, how, console))


async def _embedded(inputs: Sequence[Given], source: str, reference: Any, how: How, console: Console) -> Observations:
    by_name = {given.name: given for given in inputs}
    with tempfile.TemporaryDirectory(prefix="modelwhisk-drift-") as folder:
        store = Store(Path(folder) / "vectors", {}, resume=False)
        try:
            async with _embedder(reference, how) as embedder:
                with bar(console, len(inputs), 0) as progress:
                    if not await collect(embedder, inputs, store, how.jobs, progress):
                        raise Interrupted
            items = [_observation(by_name[name], how.modified) for name in store.rows]
            skipped = Counter(_reason(text) for text in store.failures.values())
            return measured(reference, store.vectors().copy(), items, source, skipped)
        finally:
            store.close()


@contextlib.asynccontextmanager
async def _embedder(reference: Any, how: How) -> AsyncIterator[Embedder]:
    declaration = reference.declaration
    model = how.model
    if declaration["kind"] == "picture":
        yield OfPictures(declaration)
    elif model is None:
        words = adapter.part("drift.declaration").in_words(declaration)
        raise NeedsModel(f"give the model with --model: the embedding is {words}")
    elif model.local is not None:
        await asyncio.to_thread(check, model.local, reference)
        async with embedding.of_local(model.local, declaration, how.asking, how.jobs) as embedder:
            yield embedder
    elif declaration["kind"] == "answer":
        async with embedding.of_deployed(str(model.deployed), declaration, how.asking, how.jobs) as embedder:
            yield embedder
    else:
        words = adapter.part("drift.declaration").in_words(declaration)
        raise NeedsModel(
            f"give the model's folder or image with --model: a deployed action doesn't tell {words}. Its own calls can "
            "be reported on with --activations"
        )


def check(model: LocalModel, reference: Any) -> None:
    """Raises `OtherModel` where a file of the model isn't as it was when the reference was made."""
    known = reference.files
    found = model.digest().files
    differing = sorted(path for path, digest in found.items() if known.get(path) != digest)
    if known and differing:
        listed = ", ".join(differing[:_NAMED_FILES]) + (" and others" if len(differing) > _NAMED_FILES else "")
        raise OtherModel(
            f"{model.name} isn't the model that {reference.path} was made with: {listed} differ. Make a reference of "
            "it with modelwhisk drift fit"
        )


def _observation(given: Given, modified: bool) -> Observation:
    path = given.file if isinstance(given.file, Path) else None  # not where it is a row of an array
    when = came_at(path.stat().st_mtime) if modified and path is not None else None
    return Observation(given.name, 0.0, when, path, "" if given.file is not None else given.example)


def _reason(text: str) -> str:
    """Why an input has no vector, in one short line, so that like ones are counted together."""
    return re.sub(r" ?<[^<>]*at 0x[0-9a-f]+>", "", " ".join(text.split()))[:120]
