"""One `drift fit` from its settings to the reference: embedding chosen, vectors collected, file made, results told."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from modelwhisk.client.errors import ClientError
from modelwhisk.drift import declaration, fit_report
from modelwhisk.drift.collection import collect
from modelwhisk.drift.digest import ModelDigest
from modelwhisk.drift.embedding import Asking, Embedder, NoVector, OfPictures, ask_once, of_deployed, of_local
from modelwhisk.drift.index import IndexMissing, IndexTooPoor
from modelwhisk.drift.inputs import Given, without_copies
from modelwhisk.drift.local_model import NoModel
from modelwhisk.drift.model_choice import ModelChoice
from modelwhisk.drift.reference import Choices, Made, TooFew, Training, make
from modelwhisk.drift.store import OtherRun, Store, StoreInUse
from modelwhisk.drift.thumbnails import thumbnails
from modelwhisk.map import report as map_report
from modelwhisk.map.inputs import BadInputs
from modelwhisk.openwhisk import OpenWhiskError
from modelwhisk.shown_text import Console

_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130
_EXAMPLES_AT_MOST = 20_000
_REFUSALS = (BadInputs, ClientError, OpenWhiskError, NoModel, OtherRun, StoreInUse, TooFew, IndexMissing, IndexTooPoor)


@dataclass(frozen=True)
class Settings:
    """What was asked for. `declared` is None where the embedding is to be found."""

    model: ModelChoice
    inputs: Sequence[Given]
    out: Path
    declared: declaration.Declaration | None
    validation: Sequence[Given] = ()
    asking: Asking = field(default_factory=Asking)
    choices: Choices = field(default_factory=Choices)
    resume: bool = False
    overwrite: bool = False


class Fit:
    """Runs the settings; says on stderr what is going on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._console = Console(stderr=True)

    def run(self) -> int:
        """The exit status."""
        try:
            return self._run()
        except declaration.NotDeclared as problem:
            return self._failure(str(problem), _USAGE)
        except _REFUSALS as problem:
            return self._failure(str(problem))
        except OSError as problem:
            where = f"{problem.filename}: " if problem.filename else ""
            return self._failure(f"{where}{problem.strerror or problem}")
        except KeyboardInterrupt:
            return self._interrupted()

    def _failure(self, message: str, status: int = _FAILED) -> int:
        text = f"modelwhisk drift fit: {message}"
        self._console.print(text, style="red", soft_wrap=True)
        return status

    def _interrupted(self) -> int:
        self._console.print("interrupted; go on with --resume", style="yellow")
        return _INTERRUPTED

    def _run(self) -> int:
        settings = self._settings
        partial = settings.out.with_name(f"{settings.out.name}.partial")
        self._refuse_to_replace(partial)
        inputs, copies = without_copies(settings.inputs)
        declared = settings.declared or declaration.found(settings.model.folder, inputs)
        if declared is None:
            raise declaration.NotDeclared(asyncio.run(self._what_there_is(inputs[0])))
        digest = settings.model.local.digest() if settings.model.local is not None else ModelDigest({})
        about = {"embedding": declared, "model": {"digest": digest.digest, "name": settings.model.name}}
        with contextlib.closing(Store(partial, about, resume=settings.resume)) as store:
            finished, declared = asyncio.run(self._collect(inputs, declared, store))
            if not finished:
                return self._interrupted()
            made = self._make(inputs, store, declared, digest)
            failures = {given.name: store.failures[given.name] for given in inputs if given.name in store.failures}
            fit_report.show(self._console, settings.out, made, copies=copies, failures=failures, partial=partial)
            if failures:
                return _FAILED
            store.remove()
        return 0

    def _refuse_to_replace(self, partial: Path) -> None:
        settings = self._settings
        if settings.resume or settings.overwrite:
            return
        if settings.out.exists():
            raise BadInputs(f"{settings.out} is there already: --overwrite replaces it")
        if (partial / "vectors").exists() and (partial / "vectors").stat().st_size:
            raise BadInputs(f"{partial} has what an earlier run collected: go on with --resume, or --overwrite it")

    async def _what_there_is(self, first: Given) -> str:
        """The embeddings that can be declared, with the vectors that the model's answer to an input has."""
        model = self._settings.model
        try:
            if model.local is None:
                answer = await ask_once(str(model.deployed), self._settings.asking, first)
            else:
                async with model.local.running(None, 1) as running:
                    answer = await ask_once(running, self._settings.asking, first)
        except (NoVector, ClientError):
            answer = None
        return declaration.what_there_is(answer)

    @contextlib.asynccontextmanager
    async def _embedder(self, declared: declaration.Declaration) -> AsyncIterator[Embedder]:
        settings = self._settings
        model = settings.model
        if declared["kind"] == "picture":
            yield OfPictures(declared)
        elif model.local is not None:
            async with of_local(model.local, declared, settings.asking, settings.choices.jobs) as embedder:
                yield embedder
        elif declared["kind"] == "answer":
            async with of_deployed(str(model.deployed), declared, settings.asking, settings.choices.jobs) as embedder:
                yield embedder
        else:
            raise BadInputs(
                f"a deployed action gives its answers only (--embedding answer:/POINTER or picture); for "
                f"{declared['kind']} give the model's folder or its image"
            )

    async def _collect(
        self, inputs: Sequence[Given], declared: declaration.Declaration, store: Store
    ) -> tuple[bool, declaration.Declaration]:
        """Whether all were asked for, and the declaration with what was found."""
        wanted = [*inputs, *self._settings.validation]
        done = sum(given.name in store.rows for given in wanted)
        if done == len(wanted):
            return True, store.declared or declared
        async with self._embedder(declared) as embedder:
            with map_report.bar(self._console, len(wanted), done, "embedding") as bar:
                finished = await collect(embedder, wanted, store, self._settings.choices.jobs, bar)
            store.remember(embedder.declaration)
            return finished, embedder.declaration

    def _make(
        self, inputs: Sequence[Given], store: Store, declared: declaration.Declaration, digest: ModelDigest
    ) -> Made:
        settings = self._settings
        kept = [given for given in inputs if given.name in store.rows]
        if not kept:
            reasons = "; ".join(dict.fromkeys(store.failures.values())) or "there are none"
            raise TooFew(f"no input has an embedding: {reasons[:500]}")
        training = Training(
            vectors=cast(Any, InOrder(store.vectors(), [store.rows[given.name] for given in kept])),
            names=[given.name for given in kept],
            examples=_examples(kept),
            thumbnails=thumbnails(kept),
            validation=store.vectors()[
                [store.rows[given.name] for given in settings.validation if given.name in store.rows]
            ],
        )
        about = {
            "embedding": declared,
            "model": {"digest": digest.digest, "files": digest.files, "name": settings.model.name},
            "inputs": {"count": len(inputs), "failed": len(inputs) - len(kept)},
            "made_by": f"modelwhisk {importlib.metadata.version('modelwhisk')}",
        }
        with fit_report.steps(self._console) as step:
            return make(settings.out, training, about, settings.choices, step)


class InOrder:
    """Rows of an array in another order, taken from it as they are asked for: it may be larger than the memory."""

    def __init__(self, rows: Any, order: Sequence[int]) -> None:
        import numpy as np  # noqa: PLC0415

        self._rows = rows
        self._order = np.asarray(order)
        self.shape = (len(order), rows.shape[1])

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, wanted: Any) -> Any:
        return self._rows[self._order[wanted]]


def _examples(inputs: Sequence[Given]) -> list[str]:
    if len(inputs) > _EXAMPLES_AT_MOST or all(given.file is not None for given in inputs):
        return []
    return [given.example for given in inputs]
