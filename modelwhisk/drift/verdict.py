"""Retrain or not, and why: the rule, and the sentence at the top of a report. Pure.

The rule, in this order, with `LEVEL` for all tests together (Holm):

1. Fewer than `LEAST` inputs: can't tell. Nor where validation inputs are themselves above the threshold more often than
   chance explains: then it doesn't hold for what they are.
2. More inputs above the threshold than chance explains, and surely more than `bound`: retrain.
3. Chance explains neither the share, nor the distances, nor the mix of inputs, and what isn't explained is large enough
   to matter (`NOTICEABLE`): the inputs have shifted; look at them before you retrain.
4. Fewer than `FEW` inputs: can't tell; so few show drift where it is large, but never that there is none.
5. Else there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modelwhisk.drift.statistics import Share

LEVEL = 0.01
LEAST, FEW = 5, 20
# How likely a new input is farther than a known one: half where nothing has changed, and up to here it doesn't matter.
NOTICEABLE = 0.6
# The share from which retraining is advised, where none is given: this, or so many times what is expected.
BOUND, TIMES = 0.05, 2

Kind = Literal["none", "shift", "retrain", "unknown"]
EXIT_STATUS: dict[Kind, int] = {"none": 0, "shift": 3, "retrain": 3, "unknown": 4}


@dataclass(frozen=True)
class Outcome:
    """One test: its statistic, the effect in words of its own, its probability, and that adjusted for all of them."""

    name: str
    asks: str
    statistic: float
    probability: float
    adjusted: float

    @property
    def is_significant(self) -> bool:
        return self.adjusted < LEVEL


@dataclass(frozen=True)
class Evidence:
    """What is known. `expected` is the share above the threshold where nothing drifts; `superiority` see statistics.

    `baseline` says what new inputs were compared with; `tests` are by "share", "distances" and, where there are
    vectors, "mix". `validation` is the share of validation inputs above the threshold.
    """

    share: Share
    expected: float
    bound: float
    quantile: float
    superiority: float
    baseline: str
    tests: dict[str, Outcome]
    validation: Share | None = None


@dataclass(frozen=True)
class Verdict:
    """`kind` for machines, `sentence` for people."""

    kind: Kind
    sentence: str

    @property
    def exit_status(self) -> int:
        """0 no drift, 3 drift, 4 can't tell."""
        return EXIT_STATUS[self.kind]


def default_bound(expected: float) -> float:
    """The share from which retraining is advised."""
    return max(BOUND, TIMES * expected)


def judge(evidence: Evidence) -> Verdict:
    """What the rule says of the evidence."""
    share = evidence.share
    if share.count < LEAST:
        return Verdict("unknown", f"Can't tell yet: {_inputs(share.count)} are too few; {FEW} or more are needed.")
    if evidence.validation is not None and evidence.validation.low > default_bound(1 - evidence.quantile):
        return Verdict(
            "unknown",
            f"Can't tell: {percent(evidence.validation.value)} of the validation inputs themselves are above the "
            f"threshold, where {percent(1 - evidence.quantile)} should be. They aren't like the training inputs, or "
            "were made another way.",
        )
    if evidence.tests["share"].is_significant and share.low > evidence.bound:
        return Verdict("retrain", f"Retrain: {_far(evidence)}")
    if shifts := _shifts(evidence):
        return Verdict(
            "shift",
            f"Don't retrain yet, but look at what comes in: {' and '.join(shifts)}. {_above(evidence)}.",
        )
    if share.count < FEW:
        return Verdict(
            "unknown",
            f"Can't tell yet: {_above(evidence)}, and {_inputs(share.count)} are too few to rule drift out; "
            f"{FEW} or more are needed.",
        )
    doubt = ""
    if share.high > evidence.bound:
        doubt = f" So few inputs don't rule out a share of up to {percent(share.high)}; more would tell."
    return Verdict("none", f"No need to retrain: {_above(evidence)}, as expected where nothing has changed.{doubt}")


def _shifts(evidence: Evidence) -> list[str]:
    found = []
    tests = evidence.tests
    if tests["share"].is_significant:
        found.append("more inputs than expected are far from the training data")
    if tests["distances"].is_significant and evidence.superiority >= NOTICEABLE:
        found.append(f"inputs lie farther from the training data than {evidence.baseline} did")
    if "mix" in tests and tests["mix"].is_significant and not found:
        found.append("inputs are near the training data, but come in another mix")
    return found


def _far(evidence: Evidence) -> str:
    share = evidence.share
    return (
        f"{share.above:,} of {_inputs(share.count, 'the ')} ({percent(share.value)}) are farther from the training "
        f"data than {percent(evidence.quantile)} of the training inputs are from each other. That is "
        f"{percent(share.low)} to {percent(share.high)} with {percent(share.confidence)} confidence; "
        f"{percent(evidence.expected)} would be expected."
    )


def _above(evidence: Evidence) -> str:
    share = evidence.share
    return (
        f"{share.above:,} of {_inputs(share.count)} ({percent(share.value)}; {percent(evidence.expected)} expected) "
        f"{'is' if share.above == 1 else 'are'} above the threshold"
    )


def _inputs(count: int, article: str = "") -> str:
    return f"{article}1 new input" if count == 1 else f"{article}{count:,} new inputs"


def percent(part: float) -> str:
    """As people write it, 41 %, 1.2 % or 0.05 %, with a space at which no line breaks."""
    value = 100 * part
    digits = 0 if value >= 10 or abs(value - round(value)) < 1e-9 else 1 if value >= 1 else 2
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}%"
