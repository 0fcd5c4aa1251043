"""What is known of the published MAX models: the memory that their READMEs recommend. Source: models/catalogue.tsv."""

from __future__ import annotations

import functools
from pathlib import Path


def model_name(image: str) -> str:
    """`max-ocr` of `registry/me/max-ocr:tag@digest`."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def recommended_memory(image: str) -> int | None:
    """MB for an image that wraps a model of the catalogue, as build.sh names it; None for others."""
    return _memory().get(model_name(image))


@functools.cache
def _memory() -> dict[str, int]:
    result = {}
    for line in _file().read_text("utf-8").splitlines():
        columns = line.split("\t")
        if not line.startswith("#") and len(columns) == 4 and columns[3].isdigit():
            result[columns[0]] = int(columns[3])
            # An image may have another name than the wrapper (codenet-language-classifier).
            result.setdefault(model_name(columns[1]), int(columns[3]))
    return result


def _file() -> Path:
    """The catalogue in an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "_catalogue.tsv"
    return installed if installed.exists() else package.parent / "models" / "catalogue.tsv"
