"""What the fuzzer found interesting, and what it began with, replayed without it."""

from __future__ import annotations

import corpus
import pytest
from fuzz_targets import TARGETS
from seeds import SEEDS


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_in_the_corpus_breaks_its_target(target: str) -> None:
    for data in [b"", *SEEDS[target], *corpus.read(target)]:
        TARGETS[target](data)


def test_every_target_has_a_corpus() -> None:
    assert {target for target in TARGETS if corpus.read(target)} == set(TARGETS) == set(SEEDS)


def test_a_corpus_reads_back(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    corpus.write("x", [b"\0\xff\n", b"", b"b", b"b"])
    assert corpus.read("x") == [b"b", b"\0\xff\n"]


def test_a_corpus_keeps_as_few_inputs_as_reach_everything() -> None:
    target = TARGETS["data_urls"]
    inputs = [b"data:,x", b"data:,yy", b"nothing", b"data:a/b;c=d,x", b"data:a/b;c=d,yy"]
    kept = corpus.fewest(target, inputs)
    assert kept == [b"data:,x", b"nothing", b"data:a/b;c=d,x"]
    assert corpus.fewest(target, kept) == kept
