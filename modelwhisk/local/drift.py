"""`modelwhisk local --drift`: a model is served with the reference of what it was trained on, if that is its own."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import click

from modelwhisk import adapter
from modelwhisk.drift.local_model import LocalModel, NoModel, drift_code

_VARIABLE = "MODELPROXY_DRIFT"
_IN_IMAGE = "modelwhisk-drift/reference"  # where build.sh --drift puts it


def variables(reference: Path, *, in_image: bool) -> dict[str, str]:
    """What tells the adapter of the reference."""
    return {_VARIABLE: f"/{_IN_IMAGE}" if in_image else str(reference.resolve())}


def check(reference: Path, folder: Path | None, image: str | None) -> None:
    """Raises `click.ClickException` where the reference can't be used, or is of another model, and names the files."""
    references, model_files = adapter.part("drift.reference"), adapter.part("drift.model_files")
    try:
        opened = references.Reference(str(reference), check=False)
        opened.verify()
    except (OSError, references.Refused) as problem:
        raise click.ClickException(str(problem)) from problem
    if not opened.files:
        click.echo(f"{reference} doesn't say of which files it was made, so whether it is this model's isn't known")
        return
    try:
        present = LocalModel(folder, image, "").digest().files
    except (NoModel, OSError) as problem:
        raise click.ClickException(str(problem)) from problem
    others = model_files.differing(opened.files, present, model_files.digest_of_file(str(reference)))
    if others:
        raise click.ClickException(model_files.other_model(others))


def files_for_image(reference: Path) -> bytes:
    """A tar of what an image gets that wasn't built with the reference: it, and what compares with it."""
    stream = io.BytesIO(drift_code())
    with tarfile.open(fileobj=stream, mode="a") as archive:
        entry = archive.gettarinfo(str(reference), _IN_IMAGE)
        entry.uid = entry.gid = 0
        entry.mode = 0o644
        with reference.open("rb") as content:
            archive.addfile(entry, content)
    return stream.getvalue()
