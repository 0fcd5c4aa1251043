"""Texts for the language identifier: what it was trained on, held-out ones, other languages and other domains.

All are messages of programs (Django, Sphinx, Django REST framework) as their catalogues have them, with the model's own
training script; what is none is named.
"""

from __future__ import annotations

import gettext
import importlib.util
import inspect
import json
import string
import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "max-language-identifier"
REFERENCE = 4000  # of the training texts, by chance
HELD_OUT = 1000
SHIFTED = 400
# Languages of Django's catalogue that the model doesn't know, and no variants of ones that it does.
UNKNOWN_LANGUAGES = ("cy", "eo", "eu", "ga", "is", "sq", "mn", "hy", "ka", "kn", "ml", "ne", "ta", "te")


def splits(seed: int) -> tuple[list[str], list[str]]:
    """Training texts and held-out ones of the same programs."""
    random = np.random.default_rng(seed)
    training, held_out, _ = _training().collect()
    return _some(_texts(training), REFERENCE, random), _some(_texts(held_out), HELD_OUT, random)


def shifted(held_out: list[str], seed: int) -> Iterator[tuple[str, list[str]]]:
    """(name, texts) of each shift."""
    random = np.random.default_rng(seed)
    yield "another program's messages", _some(_samples("held-out-other-program.tsv"), SHIFTED, random)
    yield "prose in the same languages", _samples("prose.tsv")
    yield "languages not learnt", _some(_foreign(), SHIFTED, random)
    yield "source code", _some(_code(), SHIFTED, random)
    yield "logs and JSON", [_record(random) for _ in range(SHIFTED)]
    chosen = _some(held_out, SHIFTED, random)
    yield "letters in disorder", [_disordered(text, random) for text in chosen]
    yield "letters at random", [_letters(len(text), random) for text in chosen]


def model() -> tuple[ModuleType, np.ndarray, np.ndarray]:
    """The model's features, weights and bias."""
    with np.load(MODEL / "assets" / "max-language-identifier.npz") as stored:
        return _module("core.features"), stored["weights"] * stored["scale"], stored["bias"]


def _training() -> ModuleType:
    return _module("training.train")


def _module(name: str) -> ModuleType:
    if str(MODEL) not in sys.path:
        sys.path.insert(0, str(MODEL))
    return importlib.import_module(name)


def _texts(pairs: list[tuple[str, str]]) -> list[str]:
    """As people ask: a text of some words, and not a bare stop word."""
    return [text for _, text in _training().long_enough(pairs)]


def _samples(name: str) -> list[str]:
    lines = (MODEL / "samples" / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines]


def _foreign() -> list[str]:
    folder = Path(str(importlib.util.find_spec("django").submodule_search_locations[0])) / "conf" / "locale"
    texts = []
    for language in UNKNOWN_LANGUAGES:
        with (folder / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
            messages = gettext.GNUTranslations(file)._catalog
        texts += [(language, _training().clean(text)) for key, text in messages.items() if key and text]
    return _texts(texts)


def _code() -> list[str]:
    """Lines of a module of the standard library that has much code and little prose."""
    lines = textwrap.dedent(inspect.getsource(typing)).splitlines()
    return [line.strip() for line in lines if len(line.strip()) > 20 and not line.strip().startswith("#")]


def _record(random: np.random.Generator) -> str:
    record = {
        "ts": f"2026-{random.integers(1, 13):02}-{random.integers(1, 29):02}T{random.integers(0, 24):02}:00:00Z",
        "lvl": str(random.choice(["INFO", "WARN", "ERROR"])),
        "ip": ".".join(str(part) for part in random.integers(1, 255, 4)),
        "req": f"GET /api/v{random.integers(1, 4)}/{_letters(8, random)}?id={random.integers(1e6)}",
        "ms": round(float(random.exponential(80)), 1),
    }
    return json.dumps(record)


def _disordered(text: str, random: np.random.Generator) -> str:
    return " ".join("".join(random.permutation(list(word))) for word in text.split())


def _letters(count: int, random: np.random.Generator) -> str:
    return "".join(random.choice(list(string.ascii_lowercase + "      "), max(count, 15)))


def _some(texts: list[str], count: int, random: np.random.Generator) -> list[str]:
    return [texts[place] for place in sorted(random.permutation(len(texts))[:count])]
