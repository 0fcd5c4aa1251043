"""The rule: retrain, look, all is well, or too little to tell."""

from __future__ import annotations

from typing import Any

import pytest

from modelwhisk.drift.statistics import share_of
from modelwhisk.drift.verdict import Evidence, Outcome, default_bound, judge, percent


def evidence(above: int, count: int, **changes: Any) -> Evidence:
    """Of a share alone; `share`, `distances` and `mix` are adjusted probabilities."""
    chances = {name: changes.pop(name) for name in ("share", "distances", "mix") if name in changes}
    tests = {name: Outcome(name, "", 0.0, chance, chance) for name, chance in {"share": 1.0, **chances}.items()}
    tests.setdefault("distances", Outcome("distances", "", 0.0, 1.0, 1.0))
    known: dict[str, Any] = {
        "share": share_of(above, count),
        "expected": 0.01,
        "bound": 0.05,
        "quantile": 0.99,
        "superiority": 0.5,
        "baseline": "training inputs from one another",
        "tests": tests,
    }
    return Evidence(**{**known, **changes})


@pytest.mark.parametrize(
    ("found", "kind", "status", "part"),
    [
        (evidence(0, 0), "unknown", 4, "0 new inputs are too few"),
        (evidence(4, 4, share=1e-8), "unknown", 4, "4 new inputs are too few"),
        (evidence(5, 5, share=1e-8), "retrain", 3, "5 of the 5 new inputs (100 %)"),
        (evidence(0, 19), "unknown", 4, "too few to rule drift out"),
        (evidence(0, 20), "none", 0, "don't rule out a share of up to 17 %"),
        (evidence(0, 1000), "none", 0, "0 of 1,000 new inputs (0 %; 1 % expected) are above the threshold, as"),
        (evidence(1, 1000), "none", 0, "1 of 1,000 new inputs (0.10 %; 1 % expected) is above"),
        (evidence(300, 1000, share=1e-9), "retrain", 3, "That is 27 % to 33 % with 95 % confidence; 1 % would"),
        # By no chance more than expected, but not surely above the bound.
        (evidence(40, 1000, share=1e-6), "shift", 3, "more inputs than expected are far"),
        (evidence(10, 1000, distances=1e-6, superiority=0.7), "shift", 3, "inputs lie farther from the training"),
        # Of very many inputs each little difference is no chance, and no matter either.
        (evidence(10, 1000, distances=1e-6, superiority=0.55), "none", 0, "No need to retrain"),
        (evidence(10, 1000, mix=1e-3), "shift", 3, "come in another mix"),
        (evidence(10, 1000, mix=0.02), "none", 0, "No need to retrain"),
        (evidence(300, 1000, share=1e-9, validation=share_of(50, 100)), "unknown", 4, "50 % of the validation inputs"),
        (evidence(300, 1000, share=1e-9, validation=share_of(2, 100)), "retrain", 3, "Retrain: 300 of"),
    ],
)
def test_each_case_has_its_sentence(found: Evidence, kind: str, status: int, part: str) -> None:
    verdict = judge(found)
    assert (verdict.kind, verdict.exit_status) == (kind, status)
    assert part in verdict.sentence.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("expected", "bound"), [(0.001, 0.05), (0.01, 0.05), (0.05, 0.1), (0.1, 0.2)])
def test_the_bound_is_above_what_is_expected(expected: float, bound: float) -> None:
    assert default_bound(expected) == pytest.approx(bound)


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0 %"), (0.0005, "0.05 %"), (0.012, "1.2 %"), (0.41, "41 %"), (1, "100 %")]
)
def test_percentages_read_well(part: float, text: str) -> None:
    assert percent(part) == text.replace(" ", "\N{NO-BREAK SPACE}")
